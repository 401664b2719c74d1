"""Writers under the names the field knows."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.contrast import Contrast, check
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.io import _nimads_write, _nimare_write, nimads, sleuth, writers
from nimare_pipeline.io._losses import Loss
from nimare_pipeline.io._outgoing import grouped
from nimare_pipeline.io.convert import convert_neurosynth_to_dataset

_LOGGER = logging.getLogger("nimare_pipeline")


def write(
    dataset: Dataset,
    path: str | Path,
    to: str | None = None,
    *,
    name: str = "",
    strict: bool = False,
    overwrite: bool = False,
) -> list[Loss]:
    """Write a Dataset in any format.

    The foci of a Dataset are in MNI space; to keep those of a file as they stand there, see
    :func:`nimare_pipeline.io.conversion.convert`.

    Parameters
    ----------
    dataset : Dataset
    path : path
        New file or folder.
    to : str, optional
        ``native``, ``nimads``, ``nimare``, ``sleuth`` or ``csv``; None goes by the suffix.
    name : str
        Of the dataset; that of the file by default.
    strict : bool
        Write nothing if the format cannot hold all.
    overwrite : bool
        Replace what is there.

    Returns
    -------
    list of Loss
        What the format did not keep; each is logged, too.

    Raises
    ------
    DataError
        With ``strict``, with everything that would be lost.
    OutputError
        If the place is taken, or cannot be written.
    UsageError
        If there is no such format, or the suffix stands for none.
    """
    return _write(dataset.contrasts(), Path(path), to, name, strict=strict, overwrite=overwrite)


def convert_dataset_to_nimads_dict(
    dataset: Dataset,
    *,
    studyset_id: str = "nimads_from_dataset",
    studyset_name: str = "",
    out_file: str | Path | None = None,
) -> dict[str, Any]:
    """NIMADS studyset of a Dataset, as a dict, with its labels as an annotation.

    Parameters
    ----------
    dataset : Dataset
    studyset_id, studyset_name : str
    out_file : path, optional
        Write it there, too; what is there is replaced.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    contrasts = grouped(dataset.contrasts())
    if out_file is not None:
        _write(contrasts, Path(out_file), "nimads", studyset_name, overwrite=True)
    return _nimads_write.studyset(contrasts, studyset_name, studyset_id)


def convert_sleuth_to_nimads_dict(
    text_file: str | Path,
    *,
    studyset_id: str = "nimads_from_sleuth",
    studyset_name: str = "",
) -> dict[str, Any]:
    """NIMADS studyset of a Sleuth file, as a dict; foci stay in the space they are in.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or with every problem found in it.
    """
    return _nimads_write.studyset(grouped(_sleuth(text_file)), studyset_name, studyset_id)


def convert_sleuth_to_dict(text_file: str | Path) -> dict[str, Any]:
    """Sleuth file as a dict that NiMARE's Dataset and ours are made from.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or with every problem found in it.
    """
    return _nimare_write.studies(grouped(_sleuth(text_file)))


def convert_sleuth_to_json(text_file: str | Path, out_file: str | Path) -> Path:
    """Write a Sleuth file as NiMARE Dataset JSON; what is there is replaced.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or with every problem found in it.
    OutputError
        If it cannot be written.
    """
    _write(_sleuth(text_file), Path(out_file), "nimare", overwrite=True)
    return Path(out_file)


def convert_nimads_to_sleuth(
    studyset: str | Path | Mapping[str, Any], out_file: str | Path, annotation: Any = None
) -> list[Loss]:
    """Write a NIMADS studyset as Sleuth text; what is there is replaced.

    Parameters
    ----------
    studyset, annotation : path or dict
        Files, or what they hold; both files or both dicts.
    out_file : path

    Returns
    -------
    list of Loss
        What Sleuth text did not keep; each is logged, too.

    Raises
    ------
    NoInputError, DataError
        If a file is missing, or with every problem found.
    OutputError
        If it cannot be written.
    """
    if isinstance(studyset, Mapping):
        notes = [] if annotation is None else [annotation]
        contrasts, problems = nimads.parse(studyset, *notes)
    else:
        paths = [Path(item) for item in (studyset, annotation) if item is not None]
        contrasts, problems = nimads.read(*paths)
    return _write(_checked(contrasts, problems), Path(out_file), "sleuth", overwrite=True)


def convert_neurosynth_to_json(
    coordinates_file: str | Path,
    metadata_file: str | Path,
    out_file: str | Path,
    annotations_files: Any = None,
    feature_groups: str | Sequence[str] | None = None,
    **options: Any,
) -> Path:
    """Write a Neurosynth or NeuroQuery database as NiMARE Dataset JSON, in MNI space.

    Parameters
    ----------
    coordinates_file, metadata_file, annotations_files, feature_groups, **options
        As in :func:`nimare_pipeline.io.convert_neurosynth_to_dataset`.
    out_file : path
        What is there is replaced.

    Raises
    ------
    NoInputError, DataError, UsageError
        As there.
    OutputError
        If it cannot be written.
    """
    dataset = convert_neurosynth_to_dataset(
        coordinates_file, metadata_file, annotations_files, feature_groups, **options
    )
    _write(dataset.contrasts(), Path(out_file), "nimare", overwrite=True)
    return Path(out_file)


def _sleuth(path: str | Path) -> list[Contrast]:
    return _checked(*sleuth.read(Path(path)))


def _checked(contrasts: list[Contrast], problems: list[Problem]) -> list[Contrast]:
    found = [*problems, *check(contrasts)]
    if any(problem.level == "error" for problem in found):
        msg = "the dataset cannot be read"
        raise DataError(msg, sorted(found, key=lambda problem: problem.level))
    for problem in found:
        _LOGGER.warning("%s", problem)
    return contrasts


def _write(
    contrasts: Sequence[Contrast],
    path: Path,
    to: str | None,
    name: str = "",
    *,
    strict: bool = False,
    overwrite: bool = False,
) -> list[Loss]:
    to = to or writers.format_of(path)
    if to not in writers.FORMATS:
        msg = f"no format {to!r}; there are: {', '.join(writers.FORMATS)}"
        raise UsageError(msg)
    writers.refuse_taken(path, to, overwrite=overwrite)
    with writers.aside(path) as folder:
        made = folder / path.name
        losses, notes = writers.write_read_back(
            contrasts, made, to, name=name or path.stem, tal2mni=defaults.TAL2MNI
        )
        if losses and strict:
            msg = f"{writers.FORMATS[to].title} cannot hold all of it; nothing is written"
            raise DataError(msg, [Problem("error", str(loss), path.name) for loss in losses])
        writers.put(made, path)
    for loss in (*notes, *losses):
        _LOGGER.warning("%s: %s", path.name, loss)
    return losses
