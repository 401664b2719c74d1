"""Heterogeneity of effects: published figures, identities, and simulated coverage."""

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.heterogeneity import (
    explained,
    heterogeneity,
    interval,
    omnibus,
    prediction_interval,
    tau2_interval,
)
from nimare_pipeline.numerics.tau2 import estimate_tau2
from nimare_pipeline.numerics.weighted_fit import fit, infer
from tests.numerics.effects import bcg, random_effects


def test_vaccine_trials() -> None:
    """Q, I2 and H2 as metafor gives them: of DerSimonian and Laird's tau2, and of REML's."""
    y, v, _ = bcg()
    found = heterogeneity(y, v, estimate_tau2("dl", y, v).value)
    assert found.q == pytest.approx(152.2330, abs=6e-5)
    assert found.q_p == pytest.approx(stats.chi2.sf(found.q, 12))
    assert found.dof == 12
    assert found.i2 == pytest.approx(92.117, abs=6e-4)
    assert found.h2 == pytest.approx(12.686, abs=6e-4)
    restricted = heterogeneity(y, v, estimate_tau2("reml", y, v).value)
    assert restricted.i2 == pytest.approx(92.221, abs=6e-4)


def test_vaccine_trials_and_latitude() -> None:
    """What is left of Q beside latitude; QM is the square of its z, R2 from both tau2."""
    y, v, design = bcg()
    tau2 = estimate_tau2("reml", y, v, design=design).value
    assert heterogeneity(y, v, tau2, design=design).q == pytest.approx(30.7331, abs=6e-5)
    fitted = fit(y, v, tau2, design=design)
    wald = omnibus(fitted, [1], correction="wald")
    assert wald.statistic == pytest.approx((-0.029102 / 0.007195) ** 2, rel=1e-3)
    assert wald.p == pytest.approx(stats.chi2.sf(wald.statistic, 1))
    plain = estimate_tau2("reml", y, v).value
    assert explained(plain, tau2) == pytest.approx(100 * (1 - 0.076348 / 0.313243), abs=1e-3)


def test_forms_in_q_agree_with_dersimonian_laird() -> None:
    """Where Q is above its degrees of freedom, with moderators too; else I2 is 0 and H2 1."""
    y, v = random_effects(8, 200, seed=51)
    for design in (None, np.column_stack([np.ones(8), np.arange(8.0)])):
        found = heterogeneity(y, v, estimate_tau2("dl", y, v, design=design).value, design=design)
        more = found.q > found.dof
        assert 20 < more.sum() < 180
        np.testing.assert_allclose(found.i2[more], (100 * (found.q - found.dof) / found.q)[more])
        np.testing.assert_allclose(found.h2[more], (found.q / found.dof)[more])
        assert (found.i2[~more] == 0).all()
        np.testing.assert_allclose(found.h2[~more], 1)


def test_typical_variance_of_an_intercept() -> None:
    """Higgins and Thompson's formula; the variance itself where all are equal."""
    y, v = random_effects(8, 20, seed=52)
    w = 1 / v
    expected = 7 * w.sum(axis=0) / (w.sum(axis=0) ** 2 - (w**2).sum(axis=0))
    np.testing.assert_allclose(heterogeneity(y, v, 0.0).typical, expected)
    np.testing.assert_allclose(heterogeneity(y, np.full_like(v, 0.3), 0.0).typical, 0.3)


@pytest.mark.parametrize("moderator", [None, np.arange(10.0)])
def test_q_profile_interval_ends_where_q_meets_its_quantiles(moderator: np.ndarray | None) -> None:
    """Generalised Q at both ends, written out; 0 where it is below the quantile already there."""
    y, v = random_effects(10, 60, seed=53, tau=1.0)
    design = np.ones((10, 1)) if moderator is None else np.column_stack([np.ones(10), moderator])
    low, high = tau2_interval(y, v, design=design)
    dof = 10 - design.shape[1]
    assert (low <= high).all()
    assert 5 < (low > 0).sum() < 60
    for i in range(60):
        for end, tail in ((low[i], 0.025), (high[i], 0.975)):
            q = fit(y[:, i : i + 1], v[:, i : i + 1], end, design=design).q[0]
            target = stats.chi2.isf(tail, dof)
            assert q == pytest.approx(target, rel=1e-7) if end > 0 else q <= target


