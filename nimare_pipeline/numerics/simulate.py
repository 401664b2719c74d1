"""The compiled Monte Carlo loop: redraw, add up, threshold, find the largest cluster.

Everything is an integer, nothing is allocated, and each plane of the volume is cleared, filled and
scanned while it is in the cache.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.rng import STREAM_FOCI, STREAM_NULL, draw_indices

LARGEST_SUM = 2**30
WIDTHS = (24, 32)
"""Rows of a kernel are cut into segments of one of these widths: a fixed number of steps is what
the compiler turns into vector instructions."""


@compiled
def _root(parent, a):  # type: ignore[no-untyped-def]
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@compiled
def largest_cluster(  # type: ignore[no-untyped-def]
    label, strides, voxels, excess, n, parent, size, mass
):
    """Size and mass of the largest clusters of voxels that share faces (union-find)."""
    for a in range(n):
        voxel = voxels[a]
        parent[a] = a
        label[voxel] = a + 1
        # Voxels come in ascending order: three of the six neighbours are known already.
        for stride in strides:
            other = label[voxel - stride]
            if other > 0:
                b, c = _root(parent, a), _root(parent, other - 1)
                if b < c:
                    parent[c] = b
                else:
                    parent[b] = c
        size[a] = 0
        mass[a] = 0
    largest_size = np.int64(0)
    largest_mass = np.int64(0)
    for a in range(n):
        label[voxels[a]] = 0
        b = _root(parent, a)
        size[b] += 1
        mass[b] += excess[a]
        largest_size = max(largest_size, size[b])
        largest_mass = max(largest_mass, mass[b])
    return largest_size, largest_mass


def _make_place(width: int) -> Callable[..., Any]:
    """Adds segments to the sum as far as they exceed their experiment's other foci.

    The width is a constant of the compiled code. A closure over anything but a number would keep
    Numba from finding what it compiled before.
    """

    @compiled
    def place(total, one, values, offsets, begin, end, focus):  # type: ignore[no-untyped-def]
        for segment in range(begin, end):
            at = np.uint64(focus + offsets[segment])
            source = np.uint64(segment * width)
            for step in range(np.uint64(width)):
                before = one[at + step]
                after = max(before, values[source + step])
                total[at + step] += after - before
                one[at + step] = after

    return place


def _make_wipe(width: int) -> Callable[..., Any]:
    """Sets segments of the experiment's plane back to 0."""

    @compiled
    def wipe(one, offsets, begin, end, focus):  # type: ignore[no-untyped-def]
        for segment in range(begin, end):
            at = np.uint64(focus + offsets[segment])
            for step in range(np.uint64(width)):
                one[at + step] = 0

    return wipe


def _make_add(width: int) -> Callable[..., Any]:
    """Adds segments to the sum: for the only focus of an experiment nothing has to be compared."""

    @compiled
    def add(total, values, offsets, begin, end, focus):  # type: ignore[no-untyped-def]
        for segment in range(begin, end):
            at = np.uint64(focus + offsets[segment])
            source = np.uint64(segment * width)
            for step in range(np.uint64(width)):
                total[at + step] += values[source + step]

    return add


_NARROW, _WIDE = WIDTHS
_place_narrow, _wipe_narrow, _add_narrow = (
    _make_place(_NARROW),
    _make_wipe(_NARROW),
    _make_add(_NARROW),
)
_place_wide, _wipe_wide, _add_wide = _make_place(_WIDE), _make_wipe(_WIDE), _make_add(_WIDE)


@compiled
def _place(total, one, values, offsets, begin, end, voxel, width):  # type: ignore[no-untyped-def]
    if width == _NARROW:
        _place_narrow(total, one, values, offsets, begin, end, voxel)
    else:
        _place_wide(total, one, values, offsets, begin, end, voxel)


@compiled
def _wipe(one, offsets, begin, end, voxel, width):  # type: ignore[no-untyped-def]
    if width == _NARROW:
        _wipe_narrow(one, offsets, begin, end, voxel)
    else:
        _wipe_wide(one, offsets, begin, end, voxel)


@compiled
def _add(total, values, offsets, begin, end, voxel, width):  # type: ignore[no-untyped-def]
    if width == _NARROW:
        _add_narrow(total, values, offsets, begin, end, voxel)
    else:
        _add_wide(total, values, offsets, begin, end, voxel)


