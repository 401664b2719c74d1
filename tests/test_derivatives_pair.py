"""Derivatives of a comparison: names there and back, what stands beside them, and read again."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline import derivative_names as names
from nimare_pipeline import derivative_tables, derivatives
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.settings import Analysis, Component, Settings
from tests.pairs import cohort, make_pair

PLACE = names.Place("painVersusTouch", "MKDAChi2", "MNI152NLin6Asym", "2")
CORRECTIONS = [
    {},
    {"level": "voxel", "correction": "FWE", "method": "montecarlo"},
    {"level": "cluster", "measure": "size", "correction": "FWE", "method": "montecarlo"},
    {"level": "cluster", "measure": "mass", "correction": "FWE", "method": "montecarlo"},
    {"correction": "FWE", "method": "bonferroni"},
    {"correction": "FWE", "method": "holm"},
    {"correction": "FDR", "method": "indep"},
    {"correction": "FDR", "method": "negcorr"},
]
PROBABILITIES = ["A", "AgF", "AgU", "FgA", "AgF_prior", "FgA_prior", "group1", "group2"]
TESTED = ["uniformity", "association", "group1", "group2"]
CHI2 = [
    *[MapSpec("prob", group=group) for group in PROBABILITIES],
    *[MapSpec("chi2", tail="two-sided", group=group) for group in TESTED],
    *[
        MapSpec(statistic, tail="two-sided", group=group, **correction)  # type: ignore[arg-type]
        for group, correction, statistic in product(TESTED, CORRECTIONS, ("z", "p", "logp"))
    ],
]
SUBTRACTION = [
    *[
        MapSpec(statistic, tail="two-sided", group=group, **correction)  # type: ignore[arg-type]
        for group in ("group1MinusGroup2", "balancedGroup1MinusGroup2")
        for correction, statistic in product(CORRECTIONS, ("stat", "z", "p", "logp"))
    ],
    *[MapSpec(s, group=g) for g, s in product(("group1", "group2"), ("stat", "z", "p", "logp"))],
    *[MapSpec("prob", group=group) for group in ("group1", "group2")],
    MapSpec("stat", group="conjunction"),
]


@pytest.mark.parametrize(
    ("model", "specs"),
    [
        ("MKDAChi2", CHI2),
        ("ALESubtraction", SUBTRACTION),
        ("BalancedALESubtraction", SUBTRACTION),
    ],
)
def test_no_two_maps_share_a_path_and_each_name_tells_its_meaning(model, specs):
    """Every map of a comparison, corrected at every level, has a path that reads back."""
    paths = names.map_paths(replace(PLACE, model=model), specs)
    assert len({path.casefold() for path in paths.values()}) == len(specs)
    assert {spec: names.spec_from_entities(names.parse_path(paths[spec])) for spec in specs} == {
        spec: spec for spec in specs
    }


def test_names_of_a_comparison():
    """The group is the contrast, and a tail that is not positive is named."""
    spec = MapSpec("z", tail="two-sided", group="AgF_prior", **CORRECTIONS[2])
    stem = "tpl-MNI152NLin6Asym/cohort-painVersusTouch/tpl-MNI152NLin6Asym_cohort-painVersusTouch"
    assert PLACE.statmap(spec) == (
        f"{stem}_res-2_model-MKDAChi2_contrast-AgFPrior_stat-z_tail-twoSided_desc-clusterSizeFWE"
        "_statmap.nii.gz"
    )
    assert PLACE.result_map("voxelFWE", group="association", tail="two-sided") == (
        f"{stem}_res-2_model-MKDAChi2_contrast-association_stat-z_tail-twoSided"
        "_desc-voxelFWEThresholded_statmap.nii.gz"
    )
    assert PLACE.dseg("voxelFWE", group="association") == (
        f"{stem}_seg-MKDAChi2_contrast-association_res-2_desc-voxelFWE_dseg.nii.gz"
    )
    assert PLACE.table("clusters", "voxelFWE", group="association") == (
        f"{stem}_model-MKDAChi2_contrast-association_desc-voxelFWE_clusters.tsv"
    )


def test_columns_of_the_null_are_documented_by_tail_and_map():
    """Each null maximum says which side it is of; a column nobody knows is none."""
    columns = derivative_tables.null_columns(
        ["negative_max_size", "association_positive_max_stat", "max_stat", "numbers", "max_x"]
    )
    assert {name: column.description for name, column in columns.items()} == {
        "iteration": "Iteration, from 0",
        "negative_max_size": "Largest cluster, voxels, of the statistic below 0, as a number",
        "association_positive_max_stat": "Largest statistic of the iteration, of the statistic "
        "above 0; map of association",
        "max_stat": "Largest statistic of the iteration",
    }
    assert columns["negative_max_size"].kind == "integer"


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A folder with one comparison."""
    folder = tmp_path_factory.mktemp("pair")
    out = folder / "out"
    settings = Settings(str(folder), str(out), str(folder / "work"), "20260102-aa")
    contrasts, coordinates = cohort()
    result = make_pair()
    derivatives.write_analysis(
        folder / "stage",
        analysis=Analysis("pair", "pair", Component("ALESubtraction")),
        settings=settings,
        cohort_contrasts=contrasts,
        cohort_coordinates=coordinates,
        result=result,
        clusters=cluster_table(result, foci=coordinates),
    )
    derivatives.swap_in(folder / "stage", out, "pair")
    derivatives.write_dataset_level(out, settings)
    return out