def test_q_profile_interval_of_vaccine_trials_covers_all_estimates() -> None:
    """With variances of both signs of skew around it: metafor gives 0.1197 to 1.1115."""
    y, v, _ = bcg()
    low, high = tau2_interval(y, v)
    assert (low, high) == (pytest.approx(0.1197, abs=6e-5), pytest.approx(1.1115, abs=6e-5))


def test_q_profile_interval_covers_as_often_as_it_says() -> None:
    """95 % of simulated meta-analyses, whether tau2 is 0.3 or 0."""
    for tau2 in (0.0, 0.3):
        y, v = random_effects(8, 4000, seed=54, tau=np.sqrt(tau2))
        low, high = tau2_interval(y, v)
        # At 0 the lower end alone can miss, in 2.5 %; an empty interval, 2.5 %, is 0 to 0.
        expected = 0.95 if tau2 else 0.975
        covered = ((low <= tau2) & (tau2 <= high)).mean()
        assert covered == pytest.approx(expected, abs=0.012)


def test_studies_that_agree_too_well_have_an_interval_of_zero() -> None:
    """Equal effects: no tau2 is compatible with chance, and none is invented."""
    low, high = tau2_interval(np.ones((6, 2)), np.full((6, 2), 0.5))
    assert (low == 0).all()
    assert (high == 0).all()


def test_intervals_of_the_mean() -> None:
    """t under Knapp and Hartung, normal under Wald."""
    y, v, _ = bcg()
    fitted = fit(y, v, estimate_tau2("reml", y, v).value)
    low, high = interval(infer(fitted, correction="wald"))
    assert low == pytest.approx(-0.714532 - 1.959964 * 0.179782, abs=2e-6)
    assert high == pytest.approx(-0.714532 + 1.959964 * 0.179782, abs=2e-6)
    low, _ = interval(infer(fitted))
    assert low == pytest.approx(-0.714532 - 2.178813 * 0.180792, abs=3e-6)


def test_prediction_interval_has_two_degrees_less_than_studies() -> None:
    """t on K - 2; none with two studies, where nothing is left."""
    y, v, _ = bcg()
    tau2 = estimate_tau2("reml", y, v).value
    tested = infer(fit(y, v, tau2), correction="wald")
    low, high = prediction_interval(tested, tau2, 12)
    half = stats.t.isf(0.025, 11) * np.sqrt(0.313243 + 0.179782**2)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-5)
    two = infer(fit(y[:2], v[:2]))
    assert np.isnan(prediction_interval(two, 0.1, 1)).all()


def test_omnibus_under_knapp_hartung_is_the_f_test_of_nested_models() -> None:
    """With equal variances: the classic F of a linear model, whatever the variances are."""
    y, _ = random_effects(12, 5, seed=55)
    design = np.column_stack([np.ones(12), np.arange(12) % 3, np.linspace(-1, 5, 12)])
    fitted = fit(y, np.full_like(y, 0.7), design=design)
    found = omnibus(fitted, [1, 2])
    small, large = (
        ((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2).sum(axis=0)
        for x in (design[:, :1], design)
    )
    f = (small - large) / 2 / (large / 9)
    np.testing.assert_allclose(found.statistic, f, rtol=1e-9)
    np.testing.assert_allclose(found.p, stats.f.sf(f, 2, 9))
    assert (found.dof, found.dof_error) == (2, 9.0)
    conservative = omnibus(fitted, [1, 2], correction="knapp-hartung-conservative")
    np.testing.assert_allclose(
        conservative.statistic, found.statistic * np.minimum(1, fitted.q / fitted.dof)
    )


def test_no_moderator_has_no_omnibus() -> None:
    """Said in a sentence."""
    y, v = random_effects(5, 2, seed=56)
    with pytest.raises(ValueError, match="no moderator to test: the design has the intercept"):
        omnibus(fit(y, v), [])


def test_explained_share_has_limits() -> None:
    """Never below 0, nothing where there is nothing to explain."""
    share = explained(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.25, 0.0, 2.0, 0.0]))
    np.testing.assert_array_equal(share, [75, 100, 0, np.nan])
