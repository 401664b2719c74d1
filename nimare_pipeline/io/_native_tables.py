"""One table of the layout: a TSV file and its sidecar, with the line of whatever is wrong."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nimare_pipeline.contrast import counted, listed, quoted
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _json, _native_rows
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io._native_layout import sidecar_of

STUDY, CONTRAST = "study_id", "contrast_id"
COLUMNS = "Columns"
"""Key of the sidecar of a gzipped table without header, as BIDS wants it."""
_ONLY_CONTRAST = "1"
"""Id of the contrast of a study where a table has no column of contrasts."""

Note = Callable[[Problem], None]
Key = tuple[str, str]


@dataclass(frozen=True)
class Table:
    """Rows of a file as text.

    Parameters
    ----------
    file : str
        Name for messages.
    columns : dict of str to tuple of str
        Cells by header, stripped; missing cells are as in the file.
    lines : tuple of int
        Line of each row, from 1.
    sidecar : dict
        What the JSON file beside it says.
    note : callable
        Takes the problems that are found later.
    """

    file: str
    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]
    sidecar: Mapping[str, Any] = field(default_factory=dict)
    note: Note = lambda _problem: None

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def error(self, row: int, message: str, suggestion: str = "", *, kind: str = "") -> None:
        """Note an error in a row, counted from 0; -1 is the header."""
        self._add("error", row, message, suggestion, kind)

    def warn(self, row: int, message: str, suggestion: str = "") -> None:
        """Note a warning."""
        self._add("warning", row, message, suggestion)

    def remark(self, row: int, message: str, suggestion: str, kind: str) -> None:
        """Note what is usual, and only worth a look."""
        self.note(Problem("note", message, self.file, self._where(row), suggestion, kind))

    def about(self, name: str) -> Mapping[str, Any]:
        """What the sidecar says of a column."""
        found = self.sidecar.get(name)
        return found if isinstance(found, Mapping) else {}

    def true_name(self, name: str) -> str:
        """Name of a column in the dataset, where a file could not have it as its header."""
        found = self.about(name).get("OriginalName")
        return found if isinstance(found, str) else name

    def values(self, name: str) -> list[Any]:
        """Values of a column, typed as its sidecar says or as all of them can be."""
        texts = self.columns[name]
        kind = self._kind(name)
        if kind == "":
            found, comma = cells.guessed(texts)
            if comma:
                self.warn(-1, f"column {name!r}: a comma is read as the decimal point")
            return found
        return [self._cell(row, name, text, kind) for row, text in enumerate(texts)]

    def numbers(self, name: str) -> list[float | None]:
        """Numbers of a column in which each row needs one; None, with an error, where none is."""
        found: list[float | None] = []
        commas = []
        for row, text in enumerate(self.columns[name]):
            value, comma = None, False
            if text in cells.MISSING_CELLS:
                self.error(row, f"{name} is missing", "expected a number, in mm")
            else:
                try:
                    value, comma = cells.number(text)
                except ValueError:
                    self.error(row, f"{name} is {quoted(text, 40)}", "expected a number, in mm")
            if comma:
                commas.append(row)
            found.append(value)
        if commas:
            more = f", as in {len(commas) - 1:,} more lines" if len(commas) > 1 else ""
            message = f"{name}: a comma is read as the decimal point{more}"
            self.warn(commas[0], message)
        return found

    def keys(self) -> list[Key | None]:
        """Study and contrast of each row; None, with an error, where one is missing."""
        studies = self.labels(STUDY)
        n = len(self.lines)
        contrasts = self.labels(CONTRAST) if CONTRAST in self else [_ONLY_CONTRAST] * n
        return [
            None if study is None or contrast is None else (study, contrast)
            for study, contrast in zip(studies, contrasts, strict=True)
        ]

    def labels(self, name: str) -> list[str | None]:
        """Ids of a column, without the ``study-`` or ``contrast-`` of file names."""
        prefix = name.removesuffix("_id") + "-"
        found: list[str | None] = []
        for row, text in enumerate(self.columns[name]):
            if text in cells.MISSING_CELLS:
                self.error(row, f"{name} is missing")
                found.append(None)
            else:
                found.append(text.removeprefix(prefix) or text)
        return found

    def _kind(self, name: str) -> str:
        about = self.about(name)
        if about.get("Encoding") == cells.JSON:
            return cells.JSON
        kind = about.get("Format")
        return kind if kind in cells.FORMATS else ""

    def _cell(self, row: int, name: str, text: str, kind: str) -> Any:
        try:
            return cells.parsed(text, kind)
        except ValueError:
            what = "each cell is JSON" if kind == cells.JSON else f"the format is {kind!r}"
            sidecar = f"{self.file.partition('.')[0]}.json"
            self.error(row, f"{name} is {quoted(text, 40)}", f"{sidecar} says that {what}")
            return None

    def _add(
        self,
        level: Literal["error", "warning"],
        row: int,
        message: str,
        suggestion: str,
        kind: str = "",
    ) -> None:
        self.note(Problem(level, message, self.file, self._where(row), suggestion, kind))

    def _where(self, row: int) -> str:
        return f"line {1 if row < 0 else self.lines[row]}"


def read(
    path: Path,
    note: Note,
    *,
    required: Iterable[str] = (),
    known: Iterable[str] = (),
    understood: Callable[[str], bool] = lambda _name: False,
) -> Table | None:
    """Table of a file, or None, with an error, if there is none to speak of.

    Parameters
    ----------
    path : Path
    note : callable
        Takes every problem.
    required : iterable of str
        Columns without which the table means nothing.
    known : iterable of str
        Columns that mean something; what is spelled nearly so is a warning.
    understood : callable
        Whether a name means something, too.
    """
    sidecar = _sidecar(sidecar_of(path), note)
    try:
        rows = _native_rows.read(path, note)
    except DataError as error:
        for problem in error.problems:
            note(problem)
        return None
    header = _header(path, rows, sidecar, note)
    if header is None:
        return None
    known = [*known, *(name for name in header if understood(name))]
    if not _check_header(path, header, sidecar, note, required, known):
        return None
    kept = [cell != "" for cell in header]
    lines, body = [], []
    for line, row in rows:
        filled = _fitted(row, len(header))
        if filled is None:
            message = f"{counted(len(row), 'cell')}, where the header has {len(header)}"
            advice = "one tab between cells, n/a for what is missing"
            note(Problem("error", message, path.name, f"line {line}", advice))
        else:
            lines.append(line)
            body.append([cell for cell, keep in zip(filled, kept, strict=True) if keep])
    names = [name for name in header if name]
    columns = zip(*body, strict=True) if body else [()] * len(names)
    table = Table(path.name, {}, tuple(lines), sidecar, note)
    for name, texts in zip(names, columns, strict=True):
        is_json = table.about(name).get("Encoding") == cells.JSON
        table.columns[name] = tuple(texts) if is_json else tuple(map(_unquoted, texts))
    return table


def folded(text: str) -> str:
    """What two spellings of one name have in common: letters and digits, in lower case."""
    return re.sub(r"[\W_]", "", text).casefold()


def said(key: Key | None) -> str:
    """Study and contrast, as messages name them."""
    return f"{key[0]}, {key[1]}" if key else ""


def nearest(text: str, known: Iterable[str]) -> str:
    """Known name that a text was probably meant to be, or ''."""
    names = {folded(name): name for name in known}
    found = difflib.get_close_matches(folded(text), names, n=1, cutoff=0.8)
    return names[found[0]] if found else ""


def _header(
    path: Path, rows: list[tuple[int, list[str]]], sidecar: Mapping[str, Any], note: Note
) -> list[str] | None:
    """Names of the columns, taken from the first row; of a gzipped table perhaps the sidecar."""
    named = sidecar.get(COLUMNS)
    first = rows[0][1]
    if path.suffix == ".gz" and isinstance(named, list) and first[: len(named)] != named:
        return [str(name) for name in named]
    del rows[0]
    first = [_unquoted(name) for name in first]
    while first and first[-1] == "":
        first.pop()
    for column, name in enumerate(first):
        if not name and any(row[column] for _, row in rows if len(row) > column):
            message = f"column {column + 1} has no name in the header"
            note(Problem("error", message, path.name, "line 1", "name it or remove it"))
            return None
    return first


def _check_header(
    path: Path,
    header: Sequence[str],
    sidecar: Mapping[str, Any],
    note: Note,
    required: Iterable[str],
    known: Iterable[str],
) -> bool:
    """Note columns that are missing, stand twice, or are spelled nearly right."""

    def add(level: Literal["error", "warning"], message: str, suggestion: str = "") -> None:
        note(Problem(level, message, path.name, "line 1", suggestion))

    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    for name in twice:
        add("error", f"column {name!r} stands twice", "each column needs a name of its own")
    others = [name for name in header if name and name not in {*required, *known}]
    missing = [name for name in required if name not in header]
    for name in missing:
        near = next((other for other in others if nearest(other, [name])), "")
        advice = f"rename {near!r}" if near else f"the columns are: {listed(header, 10)}"
        add("error", f"no column {name!r}", advice)
    for name in others:
        near = nearest(name, [one for one in known if one not in header])
        if near and name not in sidecar and near not in missing:
            add("warning", f"column {name!r} is unknown", f"is {near!r} meant?")
    return not (twice or missing)


def _fitted(row: list[str], width: int) -> list[str] | None:
    """Row of a width: empty cells behind it are what spreadsheets leave."""
    return None if len(row) < width or any(row[width:]) else row[:width]


def _unquoted(cell: str) -> str:
    """Cell without the quotes that spreadsheets put around some."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"').strip()
    return cell


def _sidecar(path: Path, note: Note) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        found = _json.load(path)
    except DataError as error:
        for problem in error.problems:
            note(replace(problem, file=path.name))
        return {}
    if isinstance(found, Mapping):
        return found
    note(Problem("error", f"expected a JSON object, got {quoted(found, 40)}", path.name))
    return {}
