"""One table of foci in a file: CSV, TSV or XLSX, as people type it into a spreadsheet.

::

    Study         Contrast       N    x     y    z   Space   task
    Smith 2019    pain > rest    24   10   -20   30  MNI     heat
                                      -12    4    8

One row a focus, or one row a contrast with several cells of foci. Headers may be in any case and
common spelling (see :mod:`nimare_pipeline.io._sheet_words`), stand below titles, or in two rows. A
row without a study continues the one above. Columns that mean nothing here are labels to select
by; those that differ between the foci of a contrast, such as statistics, stay with the foci. Of a
workbook the sheet with coordinates is read; another with a row for each study adds its columns.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from nimare_pipeline.contrast import Contrast, listed
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.io import _sheet_contrasts as contrasts
from nimare_pipeline.io import _sheet_excel as excel
from nimare_pipeline.io import _sheet_grid as grids
from nimare_pipeline.io import _sheet_join as join
from nimare_pipeline.io import _sheet_layout as layouts
from nimare_pipeline.io import native, neurosynth, sleuth
from nimare_pipeline.io._sheet_grid import Grid, Note
from nimare_pipeline.io._sheet_layout import NONE, Layout

NAME = "table of foci (XLSX, CSV, TSV)"
SAYS = ("focus-twice",)
"""Kinds of suspicions that are said here, with the line they stand in."""

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".dat", ".xls", ".xlsx", ".xlsm", ".xltx")
"""A text with the suffix ``.xls`` is what some programs export."""
_BIDS = re.compile(r"(?:sub|tpl)-[0-9A-Za-z+]+_.*")
"""Files that have a meaning in BIDS: electrodes of a subject, results of an analysis."""
_SNIFFED_ROWS = 100
_PREFERRED = ("coordinates", "foci")
"""Names by which a user says which of several sheets is meant."""


def sniff(path: Path) -> bool:
    """Whether a file has a header with coordinates and studies."""
    return layout_of(path) is not None


def read(path: Path, *_companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a table, in file order, and everything odd in it.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If the file is too large, damaged, or not a table of foci.
    """
    problems: list[Problem] = []
    layout = open_table(path, problems.append)
    return contrasts.read(layout, problems.append), problems


def layout_of(path: Path) -> Layout | None:
    """Layout of the first rows of a file; None if it is no table of foci, or of another format."""
    stat = path.stat()
    return _layout_of(path, stat.st_size, stat.st_mtime_ns)


# Three formats and the sheets beside a file ask for the same.
@lru_cache(maxsize=64)
def _layout_of(path: Path, _size: int, _changed_ns: int) -> Layout | None:
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in SUFFIXES or _BIDS.fullmatch(path.name):
        return None
    if native.sniff(path) or neurosynth.sniff(path):
        return None
    if excel.is_workbook(path):
        try:
            found = [layouts.find(grid) for grid in excel.grids(path, max_rows=_SNIFFED_ROWS)]
        except DataError:
            return None
        return next((layout for layout in found if _names_studies(layout)), None)
    if suffix == ".txt" and sleuth.sniff(path):
        return None
    text = grids.text_head(path)
    layout = _text_layout(path.name, text) if text else None
    return layout if _names_studies(layout) else None


def open_table(path: Path, note: Note) -> Layout:
    """Layout of the table of a file, all of its rows with it.

    Raises
    ------
    NoInputError, DataError
        As :func:`read`.
    """
    try:
        if excel.is_workbook(path):
            return _chosen(path, excel.grids(path), note)
        if excel.is_archive(path):
            message = "this is no XLSX workbook, or a damaged one"
            raise grids.refusal(path, message, "save it again as XLSX, or as CSV")
        layout = _text_layout(path.name, grids.text_body(path, note), note)
    except FileNotFoundError as error:
        msg = f"no such file: {path}"
        raise NoInputError(msg) from error
    if layout is None:
        raise grids.refusal(path, "no header with x, y and z", "a column for each, and 'study'")
    return layout


def _names_studies(layout: Layout | None) -> bool:
    return layout is not None and layout.study != NONE


def _text_layout(file: str, text: str, note: Note = lambda _problem: None) -> Layout | None:
    """Layout of a text with the delimiter that gives it the most columns."""
    best: Layout | None = None
    chosen = ""
    for delimiter in grids.DELIMITERS:
        if delimiter not in text:
            continue
        head = "\n".join(text[:200_000].splitlines()[:_SNIFFED_ROWS])
        layout = layouts.find(grids.text_grid(file, head, delimiter))
        if layout and (best is None or len(layout.names) > len(best.names)):
            best, chosen = layout, delimiter
    return layouts.find(grids.text_grid(file, text, chosen, note)) if best else None


def _chosen(path: Path, sheets: Sequence[Grid], note: Note) -> Layout:
    """Layout of the one sheet that has foci.

    Raises
    ------
    DataError
        If none has, or several.
    """
    found = [layout for grid in sheets if (layout := layouts.find(grid)) is not None]
    named = [layout for layout in found if _names_studies(layout)]
    shown = [layout for layout in named or found if not layout.grid.hidden]
    candidates = shown or named or found
    preferred = [one for one in candidates if one.grid.sheet.casefold() in _PREFERRED]
    candidates = preferred if len(preferred) == 1 else candidates
    if not candidates:
        names = listed([grid.sheet for grid in sheets], 5) or "none with cells"
        message = f"no sheet has a header with x, y and z; the sheets are: {names}"
        raise grids.refusal(path, message, "a column for each, and one 'study'")
    if len(candidates) > 1:
        names = listed([layout.grid.sheet for layout in candidates], 5)
        message = f"{len(candidates)} sheets have coordinates: {names}"
        advice = f"call the one to read {_PREFERRED[0]!r}, or save each as a CSV file"
        raise grids.refusal(path, message, advice)
    plain = [grid for grid in sheets if grid.sheet not in {one.grid.sheet for one in found}]
    layout, used = join.joined(candidates[0], plain, note)
    _say_others(path, [grid for grid in sheets if grid.sheet not in used], layout, note)
    return layout


def _say_others(path: Path, sheets: Sequence[Grid], chosen: Layout, note: Note) -> None:
    others = [grid.sheet for grid in sheets if grid.sheet != chosen.grid.sheet]
    if others:
        many = f"sheet{'' if len(others) == 1 else 's'} {listed(others, 5)}"
        message = f"read is the sheet {chosen.grid.sheet!r}; {many} left out"
        note(Problem("warning", message, path.name))
