"""Several images of one study: published figures, the closed form, and matrices written out."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.dependence import aggregate, group_weights, grouped_tau2
from nimare_pipeline.numerics.robust_variance import RobustFit, robust_fit
from nimare_pipeline.numerics.tau2 import Method
from tests.numerics.effects import (
    BETA,
    SIZES,
    STUDIES,
    VARCOPE,
    Array,
    effect_sizes,
    random_effects,
)


def z_of(fitted: RobustFit) -> Array:
    """Two-sided z of the same p as the intercept's t."""
    tested = fitted.infer()
    tail = stats.t.sf(np.abs(tested.statistic), tested.dof)
    return np.asarray(np.sign(tested.statistic) * stats.norm.isf(tail))


def test_fixed_effects_give_the_published_figures() -> None:
    """Estimate, standard error, degrees of freedom and z of the rescaled weights."""
    fitted = robust_fit(BETA, group_weights(VARCOPE, STUDIES), STUDIES)
    np.testing.assert_allclose(fitted.coef[0], [1.10017, 0.521376, -1.05666], rtol=5e-6)
    np.testing.assert_allclose(fitted.se[0], [0.120012, 0.285803, 0.182793], rtol=5e-6)
    np.testing.assert_allclose(fitted.dof[0], [4.31984, 4.07804, 4.2308], rtol=5e-6)
    np.testing.assert_allclose(z_of(fitted), [3.45815, 1.47281, -2.89957], rtol=5e-6)


def test_dersimonian_laird_gives_the_published_figures() -> None:
    """The middle voxel, whose tau2 is above 0."""
    tau2 = grouped_tau2("dl", BETA, VARCOPE, STUDIES)
    np.testing.assert_allclose(tau2.value, [0, 0.242075, 0], rtol=5e-6)
    fitted = robust_fit(BETA, group_weights(VARCOPE, STUDIES, tau2.value), STUDIES)
    assert fitted.coef[0, 1] == pytest.approx(0.473278, rel=2e-6)
    assert fitted.se[0, 1] == pytest.approx(0.289772, rel=2e-6)
    assert fitted.dof[0, 1] == pytest.approx(4.741556, rel=2e-7)
    assert z_of(fitted)[1] == pytest.approx(1.3835, rel=5e-6)


@pytest.mark.parametrize(
    ("method", "middle", "est"), [("he", 0.201488, 0.478738), ("ml", 0.132774, 0.48993)]
)
def test_others_give_the_published_figures(method: Method, middle: float, est: float) -> None:
    """Their tau2 comes from the means of the studies."""
    tau2 = grouped_tau2(method, BETA, VARCOPE, STUDIES).value
    assert tau2[1] == pytest.approx(middle, rel=5e-6)
    fitted = robust_fit(BETA, group_weights(VARCOPE, STUDIES, tau2), STUDIES)
    assert fitted.coef[0, 1] == pytest.approx(est, rel=5e-6)


def test_effect_sizes_give_the_published_figures() -> None:
    """Fixed effects of Hedges' g."""
    g, variance = effect_sizes()
    fitted = robust_fit(g, group_weights(variance, STUDIES), STUDIES)
    np.testing.assert_allclose(fitted.coef[0], [0.474496, 0.151622, -0.480533], rtol=5e-6)
    np.testing.assert_allclose(z_of(fitted), [3.06605, 1.07408, -3.01347], rtol=5e-6)


def test_one_sample_t_is_the_case_of_equal_weights() -> None:
    """Of images, and of the means of studies; with weights of the sample sizes too."""
    t = robust_fit(BETA, np.ones_like(BETA), np.arange(8)).infer().statistic
    np.testing.assert_allclose(t, [6.24745, 1.54049, -8.90197], rtol=5e-6)
    means = aggregate(BETA, VARCOPE, STUDIES).y
    grouped = robust_fit(means, np.ones_like(means), np.arange(6)).infer()
    np.testing.assert_allclose(grouped.statistic, [6.76588, 1.37513, -6.89422], rtol=5e-6)
    sized = robust_fit(BETA, np.tile(SIZES[:, None], 3).astype(float), np.arange(8)).infer()
    np.testing.assert_allclose(sized.statistic, [6.84826, 1.21523, -9.93362], rtol=5e-6)
    np.testing.assert_allclose(sized.dof, 6.44796, rtol=5e-6)


def closed_form(y: Array, v: Array, groups: Any, tau2: float) -> tuple[float, float, float]:
    """Mean, standard error and degrees of freedom of one voxel, intercept alone."""
    labels = list(dict.fromkeys(groups))
    mean = np.array([y[groups == g].mean() for g in labels])
    q = 1 / (np.array([v[groups == g].mean() for g in labels]) + tau2)
    h = q / q.sum()
    mu = h @ mean
    variance = (q**2 * (mean - mu) ** 2 / (1 - h)).sum() / q.sum() ** 2
    first = (h**2 * (1 - 2 * h) / (1 - h) ** 2).sum()
    return mu, np.sqrt(variance), 1 / (first + (h**2 / (1 - h)).sum() ** 2)


