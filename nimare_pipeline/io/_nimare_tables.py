"""From the tables of a pickled NiMARE Dataset to contrasts, and labels as a sparse matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast, counted, is_missing, listed, sample_sizes
from nimare_pipeline.errors import Problem
from nimare_pipeline.io._nimare_names import named
from nimare_pipeline.io._pickle_pandas import Frame
from nimare_pipeline.label_matrix import LabelMatrix
from nimare_pipeline.tables import ID_COLUMNS
from nimare_pipeline.unknown_spaces import UNKNOWN, settle

_DENSE_CELLS = 100_000
"""Labels up to which they are kept as a table."""
_XYZ = ("x", "y", "z")
_DERIVED = ("i", "j", "k")
"""Voxels of the foci, which NiMARE before 0.0.10 kept beside their millimetres."""


class _Problems(list[Problem]):
    """Problems of one file."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def error(self, message: str, suggestion: str = "") -> None:
        self.append(Problem("error", message, self.file, "", suggestion))

    def warning(self, message: str, where: str = "", suggestion: str = "") -> None:
        self.append(Problem("warning", message, self.file, where, suggestion))


def contrasts_of(
    frames: Mapping[str, Frame],
    ids: Sequence[str] | None,
    *,
    file: str,
    target: str,
    unknown_space: str = "",
) -> tuple[list[Contrast], LabelMatrix | None, list[Problem]]:
    """Contrasts in the order of the metadata, and their labels if these are too many for a table.

    Parameters
    ----------
    frames : dict of str to Frame
        The five tables of a Dataset.
    ids : sequence of str, optional
        What the Dataset says its ids are.
    file : str
        For messages.
    target : str
        What the Dataset says its space is.
    unknown_space : str
        A policy, if one is asked for, see :func:`nimare_pipeline.unknown_spaces.settle`. Else foci
        of an unknown space are taken as ``target``, with a warning.
    """
    problems = _Problems(file)
    keys = _keys(frames, problems)
    place = {key[0]: number for number, key in enumerate(keys)}
    chosen = _chosen(ids, place, problems)
    rows = {
        name: _rows(frames[name], name, place, problems)
        for name in ("metadata", "images", "texts")
    }
    labels, matrix = _labels(frames["annotations"], place, problems)
    foci = _foci(
        frames["coordinates"], place, None if unknown_space else _space(target) or "MNI", problems
    )
    if any(problem.level == "error" for problem in problems):
        return [], None, problems
    contrasts = [
        _contrast(key, [rows[name][i] for name in rows], labels[i], foci[i], problems)
        for i, key in enumerate(keys)
    ]
    kept, settled = settle([one for one in contrasts if one.id in chosen], unknown_space)
    if matrix is not None and len(kept) < len(contrasts):
        left = {one.id for one in kept}
        rows_left = [i for i, one in enumerate(contrasts) if one.id in left]
        matrix = matrix.take(np.array(rows_left, dtype=np.int64))
    kept, nameless = named(kept, file)
    return kept, matrix, [*problems, *settled, *nameless]


def _chosen(ids: Sequence[str] | None, place: Mapping[str, int], problems: _Problems) -> set[str]:
    """Ids of the Dataset: those of its tables, or fewer if its own list has fewer of them."""
    if ids is None or set(ids) == set(place):
        return set(place)
    odd = sorted(set(ids) ^ set(place))
    # Slicing with NiMARE 0.0.3 shortened the list, but not every table.
    is_part = bool(ids) and set(ids) < set(place)
    taken = "list is" if is_part else "tables are"
    problems.warning(
        f"{counted(len(odd), 'id')} of its list of ids and its tables differ: "
        f"{listed([repr(one) for one in odd], 5)}; the {taken} taken"
    )
    return set(ids) if is_part else set(place)


