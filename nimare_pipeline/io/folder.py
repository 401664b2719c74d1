"""Files of a folder: which may be input, and which format knows each of them."""

import os
import pkgutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from nimare_pipeline import io
from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.io import nimare_pickle
from nimare_pipeline.io._sheet_excel import is_other_kind, why_not
from nimare_pipeline.io._sheet_why import why_no_table
from nimare_pipeline.io.ours import is_results

SKIPPED = ("derivatives", "sourcedata")
"""Folders looked into only when nothing is found elsewhere."""
_USUAL = {
    *("readme", "license", "changes", "changelog", "citation", "dataset_description"),
    "collection_metadata",
}
"""Stems of files that a dataset folder has anyway: not worth a warning."""
_MODEL = "analyses.toml"
"""File that says what to do with the others."""
_OPENED = 20
"""How many files that are left out are opened to say why."""
_PICKLES = (".pkl", ".pkl.gz", ".pickle")


def formats() -> tuple[ModuleType, ...]:
    """Modules of the formats, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(io.__path__))
    modules = (import_module(f"{io.__name__}.{name}") for name in names if name[0] != "_")
    return tuple(module for module in modules if hasattr(module, "sniff"))


def find(
    root: Path, apart: Collection[Path] = ()
) -> tuple[list[tuple[ModuleType, list[Path]]], list[Path]]:
    """Files of each format, and the files no format knows."""
    modules = formats()
    for skipped in (SKIPPED, ()):
        files = list(walk(root, skipped, apart)) if root.is_dir() else [root]
        by_format: dict[str, list[Path]] = {}
        ignored = []
        for file in files:
            module = next((m for m in modules if knows(m, file)), None)
            if module is None:
                ignored.append(file)
            else:
                by_format.setdefault(module.__name__, []).append(file)
        if by_format:
            known = {module.__name__: module for module in modules}
            found = [(known[name], paths) for name, paths in by_format.items()]
            leading = [pair for pair in found if not yields(pair[0])]
            if leading and len(leading) < len(found):
                ignored += [path for module, paths in found if yields(module) for path in paths]
                return leading, sorted(ignored)
            return found, [path for path in ignored if not _lies_beside(path, by_format, known)]
    for module in modules:
        left = module.last_resort(ignored) if hasattr(module, "last_resort") else []
        if left:
            return [(module, left)], [path for path in ignored if path not in set(left)]
    accepted = ", ".join(module.NAME for module in modules)
    msg = f"nothing to analyse in {root}{_hint(ignored)}; accepted are: {accepted}"
    if root.is_file():
        raise DataError(msg)
    raise NoInputError(msg)


def yields(module: ModuleType) -> bool:
    """Whether a format is read only where no other describes the studies of a folder."""
    return bool(getattr(module, "YIELDS", False))


def _lies_beside(path: Path, names: Collection[str], known: Mapping[str, ModuleType]) -> bool:
    """Whether a file is one that a format that was found has beside its own, and does not read."""
    modules = (known[name] for name in names)
    return any(module.beside(path) for module in modules if hasattr(module, "beside"))


def walk(folder: Path, skipped: Sequence[str], apart: Collection[Path] = ()) -> Iterator[Path]:
    """Files of a folder that may be input: not hidden, not our own outputs, not ``apart``.

    Links to files are followed, since DataLad keeps every file behind one. Links to folders are
    not, since they may lead in circles; they are given like files, to be told of.
    """
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        if is_results(here):
            folders.clear()
            continue
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in skipped and _is_wanted(here / name, apart)
        )
        yield from (here / name for name in folders if (here / name).is_symlink())
        shown = (name for name in sorted(names) if not name.startswith("."))
        yield from (here / name for name in shown if _is_wanted(here / name, apart))


def _is_wanted(path: Path, apart: Collection[Path]) -> bool:
    return not apart or path.resolve() not in apart


def knows(module: ModuleType, file: Path) -> bool:
    """Whether a file is of a format; False for one that cannot be opened."""
    try:
        return file.is_file() and bool(module.sniff(file))  # opening a pipe would wait for ever
    except OSError:  # a link that leads nowhere, a file we may not read
        return False


def left_out(ignored: Sequence[Path], base: Path) -> list[Problem]:
    """Warn of files that no format knows, but for those that lie in any folder of data."""
    ignored = [path for path in ignored if path.stem.lower() not in _USUAL and path.name != _MODEL]
    if not ignored:
        return []
    problems: list[Problem] = []
    yielded = [p for p in ignored if any(yields(m) and knows(m, p) for m in formats())]
    if yielded:
        names = [path.relative_to(base).as_posix() for path in yielded]
        message = (
            f"{counted(len(names), 'folder')} of images left out, as other files here describe "
            f"the studies: {listed(names, 5)}"
        )
        advice = "to analyse them, name the folder itself"
        problems.append(Problem("warning", message, suggestion=advice))
        ignored = [path for path in ignored if path not in set(yielded)]
        if not ignored:
            return problems
    names = [path.relative_to(base).as_posix() for path in ignored]
    be = "is" if len(names) == 1 else "are"
    message = (
        f"{counted(len(names), 'file')} {be} in no known format and {be} left out: "
        f"{listed(names, 5)}"
    )
    return [*problems, Problem("warning", message + _hint(ignored))]


def _hint(ignored: Sequence[Path]) -> str:
    hints = []
    if any(path.is_symlink() and not path.exists() for path in ignored):
        hints.append("some are links whose content is not here: run `datalad get`")
    if any(path.is_symlink() and path.is_dir() for path in ignored):
        hints.append("links to folders are not followed: name the folder itself")
    pickles = [path for path in ignored if path.name.endswith(_PICKLES) and path.is_file()]
    if pickles:
        hints.append(nimare_pickle.why_not(pickles[0]))
    if any(path.is_file() and is_other_kind(path) for path in ignored):
        hints.append("XLS, ODS and locked spreadsheets are not read: save them as XLSX or CSV")
    reasons = why_no_table if len(ignored) == 1 else why_not
    hints += [reason for path in ignored[:_OPENED] if (reason := reasons(path))]
    return f" ({'; '.join(hints)})" if hints else ""
