"""Uncorrected nulls against exact arithmetic and brute-force enumeration."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from nimare_pipeline.numerics.nulls import (
    Null,
    convolution_null,
    counted_null,
    direct_logsf,
    histogram_null,
    lattice_null,
    tilted_logsf,
)


def exact_tail(pmfs) -> list[Fraction]:  # type: ignore[no-untyped-def]
    """P(X >= k) of a sum, in rational arithmetic."""
    total = {0: Fraction(1)}
    for support, probability in pmfs:
        total_next: dict[int, Fraction] = {}
        for (a, p), (b, q) in product(
            total.items(), zip(support.tolist(), probability, strict=True)
        ):
            total_next[a + b] = total_next.get(a + b, Fraction(0)) + p * q
        total = total_next
    last = max(total)
    tail, out = Fraction(0), []
    for k in range(last, -1, -1):
        tail += total.get(k, Fraction(0))
        out.append(tail)
    return out[::-1]


def lattice(seed: int, n: int) -> list[tuple[np.ndarray, list[Fraction]]]:
    """Distributions like modelled activation: nearly all 0, a falling tail."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        support = np.unique(np.concatenate([[0], rng.integers(1, 60, 12)]))
        counts = np.concatenate([[200_000], rng.integers(1, 900, len(support) - 1)])
        total = int(counts.sum())
        found.append((support, [Fraction(int(c), total) for c in counts]))
    return found


@pytest.mark.parametrize("n", [1, 2, 7, 15])
def test_tail_is_exact_far_beyond_the_transforms_noise(n: int) -> None:
    """Relative error stays below 1e-8 from p = 1 down to the last value of the support."""
    pmfs = lattice(n, n)
    expected = exact_tail(pmfs)
    last = max(k for k, p in enumerate(expected) if p > 0)
    logsf = tilted_logsf([(s, np.array([float(p) for p in q])) for s, q in pmfs], last)
    exact = np.array([float(np.log(p.numerator / p.denominator) if p > Fraction(1, 10**300)
                            else np.log(float(p * 10**300)) - 300 * np.log(10))
                      for p in expected[: last + 1]])  # fmt: skip
    np.testing.assert_allclose(logsf, exact, atol=1e-8)
    assert exact[-1] < -5 * n  # the last value is as unlikely as that


def test_p_includes_the_observed_bin() -> None:
    """P(X >= x): one experiment, 5 of 10 voxels at one value, gives p = .5 there and 1 below."""
    value = 2**20
    null = convolution_null([np.full(5, value)], 10, value)
    p = np.exp(null.log_p(np.array([0, value])))
    np.testing.assert_allclose(p, [1, 0.5], rtol=1e-12)


def test_convolution_matches_enumeration_of_voxels() -> None:
    """Two experiments on six voxels: every pair of voxels is equally likely."""
    a, b = np.array([2**18, 2**19, 0, 0, 0, 2**20]), np.array([0, 0, 2**19, 2**20, 0, 0])
    sums = np.add.outer(a, b).ravel()
    null = convolution_null([a[a > 0], b[b > 0]], 6, int(sums.max()))
    for x in np.unique(sums):
        assert np.exp(null.log_p(np.array([x])))[0] == pytest.approx((sums >= x).mean(), rel=1e-9)


def test_smallest_significant_value_is_the_border() -> None:
    """The border value is significant, one integer less is not, and the level is recorded."""
    rng = np.random.default_rng(1)
    values = [rng.integers(1, 2**20, 500) for _ in range(8)]
    null = convolution_null(values, 20_000, 2**22)
    border, achieved = null.smallest_significant(0.001)
    border = int(np.ceil(border))
    at, below = np.exp(null.log_p(np.array([border, border - 1])))
    assert at < 0.001 <= below
    assert achieved == at


def test_no_significant_value_on_a_short_grid() -> None:
    """When nothing on the grid is unlikely enough the border is infinite."""
    assert Null("approximate", 1.0, np.log([1.0, 0.5]), "integer").smallest_significant(0.01) == (
        np.inf,
        0.0,
    )


def test_histogram_null_matches_enumeration() -> None:
    """Union of two small histograms against every pair of voxels, on the same bins."""
    a, b = np.array([0.00312, 0.0051]), np.array([0.0102, 0.00312, 0.00707])
    full_a, full_b = np.concatenate([a, np.zeros(4)]), np.concatenate([b, np.zeros(3)])
    bins = lambda v: np.floor(v / 1e-5 + 0.5)  # noqa: E731
    union = 1 - np.multiply.outer(1 - bins(full_a) * 1e-5, 1 - bins(full_b) * 1e-5)
    null = histogram_null([a, b], 6)
    for x in np.unique(bins(union)):
        expected = (bins(union) >= x).mean()
        assert np.exp(null.logsf[int(x)]) == pytest.approx(expected, rel=1e-12)


