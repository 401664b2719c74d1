"""The cluster table against drawn clusters and against GingerALE's own table."""

import math
from dataclasses import replace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import derivative_tables
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component

AFFINE = np.array([[2.0, 0, 0, -10], [0, 2, 0, -10], [0, 0, 2, -10], [0, 0, 0, 1]])
SIZE = MapSpec("p", level="cluster", measure="size", correction="FWE", method="montecarlo")
MASS = MapSpec("p", level="cluster", measure="mass", correction="FWE", method="montecarlo")
VOXEL = MapSpec("p", level="voxel", correction="FWE", method="montecarlo")

# The L has its centre of mass outside; the bar is symmetric; the dot is not significant.
CORNER = (5, 2, 5)
L_SHAPE = [CORNER, *[(5, 2 + i, 5) for i in range(1, 5)], *[(5 + i, 2, 5) for i in range(1, 5)]]
BAR = [(1, 5, 8), (2, 5, 8), (3, 5, 8)]
DOT = [(8, 8, 1)]


def volume_of(parts, background=0.0):
    """Volume with ``parts`` = [(voxels, value or values)]."""
    out = np.full((11, 11, 11), float(background))
    for voxels, values in parts:
        out[tuple(np.transpose(voxels))] = values
    return out


def make_result(**changes):
    """Three clusters of 9, 3 and 1 voxels in a mask that leaves out one face of the grid."""
    inside = np.ones((11, 11, 11), dtype=bool)
    inside[0] = False
    mask = BrainMask(inside, AFFINE)
    stat = volume_of([(L_SHAPE, [9, 5, 6, 5, 8, 5, 5, 5, 7]), (BAR, [4, 6, 4]), (DOT, 5)])
    volumes = {
        MapSpec("stat"): stat,
        MapSpec("z"): stat / 2,
        MapSpec("p"): np.where(stat >= 4, 0.0005, 0.5),
        VOXEL: np.where(stat >= 8, 0.01, 0.2),
        SIZE: volume_of([(L_SHAPE, 0.001), (BAR, 0.03), (DOT, 0.6)], 1),
        MASS: volume_of([(L_SHAPE, 0.002), (BAR, 0.07), (DOT, 0.7)], 1),
    }
    maps = {spec.name: values[inside] for spec, values in volumes.items()}
    facts = {"cluster_forming": {"p": 0.001, "statistic": 4.0, "achieved_p": 0.0009}}
    values = {"arrays": {}, "facts": facts, **changes}
    return MetaResult(Component("ALE"), mask, maps, {s.name: s for s in volumes}, **values)


def foci_at(*rows):
    return pd.DataFrame(rows, columns=["id", "study_id", "x", "y", "z"])


def mm(voxel):
    return (np.array(voxel) * 2.0 - 10).tolist()


@pytest.fixture
def table():
    foci = foci_at(
        ("s2-1", "s2", *mm(CORNER)),
        ("s1-1", "s1", *mm((5, 3, 5))),
        ("s2-1", "s2", *mm((6, 2, 5))),
        ("s2-2", "s2", *mm((6, 2, 5))),
        ("s3-1", "s3", *mm((9, 9, 9))),
    )
    return cluster_table(make_result(), alpha=0.05, foci=foci).clusters


def test_cluster_table_has_exactly_the_documented_columns(table):
    """Names and order are those of the sidecar."""
    assert list(derivative_tables.CLUSTERS) == list(table.columns)


def test_cluster_table_lists_peaks_below_their_cluster(table):
    """One row a cluster, by size, then its sub-peaks with letters."""
    assert table["peak"].tolist() == ["1", "1a", "1b", "2"]
    assert table["cluster"].tolist() == [1, 1, 1, 2]
    # (9, 2, 5) and (5, 6, 5) are 8 mm from the corner: far enough; (5, 4, 5) is not.
    assert table["stat"].tolist() == [9, 8, 7, 6]
    assert [mm(CORNER), mm((5, 6, 5)), mm((9, 2, 5)), mm((2, 5, 8))] == table[
        ["x", "y", "z"]
    ].to_numpy().tolist()


def test_cluster_table_takes_z_from_the_uncorrected_map(table):
    """z of a peak is the uncorrected one, p of the peak the voxel-level one."""
    assert table["z_stat"].tolist() == [4.5, 4, 3.5, 3]
    assert table["p_voxel_fwe"].tolist() == [0.01, 0.01, 0.2, 0.2]


