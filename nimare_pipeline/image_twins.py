"""Images that are the same, or the same with the opposite sign, under two names."""

import numpy as np
from numpy.typing import NDArray

N_SAMPLED = 8192
"""Voxels, spread evenly over the mask, by which images are compared before any is in full."""
_FEWEST = 30
"""Voxels that two images must share for a correlation to mean anything."""


def compare(
    rows: NDArray[np.float32], least: float
) -> tuple[dict[int, tuple[int, float]], list[tuple[int, int, float]]]:
    """Which images resemble each other.

    Parameters
    ----------
    rows : (n_images, n_voxels) float array
        NaN where missing.
    least : float
        Smallest absolute correlation of a pair.

    Returns
    -------
    nearest : dict of int to (int, float)
        For each image the one with the largest absolute correlation, and their correlation.
        Missing are images that share too few voxels with any other.
    pairs : list of (int, int, float)
        Pairs with at least ``least``, the earlier image first.

    Notes
    -----
    Candidates show in a sample of the voxels; their correlation is that over all voxels that both
    have. The sample misses a pair only if it is off by more than what ``least`` leaves to 1.
    """
    step = max(1, rows.shape[1] // N_SAMPLED)
    r = np.abs(_pairwise(rows[:, ::step]))
    np.fill_diagonal(r, np.nan)
    nearest = {}
    for row in np.flatnonzero(np.isfinite(r).any(axis=1)).tolist():
        other = int(np.nanargmax(r[row]))
        nearest[row] = (other, _correlation(rows[row], rows[other]))
    candidates = np.argwhere(np.triu(r >= 1 - 2 * (1 - least), k=1)).tolist()
    pairs = [(a, b, _correlation(rows[a], rows[b])) for a, b in candidates]
    return nearest, [pair for pair in pairs if abs(pair[2]) >= least]


def _pairwise(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation of each pair over the voxels that both have, NaN where these are too few."""
    there = np.isfinite(rows)
    # Scaled first, so that sums of squares of images in other units lose no digits.
    values = np.where(there, rows, 0).astype(np.float64)
    n = np.maximum(there.sum(axis=1, keepdims=True), 1)
    values = np.where(there, values - values.sum(axis=1, keepdims=True) / n, 0)
    largest = np.abs(values).max(axis=1, keepdims=True, initial=0)
    values /= np.where(largest > 0, largest, 1)
    mask = there.astype(np.float64)
    shared = mask @ mask.T
    sums, squares = values @ mask.T, values**2 @ mask.T
    shared_or_1 = np.maximum(shared, 1)
    covariance = values @ values.T - sums * sums.T / shared_or_1
    variance = squares - sums**2 / shared_or_1
    scale = np.sqrt(np.maximum(variance * variance.T, 0))
    valid = (shared >= _FEWEST) & (scale > 1e-12 * shared_or_1)
    return np.where(valid, covariance / np.where(valid, scale, 1), np.nan)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    x, y = a[both].astype(np.float64), b[both].astype(np.float64)
    if len(x) < _FEWEST:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    # Sums of numpy, not of BLAS, whose last digit depends on the number of threads.
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float(np.clip((x * y).sum() / scale, -1, 1)) if scale > 0 else float("nan")
