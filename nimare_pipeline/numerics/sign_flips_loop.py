"""The compiled loop of sign flips: the largest z, cluster size and cluster mass of each."""

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.sign_flips_sums import (
    PLANE,
    ROOT,
    ROW,
    THRESHOLD,
    TWO_SIDED,
    WIDTH,
    draw_rows,
    measure,
    pack_bits,
)

Z_BITS = 20
"""z is counted in units of 2**-20."""
CELLS = 2048
"""Cells of the table of z."""
PARTS = 7
"""Tables of z: the last sixteenth of each, where t runs off to infinity, is the next."""


@compiled
def cut(raw, family, scale, curve, root):  # type: ignore[no-untyped-def]
    """Whole number of z of a sum (not below 0): the table, linear between its entries."""
    position = float(raw) if not root else np.sqrt(float(raw))
    position *= scale[family]
    part = 0
    while position >= CELLS - CELLS // 16 and part < PARTS - 1:
        position = 16 * (position - (CELLS - CELLS // 16))
        part += 1
    cell = np.int64(position)
    if cell >= CELLS:
        return np.int64(curve[family, part, CELLS])
    low, high = curve[family, part, cell], curve[family, part, cell + 1]
    return np.int64(low + (position - cell) * (high - low))


@compiled
def cut_all(raws, families, scale, curve, root, out):  # type: ignore[no-untyped-def]
    """``cut`` of many sums; what is below 0 has no z."""
    for at in range(len(raws)):
        out[at] = cut(max(raws[at], 0), families[at], scale, curve, root)


@compiled
def block_tops(sums, n, offset, two_sided, tops):  # type: ignore[no-untyped-def]
    """Largest argument of the curve in a block, for each flip; at least 0."""
    if len(offset):
        for flip in range(n):
            top = np.int32(0)
            for lane in range(WIDTH):
                one = abs(sums[flip, lane]) if two_sided else sums[flip, lane]
                top = max(top, offset[lane] + one)
            tops[flip] = top
        return
    for flip in range(n):
        high, low = np.int32(0), np.int32(0)
        for lane in range(WIDTH):
            high = max(high, sums[flip, lane])
            low = min(low, sums[flip, lane])
        tops[flip] = max(high, -low) if two_sided else high


@compiled
def gather(sums, offset, place, rules, tables, found, flip, n):  # type: ignore[no-untyped-def]
    """List the voxels of a block that form clusters: places, negative on the negative side.

    Parameters
    ----------
    sums : (WIDTH,) int32 array
    offset : (WIDTH,) or (0,) int32 array
    place : (WIDTH,) int64 array
    rules : tuple
        Whether both sides count, the smallest sum that forms a cluster and the threshold on z.
    tables : tuple
        What ``cut`` takes after the sum.
    found : tuple of arrays
        Last entry of each flip (-1: none); of each entry the one before it, its place, and how
        far z is above the threshold.
    flip, n : int64
        Whose voxels they are, and how many entries there are.
    """
    last, before, voxels, excess = found
    two_sided, least, threshold = rules
    kind, scale, curve, root = tables
    for lane in range(WIDTH):
        base = offset[lane] if len(offset) else np.int32(0)
        negative = two_sided and sums[lane] < 0
        raw = base - sums[lane] if negative else base + sums[lane]
        if raw >= least:
            voxels[n] = -place[lane] if negative else place[lane]
            excess[n] = cut(raw, kind, scale, curve, root) - threshold
            before[n] = last[flip]
            last[flip] = n
            n += 1
    return n


@compiled
def entries_of(flip, found, voxels, excess):  # type: ignore[no-untyped-def]
    """Copy the entries of one flip, in no order that matters; how many there are."""
    last, before, every_voxel, every_excess = found
    n = 0
    at = last[flip]
    while at >= 0:
        voxels[n], excess[n] = every_voxel[at], every_excess[at]
        n += 1
        at = before[at]
    return n


@compiled
def _root(parent, a):  # type: ignore[no-untyped-def]
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@compiled
def largest_of_list(label, strides, voxels, excess, n, memory):  # type: ignore[no-untyped-def]
    """Size and mass of the largest clusters of voxels in any order; both signs apart.

    ``label`` is all 0 before and after.
    """
    parent, size, mass = memory
    for a in range(n):
        label[abs(voxels[a])] = a + 1
        parent[a], size[a], mass[a] = a, 0, 0
    for a in range(n):
        for stride in strides:
            b = label[abs(voxels[a]) - stride] - 1
            if b >= 0 and (voxels[a] > 0) == (voxels[b] > 0):
                x, y = _root(parent, a), _root(parent, b)
                parent[max(x, y)] = min(x, y)
    largest_size, largest_mass = np.int64(0), np.int64(0)
    for a in range(n):
        label[abs(voxels[a])] = 0
        b = _root(parent, a)
        size[b] += 1
        mass[b] += excess[a]
        largest_size = max(largest_size, size[b])
        largest_mass = max(largest_mass, mass[b])
    return largest_size, largest_mass


@compiled
def flip_batch(seed, first, n, arrays, scratch):  # type: ignore[no-untyped-def]
    """Largest sums of each family and the voxels that form clusters, for a batch of n flips.

    Returns
    -------
    bool
        False if there are more such voxels than there is room for: n has to be smaller.
    """
    _, offset, family, place, scale, curve, least, _, scalars = arrays[:9]
    flipped, rows, tables, sums, tops, found, here = scratch[:7]
    two_sided, root = scalars[TWO_SIDED] > 0, scalars[ROOT] > 0
    bits = pack_bits(tables)
    draw_rows(seed, first, n, bits, scalars, flipped, rows)
    found[0][:n] = -1
    tops[:n] = 0
    entries, room = 0, len(found[1])
    for block in range(len(family)):
        measure(block, n, bits, arrays, scratch)
        kind = family[block]
        rules = (two_sided, least[kind], scalars[THRESHOLD])
        base = offset[block] if len(offset) else offset.reshape(-1)
        block_tops(sums, n, base, two_sided, here)
        for flip in range(n):
            tops[flip, kind] = max(tops[flip, kind], here[flip])
            if here[flip] >= least[kind]:
                if entries + WIDTH > room:
                    return False
                entries = gather(
                    sums[flip], base, place[block], rules, (kind, scale, curve, root), found,
                    flip, entries,
                )  # fmt: skip
    return True


@compiled
def flip_signs(seed, first, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """The loop over flips.

    Parameters
    ----------
    seed : uint64
    first : int64
        Number of the first flip.
    arrays : tuple of arrays
        Fields of a ``FlipPlan`` in their order.
    scratch : tuple of arrays
        Memory of one thread; ``label`` is all 0 between flips.
    out : (3, n_flips) int64 array
        Largest z, cluster size and cluster mass of each flip.
    """
    scale, curve, scalars = arrays[4], arrays[5], arrays[8]
    _, rows, _, _, tops, found, _, label, voxels, excess, memory = scratch[:11]
    root = scalars[ROOT] > 0
    strides = (np.int64(1), scalars[ROW], scalars[PLANE])
    done, most = 0, len(rows)
    while done < out.shape[1]:
        n = min(most, out.shape[1] - done)
        if not flip_batch(seed, first + done, n, arrays, scratch):
            most = max(n // 2, 1)
            continue
        for flip in range(n):
            for kind in range(len(scale)):
                z = cut(tops[flip, kind], kind, scale, curve, root)
                out[0, done + flip] = max(out[0, done + flip], z)
            total = entries_of(flip, found, voxels, excess)
            out[1, done + flip], out[2, done + flip] = largest_of_list(
                label, strides, voxels, excess, total, memory
            )
        done += n
