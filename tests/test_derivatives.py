"""The derivatives as a folder: valid, complete, the same every time, swapped whole, read back."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import nimare_pipeline
from nimare_pipeline import derivatives, derivatives_swap
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.derivative_names import CONFIG_FILE, bids_path, parse_path
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import NoInputError, OutputError, Problem, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult, outside_value
from nimare_pipeline.settings import Analysis, Component, Settings

AFFINE = np.array([[2.0, 0, 0, -12], [0, 2, 0, -14], [0, 0, 2, -10], [0, 0, 0, 1]])
TPL = "tpl-MNI152NLin6Asym"
FOLDER = f"{TPL}/cohort-pain"
STEM = f"{FOLDER}/{TPL}_cohort-pain"
SIZE = MapSpec("p", level="cluster", measure="size", correction="FWE", method="montecarlo")
BASES = [
    replace(SIZE, level="voxel", measure=None),
    SIZE,
    replace(SIZE, measure="mass"),
]
SPECS = [
    MapSpec("stat"),
    *[replace(base, statistic=s) for base in [MapSpec("z"), *BASES] for s in ("p", "z", "logp")],
]
FACTS = {
    "n_studies": 2,
    "n_contrasts": 3,
    "n_participants": 40,
    "n_contrasts_without_n": 1,
    "n_foci": 5,
    "n_foci_outside": 1,
    "fwhm_mm": {"min": 9.0, "median": 9.5, "max": 10.0},
    "voxelization": "exact",
    "null_method": "approximate",
    "connectivity": "faces",
    "cluster_forming": {"p": 0.001, "statistic": 0.02, "achieved_p": 0.00099},
    "montecarlo": {
        "n_iters": 100,
        "seed": 42,
        "null_outside": "distance",
        "thresholds": {
            "voxel": {"0.05": 0.03},
            "size_voxels": {"0.05": 7},
            "mass": {"0.05": 0.4},
        },
    },
}


def make_result(seed=0, specs=SPECS):
    """A result with every map, two significant clusters of 8 and 27 voxels, NaN in one map."""
    rng = np.random.default_rng(seed)
    inside = np.ones((12, 14, 10), dtype=bool)
    inside[0] = False
    mask = BrainMask(inside, AFFINE, "MNI152NLin6Asym, 2 mm")
    above = np.zeros(inside.shape, dtype=bool)
    above[2:4, 2:4, 2:4] = above[7:10, 7:10, 5:8] = True
    maps = {spec.name: rng.random(mask.n_voxels) for spec in specs}
    maps["z"] += 3
    maps["z"][5] = np.nan
    maps["p"][3] = 1e-300
    for base in BASES:
        maps[base.name] = np.where(above, 0.01, 1.0)[inside]
    arrays = {
        "suprathreshold": above[inside],
        "null_stat": np.arange(50) * 1e-3,
        "null_logsf": -np.arange(50) * 0.3,
        "montecarlo_max_stat": rng.random(100),
        "montecarlo_max_size": rng.integers(0, 30, 100),
        "montecarlo_max_mass": rng.random(100),
    }
    return MetaResult(
        Component("ALE", {"null_method": "approximate"}),
        mask,
        maps,
        {spec.name: spec for spec in specs},
        arrays=arrays,
        facts=FACTS,
        ids=("s1-1", "s1-2", "s2-1"),
        description_=r"We \citep{x,y} did it.",
        bibtex_="@article{x}",
    )


CONTRASTS = pd.DataFrame(
    {
        "id": ["s1-1", "s1-2", "001-1"],
        "study_id": ["s1", "s1", "001"],
        "contrast_id": ["1", "2", "1"],
        "included": [True, True, False],
        "reason": ["", "", "no foci"],
        "sample_size": [12.0, 14.5, np.nan],
        "n_foci": [3, 2, 0],
    }
)
COORDINATES = pd.DataFrame(
    {
        "id": ["s1-1", "s1-1", "s1-2"],
        "study_id": ["s1", "s1", "s1"],
        "contrast_id": ["1", "1", "2"],
        "x": [-8.0, 4.1, 99.0],
        "y": [-10.0, 2.0, 0.0],
        "z": [-6.0, 2.0, 0.0],
        "original_space": ["MNI", "TAL", "MNI"],
        "inside": [True, True, False],
        "used": [True, True, True],
    }
)


@pytest.fixture
def settings(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "pain.txt").write_text("//Reference=MNI\n")
    return Settings(str(source), str(tmp_path / "out"), str(tmp_path / "work"), "20260102-aa")


@pytest.fixture
def figures(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    (folder / "result_map.svg").write_text("<svg/>")
    (folder / "foci.png").write_bytes(b"png")
    return folder


def write(stage, settings, figures=None, name="pain", result=None, level="size"):
    result = result or make_result()
    derivatives.write_analysis(
        stage,
        analysis=Analysis(name, sources=("pain.txt",)),
        settings=settings,
        cohort_contrasts=CONTRASTS,
        cohort_coordinates=COORDINATES,
        result=result,
        clusters=cluster_table(result, alpha=0.05, level=level, foci=COORDINATES),
        figures_dir=figures,
    )
    snapshot = stage / f"sourcedata/cohort-{name}_dataset.json"
    snapshot.parent.mkdir(exist_ok=True)
    snapshot.write_text('{"study": 1}')
    return stage


def write_logs(settings):
    logs = Path(settings.output_dir) / "logs" / settings.run_uuid
    derivatives.write_settings(logs / "settings.toml", settings, [Analysis("pain")])
    (logs / "status.json").write_text('{"exit_code": 0}')
    (logs / "run.log").write_text("line 1\nline 2\n")
    (logs / "graph.svg").write_text("<svg/>")


@pytest.fixture
def output(tmp_path, settings, figures):
    """A finished output folder with one analysis."""
    stage = write(tmp_path / "stage", settings, figures)
    derivatives.write_problems(
        stage,
        analysis=Analysis("pain"),
        settings=settings,
        problems=[Problem("warning", "a\tfocus\nis odd", "pain.txt", "line 2")],
    )
    out = Path(settings.output_dir)
    derivatives.swap_in(stage, out, "pain")
    write_logs(settings)
    (out / "report.html").write_text("<html></html>")
    derivatives.write_dataset_level(out, settings, analyses=[Analysis("pain")])
    return out


def tree(folder):
    """All files below a folder and their content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sidecar(output, path):
    return json.loads((output / path).with_suffix("").with_suffix(".json").read_text())


