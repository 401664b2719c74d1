"""A file of the table layout to rows of cells, or to what is wrong with it as a whole."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _text
from nimare_pipeline.unpacking import gunzip

_OFFICE = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How spreadsheets begin, the newer and the older kind."""
_MOST_BYTES = 2**29
_SEPARATORS = {",": "commas", ";": "semicolons", " ": "spaces"}

Row = tuple[int, list[str]]


def read(path: Path, note: Callable[[Problem], None]) -> list[Row]:
    """Cells of each line that is not blank, stripped, with its number from 1.

    Raises
    ------
    DataError
        If the file is no tab-separated text, with the one problem.
    """
    text, odd = _text.decode(_body(path))
    for problem in odd:
        note(replace(problem, file=path.name))
    lines = [(number, line) for number, line in enumerate(_text.lines(text), 1) if line.strip()]
    if not lines:
        raise _refusal(path, "the table is empty", "a header line, then a line for each row")
    number, head = lines[0]
    if "\t" not in head:
        for mark, name in _SEPARATORS.items():
            if mark in head.strip():
                advice = "save the file as tab-separated text (TSV)"
                message = f"columns are separated by {name}, not by tabs"
                raise _refusal(path, message, advice, f"line {number}")
    return [(number, [cell.strip() for cell in line.split("\t")]) for number, line in lines]


def _body(path: Path) -> bytes:
    try:
        body = path.read_bytes()
        body = gunzip(body, _MOST_BYTES) if path.suffix == ".gz" else body
    except FileNotFoundError as error:
        raise _refusal(path, "no such file") from error
    except (EOFError, zlib.error, OSError, ValueError) as error:
        raise _refusal(path, f"cannot be read: {error}", "is the file complete?") from error
    if body.startswith(_OFFICE):
        advice = "save it as tab-separated text (TSV)"
        raise _refusal(path, "this is a spreadsheet, not text", advice)
    if body and not _text.is_text(body):
        raise _refusal(path, "not text", "tab-separated text in UTF-8")
    return body


def _refusal(path: Path, message: str, suggestion: str = "", where: str = "") -> DataError:
    msg = "a table cannot be read"
    return DataError(msg, [Problem("error", message, path.name, where, suggestion)])
