"""Coordinate databases of the CANlab MKDA toolbox: a table whose first row may be its width.

::

    9
    x   y    z   Study        Contrast  N   FixedRandom  CoordSys  EmotionType
    6  -26  60   JohnDoe2008  1         22  fixed        T88       Fear

``Contrast`` numbers the contrasts of all studies; ``T88`` is Talairach space, ``spm96`` and
``spm99`` are MNI space. All other columns are labels.
"""

from collections.abc import Sequence
from pathlib import Path

from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _sheet_contrasts as contrasts
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io import sheet
from nimare_pipeline.io._sheet_grid import Note
from nimare_pipeline.io._sheet_layout import NONE, Layout

NAME = "CANlab MKDA table"
SAYS = ("focus-twice",)
"""Kinds of suspicions that are said here, with the line they stand in."""

_OWN_COLUMNS = {"coordsys", "fixedrandom", "subjectiveweights"}


def sniff(path: Path) -> bool:
    """Whether a table of foci numbers its contrasts and has a column that only CANlab's have."""
    layout = sheet.layout_of(path)
    if layout is None or layout.contrast == NONE:
        return False
    names = {words.joined(name) for name in layout.names}
    return bool(names & _OWN_COLUMNS) or _width(layout) is not None


def read(path: Path, *_companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a table, in file order, and everything odd in it.

    Raises
    ------
    NoInputError, DataError
        As :func:`nimare_pipeline.io.sheet.read`.
    """
    problems: list[Problem] = []
    layout = sheet.open_table(path, problems.append)
    _check_width(layout, problems.append)
    found = contrasts.read(layout, problems.append)
    _check_numbers(layout, found, problems.append)
    return found, problems


def _width(layout: Layout) -> int | None:
    """Number of columns as the row above the header gives it."""
    cells = layout.above[-1][1] if layout.above else ()
    return int(cells[0]) if len(cells) == 1 and cells[0].isdecimal() else None


def _check_width(layout: Layout, note: Note) -> None:
    said, found = _width(layout), len(layout.names)
    if said is not None and said != found:
        message = f"the table should have {counted(said, 'column')}, and has {found}"
        where = layout.grid.where(layout.above[-1][0])
        note(Problem("warning", message, layout.grid.file, where, "all columns are read"))


def _check_numbers(layout: Layout, found: Sequence[Contrast], note: Note) -> None:
    """Note numbers of contrasts that stand for two studies: they are unique in such tables."""
    studies: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for contrast in found:
        studies.setdefault(contrast.contrast_id, []).append(contrast.study_id)
        lines[contrast.contrast_id] = contrast.line
    shared = [number for number, names in studies.items() if len(names) > 1]
    if shared and len(shared) < len(studies):
        first = shared[0]
        whose = listed(studies[first], 3)
        many = f"{counted(len(shared), 'contrast number')} of several studies"
        message = f"{many}: {listed(shared, 5)} ({first} is of {whose})"
        where = layout.grid.where(lines[first])
        advice = "they are kept apart by study; is a number wrong?"
        note(Problem("warning", message, layout.grid.file, where, advice))
