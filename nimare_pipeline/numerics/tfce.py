"""Threshold-free cluster enhancement (TFCE), as an exact integral in whole numbers.

``TFCE(v) = integral from 0 to h(v) of e(h)**E h**H dh`` (Smith & Nichols 2009, doi
10.1016/j.neuroimage.2008.03.061), e(h) the volume of the voxels above h that are connected with v.
Between two heights at which a component grows its extent is constant, and the integral is
``e**E (b**(H + 1) - a**(H + 1)) / (H + 1)``: a sum over the path from the voxel's leaf to the root
of the component tree, with no step to choose. Both factors are looked up in tables of whole
numbers, so that the sum is exact and its order is free.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.jit import compiled

_BITS = 61
"""Of an int64: the largest sum there can be stays below 2**_BITS."""


@dataclass(frozen=True)
class TFCETables:
    """Both factors of the integral in whole numbers.

    Parameters
    ----------
    height : (n_levels,) int64 array
        ``z**(H + 1) / (H + 1)`` of each level of the statistic, not descending.
    extent : (n_voxels + 1,) int64 array
        ``(n v)**E`` of n voxels of v mm3.
    unit : float
        What a step of a product of both is worth.
    """

    height: NDArray[np.int64]
    extent: NDArray[np.int64]
    unit: float


def tfce_tables(
    z: NDArray[np.float64],
    n_voxels: int,
    voxel_mm3: float,
    *,
    extent_power: float,
    height_power: float,
) -> TFCETables:
    """Tables as fine as 64-bit integers allow; the whole mask at the last level is the most.

    Parameters
    ----------
    z : (n_levels,) array
        Height of each level, from 0, not descending.
    n_voxels : int
        Voxels of the mask.
    voxel_mm3 : float
    extent_power, height_power : float
        E and H.
    """
    height = np.power(z, height_power + 1, dtype=np.float64) / (height_power + 1)
    extent = np.asarray((np.arange(n_voxels + 1) * voxel_mm3) ** extent_power, np.float64)
    extent[0] = 0
    units = [2.0 ** -_bits(table) for table in (height, extent)]
    return TFCETables(
        np.rint(height / units[0]).astype(np.int64),
        np.rint(extent / units[1]).astype(np.int64),
        units[0] * units[1],
    )


def _bits(table: NDArray[np.float64]) -> int:
    """Binary places of a table whose largest entry takes up half of the bits there are."""
    top = float(table.max())
    return _BITS // 2 - (int(np.ceil(np.log2(top))) if top > 0 else 0)


@compiled
def _find(parent, a):  # type: ignore[no-untyped-def]
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@compiled
def _sort_descending(level, n, count, order):  # type: ignore[no-untyped-def]
    """Counting sort: ``order`` lists 0 .. n - 1 by level, highest first; ``count`` is left 0."""
    top = np.int64(0)
    for a in range(n):
        count[level[a]] += 1
        top = max(top, np.int64(level[a]))
    begin = np.int32(0)
    for step in range(top + 1):
        here = count[top - step]
        count[top - step] = begin
        begin += here
    for a in range(n):
        order[count[level[a]]] = a
        count[level[a]] += 1
    count[: top + 1] = 0


@compiled
def largest_tfce(  # type: ignore[no-untyped-def]
    label, strides, voxels, level, n, height, extent, scratch
):
    """Largest TFCE of listed voxels: components carry the best sum of any of their voxels.

    Parameters
    ----------
    label : int32 array
        A padded volume of zeros; it is left so.
    strides : tuple of 3 int64
        Steps in ``label`` to the neighbours along each axis.
    voxels : (n or more,) int64 array
        Where in ``label``.
    level : (n or more,) int32 array
        Of each voxel.
    n : int64
    height, extent : int64 arrays
        As in ``TFCETables``.
    scratch : tuple of arrays
        ``tfce_scratch``.
    """
    count, order, parent, size, since, best = scratch
    _sort_descending(level, n, count, order)
    for rank in range(n):
        a = order[rank]
        voxel = voxels[a]
        now = height[level[a]]
        parent[a], size[a], since[a], best[a] = a, 1, now, 0
        label[voxel] = a + 1
        root = a
        for stride in strides:
            for other in (label[voxel - stride], label[voxel + stride]):
                if other == 0:
                    continue
                b = _find(parent, other - 1)
                if b == root:
                    continue
                # Both have grown to here as they were.
                best[b] += extent[size[b]] * (since[b] - now)
                best[root] += extent[size[root]] * (since[root] - now)
                if size[b] < size[root]:
                    b, root = root, b
                parent[root] = b
                size[b] += size[root]
                best[b] = max(best[b], best[root])
                since[b] = now
                root = b
    largest = np.int64(0)
    for a in range(n):
        label[voxels[a]] = 0
        if parent[a] == a:
            largest = max(largest, best[a] + extent[size[a]] * since[a])
    return largest


@compiled
def _join(parent, size, since, total, extent, pair, now):  # type: ignore[no-untyped-def]
    """Join two components at a height; the root that stays is returned."""
    a, b = pair
    total[a] += extent[size[a]] * (since[a] - now)
    total[b] += extent[size[b]] * (since[b] - now)
    if size[b] < size[a]:
        a, b = b, a
    parent[a] = b
    size[b] += size[a]
    # Each keeps what it has more than the one it was joined to.
    total[a] -= total[b]
    since[b] = now
    return b


@compiled
def _enhance(label, strides, voxels, level, tables, scratch, out):  # type: ignore[no-untyped-def]
    """TFCE of every listed voxel: the sum over the path to its root."""
    count, order, parent, size, since, total = scratch
    height, extent = tables
    _sort_descending(level, len(voxels), count, order)
    for rank in range(len(voxels)):
        a = np.int64(order[rank])
        now = height[level[a]]
        parent[a], size[a], since[a], total[a] = a, 1, now, 0
        voxel = voxels[a]
        label[voxel] = a + 1
        for stride in strides:
            for other in (label[voxel - stride], label[voxel + stride]):
                b = np.int64(other) - 1
                # No path is made shorter: what is carried along it would be lost.
                while b >= 0 and parent[b] != b:
                    b = np.int64(parent[b])
                if b >= 0 and b != a:
                    a = _join(parent, size, since, total, extent, (a, b), now)
    for v in range(len(voxels)):
        if parent[v] == v:
            total[v] += extent[size[v]] * since[v]
    for v in range(len(voxels)):
        b = np.int64(v)
        out[v] = total[b]
        while parent[b] != b:
            b = np.int64(parent[b])
            out[v] += total[b]


@compiled
def fill_levels(numbers, n, shift, support, last, level):  # type: ignore[no-untyped-def]
    """Level of each of n numbers; see ``number_levels``."""
    half = (np.int64(1) << shift) >> 1
    for a in range(n):
        number = np.int64(numbers[a])
        if len(support) == 0:
            level[a] = min((number + half) >> shift, last)
        else:
            low, high = np.int64(0), last
            while low < high:
                middle = (low + high) // 2
                if support[middle] < number:
                    low = middle + 1
                else:
                    high = middle
            level[a] = low


def number_levels(
    numbers: NDArray[np.int64], shift: int, support: NDArray[np.int64], n_levels: int
) -> NDArray[np.int32]:
    """Level of each number: a bin, or of a discrete statistic the first value as large.

    Parameters
    ----------
    numbers : (n,) int64 array
    shift : int
        Bins are ``2**shift`` wide and round half up.
    support : (n_levels or 0,) int64 array
        Values of a discrete statistic, ascending; empty for bins.
    n_levels : int
        Numbers beyond have the last level.
    """
    level = np.zeros(len(numbers), dtype=np.int32)
    fill_levels(
        numbers, np.int64(len(numbers)), np.int64(shift), support, np.int64(n_levels - 1), level
    )
    return level


def tfce_scratch(n_levels: int, n_voxels: int) -> tuple[NDArray[Any], ...]:
    """Memory of one thread, for so many levels and voxels."""
    return (
        np.zeros(n_levels, dtype=np.int32),
        np.zeros(n_voxels, dtype=np.int32),
        np.zeros(n_voxels, dtype=np.int32),
        np.zeros(n_voxels, dtype=np.int32),
        np.zeros(n_voxels, dtype=np.int64),
        np.zeros(n_voxels, dtype=np.int64),
    )


def tfce(
    levels: NDArray[np.integer], mask: NDArray[np.bool_], tables: TFCETables
) -> NDArray[np.int64]:
    """TFCE of each voxel of a mask, in the tables' unit; neighbours share faces.

    Parameters
    ----------
    levels : (n_voxels,) int array
        Level of the statistic over the mask, in C order.
    mask : (X, Y, Z) bool array
    tables : TFCETables

    Returns
    -------
    (n_voxels,) int64 array
        0 where the height is.
    """
    padded = np.pad(mask, 1)
    high = tables.height[levels] > 0
    voxels = np.flatnonzero(padded)[high].astype(np.int64)
    enhanced = np.zeros(len(levels), dtype=np.int64)
    found = np.zeros(len(voxels), dtype=np.int64)
    _enhance(
        np.zeros(padded.size, dtype=np.int32),
        (np.int64(1), np.int64(padded.shape[2]), np.int64(padded.shape[1] * padded.shape[2])),
        voxels,
        levels[high].astype(np.int32),
        (tables.height, tables.extent),
        tfce_scratch(len(tables.height), len(voxels)),
        found,
    )
    enhanced[high] = found
    return enhanced
