"""The Monte Carlo correction as a graph: where it runs and what it found changes no byte."""

import errno
import multiprocessing
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from nipype.interfaces.io import ExportFile
from nipype.pipeline import engine as pe

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.errors import InterruptedRun, UsageError
from nimare_pipeline.interfaces.correct import PlanMonteCarlo
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component, Settings
from nimare_pipeline.workflows.correct import init_montecarlo_wf
from nimare_pipeline.workflows.run import fresh_workflow, run_workflow

ARGS = {"n_iters": 60, "voxel_thresh": 0.01, "seed": 7}


@pytest.fixture(scope="module")
def result_file(small_dataset, tmp_path_factory) -> Path:
    """Uncorrected result of the small dataset."""
    return ALE().fit(small_dataset).save(tmp_path_factory.mktemp("result") / "result.npz")


@pytest.fixture
def expected(result_file, tmp_path) -> bytes:
    """File of the result that the library corrects without any graph or store."""
    corrected = FWECorrector(**ARGS).transform(MetaResult.load(result_file))
    return corrected.save(tmp_path / "expected.npz").read_bytes()


def run(result_file: Path, settings: Settings, **options) -> bytes:
    """Run the graph and return the file of the corrected result."""
    work, out_file = Path(settings.work_dir), Path(settings.work_dir) / "corrected.npz"
    workflow = fresh_workflow("test", str(work))
    corrector = options.pop("corrector", Component("FWECorrector", ARGS))
    correction = init_montecarlo_wf(corrector=corrector, store_dir=str(work / "store"), **options)
    correction.inputs.inputnode.result_file = str(result_file)
    export = pe.Node(ExportFile(out_file=str(out_file), clobber=True), name="export")
    workflow.connect(correction, "outputnode.result_file", export, "in_file")
    run_workflow(workflow, settings=settings, crash_dir=work / "crash")
    assert not list(work.glob("nipype-*"))
    return out_file.read_bytes()


@pytest.mark.parametrize("n_threads", [1, 2], ids=["1 thread", "2 threads"])
@pytest.mark.parametrize("n_chunks", [1, 7], ids=["1 chunk", "7 chunks"])
def test_chunks_and_threads_change_no_byte(
    result_file, make_settings, expected, n_chunks, n_threads
):
    """The graph gives the file that the library gives, for any chunks and threads."""
    found = run(result_file, make_settings(), n_chunks=n_chunks, n_threads=n_threads)
    assert found == expected


def files(settings: Settings) -> list[Path]:
    """Blocks in the store of a run."""
    return sorted((Path(settings.work_dir) / "store").iterdir())


def stamps(settings: Settings) -> dict[str, int]:
    """Block to when it was written: what a rerun wrote again differs."""
    return {path.name: path.stat().st_mtime_ns for path in files(settings)}


def test_a_rerun_computes_nothing(result_file, make_settings, expected):
    """All nodes run again, no block is computed again."""
    settings = make_settings()
    run(result_file, settings)
    before = stamps(settings)
    assert len(before) == 6
    assert run(result_file, settings, n_chunks=3) == expected
    assert stamps(settings) == before


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def alter(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"max_size", b"max_sizE"))


@pytest.mark.parametrize("damage", [Path.unlink, truncate, alter], ids=lambda f: f.__name__)
def test_only_a_damaged_block_is_computed_again(result_file, make_settings, expected, damage):
    """A block that was deleted, truncated or altered is computed again, and it alone."""
    settings = make_settings()
    run(result_file, settings)
    whole, before = {path.name: path.read_bytes() for path in files(settings)}, stamps(settings)
    victim = files(settings)[3]
    damage(victim)
    assert run(result_file, settings) == expected
    after = stamps(settings)
    assert {name for name in before if after[name] != before[name]} == {victim.name}
    assert {path.name: path.read_bytes() for path in files(settings)} == whole


