"""Corrections for many tests, on natural-log p: nothing underflows, however small p is.

NaN marks a test that was not made: it stays NaN and is not counted, as in R's ``p.adjust``.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

LogP = NDArray[np.float64]


def bonferroni(logp: LogP) -> LogP:
    """Natural log of ``min(n p, 1)``, n the number of tests."""
    n = int(np.isfinite(_tests(logp)).sum())
    return np.minimum(logp + np.log(max(n, 1)), 0.0)


def holm(logp: LogP) -> LogP:
    """Holm's step-down procedure (1979): as valid as Bonferroni's, and never less powerful.

    The i-th smallest of n is multiplied by ``n - i + 1``, and none is below a smaller one.
    """
    return _in_order(logp, _holm)


def benjamini_hochberg(logp: LogP) -> LogP:
    """False discovery rate of independent or positively dependent tests (1995).

    The i-th smallest of n is multiplied by ``n / i``, and none is above a larger one.
    """
    return _in_order(logp, lambda ordered: _step_up(ordered, 0.0))


def benjamini_yekutieli(logp: LogP) -> LogP:
    """False discovery rate under any dependence (2001): Benjamini-Hochberg times ``sum 1/k``."""
    return _in_order(
        logp,
        lambda ordered: _step_up(
            ordered, float(np.log((1 / np.arange(1, len(ordered) + 1)).sum()))
        ),
    )


METHODS: Mapping[str, Mapping[str, Callable[[LogP], LogP]]] = {
    "FWE": {"bonferroni": bonferroni, "holm": holm},
    "FDR": {"indep": benjamini_hochberg, "negcorr": benjamini_yekutieli},
}
"""Error rate and name of a method to its function."""


def _tests(logp: LogP) -> LogP:
    """P-values of 0 (log -inf) are tests too: put a number in their place."""
    return np.where(np.isneginf(logp), -1.0, logp)


def _in_order(logp: LogP, adjust: Callable[[LogP], LogP]) -> LogP:
    """Adjust the tests that were made, sorted ascending, and put them back in their places."""
    adjusted = np.full(len(logp), np.nan)
    made = np.flatnonzero(~np.isnan(logp))
    order = made[np.argsort(logp[made], kind="stable")]
    if len(order):
        adjusted[order] = np.minimum(adjust(logp[order]), 0.0)
    return adjusted


def _holm(ordered: LogP) -> LogP:
    n = len(ordered)
    return np.maximum.accumulate(ordered + np.log(np.arange(n, 0, -1)))


def _step_up(ordered: LogP, log_penalty: float) -> LogP:
    n = len(ordered)
    scaled = ordered - np.log(np.arange(1, n + 1) / n) + log_penalty
    return np.minimum.accumulate(scaled[::-1])[::-1]
