"""Conversions of statistics against fifty digits of mpmath, published values and themselves."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nimare_pipeline.numerics import conversions as conv

DOFS = [0.5, 1, 2, 3, 8, 19.5, 149, 1000, 1e5]
TS = [1e-12, 1e-3, 0.3, 0.67, 0.7, 1, 3, 10, 30, 40, 60, 135, 400, 1e5, 1e10]
SIZES = st.floats(1e-6, 60)
ANY_DOF = st.floats(3, 1e5)


def upper_t(t: float, nu: float) -> mp.mpf:
    """P(T >= t) to forty digits: by its complement near 0, by the series of I_x further out."""
    with mp.workdps(700):
        x = 1 / (1 + mp.mpf(t) ** 2 / nu)
        a = mp.mpf(nu) / 2
        if t < 35:
            return (1 - mp.betainc(0.5, a, 0, 1 - x, regularized=True)) / 2
    with mp.workdps(60):
        term = total = mp.mpf(1)
        k = 0
        while term > total * mp.mpf(10) ** -45:
            term *= (a + 0.5 + k) / (a + 1 + k) * x
            total += term
            k += 1
        return x**a * mp.sqrt(1 - x) / (2 * a * mp.beta(a, 0.5)) * total


def upper_z(z: float) -> mp.mpf:
    with mp.workdps(60):
        return mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2


def exact_z(tail: mp.mpf, start: float) -> float:
    """z > 0 of its tail, by Newton's method in sixty digits."""
    with mp.workdps(60):
        z = mp.mpf(start)
        for _ in range(4):
            z += mp.log(upper_z(z) / tail) * upper_z(z) / mp.npdf(z)
        return float(z)


@pytest.mark.parametrize("dof", DOFS)
def test_tail_of_t(dof: float) -> None:
    """The log of the tail has its digits from the middle to t = 1e10."""
    expected = [float(mp.log(upper_t(t, dof))) for t in TS]
    np.testing.assert_allclose(conv.t_to_logsf(TS, dof, "one"), expected, rtol=2e-11)


