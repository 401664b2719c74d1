"""The cluster table of a comparison: directions apart, signs, experiments of each group."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from nimare_pipeline import derivative_tables
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cluster_evidence import corrected_p
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component
from tests.pairs import THRESHOLD, cohort, difference, ellipsoid, make_pair

AFFINE = np.diag([2.0, 2, 2, 1])


def row_of_voxels(values, p_voxel=None, statistic="stat", **facts):
    """A comparison on a row of voxels, each with its value; z is half of it."""
    values = np.array(values, dtype=float)
    mask = BrainMask(np.ones((len(values), 1, 1), dtype=bool), AFFINE)
    meaning = {"tail": "two-sided", "group": "association"}
    maps = {
        MapSpec(statistic, **meaning): np.abs(values) if statistic == "chi2" else values,
        MapSpec("z", **meaning): values / 2,
        MapSpec("p", **meaning): np.where(np.abs(values) > 2, 0.0005, 0.5),
        # Of another group, with other values: not the result.
        MapSpec("stat", group="uniformity"): values * 0 + 99,
        MapSpec("p", group="uniformity", correction="FDR", method="indep"): values * 0,
    }
    if p_voxel is not None:
        corrected = MapSpec("p", **meaning, correction="FDR", method="indep")
        maps[corrected] = np.array(p_voxel, dtype=float)
    empty = MetaResult(Component("MKDAChi2"), mask, {}, {}, facts={})
    return empty.with_maps(
        maps,
        {
            "result_group": "association",
            "cluster_forming": {"p": 0.001, "statistic": 2.0},
            **facts,
        },
    )


def test_neighbours_of_opposite_sign_are_never_in_one_cluster():
    """Voxels that touch stay apart where their signs differ."""
    result = row_of_voxels([3, 4, -5, -3, -3, 0, 6])
    found = cluster_table(result, level="none")
    assert found.label_map.tolist() == [1, 1, 3, 3, 3, 0, 2]
    table = found.clusters
    assert table["direction"].tolist() == [
        "group 1 > group 2", "group 1 > group 2", "group 2 > group 1",
    ]  # fmt: skip
    assert table["stat"].tolist() == [4, 6, -5]
    assert table["z_stat"].tolist() == [2, 3, -2.5]
    assert table["n_voxels"].tolist() == [2, 1, 3]


def test_mass_is_what_the_statistic_exceeds_the_threshold_by_on_either_side():
    """Mass of a negative cluster is positive, and counts from the threshold down."""
    table = cluster_table(row_of_voxels([3, 4, -5, -3, -3, 0, 6]), level="none").clusters
    assert table["mass"].tolist() == [3, 4, 5]


def test_recorded_signs_win_over_p():
    """The voxels that formed clusters in the run are those of the table, with their signs."""
    result = row_of_voxels([3, 4, -5, -3, -3, 0, 6])
    arrays = {"suprathreshold": np.array([0, 1, -1, 0, 0, 0, 0], dtype=np.int8)}
    table = cluster_table(replace(result, arrays=arrays), level="none").clusters
    assert table["stat"].tolist() == [4, -5]


def test_recorded_excess_wins_over_the_statistic():
    """Mass adds up what the null added up, in its own whole numbers."""
    result = row_of_voxels([3, 4, -5])
    arrays = {
        "suprathreshold": np.array([1, 1, -1], dtype=np.int8),
        "excess": np.array([0.25, 0.5, 7.0]),
    }
    table = cluster_table(replace(result, arrays=arrays), level="none").clusters
    assert table["mass"].tolist() == [0.75, 7.0]


def test_voxels_are_judged_by_the_p_of_the_result_and_keep_their_signs():
    """At voxel level the corrected p of the result's group decides, not that of another."""
    result = row_of_voxels([3, 4, -5, -3], p_voxel=[0.2, 0.01, 0.01, 0.2])
    table = cluster_table(result, level="voxel").clusters
    assert table["stat"].tolist() == [4, -5]
    assert table["p_voxel_fdr"].tolist() == [0.01, 0.01]
    spec = corrected_p(result, "voxel")
    assert spec is not None
    assert spec.group == "association"