# The tree -------------------------------------------------------------------------------------


def test_the_tree_is_the_documented_one(output):
    """Every file that the documentation lists is there, and no other."""
    model, maps = f"{STEM}_model-ALE", f"{STEM}_res-2_model-ALE"
    levels = ("voxelFWE", "clusterSizeFWE", "clusterMassFWE")
    images = [
        f"{maps}_stat-ale_statmap",
        *[f"{maps}_stat-{s}_statmap" for s in ("z", "p", "logp")],
        *[f"{maps}_stat-{s}_desc-{d}_statmap" for s in ("z", "p", "logp") for d in levels],
        f"{maps}_stat-z_desc-clusterSizeFWEThresholded_statmap",
        f"{STEM}_seg-ALE_res-2_desc-clusterSizeFWE_dseg",
        f"{TPL}/{TPL}_res-2_label-brain_mask",
    ]
    loose = [
        *[f"{STEM}_{name}" for name in ("contrasts", "coordinates", "problems")],
        f"{model}_desc-clusterSizeFWE_clusters",
    ]
    nulls = [f"{model}_desc-{d}_nulldist" for d in ("uncorrected", "montecarlo")]
    figure = f"figures/{TPL}_cohort-pain_model-ALE_desc"
    run = "logs/20260102-aa"
    expected = {
        *[f"{name}{ext}" for name in images for ext in (".nii.gz", ".json")],
        *[f"{name}{ext}" for name in loose for ext in (".tsv", ".json")],
        *[f"{name}{ext}" for name in nulls for ext in (".tsv.gz", ".json")],
        f"{STEM}_seg-ALE_res-2_desc-clusterSizeFWE_dseg.tsv",
        f"{STEM}_analysis.json",
        f"{figure}-resultMap_figure.svg",
        f"{figure}-foci_figure.png",
        "sourcedata/cohort-pain_dataset.json",
        *[f"{run}/{name}" for name in ("settings.toml", "status.json", "run.log", "graph.svg")],
        "dataset_description.json",
        "README.md",
        "descriptions.tsv",
        "descriptions.json",
        ".bidsignore",
        "report.html",
    }
    assert expected == set(tree(output))


def test_the_official_validator_is_content(output):
    """bids-validator-deno, found beside the interpreter, exits 0."""
    done = validate(output)
    assert done.returncode == 0, done.stdout


def test_the_official_validator_would_complain_without_bidsignore(output):
    """The test above means something: without .bidsignore there are errors."""
    (output / ".bidsignore").unlink()
    assert validate(output).returncode == 16


