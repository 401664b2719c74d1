"""Moments and z of sums over random subsets, against enumeration and scipy."""

from itertools import combinations

import numpy as np
import pytest
from scipy import sparse, stats

from nimare_pipeline.numerics.permutation_z import (
    STEP_BITS,
    pearson_z,
    score_table,
    sum_moments,
)


@pytest.mark.parametrize("k", [1, 3, 4, 6])
def test_moments_are_those_of_all_subsets(k: int) -> None:
    """Mean, standard deviation and skewness of every column equal those of all combinations."""
    rng = np.random.default_rng(k)
    terms = rng.integers(0, 10**8, (7, 5)) * (rng.random((7, 5)) < 0.6)
    terms[:, 0] = 12345
    terms[:, 1] = 0
    sums = np.array([terms[list(one)].sum(axis=0) for one in combinations(range(7), k)])
    mean, sd, skewness = sum_moments(sparse.csr_array(terms), k)
    np.testing.assert_allclose(mean, sums.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sd, sums.std(axis=0), rtol=1e-9, atol=1e-6)
    assert (sd[:2] == 0).all()
    assert (skewness[:2] == 0).all()
    np.testing.assert_allclose(skewness[2:], stats.skew(sums[:, 2:]), atol=1e-9)


def test_one_of_two_has_no_skewness() -> None:
    """The formula has no division by 0 where there are two rows."""
    mean, sd, skewness = sum_moments(sparse.csr_array(np.array([[3], [5]])), 1)
    assert (mean[0], sd[0], skewness[0]) == (4, pytest.approx(1), 0)


@pytest.mark.parametrize("skewness", [0.05, 0.7, 3.0])
def test_z_is_that_of_a_pearson_distribution(skewness: float) -> None:
    """Tails are scipy's Pearson type III; in the shorter one z is not beyond the score."""
    score = np.linspace(-4, 6, 81)
    z = pearson_z(score, skewness)
    wanted = stats.norm.isf(stats.pearson3.sf(score, skewness))
    far = (wanted < 0) & (wanted < score)
    np.testing.assert_allclose(z[~far], wanted[~far], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(z[far], score[far])
    assert far.any()
    assert (np.diff(z) >= -1e-12).all()
    np.testing.assert_array_equal(pearson_z(-score, -skewness), -z)


def test_no_skewness_is_a_normal_distribution() -> None:
    """z is the standard score."""
    score = np.linspace(-9, 9, 7)
    np.testing.assert_array_equal(pearson_z(score, 0.0), score)


def test_far_tails_stay_finite() -> None:
    """Also of distributions that end before, and where tails underflow."""
    assert np.isfinite(pearson_z(np.array([-120.0, 120.0]), 9.0)).all()
    assert np.isfinite(pearson_z(np.array([-120.0, 120.0]), 0.01)).all()


def test_z_is_near_that_of_all_divisions() -> None:
    """Where many contrasts report, z from moments is near z by counting divisions.

    In the shorter tail of unequal groups it may be nearer to 0.
    """
    rng = np.random.default_rng(3)
    terms = rng.gamma(1.0, size=(16, 6)) * 1e6
    for k in (3, 8):
        sums = np.array([terms[list(one)].sum(axis=0) for one in combinations(range(16), k)])
        mean, sd, skewness = sum_moments(sparse.csr_array(terms), k)
        for column in range(6):
            ordered = np.sort(sums[:, column])
            for share in (0.02, 0.2, 0.8, 0.98):
                value = ordered[int(share * len(ordered))]
                p = (ordered >= value).mean()
                score = (value - mean[column]) / sd[column]
                found, wanted = (
                    pearson_z(np.array([score]), skewness[column])[0],
                    stats.norm.isf(p),
                )
                assert found > wanted - 0.2
                if k == 8 or wanted > 0:
                    assert found < wanted + 0.2


def test_table_holds_z_to_its_steps() -> None:
    """Every entry is z of its score, of a skewness within half a class, cut towards 0."""
    skewness = np.array([0.0, 0.4, 1.5, 1.5])
    table = score_table(skewness, 30)
    n_bins = table.level.shape[1] // 2
    score = (np.arange(table.level.shape[1]) - n_bins) * table.step
    assert score[-1] >= np.sqrt(29)
    for one, klass in zip(skewness, table.klass, strict=True):
        wanted = pearson_z(score, one) * 2**STEP_BITS
        assert np.abs(table.level[klass] - wanted).max() < 2**STEP_BITS * 0.02
    assert table.klass[2] == table.klass[3]
    assert table.z[-1] == np.abs(table.level).max() / 2**STEP_BITS


def test_many_contrasts_have_a_table_of_bounded_size() -> None:
    """Scores reach to 120 with 14,371 contrasts, in wider bins."""
    table = score_table(np.linspace(-5, 5, 1000), 14371)
    assert table.level.shape[1] <= 2**14
    assert table.level.shape[0] <= 128
