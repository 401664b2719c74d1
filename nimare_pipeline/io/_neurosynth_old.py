"""Studies and features of ``database.txt`` and ``features.txt``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.contrast import listed
from nimare_pipeline.io._neurosynth_tables import SHOWN, Problems, read_body, read_table
from nimare_pipeline.label_matrix import LabelMatrix

_OF_STUDY = ("doi", "title", "authors", "year", "journal")
_ZEROS = frozenset((b"0.0", b"0"))
"""How nearly every cell is written."""
_QUOTE = b'"'
_AT_ONCE = 500_000
"""Cells whose texts are held."""


@dataclass
class _Cells:
    """What stands in ``features.txt``.

    Parameters
    ----------
    names : list of str
        First cell of each row.
    terms : list of str
        Header of the other columns.
    rows, columns, values : list of arrays
        Cells that are not 0; columns are those of ``terms``.
    bad : list of (int, int, str)
        Row, column and text of the first cells that are no numbers.
    n_bad : int
    """

    names: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    rows: list[NDArray[np.int32]] = field(default_factory=list)
    columns: list[NDArray[np.int32]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    bad: list[tuple[int, int, str]] = field(default_factory=list)
    n_bad: int = 0

    def take(self, rows: Sequence[int], columns: Sequence[int], texts: Sequence[str]) -> None:
        """Add cells."""
        values = pd.to_numeric(pd.Series(texts, dtype=str), errors="coerce").to_numpy(float)
        bad = np.flatnonzero(np.isnan(values))
        self.n_bad += len(bad)
        left = SHOWN - len(self.bad)
        self.bad += [(rows[i], columns[i], texts[i]) for i in bad[:left].tolist()]
        kept = values != 0
        self.rows.append(np.array(rows, np.int32)[kept])
        self.columns.append(np.array(columns, np.int32)[kept])
        self.values.append(values[kept])


def studies_of(database: Path, problems: Problems) -> pd.DataFrame:
    """One row a study: id, space, and what the table says of each focus' study."""
    # The same texts stand in every row of a study.
    table = read_table(database, dtype="category")
    kept = ["id", "space", *(name for name in _OF_STUDY if name in table.columns)]
    table = table[kept]
    studies = table.drop_duplicates("id").astype(str).reset_index(names="line")
    studies["line"] += 2
    above = studies["space"].to_numpy(dtype=object)[pd.factorize(table["id"])[0]]
    spaces = table["space"].cat
    known = spaces.categories.get_indexer(pd.Index(above))
    differ = np.flatnonzero(known != spaces.codes.to_numpy())
    problems.errors(
        database,
        [
            (int(i) + 2, f"space is {table['space'].iloc[i]!r}, but above {above[i]!r}")
            for i in differ
        ],
        "one space a study",
    )
    return studies


def read_features(
    path: Path, ids: Sequence[str], prefix: str, problems: Problems
) -> LabelMatrix | None:
    """Features of the studies; studies that the file lacks have none, others are left out."""
    cells = _plain_cells(path) or _any_cells(path)
    names = pd.Series(cells.names, dtype=str)
    twice = np.flatnonzero(names.duplicated().to_numpy())
    problems.errors(path, [(int(i) + 2, f"id {names.iloc[i]!r} stands twice") for i in twice])
    shown = [(row + 2, f"{cells.terms[column]} is {text!r}") for row, column, text in cells.bad]
    problems.errors(path, shown, "a number", more=cells.n_bad - len(shown))
    if len(twice) or cells.n_bad:
        return None
    place = {name: number for number, name in enumerate(ids)}
    row = np.array([place.get(name, -1) for name in cells.names], dtype=np.int32)
    strange = [name for name in cells.names if name not in place]
    if strange:
        problems.warning(path, f"features of studies without foci are left out: {listed(strange)}")
    present = np.zeros(len(ids), dtype=bool)
    present[row[row >= 0]] = True
    rows, columns = np.concatenate(cells.rows), np.concatenate(cells.columns)
    values = np.concatenate(cells.values)
    kept = row[rows] >= 0
    matrix = sparse.csc_array(
        (values[kept], (row[rows[kept]], columns[kept])), shape=(len(ids), len(cells.terms))
    )
    return LabelMatrix(tuple(f"{prefix}__{term}" for term in cells.terms), matrix, present)


def _plain_cells(path: Path) -> _Cells | None:
    """Cells of a file line by line; None if it is not that plain: quotes, or rows of other widths.

    A table of texts of all of Neurosynth, 46 million cells, would take 2 GB.
    """
    body = read_body(path)
    if _QUOTE in body or body.count(b"\r") != body.count(b"\r\n"):
        return None
    lines = BytesIO(body)
    head = lines.readline()
    terms = pd.read_csv(BytesIO(head), sep="\t", nrows=0, encoding="utf-8").columns[1:]
    found = _Cells(terms=list(terms))
    zeros = set(_ZEROS)
    rows: list[int] = []
    columns: list[int] = []
    texts: list[str] = []
    for line in lines:
        name, *cells = line.rstrip(b"\r\n").split(b"\t")
        if not name and not cells and len(terms):
            continue  # as pandas does
        if len(cells) != len(terms):
            return None
        used = [i for i, cell in enumerate(cells) if cell not in zeros]
        zeros.update(cells[i] for i in used if _is_zero(cells[i]))
        used = [i for i in used if cells[i] not in zeros]
        rows += [len(found.names)] * len(used)
        columns += used
        texts += [cells[i].decode() for i in used]
        found.names.append(name.decode())
        if len(texts) >= _AT_ONCE:
            found.take(rows, columns, texts)
            rows, columns, texts = [], [], []
    found.take(rows, columns, texts)
    return found


def _is_zero(cell: bytes) -> bool:
    return b"0" in cell and cell.strip(b"0") in (b"", b".")


def _any_cells(path: Path) -> _Cells:
    """Cells of any table that pandas reads."""
    table = read_table(path)
    found = _Cells(table.iloc[:, 0].tolist(), list(table.columns[1:]))
    found.take((), (), ())
    for row, texts in enumerate(table.iloc[:, 1:].itertuples(index=False, name=None)):
        found.take([row] * len(texts), range(len(texts)), texts)
    return found
