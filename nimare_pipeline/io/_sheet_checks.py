"""What can be wrong with the header of a table of foci, and with its contrasts as a whole."""

from collections.abc import Iterator, Sequence
from typing import Literal

from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._native_foci import check_repeats
from nimare_pipeline.io._native_tables import Table
from nimare_pipeline.io._sheet_grid import Note, column_name
from nimare_pipeline.io._sheet_layout import NONE, Axes, Layout

_Finding = tuple[Literal["error", "warning"], str, str]


def header(layout: Layout, note: Note) -> None:
    """Note what is wrong with the header."""
    where = layout.grid.where(layout.line)
    for level, message, suggestion in (*_studies(layout), *_names(layout), *_axes(layout)):
        note(Problem(level, message, layout.grid.file, where, suggestion))


def contrasts(layout: Layout, found: Sequence[Contrast], note: Note) -> None:
    """Note foci that stand twice, contrasts without foci, and ids that differ only in case."""
    lines = tuple(line for contrast in found for line in contrast.focus_lines)
    keys = [(c.study_id, c.contrast_id) for c in found for _ in c.focus_lines]
    xyz = [tuple(point) for contrast in found for point in contrast.xyz.tolist()]
    check_repeats(Table(layout.grid.file, {}, lines, note=note), keys, xyz)
    empty = [contrast for contrast in found if not len(contrast.xyz)]
    if empty:
        names = listed([contrast.id for contrast in empty], 5)
        message = f"{counted(len(empty), 'contrast')} without foci: {names}"
        where = layout.grid.where(empty[0].line)
        advice = "an analysis of foci leaves them out"
        note(Problem("warning", message, layout.grid.file, where, advice))
    for contrast, message in _spelled_twice(found):
        where = layout.grid.where(contrast.line)
        advice = "write one name the same everywhere"
        note(Problem("error", message, layout.grid.file, where, advice))


def _studies(layout: Layout) -> Iterator[_Finding]:
    if layout.study == NONE:
        known = listed(layout.names, 10)
        yield (
            "error",
            "no column names the studies",
            f"call one 'study'; the columns are: {known}",
        )
    elif words.is_contrast_only(layout.names[layout.study]):
        name = layout.names[layout.study]
        message = f"no column names the studies: each {name} is taken for one"
        yield "warning", message, "name them in a column 'study'"


def _names(layout: Layout) -> Iterator[_Finding]:
    for name in layout.doubled:
        message = f"column {name!r} stands twice; the second is called '{name}_2'"
        yield "warning", message, "give it a name of its own"
    unnamed = [i for i in layout.labels if layout.names[i] == column_name(layout.grid, i)]
    if unnamed:
        columns = listed([layout.names[i] for i in unnamed], 5)
        be = "has" if len(unnamed) == 1 else "have"
        yield "warning", f"{columns} {be} no header", "name it, or remove what stands there"


def _axes(layout: Layout) -> Iterator[_Finding]:
    by_kind: dict[tuple[str, str], list[Axes]] = {}
    for axes in layout.axes:
        by_kind.setdefault((axes.space, axes.number), []).append(axes)
    for same in by_kind.values():
        if len(same) > 1:
            columns = " and ".join(column_name(layout.grid, axes.columns[0]) for axes in same)
            message = f"x, y and z stand {len(same)} times, from {columns} on"
            yield "error", message, "call them MNI_x and TAL_x, or x1 and x2"


def _spelled_twice(found: Sequence[Contrast]) -> Iterator[tuple[Contrast, str]]:
    seen: dict[tuple[str, ...], Contrast] = {}
    for contrast in found:
        study, own = contrast.study_id, contrast.contrast_id
        for what, name, place in (
            ("study", study, (study.casefold(),)),
            ("contrast", own, (study.casefold(), own.casefold())),
        ):
            first = seen.setdefault(place, contrast)
            other = first.study_id if what == "study" else first.contrast_id
            if other != name:
                yield (
                    contrast,
                    f"{what} {name!r} is {other!r} in line {first.line}, but for its case",
                )
