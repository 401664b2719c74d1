"""Analyses that data describe themselves, as the specification of a Compose bundle does.

A module of a format may have ``analyses(path) -> list of dict``: the analyses that a file asks
for, each with the keys of an ``[[analysis]]`` of an analysis file (``docs/analyses.md``), so that
they are checked by the same rules. It answers an empty list for a file that asks for none, must
be cheap for it, and raises ``DataError`` with every problem of one that asks for what cannot be
done. Relative paths in it count from the folder of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nimare_pipeline.io.registry import SKIPPED, formats, knows, walk


@dataclass(frozen=True)
class Described:
    """Analyses of one file.

    Parameters
    ----------
    file : Path
    analyses : tuple of dict
        Keys and values of each, as an analysis file has them; not checked yet.
    """

    file: Path
    analyses: tuple[Mapping[str, Any], ...]


def find(path: str | Path) -> list[Described]:
    """Analyses that the files of a folder, or a file, ask for, in order of the files.

    The files are those that :func:`nimare_pipeline.io.registry.read` would look at.

    Raises
    ------
    DataError
        For a file that asks for what cannot be done.
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
    return tuple(module for module in formats() if hasattr(module, "analyses"))


def _of(modules: tuple[ModuleType, ...], file: Path) -> Described:
    for module in modules:
        try:
            analyses = module.analyses(file)
        except OSError:  # a link that leads nowhere, a file we may not read
            continue
        if analyses:
            return Described(file, tuple(analyses))
    return Described(file, ())
