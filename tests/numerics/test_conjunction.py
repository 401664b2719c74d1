"""The minimum statistic, against a plain loop and by the cases that are easily got wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nimare_pipeline.numerics import conjunction

NAN = float("nan")
VALUES = st.sampled_from([-4.0, -2.0, -1e-300, 0.0, 1e-300, 1.0, 3.5, np.nan, np.inf])


def plain(column: list[float]) -> float:
    """What one voxel is, by the definition."""
    if any(np.isnan(column)):
        return NAN
    if all(value > 0 for value in column):
        return min(column)
    if all(value < 0 for value in column):
        return max(column)
    return 0.0


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([2, 4], 2),
        ([-2, -4], -2),
        ([-2, 4], 0),
        ([-2, -4, 1], 0),
        ([-2, -4, -1], -1),
        ([3, 0], 0),
        ([3, NAN], NAN),
        ([-3, 2, NAN], NAN),
    ],
)
def test_signs(column, expected) -> None:
    """Of negative values the one nearest to zero; of mixed signs, in any number, 0; else NaN."""
    found = conjunction.minimum_statistic(np.array(column, dtype=float)[:, None])
    np.testing.assert_array_equal(found, [expected])


@given(arrays(float, st.tuples(st.integers(2, 4), st.integers(1, 6)), elements=VALUES))
def test_equals_the_plain_loop(values) -> None:
    """The same as the definition, voxel by voxel; the order of the maps does not matter."""
    found = conjunction.minimum_statistic(values)
    np.testing.assert_array_equal(found, [plain(column.tolist()) for column in values.T])
    np.testing.assert_array_equal(found, conjunction.minimum_statistic(values[::-1]))


def test_p_is_the_largest() -> None:
    """The largest p; 1 where signs differ; NaN where any is; logp is the same in logarithms."""
    z = np.array([[2.0, 2.0, -3.0, NAN, 0.0], [3.0, -2.0, -2.0, 1.0, 1.0]])
    p = np.array([[0.02, 0.02, 0.001, NAN, 0.5], [0.001, 0.02, 0.02, 0.1, 0.1]])
    expected = [0.02, 1.0, 0.02, NAN, 0.5]
    np.testing.assert_array_equal(conjunction.largest_p(p, z), expected)
    found = conjunction.smallest_logp(-np.log10(p), z)
    np.testing.assert_allclose(found, -np.log10(expected), rtol=1e-15)


def test_precision_stays() -> None:
    """float32 in, float32 out."""
    values = np.ones((2, 3), dtype=np.float32)
    assert conjunction.minimum_statistic(values).dtype == np.float32
    assert conjunction.largest_p(values, values).dtype == np.float32