def test_chi_square_is_told_apart_by_the_sign_of_z():
    """A statistic without sign has the direction that z has."""
    table = cluster_table(row_of_voxels([3, -5], statistic="chi2"), level="none").clusters
    assert table["stat"].tolist() == [3, 5]
    assert table["z_stat"].tolist() == [1.5, -2.5]
    assert table["direction"].tolist() == ["group 1 > group 2", "group 2 > group 1"]


@pytest.fixture(scope="module")
def table():
    return cluster_table(make_pair(), foci=cohort()[1]).clusters


def test_table_has_exactly_the_documented_columns(table):
    """Names and order are those of the sidecar; a table of one sample has fewer."""
    assert list(derivative_tables.PAIR_CLUSTERS) == list(table.columns)
    more = set(derivative_tables.PAIR_CLUSTERS) - set(derivative_tables.CLUSTERS)
    assert more == {"direction", "n_experiments_group1", "n_experiments_group2"}


def test_clusters_of_the_first_group_come_first(table):
    """Positive clusters by size, then negative ones by size, by the names of the groups."""
    main = table.drop_duplicates("cluster")
    assert main["direction"].tolist() == ["pain > touch", "touch > pain", "touch > pain"]
    assert main["n_voxels"].iloc[1] > main["n_voxels"].iloc[2]
    assert main["cluster"].tolist() == [1, 2, 3]


def test_sizes_are_those_of_the_components_of_each_sign(table):
    """Counted again with SciPy on the map of differences, each sign for itself."""
    mask = ellipsoid()
    stat = mask.volume(difference(mask))
    expected = []
    for signed in (stat, -stat):
        labels, _ = ndimage.label(signed >= THRESHOLD - 1e-9)
        sizes = sorted(np.bincount(labels.ravel())[1:], reverse=True)
        expected += [size for size in sizes if size > 1]  # one voxel is not significant
    assert table["n_voxels"].dropna().tolist() == expected


def test_experiments_inside_are_counted_by_group(table):
    """Of four and two experiments inside the first cluster, and of those inside the second."""
    main = table.drop_duplicates("cluster")
    coordinates = cohort()[1]
    near = {
        group: coordinates.loc[
            (coordinates[["x", "y", "z"]] == [36, 4, 0]).all(axis=1)
            & (coordinates.index < 54 if group == 1 else coordinates.index >= 54),
            "id",
        ].nunique()
        for group in (1, 2)
    }
    assert (near[1], near[2]) == (4, 2)
    assert main["n_experiments_group1"].iloc[0] == 4
    assert main["n_experiments_group2"].iloc[0] == 2
    assert (
        main["n_experiments_group1"] + main["n_experiments_group2"] == main["n_experiments"]
    ).all()


def test_nothing_significant_keeps_columns_and_types(table):
    """No cluster is an empty table of the same shape."""
    found = cluster_table(make_pair(), alpha=1e-6)
    pd.testing.assert_series_equal(table.dtypes, found.clusters.dtypes)
    assert (len(found.clusters), found.label_map.any()) == (0, False)


def test_peak_of_the_second_groups_direction_is_where_the_difference_is_lowest():
    """Groups of unequal size: less than expected is found by the run, though above 0."""
    result = row_of_voxels([5, 6, 3, 4, -0.1])
    arrays = {"suprathreshold": np.array([1, 1, -1, -1, 0], dtype=np.int8)}
    table = cluster_table(replace(result, arrays=arrays), level="none").clusters
    assert table["stat"].tolist() == [6, 3]
    assert table["direction"].tolist() == ["group 1 > group 2", "group 2 > group 1"]


def test_two_sided_statistic_without_groups_has_its_signs_apart_too():
    """A conjunction has both signs and no groups: no direction, and no cluster of both."""
    mask = BrainMask(np.ones((3, 1, 1), dtype=bool), AFFINE)
    z = np.array([3.0, -4.0, -3.0])
    maps = {
        MapSpec("stat", tail="two-sided"): z,
        MapSpec("z", tail="two-sided"): z,
        MapSpec("p", tail="two-sided"): z * 0,
    }
    result = MetaResult(Component("Conjunction"), mask, {}, {}).with_maps(maps)
    table = cluster_table(result, level="none", voxel_thresh=0.001).clusters
    assert table["stat"].tolist() == [3, -4]
    assert list(table) == list(derivative_tables.CLUSTERS)
