"""Modelled activation added up experiment by experiment, against the maps it comes from."""

import numpy as np
import pytest

from nimare_pipeline.numerics.activation import (
    FINER_BITS,
    Activation,
    activation_of,
    ale_activation,
)
from nimare_pipeline.numerics.gaussian import SMALLEST_MA
from nimare_pipeline.numerics.ma import ale_maps
from nimare_pipeline.numerics.plan import integer_log
from nimare_pipeline.numerics.value_counts import ValueCounts, finest_shift
from tests.numerics.test_ma import brute_force, case, world

BITS = 26


def same(one: Activation, other: Activation) -> None:
    np.testing.assert_array_equal(one.log_sum, other.log_sum)
    np.testing.assert_array_equal(one.numbers, other.numbers)
    a, b = one.counts, other.counts
    assert a.shift == b.shift
    np.testing.assert_array_equal(a.largest, b.largest)
    n = min(a.low.shape[1], b.low.shape[1])
    for name in ("low", "high", "residual"):
        left, right = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(left[:, :n], right[:, :n])
        assert not left[:, n:].any()
        assert not right[:, n:].any()


@pytest.mark.parametrize(
    "affine",
    [world(2, 2, 2), world(-2, 2, 2), world(1.5, 2, 3), world(2, 2, 2, oblique=True)],
    ids=["2mm", "left-handed", "anisotropic", "oblique"],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole-mm", "anywhere"])
def test_sums_and_counts_are_those_of_the_maps(affine: np.ndarray, *, whole: bool) -> None:
    """Bit for bit, whether squared distances are looked up or not."""
    xyz, experiment, fwhm, mask = case()
    xyz = np.rint(xyz) if whole else xyz
    maps = ale_maps(xyz, experiment, fwhm, mask, affine)
    found = ale_activation(xyz, experiment, fwhm, mask, affine, BITS)
    same(found, activation_of(maps, BITS))


def test_sums_are_those_of_brute_force() -> None:
    """Sum of -log(1 - MA) over experiments, MA by brute force over voxels and foci."""
    xyz, experiment, fwhm, mask = case(3)
    found = ale_activation(xyz, experiment, fwhm, mask, world(2, 2, 2), BITS)
    ma = brute_force(xyz, experiment, fwhm, mask, world(2, 2, 2))
    # An experiment's term is a whole number of 2**-58.
    expected = -np.log1p(-ma).sum(axis=0)
    np.testing.assert_allclose(found.log_sum, expected, rtol=1e-12, atol=2.0**-57)
    np.testing.assert_allclose(found.stat, 1 - np.prod(1 - ma, axis=0), rtol=1e-9, atol=1e-15)
    assert (found.numbers > 0).sum() > 1000


def test_counts_are_histograms_of_the_values() -> None:
    """Each experiment's whole numbers, counted one by one."""
    xyz, experiment, fwhm, mask = case(1)
    found = ale_activation(xyz, experiment, fwhm, mask, world(2, 2, 2), BITS).counts
    maps = ale_maps(xyz, experiment, fwhm, mask, world(2, 2, 2))
    width = 2 ** finest_shift(BITS)
    for row in range(len(fwhm)):
        values = integer_log(maps[[row]].data, BITS)
        for place in np.unique(values // width):
            held = values[values // width == place]
            assert found.low[row, place] + found.high[row, place] == len(held)
            assert found.high[row, place] == (held % width >= width / 2).sum()
            assert found.residual[row, place] == (held % width).sum()
        assert found.low[row].sum() + found.high[row].sum() == len(values)


def test_threads_and_order_change_no_bit() -> None:
    """Experiments in another order, foci in another order, two threads: the same sums."""
    xyz, experiment, fwhm, mask = case(2)
    one = ale_activation(xyz, experiment, fwhm, mask, world(2, 2, 2), BITS)
    same(one, ale_activation(xyz, experiment, fwhm, mask, world(2, 2, 2), BITS, n_threads=2))
    other = ale_activation(xyz[::-1], 3 - experiment[::-1], fwhm[::-1], mask, world(2, 2, 2), BITS)
    np.testing.assert_array_equal(one.log_sum, other.log_sum)
    np.testing.assert_array_equal(one.numbers, other.numbers)
    np.testing.assert_array_equal(one.counts.low, other.counts.low[::-1])


def test_values_below_the_kernels_end_are_nothing() -> None:
    """What is further than the reach adds nothing, as in the maps."""
    mask, affine = np.ones((23, 19, 21), dtype=bool), world(2, 2, 2)
    found = ale_activation(
        np.array([[0.0, 0, 0]]), np.array([0]), np.array([8.0]), mask, affine, 26
    )
    smallest = found.log_sum[found.log_sum > 0].min()
    assert smallest >= SMALLEST_MA * (1 - 2.0 ** (1 - FINER_BITS))
    assert 0 < (found.log_sum > 0).sum() < mask.sum()


def naive(values: np.ndarray, shift: int) -> np.ndarray:
    counts = np.zeros(int(values.max() >> shift) + 2)
    for value in values:
        place, rest = divmod(int(value), 2**shift)
        counts[place] += 1 - rest / 2**shift
        counts[place + 1] += rest / 2**shift
    return counts


@pytest.mark.parametrize("shift", [6, 7, 9, 13])
def test_coarser_counts_are_those_of_the_values(shift: int) -> None:
    """Rounded half up, and shared between neighbours, from the fine counts as from the values."""
    rng = np.random.default_rng(shift)
    rows = [rng.integers(1, 2**15, 400), rng.integers(1, 900, 50), np.array([], dtype=np.int64)]
    rows[1][:4] = 32, 96, 2**shift - 1, 2 ** (shift - 1)
    counts = ValueCounts.of(rows, 6)
    rounded, shared = counts.rounded(shift), counts.shared(shift)
    for row, values in enumerate(rows[:2]):
        expected = np.bincount((values + 2 ** (shift - 1)) >> shift, minlength=rounded.shape[1])
        np.testing.assert_array_equal(rounded[row], expected)
        np.testing.assert_array_equal(
            np.trim_zeros(shared[row], "b"), np.trim_zeros(naive(values, shift), "b")
        )
        centre = shared[row] @ np.arange(shared.shape[1]) * 2**shift
        assert centre == values.sum()
    assert not rounded[2].any()
    assert not shared[2].any()