def _montecarlo():
    return make_pair().facts["montecarlo"]


@pytest.fixture
def record(output):
    return derivatives.read(output).analyses[0]


def _sidecar(output: Path, ending: str) -> dict:
    (path,) = output.glob(f"tpl-*/cohort-pair/*{ending}")
    return json.loads(path.read_text())


def test_everything_is_read_back(record):
    """Maps, clusters, nulls and the meaning of the result come back as they were written."""
    result = make_pair()
    assert record.problems == ()
    assert set(record.maps) == set(result.specs.values())
    assert record.result_spec.group == "group1MinusGroup2"
    assert record.result_spec.tail == "two-sided"
    table = cluster_table(result, foci=cohort()[1]).clusters
    assert list(record.clusters) == list(table)
    assert record.clusters["direction"].tolist() == table["direction"].tolist()
    assert record.clusters["n_experiments_group2"].dtype == "Int64"
    assert list(record.null_montecarlo) == [
        "iteration",
        *[f"{tail}_max_{name}" for tail, name in product(
            ("positive", "negative"), ("stat", "size", "mass"))],
    ]  # fmt: skip
    for name in ("positive_max_size", "negative_max_mass"):
        expected = result.arrays[f"montecarlo_{name}"]
        np.testing.assert_array_equal(record.null_montecarlo[name], expected)
    assert record.contrasts["group"].tolist() == cohort()[0]["group"].tolist()


def test_result_map_is_signed_z_inside_the_clusters(record):
    """Both directions are in the result map, with their signs, and 0 elsewhere."""
    result = make_pair()
    labels = cluster_table(result).label_map
    z = np.where(labels > 0, result.maps["z_desc-group1MinusGroup2"], 0)
    data = nib.load(record.result_map).get_fdata()[result.mask.inside]
    np.testing.assert_allclose(data, z, rtol=1e-6)
    assert data.min() < 0 < data.max()


def test_sidecars_name_the_groups_and_their_sizes(output):
    """Who reads a file of group1 learns which group that is."""
    sidecar = _sidecar(output, "stat-z_tail-twoSided_statmap.json")
    assert sidecar["Groups"]["group1"]["Name"] == "pain"
    assert sidecar["Groups"]["group2"] == {
        "Name": "touch",
        "NumberOfStudies": 12,
        "NumberOfContrasts": 12,
        "NumberOfParticipants": 240,
        "ContrastsWithoutSampleSize": 0,
        "NumberOfFoci": 36,
        "FociOutsideMask": 1,
    }
    assert (sidecar["PositiveValues"], sidecar["NegativeValues"]) == (
        "pain > touch",
        "touch > pain",
    )
    assert sidecar["Description"] == (
        "Uncorrected z map of the ALESubtraction meta-analysis, pain minus touch"
    )


def test_sidecar_of_a_corrected_map_has_the_threshold_of_each_tail(output):
    """Groups of unequal size have unequal tails."""
    sidecar = _sidecar(output, "stat-z_tail-twoSided_desc-clusterSizeFWE_statmap.json")
    known = _montecarlo()["thresholds"]
    correction = sidecar["Correction"]
    assert correction["ClusterSizeThresholdPositive"] == known["size_voxels_positive"]["0.05"]
    assert correction["ClusterSizeThresholdNegative"] == known["size_voxels_negative"]["0.05"]
    assert correction["ClusterSizeThresholdPositive"] > correction["ClusterSizeThresholdNegative"]
    assert correction["Randomised"] == "label-permutation"


def test_names_that_are_not_given_are_numbers():
    """Without names the groups are group 1 and group 2."""
    table = cluster_table(make_pair(names=None)).clusters
    assert set(table["direction"]) == {"group 1 > group 2", "group 2 > group 1"}
