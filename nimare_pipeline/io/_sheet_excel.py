"""Sheets of an XLSX workbook, whatever its size claims and whatever is broken in it."""

import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io._sheet_grid import MAX_CELLS, Grid, Place, Row, plain, refusal

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MAX_BYTES = 128 * 2**20
"""Of all XML in a workbook, unpacked."""
MAX_PARTS = 2000
MAX_ROWS, MAX_COLUMNS = 1_048_576, 1024
"""Rows are those a spreadsheet can have; a table of foci has few columns."""
_MAX_MERGED_CELLS = 1_000_000
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_FAR_ROW = re.compile(rb'<(?:\w+:)?row\s[^<>]*?\br="(\d{7,})"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)|<\0!\0[DE]|\0<\0![DE]", re.IGNORECASE)
_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")
_EXTRA = "reading XLSX needs openpyxl: pip install openpyxl"


def is_workbook(path: Path) -> bool:
    """Whether a file is a ZIP archive with a workbook in it."""
    if not is_archive(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def is_archive(path: Path) -> bool:
    """Whether a file begins as a ZIP archive."""
    with path.open("rb") as stream:
        return stream.read(4) == _ZIP


def is_other_kind(path: Path) -> bool:
    """Whether a file is a spreadsheet that is not read: XLS, ODS, or locked by a password."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError:
        return False
    if head.startswith(_OLE):
        return path.suffix.lower() in (".xls", ".xlsx", ".xlsm", ".xlt", ".et")
    return head.startswith(_ZIP) and b"application/vnd.oasis.opendocument.spreadsheet" in head


def why_not(path: Path) -> str:
    """Why a file that should be a workbook cannot be opened; empty if it can, or is none."""
    try:
        if path.suffix.lower() in (".xlsx", ".xlsm") and is_archive(path):
            grids(path, max_rows=1)
    except OSError:
        return ""
    except DataError as error:
        return f"{path.name}: {error.problems[0].message}"
    return ""


def grids(path: Path, *, max_rows: int = MAX_ROWS) -> list[Grid]:
    """Sheets of a workbook, those with cells.

    Parameters
    ----------
    path : Path
    max_rows : int
        Rows to read of each, to look at a workbook only.

    Raises
    ------
    DataError
        If it is too large, damaged, or openpyxl is not there.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive, path)
        return list(_sheets(path, max_rows))
    except DataError:
        raise
    except ImportError as error:
        raise refusal(path, _EXTRA, "or save the sheet as CSV") from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"[:200]
        message = f"this workbook is damaged ({what})"
        raise refusal(path, message, "open it and save it again as XLSX, or as CSV") from error


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse what would not fit into memory, by the directory of the archive."""
    parts = archive.infolist()
    xml = [part for part in parts if part.filename.lower().endswith((".xml", ".rels"))]
    size = sum(part.file_size for part in xml)
    if size > MAX_BYTES or len(parts) > MAX_PARTS:
        many = f"{size / 2**20:,.0f} MB in {len(parts):,} parts"
        message = f"the workbook unpacks to {many}, more than a table of foci needs"
        limit = f"at most {MAX_BYTES // 2**20} MB in {MAX_PARTS:,} parts"
        raise refusal(path, message, f"{limit}; save the sheet of the foci as CSV")
    for part in xml:
        with archive.open(part) as stream:
            if _DOCTYPE.search(stream.read(4096)):
                message = f"{part.filename} declares entities, as no spreadsheet does"
                raise refusal(path, message, "save the sheet of the foci as CSV")


def _sheets(path: Path, max_rows: int) -> Iterator[Grid]:
    from openpyxl import load_workbook

    # Warnings are of what openpyxl leaves out: drop-down lists, extensions, odd dates.
    # The file is opened here: openpyxl leaves it open where it fails.
    with warnings.catch_warnings(), path.open("rb") as stream:
        warnings.simplefilter("ignore")
        book = load_workbook(stream, read_only=True, data_only=True)
        try:
            yield from _read(book, path, max_rows)
        finally:
            book.close()


def _read(book: "Workbook", path: Path, max_rows: int) -> Iterator[Grid]:
    left = MAX_CELLS
    held: dict[str, str] = {}
    for sheet in book.worksheets:
        looks = max_rows < MAX_ROWS
        part = sheet._worksheet_path  # noqa: SLF001 - openpyxl has no other way to it
        merges, has_formulas = ([], False) if looks else _parts(path, part)
        odd: dict[Place, str] = {}
        rows: list[Row] = []
        for line, row in _rows(sheet, max_rows):
            texts = [_text(value, (line, column), odd) for column, value in enumerate(row)]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                rows.append((line, tuple(held.setdefault(text, text) for text in texts)))
                left -= len(texts)
            if left < 0:
                raise refusal(path, f"more than {MAX_CELLS:,} cells", "leave out other sheets")
        if has_formulas:
            odd |= _without_value(path, sheet.title, rows, max_rows)
        if rows:
            hidden = sheet.sheet_state != "visible"
            grid = Grid(path.name, sheet.title or "?", tuple(rows), odd=odd, hidden=hidden)
            yield _filled(grid, merges)


def _rows(sheet: Any, max_rows: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    # The size that a sheet claims may be anything: without a limit of ours it would be taken.
    found = sheet.iter_rows(max_row=max_rows, max_col=MAX_COLUMNS, values_only=True)
    gap: tuple[Any, ...] | None = None
    for line, row in enumerate(found, 1):
        if row is gap:  # one object stands for all rows that are not in the file, up to a million
            continue
        if any(value is not None for value in row):
            yield line, row
        else:
            gap = row


def _text(value: Any, place: Place, odd: dict[Place, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return cells.number_text(value)
    if isinstance(value, date | datetime | time | timedelta):
        odd[place] = "date"
        return str(value).removesuffix(" 00:00:00")
    text = plain(str(value))
    if text in _ERRORS:
        odd[place] = "error"
    return text


def _parts(path: Path, part: str) -> tuple[list[tuple[str, int, str, int]], bool]:
    """Merged areas of a sheet, and whether it has formulas: what a stream of cells leaves out."""
    with zipfile.ZipFile(path) as archive, archive.open(part.lstrip("/")) as stream:
        body = stream.read(MAX_BYTES)
    if any(int(number) > MAX_ROWS for number in _FAR_ROW.findall(body)):
        raise refusal(path, f"a row has a number above {MAX_ROWS:,}", "save it again as XLSX")
    found = _MERGE.findall(body)
    merges = [
        (first.decode(), int(top), last.decode(), int(low)) for first, top, last, low in found
    ]
    return merges, bool(_FORMULA.search(body))


def _without_value(path: Path, title: str, rows: list[Row], max_rows: int) -> dict[Place, str]:
    """Cells with a formula that nobody has computed: files of programs have such."""
    from openpyxl import load_workbook

    held = dict(rows)
    found: dict[Place, str] = {}
    with path.open("rb") as stream:
        book = load_workbook(stream, read_only=True, data_only=False)
        for line, row in _rows(book[title], max_rows):
            texts = held.get(line, ())
            for column, value in enumerate(row):
                is_formula = isinstance(value, str) and value.startswith("=")
                if is_formula and not (column < len(texts) and texts[column]):
                    found[line, column] = "formula"
    return found


def _filled(grid: Grid, merges: list[tuple[str, int, str, int]]) -> Grid:
    """Grid in which the cells below the first of a merged area hold its text, too."""
    if not merges:
        return grid
    rows = {line: list(row) for line, row in grid.rows}
    last = max(rows, default=0)
    merged: set[Place] = set()
    for left, top, _, low in merges:
        column = _column(left)
        source = rows.get(top, [])
        if column >= min(len(source), MAX_COLUMNS) or not source[column]:
            continue
        for line in range(top + 1, min(low, last) + 1):
            row = rows.setdefault(line, [])
            row.extend([""] * (column + 1 - len(row)))
            row[column] = source[column]
            merged.add((line, column))
        if len(merged) > _MAX_MERGED_CELLS:
            break
    ordered = tuple((line, tuple(rows[line])) for line in sorted(rows))
    return replace(grid, rows=ordered, merged=frozenset(merged))


def _column(name: str) -> int:
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
