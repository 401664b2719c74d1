"""Variances from effects and sample sizes: published figures, grids, and refusals."""

from typing import Any, Literal

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.sample_size_likelihood import sample_size_variances
from nimare_pipeline.numerics.weighted_fit import fit, infer
from tests.numerics.effects import BETA, SIZES, Array


def test_published_figures() -> None:
    """Both variances, and estimate, standard error and z that follow from them."""
    found = sample_size_variances(BETA, SIZES)
    np.testing.assert_allclose(found.sigma2, [3.16643, 0, 2.21477], rtol=5e-6)
    np.testing.assert_allclose(found.tau2, [0, 0.370723, 0], rtol=5e-6)
    fitted = fit(BETA, found.of_effects(SIZES))
    tested = infer(fitted)
    np.testing.assert_allclose(tested.est, [1.00173, 0.354515, -1.227], rtol=5e-6)
    np.testing.assert_allclose(tested.se, [0.151339, 0.230131, 0.12657], rtol=5e-6)
    z = np.sign(tested.est) * stats.norm.isf(stats.t.sf(np.abs(tested.statistic), 7))
    np.testing.assert_allclose(z, [3.6162, 1.38081, -4.20382], rtol=5e-6)


def test_published_figures_of_restricted_likelihood() -> None:
    """Both variances."""
    found = sample_size_variances(BETA, SIZES, method="reml")
    np.testing.assert_allclose(found.sigma2, [3.61877, 0, 2.53116], rtol=5e-6)
    np.testing.assert_allclose(found.tau2, [0, 0.423683, 0], rtol=5e-6)


def deviance(y: Array, v: Array, x: Array, method: str) -> float:
    """Minus twice the log likelihood of known variances."""
    w = np.diag(1 / v)
    normal = x.T @ w @ x
    residual = y - x @ np.linalg.solve(normal, x.T @ w @ y)
    value = np.log(v).sum() + residual @ w @ residual
    return float(value + (np.linalg.slogdet(normal)[1] if method == "reml" else 0))


@pytest.mark.parametrize("method", ["ml", "reml"])
@pytest.mark.parametrize("columns", [1, 2])
def test_likelihood_is_the_highest_there_is(method: Literal["ml", "reml"], columns: int) -> None:
    """No pair of variances of a fine grid is better; some lie inside, some at either end."""
    rng = np.random.default_rng(41)
    sizes = np.array([2, 3, 5, 7, 10, 20, 40, 90, 150, 300, 400, 600])
    tau = np.repeat([0.0, 0.15, 0.6], 8)
    y = rng.normal(size=(12, 24)) * np.sqrt(tau**2 + 1 / sizes[:, None])
    design = np.column_stack([np.ones(12), np.arange(12) % 3])[:, :columns]
    found = sample_size_variances(y, sizes, method=method, design=design)
    assert found.converged.all()
    for i in range(24):
        best = deviance(y[:, i], found.tau2[i] + found.sigma2[i] / sizes, design, method)
        total = found.tau2[i] + found.sigma2[i]
        for factor in (0.9, 0.999, 1, 1.001, 1.1):
            for ratio in np.append(np.geomspace(1e-4, 1, 80), 0):
                v = factor * total * (ratio + (1 - ratio) / sizes)
                assert best <= deviance(y[:, i], v, design, method) + 1e-9
    inside = (found.tau2 > 0) & (found.sigma2 > 1e-9)
    assert 2 < inside.sum() < 22
    assert (found.tau2 == 0).sum() > 2


def test_scale_of_the_total_is_the_mean_square() -> None:
    """Twice the effects, four times both variances; equal effects have neither."""
    found, twice = (sample_size_variances(f * BETA, SIZES) for f in (1, 2))
    np.testing.assert_allclose(twice.sigma2, 4 * found.sigma2, rtol=1e-8)
    np.testing.assert_allclose(twice.tau2, 4 * found.tau2, rtol=1e-8)
    equal = sample_size_variances(np.full((8, 2), 0.1), SIZES)
    np.testing.assert_array_equal(equal.tau2 + equal.sigma2, 0)
    np.testing.assert_array_equal(equal.of_effects(SIZES)[:, 0], 1 / SIZES)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([20, 20, 20], "all sample sizes are 20: the variance between studies cannot be told"),
        ([20, 0, 30], r"3 effects need as many sample sizes, all above 0 \(got \[20.0, 0.0, 30.0"),
        ([20, np.nan, 30], "need as many sample sizes, all above 0"),
        ([20, 30], "3 effects need as many sample sizes"),
    ],
)
def test_impossible_sizes_are_refused(sizes: Any, message: str) -> None:
    """With a sentence on what is needed."""
    with pytest.raises(ValueError, match=message):
        sample_size_variances(np.eye(3), sizes)
