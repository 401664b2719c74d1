"""The compiled loop of sign flips: sums of terms under random signs, and the largest of them.

At each voxel a flip adds one whole number for every group of dependent images, or takes it away.
Groups are packed: the sums of a pack under all its signs are a table, made once for a block of
voxels and a batch of flips, and a flip adds one row of each table. Everything stays in the cache,
and integers make the order of it all free.
"""

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.rng import STREAM_SIGNS, philox

WIDTH = 64
"""Voxels of a block."""
Z_BITS = 20
"""z is counted in units of 2**-20."""
CELLS = 2048
"""Cells of the table of z."""
PARTS = 7
"""Tables of z: the last sixteenth of each, where t runs off to infinity, is the next."""
N_GROUPS, EXHAUSTIVE, TWO_SIDED, THRESHOLD, ROOT, ROW, PLANE, LENGTH, N_VOXELS = range(9)
"""Places in ``scalars``."""
SHARE = 2.0**28
"""What a statistic is multiplied by that is the root of a share of variance, 0 to 1."""
SCORE = 2.0**19
"""What a statistic is multiplied by that is z itself."""
KNAPP_HARTUNG, CONSERVATIVE, WALD = range(3)
"""Standard errors where the variance between studies is estimated again, the last of ``form``."""
_LARGEST_SCORE = 1000.0
_TABLES = 3
_WORD = 64


