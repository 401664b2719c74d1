"""ALE and its kernel: published figures, the peer's maps, and what must hold for any dataset."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse, stats

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.forming import cluster_forming
from nimare_pipeline.meta.kernel import ALEKernel
from nimare_pipeline.results import MetaResult
from tests.meta.conftest import dataset_of

PEER = Path(__file__).parents[1] / "reference" / "nimare_pain.npz"


def at(result: MetaResult, name: str, ijk: tuple[int, int, int]) -> float:
    return float(result.mask.volume(result.maps[name])[ijk])


def test_tiny_case(tiny: Dataset) -> None:
    """Five studies, published figures: statistic at two voxels to 7 digits, z near the peer's."""
    result = ALE(kernel__voxelization="half-even").fit(tiny)
    a, b = (45, 63, 36), (25, 53, 61)
    assert at(result, "stat", a) == pytest.approx(0.0343948938, rel=1e-6)
    assert at(result, "stat", b) == pytest.approx(0.0134217860, rel=1e-6)
    assert result.maps["stat"].max() == at(result, "stat", a)
    assert result.maps["stat"].sum() == pytest.approx(7.63831431, rel=1e-6)
    assert (result.maps["stat"] > 0).sum() == 11364
    assert at(result, "z", a) == pytest.approx(9.3638124, abs=0.005)
    assert at(result, "z", b) == pytest.approx(5.3067980, abs=0.005)


def test_tiny_case_with_the_peers_bins(tiny: Dataset) -> None:
    """With the histogram null p and z are the published ones."""
    result = ALE(kernel__voxelization="half-even", null_method="histogram").fit(tiny)
    a, b = (45, 63, 36), (25, 53, 61)
    assert at(result, "p", a) == pytest.approx(3.8455114e-21, rel=1e-6)
    assert at(result, "p", b) == pytest.approx(5.5783822e-08, rel=1e-6)
    assert at(result, "z", a) == pytest.approx(9.3638124, abs=1e-6)


@pytest.mark.parametrize(
    ("null_method", "strong", "middle", "weak"),
    [("approximate", 0.005, 0.02, 0.03), ("histogram", 2.1e-4, 0.002, 2.1e-4)],
)
def test_pain_against_the_peer(
    pain: Dataset, null_method: str, strong: float, middle: float, weak: float
) -> None:
    """z of the peer at every voxel of the example, and its statistic."""
    result = ALE(kernel__voxelization="half-even", null_method=null_method).fit(pain)
    with np.load(PEER) as peer:
        z = peer["z_steps_of_2e_4"] * 2e-4
        assert result.maps["stat"].max() == pytest.approx(float(peer["stat_max"]), rel=1e-7)
        assert result.maps["stat"].mean() == pytest.approx(float(peer["stat_mean"]), rel=1e-7)
    difference = np.abs(result.maps["z"] - z)
    assert difference[z > 4].max() < strong
    assert difference[(z >= 1) & (z <= 4)].max() < middle
    assert difference[z < 1].max() < weak


def test_pain_has_the_published_extent(pain: Dataset) -> None:
    """Maximum at (38, 4, 2); 26 of 267 foci outside; 2,625 voxels below .001 with its bins."""
    result = ALE(kernel__voxelization="half-even", null_method="histogram").fit(pain)
    assert at(result, "stat", (64, 65, 37)) == result.maps["stat"].max()
    assert result.facts["n_foci"] == 267
    assert result.facts["n_foci_outside"] == 26
    assert (result.maps["p"] < 0.001).sum() == 2625


def test_maps_agree_with_each_other(pain: Dataset) -> None:
    """logp, p and z tell the same, and voxels without activation have p 1."""
    maps = ALE().fit(pain).maps
    assert list(maps) == ["stat", "p", "z", "logp"]
    np.testing.assert_allclose(10 ** -maps["logp"], maps["p"], rtol=1e-12)
    assert (maps["p"][maps["stat"] == 0] == 1).all()
    assert (maps["z"][maps["p"] > 0.5] == 0).all()
    assert np.isfinite(maps["z"]).all()


