"""Weighted fits of effects: published figures, linear algebra written out, and refusals."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from nimare_pipeline.numerics.weighted_fit import Correction, Inference, fit, infer
from tests.numerics.effects import BETA, VARCOPE, bcg, effect_sizes, random_effects


def z_of(tested: Inference) -> np.ndarray:
    """Two-sided z of the same p."""
    tail = stats.t.sf(np.abs(tested.statistic), tested.dof)
    return np.sign(tested.statistic) * stats.norm.isf(tail)


def test_fixed_effects_give_the_published_figures() -> None:
    """Estimate, standard error and z of weights 1 / v."""
    tested = infer(fit(BETA, VARCOPE), correction="wald")
    np.testing.assert_allclose(tested.est, [0.986162, 0.459467, -1.15014], rtol=5e-6)
    np.testing.assert_allclose(tested.se, [0.163975, 0.180837, 0.172206], rtol=5e-6)
    np.testing.assert_allclose(z_of(tested), [6.0141, 2.54077, -6.67884], rtol=5e-6)


@pytest.mark.parametrize(
    ("method", "correction", "est", "se", "z"),
    [
        ("dl", "knapp-hartung", 0.42715, [0.147637, 0.229431, 0.143771], 1.62138),
        ("dl", "wald", 0.42715, [0.163975, 0.230787, 0.172206], 1.85084),
        ("he", "knapp-hartung", 0.431108, [0.147637, 0.229197, 0.143771], 1.63512),
        ("ml", "knapp-hartung", 0.434839, None, 1.64823),
        ("reml", "knapp-hartung", 0.425969, None, 1.6173),
    ],
)
def test_random_effects_give_the_published_figures(
    method: Method, correction: Correction, est: float, se: Any, z: float
) -> None:
    """At the middle voxel tau2 is above 0; at the others the fixed effects remain."""
    tau2 = estimate_tau2(method, BETA, VARCOPE).value
    tested = infer(fit(BETA, VARCOPE, tau2), correction=correction)
    np.testing.assert_allclose(tested.est, [0.986162, est, -1.15014], rtol=5e-6)
    outer = (6.0141, -6.67884) if correction == "wald" else (3.63067, -3.91298)
    np.testing.assert_allclose(z_of(tested), [outer[0], z, outer[1]], rtol=5e-6)
    if se is not None:
        np.testing.assert_allclose(tested.se, se, rtol=5e-6)


def test_effect_sizes_give_the_published_figures() -> None:
    """Hedges' g of one sample and its variance (Bossier et al. 2019) with weights 1 / v."""
    g, variance = effect_sizes()
    tested = infer(fit(g, variance), correction="wald")
    np.testing.assert_allclose(tested.est, [0.424323, 0.12471, -0.485107], rtol=5e-6)
    np.testing.assert_allclose(tested.se, [0.0862832, 0.0829697, 0.0874427], rtol=5e-6)
    np.testing.assert_allclose(z_of(tested), [4.91779, 1.50308, -5.54772], rtol=5e-6)


@pytest.mark.parametrize(
    ("method", "est", "se", "knapp_hartung"),
    [
        ("dl", -0.714117, 0.178742, 0.180697),
        ("he", -0.715879, 0.183280, 0.181104),
        ("ml", -0.711199, 0.171897, 0.180042),
        ("reml", -0.714532, 0.179782, 0.180792),
        ("pm", -0.714968, 0.180892, 0.180892),
    ],
)
def test_vaccine_trials(method: Method, est: float, se: float, knapp_hartung: float) -> None:
    """Estimate and both standard errors that metafor gives for the trials."""
    y, v, _ = bcg()
    fitted = fit(y, v, estimate_tau2(method, y, v).value)
    wald = infer(fitted, correction="wald")
    assert (wald.est, wald.se) == (pytest.approx(est, abs=6e-7), pytest.approx(se, abs=6e-7))
    assert infer(fitted).se == pytest.approx(knapp_hartung, abs=6e-7)


@pytest.mark.parametrize(
    ("tau2", "coef", "se"),
    [
        (None, (0.343565, -0.029237), None),
        ("dl", (0.259544, -0.029229), (0.232307, 0.006733)),
        ("reml", (0.251468, -0.029102), (0.249095, 0.007195)),
    ],
)
def test_vaccine_trials_and_latitude(tau2: Any, coef: Any, se: Any) -> None:
    """Coefficients of the meta-regression, fixed and random effects."""
    y, v, design = bcg()
    value = estimate_tau2(tau2, y, v, design=design).value if tau2 else 0.0
    fitted = fit(y, v, value, design=design)
    np.testing.assert_allclose(fitted.coef[:, 0], coef, atol=6e-7)
    if se:
        np.testing.assert_allclose(fitted.se[:, 0], se, atol=6e-7)


