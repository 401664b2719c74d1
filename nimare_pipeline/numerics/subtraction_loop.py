"""The compiled loops of ALE subtraction: sum the smaller group, compare, find the extremes.

Voxels are laid out in tiles of ``WIDTH`` neighbours, each with the rows of the experiments that
reach it, so that the rows of a tile stay in the first-level cache while a batch of permutations is
summed. Everything is an integer and nothing is allocated.
"""

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.permute import draw_members, unrank

WIDTH = 256
"""Voxels of a tile."""
BATCH = 16
"""Permutations that are summed while a tile is in the cache."""
DIFFERENCE_BITS = 30
"""Differences of ALE are whole numbers in units of 2**-30."""
LOW_BITS = 12
"""Lower bits of a sum of logarithms; the rest is looked up in the table of the upper ones."""
_LOW_MASK = (1 << LOW_BITS) - 1
POSITIVE, NEGATIVE = 1, 2
"""Bits of ``tested``: whether positive and negative differences of a voxel are tested."""
_SLACK = 4
"""Rounding of four tables' entries: how far a bound may fall short."""

_LANES = np.uint64(WIDTH)
_FIRST, _SECOND = np.float32(1), np.float32(1 / 24)
_THIRD, _FOURTH = np.float32(1 / 1920), np.float32(1 / 322560)
"""Series of 2 sinh(d / 2) / d in d squared."""


@compiled
def exp_minus(x, upper, lower):  # type: ignore[no-untyped-def]
    """exp(-x) in units of 2**-30, of a sum of logarithms as a whole number."""
    return (upper[x >> LOW_BITS] * lower[x & _LOW_MASK]) >> DIFFERENCE_BITS


@compiled
def exponentials(x, upper, lower, out):  # type: ignore[no-untyped-def]
    """``exp_minus`` of every number."""
    for i in range(len(out)):
        out[i] = exp_minus(np.int64(x[i]), upper, lower)


@compiled
def difference(part, total, first, upper, lower):  # type: ignore[no-untyped-def]
    """ALE of group 1 minus that of group 2, of the sum of one group and that of both.

    ``first``: the part is group 1's; else it is group 2's.
    """
    one = part if first else total - part
    return exp_minus(total - one, upper, lower) - exp_minus(one, upper, lower)


@compiled
def differences(part, total, first, upper, lower, out):  # type: ignore[no-untyped-def]
    """``difference`` of every voxel."""
    for voxel in range(len(out)):
        out[voxel] = difference(np.int64(part[voxel]), np.int64(total[voxel]), first, upper, lower)


@compiled
def choose(seed, iteration, exhaustive, sizes, binomials, scratch, flags):  # type: ignore[no-untyped-def]
    """Flag the experiments that form the smaller group in one permutation."""
    counts, draws, order = scratch
    n, k = sizes
    if exhaustive:
        unrank(iteration, n, k, binomials, order)
    else:
        draw_members(seed, iteration, n, k, counts, draws, order)
    flags[:] = 0
    for i in range(k):
        flags[order[i]] = 1


@compiled
def _add_up(acc, rows, chosen, n):  # type: ignore[no-untyped-def]
    """Sum rows of a tile; four at a time, so that the sum is loaded and stored less often."""
    for lane in range(_LANES):
        acc[lane] = 0
    i = 0
    while i + 4 <= n:
        a, b = np.uint64(chosen[i]) * _LANES, np.uint64(chosen[i + 1]) * _LANES
        c, d = np.uint64(chosen[i + 2]) * _LANES, np.uint64(chosen[i + 3]) * _LANES
        for lane in range(_LANES):
            acc[lane] += rows[a + lane] + rows[b + lane] + rows[c + lane] + rows[d + lane]
        i += 4
    while i < n:
        a = np.uint64(chosen[i]) * _LANES
        for lane in range(_LANES):
            acc[lane] += rows[a + lane]
        i += 1


@compiled
def sum_tile(tile, tile_start, experiment, rows, flags, chosen, acc):  # type: ignore[no-untyped-def]
    """Sum of the flagged experiments over the voxels of a tile."""
    n = 0
    for row in range(tile_start[tile], tile_start[tile + 1]):
        chosen[n] = row
        n += flags[experiment[row]]
    _add_up(acc, rows, chosen, n)


