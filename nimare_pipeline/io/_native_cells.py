"""Cells of the table layout: values to text and back, to the last bit.

A column is written in the plainest way that gives its values back: numbers, ``true`` and
``false``, or text as it is. Where text could be mistaken (it is empty, is ``n/a``, holds a tab) or
values are lists or of mixed types, every cell of the column is JSON, and the sidecar says so.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline.contrast import is_missing

MISSING = "n/a"
JSON = "JSON"
FORMATS = ("string", "integer", "number", "boolean")

MISSING_CELLS = ("", "n/a", "N/A")
"""What stands for a missing value in any column."""
_NO_NUMBER = ("na", "nan", "null", "none", "-", ".")
"""What stands for one in a column of numbers."""
_MINUS = str.maketrans(dict.fromkeys("−–—‐‑‒﹣－➖", "-"))
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")
_NUMBER = re.compile(
    r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)", re.IGNORECASE
)
_LOOSE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)", re.IGNORECASE)
"""Also with leading zeros, where nothing but a number can be meant."""
_COMMA = re.compile(r"([-+]?\d*),(\d+)")
_FLAGS = {"true": True, "false": False}
_LARGEST_WHOLE = 1e15
"""Whole numbers above are written as repr does, which is shorter."""


@dataclass(frozen=True)
class Written:
    """A column as text; ``format`` is one of FORMATS, or JSON."""

    format: str
    cells: tuple[str, ...]


def written(values: Sequence[Any]) -> Written:
    """Text of a column, for the sidecar and the table.

    Raises
    ------
    TypeError
        If a value is neither text, number, truth value, nor a list or mapping of these.
    """
    present = [value for value in values if not is_missing(value)]
    kinds = {type(value) for value in present}
    if kinds == {bool}:
        return _with(values, "boolean", lambda value: str(value).lower())
    if kinds == {int}:
        return _with(values, "integer", str)
    if kinds == {float}:
        return _with(values, "number", number_text)
    if kinds <= {str} and all(map(is_plain, present)):
        return _with(values, "string", str)
    return _with(values, JSON, _json_text)


def is_plain(text: str) -> bool:
    """Whether a text can stand in a cell as it is, and is read as itself."""
    shaped = text == text.strip() and not re.search(r"[\t\r\n\x00\ud800-\udfff]", text)
    return shaped and text not in MISSING_CELLS and not text.startswith('"')


def number_text(value: float) -> str:
    """Shortest text of a float that is read as the same float."""
    if value == 0:
        return "0" if math.copysign(1, value) > 0 else "-0.0"
    is_short = value.is_integer() and abs(value) < _LARGEST_WHOLE
    return str(int(value)) if is_short else repr(value)


def parsed(cell: str, kind: str) -> Any:
    """Value of a cell of a declared kind; None if it is missing.

    Raises
    ------
    ValueError
        If it is none.
    """
    if cell in MISSING_CELLS:
        return None
    if kind == JSON:
        return json.loads(cell)
    return _PARSERS[kind](cell)


def guessed(cells: Sequence[str]) -> tuple[list[Any], bool]:
    """Values of a column that nothing is said about: numbers or truth values if all are, or text.

    Returns
    -------
    values : list
        None where missing.
    comma : bool
        Whether a comma was read as the decimal point.
    """
    present = [cell for cell in cells if cell not in MISSING_CELLS]
    numbers = [cell.translate(_MINUS) for cell in present if cell.lower() not in _NO_NUMBER]
    if numbers and all(_INTEGER.fullmatch(cell) for cell in numbers):
        return [_maybe(cell, int) for cell in cells], False
    if numbers and all(_NUMBER.fullmatch(cell) for cell in numbers):
        return [_maybe(cell, float) for cell in cells], False
    points = [_COMMA.sub(r"\1.\2", cell) for cell in numbers]
    if numbers and all(_NUMBER.fullmatch(cell) for cell in points):
        return [_maybe(_COMMA.sub(r"\1.\2", cell), float) for cell in cells], True
    if present and {cell.lower() for cell in present} <= _FLAGS.keys():
        return [_FLAGS.get(cell.lower()) for cell in cells], False
    return [None if cell in MISSING_CELLS else cell for cell in cells], False


def number(cell: str) -> tuple[float, bool]:
    """Number of a cell, and whether a comma was read as its decimal point.

    Raises
    ------
    ValueError
        If it is none.
    """
    plain = cell.translate(_MINUS)
    pointed = _COMMA.sub(r"\1.\2", plain) if _COMMA.fullmatch(plain) else plain
    if not _LOOSE.fullmatch(pointed):
        msg = f"{cell!r} is not a number"
        raise ValueError(msg)
    return float(pointed), pointed != plain


def flag(cell: str) -> bool:
    """Truth value of a cell, in any usual spelling.

    Raises
    ------
    ValueError
        If it is none.
    """
    spelled = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if cell.lower() not in spelled:
        msg = f"{cell!r} is neither true nor false"
        raise ValueError(msg)
    return spelled[cell.lower()]


def _maybe(cell: str, convert: Callable[[str], Any]) -> Any:
    missing = cell in MISSING_CELLS or cell.lower() in _NO_NUMBER
    return None if missing else convert(cell.translate(_MINUS))


def _with(values: Sequence[Any], kind: str, text: Callable[[Any], str]) -> Written:
    return Written(kind, tuple(MISSING if is_missing(v) else text(v) for v in values))


def _json_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair can stand in a file only as an escape
        return json.dumps(value, default=_plain)
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    msg = f"a table cannot hold a {type(value).__name__}"
    raise TypeError(msg)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": lambda cell: number(cell)[0],
    "boolean": flag,
}
