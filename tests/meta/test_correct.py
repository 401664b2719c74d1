"""Family-wise error correction: p-values by hand, determinism, and requests that are refused."""

from dataclasses import replace

import numpy as np
import pytest

from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.forming import cluster_forming
from nimare_pipeline.meta.cbma.mkda import MKDADensity
from nimare_pipeline.meta.judging import cluster_extents
from nimare_pipeline.registry import get_corrector, get_estimator
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component
from tests.meta.conftest import dataset_of

VOXEL = "level-voxel_corr-FWE_method-montecarlo"
SIZE = "desc-size_level-cluster_corr-FWE_method-montecarlo"
MASS = "desc-mass_level-cluster_corr-FWE_method-montecarlo"


@pytest.fixture(scope="module")
def fitted(tiny: Dataset) -> MetaResult:
    return ALE().fit(tiny)


@pytest.fixture(scope="module")
def corrected(fitted: MetaResult) -> MetaResult:
    return FWECorrector(n_iters=60, voxel_thresh=0.001).transform(fitted)


def test_every_level_has_p_z_and_logp(corrected: MetaResult) -> None:
    """Nine corrected maps, named as the peer names them, beside the four uncorrected."""
    names = {f"{s}_{level}" for s in ("p", "z", "logp") for level in (VOXEL, SIZE, MASS)}
    assert set(corrected.maps) == names | {"stat", "p", "z", "logp"}


def test_tutorials_name_of_the_cluster_map(corrected: MetaResult) -> None:
    """The tutorial's name resolves to the cluster-size map."""
    alias = corrected.get_map("z_level-cluster_corr-FWE_method-montecarlo", "array")
    np.testing.assert_array_equal(alias, corrected.maps[f"z_{SIZE}"])


def test_p_by_counting(fitted: MetaResult) -> None:
    """p of each voxel and cluster is (b + 1) / (n + 1) with b counted one by one."""
    corrector = FWECorrector(n_iters=3, voxel_thresh=0.001)
    threshold, _ = cluster_forming(fitted, 0.001)
    observed = fitted.arrays["numbers"]
    size, mass = cluster_extents(observed, threshold, fitted.mask.inside)
    null = {
        "max_stat": np.array([observed.max(), observed.max() + 1, 5]),
        "max_size": np.array([1, int(size.max()), int(size.max()) + 1]),
        "max_mass": np.array([0, 10, int(mass.max()) - 1]),
    }
    maps = corrector.apply(fitted, null).maps
    for name, values, key in [
        (VOXEL, observed, "max_stat"),
        (SIZE, size, "max_size"),
        (MASS, mass, "max_mass"),
    ]:
        expected = (sum(values <= limit for limit in null[key]) + 1) / 4
        np.testing.assert_allclose(maps[f"p_{name}"], expected, rtol=1e-12)


def test_voxels_outside_clusters_have_p_one(corrected: MetaResult) -> None:
    """Where no cluster was formed there is no evidence: p 1, z 0, logp 0."""
    outside = ~corrected.arrays["suprathreshold"]
    for name, value in [("p", 1), ("z", 0), ("logp", 0)]:
        assert (corrected.maps[f"{name}_{SIZE}"][outside] == value).all()


def test_a_cluster_has_one_p(corrected: MetaResult) -> None:
    """Voxels of a cluster share its p; clusters of different size differ only by their count."""
    threshold, _ = cluster_forming(corrected, 0.001)
    size, _ = cluster_extents(corrected.arrays["numbers"], threshold, corrected.mask.inside)
    p = corrected.maps[f"p_{SIZE}"]
    for voxels in np.unique(size):
        assert len(np.unique(p[size == voxels])) == 1


def test_cores_change_no_bit_and_seeds_do(fitted: MetaResult) -> None:
    """One and two threads give the same maps; another seed gives others."""
    one, two, other = (
        FWECorrector(n_iters=60, n_cores=cores, seed=seed).transform(fitted)
        for cores, seed in [(1, 42), (2, 42), (1, 43)]
    )
    for name in one.maps:
        np.testing.assert_array_equal(one.maps[name], two.maps[name])
    key = "montecarlo_max_mass"
    assert (one.arrays[key] != other.arrays[key]).any()