def test_strongest_voxels_do_not_underflow() -> None:
    """Sixty studies at one place: p is 0 in float64, logp and z are not cut off."""
    contrasts = {f"s{i}": ([20], [(0, 0, 0)]) for i in range(60)}
    maps = ALE().fit(dataset_of(contrasts)).maps
    # 60 experiments, each at its peak in one voxel of 228,483: p = 228483**-60.
    assert maps["logp"].max() == pytest.approx(60 * np.log10(228_483), rel=1e-9)
    assert stats.norm.logsf(maps["z"].max()) == pytest.approx(-60 * np.log(228_483), rel=1e-9)


def test_order_of_studies_does_not_matter(tiny: Dataset) -> None:
    """Reversing the contrasts changes neither the integers nor, beyond rounding, the maps."""
    turned = tiny.slice(list(tiny.ids)[::-1])
    one, other = ALE().fit(tiny), ALE().fit(turned)
    np.testing.assert_array_equal(one.arrays["numbers"], other.arrays["numbers"])
    for name in one.maps:
        np.testing.assert_allclose(one.maps[name], other.maps[name], rtol=1e-6, atol=1e-12)


def test_fit_leaves_the_dataset_and_the_estimator(tiny: Dataset) -> None:
    """Fitting twice gives the same result, and no table or parameter changes."""
    before = tiny.coordinates.copy()
    estimator = ALE(kernel__fwhm=8.0)
    parameters = estimator.get_params()
    first, second = estimator.fit(tiny), estimator.fit(tiny)
    np.testing.assert_array_equal(first.maps["z"], second.maps["z"])
    assert tiny.coordinates.equals(before)
    assert estimator.get_params() == parameters


def test_one_study_is_analysed() -> None:
    """A single contrast gives its own modelled activation."""
    dataset = dataset_of({"a": ([20], [(0, 0, 0)])})
    result = ALE().fit(dataset)
    expected = ALEKernel().transform(dataset, return_type="array")[0]
    # The sum is a whole number of 2**-58.
    np.testing.assert_allclose(result.maps["stat"], expected, rtol=1e-12, atol=2.0**-58)


def test_contrasts_without_foci_count_but_add_nothing() -> None:
    """An empty contrast leaves the statistic alone."""
    contrasts = {"a": ([20], [(0, 0, 0)]), "b": ([12], [(8, 0, 0)])}
    full = ALE().fit(dataset_of(contrasts))
    more = ALE().fit(dataset_of({**contrasts, "empty": ([30], [])}))
    np.testing.assert_array_equal(full.maps["stat"], more.maps["stat"])
    assert more.facts["n_contrasts"] == 3


def test_no_foci_at_all_is_an_error() -> None:
    """Nothing to analyse is said, not computed."""
    with pytest.raises(DataError, match="no contrast of the dataset has any focus"):
        ALE().fit(dataset_of({"a": ([20], [])}))


def test_missing_sample_size_names_the_contrast() -> None:
    """A contrast without N is named with what would help."""
    dataset = dataset_of({"a": ([20], [(0, 0, 0)]), "b": (None, [(8, 0, 0)])})
    with pytest.raises(DataError, match=r"contrast b-1: no sample size \(add it, exclude"):
        ALE().fit(dataset)
    assert ALE(kernel__fwhm=10).fit(dataset).maps["stat"].max() > 0


def test_ma_maps_computed_before_are_used(tiny: Dataset) -> None:
    """Handing in the kernel's maps gives the same result as fitting from foci."""
    maps = ALEKernel().transform(tiny, return_type="sparse")
    assert isinstance(maps, sparse.csr_array)
    one, other = ALE().fit(tiny), ALE().fit(tiny, ma_maps=maps)
    np.testing.assert_array_equal(one.maps["z"], other.maps["z"])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_iter": 5}, r"ALE has no keyword 'n_iter'; it accepts: kernel_transformer"),
        ({"kernel__fwmh": 5}, r"ALE has no keyword 'kernel__fwmh'.*kernel__fwhm"),
        ({"kernel__fwhm": -1}, "fwhm is -1; expected a positive number"),
        ({"kernel__fwhm": 1, "kernel__sample_size": 2}, "fwhm or sample_size, not both"),
        ({"kernel__voxelization": "round"}, "voxelization 'round' is unknown"),
        ({"null_method": "aproximate"}, "null_method 'aproximate' is unknown"),
    ],
)
def test_unknown_keywords_and_values_are_errors(keywords: dict, message: str) -> None:  # type: ignore[type-arg]
    """Nothing misspelt is swallowed."""
    with pytest.raises(UsageError, match=message):
        ALE(**keywords)


