"""What lies in a folder: every file is shown to every format, and read by the one it fits."""

import os
import pkgutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from nimare_pipeline import defaults, io
from nimare_pipeline.contrast import Contrast, check, counted, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.io import nimare_pickle
from nimare_pipeline.io._bids import check_description
from nimare_pipeline.io._sheet_excel import is_other_kind, why_not
from nimare_pipeline.io.ours import is_results
from nimare_pipeline.spaces import template_mask
from nimare_pipeline.suspicions import fewer, suspicions
from nimare_pipeline.tables import ID_COLUMNS, Tables
from nimare_pipeline.unknown_spaces import NOT_GIVEN, settle

SKIPPED = ("derivatives", "sourcedata")
"""Folders looked into only when nothing is found elsewhere."""
_USUAL = {"readme", "license", "changes", "changelog", "citation", "dataset_description"}
"""Stems of files that a dataset folder has anyway: not worth a warning."""
_MODEL = "analyses.toml"
"""File that says what to do with the others."""
_OPENED = 20
"""How many files that are left out are opened to say why."""
_PICKLES = (".pkl", ".pkl.gz", ".pickle")


@dataclass(frozen=True)
class Source:
    """One dataset found.

    Parameters
    ----------
    name : str
        What to call its analysis: the file's name without suffix; for a NIMADS file whose name
        says nothing (``studyset.json``), the name of the studyset, or else of the folder.
    files : tuple of str
        Files it was read from, relative to the folder, the main one first.
    format : str
        Name of the format.
    dataset : Dataset
    problems : tuple of Problem
        Warnings, no more than some of a kind.
    kinds : dict of str to int
        Warnings of each kind, those that are left out of ``problems``, too.
    """

    name: str
    files: tuple[str, ...]
    format: str
    dataset: Dataset
    problems: tuple[Problem, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_warnings(self) -> int:
        """Number of warnings, those that are left out of ``problems``, too."""
        return sum(not problem.kind for problem in self.problems) + sum(self.kinds.values())


@dataclass(frozen=True)
class Found:
    """One dataset as it stands in its files, right or wrong.

    Parameters
    ----------
    name, files, format
        As in :class:`Source`.
    contrasts : tuple of Contrast
        Those that could be read.
    problems : tuple of Problem
        Errors and warnings.
    tables : Tables or None
        Of a format that reads whole tables, in place of contrasts.
    """

    name: str
    files: tuple[str, ...]
    format: str
    contrasts: tuple[Contrast, ...]
    problems: tuple[Problem, ...] = ()
    tables: Tables | None = None

    def counts(self) -> dict[str, int]:
        """Numbers of studies, contrasts and foci."""
        if self.tables is not None:
            return {
                "studies": self.tables.metadata["study_id"].nunique(),
                "contrasts": len(self.tables.metadata),
                "foci": len(self.tables.coordinates),
            }
        return {
            "studies": len({contrast.study_id for contrast in self.contrasts}),
            "contrasts": len(self.contrasts),
            "foci": sum(len(contrast.xyz) for contrast in self.contrasts),
        }

    def studies(self) -> list[str]:
        """Study of each contrast."""
        if self.tables is not None:
            return self.tables.metadata["study_id"].tolist()
        return [contrast.study_id for contrast in self.contrasts]

    def without_size(self) -> list[str]:
        """Ids of contrasts that have foci, but no sample size."""
        if self.tables is not None:
            metadata = self.tables.metadata
            lacking = metadata["id"][metadata["sample_sizes"].isna()]
            return lacking[lacking.isin(set(self.tables.coordinates["id"]))].tolist()
        return [one.id for one in self.contrasts if len(one.xyz) and not one.sample_sizes]


_Batch = tuple[ModuleType, tuple[Path, ...]]


def formats() -> tuple[ModuleType, ...]:
    """Modules of the formats, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(io.__path__))
    modules = (import_module(f"{io.__name__}.{name}") for name in names if name[0] != "_")
    return tuple(module for module in modules if hasattr(module, "sniff"))


def read(
    path: str | Path,
    *,
    tal2mni: str = defaults.TAL2MNI,
    target: str = defaults.TARGET_SPACE,
    unknown_space: str = defaults.UNKNOWN_SPACE,
    known: Iterable[str] = (),
    apart: Iterable[str | Path] = (),
) -> list[Source]:
    """Datasets of a folder or a file, in order of their names.

    Several Sleuth files are several sources. Hidden folders and our own outputs are not looked
    into; ``derivatives`` and ``sourcedata`` only when nothing is found elsewhere.

    Parameters
    ----------
    path : path
        Folder or file.
    tal2mni : str
        How Talairach coordinates are converted, see :func:`nimare_pipeline.spaces.tal2mni`.
    target : str
        Space and voxel size of the datasets.
    unknown_space : str
        What becomes of foci in no known space: ``error``, ``exclude`` (their contrasts), ``mni``
        or ``talairach`` (they are taken as such). Empty leaves it to the format: an error, but
        for Neurosynth, whose foci are taken as MNI.
    known : iterable of str
        Paths of files that somebody else needs, such as masks: no warning that they are left out.

    apart : iterable of path
        Files and folders that are read by themselves, such as databases: not looked into.

    Raises
    ------
    NoInputError
        If there is no such path, or nothing in it that a format knows.
    DataError
        With every problem found; or if several datasets in the folder are rivals.
    """
    root = _existing(path)
    found, ignored = _find(root, {Path(path).resolve() for path in apart})
    base = root if root.is_dir() else root.parent
    batches = [batch for module, files in found for batch in _batches(module, files)]
    _refuse_rivals(batches, base)
    read_ = _found(batches, base, tal2mni, unknown_space)
    _refuse_errors([problem for one in read_ for problem in one.problems], root)
    needed = {os.path.normpath(name) for name in known}
    left = [file for file in _unused(ignored, read_, base) if os.path.normpath(file) not in needed]
    # What is wrong with the folder as a BIDS dataset does not keep its studies from an analysis.
    described = [replace(problem, level="warning") for problem in check_description(root)]
    noted = [*_ignored_problem(left, base), *described]
    return [
        Source(
            one.name,
            one.files,
            one.format,
            _dataset(one, target, tal2mni),
            (*fewer(one.problems), *noted),
            Counter(p.kind for p in (*one.problems, *noted) if p.kind),
        )
        for one in read_
    ]


def examine(
    path: str | Path,
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> tuple[list[Found], list[Problem]]:
    """Everything in a folder or a file, whatever is wrong with it.

    Parameters
    ----------
    path, tal2mni, unknown_space
        As in :func:`read`.

    Returns
    -------
    found : list of Found
        Datasets, in order of their files, with their errors and warnings.
    problems : list of Problem
        What concerns the folder as a whole: rivals, files in no known format.

    Raises
    ------
    NoInputError
        If there is no such path, or nothing in it that a format knows.
    DataError
        If it is a file that no format knows.
    """
    root = _existing(path)
    by_format, ignored = _find(root)
    base = root if root.is_dir() else root.parent
    batches: list[_Batch] = []
    problems: list[Problem] = []
    for module, files in by_format:
        try:
            batches += _batches(module, files)
        except DataError as error:
            problems += error.problems or (Problem("error", str(error)),)
    try:
        _refuse_rivals(batches, base)
    except DataError as error:
        names = listed(sorted(problem.file for problem in error.problems))
        problems.append(Problem("error", f"{str(error).partition(chr(10))[0]}: {names}"))
    found = _found(batches, base, tal2mni, unknown_space)
    problems += check_description(root)
    problems += _ignored_problem(_unused(ignored, found, base), base)
    return found, problems


def _dataset(found: Found, target: str, tal2mni: str) -> Dataset:
    if found.tables is not None:
        return Dataset.from_tables(found.tables, template_mask(target), target)
    return Dataset.from_contrasts(found.contrasts, target=target, tal2mni=tal2mni)


def _existing(path: str | Path) -> Path:
    root = Path(path)
    if not root.exists():
        msg = f"no such file or folder: {root}"
        raise NoInputError(msg)
    return root


def _batches(module: ModuleType, files: list[Path]) -> list[_Batch]:
    """Files of a format, by the dataset they are of."""
    groups = module.group(files) if hasattr(module, "group") else [(file,) for file in files]
    return [(module, paths) for paths in groups]


def _found(batches: Sequence[_Batch], base: Path, tal2mni: str, unknown_space: str) -> list[Found]:
    found = []
    for module, paths in sorted(batches, key=lambda batch: batch[1][0].as_posix()):
        tables: Tables | None = None
        contrasts: list[Contrast] = []
        name = _name(module, paths[0], base)  # before reading, which forgets what was parsed
        if hasattr(module, "read_tables"):
            tables, problems = _tables(module, paths, base, tal2mni, unknown_space)
        else:
            contrasts, problems = _contrasts(module, paths, base, tal2mni, unknown_space)
        files = tuple(file.relative_to(base).as_posix() for file in paths)
        said = getattr(module, "SAYS", ())
        problems += suspicions(contrasts, tables, tal2mni=tal2mni, file=files[0], said=said)
        found.append(Found(name, files, module.NAME, tuple(contrasts), tuple(problems), tables))
    return found


def _tables(
    module: ModuleType, paths: Sequence[Path], base: Path, tal2mni: str, unknown_space: str
) -> tuple[Tables | None, list[Problem]]:
    """Tables of one source and everything that is wrong with it, files named from ``base``."""
    try:
        policy = {"unknown_space": unknown_space} if _has_policy(module, unknown_space) else {}
        tables, problems = module.read_tables(*paths, tal2mni=tal2mni, **policy)
    except DataError as error:
        problems, tables = list(error.problems) or [Problem("error", str(error))], None
    names = {path.name: path.relative_to(base).as_posix() for path in reversed(paths)}
    if tables is not None and "source_file" in tables.metadata:
        files = tables.metadata["source_file"].map(lambda name: names.get(name, name))
        tables = replace(tables, metadata=tables.metadata.assign(source_file=files))
    if tables is not None and not len(tables.coordinates) and not _image_paths(tables):
        problems = [*problems, _empty(len(tables.metadata), paths[0].name)]
    return tables, [replace(p, file=names.get(p.file, _relative(p.file, base))) for p in problems]


def _has_policy(module: ModuleType, unknown_space: str) -> bool:
    return bool(unknown_space) and "unknown_space" in signature(module.read_tables).parameters


def _unused(ignored: Sequence[Path], found: Iterable[Found], base: Path) -> list[Path]:
    """Files in no known format that no contrast names as its image either."""
    images = {
        os.path.normpath((base / one.files[0]).parent / str(image))
        for one in found
        for image in _images(one)
    }
    return [path for path in ignored if os.path.normpath(path) not in images]


def _images(found: Found) -> list[Any]:
    if found.tables is not None:
        return _image_paths(found.tables)
    return [image for contrast in found.contrasts for image in contrast.images.values()]


def _image_paths(tables: Tables) -> list[Any]:
    columns = [name for name in tables.images.columns if name not in (*ID_COLUMNS, "space")]
    cells = (cell for name in columns for cell in tables.images[name].tolist())
    return [cell for cell in cells if cell is not None]


def _find(
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
            return [(known[name], paths) for name, paths in by_format.items()], ignored
    accepted = ", ".join(module.NAME for module in modules)
    msg = f"nothing to analyse in {root}; accepted are: {accepted}{_hint(ignored)}"
    if root.is_file():
        raise DataError(msg)
    raise NoInputError(msg)


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
            if not name.startswith(".") and name not in skipped and _is_ours(here / name, apart)
        )
        yield from (here / name for name in folders if (here / name).is_symlink())
        shown = (name for name in sorted(names) if not name.startswith("."))
        yield from (here / name for name in shown if _is_ours(here / name, apart))


def _is_ours(path: Path, apart: Collection[Path]) -> bool:
    return not apart or path.resolve() not in apart


def knows(module: ModuleType, file: Path) -> bool:
    """Whether a file is of a format; False for one that cannot be opened."""
    try:
        return file.is_file() and bool(module.sniff(file))  # opening a pipe would wait for ever
    except OSError:  # a link that leads nowhere, a file we may not read
        return False


def _contrasts(
    module: ModuleType, paths: Sequence[Path], base: Path, tal2mni: str, unknown_space: str
) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of one source and everything that is wrong with it, files named from ``base``."""
    names = {path.name: path.relative_to(base).as_posix() for path in reversed(paths)}
    try:
        contrasts, problems = module.read(*paths)
    except DataError as error:
        found = error.problems or (Problem("error", str(error)),)
        return [], [replace(problem, file=_relative(problem.file, base)) for problem in found]
    contrasts = [
        replace(
            c,
            file=names.get(c.file, names[paths[0].name]),
            foci_file=names.get(c.foci_file, c.foci_file),
        )
        for c in contrasts
    ]
    problems = [replace(p, file=names.get(p.file, p.file)) for p in problems]
    contrasts, settled = settle(contrasts, unknown_space)
    if unknown_space:  # what a reader assumed instead is not so
        problems = [p for p in problems if p.level == "error" or NOT_GIVEN not in p.message]
    problems += [*settled, *check(contrasts, tal2mni)]
    is_broken = any(problem.level == "error" for problem in problems)
    if not is_broken and not any(len(c.xyz) or c.images for c in contrasts):
        file = names[paths[0].name]
        problems.append(_empty(len(contrasts), file))
    return contrasts, problems


def _empty(n_contrasts: int, file: str) -> Problem:
    """Error for a dataset that has nothing to analyse."""
    if not n_contrasts:
        return Problem("error", "it holds no contrasts: no foci and no images", file)
    them = "it" if n_contrasts == 1 else "them"
    message = f"{counted(n_contrasts, 'contrast')}, but no foci and no images in {them}"
    return Problem("error", message, file)


def _relative(file: str, base: Path) -> str:
    path = Path(file)
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else file


def _refuse_rivals(batches: Sequence[_Batch], base: Path) -> None:
    if len(batches) < 2 or all(getattr(module, "SEPARATE", False) for module, _ in batches):
        return
    problems = [
        Problem("error", f"a dataset ({module.NAME})", paths[0].relative_to(base).as_posix())
        for module, paths in batches
    ]
    msg = (
        f"{base} holds several datasets that cannot be one run; "
        "name one of them instead of the folder, or move the others away"
    )
    raise DataError(msg, problems)


def _refuse_errors(problems: Sequence[Problem], root: Path) -> None:
    if any(problem.level == "error" for problem in problems):
        msg = f"{root} cannot be read"
        raise DataError(msg, fewer(sorted(problems, key=lambda problem: problem.level)))


def _ignored_problem(ignored: Sequence[Path], base: Path) -> list[Problem]:
    ignored = [path for path in ignored if path.stem.lower() not in _USUAL and path.name != _MODEL]
    if not ignored:
        return []
    names = [path.relative_to(base).as_posix() for path in ignored]
    be = "is" if len(names) == 1 else "are"
    message = (
        f"{counted(len(names), 'file')} {be} in no known format and {be} left out: "
        f"{listed(names, 5)}"
    )
    return [Problem("warning", message + _hint(ignored))]


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
    hints += [reason for path in ignored[:_OPENED] if (reason := why_not(path))]
    return f" ({'; '.join(hints)})" if hints else ""


def _name(module: ModuleType, path: Path, base: Path) -> str:
    *folders, _ = path.relative_to(base).parts
    given = module.own_name(path) if hasattr(module, "own_name") else None
    if given is None:
        return "_".join([*folders, path.stem])
    return given or "_".join(folders) or base.resolve().name or path.stem
