"""Clusters of a volume and the peaks in them, for tables.

The Monte Carlo loop has its own compiled search; this one is the readable reference that the loop
is tested against and that the tables are made with.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Connectivity = Literal["faces", "edges", "corners"]
_ORDER: dict[str, int] = {name: rank for rank, name in enumerate(get_args(Connectivity), start=1)}
_NEIGHBOURS_26 = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class Peaks:
    """Local maxima of labelled clusters.

    Sorted by cluster, then statistic (largest first), then place in the volume (C order).

    Parameters
    ----------
    cluster : (n_peaks,) int array
        Label of the cluster.
    ijk : (n_peaks, 3) int array
        Voxel indices.
    stat : (n_peaks,) float array
        Statistic at the peak.
    """

    cluster: NDArray[np.int64]
    ijk: NDArray[np.int64]
    stat: NDArray[np.float64]


def label(
    volume: NDArray[np.bool_], connectivity: Connectivity = "faces"
) -> tuple[NDArray[np.int32], int]:
    """Find connected components of the true voxels.

    Parameters
    ----------
    volume : (X, Y, Z) bool array
        Suprathreshold voxels.
    connectivity : "faces", "edges" or "corners"
        Voxels are neighbours when they share a face (6), also an edge (18), also a corner (26).

    Returns
    -------
    labels : (X, Y, Z) int32 array
        0 outside, else 1..n in the order in which C order meets the clusters.
    n : int
        Number of clusters.

    Raises
    ------
    ValueError
        For a volume that is not boolean or not 3-D, or an unknown connectivity.
    """
    if connectivity not in _ORDER:
        msg = f"connectivity is one of {', '.join(_ORDER)}, not {connectivity!r}"
        raise ValueError(msg)
    volume = np.asarray(volume)
    if volume.dtype != np.bool_ or volume.ndim != 3:
        msg = f"expected a 3-D boolean volume, got {volume.ndim}-D {volume.dtype}"
        raise ValueError(msg)
    labels = np.zeros(volume.shape, dtype=np.int32)
    structure = ndimage.generate_binary_structure(3, _ORDER[connectivity])
    n = ndimage.label(volume, structure=structure, output=labels)
    return labels, int(n)


def cluster_sizes(labels: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Voxels of each cluster.

    Parameters
    ----------
    labels : int array
        0 outside, 1..n.
    n : int
        Number of clusters.

    Returns
    -------
    (n,) int array
    """
    return np.bincount(np.ravel(labels), minlength=n + 1)[1 : n + 1].astype(np.int64)


def local_maxima(
    stat: NDArray[np.floating],
    labels: NDArray[np.integer],
    min_distance_mm: float,
    affine: NDArray[np.floating],
) -> Peaks:
    """Peaks and sub-peaks of each cluster.

    A peak is a voxel that no neighbour (26) in its own cluster exceeds; a plateau of equal voxels
    that nothing around it exceeds is one peak, at its first voxel in C order. From the strongest
    down, a peak closer than ``min_distance_mm`` to one already kept in the same cluster is left
    out; equal peaks go in C order, so the result never depends on anything but the values.

    Parameters
    ----------
    stat : (X, Y, Z) float array
        Statistic; finite in the clusters.
    labels : (X, Y, Z) int array
        0 outside, 1..n.
    min_distance_mm : float
        Smallest distance between two peaks of a cluster, mm; 0 keeps all.
    affine : (4, 4) float array
        Voxel indices to mm.

    Returns
    -------
    Peaks
        Every cluster has at least one.
    """
    found = [
        _peaks_of_one(stat, labels, box, number, min_distance_mm, np.asarray(affine)[:3, :3])
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
        if box is not None
    ]
    if not found:
        return Peaks(np.empty(0, np.int64), np.empty((0, 3), np.int64), np.empty(0))
    ijk = np.concatenate(found)
    index = tuple(ijk.T)
    return Peaks(labels[index].astype(np.int64), ijk, np.asarray(stat[index], dtype=float))


def _peaks_of_one(
    stat: NDArray[np.floating],
    labels: NDArray[np.integer],
    box: tuple[slice, ...],
    number: int,
    min_distance_mm: float,
    to_mm: NDArray[np.floating],
) -> NDArray[np.int64]:
    """Identify, sort and pare the peaks of one cluster; their voxel indices (n, 3)."""
    values = np.where(labels[box] == number, stat[box], -np.inf)
    ijk = _regional_maxima(values) + [axis.start for axis in box]
    # argwhere gave C order, and a stable sort keeps it among equals
    ijk = ijk[np.argsort(-stat[tuple(ijk.T)], kind="stable")]
    kept = np.empty((0, 3), dtype=np.int64)
    for candidate in ijk:
        distances = np.linalg.norm((kept - candidate) @ to_mm.T, axis=1)
        if not (distances < min_distance_mm).any():
            kept = np.vstack([kept, candidate])
    return kept


def _regional_maxima(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """First voxel (C order) of every plateau that nothing around it exceeds; -inf is outside."""
    inside = values > -np.inf
    highest = _highest_around(values)
    candidates = inside & (values == highest)
    # A plateau level with a neighbour that has a higher one is a shoulder, not a peak.
    level = _highest_around(np.where(candidates, -np.inf, values))
    plateaus, n = ndimage.label(candidates, structure=_NEIGHBOURS_26)
    shoulders = np.unique(plateaus[candidates & (level == values)])
    points = np.argwhere(candidates)
    _, first = np.unique(plateaus[tuple(points.T)], return_index=True)
    peaks = np.setdiff1d(np.arange(1, n + 1), shoulders)
    return points[np.sort(first[peaks - 1])]


def _highest_around(values: NDArray[np.floating]) -> NDArray[np.floating]:
    footprint = _NEIGHBOURS_26
    return ndimage.maximum_filter(values, footprint=footprint, mode="constant", cval=-np.inf)