def _keys(frames: Mapping[str, Frame], problems: _Problems) -> list[tuple[str, str, str]]:
    """Id, study and contrast of each row of the metadata, then of what only other tables have."""
    keys: dict[tuple[str, str, str], None] = {}
    for name in ("metadata", "images", "texts", "annotations", "coordinates"):
        table = frames[name]
        lacking = [column for column in ID_COLUMNS if column not in table.columns]
        if lacking and (table.n_rows or name == "metadata"):
            problems.error(f"table {name}: no column {', '.join(lacking)}")
        elif not lacking:
            cells = [
                [_text(one) for one in table.columns[column].tolist()] for column in ID_COLUMNS
            ]
            keys.update(dict.fromkeys(zip(*cells, strict=True)))
    wrong = [key[0] for key in keys if key[0] != f"{key[1]}-{key[2]}"]
    if wrong:
        problems.error(
            f"{counted(len(wrong), 'id')} not made of study and contrast: "
            f"{listed([repr(one) for one in wrong], 5)}",
            "<study>-<contrast>",
        )
    return list(keys)


def _rows(
    table: Frame, name: str, place: Mapping[str, int], problems: _Problems
) -> list[dict[str, Any]]:
    """What a table says of each contrast, without the gaps."""
    rows: list[dict[str, Any]] = [{} for _ in place]
    at = _places(table, place)
    twice = [number for number, count in enumerate(np.bincount(at, minlength=1)) if count > 1]
    if twice:
        known = list(place)
        ids = listed([repr(known[number]) for number in twice], 5)
        problems.error(f"table {name}: {counted(len(twice), 'id')} in several rows: {ids}")
    for column, cells in table.columns.items():
        if column not in ID_COLUMNS:
            for number, value in zip(at.tolist(), cells.tolist(), strict=True):
                if not is_missing(value):
                    rows[number][column] = value
    return rows


def _places(table: Frame, place: Mapping[str, int]) -> NDArray[np.int64]:
    if not table.n_rows or "id" not in table.columns:
        return np.zeros(0, dtype=np.int64)
    ids = table.columns["id"].tolist()
    return np.array([place[_text(one)] for one in ids], dtype=np.int64)


def _labels(
    table: Frame, place: Mapping[str, int], problems: _Problems
) -> tuple[list[dict[str, Any]], LabelMatrix | None]:
    columns = {name: cells for name, cells in table.columns.items() if name not in ID_COLUMNS}
    if len(columns) * table.n_rows <= _DENSE_CELLS:
        return _rows(table, "annotations", place, problems), None
    numbers = {
        name: found for name, cells in columns.items() if (found := _floats(cells)) is not None
    }
    others = {name: cells for name, cells in table.columns.items() if name not in numbers}
    rows = _rows(Frame(others, table.n_rows), "annotations", place, problems)
    return rows, _matrix(numbers, _places(table, place), len(place)) if numbers else None


def _matrix(columns: Mapping[str, NDArray[Any]], at: NDArray[np.int64], n: int) -> LabelMatrix:
    present = np.zeros(n, dtype=bool)
    indices, data, ends = [], [], [0]
    for cells in columns.values():
        column = np.zeros(n)
        column[at] = cells
        present[at] |= ~np.isnan(column[at])
        stored = np.flatnonzero(column)  # NaN included: a gap is not 0
        indices.append(stored.astype(np.int32))
        data.append(column[stored])
        ends.append(ends[-1] + len(stored))
    parts = (np.concatenate(data), np.concatenate(indices), np.array(ends, dtype=np.int64))
    values = sparse.csc_array(parts, shape=(n, len(columns)))
    if not present.all():  # a contrast without any label: missing as a whole
        values.data[~present[values.indices]] = 0
        values.eliminate_zeros()
    return LabelMatrix(tuple(columns), values, present)