@pytest.mark.parametrize("dof", DOFS)
def test_t_to_z(dof: float) -> None:
    """z has the tail of t; its digits are kept near 0 and far beyond where p underflows."""
    found = conv.t_to_z(TS, dof)
    expected = [exact_z(upper_t(t, dof), z) for t, z in zip(TS, found, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=2e-12)


@pytest.mark.parametrize("dof", DOFS)
def test_z_to_t_goes_back(dof: float) -> None:
    """t to z to t is the same t over 22 powers of ten."""
    np.testing.assert_allclose(conv.z_to_t(conv.t_to_z(TS, dof), dof), TS, rtol=1e-10)


@given(SIZES, ANY_DOF, st.sampled_from([-1, 1]))
def test_round_trip_of_z(size: float, dof: float, sign: int) -> None:
    """z to t to z is the same z, of both signs, for any degrees of freedom."""
    z = sign * size
    assert conv.t_to_z(conv.z_to_t(z, dof), dof) == pytest.approx(z, rel=1e-9)


@given(st.floats(-300, 300), ANY_DOF)
def test_t_to_z_is_odd_and_nearer_to_0(t: float, dof: float) -> None:
    """z has the sign of t and is never larger; the other sign gives the other z."""
    z = conv.t_to_z(t, dof)
    assert np.sign(z) == np.sign(t)
    assert abs(z) <= abs(t)
    assert conv.t_to_z(-t, dof) == -z


def test_connectivity_maps_of_150_people() -> None:
    """t of 135 with 149 degrees of freedom, whose p is 1e-157 below one, has a finite z."""
    z = conv.t_to_z(135.0, 149)
    assert z == pytest.approx(exact_z(upper_t(135, 149), 26.7), rel=1e-12)
    assert conv.z_to_t(z, 149) == pytest.approx(135, rel=1e-12)


def test_infinite_dof_is_z() -> None:
    """With infinitely many degrees of freedom t is z."""
    np.testing.assert_array_equal(conv.t_to_z([2.0, -3], np.inf), [2, -3])
    np.testing.assert_array_equal(conv.z_to_t([2.0, -3], np.inf), [2, -3])


def test_dof_is_broadcast() -> None:
    """A row each contrast: its own degrees of freedom."""
    t = np.array([[2.0, -3, 40], [2, -3, 40]])
    found = conv.t_to_z(t, np.array([[10], [20]]))
    np.testing.assert_array_equal(found, [conv.t_to_z(t[0], 10), conv.t_to_z(t[1], 20)])
    again = conv.z_to_t(found, np.array([[10], [20]]))
    np.testing.assert_allclose(again, t, rtol=1e-12)


def test_no_value_no_result() -> None:
    """NaN stays NaN, 0 stays 0, infinity infinity; no degrees of freedom give NaN."""
    values, dofs = [np.nan, 0, np.inf, -np.inf, 2, 2], [5, 5, 5, 5, 0, -1]
    for function in (conv.t_to_z, conv.z_to_t):
        np.testing.assert_array_equal(
            function(values, dofs), [np.nan, 0, np.inf, -np.inf, np.nan, np.nan]
        )


@pytest.mark.parametrize("z", [1e-5, 0.5, 1.96, 8, 37, 40, 200])
def test_z_to_p_in_logs(z: float) -> None:
    """Both tails of z, in logs, where p itself is 0 too."""
    assert conv.z_to_logsf(z) == pytest.approx(float(mp.log(2 * upper_z(z))), rel=1e-12)
    assert conv.z_to_logsf(z, "one") == pytest.approx(float(mp.log(upper_z(z))), rel=1e-12)
    assert conv.z_to_logp(-z) == pytest.approx(float(-mp.log10(2 * upper_z(z))), rel=1e-12)
    assert conv.logsf_to_z(conv.z_to_logsf(z)) == pytest.approx(z, rel=1e-6, abs=1e-11)
    assert conv.logp_to_z(conv.z_to_logp(z, "one"), "one") == pytest.approx(z, rel=1e-10)


@given(st.floats(1e-300, 1), st.sampled_from(["one", "two"]))
def test_round_trip_of_p(p: float, tail: conv.Tail) -> None:
    """p to z to p is the same p."""
    assert conv.z_to_p(conv.p_to_z(p, tail), tail) == pytest.approx(p, rel=1e-9)


def test_p_to_z() -> None:
    """Two tails have no sign; one has both; p of 0 has an infinite z, and -0.1 none."""
    np.testing.assert_allclose(conv.p_to_z([0.05, 1, 5e-324]), [1.95996398, 0, 38.48540834])
    np.testing.assert_allclose(conv.p_to_z([0.05, 0.95], "one"), [1.64485363, -1.64485363])
    np.testing.assert_array_equal(conv.p_to_z([0, -0.1, 1.1, np.nan]), [np.inf, *[np.nan] * 3])


def test_p_with_a_sign() -> None:
    """The sign is that of the other map; where that is 0 or missing there is no z."""
    found = conv.p_to_signed_z([0.05, 0.05, 0.05, 0.05], [7, -0.1, 0, np.nan])
    np.testing.assert_allclose(found, [1.95996398, -1.95996398, np.nan, np.nan])


@pytest.mark.parametrize("dof", [1, 2, 5, 40, 300])
def test_chi2(dof: int) -> None:
    """The log of the upper tail of chi-squared, near 0 and far out."""
    x = [1e-8, 0.1, 1, 30, 1000, 1200, 1500, 5000, 1e5]
    expected = [
        float(mp.log(mp.gammainc(mp.mpf(dof) / 2, mp.mpf(v) / 2, regularized=True))) for v in x
    ]
    np.testing.assert_allclose(conv.chi2_to_logsf(x, dof), expected, rtol=1e-12, atol=1e-15)


def test_chi2_without_a_value() -> None:
    """0 has the whole tail, infinity none; negative values and no degrees of freedom give NaN."""
    found = conv.chi2_to_logsf([0, np.inf, -1, np.nan, 3], [3, 3, 3, 3, 0])
    np.testing.assert_array_equal(found, [0, -np.inf, np.nan, np.nan, np.nan])


def test_effects() -> None:
    """d = t / sqrt(n), and Hedges' g by hand for n = 20: J = 1 - 3 / 75."""
    d = conv.t_to_d(3.0, 20)
    assert d == pytest.approx(3 / 20**0.5)
    assert conv.d_to_t(d, 20) == pytest.approx(3)
    assert conv.d_to_g(d, 19) == pytest.approx(0.96 * d)
    assert conv.g_to_d(0.96 * d, 19) == pytest.approx(d)
    expected = 19 / 17 * (1 + 20 * d**2) / 20 * 0.96**2 - d**2
    assert conv.g_variance(d, 20, 19) == pytest.approx(expected)


def test_small_sample_factor_is_near_the_exact_one() -> None:
    """The closed form is within 0.002 of its value in gamma functions from nu = 5 on."""
    nu = np.arange(5, 60)
    exact = [
        float(mp.gamma(n / 2) / (mp.sqrt(n / 2) * mp.gamma((n - 1) / 2))) for n in nu.tolist()
    ]
    np.testing.assert_allclose(conv.small_sample_factor(nu), exact, atol=2e-3)


def test_variance_of_g_is_that_of_the_noncentral_t() -> None:
    """By the moments of the noncentral t that scipy gives, for one sample and for two."""
    for n, dof in ((20.0, 19), (float(conv.effective_n(12, 15)), 25)):
        delta = 0.6
        factor = conv.small_sample_factor(dof)
        t = stats.nct(dof, delta * n**0.5)
        # E g is delta with the exact J; its closed form is 1e-4 off, which is the tolerance.
        expected = t.var() / n * factor**2
        assert conv.g_variance(delta, n, dof) == pytest.approx(expected, rel=3e-3)


def test_too_few_people() -> None:
    """g needs two degrees of freedom, its variance three."""
    np.testing.assert_array_equal(np.isnan(conv.d_to_g(1, [0, 1, 2, 3])), [1, 1, 0, 0])
    np.testing.assert_array_equal(np.isnan(conv.g_variance(1, 4, [1, 2, 3])), [1, 1, 0])
    assert np.isnan(conv.t_to_d(2.0, 0))


def test_errors_and_variances() -> None:
    """Standard errors, variances and standard deviations, there and back."""
    assert conv.se_to_varcope(0.5) == 0.25
    assert conv.varcope_to_se(0.25) == 0.5
    assert conv.sd_to_varcope(2, 16) == 0.25
    assert conv.varcope_to_sd(0.25, 16) == 2
    assert conv.sample_variance_to_varcope(4, 16) == 0.25
    assert conv.t_and_varcope_to_beta(-3, 0.25) == -1.5
    assert conv.beta_and_varcope_to_t(-1.5, 0.25) == -3
    assert conv.t_and_beta_to_varcope(-3, -1.5) == 0.25


def test_variances_that_are_none() -> None:
    """A variance of 0, below 0 or of unlike signs is NaN, not 0, not infinite, and no warning."""
    bad = [0, -1, np.nan]
    for function in (conv.se_to_varcope, conv.varcope_to_se):
        assert np.isnan(function(bad)).all()
    assert np.isnan(conv.sd_to_varcope(bad, 5)).all()
    assert np.isnan(conv.varcope_to_sd(bad, 5)).all()
    assert np.isnan(conv.t_and_varcope_to_beta(2.0, bad)).all()
    assert np.isnan(conv.beta_and_varcope_to_t(2.0, bad)).all()
    t, beta = [0, 0, 2, -2, 2, np.nan], [0, 1, 0, 1, -1, 1]
    assert np.isnan(conv.t_and_beta_to_varcope(t, beta)).all()
