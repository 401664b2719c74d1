"""Rows of a table of foci to contrasts: what holds for a contrast, and what for one focus."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast, counted, is_missing, listed
from nimare_pipeline.io import _native_cells as native
from nimare_pipeline.io import _sheet_checks as checks
from nimare_pipeline.io import _sheet_points as points
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._native_foci import ASSUMED
from nimare_pipeline.io._native_tables import Key
from nimare_pipeline.io._sheet_grid import Note
from nimare_pipeline.io._sheet_layout import NONE, Layout, cell, size
from nimare_pipeline.io._sheet_rows import Record, Rows
from nimare_pipeline.tables import INCLUDE

Regroup = Callable[[list[Record]], None]


@dataclass
class Group:
    """Records of one contrast."""

    key: Key
    records: list[Record]
    sizes: tuple[float, ...] = ()
    spaces: list[str] = field(default_factory=list)

    @property
    def line(self) -> int:
        return self.records[0].line

    @property
    def n_foci(self) -> int:
        return sum(len(record.foci) for record in self.records)

    @property
    def continued(self) -> bool:
        """Whether some rows leave out what the first row says."""
        return any(record.continued for record in self.records)


@dataclass
class Columns:
    """Values of the columns that are no core, by name; one for each record."""

    of_contrast: dict[str, list[Any]]
    metadata: dict[str, list[Any]]
    of_focus: dict[str, list[Any]]


def read(layout: Layout, note: Note, regroup: Regroup | None = None) -> list[Contrast]:
    """Contrasts of a table, in the order in which they begin in it.

    Parameters
    ----------
    layout : Layout
    note : callable
        Takes every problem.
    regroup : callable, optional
        Changes the contrast of records, in formats that do not name contrasts in a column.
    """
    checks.header(layout, note)
    rows = Rows(layout, note)
    records = rows.read()
    if regroup is not None:
        regroup(records)
    groups: dict[Key, Group] = {}
    for record in records:
        key = (record.study, record.contrast)
        groups.setdefault(key, Group(key, [])).records.append(record)
    made = list(groups.values())
    _Maker(layout, rows, made).fill()
    return _contrasts(layout, rows, made)


def _contrasts(layout: Layout, rows: Rows, groups: Sequence[Group]) -> list[Contrast]:
    found = _columns(layout, rows, groups)
    index = {id(record): i for i, record in enumerate(r for g in groups for r in g.records)}
    contrasts = []
    for group in groups:
        at = [index[id(record)] for record in group.records]
        spread = [i for i, record in zip(at, group.records, strict=True) for _ in record.foci]
        foci = [point for record in group.records for point, _ in record.foci]
        contrasts.append(
            Contrast(
                study_id=group.key[0],
                contrast_id=group.key[1],
                xyz=np.array(foci, dtype=float).reshape(-1, 3),
                spaces=tuple(group.spaces),
                sample_sizes=group.sizes,
                metadata=_first(found.metadata, at),
                annotations=_first(found.of_contrast, at),
                values={
                    name: tuple(values[i] for i in spread)
                    for name, values in found.of_focus.items()
                    if any(not is_missing(values[i]) for i in spread)
                },
                file=layout.grid.file,
                line=group.line,
                focus_lines=tuple(record.line for record in group.records for _ in record.foci),
            )
        )
    checks.contrasts(layout, contrasts, rows.note)
    return contrasts


def _first(columns: dict[str, list[Any]], at: Sequence[int]) -> dict[str, Any]:
    """Value of each column for a contrast: the first there is."""
    found = {}
    for name, values in columns.items():
        value = next((values[i] for i in at if not is_missing(values[i])), None)
        if not is_missing(value):
            found[name] = value
    return found


def _columns(layout: Layout, rows: Rows, groups: Sequence[Group]) -> Columns:
    """Sort the other columns: those that differ between the foci of a contrast belong to foci."""
    found = Columns({}, {}, {})
    surprising = []
    for i in (*layout.metadata, *layout.labels):
        name = layout.metadata.get(i) or layout.names[i]
        texts = [_label(layout, rows, record, i) for group in groups for record in group.records]
        values = _typed(rows, layout, i, texts)
        ends = np.cumsum([0, *(len(group.records) for group in groups)])
        parts = [texts[start:end] for start, end in pairwise(ends)]
        differs = any(_differs(p, g) for p, g in zip(parts, groups, strict=True))
        several = any(len(part) > 1 for part in parts)
        of_focus = i not in layout.metadata and words.is_of_focus(layout.names[i])
        if i in layout.metadata and not differs:
            found.metadata[name] = values
        elif differs or (of_focus and not several):
            found.of_focus[layout.names[i]] = values
            if not of_focus:
                surprising.append(layout.names[i])
        else:
            found.of_contrast[name] = values
    if surprising:
        be = "differs" if len(surprising) == 1 else "differ"
        message = f"{listed(surprising, 5)} {be} within a contrast: kept with the foci"
        advice = "selections cannot use it; if rows are of two contrasts, name them in a column"
        rows.problem("warning", layout.line, message, f"{advice} 'contrast'")
    return found


def _differs(texts: Sequence[str], group: Group) -> bool:
    """Whether rows of a contrast say different things; a row without a study says what it says."""
    pairs = zip(texts, group.records, strict=True)
    return len({text for text, record in pairs if text or not record.continued}) > 1


def _label(layout: Layout, rows: Rows, record: Record, column: int) -> str:
    odd = layout.grid.odd.get((record.line, column))
    if odd in ("formula", "error"):
        what = "a formula whose result is not in the file" if odd == "formula" else "an error"
        message = f"{layout.names[column]} is {what}; it is taken as missing"
        rows.problem("warning", record.line, message, column=column)
        return ""
    return cell(record.cells, column)


def _typed(rows: Rows, layout: Layout, column: int, texts: Sequence[str]) -> list[Any]:
    """Values of a column as all of them can be; of ``include``, true and false."""
    if layout.metadata.get(column) == INCLUDE:
        try:
            return [None if points.is_none(text) else native.flag(text) for text in texts]
        except ValueError as error:
            message = f"{layout.names[column]}: {error}"
            rows.problem("error", layout.line, message, "yes or no, true or false, 1 or 0")
            return [None] * len(texts)
    values, comma = native.guessed(texts)
    if comma:
        message = f"column {layout.names[column]!r}: a comma is read as the decimal point"
        rows.problem("warning", layout.line, message)
    return values


@dataclass
class _Maker:
    """Sample sizes and spaces of contrasts."""

    layout: Layout
    rows: Rows
    groups: Sequence[Group]

    def fill(self) -> None:
        for group in self.groups:
            group.sizes = self.size(group)
        self.share_sizes()
        self.spaces()

    def size(self, group: Group) -> tuple[float, ...]:
        """Sample sizes of a contrast, on which its rows must agree."""
        found: dict[tuple[float, ...], int] = {}
        for record in group.records:
            columns = (self.layout.size,) if self.layout.size != NONE else self.layout.groups
            given = [self.one_size(record, column) for column in columns]
            if any(given):
                found.setdefault(tuple(n for part in given for n in part), record.line)
        if len(found) > 1:
            (first, _), (second, line) = list(found.items())[:2]
            said = [" + ".join(f"{n:g}" for n in one) for one in (second, first)]
            message = f"the sample size is {said[0]}, and {said[1]} in a row above"
            whose = ", ".join(group.key)
            advice = "one for all rows of a contrast; name its contrasts in a column 'contrast'"
            self.rows.problem("error", line, f"{message} for the same contrast {whose}", advice)
        return next(iter(found), ())

    def one_size(self, record: Record, column: int) -> tuple[float, ...]:
        text = cell(record.cells, column)
        odd = self.layout.grid.odd.get((record.line, column))
        if points.is_none(text) and odd is None:
            return ()
        found = size(text) if odd is None else None
        if found is None:
            self.rows.refuse(record.line, column, "expected a number of participants")
        return found or ()

    def share_sizes(self) -> None:
        """Give contrasts below the first row of a study its size, where rows leave out studies."""
        by_study: dict[str, set[tuple[float, ...]]] = {}
        for group in self.groups:
            if group.sizes:
                by_study.setdefault(group.key[0], set()).add(group.sizes)
        filled = []
        for group in self.groups:
            known = by_study.get(group.key[0], set())
            if not group.sizes and len(known) == 1 and group.continued:
                group.sizes = next(iter(known))
                filled.append(group)
        if filled:
            many = counted(len(filled), "contrast")
            take = "takes" if len(filled) == 1 else "take"
            message = f"{many} without sample size {take} the one of the study above"
            self.rows.problem("warning", filled[0].line, message, "is it meant so?")

    def spaces(self) -> None:
        """Space of each focus: of its columns, its row, its contrast, its study, or the table."""
        general = self.general()
        missing: list[int] = []
        unknown: dict[str, list[int]] = {}
        n_foci = 0
        for group, study in zip(self.groups, self.of_studies(), strict=True):
            own = {text for record in group.records if (text := self.own(record))}
            common = own.pop() if len(own) == 1 else "" if own else study
            for record in group.records:
                for _, named in record.foci:
                    n_foci += 1
                    space = named or self.own(record) or common or general
                    group.spaces.append(space if spaces.recognise(space) else ASSUMED)
                    if not space:
                        missing.append(record.line)
                    elif spaces.recognise(space) is None:
                        unknown.setdefault(space, []).append(record.line)
        self.say(missing, unknown, n_foci)

    def own(self, record: Record) -> str:
        text = cell(record.cells, self.layout.space)
        return "" if points.is_none(text) else points.space(text)

    def of_studies(self) -> Iterable[str]:
        """Space that the rows above say for a study, for contrasts that continue it."""
        by_study: dict[str, set[str]] = {}
        for group in self.groups:
            found = {text for record in group.records if (text := self.own(record))}
            by_study.setdefault(group.key[0], set()).update(found)
        for group in self.groups:
            known = by_study[group.key[0]]
            yield next(iter(known)) if len(known) == 1 and group.continued else ""

    def general(self) -> str:
        """Space that titles, notes or the name of the sheet give for all."""
        axes = self.layout.axes
        if self.layout.space != NONE or (axes and all(one.space for one in axes)):
            return ""
        said = [" ".join(row) for _, row in self.layout.above]
        for text in (*said, *self.rows.notes, self.layout.grid.sheet):
            space = words.space_in(text)
            if space:
                message = f"the space of all foci is taken from {text!r:.60}: {space}"
                self.rows.problem("warning", self.layout.line, message)
                return space
        return ""

    def say(self, missing: Sequence[int], unknown: dict[str, list[int]], n_foci: int) -> None:
        """Note foci whose space is unknown or not given, as the table layout does."""
        for space, lines in unknown.items():
            name = space.removeprefix(points.UNKNOWN)
            message = f"unknown space {name!r} of {counted(len(lines), 'focus', 'foci')}"
            self.rows.problem("error", lines[0], message, spaces.ACCEPTED)
        if missing and len(missing) == n_foci:
            message = f"no space is given; {ASSUMED} is assumed"
            self.rows.problem("warning", self.layout.line, message, "say so in a column 'space'")
        elif missing:
            many = counted(len(missing), "focus", "foci")
            message = f"no space is given for {many}, but for the others"
            advice = f"fill in the column 'space'; {spaces.ACCEPTED}"
            self.rows.problem("error", missing[0], message, advice)
