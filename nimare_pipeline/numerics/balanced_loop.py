"""The compiled loops of the balanced subtraction: two weighted sums, and clusters of subsets."""

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.permute import draw_members
from nimare_pipeline.numerics.rng import STREAM_FOCI
from nimare_pipeline.numerics.simulate import _clear_plane, _draw, _sum_plane
from nimare_pipeline.numerics.subtraction_loop import (
    BATCH,
    DIFFERENCE_BITS,
    WIDTH,
    choose,
    exp_minus,
    root,
    sum_tile,
)

_LANES = np.uint64(WIDTH)
_SLACK = 4
"""Rounding of the tables: how far a bound may fall short."""


@compiled
def _scan(one, two, begin, end, tables, tops):  # type: ignore[no-untyped-def]
    """Raise the maxima of both signs by a run of voxels, if they can be."""
    upper, lower, shift = tables
    low, high = np.int32(0), np.int32(0)
    for voxel in range(begin, end):
        apart = one[voxel] - two[voxel]
        low, high = min(low, np.int32(apart)), max(high, np.int32(apart))
    # A difference of ALE is at most that of the sums.
    rises = (np.int64(high) << shift) + _SLACK > tops[0]
    falls = (np.int64(-low) << shift) + _SLACK > tops[1]
    if not (rises or falls):
        return
    for voxel in range(begin, end):
        value = exp_minus(np.int64(two[voxel]), upper, lower)
        value -= exp_minus(np.int64(one[voxel]), upper, lower)
        tops[0] = max(tops[0], value)
        tops[1] = max(tops[1], -value)


