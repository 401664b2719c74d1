"""Sums of terms under random signs, a block of voxels and a batch of flips at a time, compiled.

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
    rows, tables, sums, more, memory = scratch[1], scratch[2], scratch[3], scratch[11], scratch[12]
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
