"""Names: every file kind there and back, and nothing that pybids would silently drop."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nimare_pipeline import derivative_names as names
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import OutputError, UsageError
from nimare_pipeline.maps import MapSpec

PLACE = names.Place("pain", "ALE", "MNI152NLin6Asym", "2")
STEM = "tpl-MNI152NLin6Asym/cohort-pain/tpl-MNI152NLin6Asym_cohort-pain"
SIZE = MapSpec("z", level="cluster", measure="size", correction="FWE", method="montecarlo")
SPECS = [
    MapSpec("stat"),
    MapSpec("z"),
    MapSpec("p"),
    MapSpec("logp"),
    SIZE,
    replace(SIZE, measure="mass"),
    replace(SIZE, level="voxel", measure=None),
    replace(SIZE, level=None, measure=None, method="bonferroni"),
    MapSpec("p", correction="FDR", method="indep"),
    MapSpec("z", group="uniformity"),
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PLACE.statmap(MapSpec("stat")), f"{STEM}_res-2_model-ALE_stat-ale_statmap.nii.gz"),
        (PLACE.statmap(MapSpec("p")), f"{STEM}_res-2_model-ALE_stat-p_statmap.nii.gz"),
        (
            PLACE.statmap(SIZE),
            f"{STEM}_res-2_model-ALE_stat-z_desc-clusterSizeFWE_statmap.nii.gz",
        ),
        (
            PLACE.statmap(MapSpec("z", tail="two-sided", group="fear"), with_tail=True),
            f"{STEM}_res-2_model-ALE_contrast-fear_stat-z_tail-twoSided_statmap.nii.gz",
        ),
        (
            PLACE.result_map("clusterSizeFWE"),
            f"{STEM}_res-2_model-ALE_stat-z_desc-clusterSizeFWEThresholded_statmap.nii.gz",
        ),
        (PLACE.dseg("voxelFWE"), f"{STEM}_seg-ALE_res-2_desc-voxelFWE_dseg.nii.gz"),
        (PLACE.table("clusters", "voxelFWE"), f"{STEM}_model-ALE_desc-voxelFWE_clusters.tsv"),
        (
            PLACE.table("nulldist", "montecarlo"),
            f"{STEM}_model-ALE_desc-montecarlo_nulldist.tsv.gz",
        ),
        (PLACE.table("contrasts"), f"{STEM}_contrasts.tsv"),
        (PLACE.table("coordinates"), f"{STEM}_coordinates.tsv"),
        (PLACE.table("problems"), f"{STEM}_problems.tsv"),
        (PLACE.analysis(), f"{STEM}_analysis.json"),
        (PLACE.mask(own=True), f"{STEM}_res-2_label-brain_mask.nii.gz"),
        (
            PLACE.mask(own=False),
            "tpl-MNI152NLin6Asym/tpl-MNI152NLin6Asym_res-2_label-brain_mask.nii.gz",
        ),
        (
            PLACE.figure("null_montecarlo"),
            "figures/tpl-MNI152NLin6Asym_cohort-pain_model-ALE_desc-nullMontecarlo_figure.svg",
        ),
        (
            PLACE.figure("foci", ".png"),
            "figures/tpl-MNI152NLin6Asym_cohort-pain_model-ALE_desc-foci_figure.png",
        ),
        (PLACE.snapshot(), "sourcedata/cohort-pain_dataset.json"),
        (PLACE.folder(), "tpl-MNI152NLin6Asym/cohort-pain"),
    ],
    ids=lambda value: value.rsplit("_", 1)[-1],
)
def test_place_names_each_kind_of_file(path, expected):
    """Each kind of file has the path of the documented tree."""
    assert path == expected


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_spec_from_entities_reads_a_maps_meaning_back(spec):
    """The name alone tells what a map means."""
    assert names.spec_from_entities(names.parse_path(PLACE.statmap(spec))) == spec


@pytest.mark.parametrize("tail", ["positive", "negative", "two-sided"])
def test_spec_from_entities_reads_the_tail(tail):
    """Where the tail is in the name it comes back."""
    path = PLACE.statmap(MapSpec("z", tail=tail), with_tail=True)
    assert names.spec_from_entities(names.parse_path(path)).tail == tail


def test_spec_from_entities_refuses_an_unknown_desc():
    """A name that our words do not mean is not guessed at."""
    with pytest.raises(UsageError, match="desc-smoothed is not the name of a correction"):
        names.spec_from_entities({"stat": "z", "desc": "smoothed"})


def test_bids_path_refuses_entities_that_no_pattern_holds():
    """pybids would drop the atlas and give the name of another file."""
    entities = names.parse_path(PLACE.statmap(SIZE)) | {"atlas": "Schaefer"}
    with pytest.raises(UsageError, match=r"no file of this kind .*atlas=Schaefer"):
        names.bids_path(entities)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suffix": "bold"}, "suffix=bold"),
        ({"extension": ".mat"}, "extension=.mat"),
        ({"cohort": ""}, "'' cannot be the cohort"),
        ({"cohort": "pain_touch"}, "'pain_touch' cannot be the cohort in a file name: letters"),
        ({"cohort": "../x"}, "'../x' cannot be the cohort"),
    ],
    ids=["suffix", "extension", "empty", "underscore", "path"],
)
def test_bids_path_refuses_what_is_no_name(change, message):
    """Only names that read back as they were built are names."""
    with pytest.raises(UsageError, match=message):
        names.bids_path(names.parse_path(PLACE.statmap(SIZE)) | change)


@pytest.mark.parametrize("missing", ["suffix", "extension"])
def test_bids_path_fills_nothing_in(missing):
    """pybids would fill in what was not said."""
    entities = names.parse_path(PLACE.statmap(SIZE))
    del entities[missing]
    with pytest.raises(UsageError, match="no file of this kind has a BIDS name"):
        names.bids_path(entities)


def test_map_paths_refuses_two_maps_with_one_name():
    """A level that is not said and the voxel level have one name: an error, not one file."""
    specs = [
        MapSpec("p", correction="FDR", method="indep"),
        MapSpec("p", level="voxel", correction="FDR", method="indep"),
    ]
    with pytest.raises(OutputError, match="this name would hold two maps"):
        names.map_paths(PLACE, specs)


def test_map_paths_refuses_names_that_differ_in_case_only():
    """On some disks such files are one."""
    with pytest.raises(OutputError, match="two maps"):
        names.map_paths(PLACE, [MapSpec("z", group="Fear"), MapSpec("z", group="fear")])


def test_map_paths_name_the_tail_only_where_there_are_two():
    """One tail needs no name; two do."""
    one = names.map_paths(PLACE, [MapSpec("z"), MapSpec("p")])
    two = names.map_paths(PLACE, [MapSpec("z"), MapSpec("z", tail="negative")])
    assert not any("tail" in path for path in one.values())
    assert all("tail" in path for path in two.values())
    assert len(set(two.values())) == 2


def test_parse_path_ignores_the_folders_above():
    """A folder called cohort-x above the output does not become the cohort of every file."""
    path = f"home/cohort-x/figures/tpl-y_desc-z/{PLACE.statmap(SIZE)}"
    assert names.parse_path(path) == names.parse_path(PLACE.statmap(SIZE))


def test_parse_path_reads_maps_of_the_other_tools():
    """FitLins and nilearn maps are read too, for image-based analyses."""
    path = "node-dataLevel/contrast-pain_stat-effect_statmap.nii.gz"
    assert names.parse_path(path) == {
        "node": "dataLevel",
        "contrast": "pain",
        "stat": "effect",
        "suffix": "statmap",
        "extension": ".nii.gz",
    }


@pytest.mark.parametrize(
    ("zooms", "expected"),
    [((2, 2, 2), "2"), ((1, 1, 1), "1"), ((1.5, 1.5, 1.5), "1p5"), ((3, 3, 4), "3x3x4")],
    ids=str,
)
def test_resolution_label_is_the_voxel_size(zooms, expected):
    """res- is the voxel size in mm, once if it is the same along all axes."""
    mask = BrainMask(np.ones((1, 1, 1), dtype=bool), np.diag([*zooms, 1.0]))
    assert names.resolution_label(mask) == expected


def test_resolution_label_of_a_flipped_grid():
    """The direction of an axis is not its size."""
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    assert names.resolution_label(BrainMask(np.ones((1, 1, 1), dtype=bool), affine)) == "2"


def test_template_label_knows_the_mni152_family():
    """The FSL grid is MNI152NLin6Asym, whatever the voxel size."""
    assert names.template_label("mni152_2mm") == "MNI152NLin6Asym"


def test_template_label_refuses_other_spaces():
    """A space without a template label would make a dishonest name."""
    with pytest.raises(UsageError, match="unknown space 'ale_2mm'; known: mni152_2mm"):
        names.template_label("ale_2mm")


@pytest.mark.parametrize("key", ["result map", "resultMap", "result__map", "_map", "a_1"])
def test_figure_keys_that_would_not_come_back_are_refused(key):
    """A key must survive the way to a label and back."""
    with pytest.raises(UsageError, match="expected small letters, digits and single underscores"):
        names.camel(key)


def test_config_patterns_are_unique():
    """A pattern listed twice is a slip."""
    patterns = json.loads(names.CONFIG_FILE.read_text())["default_path_patterns"]
    assert len(patterns) == len(set(patterns))


@pytest.mark.parametrize("extension", [".svg", ".png", ".json"])
@pytest.mark.parametrize("view", ["mosaic", "glass"])
@pytest.mark.parametrize(
    ("source", "stem", "shown"),
    [
        (PLACE.result_map("voxelFWE"), "stat-z_desc-voxelFWEThresholded", "result"),
        (PLACE.statmap(MapSpec("z")), "stat-z_desc-uncorrected", "z"),
        (
            PLACE.statmap(MapSpec("z", group="fear"), with_tail=True),
            "contrast-fear_stat-z_tail-positive_desc-uncorrected",
            "z",
        ),
    ],
)
def test_paper_figure_keeps_the_meaning_of_its_map(source, stem, shown, view, extension):
    """The map's entities and the view are in the name, and are read back from it."""
    path = names.paper_figure(source, view, extension)
    prefix = "figures/tpl-MNI152NLin6Asym_cohort-pain_res-2_model-ALE_"
    assert path.replace("_contrast-fear", "").startswith(prefix.removesuffix("_"))
    assert stem.split("_desc-")[0] in path
    assert f"_desc-{stem.split('_desc-')[1]}{view.capitalize()}_statmap{extension}" in path
    assert names.paper_figure_key(names.parse_path(path)) == f"{shown}_{view}{extension}"


@pytest.mark.parametrize(
    "path", [PLACE.figure("result_mosaic"), PLACE.statmap(SIZE), PLACE.result_map("voxelFWE")]
)
def test_other_files_are_no_figures_for_a_paper(path):
    """Figures of the report and maps have no key."""
    assert names.paper_figure_key(names.parse_path(path)) is None


@pytest.mark.parametrize("table", [PLACE.table("clusters", "voxelFWE"), PLACE.table("contrasts")])
def test_page_lies_beside_its_table(table):
    """The same name, as HTML."""
    assert names.page(table) == table.replace(".tsv", ".html")