def validate(folder):
    tool = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
    assert tool, "bids-validator-deno is not installed beside the interpreter (extra: test)"
    command = [tool, str(folder), "--ignoreWarnings", "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("pattern", derivatives.BIDSIGNORE)
def test_bidsignore_has_no_pattern_for_folders(pattern):
    """A pattern dir/ leaves the folder itself in, and the validator names it."""
    assert not pattern.endswith(("/", "/**"))


def test_bidsignore_is_pinned(output):
    """The patterns are the documented ones: a new kind of file is a decision."""
    assert (output / ".bidsignore").read_text().split() == [
        "*.html",
        "figures",
        "*_statmap.*",
        "*_model-*",
        "*_contrasts.*",
        "*_coordinates.*",
        "*_problems.*",
        "*_images.*",
        "*_analysis.json",
        ".work",
        ".swap",
    ]


def test_every_name_goes_through_pybids_and_back(output):
    """Path to entities to path, for each file that has entities, with our config alone."""
    from bids import BIDSLayout
    from bids.layout.writing import build_path

    layout = BIDSLayout(output, validate=False, config=[CONFIG_FILE])
    patterns = json.loads(CONFIG_FILE.read_text())["default_path_patterns"]
    found = set()
    for path, file in layout.get_files().items():
        relative = Path(path).relative_to(output).as_posix()
        entities = {name: str(value) for name, value in parse_path(relative).items()}
        if not relative.startswith(("tpl-", "figures")):
            continue
        known = {name: value for name, value in file.entities.items() if name in entities}
        assert known == entities
        assert build_path(known, patterns, strict=True) == relative
        found.add(relative)
    named = {name for name in tree(output) if name.startswith(("tpl-", "figures"))}
    assert found == named
    assert bids_path(parse_path("sourcedata/cohort-pain_dataset.json")) in tree(output)


def test_pybids_finds_maps_and_labels_by_model(output):
    """model-ALE and seg-ALE are one entity."""
    from bids import BIDSLayout

    layout = BIDSLayout(output, validate=False, config=[CONFIG_FILE])
    suffixes = {file.entities["suffix"] for file in layout.get(model="ALE", extension=".nii.gz")}
    assert suffixes == {"statmap", "dseg"}
    assert len(layout.get(cohort="pain", stat="z", desc="clusterSizeFWE", suffix="statmap")) == 2


# Content --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_maps_hold_the_result(output, spec):
    """Each map is the result's as float32, NaN kept, with no evidence outside the mask."""
    result = make_result()
    path = derivatives.read(output).analyses[0].maps[spec]
    image = nib.load(path)
    data = image.get_fdata()
    expected = result.maps[spec.name].astype(np.float32)
    np.testing.assert_array_equal(data[result.mask.inside].astype(np.float32), expected)
    assert set(data[~result.mask.inside]) == {outside_value(spec)}
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, AFFINE)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_the_result_map_is_uncorrected_z_inside_clusters(output):
    """Inside the clusters z of the uncorrected map, elsewhere 0."""
    record = derivatives.read(output).analyses[0]
    labels = nib.load(record.label_image).get_fdata()
    z = nib.load(record.maps[MapSpec("z")]).get_fdata()
    expected = np.where(labels > 0, z, 0)
    np.testing.assert_array_equal(expected, nib.load(record.result_map).get_fdata())
    assert (labels > 0).sum() == 35


def test_labels_are_integers_with_a_lookup_table(output):
    """The dseg has the numbers of the table of clusters and names them."""
    record = derivatives.read(output).analyses[0]
    image = nib.load(record.label_image)
    assert image.get_data_dtype() == np.int32
    assert np.bincount(np.asarray(image.dataobj).ravel())[1:].tolist() == [27, 8]
    lookup = str(record.label_image).replace(".nii.gz", ".tsv")
    assert Path(lookup).read_text() == "index\tname\n1\tcluster 1\n2\tcluster 2\n"


def test_a_map_sidecar_says_what_and_how(output):
    """Meaning, grid, estimator, correction with its numbers, counts and provenance."""
    path = f"{STEM}_res-2_model-ALE_stat-z_desc-clusterSizeFWE_statmap.nii.gz"
    content = sidecar(output, path)
    assert content == {
        "Description": "Cluster-size FWE-corrected (montecarlo) z map of the ALE meta-analysis; "
        "z is one-tailed, and 0 where p is 0.5 or more",
        "StatisticType": "z",
        "Tail": "positive",
        "Units": "arbitrary",
        "OutsideMask": 0.0,
        "MapSpec": {
            "statistic": "z",
            "tail": "positive",
            "level": "cluster",
            "measure": "size",
            "correction": "FWE",
            "method": "montecarlo",
            "group": None,
        },
        "Correction": {
            "ErrorRate": "FWE",
            "Method": "montecarlo",
            "Level": "cluster-size",
            "Alpha": 0.05,
            "VoxelThreshold": 0.001,
            "VoxelThresholdStatistic": 0.02,
            "VoxelThresholdAchieved": 0.00099,
            "Connectivity": "faces",
            "NumberOfIterations": 100,
            "RandomSeed": 42,
            "NullOutside": "distance",
            "ClusterSizeThreshold": 7,
            # the binomial standard error of 5 % in 100 iterations
            "MonteCarloErrorOfAlpha": pytest.approx(0.0217945, abs=1e-7),
        },
        "Sources": [
            "bids::sourcedata/cohort-pain_dataset.json",
            f"bids::{STEM}_contrasts.tsv",
            f"bids::{STEM}_coordinates.tsv",
            f"bids::{TPL}/{TPL}_res-2_label-brain_mask.nii.gz",
        ],
        "SpatialReference": f"bids::{TPL}/{TPL}_res-2_label-brain_mask.nii.gz",
        "Resolution": "2 mm isotropic",
        "Estimator": {"Name": "ALE", "Parameters": {"null_method": "approximate"}},
        "NumberOfStudies": 2,
        "NumberOfContrasts": 3,
        "NumberOfParticipants": 40,
        "ContrastsWithoutSampleSize": 1,
        "NumberOfFoci": 5,
        "FociOutsideMask": 1,
        "KernelFWHM": {"min": 9.0, "median": 9.5, "max": 10.0},
        "Voxelization": "exact",
        "NullMethod": "approximate",
        "SoftwareVersion": nimare_pipeline.__version__,
        "RunUUID": "20260102-aa",
        "SHA256": hashlib.sha256(gzip.decompress((output / path).read_bytes())).hexdigest(),
    }


