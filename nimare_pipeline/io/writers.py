"""Formats that a dataset can be written in, and how a file gets to its place."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from nimare_pipeline import defaults
from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import DataError, OutputError, Problem, UsageError
from nimare_pipeline.io._losses import LEFT_OUT, Loss, compare
from nimare_pipeline.io._native_write import refuse_foreign
from nimare_pipeline.io._outgoing import grouped
from nimare_pipeline.writing import as_output_error


@dataclass(frozen=True)
class Format:
    """A format that can be written.

    Parameters
    ----------
    title : str
        What it is called in messages.
    suffix : str
        Of its files; empty for a folder.
    writer, reader : str
        Modules: ``write(contrasts, path, name=)``, ``read(path)``.
    nested : bool
        Whether the contrasts of a study stand together in it.
    images : bool
        Whether it has a place for paths of images.
    """

    title: str
    suffix: str
    writer: str
    reader: str
    nested: bool = False
    images: bool = False


_IO = "nimare_pipeline.io"
FORMATS: Mapping[str, Format] = {
    "native": Format(
        "a folder of tables", "", f"{_IO}._native_write", f"{_IO}.native", images=True
    ),
    "nimads": Format(
        "a NIMADS studyset",
        ".json",
        f"{_IO}._nimads_write",
        f"{_IO}.nimads",
        nested=True,
        images=True,
    ),
    "nimare": Format(
        "NiMARE Dataset JSON",
        ".json",
        f"{_IO}._nimare_write",
        f"{_IO}.nimare_json",
        nested=True,
        images=True,
    ),
    "sleuth": Format("Sleuth text", ".txt", f"{_IO}._sleuth_write", f"{_IO}.sleuth"),
    "csv": Format("a table of foci", ".csv", f"{_IO}._csv_write", f"{_IO}.sheet"),
}
"""By the names that ``convert --to`` has."""
_BY_SUFFIX = {"": "native", ".json": "nimads", ".txt": "sleuth", ".csv": "csv", ".tsv": "csv"}


@dataclass(frozen=True)
class _Holder:
    """Contrasts, for a writer that asks a Dataset for them."""

    found: Sequence[Contrast]

    def contrasts(self) -> list[Contrast]:
        return list(self.found)


def format_of(path: Path) -> str:
    """Format that a path stands for.

    Raises
    ------
    UsageError
        If its suffix is that of no format.
    """
    suffix = "" if path.is_dir() else path.suffix.lower()
    if suffix not in _BY_SUFFIX:
        known = ", ".join(f"{key or 'a folder'} ({to})" for key, to in _BY_SUFFIX.items())
        msg = f"{path.name} stands for no format; known are {known}; or say it with --to"
        raise UsageError(msg)
    return _BY_SUFFIX[suffix]


def write_read_back(
    contrasts: Sequence[Contrast],
    path: Path,
    to: str,
    *,
    name: str = "",
    tal2mni: str = defaults.TAL2MNI,
) -> tuple[list[Loss], list[str]]:
    """Write contrasts and read them again: what is not as it was is told.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Without errors.
    path : Path
        New file or folder, not in its place yet.
    to : str
        Key of ``FORMATS``.
    name : str
        Of the dataset.
    tal2mni : str
        How foci are converted where the format has only one space.

    Returns
    -------
    losses : list of Loss
    notes : list of str
        What was done, in words.

    Raises
    ------
    DataError
        If there is nothing that the format could hold.
    OutputError
        If it cannot be written.
    """
    form = FORMATS[to]
    writer = import_module(form.writer)
    given = grouped(contrasts) if form.nested else list(contrasts)
    ready, notes = _prepared(given, to, tal2mni)
    if not ready:
        msg = f"there is nothing that {form.title} could hold: no contrast has foci"
        raise DataError(msg)
    try:
        with as_output_error(f"cannot write {path}"):
            writer.write(_Holder(ready) if to == "native" else ready, path, name=name)
    except TypeError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
    found, problems = _read_back(ready, path, to)
    wrong = [problem for problem in problems if problem.level == "error"]
    if wrong or len(found) != len(ready):
        msg = f"what was written as {form.title} cannot be read; please report this"
        raise OutputError(f"{msg}: {wrong[0] if wrong else len(found)}")
    kept = {contrast.id for contrast in ready}
    losses = compare([one for one in given if one.id in kept], found)
    empty = [contrast.id for contrast in given if contrast.id not in kept]
    if empty:
        example = listed(empty, 3)
        losses.insert(0, Loss("contrasts", f"{LEFT_OUT}, without foci,", len(empty), (), example))
    return losses, notes


def read(path: Path, to: str) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of what was written, and what is wrong with it."""
    contrasts, problems = import_module(FORMATS[to].reader).read(path)
    return contrasts, problems


def _read_back(
    ready: Sequence[Contrast], path: Path, to: str
) -> tuple[list[Contrast], list[Problem]]:
    if to == "csv":
        from nimare_pipeline.io import _csv_write

        return _csv_write.read_in_parts(ready, path)
    return read(path, to)


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """New folder beside a path, for what is not ready; nothing of it stays.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    folder = target.parent / f".{target.name[:40]}-{uuid.uuid4().hex[:8]}.part"
    try:  # a signal may strike as soon as the folder is there
        with as_output_error(f"cannot create the folder {target.parent}"):
            folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(made: Path, target: Path) -> None:
    """Move what was made to its place, at once; what is replaced is there until then.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    with as_output_error(f"cannot write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir() and target.is_dir() and any(target.iterdir()):
            old = made.with_name(f"{made.name}.old")
            target.replace(old)
            made.replace(target)
        else:
            made.replace(target)


def refuse_taken(target: Path, to: str, *, overwrite: bool) -> None:
    """Refuse a place that is taken.

    Raises
    ------
    OutputError
        If something is there and ``overwrite`` is not given, or what is there is a folder that
        was not written here.
    """
    if not os.path.lexists(target):
        return
    if target.is_dir():
        if to == "native" and not any(target.iterdir()):
            return
        if to != "native":
            msg = f"{target} is a folder; give the name of a file"
            raise OutputError(msg)
        refuse_foreign(target)
    elif to == "native":
        msg = f"{target} is a file; give the name of a folder"
        raise OutputError(msg)
    if not overwrite:
        msg = f"{target} is there already; --overwrite replaces it"
        raise OutputError(msg)


def _prepared(
    given: Sequence[Contrast], to: str, tal2mni: str
) -> tuple[list[Contrast], list[str]]:
    if to == "sleuth":
        from nimare_pipeline.io import _sleuth_write

        return _sleuth_write.prepared(given, tal2mni)
    if to == "nimare":
        return _one_space(given, tal2mni)
    return list(given), []


def _one_space(given: Sequence[Contrast], tal2mni: str) -> tuple[list[Contrast], list[str]]:
    from nimare_pipeline.io._sleuth_write import in_mni
    from nimare_pipeline.spaces import recognise

    mixed = [len(set(map(recognise, one.spaces))) > 1 for one in given]
    if not any(mixed):
        return list(given), []
    found = [
        in_mni(one, tal2mni) if is_mixed else one
        for one, is_mixed in zip(given, mixed, strict=True)
    ]
    many = counted(sum(mixed), "contrast")
    note = f"the format has one space a contrast: the foci of {many} are converted to MNI"
    return found, [f"{note} (tal2mni {tal2mni})"]