def test_order_of_experiments_does_not_matter_to_the_exact_null() -> None:
    """Reversing the experiments leaves the exact null as it was."""
    rng = np.random.default_rng(4)
    values = [rng.integers(1, 2**19, 300) for _ in range(6)]
    one, other = (convolution_null(v, 5000, 2**21) for v in (values, values[::-1]))
    np.testing.assert_allclose(one.logsf, other.logsf, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 15])
def test_direct_tail_is_exact(n: int) -> None:
    """Adding variable by variable keeps the relative error of ln p below 1e-12 everywhere."""
    pmfs = lattice(n, n)
    expected = [p for p in exact_tail(pmfs) if p > Fraction(1, 10**280)]
    logsf = direct_logsf(
        [(s, np.array([float(p) for p in q])) for s, q in pmfs], len(expected) - 1
    )
    np.testing.assert_allclose(logsf, np.log([float(p) for p in expected]), atol=1e-12)


def test_direct_tail_goes_on_where_floats_end() -> None:
    """Sixty variables that are rarely 1: p = 1e-400 at 50, as the transform has it."""
    pmfs = [(np.array([0, 1]), np.array([1 - 1e-8, 1e-8]))] * 60
    logsf = direct_logsf(pmfs, 50)
    np.testing.assert_allclose(logsf, tilted_logsf(pmfs, 50))
    assert logsf[50] < -400 * np.log(10) / 1.2


def test_lattice_null_keeps_counts_apart() -> None:
    """Two contrasts that cover a half and a tenth of the mask: p of 0, 1 and 2, and the cut."""
    pmfs = [(np.array([0, 1]), np.array([0.5, 0.5])), (np.array([0, 1]), np.array([0.9, 0.1]))]
    null = lattice_null(pmfs, 2)
    np.testing.assert_allclose(np.exp(null.log_p(np.array([0, 1, 2]))), [1, 0.55, 0.05])
    value, achieved = null.smallest_significant(0.1)
    assert (value, round(achieved, 12)) == (2, 0.05)
    assert null.largest_insignificant(0.1) == 1


def test_lattice_null_of_weights_has_the_values_that_are_attained() -> None:
    """Weights 300 and 1,000: 0, 300, 1000, 1300; a value between has the p of the next."""
    pmfs = [(np.array([0, w]), np.array([0.5, 0.5])) for w in (300, 1000)]
    null = lattice_null(pmfs, 1300)
    assert null.support is not None
    assert null.support.tolist() == [0, 300, 1000, 1300]
    np.testing.assert_allclose(
        np.exp(null.log_p(np.array([0, 1, 300, 301, 1000, 1300]))),
        [1, 0.75, 0.75, 0.5, 0.5, 0.25],
    )
    assert null.smallest_significant(0.4) == (1300, pytest.approx(0.25))
    assert null.largest_insignificant(0.4) == 1000


def test_counted_null_is_the_share_that_reaches_a_value() -> None:
    """(b + 1) / (n + 1) with b of 10 pooled voxels."""
    null = counted_null(np.array([6, 3, 1]), 4.0, discrete=False)
    np.testing.assert_allclose(
        np.exp(null.log_p(np.array([0, 4, 8, 99]))), [1, 5 / 11, 2 / 11, 2 / 11]
    )


def test_counted_null_of_a_discrete_statistic_knows_what_was_never_drawn() -> None:
    """Values 0, 2 and 3 were drawn, 1 and 4 were not: 1 has the p of 2, and 4 one of 1 / 11."""
    null = counted_null(np.array([6, 0, 3, 1, 0]), 1.0, discrete=True)
    np.testing.assert_allclose(np.exp(null.log_p(np.arange(5))), np.array([11, 5, 5, 2, 1]) / 11)


def test_values_never_drawn_are_on_the_side_of_the_border_that_their_p_is_on() -> None:
    """Values 0 and 5 were drawn: 1 to 5 share a p, so the smallest significant value is 1."""
    null = counted_null(np.array([90, 0, 0, 0, 0, 9]), 1.0, discrete=True)
    border, level = null.smallest_significant(0.2)
    assert (border, level) == (1, pytest.approx(0.1))
    values = np.arange(6)
    np.testing.assert_array_equal(np.exp(null.log_p(values)) < 0.2, values >= border)
