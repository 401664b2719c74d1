"""Which experiments form the first group in a permutation of the labels.

There are ``comb(n, k)`` ways to choose k of n. Where that is no more than was asked for, all of
them are gone through in lexicographic order, the observed one among them; else each iteration
draws one at random, keyed by its own number.
"""

import math

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.rng import STREAM_LABELS, draw_indices


def n_divisions(n: int, k: int, asked: int) -> tuple[int, bool]:
    """Permutations to go through, and whether these are all there are.

    Parameters
    ----------
    n, k : int
        Experiments, and those of the group.
    asked : int
        Iterations asked for.

    Examples
    --------
    >>> n_divisions(6, 3, 10_000)
    (20, True)
    >>> n_divisions(37, 16, 10_000)
    (10000, False)
    """
    every = math.comb(n, k)
    return (every, True) if every <= asked else (asked, False)


def binomials(n: int, k: int) -> NDArray[np.int64]:
    """Pascal's triangle up to (n, k), of what fits; the rest is not used by ``unrank``."""
    table = np.zeros((n + 1, k + 1), dtype=np.int64)
    for i in range(n + 1):
        for j in range(min(i, k) + 1):
            table[i, j] = min(math.comb(i, j), np.iinfo(np.int64).max)
    return table


@compiled
def unrank(rank, n, k, table, out):  # type: ignore[no-untyped-def]
    """Fill ``out[:k]`` with the combination of the rank, ascending, in lexicographic order."""
    item = 0
    for place in range(k):
        while True:
            with_item = table[n - item - 1, k - place - 1]
            if rank < with_item:
                break
            rank -= with_item
            item += 1
        out[place] = item
        item += 1


@compiled
def draw_members(seed, iteration, n, k, counts, draws, order):  # type: ignore[no-untyped-def]
    """Fill ``order[:k]`` with k of 0 to n - 1, every combination as likely, in no order.

    ``counts`` and ``draws`` (k,) and ``order`` (n,) are the caller's memory, int64.
    """
    for i in range(n):
        order[i] = i
    for i in range(k):
        counts[i] = n - i
    draw_indices(seed, STREAM_LABELS, iteration, counts[:k], draws[:k])
    for i in range(k):
        j = i + draws[i]
        order[i], order[j] = order[j], order[i]


def draw_scratch(n: int, k: int) -> tuple[NDArray[np.int64], ...]:
    """Memory for ``draw_members``: ``counts``, ``draws`` and ``order``."""
    return (
        np.zeros(k, dtype=np.int64),
        np.zeros(k, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
    )


def members(seed: int, iteration: int, n: int, k: int, *, exhaustive: bool) -> NDArray[np.int64]:
    """First group of one permutation, ascending; the readable way to what the loops draw.

    Parameters
    ----------
    seed, iteration : int
    n, k : int
        Experiments, and those of the group.
    exhaustive : bool
        Iterations number the combinations, as ``n_divisions`` said.

    Returns
    -------
    (k,) int64 array

    Examples
    --------
    >>> members(0, 1, 4, 2, exhaustive=True)
    array([0, 2])
    """
    order = np.zeros(n, dtype=np.int64)
    if exhaustive:
        unrank(np.int64(iteration), np.int64(n), np.int64(k), binomials(n, k), order)
    else:
        counts, draws = np.zeros(k, dtype=np.int64), np.zeros(k, dtype=np.int64)
        draw_members(np.uint64(seed), np.int64(iteration), n, k, counts, draws, order)
    return np.sort(order[:k])