@pytest.mark.parametrize(
    ("desc", "key", "value"),
    [
        ("voxelFWE", "StatisticThreshold", 0.03),
        ("clusterSizeFWE", "ClusterSizeThreshold", 7),
        ("clusterMassFWE", "ClusterMassThreshold", 0.4),
    ],
    ids=["voxel", "size", "mass"],
)
def test_a_map_sidecar_quotes_its_own_threshold(output, desc, key, value):
    """Each level has the threshold that belongs to it."""
    path = f"{STEM}_res-2_model-ALE_stat-p_desc-{desc}_statmap.nii.gz"
    assert sidecar(output, path)["Correction"][key] == value


def test_an_uncorrected_map_has_no_correction(output):
    """What was not corrected says so, and p is 1 outside the mask."""
    content = sidecar(output, f"{STEM}_res-2_model-ALE_stat-p_statmap.nii.gz")
    assert "Correction" not in content
    assert content["Description"] == "Uncorrected p map of the ALE meta-analysis"
    assert content["OutsideMask"] == 1.0


def test_the_record_is_in_plain_text(output):
    """Citations are keys of the BibTeX beside, not LaTeX."""
    record = json.loads((output / f"{STEM}_analysis.json").read_text())
    assert record["Description"] == "We (x; y) did it."


def test_the_record_says_what_the_numbers_were_computed_with(output):
    """Versions of Python and packages, and the processor, are those of this process."""
    record = json.loads((output / f"{STEM}_analysis.json").read_text())
    assert record["Versions"]["python"] == sys.version.split()[0]
    assert record["Versions"]["numpy"] == np.__version__
    assert record["Versions"]["pandas"] == pd.__version__
    assert set(record["Versions"]) == {
        *("python", "numpy", "scipy", "pandas", "numba", "nibabel", "nilearn", "nipype"),
        *("pybids", "statsmodels", "matplotlib", "jinja2"),
    }
    assert record["Machine"]["Architecture"] == os.uname().machine
    assert record["Machine"]["System"] == os.uname().sysname


def test_every_uri_in_a_sidecar_points_to_a_file(output):
    """Sources and references are there."""
    uris = set()
    for path in output.rglob("*.json"):
        uris.update(part for part in path.read_text().split('"') if part.startswith("bids::"))
    assert len(uris) > 5
    assert [uri for uri in uris if not (output / uri.removeprefix("bids::")).is_file()] == []


def test_every_table_has_a_sidecar_for_its_columns(output):
    """Each column of each table is described, and none that is not there."""
    for path in [*output.rglob("*.tsv"), *output.rglob("*.tsv.gz")]:
        described = json.loads(
            path.with_name(path.name.split(".")[0]).with_suffix(".json").read_text()
        )
        if path.suffix == ".gz":
            columns = described.pop("Columns")
            first = gzip.decompress(path.read_bytes()).decode().split("\n")[0].split("\t")
            assert len(first) == len(columns)
            float(first[0])
        else:
            columns = path.read_text().split("\n")[0].split("\t")
        assert all("Description" in described[column] for column in columns)


def test_descriptions_lists_each_desc_once(output):
    """descriptions.tsv names every value of desc in the names, with what it means."""
    table = pd.read_csv(output / "descriptions.tsv", sep="\t", index_col="desc_id")["description"]
    used = {parse_path(name).get("desc") for name in tree(output) if name.startswith("tpl")}
    assert set(table.index) == {f"desc-{desc}" for desc in used if desc}
    assert table["desc-clusterSizeFWE"] == "Cluster-size FWE-corrected (montecarlo)"
    assert table["desc-clusterSizeFWEThresholded"] == (
        "Uncorrected z inside the significant clusters (cluster-size FWE-corrected (montecarlo))"
    )


def test_dataset_description_names_software_and_source(output):
    """Who made it, of what, with a checksum of the input."""
    content = json.loads((output / "dataset_description.json").read_text())
    assert content["DatasetType"] == "derivative"
    generated = content["GeneratedBy"][0]
    assert generated["Name"] == "nimare-pipeline"
    assert generated["Version"] == nimare_pipeline.__version__
    assert "Container" not in generated
    assert content["DatasetLinks"] == {"input": "../in"}
    assert content["SourceDatasets"] == [{"URL": "../in"}]


def test_dataset_description_identifies_input_and_container(output, settings):
    """The version of the source is a digest of its files; the container is named."""
    analyses = [Analysis("pain", sources=("pain.txt",))]
    container = {"Type": "docker", "Tag": "x:1"}
    write_level = derivatives.write_dataset_level
    versions = []
    for text in ("a", "a", "b"):
        (Path(settings.bids_dir) / "pain.txt").write_text(text)
        write_level(output, settings, analyses=analyses, container=container)
        content = json.loads((output / "dataset_description.json").read_text())
        versions.append(content["SourceDatasets"][0]["Version"])
    assert versions[0] == versions[1] != versions[2]
    assert versions[0].startswith("sha256:")
    assert content["GeneratedBy"][0]["Container"] == container


