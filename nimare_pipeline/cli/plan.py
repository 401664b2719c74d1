"""From a request to the analyses of a run: what is read, how each is called, what it will do."""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.cli.parser import Request
from nimare_pipeline.errors import DataError, NoInputError, PipelineError, Problem, UsageError
from nimare_pipeline.registry import get_corrector, get_estimator
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.cohort import Cohort
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.io import Source

_LOGGER = logging.getLogger("nimare_pipeline")
_MAX_SHOWN = 20
"""Warnings shown on the console; all of them are in the log file and the report."""
_FIXED_S, _MS_PER_ITERATION, _MS_PER_FOCUS = 15, 0.6, 0.008
_BASE_MB, _MB_PER_THREAD = 700, 10
"""What a run on a 2 mm grid costs on an ordinary core, measured."""


@dataclass(frozen=True)
class Planned:
    """One analysis that is to be run.

    Parameters
    ----------
    analysis : Analysis
        With its name and sources.
    dataset : Dataset
        Every contrast of its sources.
    cohort : Cohort or None
        Contrasts and foci it will use; None if they cannot be selected.
    error : PipelineError or None
        Why not.
    problems : tuple of Problem
        What was odd in its sources; what was odd in selecting is in the cohort.
    """

    analysis: Analysis
    dataset: "Dataset"
    cohort: "Cohort | None" = None
    error: PipelineError | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Everything that was odd or wrong in the data, in the order it was found."""
        selecting = self.cohort.problems if self.cohort is not None else ()
        return (*self.problems, *selecting, *getattr(self.error, "problems", ()))


def plan(request: Request) -> list[Planned]:
    """Read the input and say which analyses there will be.

    Raises
    ------
    NoInputError
        If there is nothing to read.
    DataError
        If what was read is wrong, or two analyses would have one name.
    UsageError
        If the estimator or corrector does not accept its keywords, or one name is given to
        several analyses.
    """
    check_classes(request.analysis)
    require_input(request.settings)
    from nimare_pipeline import io

    _LOGGER.info("reading %s", request.settings.bids_dir)
    sources = io.read(
        Path(request.settings.bids_dir),
        tal2mni=request.settings.tal2mni,
        target=request.settings.target,
    )
    show_problems(problem for source in sources for problem in source.problems)
    masked = _masker(request.settings)
    return [_select(masked(planned)) for planned in name_analyses(request, sources)]


def check_classes(analysis: Analysis) -> None:
    """Make estimator and corrector once, so that a keyword they refuse is said before reading."""
    get_estimator(analysis.estimator)
    get_corrector(analysis.corrector)


def require_input(settings: Settings) -> None:
    """Raise ``NoInputError`` if the input or the mask does not exist."""
    if not Path(settings.bids_dir).exists():
        visible = _nearest_existing(Path(settings.bids_dir))
        msg = f"there is no file or folder {settings.bids_dir}; what exists of it is {visible}"
        raise NoInputError(msg)
    if settings.mask_file and not Path(settings.mask_file).is_file():
        msg = f"there is no mask file {settings.mask_file}"
        raise NoInputError(msg)


def show_problems(problems: Iterable[Problem]) -> None:
    """Log what was odd in the input, the first on the console and all in the log file."""
    problems = tuple(dict.fromkeys(problems))
    for number, problem in enumerate(problems):
        level = logging.WARNING if number < _MAX_SHOWN else logging.DEBUG
        _LOGGER.log(level, "%s", problem)
    if len(problems) > _MAX_SHOWN:
        _LOGGER.warning("and %d more, in run.log", len(problems) - _MAX_SHOWN)


def name_analyses(request: Request, sources: Sequence["Source"]) -> list[Planned]:
    """One analysis per source, or one of all with ``merge``; names in letters and digits, unique.

    Raises
    ------
    UsageError
        If one name is given to several analyses.
    DataError
        If two sources would give one name.
    """
    wanted = request.analysis.name
    if request.merge and len(sources) > 1:
        return [_merged(request.analysis, sources)]
    if wanted and len(sources) > 1:
        msg = (
            f"--name {wanted} names one analysis, but there are {len(sources)} input files "
            f"({', '.join(source.name for source in sources)}); --merge pools them"
        )
        raise UsageError(msg)
    planned = [
        Planned(
            replace(request.analysis, name=label(wanted or source.name), sources=source.files),
            source.dataset,
            problems=source.problems,
        )
        for source in sources
    ]
    _refuse_clashes(planned)
    for one, source in zip(planned, sources, strict=True):
        _say_conversion(wanted or source.name, one.analysis.name)
    return planned


def label(text: str) -> str:
    """Letters and digits of a text, as BIDS wants a label: ``pain (fMRI)-2`` is ``painFMRI2``.

    Raises
    ------
    UsageError
        If there are none.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    if not words:
        msg = f"no name for an analysis can be made of {text!r}; give one with --name"
        raise UsageError(msg)
    return words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])


