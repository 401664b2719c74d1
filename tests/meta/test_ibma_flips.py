"""Flips of signs judge images as refitting every flip does."""

from itertools import product

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma
from nimare_pipeline.meta.judging import MonteCarlo
from nimare_pipeline.numerics.sign_flips_plan import UNIT

SIZES = (12, 30, 18, 25, 16, 40, 22)
SHAPE = (5, 4, 4)
N_VOXELS = 80
DOSES = (1.0, 3.0, 2.0, 5.0, 4.0, 2.5, 6.0)


def data(studies=("a", "b", "c", "d", "e", "f"), *, gaps=False):
    """Random images of studies, some voxels of some of them missing."""
    rng = np.random.default_rng(11)
    n = len(studies)
    mask = nib.Nifti1Image(np.ones(SHAPE, "u1"), np.diag([2.0, 2, 2, 1]))
    dataset = Dataset.from_contrasts(
        [
            Contrast(s, str(i), sample_sizes=(SIZES[i],), metadata={"dose": DOSES[i]})
            for i, s in enumerate(studies)
        ],
        mask=mask,
    )
    beta = rng.normal(0.3, 0.5, (n, N_VOXELS))
    beta[:, :12] += 0.8
    varcope = rng.uniform(0.02, 0.3, (n, N_VOXELS))
    z = rng.normal(0.5, 1, (n, N_VOXELS))
    z[:, :12] += 2
    values = {"beta": beta, "varcope": varcope, "z": z, "t": z * 1.1}
    if gaps:
        gone = rng.random((n, N_VOXELS)) < 0.15
        values = {kind: np.where(gone, np.nan, v) for kind, v in values.items()}
    arrays = {kind: v.astype(np.float32) for kind, v in values.items()}
    return dataset, ImageStack(tuple(dataset.ids), arrays)


def largest_of_every_flip(estimator, dataset, images):
    """Largest |z| (or z) of refits of all flips, studies turned as a whole."""
    studies = dataset.metadata["study_id"].tolist()
    names = list(dict.fromkeys(studies))
    found = []
    for signs in product((1, -1), repeat=len(names)):
        turn = dict(zip(names, signs, strict=True))
        own = np.array([turn[study] for study in studies], dtype=np.float32)[:, None]
        turned = {
            kind: values if kind == "varcope" else values * own
            for kind, values in images.values.items()
        }
        z = estimator.fit(dataset, images=ImageStack(images.ids, turned)).maps["z"]
        found.append(np.nanmax(np.abs(z) if estimator.tail == "two-sided" else z))
    return np.array(found)


ESTIMATORS = [
    ibma.PermutedOLS(),
    ibma.PermutedOLS(two_sided=False, image="z"),
    ibma.PermutedOLS(use_sample_size=True),
    ibma.Stouffers(),
    ibma.Stouffers(use_sample_size=True, two_sided=False),
    ibma.Fishers(),
    ibma.Fishers(use_sample_size=True),
    ibma.Fishers(two_sided=False),
    ibma.WeightedLeastSquares(),
    ibma.WeightedLeastSquares(tau2=0.1),
    ibma.FixedEffectsHedges(),
    ibma.DerSimonianLaird(),
    ibma.DerSimonianLaird(small_sample_correction="wald"),
    ibma.DerSimonianLaird(small_sample_correction="knapp-hartung-conservative"),
    ibma.Hedges(),
]
COLLAPSED = [
    ibma.PermutedOLS(),
    ibma.DerSimonianLaird(weight_scheme="collapse"),
    ibma.Hedges(weight_scheme="collapse"),
    ibma.WeightedLeastSquares(weight_scheme="collapse"),
    ibma.WeightedLeastSquares(),
    ibma.PermutedOLS(use_sample_size=True),
]


def check_against_refits(estimator, dataset, images, *, rtol=2e-6):
    result = estimator.fit(dataset, images=images)
    corrected = FWECorrector(n_iters=10_000, voxel_thresh=0.01).transform(result)
    montecarlo = corrected.facts["montecarlo"]
    null = largest_of_every_flip(estimator, dataset, images)
    assert montecarlo["exhaustive"]
    assert montecarlo["n_iters"] == len(null)
    np.testing.assert_allclose(
        np.sort(corrected.arrays["montecarlo_max_stat"]),
        np.sort(np.maximum(null, 0)),
        rtol=rtol,
        atol=2e-5,
    )
    z = result.maps["z"]
    height = np.abs(z) if estimator.tail == "two-sided" else z
    p = corrected.maps["p_level-voxel_corr-FWE_method-montecarlo"]
    known = np.isfinite(z)
    # Flips are compared in steps of 2**-20 of z, and degrees of freedom in steps of 1/64.
    wanted = [(null >= one - 3e-6).mean() if one > 0 else 1.0 for one in height[known]]
    np.testing.assert_allclose(p[known], wanted, atol=1e-12 if rtol < 1e-4 else 1.01 / len(null))
    assert np.isnan(p[~known]).all()


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: repr(one)[:70])
def test_every_flip_is_as_refitted(estimator, gaps):
    """All 64 flips have the largest z that fitting the flipped images has, gaps or not."""
    weighted = getattr(estimator, "use_sample_size", False) and estimator.kinds() == ("beta",)
    check_against_refits(estimator, *data(gaps=gaps), rtol=3e-3 if weighted else 2e-6)


