"""How a table of the derivatives becomes a TSV file, and a file a table."""

import contextlib
import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.derivative_tables import Column, Kind, typed
from nimare_pipeline.errors import DataError

MISSING = "n/a"

_FLAGS = {"true": True, "false": False}
_BLOCK_ROWS = 16_384
"""Rows that are written at a time."""


def to_tsv(table: pd.DataFrame, *, header: bool = True) -> bytes:
    """Write a table as BIDS wants it: tabs, UTF-8, ``n/a`` for missing, floats in full.

    Tabs and line breaks inside a text would shift the cells after it, and TSV knows no quoting:
    they become spaces.

    Parameters
    ----------
    table : DataFrame
    header : bool
        Without for ``.tsv.gz``, whose columns BIDS names in the sidecar.
    """
    head = "\t".join(_cell(str(name)) for name in table.columns) + "\n" if header else ""
    parts = [head.encode()]
    # In blocks: the cells of all foci of a database would take ten times what the file does.
    for begin in range(0, len(table), _BLOCK_ROWS):
        block = table.iloc[begin : begin + _BLOCK_ROWS]
        rows = zip(*(_cells(block[name]) for name in block.columns), strict=True)
        parts.append("".join("\t".join(row) + "\n" for row in rows).encode())
    return b"".join(parts)


def _cells(column: pd.Series) -> list[str]:
    # Half a million foci have four million cells, nearly all plain: texts that repeat, numbers.
    texts: dict[str, str] = {}
    cells = []
    for value in column.tolist():
        kind = type(value)
        if kind is str:
            cell = texts.get(value)
            if cell is None:
                cell = texts[value] = _cell(value)
        elif kind is int or (kind is float and math.isfinite(value)):
            cell = repr(value)
        else:
            cell = _cell(value)
        cells.append(cell)
    return cells


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        return re.sub(r"[\t\r\n]", " ", value) or MISSING
    if pd.api.types.is_list_like(value):
        return _cell("; ".join(map(_cell, value)))
    if pd.isna(value):
        return MISSING
    if isinstance(value, float | np.floating):
        return repr(float(value)) if math.isfinite(value) else str(float(value))
    return _cell(str(value))


def from_tsv(
    content: bytes, columns: Mapping[str, Column], *, names: Iterable[str] | None = None
) -> pd.DataFrame:
    """Read what ``to_tsv`` wrote.

    Parameters
    ----------
    content : bytes
    columns : dict of str to Column
        Types of known columns; the others are guessed.
    names : iterable of str, optional
        Column names of a table without header.

    Raises
    ------
    DataError
        If it is not such a table.
    """
    try:
        # What is read begins after the first row, which is also why pandas does not look for a
        # byte order mark in the first cell.
        content = content if names is None else b"\n" + content
        end = content.find(b"\n")
        first = content[: end if end >= 0 else None]
        header = first.decode().split("\t") if names is None else list(names)
        if header == [""]:
            raise ValueError("it is empty")
        kinds = [columns[name].kind if name in columns else None for name in header]
        return typed(pd.DataFrame(dict(_read(content, header, kinds))), columns)
    except ValueError as error:
        msg = f"not a table as written here: {error}"
        raise DataError(msg) from error


def _read(
    content: bytes, header: Sequence[str], kinds: Sequence[Kind | None]
) -> Iterator[tuple[str, Any]]:
    """Columns by name. Of cells that repeat, half a million in a database, each is parsed once."""
    begin = content.find(b"\n") + 1
    if not begin or content[begin : begin + 2] in (b"", b"\n"):
        yield from ((name, []) for name in header)
        return
    _refuse_ragged(np.frombuffer(content, dtype=np.uint8)[begin:], len(header))
    blocks = pd.read_csv(
        BytesIO(content), sep="\t", skiprows=1, header=None, names=range(len(header)),
        index_col=False, dtype=object, na_filter=False, quoting=csv.QUOTE_NONE,
        lineterminator="\n", skip_blank_lines=False, chunksize=_BLOCK_ROWS,
    )  # fmt: skip
    texts: dict[str, str] = {}
    read: list[list[NDArray[Any]]] = [[] for _ in header]
    for block in blocks:
        for number, kind in enumerate(kinds):
            codes, found = pd.factorize(block.iloc[:, number])
            kept = kind in (None, "string")
            once = [texts.setdefault(cell, cell) for cell in found] if kept else list(found)
            # What a column of unknown kind holds is seen when all of it is there.
            values = once if kind is None else _parse(once, kind)
            dtype = float if kind == "number" else object
            read[number].append(np.array(values, dtype=dtype)[codes])
    for name, kind, parts in zip(header, kinds, read, strict=True):
        column = np.concatenate(parts)
        yield name, _parse(column.tolist(), None) if kind is None else column


def _refuse_ragged(characters: NDArray[np.uint8], n_columns: int) -> None:
    """Refuse a row with a cell too few or too many, which pandas would fill up or cut off."""
    tabs, ends = (np.flatnonzero(characters == ord(one)) for one in "\t\n")
    if characters[-1] != ord("\n"):
        ends = np.append(ends, len(characters))
    counts = np.diff(np.searchsorted(tabs, ends), prepend=0) + 1
    if (counts != n_columns).any():
        row = int(np.argmax(counts != n_columns))
        msg = f"row {row + 1} has {counts[row]} cells; expected {n_columns}"
        raise ValueError(msg)


def _parse(cells: Iterable[str], kind: Kind | None) -> list[Any]:
    """Turn cells into values, to the last bit; of unknown kind, into what all of them can be."""
    if kind is None:
        guesses: tuple[Kind, ...] = ("integer", "number", "boolean")
        for guess in guesses:
            with contextlib.suppress(ValueError):
                return _parse(cells, guess)
        return _parse(cells, "string")
    if kind == "string":
        return [None if cell == MISSING else cell for cell in cells]
    missing = math.nan if kind == "number" else None
    parse = _PARSERS[kind]
    return [missing if cell == MISSING else parse(cell) for cell in cells]


def _flag(cell: str) -> bool:
    if cell not in _FLAGS:
        msg = f"{cell!r} is neither true nor false"
        raise ValueError(msg)
    return _FLAGS[cell]


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": _flag,
}