def test_configuration_hash_changes_with_the_settings(output, settings):
    """Two runs with other settings are told apart."""
    hashes = set()
    for seed in (1, 2):
        derivatives.write_dataset_level(output, replace(settings, seed=seed))
        content = json.loads((output / "dataset_description.json").read_text())
        hashes.add(content["GeneratedBy"][0]["ConfigurationHash"])
    assert len(hashes) == 2


def test_a_second_write_gives_the_same_bytes(tmp_path, settings, figures):
    """Nothing depends on time, order or place."""
    first = tree(write(tmp_path / "a", settings, figures))
    second = tree(write(tmp_path / "b", settings, figures))
    assert first == second


def test_compressed_files_carry_no_time_and_no_name(output):
    """gzip headers: no flags (no file name), mtime 0."""
    packed = list(output.rglob("*.gz"))
    assert packed
    assert {path.read_bytes()[3:8] for path in packed} == {b"\0" * 5}


def test_no_file_is_left_aside(output):
    """Files are written aside and renamed; nothing of that stays."""
    assert [name for name in tree(output) if name.endswith(".part")] == []


def test_a_user_mask_stays_with_its_analysis(tmp_path, settings):
    """Another mask on the same grid must not replace the one that other analyses name."""
    stage = write(tmp_path / "stage", replace(settings, mask_file="/masks/mine.nii.gz"))
    masks = [name for name in tree(stage) if name.endswith("mask.nii.gz")]
    assert masks == [f"{STEM}_res-2_label-brain_mask.nii.gz"]
    content = sidecar(stage, masks[0])
    assert content["RawSources"] == ["/masks/mine.nii.gz"]
    path = f"{STEM}_res-2_model-ALE_stat-p_statmap.nii.gz"
    assert sidecar(stage, path)["SpatialReference"] == f"bids::{masks[0]}"


def test_other_levels_name_other_clusters(tmp_path, settings):
    """Clusters by mass, by voxels or of any kind have names of their own."""
    descs = {}
    for level in ("size", "mass", "voxel", "none"):
        stage = write(tmp_path / level, settings, level=level)
        (table,) = stage.rglob("*_clusters.tsv")
        descs[level] = parse_path(table.relative_to(stage))["desc"]
    assert descs == {
        "size": "clusterSizeFWE",
        "mass": "clusterMassFWE",
        "voxel": "voxelFWE",
        "none": "uncorrected",
    }


def test_a_result_without_nulls_has_no_null_files(tmp_path, settings):
    """What a result does not have is not made up."""
    result = make_result()
    bare = replace(result, arrays={"suprathreshold": result.arrays["suprathreshold"]})
    stage = write(tmp_path / "stage", settings, result=bare)
    assert [name for name in tree(stage) if "nulldist" in name] == []


def test_numbers_that_json_has_no_word_for_are_null(tmp_path, settings):
    """NaN and infinity would make the file unreadable elsewhere."""
    result = make_result()
    facts = {**FACTS, "n_participants": np.float64("nan"), "n_foci": np.int64(5)}
    stage = write(tmp_path / "stage", settings, result=replace(result, facts=facts))
    content = json.loads((stage / f"{STEM}_analysis.json").read_text())
    assert content["Facts"]["n_participants"] is None
    assert content["Facts"]["n_foci"] == 5


def test_an_analysis_whose_name_is_no_label_is_refused(tmp_path, settings):
    """The name becomes the entity cohort."""
    with pytest.raises(UsageError, match="'pain 2' cannot be the cohort in a file name"):
        write(tmp_path / "stage", settings, name="pain 2")


def test_two_maps_with_one_name_are_refused(tmp_path, settings):
    """Two maps never share a path: nothing is overwritten in silence."""
    clash = MapSpec("p", correction="FDR", method="indep")
    result = make_result(specs=[*SPECS, clash, replace(clash, level="voxel")])
    with pytest.raises(OutputError, match="this name would hold two maps"):
        write(tmp_path / "stage", settings, result=result)


def test_figures_of_another_kind_are_refused(tmp_path, settings, figures):
    """A stray file among the figures is named."""
    (figures / "notes.txt").write_text("")
    with pytest.raises(UsageError, match=r"notes\.txt: figures are \.svg or \.png files"):
        write(tmp_path / "stage", settings, figures)


def test_a_stage_that_cannot_be_written_is_an_output_error(tmp_path, settings):
    """A file where the folder should be."""
    (tmp_path / "stage").write_text("")
    with pytest.raises(OutputError, match="cannot create the folder"):
        write(tmp_path / "stage", settings)


def test_dataset_level_files_that_cannot_be_written_are_an_output_error(tmp_path, settings):
    """A folder where the file should be."""
    (tmp_path / "out/README.md").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot write .*README\.md"):
        derivatives.write_dataset_level(tmp_path / "out", settings)


# Swapping -------------------------------------------------------------------------------------


