"""Columns of a table that are no core: what holds for a contrast, and what for one focus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.io import _native_cells as native
from nimare_pipeline.io import _sheet_points as points
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._sheet_groups import Group
from nimare_pipeline.io._sheet_layout import Layout, cell
from nimare_pipeline.io._sheet_rows import Record, Rows
from nimare_pipeline.tables import INCLUDE

_Column = list[list[Any]]
"""Values of a column: a list for each group, with one for each record."""


@dataclass
class Columns:
    """Values of columns by their names; None where another table has the value."""

    of_contrast: dict[str, _Column] = field(default_factory=dict)
    metadata: dict[str, _Column] = field(default_factory=dict)
    of_focus: dict[str, _Column] = field(default_factory=dict)


def sort(layout: Layout, rows: Rows, groups: Sequence[Group]) -> Columns:
    """Sort the columns: what differs between the rows of most contrasts describes foci.

    Where it differs in few of them only, it is a label of the others, and there it stays with the
    foci; that is said.
    """
    found = Columns()
    of_foci = []
    for i in (*layout.metadata, *layout.labels):
        name = layout.metadata.get(i) or layout.names[i]
        texts = [[_text(layout, rows, record, i) for record in group.records] for group in groups]
        values = list(_typed(rows, layout, i, texts))
        several = sum(len(part) > 1 for part in texts)
        differs = [_differs(part, group) for part, group in zip(texts, groups, strict=True)]
        words_of_focus = i not in layout.metadata and words.is_of_focus(layout.names[i])
        if 2 * sum(differs) > several or (words_of_focus and (any(differs) or not several)):
            found.of_focus[layout.names[i]] = values
            of_foci += [] if words_of_focus else [layout.names[i]]
            continue
        kept = found.metadata if i in layout.metadata else found.of_contrast
        kept[name] = _where(values, [not one for one in differs])
        if any(differs):
            found.of_focus[layout.names[i]] = _where(values, differs)
            _say_some(layout, rows, i, [g for g, one in zip(groups, differs, strict=True) if one])
    if of_foci:
        be, it = ("differs", "it") if len(of_foci) == 1 else ("differ", "them")
        message = f"{listed(of_foci, 5)} {be} within contrasts: kept with the foci"
        advice = f"selections cannot use {it}; if rows are of two contrasts, name them in a column"
        rows.problem("warning", layout.line, message, f"{advice} 'contrast'")
    return found


def _where(values: _Column, kept: Sequence[bool]) -> _Column:
    return [part if one else [None] * len(part) for part, one in zip(values, kept, strict=True)]


def _say_some(layout: Layout, rows: Rows, column: int, groups: Sequence[Group]) -> None:
    names = listed(["-".join(group.key) for group in groups], 3)
    many = counted(len(groups), "contrast")
    message = f"{layout.names[column]} differs within {many}: {names}"
    advice = "there it is kept with the foci, and selections cannot use it"
    rows.problem("warning", groups[0].line, message, advice, column)


def _differs(texts: Sequence[str], group: Group) -> bool:
    """Whether rows of a contrast say different things; a row without a study says what it says."""
    pairs = zip(texts, group.records, strict=True)
    return len({text for text, record in pairs if text or not record.continued}) > 1


def _text(layout: Layout, rows: Rows, record: Record, column: int) -> str:
    odd = layout.grid.odd.get((record.line, column))
    if odd in ("formula", "error"):
        what = "a formula whose result is not in the file" if odd == "formula" else "an error"
        message = f"{layout.names[column]} is {what}; it is taken as missing"
        rows.problem("warning", record.line, message, column=column)
        return ""
    return cell(record.cells, column)


def _typed(
    rows: Rows, layout: Layout, column: int, texts: Sequence[Sequence[str]]
) -> Iterator[list[Any]]:
    """Values of a column as all of them can be; of ``include``, true and false."""
    flat = [text for part in texts for text in part]
    values = iter(
        _flags(rows, layout, column, flat)
        if layout.metadata.get(column) == INCLUDE
        else _guessed(rows, layout, column, flat)
    )
    for part in texts:
        yield [next(values) for _ in part]


def _guessed(rows: Rows, layout: Layout, column: int, texts: Sequence[str]) -> list[Any]:
    values, comma = native.guessed(texts)
    if comma:
        message = f"column {layout.names[column]!r}: a comma is read as the decimal point"
        rows.problem("warning", layout.line, message)
    return values


def _flags(rows: Rows, layout: Layout, column: int, texts: Sequence[str]) -> list[bool | None]:
    try:
        return [None if points.is_none(text) else native.flag(text) for text in texts]
    except ValueError as error:
        message = f"{layout.names[column]}: {error}"
        rows.problem("error", layout.line, message, "yes or no, true or false, 1 or 0")
        return [None] * len(texts)
