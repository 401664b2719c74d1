"""Rows of a table of foci: whose each row is, its foci, and what is no row of the table at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _sheet_points as cells
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._sheet_grid import Note, Row
from nimare_pipeline.io._sheet_layout import NONE, Axes, Layout, cell
from nimare_pipeline.io._sheet_points import Point

ONLY_CONTRAST = "1"
"""Id of the contrast of a study where no column names contrasts."""
_COMMENT = re.compile(r"(?:#|%|//)(?!\s*\d+$)")
_TOTAL = re.compile(
    r"(?i)(?:grand |sub)?(?:totals?|sums?|means?|averages?|medians?|sd|std|range|notes?|sources?"
    r"|legend|abbreviations?|footnotes?)\b(?!.*\b(?:19|20)\d\d\b)"
)
_UNITS = re.compile(r"(?i)[(\[]?\s*(?:mm|millimet(?:er|re)s?)\s*[)\]]?")
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d\d")
"""What spreadsheets write in the place of a number with many digits: 1.23E+07."""
_WHOLE = re.compile(r"\d+\.0")
_SHOWN = 5


@dataclass
class Record:
    """One row of the table that belongs to a study.

    Parameters
    ----------
    line : int
    cells : sequence of str
    foci : list of (point, space)
        The space is that of the column's header, or empty.
    study, contrast : str
        Filled in from above where the row has none.
    continued : bool
        The row has no study of its own.
    """

    line: int
    cells: Sequence[str]
    foci: list[tuple[Point, str]]
    study: str = ""
    contrast: str = ""
    continued: bool = False


@dataclass
class Rows:
    """Goes through the rows of a table once; collects what it leaves out, by its reason."""

    layout: Layout
    note: Note
    left: dict[str, list[int]] = field(default_factory=dict)
    filled: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rounded: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    commas: list[int] = field(default_factory=list)
    both: list[int] = field(default_factory=list)

    @cached_property
    def by_line(self) -> dict[int, tuple[str, ...]]:
        """Cells of each row."""
        return dict(self.layout.rows)

    def read(self) -> list[Record]:
        """Records in file order."""
        table = [row for row in self.layout.rows if self.is_table(row)]
        found = [(row, [] if self.is_remark(row) else self.foci(row)) for row in table]
        records: list[Record] = []
        for i, (row, foci) in enumerate(found):
            below = found[i + 1] if i + 1 < len(found) else None
            if foci is None or foci or not self.is_note(row, below):
                records.append(Record(row[0], row[1], foci or []))
            else:
                self.notes.append(" ".join(row[1]))
                self.left.setdefault("notes or totals", []).append(row[0])
        self.name(records)
        self.say()
        return [record for record in records if record.study]

    def where(self, line: int, column: int = NONE) -> str:
        return self.layout.grid.where(line, column)

    def problem(
        self,
        level: Literal["error", "warning"],
        line: int,
        message: str,
        suggestion: str = "",
        column: int = NONE,
        kind: str = "",
    ) -> None:
        where = self.where(line, column) if line else ""
        self.note(Problem(level, message, self.layout.grid.file, where, suggestion, kind))

    def is_table(self, row: Row) -> bool:
        """Whether a row is of the table: no comment, no header again, not only merged cells."""
        line, texts = row
        filled = self.own(row)
        if not filled:
            return False
        if _COMMENT.match(texts[filled[0]]):
            self.notes.append(" ".join(texts))
            self.left.setdefault("comments", []).append(line)
            return False
        axes = [cell(texts, column) for one in self.layout.axes for column in one.columns]
        if axes and all(_UNITS.fullmatch(text) for text in axes):
            self.left.setdefault("units", []).append(line)
            return False
        header = self.layout.grid.rows[self.layout.header][1]
        if sum(cell(header, i) == texts[i] for i in filled) > len(filled) / 2 and len(filled) > 2:
            self.left.setdefault("the header again", []).append(line)
            return False
        return True

    def is_remark(self, row: Row) -> bool:
        """Whether a row is one cell of words, as below or between the rows of a table."""
        own = self.own(row)
        if len(own) != 1 or own[0] in (self.layout.study, *self.layout.points):
            return False
        try:
            cells.number(row[1][own[0]])
        except ValueError:
            return (row[0], own[0]) not in self.layout.grid.odd
        return False

    def own(self, row: Row) -> list[int]:
        """Columns in which a row has a cell of its own."""
        line, texts = row
        merged = self.layout.grid.merged
        return [i for i, text in enumerate(texts) if text and (line, i) not in merged]

    def is_note(self, row: Row, below: tuple[Row, object] | None) -> bool:
        """Whether a row without foci is a remark, and not a contrast that has none.

        A study alone in its row is the heading of the rows below, if these have no study.
        """
        texts, own = row[1], self.own(row)
        study = cell(texts, self.layout.study)
        if not study or _TOTAL.match(texts[own[0]]):
            return True
        if own != [self.layout.study]:
            return False
        return below is None or not below[1] or bool(cell(below[0][1], self.layout.study))

    def foci(self, row: Row) -> list[tuple[Point, str]] | None:
        """Foci of a row; None if some are wrong, which is noted."""
        line, texts = row
        found: list[tuple[Point, str]] = []
        wrong = False
        by_number: dict[str, list[Axes]] = {}
        for axes in self.layout.axes:
            by_number.setdefault(axes.number, []).append(axes)
        for alternatives in by_number.values():
            given = [axes for axes in alternatives if not self.is_empty(line, texts, axes.columns)]
            if len({axes.space for axes in given}) > 1:
                self.both.append(line)
            # Of MNI and Talairach columns for the same focus, MNI needs no conversion.
            for axes in sorted(given, key=lambda axes: axes.space != "MNI")[:1]:
                point = self.point(line, texts, axes.columns)
                wrong |= point is None
                found += [(point, axes.space)] if point is not None else []
        for column in self.layout.points:
            text = cell(texts, column)
            if cells.is_no_focus(text) and (line, column) not in self.layout.grid.odd:
                continue
            try:
                points = cells.points(text)
            except ValueError:
                points, wrong = [], True
                self.refuse(line, column, "expected three numbers in mm, such as -42, 10, 4")
            found += [(point, self.space_of(column)) for point in points]
        return None if wrong else found

    def space_of(self, column: int) -> str:
        return words.space_in(self.layout.names[column])

    def is_empty(self, line: int, texts: Sequence[str], columns: Sequence[int]) -> bool:
        odd = self.layout.grid.odd
        return all(cells.is_no_focus(cell(texts, i)) and (line, i) not in odd for i in columns)

    def point(self, line: int, texts: Sequence[str], columns: Sequence[int]) -> Point | None:
        """Focus of three cells, or None, with an error for each cell that is no number."""
        values = []
        for column in columns:
            text = cell(texts, column)
            try:
                if (line, column) in self.layout.grid.odd:
                    raise ValueError(text)
                value, comma = cells.number(text)
                values.append(value)
                if comma:
                    self.commas.append(line)
            except ValueError:
                self.refuse(line, column, "expected a number, in mm")
        return (values[0], values[1], values[2]) if len(values) == 3 else None

    def refuse(self, line: int, column: int, expected: str) -> None:
        """Note a cell that should hold a number, and why it does not."""
        text, name = cell(self.by_line[line], column), self.layout.names[column]
        odd = self.layout.grid.odd.get((line, column))
        if odd == "date":
            message = f"{name} is a date, {text!r}"
            advice = "the spreadsheet made it of what was typed: format the cell as text"
        elif odd == "formula":
            message = f"{name} is a formula whose result is not in the file"
            advice = "open the file in a spreadsheet program and save it"
        else:
            message = f"{name} is {text!r:.40}" if text else f"{name} is missing"
            advice = expected
        self.problem("error", line, message, advice, column)

    def name(self, records: Sequence[Record]) -> None:
        """Study and contrast of each record; what a row lacks stands above it."""
        study = contrast = ""
        studies: dict[str, str] = {}
        whole = self.is_whole(self.layout.study), self.is_whole(self.layout.contrast)
        for record in records:
            own = self.id_cell(record, self.layout.study, whole=whole[0])
            year = cell(record.cells, self.layout.year)
            if own and year and year not in own:
                own = f"{own} {year}"
            if not own and not study:
                if self.layout.study != NONE:
                    advice = "name it in the row, or above"
                    self.problem("error", record.line, "the study is missing", advice)
                continue
            record.continued = (
                not own or (record.line, self.layout.study) in self.layout.grid.merged
            )
            if not own:
                self.filled.setdefault("study", []).append(record.line)
            if own and own != study:
                study, contrast = own, studies.get(own, "")
            record.study = study
            named = self.id_cell(record, self.layout.contrast, whole=whole[1])
            if self.layout.contrast != NONE and not named and contrast:
                self.filled.setdefault("contrast", []).append(record.line)
            contrast = named or contrast
            studies[study] = contrast
            record.contrast = contrast or ONLY_CONTRAST

    def id_cell(self, record: Record, column: int, *, whole: bool) -> str:
        """Id in a cell; what a spreadsheet made a date of is noted."""
        text = cell(record.cells, column)
        odd = self.layout.grid.odd.get((record.line, column))
        if odd == "date":
            message = f"{self.layout.names[column]} is a date, {text!r}"
            advice = "did the spreadsheet make it of an id such as 3-1? format the cell as text"
            self.problem("warning", record.line, message, advice, column)
        elif odd is not None:
            self.refuse(record.line, column, "expected a name")
        elif _SHORTENED.fullmatch(text):
            self.rounded.setdefault((column, text), []).append(record.line)
        missing = text.casefold() in ("", "n/a", "na", "nan", "#n/a")
        return "" if missing else text.removesuffix(".0") if whole else text

    def is_whole(self, column: int) -> bool:
        """Whether ids are whole numbers that a program wrote with a decimal point."""
        texts = [cell(row, column) for _, row in self.layout.rows if cell(row, column)]
        return bool(texts) and all(map(_WHOLE.fullmatch, texts))

    def say(self) -> None:
        """Note what was left out, filled in and read in a way that is not plain."""
        for what, lines in self.left.items():
            many = f"{counted(len(lines), 'row')} {'is' if len(lines) == 1 else 'are'} left out"
            self.problem("warning", lines[0], f"{many} as {what}{_others(lines)}")
        merged = self.layout.grid.merged
        for what, column in (("study", self.layout.study), ("contrast", self.layout.contrast)):
            lines = [line for line in self.filled.get(what, ()) if (line, column) not in merged]
            if lines:
                many = counted(len(lines), "row")
                message = f"{many} without a {what} continue{'s' if len(lines) == 1 else ''}"
                advice = "is it meant so? otherwise fill it in"
                self.problem(
                    "warning", lines[0], f"{message} the one above{_others(lines)}", advice
                )
        for (column, text), lines in self.rounded.items():
            name = self.layout.names[column]
            message = f"{name} is {text!r}, rounded by the spreadsheet{_others(lines)}"
            advice = "two ids may have become one: enter them again, as text"
            self.problem("warning", lines[0], message, advice, column)
        if self.commas:
            lines = list(dict.fromkeys(self.commas))
            message = f"a comma is read as the decimal point{_others(lines)}"
            self.problem("warning", lines[0], message)
        if self.both:
            message = f"coordinates in MNI and in Talairach{_others(self.both)}"
            self.problem("warning", self.both[0], message, "those in MNI are used")


def _others(lines: Sequence[int]) -> str:
    """Further lines that a problem is about, in words."""
    if len(lines) < 2:
        return ""
    return f" (lines {listed(lines, _SHOWN)})"
