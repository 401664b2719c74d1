"""Counter-based random numbers: a draw depends on its address, never on who drew before it.

Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11, doi
10.1145/2063384.2063405), the generator behind ``numpy.random.Philox``. The counter holds (element
block, iteration, stream, 0) and the key (seed, 0), so any thread, chunk or machine that computes
iteration 17 draws the same foci.
"""

import numpy as np

from nimare_pipeline.numerics.jit import compiled

STREAM_FOCI = 1
"""Stream of the Monte Carlo draws of foci; other uses of the same seed take other streams."""
STREAM_NULL = 2
"""Stream of the draws for an uncorrected Monte Carlo null."""
STREAM_LABELS = 3
"""Stream of the permutations of group labels."""
STREAM_SIGNS = 4
"""Stream of the flips of signs."""

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@compiled
def multiply_high(a, b):  # type: ignore[no-untyped-def]
    """Upper 64 bits of the 128-bit product of two uint64."""
    a_low, a_high = a & _LOW, a >> _HALF
    b_low, b_high = b & _LOW, b >> _HALF
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    carry = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (carry >> _HALF)


@compiled
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Four uint64 for a counter of four and a key of two uint64 (ten rounds)."""
    for _ in range(10):
        high0, low0 = multiply_high(_M0, c0), _M0 * c0
        high1, low1 = multiply_high(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


@compiled
def draw_indices(seed, stream, iteration, counts, out):  # type: ignore[no-untyped-def]
    """Fill ``out[e]`` with an index in [0, counts[e]) for every element e of one iteration.

    The upper half of ``random * count`` maps 64 random bits to the range without division; its
    bias is below count / 2**64.
    """
    n = len(out)
    zero = np.uint64(0)
    block = 0
    while 4 * block < n:
        words = philox(
            np.uint64(block), np.uint64(iteration), np.uint64(stream), zero, np.uint64(seed), zero
        )
        for lane in range(min(4, n - 4 * block)):
            element = 4 * block + lane
            out[element] = multiply_high(words[lane], np.uint64(counts[element]))
        block += 1
