"""Analyses that data describe themselves, as the specification of a Compose bundle does.

A module of a format may have ``analyses(path) -> (list of dict, list of Problem)``: the analyses
that a file asks for, each with the keys of an ``[[analysis]]`` of an analysis file
(``docs/analyses.md``), so that they are checked by the same rules; and what is wrong or odd in
them. Of a file that asks for none it answers two empty lists, and is quick about it. Relative
paths count from the folder of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io.folder import SKIPPED, formats, knows, walk


@dataclass(frozen=True)
class Described:
    """Analyses of one file.

    Parameters
    ----------
    file : Path
    analyses : tuple of dict
        Keys and values of each, as an analysis file has them; not checked yet.
    problems : tuple of Problem
        What is odd in them.
    """

    file: Path
    analyses: tuple[Mapping[str, Any], ...]
    problems: tuple[Problem, ...] = ()


def find(path: str | Path) -> list[Described]:
    """Analyses that the files of a folder, or a file, ask for, in order of the files.

    The files are those that :func:`nimare_pipeline.io.registry.read` would look at.

    Raises
    ------
    DataError
        With everything that is wrong in a file that asks for what cannot be done.
    """
    root = Path(path)
    if root.is_file():
        return [one for one in (_of(_describing(), root),) if one.analyses]
    for skipped in (SKIPPED, ()):
        files = list(walk(root, skipped))
        found = [one for one in (_of(_describing(), file) for file in files) if one.analyses]
        if found or any(knows(module, file) for file in files for module in formats()):
            return found
    return []


def _describing() -> tuple[ModuleType, ...]:
    return tuple(module for module in formats() if callable(getattr(module, "analyses", None)))


def _of(modules: tuple[ModuleType, ...], file: Path) -> Described:
    for module in modules if file.is_file() else ():  # opening a pipe would wait for ever
        try:
            analyses, problems = module.analyses(file)
        except OSError:  # a link that leads nowhere, a file we may not read
            continue
        if any(problem.level == "error" for problem in problems):
            msg = f"the analyses that {file.name} describes cannot be run"
            raise DataError(msg, problems)
        if analyses:
            return Described(file, tuple(analyses), tuple(problems))
    return Described(file, ())