def test_cluster_table_describes_the_extent_on_the_cluster_row_only(table):
    """Size, volume, mass and both cluster p stand beside the main peak."""
    main = table.iloc[[0, 3]]
    assert main["n_voxels"].tolist() == [9, 3]
    assert main["volume_mm3"].tolist() == [72.0, 24.0]
    assert main["p_size_fwe"].tolist() == [0.001, 0.03]
    assert main["p_mass_fwe"].tolist() == [0.002, 0.07]
    # sum of (stat - 4): 55 - 36 and 14 - 12
    assert main["mass"].tolist() == [19.0, 2.0]
    sub_peak = table.loc[1, "n_voxels":]
    assert sub_peak[sub_peak.index != "experiments"].isna().all()
    assert sub_peak["experiments"] == ""


def test_cluster_table_gives_both_centres(table):
    """The centre of mass counts voxels alike; the other weighs them by the statistic."""
    columns = ["com_x", "com_y", "com_z"]
    # mean index of the L: 5 + 10/9 on x, 2 + 10/9 on y
    np.testing.assert_allclose([20 / 9, -6 + 20 / 9, 0], table.loc[0, columns].astype(float))
    values = np.array([9, 5, 6, 5, 8, 5, 5, 5, 7])
    xyz = np.array([mm(voxel) for voxel in L_SHAPE])
    np.testing.assert_allclose(
        values @ xyz / values.sum(), table.loc[0, [f"w{c}" for c in columns]].astype(float)
    )


def test_cluster_table_flags_a_centre_outside_its_cluster(table):
    """The L's centre is in its crook: flagged, with the nearest voxel; the bar's is inside."""
    assert table.loc[[0, 3], "centre_outside"].tolist() == [True, False]
    nearest = table.loc[0, ["nearest_inside_x", "nearest_inside_y", "nearest_inside_z"]]
    # centre (20/9, -34/9, 0); (0, -4) and (2, -6) are equally near: the first in C order
    assert nearest.tolist() == [0.0, -4.0, 0.0]
    assert table.loc[3, ["nearest_inside_x", "wnearest_inside_x"]].isna().all()
    assert table.loc[0, "wcentre_outside"]
    assert not table.loc[0, ["wnearest_inside_x"]].isna().any()


def test_cluster_table_has_no_weighted_centre_for_weights_of_both_signs():
    """Weights that cancel have no centre: missing, not somewhere."""
    result = make_result()
    stat = result.maps["stat"]
    result = make_result(arrays={"suprathreshold": stat >= 4})
    result.maps["stat"] = stat - 6
    row = cluster_table(result).clusters.iloc[0]
    assert row[["wcom_x", "wcentre_outside", "wnearest_inside_x"]].isna().all()


def test_cluster_table_names_sides(table):
    """Negative x is left; the voxel that holds x = 0 is on the midline."""
    assert table["side"].tolist() == ["midline", "midline", "right", "left"]


def test_cluster_table_knows_grids_without_a_midline():
    """Where x = 0 lies between two voxels, they are left and right."""
    result = make_result()
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[0, 3] = -16.5
    shifted = replace(result, mask=BrainMask(result.mask.inside, affine))
    assert mm((5, 2, 5)) == [0.0, -6.0, 0.0]
    # x of voxels 5 and 2 is now -1.5 and -10.5, of voxel 9 10.5
    table = cluster_table(shifted).clusters
    assert table["x"].tolist() == [-1.5, -1.5, 10.5, -10.5]
    assert table["side"].tolist() == ["left", "left", "right", "left"]


def test_cluster_table_sums_mass_in_the_unit_of_the_null():
    """ALE's null sums -log(1 - ALE) in integers: so does the table, to the last bit."""
    integers = 1000 * make_result().maps["stat"].astype(np.int64)
    threshold = -math.expm1(-4000 * 2.0**-20)
    result = make_result(
        arrays={"suprathreshold": integers >= 4000, "numbers": integers},
        facts={
            "cluster_forming": {"p": 0.001, "statistic": threshold, "mass_floor": 4000},
            "scale": {"domain": "log", "unit": 2.0**-20},
        },
    )
    main = cluster_table(result).clusters.iloc[[0, 3]]
    assert main["mass"].tolist() == [19000 * 2.0**-20, 2000 * 2.0**-20]


def test_cluster_table_counts_experiments_once(table):
    """An experiment with two foci inside counts once; ids come in the order of the foci."""
    assert table.loc[0, "experiments"] == "s2-1; s1-1; s2-2"
    assert table.loc[[0, 3], "n_experiments"].tolist() == [3, 0]
    assert table.loc[[0, 3], "n_studies"].tolist() == [2, 0]


def test_cluster_table_puts_foci_in_voxels_half_up():
    """A focus midway between two voxels belongs to the upper one."""
    upper, lower = mm((1, 5, 8)), mm((4, 5, 8))
    foci = foci_at(
        ("in", "s1", upper[0] - 1.0, upper[1], upper[2]),
        ("below", "s2", upper[0] - 1.001, upper[1], upper[2]),
        ("above", "s3", lower[0] - 1.0, lower[1], lower[2]),
    )
    assert cluster_table(make_result(), foci=foci).clusters.loc[3, "experiments"] == "in"


