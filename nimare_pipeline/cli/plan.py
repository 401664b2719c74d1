"""From a request to the analyses of a run: what is read, how each is called, what it will do."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline import defaults
from nimare_pipeline.cli.checks import check_classes, check_file
from nimare_pipeline.cli.conjunctions import check, combined
from nimare_pipeline.cli.conjunctions import describe as conjunction_lines
from nimare_pipeline.cli.database import Shelf, apart, needs_input
from nimare_pipeline.cli.estimate import estimate
from nimare_pipeline.cli.model import files_named, sources_of
from nimare_pipeline.cli.pool import describe as pool_line
from nimare_pipeline.cli.pool import with_null_foci
from nimare_pipeline.cli.pooled import pooled
from nimare_pipeline.cli.regions import describe as region_line
from nimare_pipeline.cli.regions import named
from nimare_pipeline.cli.request import Request
from nimare_pipeline.cli.strict import accept
from nimare_pipeline.errors import DataError, NoInputError, PipelineError, Problem, UsageError
from nimare_pipeline.labels import label
from nimare_pipeline.model.schema import BUILT
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from pandas import DataFrame

    from nimare_pipeline.cohort import Cohort
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.io import Source
    from nimare_pipeline.null_foci import NullFoci
    from nimare_pipeline.saved_null import SavedNull

_LOGGER = logging.getLogger("nimare_pipeline")
_MAX_SHOWN = 20
"""Warnings shown on the console; all of them are in the log file and the report."""


@dataclass(frozen=True)
class Planned:
    """One analysis that is to be run.

    Parameters
    ----------
    analysis : Analysis
        With its name and sources.
    dataset : Dataset or None
        Every contrast of its sources; None if they cannot be brought together.
    cohort : Cohort or None
        Contrasts and foci it will use; None if they cannot be selected.
    error : PipelineError or None
        Why not.
    problems : tuple of Problem
        What was odd in its sources; what was odd in selecting is in the cohort.
    saved_null : SavedNull or None
        Monte Carlo null in the output folder that is extended.
    null_foci : NullFoci or None
        Pool of foci that the null draws from, of an estimator that takes one.
    """

    analysis: Analysis
    dataset: "Dataset | None"
    cohort: "Cohort | None" = None
    error: PipelineError | None = None
    problems: tuple[Problem, ...] = ()
    saved_null: "SavedNull | None" = None
    null_foci: "NullFoci | None" = None

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
    for note in request.notes:
        _LOGGER.info("%s", note)
    if request.analyses:
        check_file(request.analyses)
    else:
        check_classes(request.analysis)
    require_input(request.settings)
    from nimare_pipeline import io

    sources: Sequence[Source] = ()
    wanted = request.analyses or (request.analysis,)
    # Reading a folder takes its time: not where all studies are those of a database elsewhere.
    if any(map(needs_input, wanted)):
        _LOGGER.info("reading %s", request.settings.bids_dir)
        read = partial(
            io.read,
            Path(request.settings.bids_dir),
            tal2mni=request.settings.tal2mni,
            target=request.settings.target,
            unknown_space=request.settings.unknown_space,
            known=files_named(request),
        )
        try:
            sources = read(apart=apart(wanted))
        except NoInputError:
            # Who has but one dataset may draw from its own foci.
            sources = read(apart=apart(wanted, ["database"]))
    show = accept if request.strict else show_problems
    show(problem for source in sources for problem in source.problems)
    masked = _masker(request.settings)
    shelf = Shelf(request.settings, sources, lambda source: show(source.problems))
    if request.analyses:
        planned = gather(request.analyses, sources, shelf.of)
    else:
        planned = name_analyses(request, sources)
    if request.strict:
        accept(problem for one in planned for problem in one.problems)
    alone = len(planned) == 1
    selected = [_select(masked(one), of="" if alone else one.analysis.name) for one in planned]
    return check([with_null_foci(one, shelf) for one in selected], request.settings)


def require_input(settings: Settings) -> None:
    """Raise ``NoInputError`` if the input or the mask does not exist."""
    if not Path(settings.bids_dir).exists():
        visible = _nearest_existing(Path(settings.bids_dir))
        msg = f"there is no file or folder {settings.bids_dir}; what exists of it is {visible}"
        raise NoInputError(msg)
    if settings.mask_file and not Path(settings.mask_file).is_file():
        msg = f"there is no mask file {settings.mask_file}"
        raise NoInputError(msg)


def show_problems(problems: Iterable[Problem], of: str = "") -> None:
    """Log what was odd in the input, the first on the console and all in the log file.

    Parameters
    ----------
    problems : iterable of Problem
    of : str
        Name of the analysis they belong to, where there are several.
    """
    problems = tuple(dict.fromkeys(problems))
    whose = f"analysis {of}: " if of else ""
    for number, problem in enumerate(problems):
        level = logging.WARNING if number < _MAX_SHOWN else logging.DEBUG
        _LOGGER.log(level, "%s%s", whose, problem)
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
    if request.analysis.type == "pair":
        from nimare_pipeline.groups import group_names

        versus = "Versus".join(group_names(request.analysis.options["groups"]))
        return [_merged(request.analysis, sources, versus)]
    if request.merge and len(sources) > 1:
        return [_merged(request.analysis, sources, named(request.analysis, "all"))]
    if wanted and len(sources) > 1:
        msg = (
            f"--name {wanted} names one analysis, but there are {len(sources)} input files "
            f"({', '.join(source.name for source in sources)}); --merge pools them"
        )
        raise UsageError(msg)
    planned = [
        Planned(
            replace(
                request.analysis,
                name=label(wanted or named(request.analysis, source.name)),
                sources=source.files,
            ),
            source.dataset,
            problems=source.problems,
        )
        for source in sources
    ]
    _refuse_clashes(planned)
    for one, source in zip(planned, sources, strict=True):
        _say_conversion(wanted or named(request.analysis, source.name), one.analysis.name)
    return planned


def gather(
    analyses: Sequence[Analysis],
    sources: Sequence["Source"],
    read: Callable[[Analysis], Sequence["Source"]] | None = None,
) -> list[Planned]:
    """Analyses of an analysis file with their sources pooled, each with its own error, if any.

    Parameters
    ----------
    analyses : sequence of Analysis
    sources : sequence of Source
        What the input folder holds.
    read : callable, optional
        Gives the sources of an analysis, where it names a database of its own.
    """
    pooled: dict[tuple[int, ...], Planned] = {}
    planned = []
    for analysis in analyses:
        try:
            if analysis.type not in BUILT:
                msg = (
                    f"type {analysis.type} is not built yet; this version runs: {', '.join(BUILT)}"
                )
                raise UsageError(msg)
            if combined(analysis):
                planned.append(Planned(analysis, None))
                continue
            chosen = sources_of(analysis, read(analysis) if read else sources)
            key = tuple(map(id, chosen))
            # Analyses of the same files share their dataset.
            if key not in pooled:
                pooled[key] = _pooled(analysis, chosen)
            same = pooled[key]
            named = replace(analysis, sources=same.analysis.sources)
            planned.append(replace(same, analysis=named))
        except PipelineError as error:
            planned.append(Planned(analysis, None, error=error))
    return planned


def _merged(template: Analysis, sources: Sequence["Source"], otherwise: str) -> Planned:
    name = label(template.name or otherwise)
    _say_conversion(template.name or otherwise, name)
    return _pooled(replace(template, name=name), sources)


def _pooled(analysis: Analysis, sources: Sequence["Source"]) -> Planned:
    dataset, odd = pooled(sources)
    show_problems(odd, of=analysis.name)
    files = tuple(file for source in sources for file in source.files)
    problems = (*(problem for source in sources for problem in source.problems), *odd)
    return Planned(replace(analysis, sources=files), dataset, problems=problems)


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
        if planned.dataset is None:
            return planned
        dataset = Dataset.from_tables(planned.dataset.tables, mask, planned.dataset.space)
        return replace(planned, dataset=dataset, problems=(*planned.problems, *problems))

    return masked


def _select(planned: Planned, of: str) -> Planned:
    """Add the cohort, or the reason why there is none: one analysis must not stop the others."""
    from nimare_pipeline.cohort import make_cohort

    if planned.dataset is None:
        return planned
    try:
        cohort = make_cohort(planned.dataset, planned.analysis)
    except PipelineError as error:
        return replace(planned, error=error)
    show_problems(cohort.problems, of)
    return replace(planned, cohort=cohort)


def _nearest_existing(path: Path) -> Path:
    return next((parent for parent in path.parents if parent.exists()), Path("/"))


def describe(planned: Sequence[Planned], settings: Settings, current: Sequence[str] = ()) -> str:
    """Put the plan into words, for ``--dry-run``.

    Parameters
    ----------
    planned, settings
        What would be done.
    current : sequence of str
        Analyses that are up to date, so that nothing would be computed.
    """
    lines = [f"input    {settings.bids_dir}", f"output   {settings.output_dir}"]
    for one in planned:
        lines += ["", *_describe_one(one, settings)]
        if one.analysis.name in current:
            lines[-1] = "  estimate   nothing to compute, it is up to date"
    return "\n".join(lines)


def _describe_one(planned: Planned, settings: Settings) -> list[str]:
    from nimare_pipeline.cohort import NO_FOCUS, NOT_SELECTED
    from nimare_pipeline.pooling import by_experiment

    analysis = planned.analysis
    if combined(analysis):
        return conjunction_lines(planned)
    head = [f"analysis {analysis.name}", f"  sources    {', '.join(analysis.sources)}"]
    head += [f"  select     {' '.join(analysis.select.split())}"] if analysis.select else []
    head += region_line(analysis)
    if planned.cohort is None:
        return [*head, f"  cannot run {planned.error}"]
    used = planned.cohort.contrasts[planned.cohort.contrasts["included"]]
    n = by_experiment(used)["sample_size"].dropna()
    each = "a contrast" if analysis.pool == defaults.POOL else "an experiment"
    inside, outside = int(used["n_foci_inside"].sum()), int(used["n_foci_outside"].sum())
    others = planned.cohort.contrasts.loc[~planned.cohort.contrasts["included"], "reason"]
    unselected, elsewhere = int((others == NOT_SELECTED).sum()), int((others == NO_FOCUS).sum())
    excluded = len(others) - unselected - elsewhere
    return [
        *head,
        f"  contrasts  {len(used)} of {used['study_id'].nunique()} studies"
        + (f", {excluded} excluded" if excluded else "")
        + (f", {unselected} not selected" if unselected else "")
        + (f", {elsewhere} without a focus in the region" if elsewhere else ""),
        *_pooled_line(used, analysis),
        *_groups(used),
        f"  foci       {inside} inside the mask, {outside} outside ({analysis.outside})",
        *pool_line(planned.null_foci),
        f"  N          {n.sum():g} participants, {n.min():g} to {n.max():g} {each}"
        if len(n)
        else "  N          unknown",
        f"  estimator  {_component(analysis.estimator)}",
        f"  corrector  {_component(analysis.corrector)}",
        f"  inference  alpha {analysis.alpha:g}, seed {settings.seed}",
        *_extension(planned),
        f"  machine    {_machine(settings)}",
        f"  estimate   {_estimate(used, planned, settings)}",
    ]


def _pooled_line(used: "DataFrame", analysis: Analysis) -> list[str]:
    """Say how many experiments the contrasts are, where they are pooled."""
    from nimare_pipeline.pooling import POOLED_INTO

    if POOLED_INTO not in used:
        return []
    n, word = used[POOLED_INTO].nunique(), "experiment"
    return [f"  pool       {n} {word if n == 1 else word + 's'} ({analysis.pool})"]


def _groups(used: "DataFrame") -> list[str]:
    """Say how many contrasts each group has."""
    from nimare_pipeline.groups import GROUP

    if GROUP not in used:
        return []
    counts = used[GROUP].value_counts(sort=False)
    return [f"  groups     {', '.join(f'{name}: {n}' for name, n in counts.items())}"]


def _extension(planned: Planned) -> list[str]:
    if planned.saved_null is None:
        return []
    n_iters = planned.analysis.corrector.args["n_iters"]
    return [f"  extend     the null of {planned.saved_null.n_iters} iterations to {n_iters}"]


def _machine(settings: Settings) -> str:
    counted = {"thread": settings.n_procs, "chunk": settings.n_chunks}
    return ", ".join(
        [settings.plugin, *(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counted.items())]
    )


def _component(component: object) -> str:
    args = ", ".join(f"{name}={value}" for name, value in component.args.items())  # type: ignore[attr-defined]
    return f"{component.type}({args})"  # type: ignore[attr-defined]


def _estimate(used: "DataFrame", planned: Planned, settings: Settings) -> str:
    """Say roughly how long it takes, and how much memory."""
    from nimare_pipeline.groups import GROUP

    held = 0 if planned.saved_null is None else planned.saved_null.n_iters
    groups = used.groupby(GROUP)["n_foci"].sum() if GROUP in used else used[["n_foci"]].sum()
    seconds, memory_mb = estimate(
        planned.analysis,
        n_read=0 if planned.dataset is None else len(planned.dataset.coordinates),
        n_foci=int(used["n_foci"].sum()),
        n_smaller=int(groups.min()),
        n_iters=planned.analysis.corrector.args.get("n_iters", 0) - held,
        n_threads=settings.n_procs,
    )
    return f"about {_duration(seconds)}, {memory_mb / 1024:.1f} GB of memory"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
