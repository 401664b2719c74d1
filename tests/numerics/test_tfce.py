"""Threshold-free cluster enhancement against the integral written out."""

import numpy as np
import pytest
from scipy import ndimage

from nimare_pipeline.numerics.tfce import largest_tfce, tfce, tfce_scratch, tfce_tables

VOXEL_MM3 = 8.0
HEIGHTS = np.array([0.0, 0.0, 0.3, 0.5, 0.9, 1.4, 1.5, 2.2, 2.9, 3.3, 4.1])


@pytest.fixture(params=[0, 1, 2])
def field(request):
    """Levels over an irregular mask with plateaus, islands and voxels of no height."""
    rng = np.random.default_rng(request.param)
    mask = ndimage.binary_dilation(rng.random((9, 10, 11)) < 0.15)
    return rng.integers(0, len(HEIGHTS), mask.sum()), mask


def by_thresholds(levels, mask, extent_power, height_power):
    """The integral over every distinct threshold, by labelling at each."""
    volume = np.zeros(mask.shape)
    volume[mask] = HEIGHTS[levels]
    total, before, power = np.zeros(mask.shape), 0.0, height_power + 1
    for height in np.unique(HEIGHTS[HEIGHTS > 0]):
        labels, _ = ndimage.label(volume >= height)
        extent = np.bincount(labels.ravel()) * VOXEL_MM3
        extent[0] = 0
        total += extent[labels] ** extent_power * (height**power - before**power) / power
        before = height
    return total[mask]


def tables(mask, extent_power=0.5, height_power=2.0):
    """Tables of the heights of this module."""
    return tfce_tables(
        HEIGHTS, int(mask.sum()), VOXEL_MM3, extent_power=extent_power, height_power=height_power
    )


@pytest.mark.parametrize(("extent_power", "height_power"), [(0.5, 2.0), (1.0, 2.0), (0.6, 1.0)])
def test_is_the_integral_over_all_thresholds(field, extent_power, height_power):
    """Every voxel has the integral of its component's extent and height, to the tables' steps."""
    levels, mask = field
    made = tables(mask, extent_power, height_power)
    expected = by_thresholds(levels, mask, extent_power, height_power)
    found = tfce(levels, mask, made) * made.unit
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_stepwise_sum_converges_to_it(field):
    """The usual sum over steps of height comes the nearer, the smaller its steps."""
    levels, mask = field
    made = tables(mask)
    exact = tfce(levels, mask, made) * made.unit
    volume = np.zeros(mask.shape)
    volume[mask] = HEIGHTS[levels]
    errors = []
    for step in (0.1, 0.01):
        total = np.zeros(mask.shape)
        for height in np.arange(step, HEIGHTS[-1] + step / 2, step) - step / 2:
            labels, _ = ndimage.label(volume >= height)
            extent = np.bincount(labels.ravel()) * VOXEL_MM3
            extent[0] = 0
            total += extent[labels] ** 0.5 * height**2 * step
        errors.append(np.abs(total[mask] - exact).max() / exact.max())
    # Heights lie on both lattices, so that the midpoint rule errs by step**2 / 12 of h itself.
    assert errors[1] < 1e-4
    assert errors[1] < errors[0] / 50


def test_largest_is_the_maximum_of_the_map(field):
    """What the loop carries at the roots is the largest value of the map, to the last bit."""
    levels, mask = field
    made = tables(mask)
    padded = np.pad(mask, 1)
    label = np.zeros(padded.size, dtype=np.int32)
    strides = (np.int64(1), np.int64(padded.shape[2]), np.int64(padded[0].size))
    voxels = np.flatnonzero(padded)
    scratch = tfce_scratch(len(HEIGHTS), len(voxels))
    found = [
        largest_tfce(
            label, strides, voxels, levels.astype(np.int32), np.int64(len(voxels)),
            made.height, made.extent, scratch,
        )
        for _ in range(2)
    ]  # fmt: skip
    expected = tfce(levels, mask, made).max()
    assert found == [expected, expected]
    assert not label.any()


def test_nothing_high_enhances_nothing():
    """Where every height is 0 so is every value, and the largest one."""
    mask = np.ones((2, 3, 4), dtype=bool)
    assert not tfce(np.zeros(24, dtype=np.int64), mask, tables(mask)).any()


def test_sums_fit_64_bits():
    """Tables are so coarse that a whole mask at the last level cannot overflow."""
    made = tfce_tables(np.linspace(0, 38, 1000), 10**6, 8.0, extent_power=1.0, height_power=3.0)
    assert int(made.height[-1]) * int(made.extent[-1]) < 2**62
    assert made.height[-1] * made.unit * made.extent[-1] == pytest.approx(8e6 * 38**4 / 4)