@compiled
def _sum_plane(total, one, plane, tables, design, drawn_plane, drawn_voxel):  # type: ignore[no-untyped-def]
    """Add every experiment's modelled activation in one plane; ``one`` is left all 0."""
    values, offsets, plane_start, kernel_plane, width = tables
    experiment_kernel, experiment_start = design
    for experiment in range(len(experiment_kernel)):
        kernel = experiment_kernel[experiment]
        first, n_planes = kernel_plane[kernel], kernel_plane[kernel + 1] - kernel_plane[kernel]
        foci = range(experiment_start[experiment], experiment_start[experiment + 1])
        alone = experiment_start[experiment + 1] - experiment_start[experiment] == 1
        for wiping in range(1 if alone else 2):
            for focus in foci:
                step = plane - drawn_plane[focus] + n_planes // 2
                if step < 0 or step >= n_planes:
                    continue
                begin, end = plane_start[first + step], plane_start[first + step + 1]
                voxel = drawn_voxel[focus]
                if alone:
                    _add(total, values, offsets, begin, end, voxel, width)
                elif wiping == 0:
                    _place(total, one, values, offsets, begin, end, voxel, width)
                else:
                    _wipe(one, offsets, begin, end, voxel, width)


@compiled
def _scan_run(total, ends, base, limits, voxels, excess, n):  # type: ignore[no-untyped-def]
    """Largest value of a run, and its voxels at or above the threshold appended to the list."""
    start, stop = ends
    threshold, floor = limits
    top = np.int32(0)
    for voxel in range(start, stop):
        top = max(top, total[voxel])
    if top >= threshold:
        for voxel in range(start, stop):
            if total[voxel] >= threshold:
                voxels[n] = base + voxel
                excess[n] = total[voxel] - floor
                n += 1
    return top, n


@compiled
def _draw(seed, stream, iteration, candidates, windows, stride, drawn_plane, drawn_voxel):  # type: ignore[no-untyped-def]
    """Redraw every focus: its plane, and its voxel within the plane."""
    focus_start, focus_count = windows
    draw_indices(seed, stream, iteration, focus_count, drawn_voxel)
    for focus in range(len(focus_start)):
        voxel = candidates[focus_start[focus] + drawn_voxel[focus]]
        drawn_plane[focus], drawn_voxel[focus] = voxel // stride, voxel % stride


@compiled
def _clear_plane(total, rows, row_start, row_stop, base):  # type: ignore[no-untyped-def]
    """Set the rows of a plane to 0 from their first to their last voxel in the mask."""
    for row in rows:
        total[row_start[row] - base : row_stop[row] - base] = 0


@compiled
def redraw(seed, iteration, arrays, limits, scratch):  # type: ignore[no-untyped-def]
    """One iteration: redraw the foci, add up, list what is at or above a threshold.

    The mask is gone through plane by plane, which stay in cache.

    Parameters
    ----------
    seed : uint64
    iteration : int64
    arrays : tuple of arrays
        Fields of a ``MonteCarloPlan`` in their order.
    limits : tuple of 2 int64
        Threshold, and what ``excess`` is counted from.
    scratch : tuple of arrays
        Memory of one thread, all 0 between iterations where that matters; ``voxels`` and
        ``excess`` are filled.

    Returns
    -------
    largest : int32
        Statistic.
    n : int64
        Voxels listed.
    """
    values, offsets, plane_start, kernel_plane, experiment_kernel, experiment_start = arrays[:6]
    candidates, focus_start, focus_count, row_start, row_stop = arrays[6:11]
    run_start, run_stop, mask_plane, mask_row, mask_run, scalars = arrays[11:17]
    total, one, _, voxels, excess, _, _, _, drawn_plane, drawn_voxel = scratch
    width, stride = scalars[0], scalars[1]
    tables = (values, offsets, plane_start, kernel_plane, width)
    design = (experiment_kernel, experiment_start)
    windows = (focus_start, focus_count)
    _draw(seed, STREAM_FOCI, iteration, candidates, windows, stride, drawn_plane, drawn_voxel)
    largest = np.int32(0)
    n = 0
    for number in range(len(mask_plane)):
        plane = mask_plane[number]
        base = plane * stride
        rows = range(mask_row[number], mask_row[number + 1])
        _clear_plane(total, rows, row_start, row_stop, base)
        _sum_plane(total, one, plane, tables, design, drawn_plane, drawn_voxel)
        for run in range(mask_run[number], mask_run[number + 1]):
            ends = (run_start[run] - base, run_stop[run] - base)
            top, n = _scan_run(total, ends, base, limits, voxels, excess, n)
            largest = max(largest, top)
    return largest, n


