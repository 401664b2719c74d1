"""Writing one table of foci, a row each, as spreadsheets and other programs read it.

::

    study_id,contrast_id,x,y,z,space,sample_size,year,pain
    Smith_2019,1,10,-20,30,MNI,24,2019,0.5

What holds for a contrast stands in each of its rows. A contrast without foci has a row, too.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast, is_missing
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io import sheet
from nimare_pipeline.io._json_values import plain
from nimare_pipeline.io._sheet_grid import MAX_BYTES, MAX_CELLS
from nimare_pipeline.labels import free_name
from nimare_pipeline.spaces import recognise

IDS = ("study_id", "contrast_id")
_AXES = ("x", "y", "z")
_LONGEST = 100
_ROOM = 0.8
"""Part of what a reader takes that is filled: the sizes are reckoned, not counted."""
_LONGEST_CELL = 100_000
"""Python's readers of tables take no cell of more than 131,072 characters."""
_LONGEST_HEADER = 30_000
"""Bytes; what a file is, is seen by its first lines."""
_ROWS_AT_ONCE = 50_000


def write(contrasts: Sequence[Contrast], path: Path, *, name: str = "") -> None:
    """Write a row a focus; what comes after the suffix decides what stands between the cells.

    Columns that a reader could not take, for the table would be too large, are left out: labels
    first, then metadata.

    Raises
    ------
    TypeError
        If a value is none that a table has.
    """
    ids = _ids(contrasts)
    of_contrast = _of_contrasts(contrasts)
    of_focus = _of_foci(contrasts, of_contrast)
    head = [*IDS, *_AXES, "space", *of_contrast, *of_focus]
    rows = _rows(contrasts, ids, list(of_contrast.values()), list(of_focus.values()))
    _write_rows(path, chain([head], rows))


def _rows(
    contrasts: Sequence[Contrast],
    ids: Sequence[tuple[str, str]],
    of_contrast: Sequence[Sequence[str]],
    of_focus: Sequence[Sequence[Sequence[str]]],
) -> Iterator[list[str]]:
    for number, contrast in enumerate(contrasts):
        own = [column[number] for column in of_contrast]
        if not len(contrast.xyz):
            yield [*ids[number], *[""] * 4, *own, *[""] * len(of_focus)]
        for i, point in enumerate(contrast.xyz.tolist()):
            space = recognise(contrast.spaces[i]) or contrast.spaces[i]
            of_row = [column[number][i] for column in of_focus]
            yield [*ids[number], *map(cells.number_text, point), space, *own, *of_row]


def read_in_parts(
    contrasts: Sequence[Contrast], path: Path
) -> tuple[list[Contrast], list[Problem]]:
    """Read a table that was written here, as its reader reads it, some contrasts at a time.

    The reader of other people's tables needs a kilobyte a row.
    """
    if not sheet.sniff(path):
        return [], [Problem("error", "it is not taken for a table", path.name)]
    found: list[Contrast] = []
    problems: list[Problem] = []
    part = path.with_name(f"{path.stem}-part{path.suffix}")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, delimiter=_delimiter(path))
        head = next(rows)
        left = [max(len(contrast.xyz), 1) for contrast in contrasts]
        while left:
            n = 0
            while left and (not n or n + left[0] <= _ROWS_AT_ONCE):
                n += left.pop(0)
            _write_rows(part, [head, *islice(rows, n)])
            read, odd = sheet.read(part)
            found += read
            problems += odd
    part.unlink()
    return found, problems


def _write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=_delimiter(path), lineterminator="\n").writerows(rows)


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _ids(contrasts: Sequence[Contrast]) -> list[tuple[str, str]]:
    """Ids that a reader gives back; those that no cell can hold are made into others."""
    studies = _unique(dict.fromkeys(contrast.study_id for contrast in contrasts))
    own: dict[str, dict[str, None]] = {}
    for contrast in contrasts:
        own.setdefault(contrast.study_id, {})[contrast.contrast_id] = None
    by_study = {study: _unique(names) for study, names in own.items()}
    return [(studies[c.study_id], by_study[c.study_id][c.contrast_id]) for c in contrasts]


def _unique(ids: Iterable[str]) -> dict[str, str]:
    """Ids as cells, no two alike but for their case; those that stay as they are come first."""
    kept = {one: one for one in ids if _is_id(one)}
    taken = {one.casefold() for one in kept}
    found: dict[str, str] = {}
    seen: set[str] = set()
    reached: dict[str, int] = {}
    for one in ids:
        if one in kept and one.casefold() not in seen:
            seen.add(one.casefold())
            found[one] = one
            continue
        stem = re.sub(r"[^0-9A-Za-z_.+-]+", "_", one)[:_LONGEST].strip("_.+-") or "x"
        stem = stem if _is_id(stem) else f"id_{stem}"
        name = free_name(stem, lambda text: text.casefold() in taken, reached=reached)
        taken.add(name.casefold())
        found[one] = name
    return found


