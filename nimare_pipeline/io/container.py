"""Files written by ``Dataset.save``: also input, and the snapshot of a database."""

from pathlib import Path

from nimare_pipeline import dataset_io, defaults
from nimare_pipeline.contrast import Contrast, check
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import Tables, to_contrasts

NAME = "saved Dataset"
_MOST_CHECKED = 50_000
"""Foci up to which a saved Dataset is checked again, contrast by contrast."""


def sniff(path: Path) -> bool:
    """Whether a file begins like a saved Dataset."""
    return dataset_io.is_container(path)


def read(path: Path, *_companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a saved Dataset; its mask is not taken over.

    Raises
    ------
    NoInputError, DataError
        As :meth:`nimare_pipeline.dataset.Dataset.load`.
    """
    tables, _, _ = dataset_io.load(path)
    return to_contrasts(tables), []


def read_tables(
    path: Path, *_companions: Path, tal2mni: str = defaults.TAL2MNI
) -> tuple[Tables, list[Problem]]:
    """Tables of a saved Dataset as they are, and what is odd in one of a usual size.

    Raises
    ------
    NoInputError, DataError
        As :meth:`nimare_pipeline.dataset.Dataset.load`.
    """
    tables, _, _ = dataset_io.load(path)
    large = tables.matrices or len(tables.coordinates) > _MOST_CHECKED
    return tables, [] if large else check(to_contrasts(tables), tal2mni)
