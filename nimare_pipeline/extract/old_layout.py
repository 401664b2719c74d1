"""``database.txt`` and ``features.txt``, as Neurosynth was before 2021, made of what it is now."""

import csv
import gzip
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nimare_pipeline.errors import DataError
from nimare_pipeline.writing import as_output_error

DATABASE, FEATURES = "database.txt", "features.txt"
_OF_STUDY = ("doi", "space", "title", "authors", "year", "journal")
_OF_FOCUS = ("x", "y", "z")

_LOGGER = logging.getLogger("nimare_pipeline")


def write(database: Mapping[str, Any], folder: Path, *, overwrite: bool = False) -> None:
    """Write both files, row by row.

    Parameters
    ----------
    database : dict
        Files of one version, with its terms as the only labels.
    folder : Path
    overwrite : bool
        Write files again that are there.

    Raises
    ------
    DataError
        If the files do not belong together.
    OutputError
        If the place cannot be written.
    """
    for name, fill in ((DATABASE, _foci), (FEATURES, _features)):
        target = folder / name
        if target.exists() and not overwrite:
            _LOGGER.info("%s is there already and stays; overwrite writes it again", target)
            continue
        with _aside(target) as stream:
            rows = csv.writer(stream, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
            rows.writerows(fill(database))


def _foci(database: Mapping[str, Any]) -> Iterator[list[str]]:
    studies = {row["id"]: row for row in _rows(database["metadata"])}
    yield ["id", *_OF_FOCUS, *_OF_STUDY]
    for row in _rows(database["coordinates"]):
        study = studies.get(row["id"])
        if study is None:
            msg = f"{database['coordinates']}: study {row['id']} is not in the other table"
            raise DataError(msg)
        places = [row[name] for name in _OF_FOCUS]
        yield [row["id"], *places, *(study.get(name) or "" for name in _OF_STUDY)]


def _features(database: Mapping[str, Any]) -> Iterator[list[str]]:
    from scipy import sparse

    (labels,) = database["features"]
    terms = Path(labels["vocabulary"]).read_text(encoding="utf-8").splitlines()
    ids = [row["id"] for row in _rows(database["metadata"])]
    values = sparse.load_npz(labels["features"]).tocsr()
    if values.shape != (len(ids), len(terms)):
        msg = (
            f"{labels['features']} is {values.shape[0]} by {values.shape[1]}; there are "
            f"{len(ids)} studies and {len(terms)} terms"
        )
        raise DataError(msg)
    yield ["pmid", *terms]
    for name, start, end in zip(ids, values.indptr[:-1], values.indptr[1:], strict=True):
        cells = ["0"] * len(terms)
        for column, value in zip(
            values.indices[start:end], values.data[start:end].tolist(), strict=True
        ):
            cells[column] = f"{value:.17g}"
        yield [name, *cells]


def _rows(path: str) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream, dialect="excel-tab", quoting=csv.QUOTE_NONE)


@contextmanager
def _aside(target: Path) -> Iterator[IO[str]]:
    """Write a text aside and put it in place when it is complete."""
    aside = target.with_name(f".{target.name}.part")
    with as_output_error(f"cannot write {target}"):
        stream = aside.open("w", encoding="utf-8", newline="")
    try:
        with stream:
            yield stream
        with as_output_error(f"cannot write {target}"):
            aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
