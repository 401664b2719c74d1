"""One analysis: its Nipype graph is built, run, and its result swapped into the output folder."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.cli import logs
from nimare_pipeline.cli.conjunctions import combined, refuse_failed
from nimare_pipeline.cli.exit_codes import ExitCode, code_of, details_of, reason_of
from nimare_pipeline.cli.output import RunFolders
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.status import AnalysisOutcome
from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.inference import has_clusters
from nimare_pipeline.settings import Settings

_LOGGER = logging.getLogger("nimare_pipeline")


def run_analysis(
    planned: Planned,
    settings: Settings,
    folders: RunFolders,
    *,
    rerun: bool = False,
    ended: Mapping[str, AnalysisOutcome] | None = None,
) -> AnalysisOutcome:
    """Run one analysis, unless it is up to date; a failure is logged, so that the others go on.

    Ctrl-C and SIGTERM are no failures of an analysis: they pass.

    Parameters
    ----------
    planned, settings, folders
        What is done, and where.
    rerun : bool
        Compute also what is up to date.
    ended : dict of str to AnalysisOutcome, optional
        How the analyses of this run ended so far.
    """
    name = planned.analysis.name
    try:
        if planned.error is not None:
            raise planned.error
        refuse_failed(planned.analysis, ended or {})
        if not rerun and planned.saved_null is None and is_up_to_date(planned, settings):
            _LOGGER.info("analysis %s is up to date", name)
            return AnalysisOutcome(name)
        start = time.monotonic()
        _LOGGER.info("analysis %s: %s", name, summary(planned))
        _run_graph(planned, settings, folders)
    except Exception as error:
        _LOGGER.error("analysis %s failed: %s", name, details_of(error))
        _LOGGER.debug("details", exc_info=code_of(error) is ExitCode.DEFECT or None)
        return failed(name, error)
    _LOGGER.info("analysis %s is complete, after %.0f s", name, time.monotonic() - start)
    return AnalysisOutcome(name)


def is_up_to_date(planned: Planned, settings: Settings) -> bool:
    """Whether the output folder holds what this would compute; the log says what is not so."""
    from nimare_pipeline.up_to_date import NOT_THERE, why_not

    if combined(planned.analysis) and planned.error is not None:
        return False
    if not combined(planned.analysis) and (planned.dataset is None or planned.cohort is None):
        return False
    reason = why_not(
        settings.output_dir,
        analysis=planned.analysis,
        settings=settings,
        dataset=planned.dataset,
        cohort=planned.cohort,
        null_foci=planned.null_foci,
    )
    if reason not in ("", NOT_THERE):
        _LOGGER.info("analysis %s is computed again: %s", planned.analysis.name, reason)
    return not reason


def failed(name: str, error: BaseException) -> AnalysisOutcome:
    """Outcome of an analysis that an error ended."""
    return AnalysisOutcome(name, code_of(error), reason_of(error))


def run_report(settings: Settings, folders: RunFolders) -> None:
    """Run the graph of the report, here and now whatever the plugin of the analyses is."""
    from nimare_pipeline.workflows.report import init_report_wf
    from nimare_pipeline.workflows.run import run_workflow

    logs.redirect_nipype()
    workflow = init_report_wf(
        output_dir=str(folders.output),
        work_dir=settings.work_dir,
        common_range=settings.common_range,
        z_max=settings.z_max or None,
    )
    run_workflow(workflow, settings=replace(settings, plugin="Linear"), crash_dir=folders.logs)


def summary(planned: Planned) -> str:
    """Say in half a line what an analysis works on, and with what."""
    cohort, analysis = planned.cohort, planned.analysis
    if combined(analysis):
        return f"conjunction of {', '.join(combined(analysis))}"
    if cohort is None:
        return "no contrasts selected"
    foci = f", {counted(int(cohort.coordinates['used'].sum()), 'focus', 'foci')}"
    if analysis.type == "ibma":
        foci = " with images"
    correction = analysis.corrector.args
    how = (
        f"{correction.get('n_iters', defaults.N_ITERS)} iterations"
        if has_clusters(analysis.corrector)
        else correction.get("method", "")
    )
    pooled = len(cohort.dataset.ids)
    within = "" if analysis.pool == defaults.POOL else f" in {pooled} experiments"
    return (
        f"{counted(int(cohort.contrasts['included'].sum()), 'contrast')}{within}{foci}; "
        f"{analysis.estimator.type}, {analysis.corrector.type} ({how})"
    )


def _run_graph(planned: Planned, settings: Settings, folders: RunFolders) -> None:
    # Nipype reads the environment when it is imported, so not before it is prepared.
    from nimare_pipeline import derivatives
    from nimare_pipeline.workflows.base import init_analysis_wf
    from nimare_pipeline.workflows.graph import draw_graph
    from nimare_pipeline.workflows.run import run_workflow

    logs.redirect_nipype()
    name = planned.analysis.name
    stage, work = folders.stage / name, folders.work / name
    for folder in (stage, work):
        folder.mkdir(parents=True, exist_ok=True)
    dataset, saved, pool = planned.dataset, planned.saved_null, planned.null_foci
    workflow = init_analysis_wf(
        analysis=planned.analysis,
        settings=settings,
        dataset_file="" if dataset is None else str(dataset.save(work / "dataset.npz")),
        stage_dir=str(stage),
        work_dir=str(work),
        problems=planned.problems,
        saved_null="" if saved is None else str(saved.save(work / "saved_null.npz")),
        null_foci="" if pool is None else str(pool.save(work / "null_foci.npz")),
    )
    (folders.logs / "graph.svg").write_text(draw_graph(workflow), encoding="utf-8")
    run_workflow(
        workflow,
        settings=settings,
        crash_dir=folders.logs,
        prepare_worker=partial(logs.in_worker, settings.verbosity, str(folders.logs / "run.log")),
    )
    say_refused(stage, name)
    say_replaced(stage, folders.output, name)
    derivatives.swap_in(stage, folders.output, name)


def say_refused(stage: Path, name: str) -> None:
    """Warn of images that were refused, and name the contrasts that were left out with them."""
    import pandas as pd

    from nimare_pipeline.image_cohort import REFUSED

    for path in stage.glob("tpl-*/cohort-*/*_images.tsv"):
        images = pd.read_csv(path, sep="\t")
        beside = path.with_name(path.name.replace("_images.", "_contrasts."))
        contrasts = pd.read_csv(beside, sep="\t")
        n_refused = int((~images["accepted"]).sum())
        if not n_refused:
            continue
        left_out = contrasts.loc[contrasts["reason"] == REFUSED, "id"].astype(str).tolist()
        what = f", and with them {counted(len(left_out), 'contrast')}: {listed(left_out)}"
        _LOGGER.warning(
            "analysis %s: %s of %d refused%s (the table of images says why)",
            name,
            counted(n_refused, "image"),
            len(images),
            what if left_out else "",
        )


def say_replaced(stage: Path, output: Path, name: str) -> None:
    """Name the earlier analysis that a swap will replace; a warning if it was of other data."""
    for folder in output.glob("tpl-*/cohort-*"):
        if folder.name.casefold() != f"cohort-{name}".casefold():
            continue
        record = next((_read(path) for path in folder.glob("*_analysis.json")), {})
        asked = record.get("Analysis", {})
        of = asked.get("sources") or asked.get("options", {}).get("of") or ("unknown",)
        sources = ", ".join(of) if isinstance(of, list | tuple) else str(of)
        same = _snapshots(stage, name) == _snapshots(output, name)
        _LOGGER.log(
            logging.INFO if same else logging.WARNING,
            "analysis %s of an earlier run (sources %s, run %s) is replaced",
            folder.name.removeprefix("cohort-"),
            sources,
            record.get("RunUUID", "unknown"),
        )


def _read(path: Path) -> dict[str, Any]:
    """Content of a sidecar; nothing if it is damaged, as it is about to be replaced."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _snapshots(folder: Path, name: str) -> list[bytes]:
    """Content of the copies of an analysis' data, in what ``write_analysis`` left."""
    prefix = f"cohort-{name}_".casefold()
    paths = sorted((folder / "sourcedata").glob("cohort-*"))
    return [path.read_bytes() for path in paths if path.name.casefold().startswith(prefix)]
