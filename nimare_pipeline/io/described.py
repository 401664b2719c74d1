"""Analyses that data describe themselves: specifications of Compose bundles, sheets of JALE.

A module of a format may have ``analyses(path) -> (list of dict, list of Problem)``: the analyses
that a file asks for, each with the keys of an ``[[analysis]]`` of an analysis file
(``docs/analyses.md``), so that they are checked by the same rules; and what is wrong or odd in
them. Of a file that asks for none it answers two empty lists, and is quick about it. Relative
paths count from the folder of the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import listed
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
        With everything that is wrong in files that ask for what cannot be done.
    """
    root = Path(path)
    if root.is_file():
        return _checked([_of(root, root.parent)])
    for skipped in (SKIPPED, ()):
        files = list(walk(root, skipped))
        found = _checked([_of(file, root) for file in files])
        if found or any(knows(module, file) for file in files for module in formats()):
            return found
    return []


def _of(file: Path, root: Path) -> Described:
    """Analyses of a file, and what is wrong in them, by its path from ``root``."""
    for module in formats() if file.is_file() else ():  # opening a pipe would wait for ever
        if not callable(getattr(module, "analyses", None)):
            continue
        try:
            analyses, problems = module.analyses(file)
        except OSError:  # a link that leads nowhere, a file we may not read
            continue
        if analyses or problems:
            name = file.relative_to(root).as_posix()
            return Described(
                file, tuple(analyses), tuple(replace(one, file=name) for one in problems)
            )
    return Described(file, ())


def _checked(found: Sequence[Described]) -> list[Described]:
    """Those with analyses; refuse them all for an error in one."""
    problems = [problem for one in found for problem in one.problems]
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        files = list(dict.fromkeys(problem.file for problem in errors))
        ending = "s" if len(files) == 1 else ""
        msg = f"the analyses that {listed(files)} describe{ending} cannot be run"
        raise DataError(msg, problems)
    return [one for one in found if one.analyses]