def test_input_is_unchanged(tiny: Dataset) -> None:
    """Correction adds to a copy."""
    fitted = ALE().fit(tiny)
    names = set(fitted.maps), set(fitted.arrays), set(fitted.facts)
    FWECorrector(n_iters=2).transform(fitted)
    assert (set(fitted.maps), set(fitted.arrays), set(fitted.facts)) == names


def test_thresholds_are_in_the_statistics_own_units(corrected: MetaResult) -> None:
    """The voxel threshold splits the ALE map where p crosses the level."""
    threshold = corrected.facts["montecarlo"]["thresholds"]["voxel"]["0.05"]
    significant = corrected.maps[f"p_{VOXEL}"] < 0.05
    np.testing.assert_array_equal(corrected.maps["stat"] > threshold + 1e-9, significant)
    assert corrected.facts["montecarlo"]["n_iters"] == 60


def test_too_few_iterations_say_that_nothing_can_be_significant(fitted: MetaResult) -> None:
    """With 10 iterations no p is below .05, and the threshold is None instead of a number."""
    facts = FWECorrector(n_iters=10).transform(fitted).facts
    assert facts["montecarlo"]["thresholds"]["voxel"]["0.05"] is None


def test_where_nothing_is_unlikely_enough_no_threshold_is_made_up() -> None:
    """One contrast's density of 1 has p > .001: no clusters, so neither statistic nor sizes."""
    result = MKDADensity().fit(dataset_of({"a": ([20], [(0, 0, 0)])}))
    facts = FWECorrector(n_iters=60).transform(result).facts
    forming, thresholds = facts["cluster_forming"], facts["montecarlo"]["thresholds"]
    assert result.maps["p"].min() > forming["p"] == 0.001
    assert (forming["statistic"], forming["mass_above"], forming["achieved_p"]) == (None, None, 0)
    assert {*thresholds["size_voxels"].values(), *thresholds["mass"].values()} == {None}
    assert thresholds["voxel"]["0.05"] == 1