def test_cluster_table_leaves_out_foci_that_were_not_used():
    """Foci dropped from the analysis do not count, and foci off the grid do no harm."""
    foci = foci_at(("a", "s", *mm(CORNER)), ("b", "s", *mm(CORNER)), ("c", "s", 1e9, 0, -99))
    table = cluster_table(make_result(), foci=foci.assign(used=[True, False, True])).clusters
    assert table.loc[0, "experiments"] == "a"


def test_cluster_table_without_foci_says_missing():
    """Without foci the number of experiments is unknown, not 0."""
    assert (
        cluster_table(make_result()).clusters[["n_experiments", "n_studies"]].isna().all(axis=None)
    )


def test_cluster_table_labels_the_mask():
    """The label map lies over the mask and has the numbers of the table."""
    result = make_result()
    found = cluster_table(result)
    volume = result.mask.volume(found.label_map)
    assert found.label_map.dtype == np.int32
    assert {1} == set(volume[tuple(np.transpose(L_SHAPE))])
    assert {2} == set(volume[tuple(np.transpose(BAR))])
    assert np.count_nonzero(volume) == 12


def test_cluster_table_by_mass_keeps_what_mass_keeps():
    """The level chooses the p that decides."""
    assert cluster_table(make_result(), level="mass").clusters["peak"].tolist() == [
        "1",
        "1a",
        "1b",
    ]


def test_cluster_table_by_voxel_makes_clusters_of_significant_voxels():
    """At voxel level clusters are what remains of the voxels, without cluster p or mass."""
    table = cluster_table(make_result(), level="voxel").clusters
    assert table["stat"].tolist() == [9, 8]
    assert table["n_voxels"].tolist() == [1, 1]
    assert table[["p_size_fwe", "p_mass_fwe", "mass"]].isna().all(axis=None)


def test_cluster_table_quotes_both_error_rates():
    """Corrected for family-wise error, then for false discoveries: both p of the peaks are there.

    The last correction is the one that is judged by.
    """
    fdr = MapSpec("p", correction="FDR", method="indep")
    result = make_result()
    result = result.with_maps({fdr: np.where(result.maps["stat"] >= 6, 0.02, 0.4)})
    clusters = cluster_table(result, level="voxel").clusters
    assert set(clusters["p_voxel_fdr"]) == {0.02}
    assert set(clusters["p_voxel_fwe"]) == {0.01, 0.2}


def test_cluster_table_without_level_keeps_all_clusters():
    """Level none needs no corrected map."""
    assert cluster_table(make_result(), level="none").clusters["cluster"].max() == 3


def test_cluster_table_alpha_is_strict():
    """A cluster with p equal to alpha is not significant."""
    assert cluster_table(make_result(), alpha=0.03).clusters["cluster"].max() == 1


def test_cluster_table_prefers_the_recorded_threshold():
    """The suprathreshold voxels of the run win over comparing p again."""
    result = make_result()
    arrays = {"suprathreshold": result.maps["stat"] >= 5}
    table = cluster_table(make_result(arrays=arrays)).clusters
    assert table.loc[table["cluster"] == 2, "n_voxels"].iloc[0] == 1


@pytest.mark.parametrize(
    "options",
    [{"voxel_thresh": 0.0001}, {"threshold_map": np.zeros(1210, dtype=bool)}],
    ids=["voxel_thresh", "threshold_map"],
)
def test_cluster_table_thresholds_as_told(options):
    """A threshold given by the caller wins over the recorded one, where no p depends on it."""
    assert cluster_table(make_result(), level="none", **options).clusters.empty
    with pytest.raises(UsageError, match="corrected p of clusters holds for those formed at"):
        cluster_table(make_result(), **options)


def test_clusters_of_another_threshold_have_no_corrected_p():
    """Tabulated without a level, clusters of another threshold leave p and mass missing."""
    table = cluster_table(
        make_result(), level="none", threshold_map=make_result().maps["stat"] >= 5
    ).clusters
    assert table[["p_size_fwe", "p_mass_fwe", "mass"]].isna().all(axis=None)


def test_cluster_table_distance_of_sub_peaks_is_an_option():
    """Peaks nearer to each other come out when they are asked for."""
    table = cluster_table(make_result(), peak_distance_mm=4).clusters
    assert table["stat"].tolist()[:4] == [9, 8, 7, 6]
    assert len(table[table["cluster"] == 1]) == 4


