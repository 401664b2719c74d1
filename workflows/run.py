"""How a workflow is run: the first error ends it and is raised as itself."""

import shutil
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from traceback import format_exception
from typing import Any
from uuid import uuid4

from nipype.pipeline import engine as pe
from nipype.pipeline.plugins.multiproc import MultiProcPlugin

from nimare_pipeline.errors import InterruptedRun
from nimare_pipeline.interfaces.base import ERROR_FILE, read_error
from nimare_pipeline.settings import Settings

EXECUTION: Mapping[str, str] = {
    "check_version": "false",
    "crashfile_format": "txt",
    "create_report": "false",
    "hash_method": "content",
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


def run_workflow(workflow: Any, *, settings: Settings, crash_dir: str | Path) -> None:
    """Run a workflow and remove the folder of its nodes, however it ends.

    Parameters
    ----------
    workflow : nipype Workflow
        What ``init_analysis_wf`` returned.
    settings : Settings
        ``plugin`` and ``n_procs`` count here.
    crash_dir : path
        Folder for the crash files of failed nodes.

    Raises
    ------
    PipelineError
        What a node raised, whichever process it ran in.
    InterruptedRun
        If a worker process was killed.
    """
    folder = Path(workflow.base_dir)
    workflow.config["execution"]["crashdump_dir"] = str(crash_dir)
    plugin = _plugin(settings)
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
        raise
    finally:
        if isinstance(plugin, PatientMultiProcPlugin):
            plugin.close()
        shutil.rmtree(folder, ignore_errors=True)


def _plugin(settings: Settings) -> Any:
    if settings.plugin != "MultiProc":
        return settings.plugin
    # A fresh interpreter for each worker: a fork would copy locks that our threads may hold.
    return PatientMultiProcPlugin(
        {"n_procs": settings.n_procs, "mp_context": "spawn", "raise_insufficient": False}
    )


class PatientMultiProcPlugin(MultiProcPlugin):
    """MultiProc that notices a worker that was killed.

    Nipype learns of results in a callback that fails for a broken pool, and then waits for ever.

    Attributes
    ----------
    worker_was_killed : bool
        Whether that is how the run ended.
    """

    worker_was_killed = False

    def _async_callback(self, args: Any) -> None:
        """Do nothing: results are asked for in ``_get_result``."""

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        future = self._task_obj[taskid]
        if not future.done():
            return None
        error = future.exception()
        if error is not None:
            self.worker_was_killed |= isinstance(error, BrokenProcessPool)
            return {"result": None, "traceback": format_exception(error), "taskid": taskid}
        return future.result()

    def close(self) -> None:
        """End the workers: after an error or Ctrl-C nobody waits for what they do."""
        workers = list((getattr(self.pool, "_processes", None) or {}).values())
        self.pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