def test_fit_is_that_of_the_normal_equations() -> None:
    """Coefficients, covariance and Q of each voxel as written out with matrices."""
    y, v = random_effects(12, 5, seed=1)
    design = np.column_stack([np.ones(12), 1000 + np.arange(12.0), np.arange(12) % 2])
    fitted = fit(y, v, 0.25, design=design)
    for voxel in range(5):
        w = np.diag(1 / (v[:, voxel] + 0.25))
        cov = np.linalg.inv(design.T @ w @ design)
        coef = cov @ design.T @ w @ y[:, voxel]
        residual = y[:, voxel] - design @ coef
        np.testing.assert_allclose(fitted.coef[:, voxel], coef, rtol=1e-6)
        np.testing.assert_allclose(fitted.cov[:, :, voxel], cov, rtol=1e-5)
        assert fitted.q[voxel] == pytest.approx(residual @ w @ residual)


def test_contrast_of_coefficients() -> None:
    """The second level less the first is the coefficient of the other coding."""
    y, v = random_effects(10, 4, seed=2)
    second = (np.arange(10) >= 6).astype(float)
    cells = infer(fit(y, v, design=np.column_stack([1 - second, second])), [-1, 1])
    coded = infer(fit(y, v, design=np.column_stack([np.ones(10), second])), 1)
    np.testing.assert_allclose(cells.est, coded.est)
    np.testing.assert_allclose(cells.se, coded.se)


def test_conservative_error_is_never_below_walds() -> None:
    """It is Knapp and Hartung's where the residuals are larger than expected, else Wald's."""
    y, v = random_effects(6, 500, seed=3)
    fitted = fit(y, v)
    se = {c: infer(fitted, correction=c).se for c in ("wald", "knapp-hartung")}
    conservative = infer(fitted, correction="knapp-hartung-conservative")
    np.testing.assert_array_equal(conservative.se, np.maximum(se["wald"], se["knapp-hartung"]))
    assert 0 < (se["wald"] > se["knapp-hartung"]).sum() < 500
    assert set(conservative.dof) == {5.0}


def test_equal_effects_have_no_knapp_hartung_test() -> None:
    """Residuals of 0 give an error of 0, from which nothing can be said; Wald's test stands."""
    y, v = np.full((7, 50), 0.1), random_effects(7, 50, seed=6)[1]
    tested = infer(fit(y, v))
    assert (tested.se == 0).all()
    assert np.isnan(tested.statistic).all()
    wald = infer(fit(y, v), correction="wald")
    np.testing.assert_allclose(wald.se, (1 / v).sum(axis=0) ** -0.5)


def test_voxels_do_not_touch_each_other() -> None:
    """A voxel gives the same bits alone and among more than a block of others."""
    y, v = random_effects(7, 5000, seed=4)
    together = fit(y, v, 0.1)
    alone = fit(y[:, 4999:], v[:, 4999:], 0.1)
    np.testing.assert_allclose(together.coef[:, 4999:], alone.coef, rtol=1e-14)
    np.testing.assert_allclose(together.q[4999:], alone.q, rtol=1e-14)


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (np.ones((4, 2)), r"the design is collinear: column\(s\) 1 \(counted from 0\)"),
        (np.zeros((4, 1)), r"the design is collinear: column\(s\) 0 "),
        (np.column_stack([np.ones(4), np.arange(4), 3 - np.arange(4)]), "collinear: column.* 2 "),
        (np.ones((3, 1)), r"the design has shape \(3, 1\); it needs one row for each of 4 images"),
        (np.eye(4), r"4 image\(s\) are too few for 4 coefficient\(s\): at least 5 are needed"),
        ([[1.0], [np.nan], [1.0], [np.inf]], r"not finite in row\(s\) 1, 3"),
    ],
)
def test_impossible_designs_are_refused(design: Any, message: str) -> None:
    """Each with a message that says which column or how many images."""
    with pytest.raises(ValueError, match=message):
        fit(np.ones((4, 1)), np.ones((4, 1)), design=design)


def test_impossible_effects_are_refused() -> None:
    """Variances that are not above 0, effects that are not finite, shapes that differ."""
    y, v = random_effects(4, 3, seed=5)
    for value in (0.0, -1.0, np.nan, np.inf):
        wrong = v.copy()
        wrong[2, 1] = value
        with pytest.raises(
            ValueError, match=rf"variances of row 2 are not above 0.*\({value:g}\)"
        ):
            fit(y, wrong)
    wrong = y.copy()
    wrong[3, 0] = np.nan
    with pytest.raises(ValueError, match="the effects of row 3 are not finite"):
        fit(wrong, v)
    with pytest.raises(ValueError, match=r"variances have shape \(3, 3\), effects \(4, 3\)"):
        fit(y, v[:3])
    with pytest.raises(ValueError, match=r"effects have 1 dimension\(s\)"):
        fit(y[0], v[0])
