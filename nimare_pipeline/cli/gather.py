"""Analyses and the sources they are of: which, pooled or apart, and how each is called."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nimare_pipeline.cli.conjunctions import combined
from nimare_pipeline.cli.images import with_folders, with_images
from nimare_pipeline.cli.model import sources_of
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.pooled import pooled
from nimare_pipeline.cli.problems import show_problems
from nimare_pipeline.cli.regions import named
from nimare_pipeline.cli.request import Request
from nimare_pipeline.errors import DataError, PipelineError, Problem, UsageError
from nimare_pipeline.labels import label
from nimare_pipeline.model.schema import BUILT
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.io import Source

_SAID = frozenset({"estimator"})
"""Of an analysis file: its type says what is analysed, whatever the studies hold."""
_LOGGER = logging.getLogger("nimare_pipeline")


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
        merged = _merged(request.analysis, sources, named(request.analysis, "all"))
        return [_of_images(merged, request.given, request.settings)]
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
    planned = [_of_images(one, request.given, request.settings) for one in planned]
    _refuse_clashes(planned)
    for one, source in zip(planned, sources, strict=True):
        _say_conversion(wanted or named(request.analysis, source.name), one.analysis.name)
    return planned


def gather(
    analyses: Sequence[Analysis],
    sources: Sequence["Source"],
    read: Callable[[Analysis], Sequence["Source"]] | None = None,
    settings: Settings | None = None,
) -> list[Planned]:
    """Analyses of an analysis file with their sources pooled, each with its own error, if any.

    Parameters
    ----------
    analyses : sequence of Analysis
    sources : sequence of Source
        What the input folder holds.
    read : callable, optional
        Gives the sources of an analysis, where it names a database of its own.
    settings : Settings, optional
        Where the input lies, from which the files of sources count.
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
            planned.append(_of_images(replace(same, analysis=named), _SAID, settings))
        except PipelineError as error:
            planned.append(Planned(analysis, None, error=error))
    return planned


def _of_images(planned: Planned, given: frozenset[str], settings: Settings | None) -> Planned:
    """Analysis of the images of a dataset, where it has no foci and nothing else was asked for."""
    if planned.dataset is None:
        return planned
    analysis = with_images(planned.analysis, planned.dataset, given)
    if settings is not None:
        analysis = with_folders(analysis, settings)
    return replace(planned, analysis=analysis)


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