def swapped(tmp_path, settings, figures, *, seed, name="pain"):
    stage = write(tmp_path / f"stage{seed}", settings, figures, name, make_result(seed))
    derivatives.swap_in(stage, settings.output_dir, name)


def test_swap_in_uses_the_stage_up(output, tmp_path):
    """Nothing is left of the stage or of the swap."""
    assert not (tmp_path / "stage").exists()
    assert not (output / ".swap").exists()


def test_swap_in_replaces_an_analysis_whole(output, tmp_path, settings, figures):
    """Files that the new analysis does not have are gone, figures too."""
    stray = output / FOLDER / "stray.txt"
    stray.write_text("")
    (figures / "foci.png").unlink()
    swapped(tmp_path, settings, figures, seed=1)
    expected = tree(write(tmp_path / "expected", settings, figures, result=make_result(1)))
    assert {name: tree(output)[name] for name in expected} == expected
    left = {name for name in tree(output) if "cohort-pain" in name}
    assert left == {name for name in expected if "cohort-pain" in name}


def test_swap_in_leaves_other_analyses_alone(output, tmp_path, settings, figures):
    """Another analysis comes and goes, and the first does not change by a byte."""
    before = tree(output)
    swapped(tmp_path, settings, figures, seed=1, name="touch")
    swapped(tmp_path, settings, None, seed=2, name="touch")
    after = tree(output)
    assert {name: after[name] for name in before} == before
    assert any("cohort-touch" in name for name in after)
    assert not any("figures" in name and "cohort-touch" in name for name in after)


def test_swap_in_replaces_the_analysis_in_another_template(output, tmp_path, settings, figures):
    """An analysis is in one place, also when its template or the case of its name changed."""
    (output / TPL).rename(output / "tpl-Other")
    (output / "tpl-Other/cohort-pain").rename(output / "tpl-Other/cohort-PAIN")
    swapped(tmp_path, settings, figures, seed=1)
    assert [path.parent.name for path in output.glob("tpl-*/cohort-*")] == [TPL]


class PowerCutError(Exception):
    """A power cut at a chosen step."""


def cut_power(monkeypatch, after):
    """Let the n-th change of the disk that the swap makes fail, and all after it."""
    count = 0
    remove_tree = shutil.rmtree

    def guard(do):
        def step(*args, **kwargs):
            nonlocal count
            count += 1
            if count > after:
                if do is remove_tree:
                    os.remove(next(path for path in Path(args[0]).rglob("*") if path.is_file()))  # noqa: PTH107 - the method fails
                raise PowerCutError
            return do(*args, **kwargs)

        return step

    for name in ("rename", "replace", "unlink", "mkdir", "write_text"):
        monkeypatch.setattr(Path, name, guard(getattr(Path, name)))
    for name in ("rmtree", "move"):
        monkeypatch.setattr(derivatives_swap.shutil, name, guard(getattr(shutil, name)))


def analysis_of(output):
    """Files of the analysis in an output folder."""
    return {name: content for name, content in tree(output).items() if "cohort-pain" in name}


def test_swap_in_can_be_cut_off_anywhere(output, tmp_path, settings, figures, monkeypatch):
    """Wherever a swap stops, what is there after recovery is all old or all new."""
    old = analysis_of(output)
    (figures / "foci.png").unlink()
    prepared = write(tmp_path / "new", settings, figures, result=make_result(1))
    new = analysis_of(prepared)
    start = tmp_path / "start"
    shutil.copytree(output, start)
    outcomes = []
    for after in range(100):
        shutil.rmtree(output)
        shutil.copytree(start, output)
        stage = shutil.copytree(prepared, tmp_path / f"stage-{after}")
        with monkeypatch.context() as patch:
            cut_power(patch, after)
            try:
                derivatives.swap_in(stage, output, "pain")
                finished = True
            except PowerCutError:
                finished = False
        derivatives.recover(output)
        now = analysis_of(output)
        assert now in (old, new), f"cut off after step {after}: a mixture"
        assert not (output / ".swap").exists()
        outcomes.append(now == new)
        if finished:
            break
    # The old one stays until the commit, then the new one counts; enough steps were tried.
    assert outcomes == sorted(outcomes)
    assert {False, True} == set(outcomes)
    assert len(outcomes) > 8


def test_a_swap_after_a_crash_cleans_up(output, tmp_path, settings, figures, monkeypatch):
    """The next swap of the same analysis needs no recovery by hand."""
    for after in (2, 5):
        stage = write(tmp_path / f"cut{after}", settings, figures, result=make_result(1))
        with monkeypatch.context() as patch:
            cut_power(patch, after)
            with pytest.raises(PowerCutError):
                derivatives.swap_in(stage, output, "pain")
    swapped(tmp_path, settings, figures, seed=2)
    expected = analysis_of(write(tmp_path / "x", settings, figures, result=make_result(2)))
    assert analysis_of(output) == expected
    assert not (output / ".swap").exists()


