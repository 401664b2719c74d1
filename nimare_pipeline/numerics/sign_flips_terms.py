"""Statistics that are affine in the signs of their groups, for ``sign_flips``."""

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.pvalues import z_from_logsf
from nimare_pipeline.numerics.sign_flips import Curve, FlipTerms
from nimare_pipeline.numerics.student import t_logsf


def one_sample_t(y: NDArray[np.float64]) -> FlipTerms:
    """Student's t of the mean of the groups that have data: their values scaled to unit length.

    Parameters
    ----------
    y : (n_groups, n_voxels) array
        NaN where a group has no data. Voxels with fewer than two have no statistic.
    """
    known = np.isfinite(y)
    filled = np.where(known, y, 0.0)
    length = np.sqrt((filled**2).sum(axis=0))
    n = np.where(length > 0, known.sum(axis=0), 0)
    sizes, family = np.unique(n, return_inverse=True)
    few = int(np.searchsorted(sizes, 2))
    kept = [int(size) for size in sizes[few:]]
    return FlipTerms(
        terms=filled / np.where(length > 0, length, 1.0),
        family=np.maximum(family - few, -1),
        curves=tuple(unit_curve(size) for size in kept),
        tops=tuple(float(np.sqrt(size)) for size in kept),
    )


def unit_curve(n: int) -> Curve:
    """Make z of the one-sample t of n numbers of unit length, from their sum."""

    def curve(u: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            t = u * np.sqrt((n - 1) / np.maximum(n - u**2, 0.0))
        return z_from_logsf(t_logsf(np.minimum(t, 1e100), n - 1))

    return curve
