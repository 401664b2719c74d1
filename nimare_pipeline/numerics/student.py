r"""Tail of Student's t in log space, far beyond where p underflows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, hyp2f1, stdtr

_TINY = 1e-200


def t_logsf(t: ArrayLike, dof: ArrayLike) -> NDArray[np.float64]:
    r"""Natural log of the upper tail of t.

    Where it is tiny, by the hypergeometric form of the incomplete beta function: with
    :math:`x = \nu / (\nu + t^2)` the tail is
    :math:`x^a \sqrt{1 - x} \, {}_2F_1(a + 1/2, 1; a + 1; x) / (\nu B(a, 1/2))`, a = nu / 2.

    Parameters
    ----------
    t, dof : array_like
        They are broadcast; degrees of freedom need not be whole.
    """
    t, dof = np.broadcast_arrays(np.asarray(t, dtype=float), np.asarray(dof, dtype=float))
    tail = np.asarray(stdtr(dof, -t))
    with np.errstate(divide="ignore"):
        out = np.asarray(np.log(tail))
    far = (tail < _TINY) & (t > 0) & (dof > 0) & np.isfinite(t)
    a = dof[far] / 2
    size = t[far]
    # The larger of both is divided by, so that no square overflows.
    log_x = -np.log1p((size / np.sqrt(dof[far])) ** 2)
    x = np.exp(log_x)
    out[far] = (
        a * log_x + np.log1p(-x) / 2 + np.log(hyp2f1(a + 0.5, 1.0, a + 1.0, x))
        - np.log(dof[far]) - betaln(a, 0.5)
    )  # fmt: skip
    return out