@compiled
def permuted_maxima(seed, begin, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """Largest difference of each sign with the labels permuted.

    Parameters
    ----------
    seed : uint64
    begin : int64
        Number of the first permutation.
    arrays : tuple of arrays
        Fields of a ``BalancedLabelsPlan`` in their order.
    scratch : tuple of arrays
        Memory of one thread.
    out : (2, n_iters) int64 array
    """
    rows_one, start_one, experiment_one, rows_two, start_two, experiment_two = arrays[:6]
    upper, lower, binomials, scalars = arrays[6:]
    flags, chosen, one, two, order = scratch
    sizes, first, exhaustive = (scalars[0], scalars[1]), scalars[2] > 0, scalars[3] > 0
    tables = (upper, lower, DIFFERENCE_BITS - scalars[4])
    for start in range(0, out.shape[1], BATCH):
        n_here = min(BATCH, out.shape[1] - start)
        for p in range(n_here):
            mine, rest = flags[p, 0], flags[p, 1]
            if not first:
                mine, rest = rest, mine
            choose(seed, begin + start + p, exhaustive, sizes, binomials, order, mine)
            for i in range(len(mine)):
                rest[i] = 1 - mine[i]
        for tile in range(len(start_one) - 1):
            for p in range(n_here):
                sum_tile(tile, start_one, experiment_one, rows_one, flags[p, 0], chosen, one)
                sum_tile(tile, start_two, experiment_two, rows_two, flags[p, 1], chosen, two)
                _scan(one, two, 0, WIDTH, tables, out[:, start + p])


@compiled
def redrawn_maxima(seed, begin, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """Largest difference of each sign with the foci redrawn, each in its own contrast.

    Parameters
    ----------
    seed, begin, out
        As for ``permuted_maxima``.
    arrays : tuple of arrays
        Fields of a ``BalancedFociPlan`` in their order.
    scratch : tuple of arrays
        Memory of one thread.
    """
    values, offsets, plane_start, kernel_plane, experiment_kernel, experiment_start = arrays[:6]
    candidates, focus_start, focus_count, row_start, row_stop = arrays[6:11]
    run_start, run_stop, mask_plane, mask_row, mask_run, scalars = arrays[11:17]
    upper, lower, split = arrays[17:]
    total_one, total_two, one, drawn_plane, drawn_voxel = scratch
    width, stride, n_first = scalars[0], scalars[1], split[0]
    tables = (values, offsets, plane_start, kernel_plane, width)
    first = (experiment_kernel[:n_first], experiment_start[: n_first + 1])
    second = (experiment_kernel[n_first:], experiment_start[n_first:])
    exponentials = (upper, lower, DIFFERENCE_BITS - split[1])
    windows = (focus_start, focus_count)
    for iteration in range(out.shape[1]):
        _draw(
            seed, STREAM_FOCI, begin + iteration, candidates, windows, stride,
            drawn_plane, drawn_voxel,
        )  # fmt: skip
        for number in range(len(mask_plane)):
            plane = mask_plane[number]
            base = plane * stride
            rows = range(mask_row[number], mask_row[number + 1])
            _clear_plane(total_one, rows, row_start, row_stop, base)
            _clear_plane(total_two, rows, row_start, row_stop, base)
            _sum_plane(total_one, one, plane, tables, first, drawn_plane, drawn_voxel)
            _sum_plane(total_two, one, plane, tables, second, drawn_plane, drawn_voxel)
            for run in range(mask_run[number], mask_run[number + 1]):
                start, stop = run_start[run] - base, run_stop[run] - base
                _scan(total_one, total_two, start, stop, exponentials, out[:, iteration])


@compiled
def _add_large_clusters(label, strides, voxel, lanes, cutoff, memory, counts):  # type: ignore[no-untyped-def]
    """Count the voxels of clusters that are larger than a size."""
    parent, size = memory
    n = len(lanes)
    for a in range(n):
        label[voxel[lanes[a]]] = a + 1
        parent[a] = a
        size[a] = 0
    for a in range(n):
        for stride in strides:
            other = label[voxel[lanes[a]] - stride]
            if other > 0:
                b, c = root(parent, a), root(parent, other - 1)
                if b < c:
                    parent[c] = b
                else:
                    parent[b] = c
    for a in range(n):
        label[voxel[lanes[a]]] = 0
        size[root(parent, a)] += 1
    for a in range(n):
        if size[root(parent, a)] > cutoff:
            counts[lanes[a]] += 1


@compiled
def count_surviving(seed, begin, n_iters, arrays, scratch, counts):  # type: ignore[no-untyped-def]
    """Count in how many random subsets a voxel is in a cluster that is larger than a size.

    Parameters
    ----------
    seed : uint64
    begin, n_iters : int64
        Which subsets.
    arrays : tuple of arrays
        Fields of a ``SubsetPlan`` in their order.
    scratch : tuple of arrays
        Memory of one thread.
    counts : (n_lanes,) int64 array
        Added to.
    """
    rows, tile_start, experiment, voxel, scalars = arrays
    flags, chosen, acc, order, counted, listed, label, memory = scratch
    n, k, threshold, cutoff = scalars[0], scalars[1], scalars[2], scalars[3]
    strides = (np.int64(1), scalars[4], scalars[5])
    draw_counts, draws, drawn = order
    for start in range(begin, begin + n_iters, BATCH):
        n_here = min(BATCH, begin + n_iters - start)
        counted[:] = 0
        for p in range(n_here):
            draw_members(seed, start + p, n, k, draw_counts, draws, drawn)
            flags[p] = 0
            for i in range(k):
                flags[p, drawn[i]] = 1
        for tile in range(len(tile_start) - 1):
            base = np.uint64(tile) * _LANES
            for p in range(n_here):
                sum_tile(tile, tile_start, experiment, rows, flags[p], chosen, acc)
                for lane in range(_LANES):
                    if acc[lane] >= threshold:
                        listed[p, counted[p]] = base + lane
                        counted[p] += 1
        for p in range(n_here):
            mine = listed[p][: counted[p]]
            _add_large_clusters(label, strides, voxel, mine, cutoff, memory, counts)
