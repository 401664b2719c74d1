"""One analysis: its Nipype graph is built, run, and its result swapped into the output folder."""

import logging
import time
from dataclasses import replace

from nimare_pipeline.cli import logs
from nimare_pipeline.cli.exit_codes import ExitCode, code_of, reason_of
from nimare_pipeline.cli.output import RunFolders
from nimare_pipeline.cli.plan import Planned
from nimare_pipeline.cli.status import AnalysisOutcome
from nimare_pipeline.settings import Settings

_LOGGER = logging.getLogger("nimare_pipeline")


def run_analysis(planned: Planned, settings: Settings, folders: RunFolders) -> AnalysisOutcome:
    """Run one analysis; a failure is logged and returned, so that the others go on.

    Ctrl-C and SIGTERM are no failures of an analysis: they pass.
    """
    name = planned.analysis.name
    try:
        if planned.error is not None:
            raise planned.error
        start = time.monotonic()
        _LOGGER.info("analysis %s: %s", name, summary(planned))
        _run_graph(planned, settings, folders)
    except Exception as error:
        code = code_of(error)
        _LOGGER.error("analysis %s failed: %s", name, reason_of(error))
        _LOGGER.debug("details", exc_info=code is ExitCode.DEFECT or None)
        return AnalysisOutcome(name, code, reason_of(error))
    _LOGGER.info("analysis %s is complete, after %.0f s", name, time.monotonic() - start)
    return AnalysisOutcome(name)


def run_report(settings: Settings, folders: RunFolders) -> None:
    """Run the graph of the report, here and now whatever the plugin of the analyses is."""
    from nimare_pipeline.workflows.report import init_report_wf
    from nimare_pipeline.workflows.run import run_workflow

    logs.redirect_nipype()
    workflow = init_report_wf(output_dir=str(folders.output), work_dir=settings.work_dir)
    run_workflow(workflow, settings=replace(settings, plugin="Linear"), crash_dir=folders.logs)


def summary(planned: Planned) -> str:
    """Say in half a line what an analysis works on, and with what."""
    cohort, analysis = planned.cohort, planned.analysis
    if cohort is None:
        return "no contrasts selected"
    n_foci = int(cohort.coordinates["used"].sum())
    return (
        f"{int(cohort.contrasts['included'].sum())} contrasts, {n_foci} foci; "
        f"{analysis.estimator.type}, {analysis.corrector.type} "
        f"({analysis.corrector.args.get('n_iters', 'no')} iterations)"
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
    workflow = init_analysis_wf(
        analysis=planned.analysis,
        settings=settings,
        dataset_file=str(planned.dataset.save(work / "dataset.npz")),
        stage_dir=str(stage),
        work_dir=str(work),
        problems=planned.problems,
    )
    (folders.logs / "graph.svg").write_text(draw_graph(workflow), encoding="utf-8")
    run_workflow(workflow, settings=settings, crash_dir=folders.logs)
    derivatives.swap_in(stage, folders.output, name)
