"""From one spreadsheet to a paper: six analyses, and a JALE project as it stands."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import io
from tests.cli.program import EXAMPLE, Ended, call_inside, contents, status_of, undrawn
from tests.io.sheets import workbook

STUDIES: dict[str, Any] = json.loads((EXAMPLE / "pain.json").read_text())
SIX = """\
[run]
seed = 7
mask = "box.nii.gz"

[defaults]
corrector = {type = "FWECorrector", args = {method = "montecarlo", n_iters = 20}}

[[analysis]]
name = "all"

[[analysis]]
name = "heat"
select = 'modality == "heat"'

[[analysis]]
name = "laser"
select = 'modality == "laser" and sample_size >= 10'

[[analysis]]
name = "heatVersusLaser"
type = "pair"
groups = {heat = 'modality == "heat"', laser = 'modality == "laser"'}
estimator = {type = "ALESubtraction", args = {n_iters = 20}}

[[analysis]]
name = "both"
type = "conjunction"
of = ["heat", "laser"]

[[analysis]]
name = "insula"
type = "macm"
sphere = [38, 4, 2, 12]
"""
SIZES = {
    name: study["contrasts"]["1"]["metadata"]["sample_sizes"][0] for name, study in STUDIES.items()
}
OF_SHEET = ["heat", "laser", "heatVersusLaser", "heatAndLaser"]
"""What a contrast of the JALE sheet becomes."""
NAMES = ["all", "heat", "laser", "heatVersusLaser", "both", "insula"]


def modality(number: int) -> str:
    return "heat" if number % 2 else "laser"


def rows() -> Iterator[list[Any]]:
    """The example as a person would type it: a title, studies named once, a total."""
    yield ["Pain, experiments as of 2020"]
    yield []
    yield ["Author (year)", "No. of subjects", "Space", "Modality of pain", "Peak (MNI or TAL)"]
    yield [None, None, None, "modality", "x", "y", "z", "Region"]
    for number, (name, study) in enumerate(STUDIES.items()):
        contrast = study["contrasts"]["1"]
        coords = contrast["coords"]
        foci = zip(coords["x"], coords["y"], coords["z"], strict=True)
        for i, xyz in enumerate(foci):
            core = [name, SIZES[name], coords["space"], modality(number)] if not i else [None] * 4
            yield [*core, *xyz, f"region {i}"]
        yield []
    yield [
        "Total",
        sum(s["contrasts"]["1"]["metadata"]["sample_sizes"][0] for s in STUDIES.values()),
    ]


def put_mask(folder: Path) -> Path:
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[15:75, 45:85, 28:48] = 1
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(volume, affine), folder / "box.nii.gz")
    return folder / "box.nii.gz"


@pytest.fixture(scope="module")
def spreadsheet(tmp_path_factory) -> Path:
    return workbook(tmp_path_factory.mktemp("sheet") / "pain.xlsx", {"Tabelle1": list(rows())})


@pytest.fixture(scope="module")
def paper(spreadsheet, tmp_path_factory) -> tuple[Path, Path, Ended]:
    """The spreadsheet as a folder of tables, and what six analyses of it leave."""
    folder = tmp_path_factory.mktemp("paper")
    (source,) = io.read(spreadsheet)
    io.write_native(source.dataset, folder / "studies")
    put_mask(folder / "studies")
    (folder / "studies" / "analyses.toml").write_text(SIX)
    with undrawn():
        ended = call_inside(folder / "studies", folder / "out", "meta")
    return folder / "studies", folder / "out", ended


def test_every_focus_and_size_is_read(spreadsheet) -> None:
    """The foci, sample sizes and labels are those of the example it was made from."""
    (source,) = io.read(spreadsheet)
    dataset = source.dataset
    contrasts = [study["contrasts"]["1"] for study in STUDIES.values()]
    xyz = [c["coords"][axis] for c in contrasts for axis in "xyz"]
    assert dataset.metadata["study_id"].tolist() == list(STUDIES)
    expected = [value for i in range(3) for values in xyz[i::3] for value in values]
    assert dataset.coordinates[["x", "y", "z"]].to_numpy().T.ravel().tolist() == expected
    sizes = [c["metadata"]["sample_sizes"] for c in contrasts]
    assert dataset.get_metadata(field="sample_sizes") == sizes
    assert dataset.annotations["modality"].tolist() == [modality(i) for i in range(len(sizes))]
    said = [problem.message for problem in source.problems if "outside" not in problem.message]
    n_rows = sum(map(len, xyz[0::3]))
    assert [message.partition(" (")[0] for message in said] == [
        "1 row is left out as notes or totals",
        f"{n_rows - len(STUDIES)} rows without a study continue the one above",
    ]


def test_six_analyses_are_complete(paper) -> None:
    """One call runs them all; each has its maps, and the report shows it."""
    _, out, ended = paper
    assert ended.code == 0, ended.err
    assert ended.line.startswith("SUCCESS (exit 0): 6 analyses complete")
    states = {one["name"]: one["state"] for one in status_of(out)["analyses"]}
    assert states == dict.fromkeys(NAMES, "complete")
    report = (out / "report.html").read_text()
    for name in NAMES:
        assert list(out.glob(f"tpl-*/cohort-{name}/*_statmap.nii.gz"))
        assert f"<h2>{name}</h2>" in report


def test_selections_hold(paper) -> None:
    """Each analysis has the studies that a loop over the example finds."""
    _, out, _ = paper
    by_name = {name: i for i, name in enumerate(STUDIES)}
    expected = {
        "all": set(by_name),
        "heat": {name for name, i in by_name.items() if modality(i) == "heat"},
        "laser": {n for n, i in by_name.items() if modality(i) == "laser" and SIZES[n] >= 10},
    }
    for name, ids in expected.items():
        (path,) = out.glob(f"tpl-*/cohort-{name}/*_coordinates.tsv")
        assert set(pd.read_csv(path, sep="\t")["study_id"]) == ids


@pytest.mark.usefixtures("undrawn")
def test_the_spreadsheet_itself_gives_the_same_maps(paper, spreadsheet, tmp_path, here) -> None:
    """Without the way through tables, to the last byte."""
    folder, out, _ = paper
    words = ("--model", folder / "analyses.toml", "--analysis", "heat")
    ended = here(spreadsheet, tmp_path / "out", "meta", *words)
    assert ended.code == 0, ended.err
    maps = {name: body for name, body in contents(out).items() if "cohort-heat/" in name}
    again = contents(tmp_path / "out")
    images = [name for name in maps if name.endswith(".nii.gz")]
    assert images
    assert all(maps[name] == again[name] for name in images)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The example as a JALE project: heat and laser as tags, and a contrast of both."""
    folder = tmp_path_factory.mktemp("jale") / "pain"
    experiments: list[list[Any]] = [
        ["Articles", "Subjects", "x", "y", "z", "CoordinateSpace", "T"]
    ]
    for number, (name, study) in enumerate(STUDIES.items()):
        contrast = study["contrasts"]["1"]
        coords = contrast["coords"]
        foci = zip(coords["x"], coords["y"], coords["z"], strict=True)
        own = [coords["space"], modality(number)]
        experiments += [[name, SIZES[name], *xyz, *own] for xyz in foci]
    analyses = [["C", "heat", "+heat"], [None, "laser", "+laser"], ["P20", "cv", "+ALL"]]
    workbook(folder / "experiment_info.xlsx", {"Sheet1": experiments})
    workbook(folder / "analysis_info.xlsx", {"Sheet1": analyses})
    return folder


