"""Files written by ``Dataset.save``: also input."""

from pathlib import Path

from nimare_pipeline import dataset_io
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import to_contrasts

NAME = "saved Dataset"


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
