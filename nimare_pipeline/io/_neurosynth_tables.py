"""Tables and label matrices of a database as they stand in its files, and what is wrong there."""

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.contrast import ABSURD_MM, counted, listed
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.label_matrix import LabelMatrix
from nimare_pipeline.unpacking import DAMAGE, gunzip, read_npz, read_up_to

AXES = ("x", "y", "z")
_GAPS = ("", "nan", "NaN", "NA", "n/a")
SHOWN = 20
"""Problems of one kind that are named; the rest is counted."""
MOST_BYTES, MOST_CELLS, MOST_COLUMNS = 2**29, 10**8, 10**5
"""Of a table, unpacked: dense features of all of Neurosynth are half of it."""
_GZIP = b"\x1f\x8b"


@dataclass
class Problems:
    """What was found wrong or odd."""

    found: list[Problem] = field(default_factory=list)

    def error(self, file: Path, message: str, suggestion: str = "", *, line: int = 0) -> None:
        """Note an error."""
        where = f"line {line}" if line else ""
        self.found.append(Problem("error", message, file.name, where, suggestion))

    def warning(self, file: Path, message: str, suggestion: str = "") -> None:
        """Note a warning."""
        self.found.append(Problem("warning", message, file.name, "", suggestion))

    def errors(
        self,
        file: Path,
        messages: Sequence[tuple[int, str]],
        suggestion: str = "",
        *,
        more: int = 0,
    ) -> None:
        """Note errors at their lines: the first ones, and how many there are besides."""
        for line, message in messages[:SHOWN]:
            self.error(file, message, suggestion, line=line)
        more += max(len(messages) - SHOWN, 0)
        if more:
            self.error(file, f"and {counted(more, 'problem')} more of this kind")

    def refuse(self) -> None:
        """Raise what was found, if something of it is an error."""
        if any(problem.level == "error" for problem in self.found):
            msg = "the database cannot be read"
            raise DataError(msg, sorted(self.found, key=lambda problem: problem.level))


@dataclass(frozen=True)
class Foci:
    """Foci of a database, in the order of its file.

    Parameters
    ----------
    study : (n_foci,) int array
        Index into ``study_ids``; -1 where the file names no study.
    study_ids : tuple of str
    xyz : (n_foci, 3) array
        mm, as published.
    rows : (n_foci,) int array
        Rows of the file, from 0.
    """

    study: NDArray[np.int64]
    study_ids: tuple[str, ...]
    xyz: NDArray[np.float64]
    rows: NDArray[np.int64]


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """Table of a tab-separated file, packed or not; every cell a text, empty where nothing stands.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If it is no such table.
    """
    with _readable(path):
        plain: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_filter": False}
        body = _table_body(path, len(options.get("usecols", columns_of(path))))
        table = pd.read_csv(BytesIO(body), sep="\t", encoding="utf-8", **plain | options)
        if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first for its own
            raise ValueError("rows have more cells than the header")
        return table


def read_body(path: Path) -> bytes:
    """Content of a table, unpacked.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If it is damaged, or larger than a table may be.
    """
    with _readable(path):
        return _table_body(path, len(columns_of(path)))


def _table_body(path: Path, n_columns: int) -> bytes:
    body = _body(path)
    n_lines = body.count(b"\n") + body.count(b"\r") + 1
    if n_lines * n_columns > MOST_CELLS:
        raise ValueError(f"{n_lines:,} rows of {n_columns:,} columns are too many")
    return body


def columns_of(path: Path) -> list[str]:
    """Names in the first line of a table."""
    with _readable(path):
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP
            stream.seek(0)
            line = (gzip.GzipFile(fileobj=stream) if packed else stream).readline(MOST_BYTES)
        if line.count(b"\t") >= MOST_COLUMNS:
            raise ValueError(f"more than {MOST_COLUMNS:,} columns")
        return line.decode("utf-8-sig").rstrip("\r\n").split("\t")


def lines_of(table: pd.DataFrame) -> NDArray[np.int64]:
    """Line of its file that each row begins at: cells in quotes may be of several lines."""
    breaks = sum(
        (table[name].str.count("\n").to_numpy(np.int64) for name in table.columns),
        start=np.zeros(len(table), dtype=np.int64),
    )
    return np.arange(len(table)) + 2 + np.cumsum(breaks) - breaks


def read_foci(path: Path, problems: Problems) -> Foci:
    """Foci of a table with the columns id, x, y, z; other columns are left aside."""
    lacking = [name for name in ("id", *AXES) if name not in columns_of(path)]
    if lacking:
        problems.error(path, f"no column {listed(lacking)}", "columns: id, x, y, z", line=1)
        problems.refuse()
    wanted = {"usecols": ["id", *AXES]}
    try:
        types = {"id": "category", **dict.fromkeys(AXES, float)}
        gaps = {axis: [*_GAPS] for axis in AXES}
        table = read_table(path, **wanted, dtype=types, na_filter=True, na_values=gaps)
    except DataError as error:
        if isinstance(error.__cause__, ValueError):
            _name_words(path, problems)
        raise
    xyz = table[list(AXES)].to_numpy(dtype=float)
    gap = np.isnan(xyz).any(axis=1)
    bad = (np.abs(np.nan_to_num(xyz)) > ABSURD_MM).any(axis=1)
    if gap.any() or bad.any():
        lines = lines_of(read_table(path))
        shown = np.flatnonzero(bad)[:SHOWN]
        found = [(int(lines[i]), f"focus is {tuple(xyz[i].tolist())}") for i in shown]
        more = int(bad.sum()) - len(shown)
        problems.errors(path, found, "three numbers in mm, none beyond 1000", more=more)
        many = counted(int(gap.sum()), "row")
        places = listed(lines[gap].tolist(), 5)
        if gap.any():
            problems.warning(path, f"{many} without coordinates left out: line {places}")
    rows = np.flatnonzero(~gap)
    names = table["id"].cat
    study = names.codes.to_numpy().astype(np.int64)[rows]
    return Foci(study, tuple(names.categories.astype(str)), xyz[rows], rows)