@pytest.mark.parametrize("estimator", COLLAPSED, ids=lambda one: repr(one)[:90])
def test_images_of_a_study_are_flipped_together(estimator):
    """Two studies with two images each: 32 flips of 5 studies, as refitted."""
    dataset, images = data(("a", "b", "a", "c", "d", "d", "e"), gaps=True)
    check_against_refits(estimator, dataset, images, rtol=5e-3)


@pytest.mark.parametrize("name", ["Stouffers", "Fishers"])
def test_correlation_of_a_study_is_that_of_the_data(name):
    """Where images depend, the correlation found in the data holds for every flip."""
    dataset, images = data(("a", "b", "a", "c", "d", "d", "e"))
    estimator = getattr(ibma, name)()
    result = estimator.fit(dataset, images=images)
    plan = estimator.montecarlo_plan(result, MonteCarlo(n_iters=100))
    np.testing.assert_allclose(plan.observed() * UNIT, result.maps["z"], atol=5e-5)


def test_moderator_by_freedman_and_lane():
    """Flips of the residuals of the model without the moderator, added to its fit, refitted."""
    dataset, images = data(("a", "b", "c", "d", "e", "f", "g"))
    estimator = ibma.PermutedOLS(formula="~ dose", term="dose")
    result = estimator.fit(dataset, images=images)
    corrected = FWECorrector(n_iters=1000).transform(result)
    y = images.values["beta"].astype(float)
    x = np.column_stack([np.ones(7), DOSES])
    mean = y.mean(axis=0)
    null = []
    for signs in product((1, -1), repeat=7):
        flipped = mean + np.array(signs)[:, None] * (y - mean)
        coefficients, _, _, _ = np.linalg.lstsq(x, flipped, rcond=None)
        residuals = flipped - x @ coefficients
        variance = (residuals**2).sum(axis=0) / 5 * np.linalg.inv(x.T @ x)[1, 1]
        null.append(np.abs(coefficients[1] / np.sqrt(variance)).max())
    t = result.maps["t_desc-dose"]
    wanted = [(np.array(null) >= abs(one) * (1 - 1e-6)).mean() for one in t]
    p = corrected.maps["p_desc-dose_level-voxel_corr-FWE_method-montecarlo"]
    np.testing.assert_allclose(p, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (ibma.VarianceBasedLikelihood(), "iterated at every flip"),
        (ibma.PauleMandel(), "iterated at every flip"),
        (ibma.WeightedMedian(), "iterated at every flip"),
        (ibma.DerSimonianLaird(formula="~ dose"), "moderators are tested so by PermutedOLS"),
        (ibma.WeightedLeastSquares(small_sample_correction="knapp-hartung"), "must be wald"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_flipped_says_so(estimator, said):
    """The error names why, and what can be done instead."""
    dataset, images = data()
    result = estimator.fit(dataset, images=images)
    with pytest.raises(UsageError, match=said) as caught:
        FWECorrector(n_iters=10).transform(result)
    assert "FDRCorrector" in str(caught.value)


def test_random_effects_of_dependent_images_are_collapsed_or_not_flipped():
    """Cluster-robust errors with an estimated tau2 are not flipped; the advice says what is."""
    dataset, images = data(("a", "b", "a", "c", "d", "d", "e"))
    result = ibma.DerSimonianLaird().fit(dataset, images=images)
    with pytest.raises(UsageError, match="weight_scheme 'collapse'"):
        FWECorrector(n_iters=10).transform(result)


def test_moderator_within_a_study():
    """Images of a study that differ in a moderator cannot be averaged."""
    dataset, images = data(("a", "b", "a", "c", "d", "d", "e"))
    with pytest.raises(DataError, match="differs between images of one study"):
        ibma.PermutedOLS(formula="~ dose").fit(dataset, images=images)