def test_cluster_table_orders_equal_clusters_by_peak():
    """Of two clusters of one size the one with the higher peak comes first."""
    result = make_result()
    volume = volume_of([([(1, 1, 1)], 5), ([(9, 9, 9)], 7), ([(3, 3, 3)], 5)])
    result.maps["stat"] = volume[result.mask.inside]
    table = cluster_table(result, level="none", threshold_map=result.maps["stat"] > 0).clusters
    assert [mm((9, 9, 9)), mm((1, 1, 1)), mm((3, 3, 3))] == table[
        ["x", "y", "z"]
    ].to_numpy().tolist()


def test_cluster_table_of_nothing_keeps_columns_and_types(table):
    """No significant cluster is an empty table of the same shape, and a label map of zeros."""
    found = cluster_table(make_result(), alpha=1e-6)
    pd.testing.assert_series_equal(table.dtypes, found.clusters.dtypes)
    assert (len(found.clusters), found.label_map.any()) == (0, False)


def test_cluster_table_letters_go_on_after_z():
    """The 27th sub-peak is aa."""
    result = make_result()
    stat = np.full((11, 11, 11), 4.0)
    stat[1::2, ::2, ::2] = 9.0
    result.maps["stat"] = stat[result.mask.inside]
    table = cluster_table(
        result, level="none", threshold_map=result.maps["stat"] > 0, peak_distance_mm=0
    ).clusters
    assert table["peak"].tolist()[:2] == ["1", "1a"]
    assert table["peak"].tolist()[26:29] == ["1z", "1aa", "1ab"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 5}, "alpha is a level between 0 and 1, not 5"),
        ({"voxel_thresh": 0.0}, "voxel_thresh is a level between 0 and 1, not 0.0"),
        ({"level": "peak"}, "level is one of size, mass, voxel, tfce, none, not 'peak'"),
        ({"foci": pd.DataFrame({"id": []})}, "missing: study_id, x, y, z"),
    ],
    ids=["alpha", "voxel_thresh", "level", "foci"],
)
def test_cluster_table_refuses_what_it_cannot_use(options, message):
    """A wrong option is named with what would be accepted."""
    with pytest.raises(UsageError, match=message):
        cluster_table(make_result(), **options)


@pytest.mark.parametrize(
    ("spec", "level", "message"),
    [
        (SIZE, "size", "no map of cluster-size FWE p in this result; there are: stat, z, p, "),
        (VOXEL, "voxel", "no map of voxel-level corrected p"),
    ],
    ids=["size", "voxel"],
)
def test_cluster_table_says_which_map_is_missing(spec, level, message):
    """A result without that correction has no such clusters."""
    result = make_result()
    del result.maps[spec.name], result.specs[spec.name]
    with pytest.raises(UsageError, match=message):
        cluster_table(result, level=level)


def test_cluster_table_needs_a_threshold():
    """A result that records no cluster-forming threshold needs one."""
    with pytest.raises(UsageError, match="give voxel_thresh or threshold_map"):
        cluster_table(make_result(facts={}))


def test_cluster_table_reproduces_gingerale(shared_data):
    """From GingerALE's images come its clusters to the voxel, its centres and its extrema."""
    folder = shared_data / "references/gingerale/EickhoffHBM09"
    lines = (folder / "EickhoffHBM09_clust.xls").read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    expected = np.array([[float(cell) for cell in row[1:5]] for row in rows if row[0]])
    peaks = np.array([[float(cell) for cell in row[5:9]] for row in rows if row[0]])

    table = cluster_table(gingerale_result(folder), level="none", voxel_thresh=0.001).clusters
    main = table[table["n_voxels"].notna()]

    # GingerALE's table stops at its cluster threshold of 1136 mm3; ours at that level has all 20.
    assert len(main) == 20
    main = main[main["volume_mm3"] >= 1136]
    assert expected[:, 0].tolist() == main["volume_mm3"].tolist()
    centres = main[["wcom_x", "wcom_y", "wcom_z"]].to_numpy()
    np.testing.assert_allclose(centres, expected[:, 1:], atol=0.05 + 1e-9)
    np.testing.assert_allclose(peaks, main[["stat", "x", "y", "z"]].to_numpy(), rtol=1e-7)


def gingerale_result(folder):
    """GingerALE's ALE and P: 4-D of one volume, big-endian, scl_slope NaN; mask = ALE > 0."""
    images = {s: nib.load(folder / f"EickhoffHBM09_{s}.nii.gz") for s in ("ALE", "P")}
    assert math.isnan(images["ALE"].header["scl_slope"])
    volumes = {s: np.squeeze(im.dataobj.get_unscaled()).astype(float) for s, im in images.items()}
    mask = BrainMask(volumes["ALE"] > 0, images["ALE"].affine)
    maps = {"stat": volumes["ALE"][mask.inside], "p": volumes["P"][mask.inside]}
    return MetaResult(Component("ALE"), mask, maps, {name: MapSpec(name) for name in maps})