def test_recover_names_what_it_finished(output, tmp_path, settings, figures, monkeypatch):
    """A swap that was committed is finished and named; before that it is only cleaned."""
    names = []
    for after in (2, 6):
        stage = write(tmp_path / f"cut{after}", settings, figures, result=make_result(1))
        with monkeypatch.context() as patch:
            cut_power(patch, after)
            with pytest.raises(PowerCutError):
                derivatives.swap_in(stage, output, "pain")
        names.append(derivatives.recover(output))
    assert names == [[], ["pain"]]


def test_recover_of_a_tidy_folder_does_nothing(output):
    """Most of the time there is nothing to do."""
    before = tree(output)
    assert derivatives.recover(output) == []
    assert tree(output) == before


def test_swap_into_a_place_that_cannot_be_written_is_an_output_error(tmp_path, settings):
    """A file where the output folder should be; the stage is kept."""
    Path(settings.output_dir).write_text("")
    stage = write(tmp_path / "stage", settings)
    with pytest.raises(OutputError, match="cannot write in the output folder"):
        derivatives.swap_in(stage, settings.output_dir, "pain")
    assert tree(stage)


# Reading --------------------------------------------------------------------------------------


def test_read_gives_back_what_was_written(output):
    """Tables, numbers, maps, figures and nulls, from the folder alone."""
    result = make_result()
    found = derivatives.read(output)
    (record,) = found.analyses
    clusters = cluster_table(result, alpha=0.05, foci=COORDINATES).clusters
    assert (record.name, record.folder) == ("pain", output / FOLDER)
    pd.testing.assert_frame_equal(record.clusters, clusters)
    assert record.contrasts["id"].tolist() == ["s1-1", "s1-2", "001-1"]
    assert record.contrasts["reason"].tolist() == ["", "", "no foci"]
    assert record.contrasts["study_id"].tolist() == ["s1", "s1", "001"]
    assert record.coordinates["x"].tolist() == [-8.0, 4.1, 99.0]
    assert record.coordinates["inside"].tolist() == [True, True, False]
    assert record.facts == FACTS
    assert record.analysis["estimator"]["type"] == "ALE"
    assert record.record["Description"] == "We (x; y) did it."
    assert set(record.maps) == set(SPECS)
    assert record.result_spec == replace(SIZE, statistic="z")
    assert record.result_spec in record.maps
    assert record.mask == output / f"{TPL}/{TPL}_res-2_label-brain_mask.nii.gz"
    assert sorted(record.figures) == ["foci", "result_map"]
    assert record.snapshot == output / "sourcedata/cohort-pain_dataset.json"
    assert record.problems == (Problem("warning", "a focus is odd", "pain.txt", "line 2"),)
    assert found.description["Name"].startswith("nimare-pipeline")
    assert found.problems == ()


def test_read_gives_back_the_nulls(output):
    """Null distributions come back to the last bit."""
    arrays = make_result().arrays
    (record,) = derivatives.read(output).analyses
    for name in ("stat", "logsf"):
        np.testing.assert_array_equal(record.null_uncorrected[name], arrays[f"null_{name}"])
    for name in ("max_stat", "max_size", "max_mass"):
        np.testing.assert_array_equal(record.null_montecarlo[name], arrays[f"montecarlo_{name}"])
    assert record.null_montecarlo["iteration"].tolist() == list(range(100))


def test_read_without_a_table(output):
    """A table that is not wanted is empty, and that is no problem; the others are there."""
    (whole,) = derivatives.read(output).analyses
    (record,) = derivatives.read(output, without=["coordinates"]).analyses
    assert len(whole.coordinates)
    assert len(record.coordinates) == 0
    # Without the file, the columns that only pooled contrasts have are not known to be missing.
    n_columns = len(whole.coordinates.columns)
    assert list(record.coordinates)[:n_columns] == list(whole.coordinates)
    pd.testing.assert_frame_equal(record.contrasts, whole.contrasts)
    assert record.problems == whole.problems


def test_read_gives_back_the_latest_run(output, settings):
    """Of several runs the last one counts; its settings, status and log are read."""
    write_logs(replace(settings, run_uuid="20260103-bb", seed=7))
    run = derivatives.read(output).run
    assert run.uuid == "20260103-bb"
    assert run.settings["settings"]["seed"] == 7
    assert run.settings["analysis"][0]["name"] == "pain"
    assert run.status == {"exit_code": 0}
    assert run.log_tail == "line 1\nline 2"
    assert run.graph == run.folder / "graph.svg"


def test_read_keeps_to_the_end_of_a_long_log(output):
    """The last 200 lines are enough."""
    log = output / "logs/20260102-aa/run.log"
    log.write_text("\n".join(map(str, range(1000))))
    assert derivatives.read(output).run.log_tail.split("\n") == list(map(str, range(800, 1000)))


def test_read_sees_crash_files(output):
    """Crash files of the run are listed."""
    crash = output / "logs/20260102-aa/crash-1.txt"
    crash.write_text("")
    assert derivatives.read(output).run.crash_files == (crash,)


def test_read_works_after_a_move(output, tmp_path):
    """A folder can be moved, also below one that is called like an entity."""
    moved = tmp_path / "figures/cohort-x/tpl-y"
    moved.parent.mkdir(parents=True)
    output.rename(moved)
    (record,) = derivatives.read(moved).analyses
    assert set(record.maps) == set(SPECS)
    assert all(path.is_relative_to(moved) for path in record.maps.values())