def test_a_moved_work_folder_computes_nothing(result_file, make_settings, expected):
    """A work folder serves wherever it lies."""
    settings = make_settings()
    run(result_file, settings)
    before = stamps(settings)
    moved = Path(settings.work_dir).rename(Path(settings.work_dir).with_name("moved"))
    settings = make_settings(work_dir=moved)
    assert run(result_file, settings) == expected
    assert stamps(settings) == before


def test_changed_code_computes_everything_again(result_file, make_settings, expected, monkeypatch):
    """Blocks of other numerics are left alone, and new ones are computed."""
    settings = make_settings()
    run(result_file, settings)
    before = stamps(settings)
    monkeypatch.setattr("nimare_pipeline.store.numerics_digest", lambda: "changed")
    changed, same = (Path(settings.work_dir) / f"{name}.npz" for name in ("changed", "same"))
    changed.write_bytes(run(result_file, settings))
    same.write_bytes(expected)
    found, wanted = MetaResult.load(changed), MetaResult.load(same)
    # The key of the null tells the two apart, so that one does not extend the other.
    assert found.facts["montecarlo"].pop("key") != wanted.facts["montecarlo"].pop("key")
    assert found.facts == wanted.facts
    for name, values in wanted.maps.items():
        np.testing.assert_array_equal(found.maps[name], values)
    after = stamps(settings)
    assert len(after) == 12
    assert before.items() <= after.items()


@pytest.mark.parametrize("plugin", ["Linear", "MultiProc"])
def test_an_error_of_a_node_is_raised_as_itself(result_file, make_settings, plugin):
    """The caller can tell what was wrong, whichever process found out; a crash file is kept."""
    settings = make_settings(plugin=plugin, n_procs=1)
    corrector = Component("FWECorrector", {"n_iters": -1})
    with pytest.raises(UsageError, match="n_iters is -1; expected an integer of at least 1"):
        run(result_file, settings, corrector=corrector)
    assert len(list((Path(settings.work_dir) / "crash").glob("crash-*.txt"))) == 1
    assert not (Path(settings.work_dir) / "nodes").exists()


def test_an_error_of_the_system_in_a_worker_is_raised_as_itself(make_settings):
    """A bad disk is a bad disk in whichever process (here a file that cannot be read)."""
    settings = make_settings(plugin="MultiProc", n_procs=1)
    workflow = fresh_workflow("test", settings.work_dir)
    plan = PlanMonteCarlo(result_file="/proc/self/mem", corrector={"type": "FWECorrector"})
    workflow.add_nodes([pe.Node(plan, name="plan")])
    with pytest.raises(OSError, match="Input/output error") as caught:
        run_workflow(workflow, settings=settings, crash_dir=settings.work_dir)
    assert caught.value.errno == errno.EIO


def kill_workers() -> None:
    """Do to the workers what a system without memory does."""
    for worker in multiprocessing.active_children():
        worker.kill()


def interrupt() -> None:
    """Press Ctrl-C."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@pytest.mark.parametrize(
    ("strike", "error", "message"),
    [
        (kill_workers, InterruptedRun, "a worker process was killed"),
        (interrupt, KeyboardInterrupt, None),
    ],
    ids=["killed worker", "Ctrl-C"],
)
def test_processes_end_when_the_run_does(result_file, make_settings, strike, error, message):
    """A killed worker is noticed (Nipype alone waits for ever); no process outlives the run."""
    settings = make_settings(plugin="MultiProc", n_procs=2)
    store = Path(settings.work_dir) / "store"
    struck = []

    def wait_and_strike() -> None:
        deadline = time.monotonic() + 60
        while not list(store.glob("*.result")) and time.monotonic() < deadline:
            time.sleep(0.05)
        struck.append(time.monotonic())
        strike()

    striker = threading.Thread(target=wait_and_strike)
    striker.start()
    corrector = Component("FWECorrector", ARGS | {"n_iters": 10_000_000})
    with pytest.raises(error, match=message):
        run(result_file, settings, corrector=corrector, n_chunks=2)
    assert time.monotonic() - struck[0] < 5
    striker.join()
    assert not multiprocessing.active_children()
