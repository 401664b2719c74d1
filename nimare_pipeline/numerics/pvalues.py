"""p, log p and z: one-tailed conversions in log space, and p-values of Monte Carlo counts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri_exp


def z_from_logsf(logsf: NDArray[Any]) -> NDArray[np.float64]:
    """One-tailed z of a natural-log p: ``-ndtri(p)``, exact far beyond where p underflows.

    p above .5 gives 0: a one-tailed test has no evidence on the other side. NaN stays NaN.
    """
    return np.maximum(-ndtri_exp(np.minimum(np.asarray(logsf, dtype=float), 0.0)), 0.0)


def logp_from_logsf(logsf: NDArray[Any]) -> NDArray[np.float64]:
    """-log10 p of a natural-log p (0 for p = 1, never -0)."""
    return np.abs(np.asarray(logsf, dtype=float)) / np.log(10)


def montecarlo_p(
    observed: NDArray[Any], null: NDArray[Any], *, exhaustive: bool = False
) -> NDArray[np.float64]:
    """(b + 1) / (n + 1), b the number of null values >= the observed one.

    Phipson & Smyth 2010 (doi 10.2202/1544-6115.1585): the observed data are one of the possible
    draws, so p is never 0. An exhaustive null holds them already, and p is b / n.
    """
    ordered = np.sort(null)
    b = len(ordered) - np.searchsorted(ordered, observed, side="left")
    more = 0 if exhaustive else 1
    return np.asarray((b + more) / (len(ordered) + more))


def montecarlo_threshold(null: NDArray[Any], alpha: float) -> float:
    """Critical value: an observation is significant at ``alpha`` exactly when it exceeds this.

    The largest x with ``(#{null >= x} + 1) / (n + 1) >= alpha``, about the ``1 - alpha`` quantile
    of the null; infinity if there are too few draws for any p below alpha.
    """
    ordered = np.sort(null)
    n = len(ordered)
    # As many may reach x as p stays below alpha with, by the same division as ``montecarlo_p``.
    allowed = int(np.searchsorted((np.arange(n + 1) + 1) / (n + 1), alpha, side="left")) - 1
    if allowed < 0:
        return float("inf")
    return float(ordered[max(n - 1 - allowed, 0)])