def _merged(template: Analysis, sources: Sequence["Source"]) -> Planned:
    dataset = sources[0].dataset
    for source in sources[1:]:
        dataset = dataset.merge(source.dataset)
    name = label(template.name or "all")
    _say_conversion(template.name or "all", name)
    files = tuple(file for source in sources for file in source.files)
    problems = tuple(problem for source in sources for problem in source.problems)
    return Planned(replace(template, name=name, sources=files), dataset, problems=problems)


def _refuse_clashes(planned: Sequence[Planned]) -> None:
    by_name = defaultdict(list)
    for one in planned:
        by_name[one.analysis.name.casefold()].append(one)
    clashes = [group for group in by_name.values() if len(group) > 1]
    if clashes:
        problems = [
            Problem(
                "error",
                f"{' and '.join(', '.join(one.analysis.sources) for one in group)} "
                f"would both be called {group[0].analysis.name!r}",
                suggestion="rename a file, or pool them with --merge",
            )
            for group in clashes
        ]
        msg = "two analyses would have one name"
        raise DataError(msg, problems)


def _say_conversion(asked: str, name: str) -> None:
    if asked != name:
        _LOGGER.info("%r is called %r: names are of letters and digits", asked, name)


def _masker(settings: Settings) -> Callable[[Planned], Planned]:
    """Make a function that gives analyses the user's mask, on the grid of the target space."""
    if not settings.mask_file:
        return lambda planned: planned
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.spaces import analysis_mask

    mask, note = analysis_mask(settings.mask_file, settings.target)
    problems = (Problem("warning", note),) if note else ()
    show_problems(problems)

    def masked(planned: Planned) -> Planned:
        dataset = Dataset.from_tables(planned.dataset.tables, mask, planned.dataset.space)
        return replace(planned, dataset=dataset, problems=(*planned.problems, *problems))

    return masked


def _select(planned: Planned) -> Planned:
    """Add the cohort, or the reason why there is none: one analysis must not stop the others."""
    from nimare_pipeline.cohort import make_cohort

    try:
        cohort = make_cohort(planned.dataset, planned.analysis)
    except PipelineError as error:
        return replace(planned, error=error)
    show_problems(cohort.problems)
    return replace(planned, cohort=cohort)


def _nearest_existing(path: Path) -> Path:
    return next((parent for parent in path.parents if parent.exists()), Path("/"))


def describe(planned: Sequence[Planned], settings: Settings) -> str:
    """Put the plan into words, for ``--dry-run``."""
    lines = [f"input    {settings.bids_dir}", f"output   {settings.output_dir}"]
    lines += [line for one in planned for line in ("", *_describe_one(one, settings))]
    return "\n".join(lines)


def _describe_one(planned: Planned, settings: Settings) -> list[str]:
    analysis = planned.analysis
    head = [f"analysis {analysis.name}", f"  sources    {', '.join(analysis.sources)}"]
    if planned.cohort is None:
        return [*head, f"  cannot run {planned.error}"]
    used = planned.cohort.contrasts[planned.cohort.contrasts["included"]]
    n = used["sample_size"].dropna()
    inside, outside = int(used["n_foci_inside"].sum()), int(used["n_foci_outside"].sum())
    excluded = len(planned.cohort.contrasts) - len(used)
    return [
        *head,
        f"  contrasts  {len(used)} of {used['study_id'].nunique()} studies"
        + (f", {excluded} excluded" if excluded else ""),
        f"  foci       {inside} inside the mask, {outside} outside ({analysis.outside})",
        f"  N          {n.sum():g} participants, {n.min():g} to {n.max():g} a contrast"
        if len(n)
        else "  N          unknown",
        f"  estimator  {_component(analysis.estimator)}",
        f"  corrector  {_component(analysis.corrector)}",
        f"  inference  alpha {analysis.alpha:g}, seed {settings.seed}",
        f"  machine    {settings.plugin}, {settings.n_procs} threads, {settings.n_chunks} chunks",
        f"  estimate   {_estimate(inside + outside, planned, settings)}",
    ]


def _component(component: object) -> str:
    args = ", ".join(f"{name}={value}" for name, value in component.args.items())  # type: ignore[attr-defined]
    return f"{component.type}({args})"  # type: ignore[attr-defined]


def _estimate(n_foci: int, planned: Planned, settings: Settings) -> str:
    """Estimate time and memory roughly, from what a 2 mm grid costs on an ordinary core."""
    n_iters = planned.analysis.corrector.args.get("n_iters", 0)
    seconds = (
        _FIXED_S + n_iters * (_MS_PER_ITERATION + _MS_PER_FOCUS * n_foci) / 1000 / settings.n_procs
    )
    memory_mb = _BASE_MB + _MB_PER_THREAD * settings.n_procs
    return f"about {_duration(seconds)}, {memory_mb / 1024:.1f} GB of memory"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
