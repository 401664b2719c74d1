"""Counter-based random numbers against numpy's Philox and against the uniform distribution."""

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.rng import draw_indices, multiply_high, philox


@pytest.mark.parametrize("seed", [0, 42, 2**64 - 1], ids=["zero", "default", "largest"])
@pytest.mark.parametrize("counter", [(1, 0, 0, 0), (7, 8, 1, 0), (2**63, 2**64 - 1, 3, 0)])
def test_philox_is_numpys(seed: int, counter: tuple[int, ...]) -> None:
    """The four words equal those of numpy's Philox at the same counter and key."""
    # numpy adds one to the counter before it generates.
    before = sum(word << (64 * place) for place, word in enumerate(counter)) - 1
    expected = np.random.Philox(key=seed, counter=before).random_raw(4)
    words = philox(*(np.uint64(c) for c in counter), np.uint64(seed), np.uint64(0))
    assert [int(w) for w in words] == [int(w) for w in expected]


def test_multiply_high_is_the_upper_half_of_the_product() -> None:
    """Upper 64 bits agree with Python's integers, at the extremes too."""
    rng = np.random.default_rng(0)
    values = [0, 1, 2**32 - 1, 2**32, 2**64 - 1, *map(int, rng.integers(0, 2**63, 50))]
    for a in values:
        for b in values:
            assert int(multiply_high(np.uint64(a), np.uint64(b))) == (a * b) >> 64


def test_draws_depend_on_their_address_only() -> None:
    """Element 5 of iteration 9 is the same however many elements are drawn around it."""
    few, many = np.zeros(6, dtype=np.int64), np.zeros(401, dtype=np.int64)
    for out in (few, many):
        draw_indices(np.uint64(42), 1, 9, np.full(len(out), 228_483), out)
    np.testing.assert_array_equal(few, many[:6])


def test_draws_are_uniform_over_each_elements_own_range() -> None:
    """Draws fill [0, count) evenly for counts that are no power of two."""
    counts = np.tile([3, 7, 1000], 20_000)
    out = np.zeros(len(counts), dtype=np.int64)
    draw_indices(np.uint64(7), 1, 0, counts, out)
    for count in (3, 7, 1000):
        drawn = out[counts == count]
        assert drawn.min() >= 0
        assert drawn.max() < count
        observed = np.bincount(drawn, minlength=count)
        assert stats.chisquare(observed).pvalue > 1e-4
