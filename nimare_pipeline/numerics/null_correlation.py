r"""Correlation that images of the same people have where there is no effect.

Any effect that images share would count as correlation, so it is taken away first: at each voxel
the mean over all K images. That shrinks the correlations of what is left. For two images of a
group of size b, with :math:`\rho` their correlation before,

.. math::
    r = \frac{\rho (1 - 2 (b - 1) / K) + c}{1 + c - 2 \rho (b - 1) / K}, \quad
    c = -\frac{2}{K} + \frac{K + S}{K^2}, \quad S = \sum_h b_h (b_h - 1) \rho_h,

which is solved for the mean of each group; groups depend on each other through S, and a fixed
point is sought.
"""

import numpy as np
from numpy.typing import NDArray

_MOST_STEPS = 50
_CLOSE = 1e-12


def null_correlation(z: NDArray[np.floating], groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """Correlation of images within their groups.

    Parameters
    ----------
    z : (n_images, n_voxels) array
        NaN where an image has no data; a pair is correlated over the voxels that both have.
    groups : (n_images,) int array

    Returns
    -------
    (n_images, n_images) array
        1 on the diagonal, 0 between groups, which are independent. It need not be positive
        definite.
    """
    k = len(z)
    out = np.eye(k)
    members = [np.flatnonzero(groups == one) for one in np.unique(groups)]
    members = [rows for rows in members if len(rows) > 1]
    if not members:
        return out
    known = np.isfinite(z)
    mean = np.where(known, z, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
    blocks = [_correlated(z[rows] - mean, known[rows]) for rows in members]
    means = [_mean_of_pairs(block) for block in blocks]
    for rows, block, before, after in zip(
        members, blocks, means, _unshrunk(means, [len(rows) for rows in members], k), strict=True
    ):
        moved = after + _fitting(block - before, after)
        np.fill_diagonal(moved, 1.0)
        out[np.ix_(rows, rows)] = moved
    return out


def _correlated(residuals: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pearson's r of each pair of rows over the voxels that both have; 0 if there is none."""
    n = len(residuals)
    out = np.eye(n)
    for i in range(n):
        for j in range(i):
            both = known[i] & known[j]
            if both.sum() < 2:
                continue
            x, y = (row[both] - row[both].mean() for row in (residuals[i], residuals[j]))
            length = np.sqrt((x**2).sum() * (y**2).sum())
            if length > 0:
                out[i, j] = out[j, i] = (x * y).sum() / length
    return out


def _mean_of_pairs(block: NDArray[np.float64]) -> float:
    b = len(block)
    return float((block.sum() - np.trace(block)) / (b * (b - 1)))


def _unshrunk(means: list[float], sizes: list[int], k: int) -> list[float]:
    """Mean correlation of each group before the images were centred."""
    r, b = np.array(means), np.array(sizes, dtype=float)
    pairs = b * (b - 1)
    low = -1 / (b - 1)
    rho = np.clip(r, low, 1.0)
    for _ in range(_MOST_STEPS):
        before = rho.copy()
        for one in range(len(r)):
            # A group's own share of S is on both sides: it is solved for, not put in.
            others = float((pairs * rho).sum() - pairs[one] * rho[one])
            c = -2 / k + (k + others) / k**2
            own, lost = pairs[one] / k**2, 2 * (b[one] - 1) / k
            slope = 1 - lost + own - r[one] * (own - lost)
            if abs(slope) > _CLOSE:
                rho[one] = np.clip((r[one] * (1 + c) - c) / slope, low[one], 1.0)
        if np.abs(rho - before).max() < _CLOSE:
            break
    return [float(one) for one in rho]


def _fitting(deviations: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Deviations from a group's mean, made smaller as far as they would leave -1 to 1."""
    off = ~np.eye(len(deviations), dtype=bool)
    high, low = float(deviations[off].max()), float(deviations[off].min())
    share = 1.0
    if mean + high > 1:
        share = min(share, (1 - mean) / high)
    if mean + low < -1:
        share = min(share, (-1 - mean) / low)
    return deviations * share