def test_read_sorts_analyses_by_name(output, tmp_path, settings):
    """Ignoring case."""
    for seed, name in enumerate(["Zoo", "alpha"], start=1):
        swapped(tmp_path, settings, None, seed=seed, name=name)
    assert [a.name for a in derivatives.read(output).analyses] == ["alpha", "pain", "Zoo"]


def test_read_keeps_analyses_apart(output, tmp_path, settings, figures):
    """Figures and snapshot are each analysis' own."""
    swapped(tmp_path, settings, figures, seed=1, name="alpha")
    for record in derivatives.read(output).analyses:
        paths = [*record.maps.values(), *record.figures.values(), record.snapshot]
        assert all(f"cohort-{record.name}_" in path.name for path in paths)


def test_read_without_the_record_still_gives_numbers(output):
    """The record of the analysis is missing: counts come from a map's sidecar."""
    (output / f"{STEM}_analysis.json").unlink()
    (record,) = derivatives.read(output).analyses
    assert record.facts["n_foci"] == 5
    assert record.result_spec == replace(SIZE, statistic="z")
    assert any("no record of the analysis" in str(problem) for problem in record.problems)


def test_read_without_sidecars_reads_the_names(output):
    """A map whose sidecar is gone is still known by its name."""
    for path in output.glob(f"{STEM}*_statmap.json"):
        path.unlink()
    (record,) = derivatives.read(output).analyses
    assert set(record.maps) == set(SPECS)


PIECES = [
    f"{STEM}_contrasts.tsv",
    f"{STEM}_coordinates.tsv",
    f"{STEM}_problems.tsv",
    f"{STEM}_analysis.json",
    f"{STEM}_model-ALE_desc-clusterSizeFWE_clusters.tsv",
    f"{STEM}_model-ALE_desc-montecarlo_nulldist.tsv.gz",
    f"{STEM}_model-ALE_desc-montecarlo_nulldist.json",
    f"{STEM}_seg-ALE_res-2_desc-clusterSizeFWE_dseg.nii.gz",
    f"{STEM}_res-2_model-ALE_stat-z_desc-clusterSizeFWEThresholded_statmap.nii.gz",
    f"{STEM}_res-2_model-ALE_stat-z_statmap.nii.gz",
    f"{TPL}/{TPL}_res-2_label-brain_mask.nii.gz",
    f"figures/{TPL}_cohort-pain_model-ALE_desc-foci_figure.png",
    "dataset_description.json",
    "logs/20260102-aa/settings.toml",
    "logs/20260102-aa/status.json",
]


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.rsplit("_", 1)[-1])
@pytest.mark.parametrize("damage", ["missing", "empty", "garbled"])
def test_read_survives_a_damaged_piece(output, piece, damage):
    """A piece that is missing or damaged is said, and the rest is read."""
    path = output / piece
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "garbled": b"\x1f\x8b\xff\t{[\n\t\t"}[damage])
    found = derivatives.read(output)
    (record,) = found.analyses
    assert len(record.maps) >= len(SPECS) - 1
    problems = [str(problem) for problem in (*found.problems, *record.problems[:])]
    about = [text for text in problems if piece.rsplit("/", 1)[-1] in text]
    if not (damage == "missing" and piece.endswith("_problems.tsv")):
        assert about or "no record" in " ".join(problems), problems


def test_read_says_which_file_was_altered(output):
    """One voxel changed after the run is found by its checksum."""
    path = derivatives.read(output).analyses[0].maps[MapSpec("z")]
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))
    (record,) = derivatives.read(output).analyses
    name = path.relative_to(output).as_posix()
    expected = Problem("warning", "was altered after the run", name)
    assert expected in record.problems


def test_read_accepts_another_compression(output):
    """Checksums are of the content: packing it again changes nothing."""
    path = derivatives.read(output).analyses[0].maps[MapSpec("z")]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    assert len(derivatives.read(output).analyses[0].problems) == 1


def test_read_says_that_a_swap_is_not_finished(output, tmp_path, settings, monkeypatch):
    """Reading changes nothing, but tells that results are not complete."""
    stage = write(tmp_path / "cut", settings, result=make_result(1))
    with monkeypatch.context() as patch:
        cut_power(patch, 6)
        with pytest.raises(PowerCutError):
            derivatives.swap_in(stage, output, "pain")
    (problem,) = derivatives.read(output).problems
    assert "the results of pain were not moved in completely" in str(problem)


def test_read_of_an_empty_folder_finds_nothing(tmp_path):
    """A folder without results is read, with a word on what is missing."""
    found = derivatives.read(tmp_path)
    assert (found.analyses, found.run.uuid) == ((), "")
    assert "dataset_description.json" in str(found.problems[0])


def test_read_of_no_folder_is_an_error(tmp_path):
    """There is nothing to read where the user pointed."""
    with pytest.raises(NoInputError, match="none is not a folder of results"):
        derivatives.read(tmp_path / "none")
