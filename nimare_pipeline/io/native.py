"""Studies as a folder of tables: one row a contrast, one row a focus, one column a label.

::

    contrasts.tsv      study_id  contrast_id  sample_size  space  condition ...
    coordinates.tsv    study_id  contrast_id  x  y  z
    studies.tsv        study_id  title  year  doi ...
    desc-<name>_annotations.tsv, texts.tsv    study_id  contrast_id  <label> ...

``coordinates.tsv`` is enough; ``contrasts.tsv``, if there is one, lists all contrasts. Foci and
images may also stand in files named after their contrast, see
:mod:`nimare_pipeline.io._native_layout`. Columns of ``contrasts.tsv`` that mean nothing here are
annotations. ``n/a`` and empty cells are missing.
"""

from collections.abc import Sequence
from pathlib import Path

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import NoInputError, Problem
from nimare_pipeline.io import _native_layout as layouts
from nimare_pipeline.io._native_reader import Reader
from nimare_pipeline.io._native_write import write

__all__ = ["NAME", "group", "own_name", "read", "sniff", "write"]

NAME = "table layout (contrasts.tsv, coordinates.tsv)"
SAYS = ("focus-twice", "spelling")
"""Kinds of suspicions that are said here, with the line they stand in."""


def sniff(path: Path) -> bool:
    """Whether a file is named as a part of the layout."""
    return layouts.is_part(path)


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Files of each dataset, the main table first; one table stands for its whole folder."""
    return layouts.group(paths)


def own_name(path: Path) -> str | None:
    """Name of the folder: datasets have the same file names."""
    if path.name.split(".")[0] in layouts.MAIN:
        return ""
    return layouts.root_of(path).resolve().name if layouts.is_named(path) else None


def images_from(path: Path) -> Path:
    """Folder that paths of images count from: that of the dataset, not of one of its studies."""
    return layouts.root_of(path)


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a dataset, in the order of its main table, and what is wrong in it.

    Parameters
    ----------
    path : Path
        Folder, or main table.
    *companions : Path
        The other files; without them, those of the folder that belong to the layout.

    Raises
    ------
    NoInputError
        If there is no such path, or no table in the folder.
    """
    if not path.exists():
        msg = f"no such file or folder: {path}"
        raise NoInputError(msg)
    files: Sequence[Path] = (path, *companions)
    if not companions:
        batches = layouts.group(layouts.collect(path) if path.is_dir() else [path])
        if not batches:
            msg = f"no table in {path}; expected contrasts.tsv or coordinates.tsv"
            raise NoInputError(msg)
        files = batches[0]
    reader = Reader(layouts.layout_of(files))
    return reader.read(), reader.problems