def _is_id(text: str) -> bool:
    shaped = text == " ".join(text.split()) and text.isprintable() and text[:1].isalnum()
    named = text.casefold() not in ("n/a", "na", "nan", "total", "mean", "sum", "average", "note")
    return shaped and named and not re.fullmatch(r"\d+\.0*", text)


def _of_contrasts(contrasts: Sequence[Contrast]) -> dict[str, list[str]]:
    """Columns of what holds for contrasts, by header, as many as there is room for."""
    rows = [max(len(contrast.xyz), 1) for contrast in contrasts]
    room = _Room(rows)
    found = _sizes(contrasts)
    taken = {*IDS, *_AXES, "space", *found}
    for part in ("metadata", "annotations"):
        for name, values in _columns([getattr(one, part) for one in contrasts]).items():
            texts = _texts(values)
            if room.take(name, texts):
                found[_header(name, taken, metadata=part == "metadata")] = texts
    return found


@dataclass
class _Room:
    """What is left of the cells, bytes and headers that a reader takes."""

    rows: Sequence[int]

    def __post_init__(self) -> None:
        n_rows = sum(self.rows)
        self.cells = _ROOM * MAX_CELLS - n_rows * 8
        self.bytes = _ROOM * MAX_BYTES - n_rows * 60
        self.header = float(_LONGEST_HEADER)

    def take(self, name: str, texts: Sequence[str]) -> bool:
        """Whether a column has room, which it takes then."""
        sizes = zip(texts, self.rows, strict=True)
        left = (
            self.cells - sum(self.rows),
            self.bytes - sum((len(text) + 1) * n for text, n in sizes),
            self.header - len(name.encode(errors="replace")) - 10,
        )
        if min(left) < 0 or max(map(len, texts), default=0) > _LONGEST_CELL:
            return False
        self.cells, self.bytes, self.header = left
        return True


def _of_foci(contrasts: Sequence[Contrast], others: Iterable[str]) -> dict[str, list[list[str]]]:
    taken = {*IDS, *_AXES, "space", *others}
    found = {}
    for name in dict.fromkeys(name for contrast in contrasts for name in contrast.values):
        texts = [
            _texts(contrast.values.get(name, (None,) * len(contrast.xyz)))
            for contrast in contrasts
        ]
        if all(len(text) <= _LONGEST_CELL for own in texts for text in own):
            found[_header(name, taken, metadata=False)] = texts
    return found


def _sizes(contrasts: Sequence[Contrast]) -> dict[str, list[str]]:
    n_groups = max((len(contrast.sample_sizes) for contrast in contrasts), default=0)
    names = ["sample_size"] if n_groups == 1 else [f"group{i + 1}_n" for i in range(n_groups)]
    return {
        name: [
            cells.number_text(float(one.sample_sizes[i])) if len(one.sample_sizes) > i else ""
            for one in contrasts
        ]
        for i, name in enumerate(names)
    }


def _columns(parts: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(
        name for part in parts for name, value in part.items() if not is_missing(value)
    )
    return {name: [part.get(name) for part in parts] for name in names}


def _texts(values: Sequence[Any]) -> list[str]:
    return ["" if is_missing(value) else _text(value) for value in values]


def _text(value: Any) -> str:
    value = plain(value) if not isinstance(value, str | bool | int | float | list) else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return cells.number_text(value)
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode().replace("\x00", "")
        return re.sub("\r\n?", "\n", text)
    return json.dumps(value, ensure_ascii=False, default=plain)


def _header(name: str, taken: set[str], *, metadata: bool) -> str:
    """Header of a column: its name, unless that would mean something else in a table."""
    text = " ".join(name.encode("utf-8", "backslashreplace").decode().split())
    candidates = (text, f"column_{text}", f"column_{len(taken)}")
    stem = next(one for one in candidates if _is_free(one, metadata=metadata))
    header = free_name(stem, taken.__contains__)
    taken.add(header)
    return header


def _is_free(header: str, *, metadata: bool) -> bool:
    """Whether a header is taken for what it is: metadata of this name, or nothing known."""
    if not header[:1].isalpha():
        return False
    known = words.metadata_name(header)
    if known:
        return metadata and known == header
    ranks = (words.study_rank, words.contrast_rank, words.size_rank, words.space_rank)
    named = words.axis(header) or words.may_be_point(header) or words.is_group_size(header)
    return not named and all(rank(header) is None for rank in ranks)