def _foci(
    table: Frame, place: Mapping[str, int], assumed: str | None, problems: _Problems
) -> list[dict[str, Any]]:
    """xyz, spaces and values of the foci of each contrast."""
    nothing: dict[str, Any] = {"xyz": np.zeros((0, 3)), "spaces": (), "values": {}}
    if not table.n_rows:
        return [nothing] * len(place)
    axes = [_floats(table.columns.get(axis)) for axis in _XYZ]
    lacking = [axis for axis, cells in zip(_XYZ, axes, strict=True) if cells is None]
    if lacking:
        problems.error(f"table coordinates: no numbers in {', '.join(lacking)}", "numbers in mm")
        return [nothing] * len(place)
    at = _places(table, place)
    order = np.argsort(at, kind="stable")
    ends = np.searchsorted(at[order], np.arange(len(place) + 1))
    xyz = np.stack([cells for cells in axes if cells is not None], axis=1)[order]
    space = table.columns.get("space", np.full(table.n_rows, None, dtype=object))
    meant, original = _spaces(space[order].tolist(), assumed, problems)
    values = {
        name: _value_cells(cells[order])
        for name, cells in table.columns.items()
        if name not in (*ID_COLUMNS, *_XYZ, *_DERIVED, "space")
    }
    values["original_space"] = original
    bounds = list(zip(ends.tolist(), ends.tolist()[1:], strict=False))
    return [
        {
            "xyz": xyz[start:end],
            "spaces": tuple(meant[start:end]),
            "values": {name: tuple(cells[start:end]) for name, cells in values.items()},
        }
        for start, end in bounds
    ]


def _spaces(
    cells: list[Any], assumed: str | None, problems: _Problems
) -> tuple[list[str], list[str]]:
    """Space of each focus, and what is known of where it comes from."""
    names = ["" if is_missing(one) else str(one) for one in cells]
    kinds = {name: _space(name) for name in set(names)}
    unknown = [name for name in names if kinds[name] is None]
    if unknown and assumed:
        named = listed([repr(one) for one in dict.fromkeys(unknown)], 5)
        problems.warning(
            f"the space of {counted(len(unknown), 'focus', 'foci')} is unknown ({named}); "
            f"they are taken as {assumed}, as NiMARE does",
            "",
            "the selection original_space != 'UNKNOWN' leaves them out",
        )
    return (
        [kinds[name] or assumed or name for name in names],
        [kinds[name] or UNKNOWN for name in names],
    )


def _space(name: Any) -> str | None:
    text = str(name)
    # GingerALE's brain mask, one of NiMARE's targets, is in MNI space.
    return "MNI" if text.lower().startswith("ale") else spaces.recognise(text)


def _value_cells(cells: NDArray[Any]) -> list[Any]:
    """Cells; those that NiMARE wrote as texts although they are numbers, as numbers."""
    found = _floats(cells)
    if found is None:
        return cells.tolist()
    return [
        None if gap else value for value, gap in zip(found.tolist(), np.isnan(found), strict=True)
    ]


def _contrast(
    key: tuple[str, str, str],
    rows: Sequence[dict[str, Any]],
    labels: dict[str, Any],
    foci: dict[str, Any],
    problems: _Problems,
) -> Contrast:
    metadata, images, texts = rows
    given = metadata.pop("sample_sizes", None)
    sizes, clean = sample_sizes(given or metadata.get("sample_size"))
    if not clean:
        problems.warning(
            "a sample size that is not a positive number is taken as unknown",
            f"study {key[1]}, contrast {key[2]}",
        )
    return Contrast(
        key[1],
        key[2],
        sample_sizes=sizes,
        metadata=metadata,
        images=images,
        annotations=labels,
        texts=texts,
        file=problems.file,
        **foci,
    )


def _floats(cells: NDArray[Any] | None) -> NDArray[np.float64] | None:
    """Cells as numbers, gaps as NaN; None if they are something else."""
    if cells is None or cells.dtype.kind == "b":
        return None
    if cells.dtype.kind != "O":
        return cells.astype(float, copy=False)
    if any(isinstance(one, bool) for one in cells.tolist()):
        return None
    try:
        return cells.astype(float)
    except (TypeError, ValueError, OverflowError):
        return None


def _text(cell: Any) -> str:
    return "" if is_missing(cell) else str(cell)
