"""Studies left out of weighted fits, measures of their influence, and funnel asymmetry."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats

from nimare_pipeline.numerics.dependence import group_weights
from nimare_pipeline.numerics.influence import egger, influence, leave_out
from nimare_pipeline.numerics.tau2 import estimate_tau2
from nimare_pipeline.numerics.weighted_fit import fit, fit_weights, infer
from tests.numerics.effects import bcg, random_effects

GROUPS = np.array([0, 0, 1, 2, 3, 3, 3, 4])


def fixed(v: NDArray) -> object:
    """Refit that keeps variances and has none between studies."""
    return lambda rows: (v, np.zeros(v.shape[1]))


def reml(y: NDArray, v: NDArray, design: NDArray) -> object:
    """Refit that estimates the variance between the studies that are kept."""
    return lambda rows: (
        v,
        estimate_tau2("reml", y[rows], v[rows], design=design[rows]).value,
    )


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_leaving_out_is_refitting(columns: int, groups: NDArray | None) -> None:
    """The closed form gives coefficients, covariance and Q of a fit without the study."""
    y, v = random_effects(8, 30, 1)
    design = np.column_stack([np.ones(8), np.arange(8.0) ** 1.5])[:, :columns]
    found = leave_out(y, 1 / v, groups=groups, design=design)
    labels = np.arange(8) if groups is None else groups
    for group in np.unique(labels):
        kept = labels != group
        again = fit(y[kept], v[kept], design=design[kept])
        np.testing.assert_allclose(found.coef[group], again.coef, rtol=1e-9)
        np.testing.assert_allclose(found.cov[group], again.cov, rtol=1e-9)
        np.testing.assert_allclose(found.q[group], again.q, rtol=1e-8)
        assert found.dof[group] == again.dof
        np.testing.assert_allclose(
            infer(found.without(group)).statistic, infer(again).statistic, rtol=1e-8
        )


def test_what_only_one_study_tells_has_no_fit_without_it() -> None:
    """A coefficient that one study alone determines is NaN without that study."""
    y, v = random_effects(5, 3, 2)
    design = np.column_stack([np.ones(5), [0, 0, 1, 0, 0]])
    found = leave_out(y, 1 / v, design=design)
    assert np.isnan(found.coef[2]).all()
    assert np.isfinite(found.coef[[0, 1, 3, 4]]).all()
    measured = influence(y, fixed(v), design=design)
    assert np.isnan(measured.cook[2]).all()
    assert np.isfinite(measured.cook[[0, 1, 3, 4]]).all()


def test_fixed_effects_agree_with_statsmodels() -> None:
    """Hat values, coefficients without a study and Cook's distance are those of statsmodels."""
    y, v = random_effects(12, 4, 3)
    design = np.column_stack([np.ones(12), np.linspace(-1, 2, 12) ** 3])
    found = influence(y, fixed(v), design=design)
    for voxel in range(4):
        # Of data and columns over the standard deviations; OLSInfluence ignores weights of WLS.
        root = np.sqrt(v[:, voxel])
        model = sm.OLS(y[:, voxel] / root, design / root[:, None]).fit()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = model.get_influence()
        np.testing.assert_allclose(found.hat[:, voxel], theirs.hat_matrix_diag, rtol=1e-9)
        # Theirs is over the number of columns and the variance of the residuals.
        scale = 2 * model.mse_resid
        np.testing.assert_allclose(found.cook[:, voxel], theirs.cooks_distance[0] * scale)
        external = theirs.resid_studentized_external
        sigma = np.sqrt(theirs.sigma2_not_obsi)
        np.testing.assert_allclose(found.residual[:, voxel], external * sigma, rtol=1e-8)
        change = model.params - found.coef[:, :, voxel]
        np.testing.assert_allclose(change, theirs.dfbeta, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(found.dffits[:, voxel], theirs.dffits[0] * sigma, rtol=1e-8)


def test_random_effects_are_estimated_anew() -> None:
    """The measures are those of a REML fit without each trial, written out."""
    y, v, design = bcg()
    found = influence(y, reml(y, v, design), design=design)
    tau2 = estimate_tau2("reml", y, v, design=design).value
    whole = fit(y, v, tau2, design=design)
    w = 1 / (v[:, 0] + tau2[0])
    metric = design.T @ np.diag(w) @ design
    for i in range(13):
        kept = np.arange(13) != i
        less = estimate_tau2("reml", y[kept], v[kept], design=design[kept]).value
        out = fit(y[kept], v[kept], less, design=design[kept])
        x = design[i]
        hat = w[i] * x @ np.linalg.inv(metric) @ x
        own = v[i, 0] + less[0]
        change = (whole.coef - out.coef)[:, 0]
        assert found.tau2[i, 0] == pytest.approx(less[0])
        assert found.hat[i, 0] == pytest.approx(hat)
        assert found.weight[i, 0] == pytest.approx(100 * w[i] / w.sum())
        deleted = y[i, 0] - x @ out.coef[:, 0]
        spread = np.sqrt(own + x @ out.cov[:, :, 0] @ x)
        assert found.residual[i, 0] == pytest.approx(deleted / spread)
        assert found.dffits[i, 0] == pytest.approx(x @ change / np.sqrt(hat * own))
        assert found.cook[i, 0] == pytest.approx(change @ metric @ change)


def test_images_of_a_study_leave_together() -> None:
    """Without one image of a study all of its images are gone, and weights are of those left."""
    y, v = random_effects(8, 5, 4)

    def weigh(v: NDArray, tau2: NDArray, rows: NDArray) -> NDArray:
        return group_weights(v, GROUPS[rows], tau2)

    found = influence(y, fixed(v), weigh=weigh, groups=GROUPS)
    kept = GROUPS != 3
    out = fit_weights(y[kept], group_weights(v[kept], GROUPS[kept]))
    for row in np.flatnonzero(~kept):
        np.testing.assert_allclose(found.coef[row], out.coef)
        np.testing.assert_allclose(found.cook[row], found.cook[4])
        spread = np.sqrt(v[row] + out.cov[0, 0])
        np.testing.assert_allclose(found.residual[row], (y[row] - out.coef[0]) / spread)


def test_an_outlier_is_influential() -> None:
    """Of equal studies one far away is marked, and the others are not."""
    y = np.array([0.1, -0.1, 0.0, 0.2, -0.2, 0.1, -0.1, 6.0])[:, None]
    found = influence(y, fixed(np.ones((8, 1))))
    assert found.influential[:, 0].tolist() == [False] * 7 + [True]


def test_egger_of_the_vaccine_trials() -> None:
    """Egger's test of the BCG trials has its published figures."""
    y, v, _ = bcg()
    found = egger(y, v)
    assert found.slope[0] == pytest.approx(-2.112, abs=5e-4)
    assert found.t[0] == pytest.approx(-1.401, abs=5e-4)
    assert found.p[0] == pytest.approx(0.189, abs=5e-4)
    assert found.dof == 11


def test_egger_is_a_regression_of_the_standard_normal_deviate() -> None:
    """The slope is the intercept of effect / se on 1 / se, and the limit its slope."""
    y, v = random_effects(9, 6, 5)
    found = egger(y, v)
    for voxel in range(6):
        se = np.sqrt(v[:, voxel])
        line = stats.linregress(1 / se, y[:, voxel] / se)
        assert found.slope[voxel] == pytest.approx(line.intercept)
        assert found.se[voxel] == pytest.approx(line.intercept_stderr)
        assert found.limit[voxel] == pytest.approx(line.slope)


def test_egger_without_different_errors_says_nothing() -> None:
    """Equal standard errors, or two studies, tell nothing of asymmetry."""
    y = np.random.default_rng(6).normal(size=(6, 2))
    v = np.column_stack([np.full(6, 0.3), np.linspace(0.1, 1, 6)])
    found = egger(y, v)
    assert np.isnan(found.slope[0])
    assert np.isnan(found.p[0])
    assert np.isfinite(found.p[1])
    assert np.isnan(egger(y[:2], v[:2]).slope).all()
