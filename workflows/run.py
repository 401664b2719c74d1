"""How a workflow is run: the first error ends it and is raised as itself."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from traceback import format_exception
from typing import Any
from uuid import uuid4

from nipype.pipeline import engine as pe
from nipype.pipeline.plugins.multiproc import MultiProcPlugin

from nimare_pipeline.errors import InterruptedRun, PipelineError
from nimare_pipeline.interfaces.base import ERROR_FILE, read_error
from nimare_pipeline.settings import Settings

EXECUTION: Mapping[str, str] = {
    "check_version": "false",
    "crashfile_format": "txt",
    "create_report": "false",
    "hash_method": "timestamp",
    "keep_inputs": "true",
    "local_hash_check": "false",
    "poll_sleep_duration": "0.1",
    "remove_node_directories": "false",
    "remove_unnecessary_outputs": "false",
    "stop_on_first_crash": "true",
    "stop_on_first_rerun": "false",
    "use_relative_paths": "false",
    "write_provenance": "false",
}
"""Nipype's section ``execution``, so that a user's own configuration does not change a run."""


def fresh_workflow(name: str, work_dir: str) -> Any:
    """Make an outermost workflow whose nodes get a folder that no run has used before.

    Parameters
    ----------
    name : str
        Name of the workflow.
    work_dir : str
        Folder under which that folder is made.
    """
    workflow = pe.Workflow(name, base_dir=str(Path(work_dir) / f"nipype-{uuid4().hex[:12]}"))
    workflow.config["execution"] = dict(EXECUTION)
    return workflow


def run_workflow(
    workflow: Any,
    *,
    settings: Settings,
    crash_dir: str | Path,
    prepare_worker: Callable[[], object] | None = None,
) -> None:
    """Run a workflow and remove the folder of its nodes, however it ends.

    Parameters
    ----------
    workflow : nipype Workflow
        What ``init_analysis_wf`` returned.
    settings : Settings
        ``plugin`` and ``n_procs`` count here.
    crash_dir : path
        Folder for the crash files of failed nodes.
    prepare_worker : callable, optional
        Called first thing in each worker process of MultiProc, to set up its logging; can be
        pickled.

    Raises
    ------
    PipelineError, OSError, MemoryError
        What a node raised, whichever process it ran in.
    InterruptedRun
        If a worker process was killed.
    """
    folder = Path(workflow.base_dir)
    workflow.config["execution"]["crashdump_dir"] = str(crash_dir)
    plugin = _plugin(settings, prepare_worker)
    try:
        workflow.run(plugin=plugin)
    except RuntimeError as error:
        if isinstance(error, BrokenProcessPool) or getattr(plugin, "worker_was_killed", False):
            msg = "a worker process was killed, probably for memory; run again, it resumes"
            raise InterruptedRun(msg) from error
        # Only the text of an error survives the way from another process; the node wrote it down.
        noted = next(folder.rglob(ERROR_FILE), None)
        if noted is not None:
            raise read_error(noted) from error
        if getattr(plugin, "system_error", None) is not None:
            raise plugin.system_error from error
        raise
    finally:
        if isinstance(plugin, PatientMultiProcPlugin):
            plugin.close()
        shutil.rmtree(folder, ignore_errors=True)


def _plugin(settings: Settings, prepare_worker: Callable[[], object] | None) -> Any:
    if settings.plugin != "MultiProc":
        return settings.plugin
    return PatientMultiProcPlugin(settings.n_procs, prepare_worker)


class PatientMultiProcPlugin(MultiProcPlugin):
    """MultiProc that notices a worker that was killed, and whose workers say what we want.

    Nipype learns of results in a callback that fails for a broken pool, and then waits for ever;
    its workers log to stdout, whatever the run shows.

    Parameters
    ----------
    n_procs : int
        Number of worker processes.
    prepare_worker : callable or None
        Called first thing in each of them.

    Attributes
    ----------
    worker_was_killed : bool
        Whether that is how the run ended.
    system_error : OSError, MemoryError or None
        What the machine refused a node, of which Nipype passes the text on only.
    """

    worker_was_killed = False
    system_error: OSError | MemoryError | None = None

    def __init__(self, n_procs: int, prepare_worker: Callable[[], object] | None = None) -> None:
        super().__init__({"n_procs": n_procs, "raise_insufficient": False})
        # Nipype's pool, which has not started a process yet, takes no initializer.
        self.pool.shutdown()
        self.pool = ProcessPoolExecutor(
            max_workers=n_procs,
            initializer=_begin_worker,
            initargs=(Path.cwd(), prepare_worker),
            # A fresh interpreter for each: a fork would copy locks that our threads may hold.
            mp_context=multiprocessing.get_context("spawn"),
        )

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:  # noqa: FBT001, FBT002 - Nipype's signature
        self._taskid += 1
        self._task_obj[self._taskid] = self.pool.submit(_run_node, node, updatehash, self._taskid)
        return int(self._taskid)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        future = self._task_obj[taskid]
        if not future.done():
            return None
        error = future.exception()
        if error is not None:
            self.worker_was_killed |= isinstance(error, BrokenProcessPool)
            return {"result": None, "traceback": format_exception(error), "taskid": taskid}
        result = future.result()
        self.system_error = self.system_error or result["system_error"]
        return result

    def close(self) -> None:
        """End the workers: after an error or Ctrl-C nobody waits for what they do."""
        workers = list((getattr(self.pool, "_processes", None) or {}).values())
        self.pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _run_node(node: Any, updatehash: object, taskid: int) -> dict[str, Any]:
    """Run a node in a worker; Nipype's own asks a failed node for its result, and fails itself."""
    result = {"result": None, "traceback": None, "taskid": taskid, "system_error": None}
    try:
        result["result"] = node.run(updatehash=updatehash)
    except BaseException as error:  # noqa: BLE001 - the parent decides what it means
        result["traceback"] = format_exception(error)
        # Others may not survive the way: those of the package are noted in a file by the node.
        if isinstance(error, OSError | MemoryError) and not isinstance(error, PipelineError):
            result["system_error"] = error
    return result


def _begin_worker(folder: Path, prepare: Callable[[], object] | None) -> None:
    # A terminal sends Ctrl-C to the workers too, who have nothing to say about it: the run ends
    # them. Nipype's loops expect to begin in the folder the run began in.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    if prepare is not None:
        prepare()
