"""Conjunction of maps: the minimum statistic and the largest p, voxel by voxel.

Nichols et al. 2005 (doi 10.1016/j.neuroimage.2004.12.005): that every one of several effects is
there is tested against the null that at least one is not, so that the conjunction is as sure as
the least sure of its parts.
"""

import numpy as np
from numpy.typing import NDArray


def minimum_statistic(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Value nearest to zero where all have one sign, else 0.

    Parameters
    ----------
    values : (k, n) float array
        Statistics of k maps.

    Returns
    -------
    (n,) float array
        The smallest where all are positive, the largest where all are negative, 0 where they
        disagree or one is 0; NaN where any is NaN.
    """
    lowest, highest = values.min(axis=0), values.max(axis=0)
    found = np.where(lowest > 0, lowest, np.where(highest < 0, highest, 0))
    return np.where(np.isnan(lowest), np.nan, found).astype(values.dtype)


def disagree(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether statistics (k, n) at a voxel have both signs; False where any is NaN."""
    return np.asarray((values.min(axis=0) < 0) & (values.max(axis=0) > 0))


def largest_p(p: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Largest p of each voxel, 1 where the statistics have both signs, NaN where any p is NaN.

    Parameters
    ----------
    p, values : (k, n) float array
        p of k maps, and their statistics.
    """
    return np.where(disagree(values), 1, p.max(axis=0)).astype(p.dtype)


def smallest_logp(
    logp: NDArray[np.floating], values: NDArray[np.floating]
) -> NDArray[np.floating]:
    """-log10 of :func:`largest_p`, of -log10 p (k, n): it does not underflow."""
    return np.where(disagree(values), 0, logp.min(axis=0)).astype(logp.dtype)
