"""Analyses that the input itself describes: used as if an analysis file lay in the folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nimare_pipeline import model
from nimare_pipeline.cli.override import chosen, options_named, overridden
from nimare_pipeline.cli.request import NO_MODEL, Request
from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import UsageError
from nimare_pipeline.labels import free_name, label
from nimare_pipeline.settings import Analysis

if TYPE_CHECKING:
    from nimare_pipeline.io.described import Described

_OTHER = ("group", "roi", "sphere", "inference_mask", "merge")
"""Options that ask for an analysis of another kind: what the input describes is put aside."""


def with_described(request: Request) -> Request:
    """Add the analyses that the files of the input describe, if they describe any.

    What the command line names replaces what they say.

    Raises
    ------
    ModelError, DataError
        If they describe what cannot be done, with every problem.
    UsageError
        For one name for several analyses.
    """
    from nimare_pipeline.io.described import find

    found = find(request.settings.bids_dir)
    if not found:
        return request
    files = listed([_shown(one.file, request) for one in found])
    other = [option for option in _OTHER if option in request.given]
    if other:
        note = (
            f"the analyses that {files} describes are not run, because of {options_named(other)}"
        )
        return replace(request, notes=(*request.notes, note))
    notes = [f"analyses are those that {files} describes; --model {NO_MODEL} ignores them"]
    analyses, tables = _analyses(found, notes)
    problems = tuple(problem for one in found for problem in one.problems)
    text = model.of_tables(
        tables, folder=request.settings.bids_dir, facts=[str(problem) for problem in problems]
    )
    analyses, replaced = overridden(_named(analyses, request, files), request, "input")
    return replace(
        request,
        analyses=tuple(analyses),
        notes=(*notes, *replaced),
        problems=problems,
        model_text=text.encode(),
    )


def _analyses(
    found: Iterable["Described"], notes: list[str]
) -> tuple[list[Analysis], list[Mapping[str, Any]]]:
    """Analyses of all files, each with a name of its own, and their tables with that name."""
    taken: set[str] = set()
    analyses: list[Analysis] = []
    tables: list[Mapping[str, Any]] = []
    for one in found:
        read = model.from_tables(one.analyses, one.file)
        for analysis, table in zip(read.analyses, one.analyses, strict=True):
            asked = read.names[analysis.name]
            name = free_name(analysis.name, lambda one: one.casefold() in taken, joint="")
            taken.add(name.casefold())
            if name != asked:
                why = (
                    "the name is taken"
                    if name != analysis.name
                    else "names are of letters and digits"
                )
                notes.append(f"{asked!r} is called {name!r}: {why}")
            analyses.append(replace(analysis, name=name))
            tables.append({**table, "name": name})
    return analyses, tables


def _named(analyses: Sequence[Analysis], request: Request, files: str) -> list[Analysis]:
    """Analyses that were asked for, one of them by the name that was asked for."""
    if request.only:
        analyses = chosen(analyses, request.only, files)
    if "name" not in request.given:
        return list(analyses)
    if len(analyses) > 1:
        names = ", ".join(analysis.name for analysis in analyses)
        msg = (
            f"--name names one analysis, but {files} describes {len(analyses)}: {names}; "
            "--analysis runs some of them"
        )
        raise UsageError(msg)
    return [replace(one, name=label(request.analysis.name)) for one in analyses]


def _shown(file: Path, request: Request) -> str:
    root = Path(request.settings.bids_dir)
    return file.relative_to(root).as_posix() if file != root else file.name