def _name_words(path: Path, problems: Problems) -> None:
    """Refuse a table of foci for the words that stand where numbers should."""
    table = read_table(path)
    lines = lines_of(table)
    for axis in AXES:
        numbers = pd.to_numeric(table[axis], errors="coerce")
        bad = np.flatnonzero((numbers.isna() & ~table[axis].isin(_GAPS)).to_numpy())
        shown = bad[:SHOWN]
        found = [(int(lines[i]), f"{axis} is {table[axis].iloc[i]!r}") for i in shown]
        problems.errors(path, found, "a number in mm", more=len(bad) - len(shown))
    problems.refuse()


def read_matrix(
    features: Path, vocabulary: Path, prefix: str, n_studies: int, problems: Problems
) -> LabelMatrix | None:
    """Label matrix of a set of features; None, with the problems noted, if it is no such set."""
    before = len(problems.found)
    with _readable(vocabulary):
        terms = _body(vocabulary).decode("utf-8-sig").splitlines()
    while terms and not terms[-1].strip():
        terms.pop()
    first: dict[str, int] = {}
    for line, term in enumerate(terms, 1):
        if term in first:
            problems.error(vocabulary, f"{term!r} stands in line {first[term]} too", line=line)
        first.setdefault(term, line)
    matrix = _load(features, problems)
    if matrix is None:
        return None
    if matrix.shape[0] != n_studies:
        problems.error(
            features,
            f"{counted(matrix.shape[0], 'row')}, but the metadata have "
            f"{counted(n_studies, 'study', 'studies')}",
            "one row a study, in the order of the metadata",
        )
    if matrix.shape[1] != len(terms):
        problems.error(
            features,
            f"{counted(matrix.shape[1], 'column')}, but {vocabulary.name} has "
            f"{counted(len(terms), 'line')}",
            "one line a column: is it the vocabulary of other features?",
        )
    if len(problems.found) > before:
        return None
    # Its size is known to be right only now: a few bytes may claim any number of columns.
    matrix = sparse.csc_array(matrix, dtype=np.float64)
    matrix.sum_duplicates()
    labels = tuple(f"{prefix}__{term}" for term in terms)
    return LabelMatrix(labels, matrix, np.ones(n_studies, dtype=bool))


def _load(path: Path, problems: Problems) -> Any:
    """Sparse matrix of an npz file; pickled objects in it are never read."""
    _require(path)
    try:
        matrix = _matrix(read_npz(path))
    except DAMAGE as error:
        pickled = "allow_pickle" in str(error)
        what = "holds pickled objects, which are not read" if pickled else f"{error}"
        problems.error(
            path,
            f"no sparse matrix: {what}",
            "a file of scipy.sparse.save_npz (a CSR or CSC matrix)",
        )
        return None
    return matrix


def _matrix(arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Sparse matrix of the arrays that scipy saves it as, once all in them agrees."""
    kind = bytes(arrays["format"].item()).decode()
    shape = tuple(int(n) for n in arrays["shape"])
    data = np.asarray(arrays["data"], dtype=np.float64)
    if len(shape) != 2:
        raise ValueError(f"{len(shape)} dimensions")
    if kind == "coo":
        return sparse.coo_array((data, (_places(arrays, "row"), _places(arrays, "col"))), shape)
    if kind not in ("csr", "csc"):
        raise ValueError(f"the format {kind!r}")
    made = sparse.csr_array if kind == "csr" else sparse.csc_array
    matrix = made((data, _places(arrays, "indices"), _places(arrays, "indptr")), shape)
    matrix.check_format(full_check=True)
    return matrix


def _places(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if arrays[name].dtype.kind not in "iu":
        raise ValueError(f"{name} are no whole numbers")
    return arrays[name]


def _body(path: Path) -> bytes:
    """Content of a file, unpacked."""
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
        stream.seek(0)
        body = gunzip(stream, MOST_BYTES) if packed else read_up_to(stream, MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES >> 20} MB")
    return body


def _require(path: Path) -> None:
    if not path.is_file():
        msg = f"no such file: {path}"
        raise NoInputError(msg)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a broken file raises into a DataError that names it."""
    _require(path)
    try:
        yield
    except (OSError, ValueError, EOFError, zlib.error) as error:  # pandas' are ValueErrors
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> DataError:
    message = str(error).removeprefix("Error tokenizing data. C error: ").strip()
    problem = Problem("error", f"no table of tab-separated columns: {message}", path.name)
    return DataError("the database cannot be read", [problem])