@compiled
def simulate(seed, first, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """The loop over iterations.

    Parameters
    ----------
    seed : uint64
    first : int64
        Number of the first iteration.
    arrays, scratch
        As for ``redraw``.
    out : (3, n_iters) int64 array
        Largest statistic, cluster size and cluster mass of each iteration.
    """
    _, _, label, voxels, excess, parent, size, mass, _, _ = scratch
    scalars = arrays[16]
    strides = (np.int64(1), scalars[2], scalars[1])
    limits = (scalars[4], scalars[5])
    for iteration in range(out.shape[1]):
        out[0, iteration], n = redraw(seed, first + iteration, arrays, limits, scratch)
        out[1, iteration], out[2, iteration] = largest_cluster(
            label, strides, voxels, excess, n, parent, size, mass
        )


@compiled
def _count_run(total, ends, shift, half, counts):  # type: ignore[no-untyped-def]
    last = len(counts) - 1
    for voxel in range(ends[0], ends[1]):
        counts[min((total[voxel] + half) >> shift, last)] += 1


@compiled
def simulate_counts(seed, first, n_iters, shift, arrays, scratch, counts):  # type: ignore[no-untyped-def]
    """Histogram of the statistic of every voxel of the mask over iterations.

    Parameters
    ----------
    seed, first, arrays, scratch
        As for ``simulate``; the draws are others (``STREAM_NULL``).
    n_iters : int64
    shift : int64
        Bin i holds values that round to ``i * 2**shift``, half up.
    counts : (n_bins,) int64 array
        Added to; values past the end go to the last bin.
    """
    values, offsets, plane_start, kernel_plane, experiment_kernel, experiment_start = arrays[:6]
    candidates, focus_start, focus_count, row_start, row_stop = arrays[6:11]
    run_start, run_stop, mask_plane, mask_row, mask_run, scalars = arrays[11:17]
    total, one, drawn_plane, drawn_voxel = scratch[0], scratch[1], scratch[8], scratch[9]
    width, stride = scalars[0], scalars[1]
    tables = (values, offsets, plane_start, kernel_plane, width)
    design = (experiment_kernel, experiment_start)
    windows = (focus_start, focus_count)
    half = (1 << shift) >> 1
    for iteration in range(n_iters):
        _draw(
            seed, STREAM_NULL, first + iteration, candidates, windows, stride,
            drawn_plane, drawn_voxel,
        )  # fmt: skip
        for number in range(len(mask_plane)):
            plane = mask_plane[number]
            base = plane * stride
            rows = range(mask_row[number], mask_row[number + 1])
            _clear_plane(total, rows, row_start, row_stop, base)
            _sum_plane(total, one, plane, tables, design, drawn_plane, drawn_voxel)
            for run in range(mask_run[number], mask_run[number + 1]):
                ends = (run_start[run] - base, run_stop[run] - base)
                _count_run(total, ends, shift, half, counts)


@compiled
def simulate_exceedances(seed, first, n_iters, observed, arrays, scratch, counts):  # type: ignore[no-untyped-def]
    """Count, voxel by voxel, the iterations that reach what was observed there.

    Parameters
    ----------
    seed, first, n_iters, arrays, scratch
        As for ``simulate_counts``, draws included.
    observed : (n_voxels,) int64 array
        Statistic over the mask, in C order.
    counts : (n_voxels,) int64 array
        Added to.
    """
    values, offsets, plane_start, kernel_plane, experiment_kernel, experiment_start = arrays[:6]
    candidates, focus_start, focus_count, row_start, row_stop = arrays[6:11]
    run_start, run_stop, mask_plane, mask_row, mask_run, scalars = arrays[11:]
    total, one, drawn_plane, drawn_voxel = scratch[0], scratch[1], scratch[8], scratch[9]
    width, stride = scalars[0], scalars[1]
    tables = (values, offsets, plane_start, kernel_plane, width)
    design = (experiment_kernel, experiment_start)
    windows = (focus_start, focus_count)
    for iteration in range(n_iters):
        _draw(
            seed, STREAM_NULL, first + iteration, candidates, windows, stride,
            drawn_plane, drawn_voxel,
        )  # fmt: skip
        at = 0
        for number in range(len(mask_plane)):
            plane = mask_plane[number]
            base = plane * stride
            rows = range(mask_row[number], mask_row[number + 1])
            _clear_plane(total, rows, row_start, row_stop, base)
            _sum_plane(total, one, plane, tables, design, drawn_plane, drawn_voxel)
            for run in range(mask_run[number], mask_run[number + 1]):
                for voxel in range(run_start[run] - base, run_stop[run] - base):
                    counts[at] += total[voxel] >= observed[at]
                    at += 1
