"""A table as it stands in a file: rows of text cells, each with its line; one grid a sheet."""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _text
from nimare_pipeline.unpacking import read_up_to

MAX_BYTES = 64 * 2**20
"""Of a text, unpacked. All foci of a database of 15,000 papers are 30 MB."""
MAX_CELLS = 6_000_000
MAX_LINES = 2_000_000
DELIMITERS = ("\t", ";", ",", "|")
_HEAD_BYTES = 65536
_MAX_RECORD_LINES = 50
"""A cell that runs on for more lines than this has lost its closing quote."""
_FIELD_BYTES = 2**20
_LINE_END = re.compile("\r\n|\r|\n")

Note = Callable[[Problem], None]
Row = tuple[int, tuple[str, ...]]
Place = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """Cells of a sheet.

    Parameters
    ----------
    file : str
        Name for messages.
    sheet : str
        Name of the sheet; empty for a text.
    rows : tuple of (int, tuple of str)
        Line from 1, and the cells, stripped, without empty ones at the end; no blank rows.
    merged : frozenset of (int, int)
        Line and column of cells below the first of a merged area: they hold its text here.
    odd : dict of (int, int) to str
        What cannot be text: ``date``, ``formula`` (without a value), ``error``.
    hidden : bool
    """

    file: str
    sheet: str = ""
    rows: tuple[Row, ...] = ()
    merged: frozenset[Place] = frozenset()
    odd: Mapping[Place, str] = field(default_factory=dict)
    hidden: bool = False

    def where(self, line: int, column: int = -1) -> str:
        """Place of a row, or of one of its cells, for messages."""
        row = f"line {line}"
        if not self.sheet:
            return row
        sheet = f" of sheet {self.sheet!r}"
        return row + sheet if column < 0 else f"{row} (cell {letters(column)}{line}){sheet}"


def letters(column: int) -> str:
    """Name of a column in a spreadsheet, counted from 0.

    Examples
    --------
    >>> letters(0), letters(25), letters(26)
    ('A', 'Z', 'AA')
    """
    name = ""
    number = column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def column_name(grid: Grid, column: int) -> str:
    """Name a column for a message: ``column C`` of a sheet, ``column 3`` of a text."""
    return f"column {letters(column) if grid.sheet else column + 1}"


def text_head(path: Path) -> str:
    """First lines of a file that may be a text, whole lines only; empty if it is none."""
    with path.open("rb") as stream:
        body = stream.read(_HEAD_BYTES)
        whole = len(body) < _HEAD_BYTES
    if body.startswith(b"\x1f\x8b"):
        try:
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            body = unpacker.decompress(body, _HEAD_BYTES)
            whole = unpacker.eof and not unpacker.unconsumed_tail
        except zlib.error:
            return ""
    if not body or not _text.is_text(body):
        return ""
    text, _ = _text.decode(body)
    return text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]


def text_body(path: Path, note: Note) -> str:
    """Text of a file, perhaps gzipped.

    Raises
    ------
    DataError
        If it is too large, or no text.
    """
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            unpacked = gzip.GzipFile(fileobj=stream) if packed else stream
            body = read_up_to(unpacked, MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise refusal(path, f"cannot be unpacked: {error}", "is the file complete?") from error
    if len(body) > MAX_BYTES:
        many = f"more than {MAX_BYTES // 2**20} MB of text"
        raise refusal(path, f"{many}, which is no table of foci", "leave out what is not needed")
    if not _text.is_text(body):
        raise refusal(path, "this is no text", "save it as XLSX or CSV")
    text, odd = _text.decode(body)
    del body
    for problem in odd:
        note(replace(problem, file=path.name))
    return text


def text_grid(file: str, text: str, delimiter: str, note: Note = lambda _problem: None) -> Grid:
    """Grid of a text with one delimiter.

    Raises
    ------
    DataError
        If a cell or the table is too large.
    """
    try:
        rows = list(_records(text, delimiter, quoted=True))
    except _LostQuoteError as lost:
        advice = "close it, or remove it; quotes are taken as they stand"
        note(Problem("warning", "a quote is never closed", file, f"line {lost.line}", advice))
        return _unquoted(file, text, delimiter)
    except (csv.Error, _TooLargeError) as error:
        raise _refused(file, error) from error
    return Grid(file, rows=tuple(rows))


def _unquoted(file: str, text: str, delimiter: str) -> Grid:
    try:
        return Grid(file, rows=tuple(_records(text, delimiter, quoted=False)))
    except (csv.Error, _TooLargeError) as error:
        raise _refused(file, error) from error


def _refused(file: str, error: Exception) -> DataError:
    msg = f"{file} cannot be read"
    return DataError(msg, [Problem("error", f"cannot be read: {error}", file)])


def refusal(path: Path, message: str, suggestion: str = "") -> DataError:
    """Error of a file as a whole."""
    msg = f"{path.name} cannot be read"
    return DataError(msg, [Problem("error", message, path.name, "", suggestion)])


def plain(cell: str) -> str:
    """Cell on one line, without blanks around it: a study is not another for two spaces."""
    return " ".join(cell.split()).strip("\ufeff\u200b")


class _TooLargeError(Exception):
    """More lines or cells than a table of foci has."""


class _LostQuoteError(Exception):
    """A quote that opens a cell and is not closed."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _lines(text: str) -> Iterator[str]:
    """Lines of a text one by one: a text of nothing but line ends needs no room.

    Raises
    ------
    _TooLargeError
        If there are too many.
    """
    start = 0
    for number, end in enumerate(_LINE_END.finditer(text)):
        if number >= MAX_LINES:
            msg = f"more than {MAX_LINES:,} lines, which is no table of foci"
            raise _TooLargeError(msg)
        yield f"{text[start : end.start()]}\n"
        start = end.end()
    yield f"{text[start:]}\n"


def _records(text: str, delimiter: str, *, quoted: bool) -> Iterator[Row]:
    ended = _lines(text)
    reader = (
        csv.reader(ended, delimiter=delimiter, skipinitialspace=True)
        if quoted
        else csv.reader(ended, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    )
    limit = csv.field_size_limit(_FIELD_BYTES)
    try:
        first = 1
        left = MAX_CELLS
        held: dict[str, str] = {}
        for record in _guarded(reader, quoted=quoted):
            # Most cells stand in many rows: one text for all of them.
            cells = tuple(held.setdefault(cell, cell) for cell in trimmed(record))
            left -= len(record)
            if left < 0:
                msg = f"more than {MAX_CELLS:,} cells, which is no table of foci"
                raise _TooLargeError(msg)
            is_hint = first == 1 and re.fullmatch(r"sep=.?", "".join(record).strip().lower())
            if cells and not is_hint:
                yield first, cells
            first = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)


def _guarded(reader: Iterator[list[str]], *, quoted: bool) -> Iterator[list[str]]:
    """Records of a reader, until one runs on over too many lines."""
    line = 0
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            if quoted:
                raise _LostQuoteError(line + 1) from error
            raise
        ran: int = reader.line_num  # type: ignore[attr-defined]
        if quoted and ran - line > _MAX_RECORD_LINES:
            raise _LostQuoteError(line + 1)
        if record is None:
            return
        yield record
        line = ran


def trimmed(cells: Iterable[str]) -> tuple[str, ...]:
    """Cells without blanks around them, and without empty ones at the end."""
    found = [plain(cell) for cell in cells]
    while found and not found[-1]:
        found.pop()
    return tuple(found)