@compiled
def draw_signs(seed, iteration, exhaustive, flipped):  # type: ignore[no-untyped-def]
    """Fill ``flipped`` with 0 or 1 for every group: drawn, or the bits of the iteration."""
    one = np.uint64(1)
    if exhaustive:
        for group in range(len(flipped)):
            flipped[group] = np.int64((np.uint64(iteration) >> np.uint64(group)) & one)
        return
    zero = np.uint64(0)
    for begin in range(0, len(flipped), 4 * _WORD):
        words = philox(
            np.uint64(begin // (4 * _WORD)), np.uint64(iteration), np.uint64(STREAM_SIGNS), zero,
            np.uint64(seed), zero,
        )  # fmt: skip
        for element in range(min(4 * _WORD, len(flipped) - begin)):
            word = words[element // _WORD] >> np.uint64(element % _WORD)
            flipped[begin + element] = np.int64(word & one)


@compiled
def draw_rows(seed, first, n, bits, scalars, flipped, rows):  # type: ignore[no-untyped-def]
    """Row of the table of each pack, ``rows[flip, pack]``, for a batch of n flips."""
    n_groups = scalars[N_GROUPS]
    for flip in range(n):
        draw_signs(seed, first + flip, scalars[EXHAUSTIVE], flipped)
        for pack in range(rows.shape[1]):
            begin = pack * bits
            row = np.int64(0)
            for k in range(min(bits, n_groups - begin)):
                row |= flipped[begin + k] << k
            rows[flip, pack] = row


@compiled
def pack_bits(tables):  # type: ignore[no-untyped-def]
    """Groups of a pack, for which the tables have room."""
    bits = np.int64(0)
    while (1 << bits) < tables.shape[1]:
        bits += 1
    return bits


@compiled
def _fill_table(terms, begin, end, table):  # type: ignore[no-untyped-def]
    """Sums of a pack of groups of one block under all their signs; a set bit takes away."""
    for lane in range(WIDTH):
        total = np.int32(0)
        for group in range(begin, end):
            total += terms[group, lane]
        table[0, lane] = total
    for k in range(end - begin):
        half = 1 << k
        for row in range(half):
            for lane in range(WIDTH):
                table[half + row, lane] = table[row, lane] - 2 * terms[begin + k, lane]


@compiled
def _set_rows(tables, rows, pack, sums, n):  # type: ignore[no-untyped-def]
    """Sums of each flip: a row of each of three tables."""
    last = rows.shape[1] - 1
    for flip in range(n):
        a = rows[flip, pack]
        b = rows[flip, pack + 1] if pack < last else 0
        c = rows[flip, pack + 2] if pack + 1 < last else 0
        for lane in range(WIDTH):
            sums[flip, lane] = tables[0, a, lane] + tables[1, b, lane] + tables[2, c, lane]


@compiled
def _add_rows(tables, rows, pack, sums, n):  # type: ignore[no-untyped-def]
    """``_set_rows``, added to what there is."""
    last = rows.shape[1] - 1
    for flip in range(n):
        a = rows[flip, pack]
        b = rows[flip, pack + 1] if pack < last else 0
        c = rows[flip, pack + 2] if pack + 1 < last else 0
        for lane in range(WIDTH):
            sums[flip, lane] += tables[0, a, lane] + tables[1, b, lane] + tables[2, c, lane]


@compiled
def sum_block(terms, rows, n, bits, tables, sums):  # type: ignore[no-untyped-def]
    """Sums of one block of voxels under each flip of a batch.

    Parameters
    ----------
    terms : (n_groups, WIDTH) int32 array
    rows : (n or more, n_packs) int64 array
    n, bits : int64
    tables : (3, 2**bits, WIDTH) int32 array
        Memory.
    sums : (n or more, WIDTH) int32 array
    """
    n_groups = terms.shape[0]
    for pack in range(0, rows.shape[1], _TABLES):
        for t in range(_TABLES):
            # A table of no groups is one row of 0.
            begin = min((pack + t) * bits, n_groups)
            _fill_table(terms, begin, min(begin + bits, n_groups), tables[t])
        if pack == 0:
            _set_rows(tables, rows, pack, sums, n)
        else:
            _add_rows(tables, rows, pack, sums, n)


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
def extremes(sums, offset):  # type: ignore[no-untyped-def]
    """Largest of a block: of what the positive side holds, and of what the negative side holds."""
    high, low = np.int32(0), np.int32(0)
    if len(offset):
        for lane in range(WIDTH):
            high = max(high, offset[lane] + sums[lane])
            low = max(low, offset[lane] - sums[lane])
    else:
        for lane in range(WIDTH):
            high = max(high, sums[lane])
            low = max(low, -sums[lane])
    return high, low


@compiled
def gather(sums, offset, place, rules, tables, lists, n):  # type: ignore[no-untyped-def]
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
    lists : tuple of (n_lanes,) int32 arrays
        Places, and how far z is above the threshold.
    n : int64
        How many are listed.
    """
    voxels, excess = lists
    two_sided, least, threshold = rules
    kind, scale, curve, root = tables
    for lane in range(WIDTH):
        base = offset[lane] if len(offset) else np.int32(0)
        negative = two_sided and sums[lane] < 0
        raw = base - sums[lane] if negative else base + sums[lane]
        if raw >= least:
            voxels[n] = -place[lane] if negative else place[lane]
            excess[n] = cut(raw, kind, scale, curve, root) - threshold
            n += 1
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
def _divide(sums, more, form, n):  # type: ignore[no-untyped-def]
    """Root of a share of variance from products: see ``FlipTerms``; in place of the first."""
    for flip in range(n):
        for lane in range(WIDTH):
            first = float(sums[flip, lane])
            below = form[0] + form[1] * first * first
            for product in range(len(more)):
                other = float(more[product, flip, lane])
                below += form[2 + product] * other * other
            share = min(abs(first) / np.sqrt(below), 1.0) if below > 0 else 0.0
            whole = np.int32(share * SHARE)
            sums[flip, lane] = whole if first >= 0 else -whole


@compiled
def _estimate_again(effects, form, rows, bits, n, memory, sums):  # type: ignore[no-untyped-def]
    """Random-effects statistic of one block with the variance between studies of each flip.

    Parameters
    ----------
    effects : (3 * n_groups + 3, WIDTH) float64 array
        What a group adds to the sum that the variance depends on, effects, and variances
        (infinite where there is no data); then A, B and the groups less 1, with
        ``tau2 = max(0, A - B sum**2)``.
    form : (1,) float64 array
        Which standard error.
    rows, bits, n
        As in ``sum_block``.
    memory : (4, WIDTH) float64 array
    sums : (n or more, WIDTH) int32 array
        Filled.
    """
    n_groups = (effects.shape[0] - 3) // 3
    tau2, weights, products, squares = memory
    kind = np.int64(form[0])
    for flip in range(n):
        tau2[:] = 0.0
        weights[:] = 0.0
        products[:] = 0.0
        squares[:] = 0.0
        for group in range(n_groups):
            sign = 1.0 - 2.0 * ((rows[flip, group // bits] >> (group % bits)) & 1)
            for lane in range(WIDTH):
                tau2[lane] += sign * effects[group, lane]
        for lane in range(WIDTH):
            total = tau2[lane]
            left = effects[3 * n_groups, lane] - effects[3 * n_groups + 1, lane] * total * total
            tau2[lane] = max(left, 0.0)
        for group in range(n_groups):
            sign = 1.0 - 2.0 * ((rows[flip, group // bits] >> (group % bits)) & 1)
            for lane in range(WIDTH):
                weight = 1.0 / (effects[2 * n_groups + group, lane] + tau2[lane])
                y = effects[n_groups + group, lane]
                weights[lane] += weight
                products[lane] += sign * (weight * y)
                squares[lane] += weight * y * y
        for lane in range(WIDTH):
            dof = effects[3 * n_groups + 2, lane]
            sums[flip, lane] = _score(
                kind, products[lane], weights[lane], squares[lane], max(dof, 1.0)
            )


@compiled
def _score(kind, product, weight, square, dof):  # type: ignore[no-untyped-def]
    """Whole number of a statistic: of z (Wald), or of the root of the share that t is made of."""
    if not weight > 0.0 or not square > 0.0:
        return np.int32(0)
    z2 = product * product / weight
    if kind == WALD:
        whole = np.int32(min(np.sqrt(z2), _LARGEST_SCORE) * SCORE)
    else:
        rest = max(square - z2, 0.0)
        if kind == CONSERVATIVE:
            rest = max(rest, dof)
        below = z2 + rest
        whole = np.int32(np.sqrt(z2 / below) * SHARE) if below > 0.0 else np.int32(0)
    return whole if product >= 0.0 else -whole


@compiled
def measure(block, n, bits, arrays, scratch):  # type: ignore[no-untyped-def]
    """Fill ``sums`` with what the curve of the block is of, with its sign, for n flips."""
    terms, effects, form = arrays[0], arrays[9], arrays[10]
    _, rows, tables, sums, _, _, _, _, _, _, more, memory = scratch
    if len(effects):
        _estimate_again(effects[block], form, rows, bits, n, memory, sums)
        return
    n_groups = arrays[8][N_GROUPS]
    sum_block(terms[block, :n_groups], rows, n, bits, tables, sums)
    if len(form):
        for product in range(len(more)):
            begin = (product + 1) * n_groups
            sum_block(terms[block, begin : begin + n_groups], rows, n, bits, tables, more[product])
        _divide(sums, more, form, n)


@compiled
def flip_batch(seed, first, n, arrays, scratch):  # type: ignore[no-untyped-def]
    """Largest sums of each family and the voxels that form clusters, for a batch of n flips."""
    _, offset, family, place, scale, curve, least, _, scalars = arrays[:9]
    flipped, rows, tables, sums, tops, counts, voxels, excess = scratch[:8]
    two_sided, root = scalars[TWO_SIDED] > 0, scalars[ROOT] > 0
    bits = pack_bits(tables)
    draw_rows(seed, first, n, bits, scalars, flipped, rows)
    counts[:n] = 0
    tops[:n] = 0
    for block in range(len(family)):
        measure(block, n, bits, arrays, scratch)
        kind = family[block]
        rules = (two_sided, least[kind], scalars[THRESHOLD])
        base = offset[block] if len(offset) else offset.reshape(-1)
        for flip in range(n):
            high, low = extremes(sums[flip], base)
            top = max(high, low) if two_sided else high
            tops[flip, kind] = max(tops[flip, kind], top)
            if top >= least[kind]:
                counts[flip] = gather(
                    sums[flip], base, place[block], rules, (kind, scale, curve, root),
                    (voxels[flip], excess[flip]), counts[flip],
                )  # fmt: skip


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
    _, rows, _, _, tops, counts, voxels, excess, label, memory = scratch[:10]
    root = scalars[ROOT] > 0
    strides = (np.int64(1), scalars[ROW], scalars[PLANE])
    for begin in range(0, out.shape[1], len(rows)):
        n = min(len(rows), out.shape[1] - begin)
        flip_batch(seed, first + begin, n, arrays, scratch)
        for flip in range(n):
            for kind in range(len(scale)):
                z = cut(tops[flip, kind], kind, scale, curve, root)
                out[0, begin + flip] = max(out[0, begin + flip], z)
            out[1, begin + flip], out[2, begin + flip] = largest_of_list(
                label, strides, voxels[flip], excess[flip], counts[flip], memory
            )
