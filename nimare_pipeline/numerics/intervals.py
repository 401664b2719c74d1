"""How exactly a Monte Carlo null of so many iterations tells a p and a critical value.

Both intervals hold for any distribution of the null (Clopper & Pearson 1934,
doi 10.1093/biomet/26.4.404; order statistics as in David & Nagaraja 2003, section 7.1), and cover
the true value at least as often as they say.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from scipy.stats import binom

COVERAGE = 0.95
"""Share of nulls whose interval covers the true value."""


def share_interval(
    b: NDArray[Any], n: int, coverage: float = COVERAGE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper-Pearson interval of a probability, of which b of n draws were seen.

    Parameters
    ----------
    b : array of int
        Draws that reach the observed value.
    n : int
        Draws, at least 1.
    coverage : float

    Returns
    -------
    low, high : arrays
    """
    b = np.asarray(b, dtype=float)
    tail = (1 - coverage) / 2
    low = np.where(b > 0, betaincinv(np.maximum(b, 1), n - b + 1, tail), 0.0)
    high = np.where(b < n, betaincinv(b + 1, np.maximum(n - b, 1), 1 - tail), 1.0)
    return low, high


def quantile_interval(
    null: NDArray[Any], alpha: float, coverage: float = COVERAGE
) -> tuple[float, float]:
    """Distribution-free interval of the value that a share ``alpha`` of all draws exceeds.

    Parameters
    ----------
    null : (n,) array
    alpha : float
        Between 0 and 1.
    coverage : float

    Returns
    -------
    low, high : float
        Order statistics of the null; -infinity and infinity where it has too few draws for one.
    """
    ordered = np.sort(null)
    n, tail = len(ordered), (1 - coverage) / 2
    # So many of n draws lie below the quantile; the first r of them do for sure enough ...
    below = int(binom.ppf(tail, n, 1 - alpha))
    # ... and no more than this, so that the next one is above it. Where a count has exactly the
    # probability of the tail both keep it inside.
    most = int(binom.ppf(1 - tail, n, 1 - alpha))
    low = float(ordered[below - 1]) if below > 0 else -np.inf
    high = float(ordered[most]) if most < n else np.inf
    return low, high
