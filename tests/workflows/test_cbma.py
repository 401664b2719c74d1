"""The main job as a graph: what it leaves, and that nothing that happens to it changes a byte."""

import gzip
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.cli import logs
from nimare_pipeline.errors import EmptySelectionError
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow

N_BLOCKS = 6


def run(
    dataset, analysis: Analysis, settings: Settings, *, figures: bool = False
) -> dict[str, bytes]:
    """Run the main job; returns path and content (decompressed) of each file it staged.

    Without figures by default: drawing takes most of the time, and is tested elsewhere.
    """
    work = Path(settings.work_dir)
    stage = work.with_name(f"{work.name}-stage")
    workflow = init_analysis_wf(
        analysis=analysis,
        settings=settings,
        dataset_file=str(dataset.save(work / "dataset.npz")),
        stage_dir=str(stage),
        work_dir=str(work / analysis.name),
    )
    if not figures:
        inner = workflow.get_node("cbma_wf")
        inner.remove_nodes([inner.get_node("figures")])
    log = partial(logs.in_worker, settings.verbosity, str(work / "workers.log"))
    run_workflow(workflow, settings=settings, crash_dir=work / "crash", prepare_worker=log)
    files = sorted(path for path in stage.rglob("*") if path.is_file())
    return {path.relative_to(stage).as_posix(): content(path) for path in files}


def content(path: Path) -> bytes:
    """Bytes of a file, decompressed."""
    stored = path.read_bytes()
    return gzip.decompress(stored) if path.suffix == ".gz" else stored


def data(files: dict[str, bytes]) -> dict[str, bytes]:
    """Maps and tables: what is promised to the byte; sidecars name the run."""
    return {name: stored for name, stored in files.items() if name.endswith((".gz", ".tsv"))}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Settings:
    """Settings of one undisturbed run: one thread, one chunk."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "work").mkdir()
    return Settings(
        bids_dir=str(folder / "in"),
        output_dir=str(folder / "out"),
        work_dir=str(folder / "work"),
        run_uuid="20260101-000000_test",
    )


@pytest.fixture(scope="module")
def reference(small_dataset, undisturbed) -> dict[str, bytes]:
    """What that run leaves, with one figure in place of all: drawing is tested elsewhere."""
    args = {"method": "montecarlo", "n_iters": 60, "voxel_thresh": 0.01}
    analysis = Analysis("small")
    analysis = replace(analysis, corrector=replace(analysis.corrector, args=args))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nimare_pipeline.reports.figures.draw_all", draw_one)
        return run(small_dataset, analysis, undisturbed, figures=True)


def draw_one(*_inputs: object, out_dir: Path, **_more: object) -> dict[str, Path]:
    """Leave a picture where ``draw_all`` leaves its own."""
    out_dir.mkdir()
    path = out_dir / "null_montecarlo.svg"
    path.write_text("<svg/>")
    return {"null_montecarlo": path}


def test_the_main_job_leaves_maps_tables_nulls_figures_and_data(reference):
    """Every kind of file of the design is there once."""
    names = [Path(name).name for name in reference]
    for ending in (
        "_label-brain_mask.nii.gz",
        "_stat-z_statmap.nii.gz",
        "_stat-z_desc-clusterSizeFWE_statmap.nii.gz",
        "_stat-p_desc-clusterMassFWE_statmap.nii.gz",
        "_stat-logp_desc-voxelFWE_statmap.nii.gz",
        "_desc-clusterSizeFWE_dseg.nii.gz",
        "_desc-clusterSizeFWE_clusters.tsv",
        "_contrasts.tsv",
        "_coordinates.tsv",
        "_problems.tsv",
        "_desc-montecarlo_nulldist.tsv.gz",
        "_desc-uncorrected_nulldist.tsv.gz",
        "_desc-nullMontecarlo_figure.svg",
    ):
        assert sum(name.endswith(ending) for name in names) == 1, ending
    assert any(name.startswith("sourcedata/") for name in reference)


def test_the_cluster_is_where_the_foci_were_put(reference):
    """The peak of the first cluster is within a voxel of the place the studies agree on."""
    name = next(name for name in reference if name.endswith("_clusters.tsv"))
    lines = [line.split("\t") for line in reference[name].decode().splitlines()]
    first = pd.DataFrame(lines[1:], columns=lines[0]).iloc[0]
    peak = first[["x", "y", "z"]].astype(float).to_numpy()
    assert np.abs(peak - [20, 10, 5]).max() <= 5
    assert float(first["p_size_fwe"]) == pytest.approx(1 / 61)


def test_threads_and_chunks_change_no_byte(small_dataset, analysis, make_settings, reference):
    """Two threads and seven chunks leave the same maps and tables."""
    found = run(small_dataset, analysis, make_settings(n_procs=2, n_chunks=7))
    assert data(found) == data(reference)


def test_multiproc_changes_no_byte(small_dataset, analysis, make_settings, reference, capfd):
    """Processes leave the same maps and tables; Nipype's lines go to the log, not the terminal."""
    settings = make_settings(n_procs=2, n_chunks=3, plugin="MultiProc")
    logs.redirect_nipype()
    assert data(run(small_dataset, analysis, settings)) == data(reference)
    assert capfd.readouterr() == ("", "")
    assert 'Executing "load_cohort"' in (Path(settings.work_dir) / "workers.log").read_text()


