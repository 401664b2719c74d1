"""Readers under the names the field knows."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.io import native, neurosynth, nimads, nimads_parquet, sleuth
from nimare_pipeline.spaces import template_mask
from nimare_pipeline.unknown_spaces import settle

_LOGGER = logging.getLogger("nimare_pipeline")


def convert_sleuth_to_dataset(
    path: str | Path,
    target: str = defaults.TARGET_SPACE,
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> Dataset:
    """Dataset of a Sleuth file.

    Parameters
    ----------
    path : path
    target : str
        Space and voxel size.
    tal2mni : str
        How Talairach coordinates are converted.
    unknown_space : str
        Foci without a Reference line, or under one that is neither MNI nor Talairach: ``error``
        (and empty), ``exclude``, ``mni`` or ``talairach``; all but the first are logged.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or with every problem found in it.
    UsageError
        For an unknown policy.
    """
    contrasts, problems = sleuth.read(Path(path))
    contrasts, settled = settle(contrasts, unknown_space)
    for problem in settled:
        _LOGGER.warning("%s", problem)
    return Dataset.from_contrasts(contrasts, problems=problems, target=target, tal2mni=tal2mni)


def convert_neurosynth_to_dataset(
    coordinates_file: str | Path,
    metadata_file: str | Path,
    annotations_files: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    feature_groups: str | Sequence[str] | None = None,
    target: str = defaults.TARGET_SPACE,
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> Dataset:
    """Dataset of a Neurosynth or NeuroQuery database; its labels stay sparse.

    Parameters
    ----------
    coordinates_file, metadata_file : path
        Tables of foci and of studies; or ``database.txt`` and ``features.txt`` of the layout of
        before 2021.
    annotations_files : dict or sequence of dict, optional
        ``{"features": path, "vocabulary": path}`` of each set of labels.
    feature_groups : str or sequence of str, optional
        What the names of each set's labels begin with, in place of what its file name says.
    target : str
        Space and voxel size.
    tal2mni : str
        How Talairach coordinates are converted.
    unknown_space : str
        Studies whose space is neither MNI nor Talairach: ``mni`` (and empty) takes their foci as
        they are, as Neurosynth and NiMARE do; ``talairach`` converts them; ``exclude`` leaves
        these studies out; each is logged with its numbers. ``error`` refuses them.

    Raises
    ------
    NoInputError, DataError
        If a file is missing, or with every problem found.
    UsageError
        If groups and files differ in number, or a set lacks one of its files.
    """
    coordinates, metadata = Path(coordinates_file), Path(metadata_file)
    sets = _annotations(annotations_files, feature_groups)
    options = {"tal2mni": tal2mni, "unknown_space": unknown_space}
    if coordinates.is_file() and neurosynth.is_old(coordinates):
        prefix = {"prefix": str(feature_groups)} if isinstance(feature_groups, str) else {}
        tables, problems = neurosynth.read_old(coordinates, metadata, **options, **prefix)
    else:
        tables, problems = neurosynth.read_triplet(coordinates, metadata, sets, **options)
    for problem in problems:
        _LOGGER.warning("%s", problem)
    return Dataset.from_tables(tables, template_mask(target), target)


def _annotations(
    files: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    groups: str | Sequence[str] | None,
) -> list[neurosynth.Annotation]:
    sets = [] if files is None else [files] if isinstance(files, Mapping) else list(files)
    names = [groups] if isinstance(groups, str) else list(groups or ())
    if names and files is not None and len(names) != len(sets):
        msg = f"{len(names)} feature_groups for {len(sets)} annotations_files; one for each"
        raise UsageError(msg)
    for one in sets:
        if not isinstance(one, Mapping) or not {"features", "vocabulary"} <= set(one):
            msg = f"annotations_files are dicts of 'features' and 'vocabulary', not {one!r}"
            raise UsageError(msg)
    found = [(Path(one["features"]), Path(one["vocabulary"])) for one in sets]
    names = names or [neurosynth.label_prefix(features) for features, _ in found]
    return [
        neurosynth.Annotation(*pair, name.rstrip("_"))
        for pair, name in zip(found, names, strict=bool(found))
    ]


def convert_nimads_to_dataset(
    studyset: str | Path | Mapping[str, Any],
    annotation: Any = None,
    target: str = defaults.TARGET_SPACE,
    *,
    tal2mni: str = defaults.TAL2MNI,
    unknown_space: str = defaults.UNKNOWN_SPACE,
) -> Dataset:
    """Dataset of a NIMADS studyset, with the labels of an annotation.

    Parameters
    ----------
    studyset : path or dict
        JSON file, or what it holds; or a folder of parquet tables.
    annotation : path or dict, optional
        As ``studyset``: both files or both dicts. None beside parquet tables, which hold theirs.
    target : str
        Space and voxel size.
    tal2mni : str
        How Talairach coordinates are converted.
    unknown_space : str
        Points without a space, or in one that is neither MNI nor Talairach: ``error`` (and empty),
        ``exclude``, ``mni`` or ``talairach``; all but the first are logged.

    Raises
    ------
    NoInputError, DataError
        If a file is missing, or with every problem found.
    UsageError
        For an unknown policy.
    """
    if isinstance(studyset, Mapping):
        notes = [] if annotation is None else [annotation]
        contrasts, problems = nimads.parse(studyset, *notes)
    elif Path(studyset).is_dir():
        contrasts, problems = nimads_parquet.read_folder(Path(studyset))
    else:
        paths = [Path(item) for item in (studyset, annotation) if item is not None]
        contrasts, problems = nimads.read(*paths)
    contrasts, settled = settle(contrasts, unknown_space)
    for problem in (*problems, *settled):
        if problem.level == "warning":
            _LOGGER.warning("%s", problem)
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