@compiled
def _count_reached(acc, observed, at_least, at_most, base):  # type: ignore[no-untyped-def]
    for lane in range(_LANES):
        value, mine = acc[lane], observed[base + lane]
        at_least[base + lane] += np.int32(value >= mine)
        at_most[base + lane] += np.int32(value <= mine)


@compiled
def _extremes(acc, total, base):  # type: ignore[no-untyped-def]
    """Least and largest difference of sums in a tile, and its least total."""
    low, high, least = np.int32(2**31 - 1), np.int32(-(2**31)), np.int32(2**31 - 1)
    for lane in range(_LANES):
        whole = total[base + lane]
        apart = np.int32(acc[lane] + acc[lane] - whole)
        low, high, least = min(low, apart), max(high, apart), min(least, whole)
    return np.int64(low), np.int64(high), np.int64(least)


@compiled
def _bin_differences(acc, lanes, base, orientation, scale, first_bin, n_bins, bins):  # type: ignore[no-untyped-def]
    """Bin of the difference of each voxel of a tile; where it is not counted, one of its own.

    D = exp(-T / 2) 2 sinh(d / 2) of sums that are d apart; the series is within 5e-6 up to d = 2.
    """
    total, tested, height = lanes
    for lane in range(_LANES):
        at = base + lane
        apart = np.float32(np.int32(acc[lane] + acc[lane] - total[at])) * scale
        square = apart * apart
        series = _FIRST + square * (_SECOND + square * (_THIRD + square * _FOURTH))
        value = orientation * height[at] * apart * series
        size = np.int32(min(abs(value), np.float32(n_bins - 1)))
        positive = value > 0
        seen = tested[at] & (POSITIVE if positive else NEGATIVE)
        place = size + np.int32(WIDTH if positive else WIDTH + n_bins)
        bins[lane] = place if (size >= first_bin) & (seen != 0) else np.int32(lane)


@compiled
def _increment(pooled, bins):  # type: ignore[no-untyped-def]
    for lane in range(_LANES):
        pooled[np.uint64(bins[lane])] += 1


@compiled
def count_permutations(seed, begin, n_iters, limits, arrays, height, scratch, out):  # type: ignore[no-untyped-def]
    """Count how often a permutation reaches what was observed, voxel by voxel.

    Parameters
    ----------
    seed : uint64
    begin, n_iters : int64
        Which permutations.
    limits : tuple of int64
        Sums of the groups must be so far apart to be in the histogram; its first bin; its bins.
    arrays : tuple of arrays
        Fields of a ``SubtractionPlan`` in their order.
    height : (n_lanes,) float32 array
        exp(-T / 2) in bins, T the sum of both groups.
    scratch : tuple of arrays
        Memory of one thread.
    out : tuple of arrays
        Added to: (n_lanes,) int32 counts of sums of the smaller group at least, and at most, the
        observed one; (WIDTH + 2 n_bins,) int64 histogram of positive and then of negative
        differences, after what is not counted.
    """
    rows, tile_start, experiment, total, observed, tested = arrays[:6]
    binomials, scalars = arrays[9:]
    flags, chosen, acc, order, bins = scratch[:5]
    at_least, at_most, pooled = out
    sizes, exhaustive = (scalars[0], scalars[1]), scalars[3] > 0
    orientation = np.float32(1 if scalars[2] > 0 else -1)
    scale = np.float32(2.0 ** -scalars[9])
    floor, first_bin, n_bins = limits
    for start in range(begin, begin + n_iters, BATCH):
        n_here = min(BATCH, begin + n_iters - start)
        for p in range(n_here):
            choose(seed, start + p, exhaustive, sizes, binomials, order, flags[p])
        for tile in range(len(tile_start) - 1):
            base = np.uint64(tile) * _LANES
            for p in range(n_here):
                sum_tile(tile, tile_start, experiment, rows, flags[p], chosen, acc)
                _count_reached(acc, observed, at_least, at_most, base)
                low, high, _ = _extremes(acc, total, base)
                if max(high, -low) < floor:
                    continue
                lanes = (total, tested, height)
                _bin_differences(acc, lanes, base, orientation, scale, first_bin, n_bins, bins)
                _increment(pooled, bins)


@compiled
def _bound(apart, least, upper, lower):  # type: ignore[no-untyped-def]
    """No voxel of a tile exceeds this: for sums that far apart it falls with their total."""
    if apart <= 0:
        return np.int64(0)
    whole = max(least, apart)
    near = exp_minus((whole - apart) >> 1, upper, lower)
    return near - exp_minus((whole + apart + 1) >> 1, upper, lower) + _SLACK


