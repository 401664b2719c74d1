"""Conversions in log space, and Monte Carlo p-values."""

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.pvalues import (
    logp_from_logsf,
    montecarlo_p,
    montecarlo_threshold,
    z_from_logsf,
)


def test_z_from_logsf_inverts_the_normal_far_beyond_underflow() -> None:
    """z up to 60 comes back, where p itself is 0 in float64."""
    z = np.array([0.0, 0.5, 1.644854, 8.3, 38.0, 60.0])
    np.testing.assert_allclose(z_from_logsf(stats.norm.logsf(z)), z, rtol=1e-10, atol=1e-12)


def test_one_tailed_p_above_one_half_is_no_evidence() -> None:
    """p of .9 and of 1 give z 0, and NaN stays NaN."""
    z = z_from_logsf(np.array([np.log(0.9), 0.0, np.nan]))
    np.testing.assert_array_equal(z, [0, 0, np.nan])


@pytest.mark.parametrize(
    ("p", "z"), [(1, 0), (0.9, 0), (0.5, 0), (0.05, 1.644854), (0.001, 3.090232)]
)
def test_one_tailed_golden_values(p: float, z: float) -> None:
    """The one-tailed conversions that other tools publish."""
    assert float(z_from_logsf(np.log(p))) == pytest.approx(z, abs=5e-7)


def test_logp_is_minus_log10() -> None:
    """-log10 of p, and plain 0 (not -0) for p = 1."""
    logp = logp_from_logsf(np.array([np.log(1e-300), 0.0]))
    assert logp[0] == pytest.approx(300)
    assert not np.signbit(logp[1])


def test_montecarlo_p_counts_the_observed_draw() -> None:
    """p = (b + 1) / (n + 1), ties included, against a brute-force count."""
    null = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5])
    observed = np.array([0, 1, 5, 6, 9, 10])
    expected = [((null >= x).sum() + 1) / (len(null) + 1) for x in observed]
    np.testing.assert_array_equal(montecarlo_p(observed, null), expected)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.5, 0.999, 0.03, 0.07])
@pytest.mark.parametrize("n", [19, 20, 99, 199, 999, 1000, 4999])
def test_threshold_splits_significant_from_not(alpha: float, n: int) -> None:
    """Exactly the values above the threshold have p below alpha."""
    null = np.random.default_rng(n).integers(0, 40, n)
    threshold = montecarlo_threshold(null, alpha)
    values = np.arange(-1, 42)
    p = np.array([((null >= x).sum() + 1) / (n + 1) for x in values])
    np.testing.assert_array_equal(values > threshold, p < alpha)
    np.testing.assert_array_equal(montecarlo_p(values, null) < alpha, p < alpha)


def test_too_few_draws_make_nothing_significant() -> None:
    """With 10 draws no p can be below .05: the threshold is infinite."""
    assert montecarlo_threshold(np.arange(10), 0.05) == np.inf
