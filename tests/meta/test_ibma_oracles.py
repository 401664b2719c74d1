"""Estimators of images against statsmodels and nilearn, on random images."""

import numpy as np
import pytest
from nilearn.mass_univariate import permuted_ols
from statsmodels.stats.meta_analysis import combine_effects

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma
from tests.meta.image_cases import stack, studies

VOXELS = range(0, 100, 7)


@pytest.fixture(scope="module")
def images():
    """Images of ten studies."""
    return stack(studies(), seed=8)


def effects(images, voxel):
    """Effects and variances at a voxel, as statsmodels takes them."""
    return (images.values[kind][:, voxel].astype(float) for kind in ("beta", "varcope"))


@pytest.mark.parametrize(
    ("estimator", "method"), [(ibma.DerSimonianLaird, "chi2"), (ibma.PauleMandel, "iterated")]
)
def test_random_effects_are_those_of_statsmodels(images, estimator, method):
    """Mean, both standard errors, tau2 and Q are statsmodels'.

    Its iteration for Paule and Mandel gives 0 at one voxel where Q is twice K - 1; ours solves the
    equation there.
    """
    data = studies()
    hartung = estimator().fit(data, images=images).maps
    wald = estimator(small_sample_correction="wald").fit(data, images=images).maps
    at, found = [], []
    for voxel in VOXELS:
        one = combine_effects(*effects(images, voxel), method_re=method, atol=1e-10)
        if one.tau2 == 0 and one.q > 9:
            y, v = effects(images, voxel)
            weights = 1 / (v + hartung["tau2"][voxel])
            residuals = y - (weights * y).sum() / weights.sum()
            assert (weights * residuals**2).sum() == pytest.approx(9, rel=1e-6)
            continue
        at.append(voxel)
        found.append(one)
    assert len(at) >= len(VOXELS) - 1
    for maps, name, values in [
        (hartung, "est", [one.mean_effect_re for one in found]),
        (wald, "est", [one.mean_effect_re for one in found]),
        (hartung, "se", [one.sd_eff_w_re_hksj for one in found]),
        (wald, "se", [one.sd_eff_w_re for one in found]),
        (hartung, "q", [one.q for one in found]),
    ]:
        np.testing.assert_allclose(maps[name][at], values, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(hartung["tau2"][at], [one.tau2 for one in found], atol=1e-7)
    assert sum(one.tau2 > 0 for one in found) > len(found) / 2


def test_fixed_effects_are_those_of_statsmodels(images):
    """Mean and standard error with known variances are statsmodels'."""
    maps = ibma.WeightedLeastSquares().fit(studies(), images=images).maps
    found = [combine_effects(*effects(images, voxel)) for voxel in VOXELS]
    at = list(VOXELS)
    np.testing.assert_allclose(maps["est"][at], [one.mean_effect_fe for one in found], rtol=1e-9)
    np.testing.assert_allclose(maps["se"][at], [one.sd_eff_w_fe for one in found], rtol=1e-9)


@pytest.mark.parametrize("two_sided", [True, False])
def test_permuted_t_is_that_of_nilearn(images, two_sided):
    """t is nilearn's, and its p of 5,000 random flips lie about ours of all 1,024."""
    data = studies()
    beta = images.values["beta"].astype(float) - 0.15
    given = ImageStack(images.ids, {"beta": beta.astype(np.float32)})
    result = ibma.PermutedOLS(two_sided=two_sided).fit(data, images=given)
    corrected = FWECorrector(n_iters=1024, voxel_thresh=0.05).transform(result)
    found = permuted_ols(
        np.ones((10, 1)), given.values["beta"].astype(float), model_intercept=False,
        n_perm=5000, two_sided_test=two_sided, random_state=3, output_type="dict",
    )  # fmt: skip
    np.testing.assert_allclose(result.maps["t"], found["t"][0], rtol=1e-5)
    assert corrected.facts["montecarlo"]["exhaustive"]
    ours = corrected.maps["p_level-voxel_corr-FWE_method-montecarlo"]
    theirs = 10 ** -found["logp_max_t"][0]
    error = np.sqrt(ours * (1 - ours) / 5000)
    assert (np.abs(ours - theirs) <= 4.5 * error + 2 / 5001).all()
    assert (ours < 0.5).sum() > 0
