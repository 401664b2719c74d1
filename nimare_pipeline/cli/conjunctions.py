"""Analyses that combine others: when they are run, and whether what they combine is there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import AnalysisOutcome
from nimare_pipeline.errors import NoInputError, PipelineError
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.cli.planned import Planned


def combined(analysis: Analysis) -> tuple[str, ...]:
    """Names of the analyses that an analysis combines; empty for one that reads studies."""
    return tuple(analysis.options["of"]) if analysis.type == "conjunction" else ()


def in_order(planned: Sequence["Planned"]) -> list["Planned"]:
    """Analyses in the order they are run: each after those it combines, else as they stand."""
    left = list(planned)
    done: list[Planned] = []
    while left:
        waiting = {one.analysis.name for one in left}
        ready = [one for one in left if not waiting & set(combined(one.analysis))]
        # The reader of analysis files refuses circles; were there one, each part fails by itself.
        done += ready or left
        left = [one for one in left if one not in ready] if ready else []
    return done


def check(planned: Sequence["Planned"], settings: Settings) -> list["Planned"]:
    """Give analyses that cannot be combined their error: a part that fails, or is not there."""
    by_name = {one.analysis.name: one for one in planned}
    checked: dict[str, Planned] = {}
    for one in in_order(planned):
        error = one.error or _lacking(one.analysis, {**by_name, **checked}, settings)
        checked[one.analysis.name] = replace(one, error=error)
    return [checked[one.analysis.name] for one in planned]


def _lacking(
    analysis: Analysis, planned: Mapping[str, "Planned"], settings: Settings
) -> PipelineError | None:
    for name in combined(analysis):
        if name in planned:
            if planned[name].error is not None:
                return NoInputError(f"{name}, which it combines, cannot be done")
        elif not is_there(name, settings):
            msg = (
                f"{name}, which it combines, is not run now and has no result in "
                f"{settings.output_dir}: run it too, with --analysis {name} {analysis.name}"
            )
            return NoInputError(msg)
    return None


def is_there(name: str, settings: Settings) -> bool:
    """Whether the output folder holds a result of this name."""
    folders = Path(settings.output_dir).glob("tpl-*/cohort-*")
    return any(path.name == f"cohort-{name}" for path in folders)


def refuse_failed(analysis: Analysis, ended: Mapping[str, AnalysisOutcome]) -> None:
    """Raise ``NoInputError`` if what an analysis combines failed in this run.

    What may lie in the output folder from an earlier run is another analysis.
    """
    for name in combined(analysis):
        if name in ended and ended[name].exit_code is not ExitCode.OK:
            msg = f"{name}, which it combines, failed"
            raise NoInputError(msg)


def describe(planned: "Planned") -> list[str]:
    """Lines of the plan for an analysis that combines others."""
    analysis = planned.analysis
    head = [f"analysis {analysis.name}", f"  combines   {', '.join(combined(analysis))}"]
    if planned.error is not None:
        return [*head, f"  cannot run {planned.error}"]
    level = analysis.options.get("level", "result")
    return [*head, f"  level      {level}", "  estimate   a few seconds"]
