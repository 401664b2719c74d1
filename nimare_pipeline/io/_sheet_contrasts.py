"""Rows of a table of foci to contrasts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nimare_pipeline.contrast import Contrast, is_missing
from nimare_pipeline.io import _sheet_checks as checks
from nimare_pipeline.io import _sheet_groups as groups
from nimare_pipeline.io import _sheet_labels as labels
from nimare_pipeline.io._sheet_grid import Note
from nimare_pipeline.io._sheet_groups import Group
from nimare_pipeline.io._sheet_layout import Layout
from nimare_pipeline.io._sheet_rows import Record, Rows

Regroup = Callable[[list[Record]], None]


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
    made = groups.grouped(layout, rows, records)
    columns = labels.sort(layout, rows, made)
    found = [_contrast(layout.grid.file, group, columns, i) for i, group in enumerate(made)]
    checks.contrasts(layout, found, note)
    return found


def _contrast(file: str, group: Group, columns: labels.Columns, index: int) -> Contrast:
    foci = [point for record in group.records for point, _ in record.foci]
    per_focus = [i for i, record in enumerate(group.records) for _ in record.foci]
    values = {
        name: tuple(parts[index][i] for i in per_focus) for name, parts in columns.of_focus.items()
    }
    return Contrast(
        study_id=group.key[0],
        contrast_id=group.key[1],
        xyz=np.array(foci, dtype=float).reshape(-1, 3),
        spaces=tuple(group.spaces),
        sample_sizes=group.sizes,
        metadata=_first(columns.metadata, index),
        annotations=_first(columns.of_contrast, index),
        values={name: own for name, own in values.items() if not all(map(is_missing, own))},
        file=file,
        line=group.line,
        focus_lines=tuple(group.records[i].line for i in per_focus),
    )


def _first(columns: dict[str, list[list[Any]]], index: int) -> dict[str, Any]:
    """Value of each column for a contrast: the first there is."""
    found = {}
    for name, parts in columns.items():
        present: Sequence[Any] = [value for value in parts[index] if not is_missing(value)]
        if present:
            found[name] = present[0]
    return found