def test_intercept_alone_has_the_closed_form() -> None:
    """Rescaled weights, groups of one to four effects in any order."""
    y, v = random_effects(10, 30, seed=21)
    groups = np.array(["b", "a", "c", "a", "d", "b", "e", "a", "a", "f"])
    fitted = robust_fit(y, group_weights(v, groups, 0.3), groups)
    for i in range(30):
        expected = closed_form(y[:, i], v[:, i], groups, 0.3)
        found = (fitted.coef[0, i], fitted.se[0, i], fitted.dof[0, i])
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def root_of_inverse(matrix: Array) -> Array:
    value, vector = np.linalg.eigh(matrix)
    return np.asarray(vector @ np.diag(value**-0.5) @ vector.T)


def by_matrices(y: Array, w: Array, groups: Array, x: Array, c: Array) -> tuple[Array, float]:
    """CR2 covariance of one voxel, and degrees of freedom of a contrast, from n by n matrices."""
    xs, ys = np.sqrt(w)[:, None] * x, np.sqrt(w) * y
    bread = np.linalg.inv(xs.T @ xs)
    rest = np.eye(len(y)) - xs @ bread @ xs.T
    cov, vectors = np.zeros((len(c), len(c))), []
    for g in np.unique(groups):
        rows = np.flatnonzero(groups == g)
        adjusted = root_of_inverse(rest[np.ix_(rows, rows)]) @ rest[rows]
        score = bread @ xs[rows].T @ adjusted @ ys
        cov += np.outer(score, score)
        vectors.append(c @ bread @ xs[rows].T @ adjusted)
    omega = np.array(vectors) @ np.array(vectors).T
    return cov, np.trace(omega) ** 2 / (omega**2).sum()


@pytest.mark.parametrize("scheme", ["rescale", "individual"])
def test_any_design_is_that_of_the_matrices(scheme: Any) -> None:
    """Covariance and degrees of freedom of a moderator that differs between and within studies."""
    y, v = random_effects(14, 8, seed=22)
    groups = np.array([0, 0, 1, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7, 8])
    x = np.column_stack([np.ones(14), np.arange(14) % 2, np.linspace(20, 60, 14) ** 1.5])
    contrasts = np.array([[0, 1.0, 0], [1, 0.5, 400]])
    w = group_weights(v, groups, 0.2, scheme=scheme)
    fitted = robust_fit(y, w, groups, design=x, contrasts=contrasts)
    for i in range(8):
        for j, c in enumerate(contrasts):
            cov, dof = by_matrices(y[:, i], w[:, i], groups, x, c)
            np.testing.assert_allclose(fitted.cov[:, :, i], cov, rtol=1e-5, atol=1e-12)
            assert fitted.se[j, i] == pytest.approx(np.sqrt(c @ cov @ c), rel=1e-6)
            assert fitted.dof[j, i] == pytest.approx(dof, rel=1e-6)


def test_equal_weights_have_one_degree_less_than_studies() -> None:
    """As the t test of the studies' means has, whose error this is then."""
    y, _ = random_effects(6, 4, seed=23)
    fitted = robust_fit(y, np.ones((6, 4)), np.arange(6))
    np.testing.assert_allclose(fitted.dof, 5)
    np.testing.assert_allclose(fitted.se[0], y.std(axis=0, ddof=1) / np.sqrt(6))


def test_what_one_study_determines_alone_has_no_error() -> None:
    """A level that only one study has: no number for it, and the other contrasts stand."""
    y, v = random_effects(7, 3, seed=24)
    groups = np.array([0, 1, 2, 3, 4, 5, 5])
    x = np.column_stack([np.ones(7), groups == 5])
    fitted = robust_fit(y, group_weights(v, groups), groups, design=x)
    assert np.isnan(fitted.se[1]).all()
    assert np.isnan(fitted.dof[1]).all()
    assert np.isnan(fitted.infer(1).statistic).all()
    others = robust_fit(y[:5], group_weights(v[:5], groups[:5]), groups[:5])
    np.testing.assert_allclose(fitted.se[0], others.se[0])
    np.testing.assert_allclose(fitted.dof[0], others.dof[0])


def test_one_study_is_too_few() -> None:
    """However many images it has."""
    y, v = random_effects(4, 3, seed=25)
    with pytest.raises(ValueError, match=r"1 independent study\(ies\) are too few for 1 coeff"):
        robust_fit(y, 1 / v, ["one"] * 4)
    with pytest.raises(ValueError, match=r"1 independent study\(ies\) are too few for 1 coeff"):
        grouped_tau2("dl", y, v, ["one"] * 4)


def test_equal_effects_have_no_test() -> None:
    """Residuals that are 0 up to rounding tell no error."""
    w = group_weights(random_effects(8, 3, seed=26)[1], STUDIES)
    fitted = robust_fit(np.full((8, 3), 0.1), w, STUDIES)
    assert (fitted.se == 0).all()
    assert np.isnan(fitted.infer().statistic).all()


def test_a_coefficient_of_one_study_alone_is_no_division_by_zero() -> None:
    """No other study says anything of the only coefficient: no error, and no warning."""
    y, v = random_effects(3, 4, seed=27)
    fitted = robust_fit(y, 1 / v, ["a", "b", "c"], design=np.array([[2.0], [0], [0]]))
    np.testing.assert_allclose(fitted.coef[0], y[0] / 2)
    assert np.isnan(fitted.se).all()
    assert np.isnan(fitted.dof).all()