def test_too_narrow_a_kernel_is_a_usage_error(tiny: Dataset) -> None:
    """A kernel that would make a voxel certain to be active is refused."""
    with pytest.raises(UsageError, match="too narrow for voxels"):
        ALE(kernel__fwhm=1.0).fit(tiny)


def test_parameters_are_read_and_set_as_in_scikit_learn() -> None:
    """get_params names the kernel's parameters; set_params takes the same names."""
    estimator = ALE(ALEKernel(sample_size=20))
    assert estimator.get_params()["kernel__sample_size"] == 20
    estimator.set_params(kernel__sample_size=30, n_cores=2)
    assert estimator.kernel_transformer.sample_size == 30
    assert estimator.n_cores == 2
    with pytest.raises(UsageError, match="ALE has no parameter 'fwhm'"):
        estimator.set_params(fwhm=3)


@pytest.mark.parametrize("return_type", ["image", "array", "sparse"])
def test_kernel_returns_what_is_asked_for(tiny: Dataset, return_type: str) -> None:
    """Images, an array or a sparse array hold the same values."""
    kernel = ALEKernel(fwhm=8)
    found = kernel.transform(tiny, return_type=return_type)
    expected = kernel.transform(tiny, return_type="array")
    if return_type == "image":
        found = np.array([image.get_fdata()[tiny.mask.inside] for image in found])
    if return_type == "sparse":
        found = found.toarray()
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(UsageError, match="return_type is 'image', 'array' or 'sparse'"):
        kernel.transform(tiny, return_type="dataset")


def test_kernel_takes_another_mask(tiny: Dataset) -> None:
    """A mask on its own grid, 3 x 4 x 5 mm, is used as it is."""
    affine = np.diag([3.0, 4, 5, 1])
    affine[:3, 3] = -60, -60, -60
    mask = BrainMask(np.ones((40, 30, 24), dtype=bool), affine)
    maps = ALEKernel().transform(tiny, masker=mask, return_type="array")
    assert maps.shape == (5, mask.n_voxels)
    # The density sums to 1 for a single focus well inside, at every voxel size.
    assert maps[1].sum() == pytest.approx(1, abs=1e-3)
    assert ALE(mask=mask).fit(tiny).mask is mask


def test_cluster_forming_threshold_is_the_smallest_significant_statistic(pain: Dataset) -> None:
    """Voxels at or above it are those with p below the level, for both nulls."""
    for null_method in ("approximate", "histogram"):
        result = ALE(null_method=null_method).fit(pain)
        threshold, facts = cluster_forming(result, 0.001)
        above = result.arrays["numbers"] >= threshold
        assert abs(int(above.sum()) - int((result.maps["p"] < 0.001).sum())) <= 1
        assert facts["achieved_p"] < 0.001
        assert facts["achieved_p"] == pytest.approx(0.001, rel=0.01)


def test_description_and_references(tiny: Dataset) -> None:
    """The description cites papers that the BibTeX holds."""
    result = ALE().fit(tiny)
    assert "5 contrasts" in result.description_
    assert "@article{eickhoff2012," in result.bibtex_


def test_montecarlo_null_has_the_peers_threshold(pain: Dataset) -> None:
    """With foci redrawn inside p < .001 begins at .0112, as in the peer's 100 iterations (.01125).

    The exact null begins at .0109, and so does the Monte Carlo null with outside foci drawn
    outside: it is the foci put into the mask that make the difference.
    """
    thresholds = {
        policy: cluster_forming(
            ALE(
                null_method="montecarlo", n_iters=200, n_cores=2, null_outside=policy,
                kernel__voxelization="half-even",
            ).fit(pain),
            0.001,
        )[1]["statistic"]
        for policy in ("inside", "distance")
    }  # fmt: skip
    exact = cluster_forming(ALE(kernel__voxelization="half-even").fit(pain), 0.001)[1]
    assert thresholds["inside"] == pytest.approx(0.01125, abs=1e-4)
    assert thresholds["distance"] == pytest.approx(exact["statistic"], abs=1e-4)
