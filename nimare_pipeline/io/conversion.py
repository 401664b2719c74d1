"""From one format to another: read, written aside, read again, compared, and put in its place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.io import _outgoing, registry, sleuth, writers
from nimare_pipeline.io._losses import LEFT_OUT, Loss
from nimare_pipeline.labels import free_name
from nimare_pipeline.tables import Tables

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Converted:
    """One dataset that was written.

    Parameters
    ----------
    name : str
        Of the dataset.
    files : tuple of str
        Files it was read from.
    format : str
        What they are.
    path : Path
        What was written.
    to : str
        Format of it, a key of ``writers.FORMATS``.
    studies, contrasts, foci : int
    losses : tuple of Loss
        What the format did not keep.
    notes : tuple of str
        What was done to it, in words.
    problems : tuple of Problem
        Warnings of the reader.
    """

    name: str
    files: tuple[str, ...]
    format: str
    path: Path
    to: str
    studies: int
    contrasts: int
    foci: int
    losses: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Given:
    """One dataset on its way out; ``folders`` are where paths of each contrast count from."""

    name: str
    files: tuple[str, ...]
    format: str
    contrasts: tuple[Contrast, ...]
    folders: tuple[Path, ...]
    losses: tuple[Loss, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def convert(  # noqa: PLR0913 - what a conversion may do
    source: str | Path,
    target: str | Path,
    to: str | None = None,
    *,
    merge: bool = False,
    strict: bool = False,
    overwrite: bool = False,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
    foci_from_images: Mapping[str, Any] | None = None,
) -> list[Converted]:
    """Write a dataset in another format.

    Coordinates leave in the space they came in, to the last digit. What was written is read again
    before it is put in its place, and what is not as it was is told.

    Parameters
    ----------
    source : path
        Folder or file in any format that can be read.
    target : path
        New file or folder; a folder where several datasets are to be written.
    to : str, optional
        ``native``, ``nimads``, ``nimare``, ``sleuth`` or ``csv``; None goes by the suffix of
        ``target``.
    merge : bool
        Write several datasets, such as Sleuth files, as one.
    strict : bool
        Write nothing if the format cannot hold all.
    overwrite : bool
        Replace what is there.
    tal2mni : str
        How foci are converted where the format has only one space.
    unknown_space : str
        What is done with foci in no known space, see :func:`nimare_pipeline.io.read`.
    foci_from_images : dict, optional
        Foci are peaks of images, see :func:`nimare_pipeline.foci_policy.completed`.

    Returns
    -------
    list of Converted

    Raises
    ------
    NoInputError, DataError
        If there is nothing to read, or with every error in it; or, with ``strict``, with
        everything that would be lost.
    OutputError
        If the place is taken, or cannot be written.
    UsageError
        If source and target are one, or the suffix stands for no format.
    """
    source, target = Path(source), Path(target)
    to = to or writers.format_of(target)
    if to not in writers.FORMATS:
        msg = f"no format {to!r}; there are: {', '.join(writers.FORMATS)}"
        raise UsageError(msg)
    if target.exists() and source.exists() and target.samefile(source):
        msg = f"{target} is what is to be read; give another place"
        raise UsageError(msg)
    found = _read(source, to, unknown_space)
    if merge and len(found) > 1:
        found = [_merged(found)]
    if foci_from_images is not None:
        found = [_with_peaks(one, foci_from_images) for one in found]
    places = _places(found, target, to)
    for place in places:
        writers.refuse_taken(place, to, overwrite=overwrite)
    with writers.aside(target) as folder:
        made = [
            _written(one, folder / place.name, place, to, tal2mni)
            for one, place in zip(found, places, strict=True)
        ]
        if strict:
            _refuse_losses(made)
        for one in made:
            writers.put(folder / one.path.name, one.path)
    return made


def _read(source: Path, to: str, unknown_space: str) -> list[_Given]:
    """Datasets of a path, as they stand there."""
    found, general = registry.examine(source, tal2mni="none", unknown_space=unknown_space)
    problems = [*general, *(problem for one in found for problem in _said(one))]
    if any(problem.level == "error" for problem in problems):
        msg = f"{source} cannot be read"
        raise DataError(msg, sorted(problems, key=lambda problem: problem.level))
    base = source if source.is_dir() else source.parent
    return [_given(one, base, general, to) for one in found]


def _given(found: registry.Found, base: Path, general: Sequence[Problem], to: str) -> _Given:
    losses: tuple[Loss, ...] = ()
    contrasts: Sequence[Contrast] = found.contrasts
    if found.tables is not None:
        tables, losses = _without_large(found.tables, to)
        contrasts = _outgoing.from_tables(tables)
    return _Given(
        found.name,
        found.files,
        found.format,
        tuple(replace(_outgoing.told_once(one), file="", line=0) for one in contrasts),
        (base / found.folder,) * len(contrasts),
        losses,
        (*_said(found), *general),
    )


def _with_peaks(given: _Given, options: Mapping[str, Any]) -> _Given:
    from nimare_pipeline.io._peaks import with_peaks

    contrasts, note, problems = with_peaks(given.contrasts, given.folders, options)
    return replace(
        given,
        contrasts=tuple(contrasts),
        notes=(*given.notes, note),
        problems=(*given.problems, *problems),
    )


def _said(found: registry.Found) -> list[Problem]:
    """Errors and warnings: what is usual is no matter of a conversion."""
    return [problem for problem in found.problems if problem.level != "note"]


def _without_large(tables: Tables, to: str) -> tuple[Tables, tuple[Loss, ...]]:
    """Tables without what would be a column for each of thousands of labels; and what is lost."""
    large = [one for one in tables.matrices if _outgoing.is_large(one)]
    if not large:
        return tables, ()
    n_labels, n = sum(len(one.labels) for one in large), len(tables.metadata)
    if writers.FORMATS[to].nested:
        how = f"0 becomes missing, for {n_labels:,} labels are too many to write each,"
        return tables, (Loss("labels", how, n),)
    how = f"{LEFT_OUT}, for {n_labels:,} are too many for a table (nimads and nimare hold them),"
    small = tuple(one for one in tables.matrices if not _outgoing.is_large(one))
    return replace(tables, matrices=small), (Loss("labels", how, n),)


def _merged(found: Sequence[_Given]) -> _Given:
    owners: dict[str, str] = {}
    problems = []
    found, odd = _kept_apart(found)
    for one in found:
        for contrast in one.contrasts:
            first = owners.setdefault(contrast.id, one.files[0])
            if first != one.files[0]:
                message = f"contrast {contrast.id} is in {first}, too"
                problems.append(Problem("error", message, one.files[0]))
    if problems:
        msg = "datasets with the same contrasts cannot be merged"
        raise DataError(msg, problems)
    return _Given(
        "all",
        tuple(file for one in found for file in one.files),
        listed(list(dict.fromkeys(one.format for one in found))),
        tuple(contrast for one in found for contrast in one.contrasts),
        tuple(folder for one in found for folder in one.folders),
        tuple(loss for one in found for loss in one.losses),
        tuple(dict.fromkeys([*(problem for one in found for problem in one.problems), *odd])),
    )


def _kept_apart(found: Sequence[_Given]) -> tuple[list[_Given], list[Problem]]:
    """Keep contrasts of one header in several Sleuth files apart, as those of one file are.

    Increases and decreases often have one header.
    """
    taken: set[str] = set()
    made, problems = [], []
    for one in found:
        contrasts = []
        for contrast in one.contrasts:
            name = contrast.contrast_id
            if one.format == sleuth.NAME:
                name = _free_contrast(contrast, taken)
            contrasts.append(replace(contrast, contrast_id=name))
            if name != contrast.contrast_id:
                message = f"contrast {contrast.id} is in an earlier file too; it is kept as {name}"
                problems.append(Problem("warning", message, one.files[0]))
        taken |= {contrast.id for contrast in contrasts}
        made.append(replace(one, contrasts=tuple(contrasts)))
    return made, problems


def _free_contrast(contrast: Contrast, taken: set[str]) -> str:
    return free_name(contrast.contrast_id, lambda own: f"{contrast.study_id}-{own}" in taken)


def _places(found: Sequence[_Given], target: Path, to: str) -> list[Path]:
    """Where each dataset goes."""
    suffix = writers.FORMATS[to].suffix
    if len(found) == 1 and not (suffix and target.is_dir()):
        if suffix and not target.suffix:
            msg = f"{target.name} is no name of a file of this kind: give {target.name}{suffix}"
            raise UsageError(msg)
        return [target]
    if target.suffix and not target.is_dir():
        many = counted(len(found), "dataset")
        names = listed([one.name for one in found], 5)
        msg = f"{many} ({names}) cannot be one file {target.name}; give a folder, or --merge"
        raise UsageError(msg)
    taken: set[str] = set()
    return [target / f"{_file_name(one.name, taken)}{suffix}" for one in found]


def _file_name(name: str, taken: set[str]) -> str:
    """Name of a file, whatever the dataset is called: it stays in its folder."""
    stem = re.sub(r"[^\w.+-]+", "_", name)[:_LONGEST_NAME].strip("_.-") or "dataset"
    found = free_name(stem, lambda one: one.casefold() in taken)
    taken.add(found.casefold())
    return found


def _written(given: _Given, made: Path, place: Path, to: str, tal2mni: str) -> Converted:
    folder = place if to == "native" else place.parent
    contrasts, lacking = _outgoing.moved(given.contrasts, given.folders, folder)
    losses, notes = writers.write_read_back(contrasts, made, to, name=given.name, tal2mni=tal2mni)
    if lacking and writers.FORMATS[to].images:
        as_is = "is written as it is" if lacking == 1 else "are written as they are"
        notes.append(f"{counted(lacking, 'path')} of images {as_is}: no file is there")
    return Converted(
        name=given.name,
        files=given.files,
        format=given.format,
        path=place,
        to=to,
        studies=len({contrast.study_id for contrast in contrasts}),
        contrasts=len(contrasts),
        foci=sum(len(contrast.xyz) for contrast in contrasts),
        losses=(*given.losses, *losses),
        notes=(*given.notes, *notes),
        problems=given.problems,
    )


def _refuse_losses(made: Sequence[Converted]) -> None:
    problems = [Problem("error", str(loss), one.files[0]) for one in made for loss in one.losses]
    if problems:
        form = writers.FORMATS[made[0].to].title
        msg = f"{form} cannot hold all of it, and --strict was given; nothing is written"
        raise DataError(msg, problems)
