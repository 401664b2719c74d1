"""ALE against the output of the Java GingerALE for 38 experiments and 654 foci."""

import numpy as np
import pytest

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.forming import cluster_forming, null_of
from nimare_pipeline.meta.judging import cluster_extents
from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.results import MetaResult

# voxels and ALE-weighted centre (mm) of its ten clusters at p < .001, from its cluster table
CLUSTERS = [
    (2561, (-42.4, -23.4, 50.0)),
    (1586, (-2.5, -2.6, 53.0)),
    (1078, (-24.6, -8.7, 4.7)),
    (960, (16.0, -56.5, -21.2)),
    (619, (35.4, -20.4, 56.8)),
    (438, (-21.4, -57.2, -23.8)),
    (384, (41.5, -40.5, 45.9)),
    (350, (20.2, -10.7, 8.3)),
    (324, (-55.5, 3.1, 30.2)),
    (143, (54.4, 9.2, 12.8)),
]


@pytest.fixture(scope="module")
def exact(gingerale: dict) -> MetaResult:  # type: ignore[type-arg]
    return ALE(mask=gingerale["mask"]).fit(gingerale["dataset"])


@pytest.fixture(scope="module")
def histogram(gingerale: dict) -> MetaResult:  # type: ignore[type-arg]
    return ALE(mask=gingerale["mask"], null_method="histogram").fit(gingerale["dataset"])


def test_dataset_has_its_experiments_and_foci(gingerale: dict) -> None:  # type: ignore[type-arg]
    """38 experiments, 654 foci and 340 participants, as its Readme says."""
    dataset = gingerale["dataset"]
    assert len(dataset.ids) == 38
    assert len(dataset.coordinates) == 654
    assert np.nansum(dataset.sample_sizes()) == 340


def test_kernel_widths(exact: MetaResult) -> None:
    """Smallest, median (upper middle) and largest FWHM to 1e-13."""
    expected = {"min": 9.501798304955097, "median": 10.362276299774612, "max": 19.072644189655946}
    assert exact.facts["fwhm_mm"] == pytest.approx(expected, rel=1e-13)


def test_ale_image(exact: MetaResult, gingerale: dict) -> None:  # type: ignore[type-arg]
    """The ALE image within 5e-8 at each of 264,227 voxels."""
    assert len(gingerale["ale"]) == 264_227
    assert np.abs(exact.maps["stat"] - gingerale["ale"]).max() < 5e-8


def test_histogram_null_gives_its_p_at_every_voxel(
    histogram: MetaResult,
    gingerale: dict,  # type: ignore[type-arg]
) -> None:
    """P of its own ALE image, looked up in our histogram null, within 1e-6 relative everywhere."""
    p = np.exp(null_of(histogram).log_p(gingerale["ale"]))
    np.testing.assert_allclose(p, gingerale["p"], rtol=1e-6)


def test_histogram_p_of_our_own_map(histogram: MetaResult, gingerale: dict) -> None:  # type: ignore[type-arg]
    """P of our map is its P within 1e-6 but for voxels within 5e-8 of a bin edge."""
    off = np.abs(histogram.maps["p"] / gingerale["p"] - 1) > 1e-6
    steps = gingerale["ale"] / 1e-5 + 0.5
    to_edge = np.abs(steps - np.rint(steps)) * 1e-5
    assert (to_edge[off] < 5e-8).all()
    assert off.sum() < 120


def test_exact_null(exact: MetaResult, gingerale: dict) -> None:  # type: ignore[type-arg]
    """The exact p differs from its binned one by less than the bins explain."""
    difference = np.abs(-exact.maps["logp"] - np.log10(gingerale["p"]))
    assert difference[gingerale["p"] < 1].max() < 0.015
    assert difference.max() < 0.015
    assert difference[gingerale["p"] < 0.001].max() < 0.008
    assert abs(int((exact.maps["p"] < 0.001).sum()) - 8816) <= 5
    assert (gingerale["p"] < 0.001).sum() == 8816


def test_clusters_of_its_table(histogram: MetaResult, gingerale: dict) -> None:  # type: ignore[type-arg]
    """Clusters of voxels that share faces at p < .001: sizes to the voxel, centres to 0.05 mm."""
    mask = gingerale["mask"]
    above = mask.volume(gingerale["p"] < 0.001).astype(bool)
    labels, n = label(above)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    ale = mask.volume(histogram.maps["stat"])
    for rank, (size, centre) in zip(np.argsort(-sizes), CLUSTERS, strict=False):
        assert sizes[rank] == size
        ijk = np.argwhere(labels == rank + 1)
        weights = ale[tuple(ijk.T)]
        mm = (weights @ ijk / weights.sum()) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
        np.testing.assert_allclose(mm, centre, atol=0.051)


def test_cluster_fwe(exact: MetaResult, gingerale: dict) -> None:  # type: ignore[type-arg]
    """Its 1,000 permutations gave 142 voxels; ours with its rule for outside foci agree."""
    corrector = FWECorrector(n_iters=1000, n_cores=2, null_outside="inside")
    corrected = corrector.transform(exact)
    threshold = corrected.facts["montecarlo"]["thresholds"]["size_voxels"]["0.05"]
    assert abs(threshold - 142) <= 12
    size, _ = cluster_extents(
        exact.arrays["numbers"], cluster_forming(exact, 0.001)[0], gingerale["mask"].inside
    )
    p = corrected.maps["p_desc-size_level-cluster_corr-FWE_method-montecarlo"]
    ten_largest = np.unique(size)[::-1][:10]
    assert (p[np.isin(size, ten_largest[:9])] < 0.05).all()
