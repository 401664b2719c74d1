"""Rows of a JALE analysis sheet: the type of an analysis, its name, and its tags.

::

    M     pain              +pain
    M     painNotHeat       +pain    -heat
    M     either            +heat    +cold   ?
    C     heat              +heat
          cold              +cold
    B20   heat              +heat
          cold              +cold

``M`` is a main effect, ``C`` a contrast of its row and the next, ``B<n>`` a balanced one, ``P<n>``
a probabilistic ALE, ``Cluster`` a clustering. Of the tags, ``+a +b`` selects experiments that have
both, ``?`` makes that either of those before it, ``-a`` takes experiments out, ``+ALL`` is all of
them; ``$file`` names a region.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _sheet_excel as excel
from nimare_pipeline.io import _sheet_grid as grids
from nimare_pipeline.io._sheet_grid import Grid

TAG = "tag__"
"""What the labels begin with that are made of tags."""
MAX_ROWS = 2000
"""Of a sheet of analyses; a longer one is none."""
_SUFFIXES = (".xlsx", ".xlsm", ".csv", ".tsv", ".txt")
_KIND = re.compile(r"(?P<kind>M|P|C|B|Cluster)\s*(?P<n>\d{0,6})", re.IGNORECASE)
_ROW = re.compile(rf'^"?{_KIND.pattern}\s*"?[\t;,|]', re.MULTILINE | re.IGNORECASE)
_NUMBER = re.compile(r"[-+][\d.,]+")
_SIGNS = "+-?$"
_MAX_BYTES = 2**20


@dataclass(frozen=True)
class Entry:
    """One row.

    Parameters
    ----------
    line : int
    kind : str
        ``M``, ``P``, ``C``, ``B``, ``CLUSTER``; empty for the second row of a contrast.
    n : int or None
        Number that stands after the kind.
    name : str
    tags : tuple of str
        With their signs, in lower case but for files.
    """

    line: int
    kind: str
    n: int | None
    name: str
    tags: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Files of regions."""
        return tuple(tag[1:].strip() for tag in self.tags if tag.startswith("$"))

    @property
    def used(self) -> tuple[str, ...]:
        """Tags that experiments must or must not have, without signs; not ``all``."""
        named = (tag[1:].strip() for tag in self.tags if tag[0] in "+-")
        return tuple(dict.fromkeys(name for name in named if name not in ("all", "")))


def is_sheet(path: Path) -> bool:
    """Whether a file is a sheet of analyses, by its content."""
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    try:
        return path.stat().st_size <= _MAX_BYTES and any(map(_holds, _grids(path)))
    except (DataError, OSError):
        return False


def entries(path: Path) -> list[Entry]:
    """Rows of a sheet of analyses, in order.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    for grid in _grids(path):
        if _holds(grid):
            return list(_entries(grid))
    return []


def selection(tags: Sequence[str]) -> str:
    """Selection that the tags of a row mean; empty for all experiments.

    Examples
    --------
    >>> selection(["+pain", "-heat"])
    'label("tag__pain") and not label("tag__heat")'
    >>> selection(["+heat", "+cold", "?"])
    'label("tag__heat") or label("tag__cold")'
    """
    among: list[list[str]] = []
    without: list[str] = []
    for tag in tags:
        sign, name = tag[0], tag[1:].strip()
        test = "" if name == "all" else f"label({_quoted(TAG + name)})"
        if sign == "?":
            among = [list(dict.fromkeys(test for either in among for test in either))]
        elif sign == "+" and name:
            among.append([test])
        elif sign == "-" and test and name:
            without.append(f"not {test}")
    wanted = [either for either in among if either and "" not in either]
    if len(wanted) + len(without) == 1:
        return " or ".join([*wanted, without][0])
    grouped = [f"({' or '.join(one)})" if len(one) > 1 else one[0] for one in wanted]
    return " and ".join([*grouped, *without])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _grids(path: Path) -> list[Grid]:
    if excel.is_workbook(path):
        return excel.grids(path, max_rows=MAX_ROWS)
    text = grids.text_head(path)
    if not _ROW.search(text):
        return []
    marks = [mark for mark in grids.DELIMITERS if mark in text]
    return [grids.text_grid(path.name, text, mark) for mark in marks]


def _holds(grid: Grid) -> bool:
    """Whether all rows, but for a header, are of analyses, and one has a tag."""
    rows = list(_body(grid))
    kinds = [_KIND.fullmatch(row[0]) for _, row in rows if row[0]]
    if not kinds or None in kinds or not 0 < len(rows) < MAX_ROWS:
        return False
    tags = [tag for _, row in rows for tag in row[2:] if tag]
    return bool(tags) and all(tag[0] in _SIGNS and not _NUMBER.fullmatch(tag) for tag in tags)


def _body(grid: Grid) -> Iterable[tuple[int, tuple[str, ...]]]:
    """Rows without a header: one in which a later column has a name, and no tag."""
    for index, (line, row) in enumerate(grid.rows):
        is_header = index == 0 and row[0] and not _KIND.fullmatch(row[0])
        if not is_header:
            yield line, row


def _entries(grid: Grid) -> Iterable[Entry]:
    for line, row in _body(grid):
        found = _KIND.fullmatch(row[0])
        kind = found["kind"].upper() if found else ""
        n = int(found["n"]) if found and found["n"] else None
        tags = (tag if tag[0] == "$" else tag.casefold() for tag in row[2:] if tag)
        yield Entry(line, kind, n, row[1] if len(row) > 1 else "", tuple(tags))