def test_result_survives_the_disk(corrected: MetaResult, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Maps, meanings, arrays and facts come back as they were."""
    loaded = MetaResult.load(corrected.save(tmp_path / "result.npz"))
    assert loaded.specs == corrected.specs
    assert loaded.facts == corrected.facts
    for name, values in corrected.maps.items():
        np.testing.assert_array_equal(loaded.maps[name], values)
    for name, values in corrected.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], values)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"method": "monte-carlo"},
            "method 'monte-carlo' is unknown; there are: montecarlo",
        ),
        ({"n_iters": -5}, "n_iters is -5; expected an integer of at least 1"),
        ({"n_iters": 2.5}, "n_iters is 2.5; expected an integer"),
        ({"voxel_thresh": 1.0}, "voxel_thresh is 1.0; expected a number between 0 and 1"),
        ({"voxel_thresh": "x"}, "voxel_thresh is 'x'; expected a number between 0 and 1"),
        ({"seed": -1}, "seed is -1; expected an integer from 0"),
        ({"n_cores": 0}, "n_cores is 0; expected an integer of at least 1"),
        ({"null_outside": "drop"}, "null_outside 'drop' is unknown; there are: distance, inside"),
    ],
)
def test_values_out_of_range_are_refused(keywords: dict, message: str) -> None:  # type: ignore[type-arg]
    """Each option says what it accepts."""
    with pytest.raises(UsageError, match=message):
        FWECorrector(**keywords)


def test_whole_numbers_of_any_kind_are_kept_as_integers(tiny: Dataset, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Floats and numpy's numbers that are whole run, and the result can be written."""
    corrector = FWECorrector(
        n_iters=np.int64(3), seed=np.uint64(7), n_cores=1.0, voxel_thresh=np.float32(0.25)
    )
    estimator = ALE(null_method="montecarlo", n_iters=2.0, seed=np.int32(7))
    result = corrector.transform(estimator.fit(tiny))
    facts = MetaResult.load(result.save(tmp_path / "result.npz")).facts
    assert (facts["montecarlo"]["n_iters"], facts["montecarlo"]["seed"]) == (3, 7)
    assert (facts["null_n_iters"], facts["null_seed"]) == (2, 7)
    assert facts["cluster_forming"]["p"] == 0.25


def test_a_seed_is_whole() -> None:
    """A seed of 1.5 would be recorded and not used."""
    with pytest.raises(UsageError, match=r"seed is 1\.5; expected an integer from 0"):
        FWECorrector(seed=1.5)


def test_unknown_keywords_are_errors() -> None:
    """Python itself refuses a misspelt keyword."""
    with pytest.raises(TypeError, match="n_iter"):
        FWECorrector(n_iter=5)  # type: ignore[call-arg]


def test_null_of_outside_foci_changes_the_null(fitted: MetaResult) -> None:
    """Redrawing the outside focus inside the mask gives another, more crowded null."""
    away, inside = (
        FWECorrector(n_iters=40, null_outside=policy).plan(fitted)
        for policy in ("distance", "inside")
    )
    assert away.digest != inside.digest


@pytest.mark.parametrize("corrector", [FWECorrector("holm"), FDRCorrector("negcorr")])
def test_corrections_of_voxels_keep_missing_ones_missing(fitted: MetaResult, corrector) -> None:  # type: ignore[no-untyped-def]
    """NaN in the uncorrected map is NaN in the corrected ones, and is no test."""
    gap = fitted.with_maps({MapSpec("logp"): fitted.maps["logp"].copy()})
    gap.maps["logp"][:1000] = np.nan
    corrected = corrector.transform(gap)
    end = f"corr-{corrector.error_rate}_method-{corrector.method}"
    for name in ("p", "z", "logp"):
        assert np.isnan(corrected.maps[f"{name}_{end}"][:1000]).all()
        assert np.isfinite(corrected.maps[f"{name}_{end}"][1000:]).all()
    assert corrected.facts["correction"]["n_tests"] == len(gap.maps["logp"]) - 1000


def test_two_sided_maps_stay_two_sided(fitted: MetaResult) -> None:
    """z of a corrected two-sided p is that of p / 2, with the sign of the uncorrected z."""
    p, z = np.array([0.01, 0.2, 1e-5]), np.array([-2.5758, 1.2816, 4.4172])
    specs = {name: MapSpec(name, tail="two-sided") for name in ("p", "z", "logp")}
    values = {"p": p, "z": z, "logp": -np.log10(p)}
    result = replace(
        fitted,
        maps={spec.name: values[name] for name, spec in specs.items()},
        specs={spec.name: spec for spec in specs.values()},
    )
    found = FWECorrector("bonferroni").transform(result)
    expected = [-2.170090, 0.524401, 4.173476]  # of .03, .6 and 3e-5
    np.testing.assert_allclose(found.maps["z_corr-FWE_method-bonferroni"], expected, atol=1e-5)
    assert found.specs["p_corr-FWE_method-bonferroni"].tail == "two-sided"


def test_a_result_without_log_p_cannot_be_corrected(fitted: MetaResult) -> None:
    """The maps that are there are named."""
    bare = replace(fitted, specs={"z": fitted.specs["z"]}, maps={"z": fitted.maps["z"]})
    with pytest.raises(UsageError, match="no uncorrected map logp in this result; there are: z"):
        FDRCorrector().transform(bare)


def test_fdr_methods_are_named() -> None:
    """An unknown method of either corrector is refused with those there are."""
    with pytest.raises(UsageError, match="'bh' is unknown; there are: indep, negcorr"):
        FDRCorrector("bh")
    assert FWECorrector.methods() == ("montecarlo", "bonferroni", "holm")


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (
            Component("FWECorrector", {"method": "holm", "n_iters": 5}),
            "n_iters would have no effect with method 'holm'",
        ),
        (
            Component("ALE", {"seed": 5}),
            "ALE: seed would have no effect with null_method 'approximate'",
        ),
        (
            Component("MKDADensity", {"fixed_effects_discount": 0.5}),
            (
                "fixed_effects_discount would have no effect with null_method 'approximate', "
                "weighting None"
            ),
        ),
    ],
)
def test_a_request_for_what_changes_nothing_is_refused(component, message: str) -> None:  # type: ignore[no-untyped-def]
    """What a command or a file asks for must count."""
    get = get_corrector if "Corrector" in component.type else get_estimator
    with pytest.raises(UsageError, match=message):
        get(component)
