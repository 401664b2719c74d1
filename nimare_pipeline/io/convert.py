"""Readers under the names the field knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import native, nimads, sleuth


def convert_sleuth_to_dataset(
    path: str | Path, target: str = defaults.TARGET_SPACE, *, tal2mni: str = defaults.TAL2MNI
) -> Dataset:
    """Dataset of a Sleuth file.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or with every problem found in it.
    """
    contrasts, problems = sleuth.read(Path(path))
    return Dataset.from_contrasts(contrasts, problems=problems, target=target, tal2mni=tal2mni)


def convert_nimads_to_dataset(
    studyset: str | Path | Mapping[str, Any],
    annotation: Any = None,
    target: str = defaults.TARGET_SPACE,
    *,
    tal2mni: str = defaults.TAL2MNI,
) -> Dataset:
    """Dataset of a NIMADS studyset, with the labels of an annotation.

    Parameters
    ----------
    studyset, annotation : path or dict
        Files, or what they hold; both files or both dicts.

    Raises
    ------
    NoInputError, DataError
        If a file is missing, or with every problem found.
    """
    if isinstance(studyset, Mapping):
        notes = [] if annotation is None else [annotation]
        contrasts, problems = nimads.parse(studyset, *notes)
    else:
        paths = [Path(item) for item in (studyset, annotation) if item is not None]
        contrasts, problems = nimads.read(*paths)
    return Dataset.from_contrasts(contrasts, problems=problems, target=target, tal2mni=tal2mni)


def convert_native_to_dataset(
    path: str | Path, target: str = defaults.TARGET_SPACE, *, tal2mni: str = defaults.TAL2MNI
) -> Dataset:
    """Dataset of a folder of tables, or of the main one of them.

    Raises
    ------
    NoInputError, DataError
        If there is no such path, or with every problem found in the tables.
    """
    contrasts, problems = native.read(Path(path))
    return Dataset.from_contrasts(contrasts, problems=problems, target=target, tal2mni=tal2mni)


def write_native(dataset: Dataset, folder: str | Path, *, name: str = "") -> Path:
    """Write a Dataset as a folder of tables, see :func:`nimare_pipeline.io.native.write`.

    Raises
    ------
    OutputError
        If the folder holds something else, or cannot be written.
    """
    return native.write(dataset, folder, name=name)
