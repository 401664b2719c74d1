"""The compiled loop of label permutations: counts of the smaller group, the largest chi-squares.

The number of all experiments at a voxel does not depend on the labels, so the signed root of
chi-square is ``(a - e) w`` with a the count of the smaller group and e, w known for each voxel. It
is cut to whole numbers, so that maxima, sums and comparisons are exact.
"""

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.permute import draw_members, unrank
from nimare_pipeline.numerics.simulate import largest_cluster
from nimare_pipeline.numerics.study_runs import add_runs

UNIT_BITS = 16
"""z is counted in units of 2**-16."""
ABOVE, BELOW = 1, 2
"""Bits of ``tested``: whether counts of the smaller group above and below expectation count."""
BLOCK = 64
"""Voxels that are looked at together: only where the largest of them matters, one by one."""


@compiled
def cut_to_whole(counts, expected, weight, out):  # type: ignore[no-untyped-def]
    """Signed root of chi-square in whole numbers; the one place where it is cut."""
    for voxel in range(len(counts)):
        out[voxel] = np.int32((np.float32(counts[voxel]) - expected[voxel]) * weight[voxel])


@compiled
def count_block(steps, begin, count, block):  # type: ignore[no-untyped-def]
    """Counts of a block of voxels from the steps at run ends, which become 0 again."""
    for i in range(BLOCK):
        count += steps[begin + i]
        block[i] = count
        steps[begin + i] = 0
    return count


@compiled
def whole_block(block, begin, expected, weight, out):  # type: ignore[no-untyped-def]
    """Whole numbers of a block, and the largest and smallest of them."""
    high, low = np.int32(0), np.int32(0)
    for i in range(BLOCK):
        whole = np.int32((np.float32(block[i]) - expected[begin + i]) * weight[begin + i])
        out[i] = whole
        high = max(high, whole)
        low = min(low, whole)
    return high, low


@compiled
def keep_tested(begin, tested, out):  # type: ignore[no-untyped-def]
    """Let the signs of a block that are not tested be 0; its largest and smallest number.

    A step of its own, since choosing in ``whole_block`` would cost all plans a fifth of the loop.
    """
    high, low = np.int32(0), np.int32(0)
    for i in range(BLOCK):
        if not tested[begin + i] & (ABOVE if out[i] > 0 else BELOW):
            out[i] = 0
        high = max(high, out[i])
        low = min(low, out[i])
    return high, low


@compiled
def _gather(out, begin, sign, threshold, place, voxels, excess, n):  # type: ignore[no-untyped-def]
    """List the voxels of a block that form clusters of one sign."""
    for i in range(BLOCK):
        if sign * out[i] >= threshold:
            voxels[n] = place[begin + i]
            excess[n] = sign * out[i] - threshold
            n += 1
    return n


@compiled
def add_smaller_group(seed, iteration, arrays, scratch):  # type: ignore[no-untyped-def]
    """Draw the smaller group of a permutation, and set the steps where its runs begin and end."""
    run_start, run_stop, indptr, _, _, _, _, table, scalars = arrays
    steps, _, _, _, order, counts, draws, _ = scratch
    n, k, exhaustive = scalars[0], scalars[1], scalars[2]
    if exhaustive:
        unrank(iteration, n, k, table, order)
    else:
        draw_members(seed, iteration, n, k, counts, draws, order)
    for member in range(k):
        add_runs(order[member], run_start, run_stop, indptr, steps)


@compiled
def permute_labels(seed, first, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """The loop over permutations.

    Parameters
    ----------
    seed : uint64
    first : int64
        Number of the first permutation.
    arrays : tuple of arrays
        Fields of a ``LabelPlan`` in their order.
    scratch : tuple of arrays
        Memory of one thread; ``steps`` (but for its last, which is never read) and ``label`` are
        all 0 between permutations.
    out : (6, n_iters) int64 array
        Largest number, cluster size and mass where the smaller group has more, then less, than
        expected.
    """
    _, _, _, place, expected, weight, tested, _, scalars = arrays
    steps, block, whole, label, _, _, _, lists = scratch
    above, below, excess_above, excess_below, parent, size, mass = lists
    threshold = scalars[3]
    strides = (np.int64(1), scalars[4], scalars[5])
    for iteration in range(out.shape[1]):
        add_smaller_group(seed, first + iteration, arrays, scratch)
        count, high, low = np.int32(0), np.int32(0), np.int32(0)
        n_above, n_below = 0, 0
        for begin in range(0, len(place), BLOCK):
            count = count_block(steps, begin, count, block)
            top, bottom = whole_block(block, begin, expected, weight, whole)
            if len(tested):
                top, bottom = keep_tested(begin, tested, whole)
            high, low = max(high, top), min(low, bottom)
            if top >= threshold:
                n_above = _gather(whole, begin, 1, threshold, place, above, excess_above, n_above)
            if -bottom >= threshold:
                n_below = _gather(whole, begin, -1, threshold, place, below, excess_below, n_below)
        out[0, iteration], out[3, iteration] = high, -low
        out[1, iteration], out[2, iteration] = largest_cluster(
            label, strides, above, excess_above, n_above, parent, size, mass
        )
        out[4, iteration], out[5, iteration] = largest_cluster(
            label, strides, below, excess_below, n_below, parent, size, mass
        )
