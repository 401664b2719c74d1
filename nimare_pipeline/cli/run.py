"""A run: read, plan, run each analysis, write the report, and say truthfully how it ended."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from nimare_pipeline import __version__
from nimare_pipeline.cli import logs, output
from nimare_pipeline.cli.conjunctions import combined, in_order
from nimare_pipeline.cli.container import container
from nimare_pipeline.cli.execute import failed, is_up_to_date, run_analysis, run_report
from nimare_pipeline.cli.exit_codes import ExitCode, code_of, details_of, reason_of
from nimare_pipeline.cli.extension import extended
from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.output import RunFolders
from nimare_pipeline.cli.plan import plan, require_input
from nimare_pipeline.cli.plan_words import describe
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.request import Request
from nimare_pipeline.cli.status import AnalysisOutcome, Outcome, summarise, write_status
from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.memory import give_back
from nimare_pipeline.model.schema import FILE_NAME
from nimare_pipeline.printable import printable
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.writing import write_file

_LOGGER = logging.getLogger("nimare_pipeline")


def run(request: Request) -> Outcome:
    """Do what was asked for.

    Returns
    -------
    Outcome
        Also of a run that failed, once there is a folder to log it in.

    Raises
    ------
    PipelineError
        For what is wrong before that: no input, no output folder, another run in it.
    """
    if request.reports_only:
        return rebuild_report(request.settings)
    if request.dry_run:
        return dry_run(request)
    request = _ready(request)
    with output.opened(request.settings) as folders, logs.file(folders.logs / "run.log"):
        outcome = _run_logged(request, folders)
        if outcome.exit_code is ExitCode.OK:
            output.remove_work(request.settings)
        else:
            output.remove_empty(request.settings)
    return outcome


def dry_run(request: Request) -> Outcome:
    """Print what a run would do; the outcome is the one it would have, as far as it is foreseen.

    Raises
    ------
    PipelineError
        What a run would raise, or end with because nothing can be planned.
    """
    request = _ready(request)
    output.refuse_foreign(Path(request.settings.output_dir))
    for folder in (request.settings.output_dir, request.settings.work_dir):
        output.foresee(Path(folder))
    planned = extended(plan(request), request)
    current = () if request.rerun else _up_to_date(planned, request.settings)
    print(printable(describe(planned, request.settings, current)))
    code, reason = summarise(
        (
            AnalysisOutcome(one.analysis.name)
            if one.error is None
            else failed(one.analysis.name, one.error)
            for one in planned
        ),
        done="can be done",
        failed="cannot be done",
    )
    return Outcome(code, f"dry run, nothing was written; {reason}")


def _up_to_date(planned: Sequence[Planned], settings: Settings) -> tuple[str, ...]:
    current: list[str] = []
    names = {one.analysis.name for one in planned}
    for one in in_order(planned):
        parts = names & set(combined(one.analysis))
        if one.saved_null is None and parts <= set(current) and is_up_to_date(one, settings):
            current.append(one.analysis.name)
    return tuple(current)


def rebuild_report(settings: Settings) -> Outcome:
    """Write figures for a paper and ``report.html`` again from what is in the output folder.

    Raises
    ------
    NoInputError
        If there is no output folder of ours.
    """
    from nimare_pipeline.reports.html import write_report
    from nimare_pipeline.reports.paper import write_paper_figures

    folder = Path(settings.output_dir)
    output.require_ours(folder)
    try:
        write_paper_figures(
            folder, common_range=settings.common_range, z_max=settings.z_max or None
        )
        report = write_report(folder)
    except Exception as error:
        _LOGGER.error("the report failed", exc_info=error)
        return Outcome(ExitCode.REPORT_FAILED, f"the report failed: {reason_of(error)}")
    return Outcome(ExitCode.OK, "the report is written", str(report))


def _run_logged(request: Request, folders: RunFolders) -> Outcome:
    """Run the analyses, then leave status and report, whatever happened."""
    started = _now()
    _LOGGER.debug("nimare-pipeline %s: %s", __version__, " ".join(request.settings.command))
    planned: list[Planned] = []
    ended: dict[str, AnalysisOutcome] = {}
    refused: tuple[Problem, ...] = ()
    try:
        _open_dataset(request, folders)
        planned = extended(plan(request), request)
        ended = {one.analysis.name: AnalysisOutcome(one.analysis.name, None) for one in planned}
        _write_settings(request.settings, planned, folders)
        _run_all(planned, ended, request, folders)
        code, reason = summarise(ended.values())
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every end has a code
        code, reason = code_of(error), reason_of(error)
        refused = getattr(error, "problems", ())
        _log_failure(error)
    outcome = Outcome(code, reason, str(folders.logs / "run.log"), tuple(ended.values()))
    odd = [problem for one in planned for problem in one.all_problems]
    analyses = [one.analysis for one in planned]
    # The report is made of files alone: the data of a database need not stay in memory for it.
    del planned
    give_back()

    def note(outcome: Outcome) -> None:
        write_status(
            folders.logs / "status.json",
            outcome,
            run_uuid=request.settings.run_uuid,
            version=__version__,
            started=started,
            finished=_now(),
            problems=[asdict(problem) for problem in (*refused, *odd)],
        )

    note(outcome)
    outcome = _report(outcome, request.settings, folders, analyses, note)
    note(outcome)
    return outcome


def _run_all(
    planned: Sequence[Planned],
    ended: dict[str, AnalysisOutcome],
    request: Request,
    folders: RunFolders,
) -> None:
    """Run the analyses one after the other; ``ended`` says how each stands, also after Ctrl-C."""
    for one in in_order(planned):
        name = one.analysis.name
        try:
            ended[name] = run_analysis(
                one, request.settings, folders, rerun=request.rerun, ended=ended
            )
        except KeyboardInterrupt as error:
            ended[name] = failed(name, error)
            raise


def _report(
    outcome: Outcome,
    settings: Settings,
    folders: RunFolders,
    analyses: Sequence[Analysis],
    note: Callable[[Outcome], None],
) -> Outcome:
    """Write what stands beside the analyses and the report; the outcome that is left.

    The report shows the status, so the status that holds if it succeeds is noted first.
    """
    from nimare_pipeline import derivatives

    if outcome.exit_code in (ExitCode.INTERRUPTED, ExitCode.TEMPORARY):
        return outcome
    output_dir = Path(settings.output_dir)
    expected = replace(outcome, see=str(output_dir / "report.html"))
    try:
        derivatives.write_dataset_level(
            output_dir, settings, analyses=analyses, container=container()
        )
        note(expected)
        _say_what_stays(output_dir, analyses)
        _LOGGER.info("writing the report")
        run_report(settings, folders)
    except KeyboardInterrupt as error:
        return replace(outcome, exit_code=code_of(error), reason=reason_of(error))
    except Exception as error:
        _LOGGER.error("the report failed: %s", reason_of(error))
        _LOGGER.debug("details", exc_info=error)
        code = outcome.exit_code or ExitCode.REPORT_FAILED
        reason = f"{outcome.reason}; the report failed: {reason_of(error)}"
        return replace(outcome, exit_code=code, reason=reason)
    return expected


def _write_settings(settings: Settings, planned: Sequence[Planned], folders: RunFolders) -> None:
    from nimare_pipeline import derivatives

    analyses = [one.analysis for one in planned]
    derivatives.write_settings(folders.logs / "settings.toml", settings, analyses)


def _open_dataset(request: Request, folders: RunFolders) -> None:
    """Finish what a killed run was moving in, and mark the folder as ours before anything is read.

    The mark keeps a reader away from an output folder that lies inside the input folder.
    """
    from nimare_pipeline import derivatives

    settings = request.settings
    for name in derivatives.recover(settings.output_dir):
        _LOGGER.info("analysis %s of an earlier run is moved in now", name)
    derivatives.write_dataset_level(settings.output_dir, settings, container=container())
    _write_settings(settings, (), folders)
    if request.model_text:
        write_file(folders.logs / FILE_NAME, request.model_text)


def _say_what_stays(output_dir: Path, analyses: Sequence[Analysis]) -> None:
    """Name the results of earlier runs that are no part of this one, and are in the report too."""
    now = {analysis.name.casefold() for analysis in analyses}
    found = {path.name.removeprefix("cohort-") for path in output_dir.glob("tpl-*/cohort-*")}
    stay = sorted(name for name in found if name.casefold() not in now)
    if stay:
        _LOGGER.info("results of earlier runs stay: %s", ", ".join(stay))


def _ready(request: Request) -> Request:
    """Refuse what needs no data to be refused, and read the analysis file."""
    require_input(request.settings)
    _refuse_same_folder(request.settings)
    request = with_model(request)
    require_input(request.settings)
    return request


def _log_failure(error: BaseException) -> None:
    """Log the whole message (every problem of the data); the traceback of what is a defect."""
    if code_of(error) is ExitCode.DEFECT:
        _LOGGER.error("this is a defect of nimare-pipeline", exc_info=error)
    elif isinstance(error, KeyboardInterrupt):
        _LOGGER.warning("%s", reason_of(error))
    else:
        _LOGGER.error("%s", details_of(error))


def _refuse_same_folder(settings: Settings) -> None:
    """Results beside the input are fine in a folder of their own, not mixed with it."""
    if Path(settings.bids_dir).resolve() == Path(settings.output_dir).resolve():
        msg = (
            f"OUT_DIR is BIDS_DIR ({settings.output_dir}); give a folder of its own, for example "
            f"{Path(settings.bids_dir) / 'derivatives' / 'nimare-pipeline'}"
        )
        raise UsageError(msg)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
