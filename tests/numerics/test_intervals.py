"""Intervals of Monte Carlo p and critical values: against sums of binomial probabilities."""

import numpy as np
import pytest
from scipy.stats import binom

from nimare_pipeline.numerics.intervals import quantile_interval, share_interval


@pytest.mark.parametrize(("b", "n"), [(0, 100), (1, 100), (37, 100), (99, 100), (100, 100)])
def test_share_interval_ends_where_the_observation_is_a_tail(b: int, n: int) -> None:
    """At the lower end as much as b, at the upper as little, has a probability of 2.5 %."""
    low, high = (float(end) for end in share_interval(np.array(b), n))
    if b > 0:
        assert binom.sf(b - 1, n, low) == pytest.approx(0.025, rel=1e-9)
    else:
        assert low == 0
    if b < n:
        assert binom.cdf(b, n, high) == pytest.approx(0.025, rel=1e-9)
    else:
        assert high == 1


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("n", [100, 999])
def test_quantile_interval_is_the_narrowest_of_its_coverage(n: int, alpha: float) -> None:
    """Each end leaves at most 2.5 % outside, and the next order statistic inwards would not."""
    low, high = quantile_interval(np.arange(1, n + 1), alpha)
    # The quantile is below order statistic r if fewer than r draws are below it.
    assert binom.cdf(low - 1, n, 1 - alpha) <= 0.025 < binom.cdf(low, n, 1 - alpha)
    assert binom.sf(high - 1, n, 1 - alpha) <= 0.025 < binom.sf(high - 2, n, 1 - alpha)


def test_too_few_draws_have_no_upper_end() -> None:
    """Of 30 draws the largest is below the 99.9th percentile with 97 % probability."""
    low, high = quantile_interval(np.arange(30), 0.001)
    assert high == np.inf
    assert low < 30


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 2,000 nulls of 400 uniform draws at least 95 % (within error) cover the quantile."""
    draws = np.random.default_rng(1).uniform(size=(2000, 400))
    ends = np.array([quantile_interval(null, 0.05) for null in draws])
    assert ((ends[:, 0] <= 0.95) & (ends[:, 1] >= 0.95)).mean() > 0.945
    low, high = share_interval((draws >= 0.95).sum(axis=1), 400)
    assert ((low <= 0.05) & (high >= 0.05)).mean() > 0.945
