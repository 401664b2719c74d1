"""A second sheet with a row for each study or contrast: its columns join the table of foci."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _sheet_layout as layouts
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._sheet_grid import Grid, Note, Row
from nimare_pipeline.io._sheet_layout import HEADER_ROWS, NONE, Layout, cell

_Key = tuple[str, str]


@dataclass(frozen=True)
class _Studies:
    """A table of studies: its header, and its rows by study and contrast."""

    grid: Grid
    header: tuple[str, ...]
    study: int
    rows: dict[_Key, Row]

    def cells(self, key: _Key, columns: Sequence[int]) -> tuple[str, ...]:
        """Cells of a contrast, or of its study; none if it has no row."""
        found = self.rows.get(key) or self.rows.get((key[0], ""))
        return tuple(cell(found[1], i) for i in columns) if found else ()


def joined(layout: Layout, others: Sequence[Grid], note: Note) -> tuple[Layout, list[str]]:
    """Layout with the columns that other sheets have for its studies.

    Parameters
    ----------
    layout : Layout
        Of the table of foci.
    others : sequence of Grid
        Sheets without foci. Those in which most of its studies have a row are used.
    note : callable
        Takes what is to be said.

    Returns
    -------
    layout : Layout
    used : list of str
        Names of the sheets that were used.
    """
    used = []
    for grid in others:
        studies = _studies(grid, layout)
        if studies is None:
            continue
        added = _new(studies, layout)
        if added:
            layout = _with(layout, studies, added)
            used.append(grid.sheet)
            _say(studies, added, layout, note)
    return layout, used


def _studies(grid: Grid, layout: Layout) -> _Studies | None:
    """Table of studies of a grid, if most studies of the foci are in it."""
    wanted = _names(layout)
    for index, (_, header) in enumerate(grid.rows[:HEADER_ROWS]):
        ranks = [(words.study_rank(name), i) for i, name in enumerate(header)]
        ranked = [(rank, i) for rank, i in ranks if rank is not None]
        if len(header) < 2 or not ranked:
            continue
        contrasts = [i for i, h in enumerate(header) if words.contrast_rank(h) is not None]
        by_contrast = contrasts[0] if contrasts and layout.contrast != NONE else NONE
        for _, study in sorted(ranked):
            rows: dict[_Key, Row] = {}
            for row in grid.rows[index + 1 :]:
                name = cell(row[1], study).casefold()
                if name:
                    rows.setdefault((name, cell(row[1], by_contrast).casefold()), row)
            if wanted and 2 * len(wanted & {name for name, _ in rows}) > len(wanted):
                return _Studies(grid, header, study, rows)
    return None


def _names(layout: Layout) -> set[str]:
    names = (cell(row, layout.study).casefold() for _, row in layout.rows)
    return {name for name in names if name}


def _new(studies: _Studies, layout: Layout) -> list[int]:
    """Columns that the table of foci does not have under any spelling."""
    ranks = (
        (words.size_rank, layout.size),
        (words.space_rank, layout.space),
        (words.contrast_rank, layout.contrast),
    )
    known = {words.joined(name) for name in layout.names}
    found = []
    for i, header in enumerate(studies.header):
        has = any(rank(header) is not None for rank, at in ranks if at != NONE)
        if header and i != studies.study and not has and words.joined(header) not in known:
            found.append(i)
    return found


def _with(layout: Layout, studies: _Studies, added: Sequence[int]) -> Layout:
    """Layout of the grid with further columns; rows without a study have nothing in them."""
    width = len(layout.names)
    rows = list(layout.grid.rows)
    above = ""
    for index, (line, row) in enumerate(rows[layout.header :], layout.header):
        name, contrast = (cell(row, i).casefold() for i in (layout.study, layout.contrast))
        above = name or above
        if index == layout.header:
            more: tuple[str, ...] = tuple(studies.header[i] for i in added)
        elif name or contrast:  # all other rows continue the one above
            more = studies.cells((above, contrast), added)
        else:
            more = ()
        if more:
            rows[index] = (line, (*row, *("",) * (width - len(row)), *more))
    made = layouts.find(replace(layout.grid, rows=tuple(rows)))
    return made or layout


def _say(studies: _Studies, added: Sequence[int], layout: Layout, note: Note) -> None:
    names = listed([studies.header[i] for i in added], 5)
    message = f"{names} {'is' if len(added) == 1 else 'are'} taken from the sheet"
    note(Problem("warning", f"{message} {studies.grid.sheet!r}, by study", layout.grid.file))
    there = _names(layout)
    lacking = {name: row for (name, _), row in studies.rows.items() if name not in there}
    if lacking:
        shown = [cell(row[1], studies.study) for row in lacking.values()]
        message = f"{counted(len(shown), 'study', 'studies')} without foci: {listed(shown, 5)}"
        where = studies.grid.where(next(iter(lacking.values()))[0])
        advice = "is a name spelled otherwise there?"
        note(Problem("warning", message, layout.grid.file, where, advice))
