"""The data of an analysis, kept beside its results: the folder alone reproduces the run.

Data of a usual size are NiMARE Dataset JSON, which people and other programs can read. A database
would be 100 MB of JSON for every analysis, and gigabytes of memory to write it: it is kept as
``Dataset.save`` writes it, a tenth of that, and is input like any other file.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

from nimare_pipeline import dataset_io
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.derivative_names import Place
from nimare_pipeline.io import nimare_json
from nimare_pipeline.io._native_cells import number_text
from nimare_pipeline.null_foci import NullFoci
from nimare_pipeline.writing import as_output_error, write_file

MOST_FOCI = 50_000
"""Foci up to which the snapshot is JSON (10 MB)."""
_EXTENSIONS = (".json", ".npz")


def name_of(cohort: str, dataset: Dataset) -> str:
    """Path of the snapshot of some data, relative to the output folder."""
    large = dataset.tables.matrices or len(dataset.coordinates) > MOST_FOCI
    return _name(cohort, ".npz" if large else ".json")


def found(folder: str | Path, cohort: str) -> str:
    """Path of the snapshot that lies in a folder; where none does, of the one in JSON."""
    names = [_name(cohort, extension) for extension in _EXTENSIONS]
    return next((name for name in names if (Path(folder) / name).is_file()), names[0])


def write(dataset: Dataset, folder: str | Path, cohort: str) -> Path:
    """Write a snapshot; the same data are the same bytes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(folder) / name_of(cohort, dataset)
    with as_output_error(f"cannot create the folder {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return dataset.save(path) if path.suffix == ".npz" else nimare_json.write(dataset, path)


def write_null_foci(pool: NullFoci, folder: str | Path, cohort: str) -> Path:
    """Write a pool of foci as a table, which can be given to ``--null-foci`` again.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(folder) / Place(cohort, "", "", "").null_foci()
    write_file(path, gzip.compress("".join(_lines(pool)).encode(), 6, mtime=0))
    return path


def why_not(folder: str | Path, cohort: str, dataset: Dataset) -> str:
    """Say what is different from the snapshot in a folder; empty if it is of these data."""
    path = Path(folder) / name_of(cohort, dataset)
    if not path.is_file():
        return f"{path.name} is missing"
    if path.suffix == ".npz":
        same = dataset_io.is_of(path, dataset.tables, dataset.mask, dataset.space)
    else:
        same = path.read_bytes() == nimare_json.to_bytes(dataset)
    return "" if same else "the data are others"


def _lines(pool: NullFoci) -> Iterator[str]:
    yield "study\tspace\tx\ty\tz\n"
    for point in pool.xyz.tolist():
        yield "\t".join(["pool", "MNI", *map(number_text, point)]) + "\n"


def _name(cohort: str, extension: str) -> str:
    return Place(cohort, "", "", "").snapshot(extension)
