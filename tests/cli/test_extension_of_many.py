"""--add-iters over several analyses at once: of one set, of two groups, and without a null."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.cli.extension import extended
from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.settings import Settings
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow
from tests.cli.program import contents
from tests.workflows.conftest import ellipsoid, make_small

FIRST, MORE = 60, 40
FILE = """\
[run]
mask = "mask.nii.gz"

[defaults]
alpha = 0.2
corrector = {type = "FWECorrector", args = {n_iters = %d, voxel_thresh = 0.01}}

[[analysis]]
name = "enhanced"
estimator = {type = "MKDADensity"}
corrector = {type = "FWECorrector", args = {n_iters = %d, tfce = true, tfce_extent = 1.0}}

[[analysis]]
name = "rate"
corrector = {type = "FDRCorrector", args = {method = "indep"}}

[[analysis]]
name = "difference"
type = "pair"
groups = {large = "sample_size > 16", small = "sample_size <= 16"}
estimator = {type = "ALESubtraction", args = {n_iters = 60}}
corrector = {type = "FWECorrector", args = {n_iters = %d, voxel_thresh = 0.01, tfce = true}}

[[analysis]]
name = "labels"
type = "pair"
groups = {large = "sample_size > 16", small = "sample_size <= 16"}
estimator = {type = "MKDAChi2"}
corrector = {type = "FWECorrector", args = {n_iters = %d, voxel_thresh = 0.01, tfce = true}}
"""
DRAWN = {"enhanced", "difference", "labels"}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):  # type: ignore[no-untyped-def]
    """Several blocks in few iterations, so that the 60 end within one."""
    monkeypatch.setattr("nimare_pipeline.defaults.MONTECARLO_BLOCK", 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small studies on a coarse mask."""
    folder = tmp_path_factory.mktemp("several") / "in"
    folder.mkdir()
    (folder / "small.json").write_text(json.dumps(make_small(12)))
    nib.save(ellipsoid(), folder / "mask.nii.gz")
    return folder


def asked(folder: Path, out: Path, n_iters: int, *words: str) -> tuple[list[Planned], Settings]:
    """Plan all analyses of the file, which asks for so many iterations."""
    (folder / "analyses.toml").write_text(FILE % ((n_iters,) * 4))
    request = with_model(parse([str(folder), str(out), "meta", *words], run_uuid="run"))
    return extended(plan(request), request), request.settings


def run(folder: Path, out: Path, n_iters: int, *words: str) -> None:
    """Run them without pictures and report, and put them in their place."""
    planned, settings = asked(folder, out, n_iters, *words)
    for one in planned:
        assert one.error is None, one.error
        name = one.analysis.name
        work, stage = (out.parent / f"{out.name}_{part}" / name for part in ("work", "stage"))
        work.mkdir(parents=True)
        workflow = init_analysis_wf(
            analysis=one.analysis,
            settings=replace(settings, work_dir=str(work)),
            dataset_file=str(one.dataset.save(work / "dataset.npz")),
            stage_dir=str(stage),
            work_dir=str(work),
            saved_null="" if one.saved_null is None else str(one.saved_null.save(work / "n.npz")),
        )
        inner = workflow.get_node(f"{one.analysis.type}_wf")
        inner.remove_nodes([inner.get_node("figures")])
        run_workflow(workflow, settings=settings, crash_dir=out.parent / "crash")
        out.mkdir(exist_ok=True)
        derivatives.swap_in(stage, out, name)


@pytest.fixture(scope="module")
def begun(folder: Path) -> Path:
    run(folder, folder.parent / "begun", FIRST)
    return folder.parent / "begun"


@pytest.fixture(scope="module")
def whole(folder: Path) -> dict[str, bytes]:
    run(folder, folder.parent / "whole", FIRST + MORE)
    return contents(folder.parent / "whole")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (DRAWN, ("--nprocs", "1")),
        ({"labels"}, ("--nprocs", "2", "--use-plugin", "MultiProc", "--n-chunks", "3")),
    ],
    ids=["Linear", "MultiProc"],
)
def test_sum_of_two_runs_is_one_run(
    folder: Path,
    begun: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    chosen: set[str],
    words: tuple[str, ...],
) -> None:
    """60 + 40 iterations of an analysis give each map and table of 100, byte by byte."""
    out = Path(shutil.copytree(begun, tmp_path / "out"))
    only = [] if chosen == DRAWN else [word for one in chosen for word in ("--analysis", one)]
    run(folder, out, FIRST, "--add-iters", str(MORE), *words, *only)
    found = contents(out)
    assert found.keys() == whole.keys()
    steps = {}
    for name, text in found.items():
        if name.endswith("_analysis.json"):
            record = json.loads(text)
            made = (record["Facts"].get("montecarlo") or {}).get("extensions", [])
            steps[record["Name"]] = [(step["from"], step["to"]) for step in made]
    extended_ones = {name: held for name, held in steps.items() if held}
    assert extended_ones == {name: [(FIRST, FIRST + MORE)] for name in chosen}
    for one in chosen:
        data = [n for n in found if f"/cohort-{one}/" in n and not n.endswith(".json")]
        assert len(data) > 20
        assert [name for name in data if found[name] != whole[name]] == []


def test_one_that_cannot_be_extended_leaves_the_others(
    folder: Path, begun: Path, tmp_path: Path
) -> None:
    """Where one analysis has lost its null, it alone has an error; the others are extended."""
    out = Path(shutil.copytree(begun, tmp_path / "out"))
    (path,) = out.glob("tpl-*/cohort-labels/*montecarlo_nulldist.tsv.gz")
    path.unlink()
    planned, _ = asked(folder, out, FIRST, "--add-iters", "5")
    wrong = {one.analysis.name: str(one.error) for one in planned if one.error is not None}
    assert wrong.keys() == {"labels"}
    assert f"analysis labels in {out} cannot be extended: " in wrong["labels"]
    longer = {
        one.analysis.name: one.analysis.corrector.args.get("n_iters")
        for one in planned
        if one.saved_null is not None
    }
    assert longer == dict.fromkeys(DRAWN - {"labels"}, FIRST + 5)


@pytest.mark.parametrize(
    ("name", "extent", "heights"),
    [
        ("enhanced", 1.0, "uncorrected z"),
        ("difference", 0.5, "z of the difference among all divisions of the contrasts, by the "),
        ("labels", 0.5, "z of the chi-square, each sign by itself"),
    ],
)
def test_sidecars_state_powers_and_heights(
    begun: Path, name: str, extent: float, heights: str
) -> None:
    """The map of scores says how they were made, and the corrected p says the same."""
    (scores,) = begun.glob(f"tpl-*/cohort-{name}/*stat-tfce*_statmap.json")
    (p,) = begun.glob(f"tpl-*/cohort-{name}/*stat-p_*desc-tfceFWE_statmap.json")
    said = json.loads(scores.read_text())["Enhancement"]
    assert (said["ExtentPower"], said["HeightPower"]) == (extent, 2.0)
    assert said["Heights"].startswith(heights)
    assert said.items() <= json.loads(p.read_text())["Correction"].items()
