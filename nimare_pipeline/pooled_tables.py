"""Tables of a Dataset whose contrasts are united: what becomes of each column."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.contrast import is_missing
from nimare_pipeline.label_matrix import LabelMatrix
from nimare_pipeline.tables import (
    ID_COLUMNS,
    SAMPLE_SIZE_FILLED,
    Tables,
    filled_in,
    framed,
    typed,
)

POOLED_FROM = "pooled_from"
"""Metadata column: ids of the contrasts that an experiment unites; missing where it is one."""

_XYZ = ["x", "y", "z"]


def merged_tables(tables: Tables, names: Sequence[str]) -> Tables:
    """Tables of experiments.

    Parameters
    ----------
    tables : Tables
    names : sequence of str
        Experiment of each contrast; begins with its study and a hyphen.
    """
    rows: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        rows.setdefault(name, []).append(number)
    groups = list(rows.values())
    ids = _ids(tables.metadata, rows)
    by_contrast = dict(zip(tables.metadata["id"], names, strict=True))
    return Tables(
        coordinates=_coordinates(tables.coordinates, by_contrast, ids),
        metadata=_metadata(tables.metadata, groups, ids),
        **{
            name: _merged(getattr(tables, name), groups, ids)
            for name in ("images", "annotations", "texts")
        },
        matrices=tuple(_matrix(one, groups) for one in tables.matrices),
    )


def size_row(cells: Sequence[Any], filled: Sequence[bool], rows: Sequence[int]) -> int | None:
    """Contrast whose sample size stands for a subject group: most people, the first of equals.

    Parameters
    ----------
    cells : sequence of list of float or None
        Sample sizes of the groups of each contrast of the dataset.
    filled : sequence of bool
        Whether a policy put them in; such a number counts only where none is known.
    rows : sequence of int
        Contrasts of the subject group.
    """
    known = [row for row in rows if cells[row]]
    return max(known, key=lambda row: (not filled[row], sum(cells[row])), default=None)


def repeated(foci: pd.DataFrame, names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether an earlier focus of the same experiment is exactly the same."""
    return foci[_XYZ].assign(of=list(names)).duplicated().to_numpy(dtype=bool)


def _ids(metadata: pd.DataFrame, rows: dict[str, list[int]]) -> dict[str, tuple[str, str, str]]:
    studies, contrasts = metadata["study_id"].tolist(), metadata["contrast_id"].tolist()
    found = {}
    for name, group in rows.items():
        study = studies[group[0]]
        alone = len(group) == 1
        own = contrasts[group[0]] if alone else name.removeprefix(f"{study}-")
        found[name] = (name, study, own)
    return found


def _id_columns(keys: Sequence[tuple[str, str, str]]) -> dict[str, pd.Series]:
    return {
        name: pd.Series([key[i] for key in keys], dtype=object)
        for i, name in enumerate(ID_COLUMNS)
    }


def _coordinates(
    foci: pd.DataFrame, into: dict[str, str], ids: dict[str, tuple[str, str, str]]
) -> pd.DataFrame:
    """Foci by experiment, those that are repeated in united contrasts once."""
    names = foci["id"].map(into)
    united = (names != foci["id"]).to_numpy(dtype=bool)
    kept = np.flatnonzero(~(repeated(foci, names.tolist()) & united))
    order = {name: number for number, name in enumerate(ids)}
    place = names.map(order).to_numpy(dtype=np.int64)[kept]
    kept = kept[np.argsort(place, kind="stable")]
    columns = _id_columns([ids[name] for name in names.iloc[kept]])
    return foci.iloc[kept].reset_index(drop=True).assign(**columns)


def _metadata(
    metadata: pd.DataFrame,
    groups: Sequence[Sequence[int]],
    ids: dict[str, tuple[str, str, str]],
) -> pd.DataFrame:
    cells = metadata["sample_sizes"].tolist()
    filled = filled_in(metadata).tolist()
    chosen = [size_row(cells, filled, group) for group in groups]
    contrasts = metadata["id"].tolist()
    changed = {
        "sample_sizes": [None if row is None else cells[row] for row in chosen],
        POOLED_FROM: [
            [contrasts[row] for row in group] if len(group) > 1 else None for group in groups
        ],
    }
    if SAMPLE_SIZE_FILLED in metadata:
        changed[SAMPLE_SIZE_FILLED] = [row is not None and filled[row] for row in chosen]
    table = _merged(metadata, groups, ids, joined=True)
    return table.assign(
        **{
            name: pd.Series(values, dtype=object) if name != SAMPLE_SIZE_FILLED else typed(values)
            for name, values in changed.items()
        }
    )


def _merged(
    table: pd.DataFrame,
    groups: Sequence[Sequence[int]],
    ids: dict[str, tuple[str, str, str]],
    *,
    joined: bool = False,
) -> pd.DataFrame:
    """One row an experiment; of texts that differ all stand there if ``joined``."""
    bring: Callable[[list[Any]], Any] = _joined if joined else _agreed
    data = _id_columns(list(ids.values()))
    for name in [str(name) for name in table.columns if name not in ID_COLUMNS]:
        cells = table[name].tolist()
        data[name] = typed(
            [
                cells[group[0]] if len(group) == 1 else bring([cells[row] for row in group])
                for group in groups
            ]
        )
    return framed(data)


def _agreed(values: list[Any]) -> Any:
    """Value of all that have one; None if they differ."""
    known = [value for value in values if not is_missing(value)]
    return known[0] if known and all(value == known[0] for value in known) else None


def _joined(values: list[Any]) -> Any:
    known = [value for value in values if not is_missing(value)]
    if known and all(isinstance(value, str) for value in known):
        return "; ".join(dict.fromkeys(value for value in known if value))
    return _agreed(values)


def _matrix(matrix: LabelMatrix, groups: Sequence[Sequence[int]]) -> LabelMatrix:
    """Labels of experiments: the value of all contrasts that are described; NaN if they differ."""
    values, present = matrix.values.tocsr(), matrix.present
    described = [[row for row in group if present[row]] or list(group[:1]) for group in groups]
    gaps: list[tuple[int, int]] = []
    for number, rows in enumerate(described):
        if len(rows) > 1:
            part = values[rows].toarray()
            gaps += [(number, int(n)) for n in np.flatnonzero((part != part[0]).any(axis=0))]
    made = values[[rows[0] for rows in described]]
    if gaps:
        nothing = np.full(len(gaps), np.nan)
        made = made + sparse.csr_array((nothing, tuple(zip(*gaps, strict=True))), shape=made.shape)
    return replace(
        matrix,
        values=sparse.csc_array(made),
        present=np.array([bool(present[rows[0]]) for rows in described]),
    )