@pytest.mark.usefixtures("undrawn")
def test_a_jale_project_runs_its_sheet(project, tmp_path, here) -> None:
    """The analyses of the sheet, not one of everything; the log has them as TOML."""
    words = ("--n-iters", "20", "--mask", put_mask(tmp_path), "--analysis", "heat")
    ended = here(project, tmp_path / "out", "meta", *words)
    assert ended.code == 0, ended.err
    assert ended.line.startswith("SUCCESS (exit 0): 1 analysis complete")
    names = {path.name for path in (tmp_path / "out").glob("tpl-*/cohort-*")}
    assert names == {"cohort-heat"}
    (logged,) = (tmp_path / "out").glob("logs/*/analyses.toml")
    found = tomllib.loads(logged.read_text())
    assert [one["name"] for one in found["analysis"]] == OF_SHEET


def groups_of(plan: str) -> set[str]:
    """What the plan says of the groups of a comparison, in whichever order."""
    (line,) = (line for line in plan.splitlines() if line.startswith("  groups "))
    return set(line.removeprefix("  groups ").strip().split(", "))


def test_the_plan_of_a_jale_project(project, tmp_path, here) -> None:
    """All analyses of the sheet, with their studies; what is not built is said."""
    ended = here(project, tmp_path / "out", "meta", "--dry-run")
    assert ended.code == 0
    assert ended.line.endswith("4 analyses can be done")
    for name in OF_SHEET:
        assert f"analysis {name}\n" in ended.out
    heat = sum(modality(i) == "heat" for i in range(len(STUDIES)))
    assert {f"heat: {heat}", f"laser: {len(STUDIES) - heat}"} == groups_of(ended.out)
    assert "those that analysis_info.xlsx describes; --model none ignores them" in ended.err
    assert "line 3: 'cv' is left out: probabilistic ALE is not built here" in ended.err


def test_init_writes_the_analyses_of_the_sheet(project, tmp_path, here) -> None:
    """To be edited; the file then goes before the sheet."""
    import shutil

    folder = tmp_path / "pain"
    shutil.copytree(project, folder)
    assert here("init", folder).code == 0
    written = tomllib.loads((folder / "analyses.toml").read_text())
    assert [one["name"] for one in written["analysis"]] == OF_SHEET
    ended = here(folder, tmp_path / "out", "meta", "--dry-run")
    assert ended.code == 0
    assert f"analyses are those of {folder / 'analyses.toml'}" in ended.err


def test_a_sheet_may_be_named(project, tmp_path, here) -> None:
    """``--model`` takes a sheet of analyses as well as a TOML file."""
    words = ("--model", project / "analysis_info.xlsx", "--analysis", "heat", "--dry-run")
    ended = here(project, tmp_path / "out", "meta", *words)
    assert ended.code == 0
    assert ended.line.endswith("1 analysis can be done")