CHILD = """
import json, sys, time

from nimare_pipeline import defaults
from nimare_pipeline.numerics import montecarlo
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow

defaults.MONTECARLO_BLOCK = 10
fast = montecarlo.run_block


def slow(*args, **options):
    time.sleep(0.4)
    return fast(*args, **options)


montecarlo.run_block = slow
words = json.loads(sys.argv[1])
corrector = Component(**words["analysis"].pop("corrector"))
estimator = Component(**words["analysis"].pop("estimator"))
analysis = Analysis(**words["analysis"], estimator=estimator, corrector=corrector)
workflow = init_analysis_wf(
    analysis=analysis, settings=Settings(**words["settings"]), **words["places"]
)
run_workflow(
    workflow, settings=Settings(**words["settings"]), crash_dir=words["places"]["work_dir"]
)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_run_that_was_ended_resumes(
    small_dataset, analysis, make_settings, reference, number, tmp_path
):
    """After a kill or Ctrl-C in the middle the same run computes the rest, to the same bytes."""
    settings = make_settings()
    work = Path(settings.work_dir)
    places = {
        "dataset_file": str(small_dataset.save(work / "dataset.npz")),
        "stage_dir": str(tmp_path / "killed-stage"),
        "work_dir": str(work / "small"),
    }
    words = {"analysis": asdict(analysis), "settings": asdict(settings), "places": places}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    store = work / "store"
    deadline = time.monotonic() + 120
    while len(list(store.glob("*.result"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(number)
    child.wait(timeout=20)
    before = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    assert 2 <= len(before) < N_BLOCKS
    assert not Path(places["stage_dir"]).exists()
    if number == signal.SIGINT:
        assert list((work / "small").glob("nipype-*")) == []
    assert data(run(small_dataset, analysis, settings)) == data(reference)
    after = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    assert len(after) == N_BLOCKS
    assert before.items() <= after.items()


def test_nodes_always_run(small_dataset, analysis, undisturbed, reference):
    """Whatever lies in the folders of an earlier run, the next one does not look at it."""
    found = run(small_dataset, replace(analysis, alpha=0.001), undisturbed)
    name = next(name for name in found if name.endswith("_clusters.tsv"))
    assert found[name].count(b"\n") == 1
    assert reference[name].count(b"\n") > 1


@pytest.mark.parametrize("plugin", ["Linear", "MultiProc"])
def test_an_empty_cohort_is_said(small_dataset, analysis, make_settings, plugin):
    """An analysis without contrasts ends as such, with nothing staged."""
    dataset = small_dataset.copy()
    dataset.metadata["sample_sizes"] = None
    changed = replace(analysis, missing_n="exclude")
    settings = make_settings(plugin=plugin, n_procs=1)
    with pytest.raises(EmptySelectionError):
        run(dataset, changed, settings)
    assert not Path(f"{settings.work_dir}-stage").exists()