@compiled
def _scan_tile(acc, lanes, base, first, tables, limits, found):  # type: ignore[no-untyped-def]
    """Raise the maxima, and list the voxels that form clusters: negative ones from the end."""
    upper, lower = tables
    total, tested, voxel = lanes
    tops, counts, voxels, excess = found
    end = len(voxels) - 1
    for lane in range(_LANES):
        at = base + lane
        value = difference(np.int64(acc[lane]), np.int64(total[at]), first, upper, lower)
        if value > 0 and tested[at] & POSITIVE:
            tops[0] = max(tops[0], value)
            if value >= limits[0]:
                voxels[counts[0]], excess[counts[0]] = voxel[at], value - limits[0]
                counts[0] += 1
        elif value < 0 and tested[at] & NEGATIVE:
            tops[1] = max(tops[1], -value)
            if -value >= limits[1]:
                n = end - counts[1]
                voxels[n], excess[n] = voxel[at], -value - limits[1]
                counts[1] += 1


@compiled
def root(parent, a):  # type: ignore[no-untyped-def]
    """Root of a tree of union-find; paths are halved on the way."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@compiled
def _largest_cluster(label, strides, voxels, excess, memory):  # type: ignore[no-untyped-def]
    """Size and mass of the largest clusters of voxels that share faces, listed in any order."""
    parent, size, mass = memory
    n = len(voxels)
    for a in range(n):
        label[voxels[a]] = a + 1
        parent[a] = a
        size[a] = 0
        mass[a] = 0
    for a in range(n):
        for stride in strides:
            other = label[voxels[a] - stride]
            if other > 0:
                b, c = root(parent, a), root(parent, other - 1)
                if b < c:
                    parent[c] = b
                else:
                    parent[b] = c
    largest_size = np.int64(0)
    largest_mass = np.int64(0)
    for a in range(n):
        label[voxels[a]] = 0
        b = root(parent, a)
        size[b] += 1
        mass[b] += excess[a]
        largest_size = max(largest_size, size[b])
        largest_mass = max(largest_mass, mass[b])
    return largest_size, largest_mass


@compiled
def largest_differences(seed, begin, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """Largest difference, cluster size and cluster mass of each sign, of each permutation.

    Parameters
    ----------
    seed, begin, arrays, scratch
        As for ``count_permutations``.
    out : (6, n_iters) int64 array
        Statistic, size and mass of the positive tail, then of the negative one.
    """
    rows, tile_start, experiment, total, _, tested, voxel = arrays[:7]
    upper, lower, binomials, scalars = arrays[7:]
    flags, chosen, acc, order, _, tops, counts, voxels, excess, label, memory = scratch
    sizes, first, exhaustive = (scalars[0], scalars[1]), scalars[2] > 0, scalars[3] > 0
    limits, strides = (scalars[4], scalars[5]), (np.int64(1), scalars[6], scalars[7])
    lanes = (total, tested, voxel)
    for start in range(0, out.shape[1], BATCH):
        n_here = min(BATCH, out.shape[1] - start)
        tops[:] = 0
        counts[:] = 0
        for p in range(n_here):
            choose(seed, begin + start + p, exhaustive, sizes, binomials, order, flags[p])
        for tile in range(len(tile_start) - 1):
            base = np.uint64(tile) * _LANES
            for p in range(n_here):
                sum_tile(tile, tile_start, experiment, rows, flags[p], chosen, acc)
                low, high, least = _extremes(acc, total, base)
                if not first:
                    low, high = -high, -low
                above = _bound(high, least, upper, lower)
                below = _bound(-low, least, upper, lower)
                rises = above > tops[p, 0] or below > tops[p, 1]
                if rises or above >= limits[0] or below >= limits[1]:
                    found = (tops[p], counts[p], voxels[p], excess[p])
                    _scan_tile(acc, lanes, base, first, (upper, lower), limits, found)
        end = voxels.shape[1]
        for p in range(n_here):
            for tail in range(2):
                n = counts[p, tail]
                begin_at = tail * (end - n)
                mine = slice(begin_at, begin_at + n)
                size, mass = _largest_cluster(
                    label, strides, voxels[p][mine], excess[p][mine], memory
                )
                out[3 * tail, start + p] = tops[p, tail]
                out[3 * tail + 1, start + p], out[3 * tail + 2, start + p] = size, mass
