"""The tables of a Dataset, made from contrasts and turned back into them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults, spaces
from nimare_pipeline.contrast import Contrast, is_missing
from nimare_pipeline.label_matrix import LabelMatrix, stacked_matrices

ID_COLUMNS = ("id", "study_id", "contrast_id")
COORDINATE_COLUMNS = (*ID_COLUMNS, "x", "y", "z", "space", "original_space")
METADATA_COLUMNS = ("original_space", "space_transform", "sample_sizes")
"""Columns that the metadata table always has, after the ids."""
SAMPLE_SIZE_FILLED = "sample_size_filled"
"""Metadata column of what is analysed: a policy decided, for the file gives no sample size."""
COORDINATE_SOURCE = "coordinate_source"
"""Metadata column: where foci are from, where some are peaks of images."""
ORIGINAL, FROM_IMAGE = "original", "image"
"""Its values."""
INCLUDE, INCLUDE_REASON = "include", "include_reason"
"""Metadata columns: False keeps a contrast out of every analysis; and why, in words."""
RELATIVE = "__relative"
"""Suffix of the image columns whose paths are relative to a folder named later."""

FRAMES = ("coordinates", "metadata", "images", "annotations", "texts")
"""Tables by name."""

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True)
class Tables:
    """The tables of a Dataset; each begins with ``id``, ``study_id`` and ``contrast_id``.

    ``coordinates`` has one row a focus, the others one row a contrast, all in file order.
    ``matrices`` are further annotations, sparse: sets of labels too many for a table.
    """

    coordinates: pd.DataFrame
    metadata: pd.DataFrame
    images: pd.DataFrame
    annotations: pd.DataFrame
    texts: pd.DataFrame
    matrices: tuple[LabelMatrix, ...] = ()

    def frames(self) -> dict[str, pd.DataFrame]:
        """The five tables by name."""
        return {name: getattr(self, name) for name in FRAMES}

    def copy(self) -> "Tables":
        """Copy with tables of its own; matrices are never changed, and shared."""
        frames = {name: table.copy() for name, table in self.frames().items()}
        return Tables(**frames, matrices=self.matrices)

    def only(self, ids: Collection[str]) -> "Tables":
        """Rows of some contrasts, in the order they have here."""
        wanted = set(ids)
        rows = np.flatnonzero(self.metadata["id"].isin(wanted).to_numpy(dtype=bool))
        frames = {
            name: table[table["id"].isin(wanted)].reset_index(drop=True)
            for name, table in self.frames().items()
        }
        return Tables(**frames, matrices=tuple(one.take(rows) for one in self.matrices))

    def merged(self, other: "Tables") -> "Tables":
        """Rows of both, these first."""
        theirs = other.frames()
        frames = {
            name: stacked(table, theirs[name], ("x", "y", "z") if name == "coordinates" else ())
            for name, table in self.frames().items()
        }
        counts = len(self.metadata), len(other.metadata)
        matrices = stacked_matrices(self.matrices, counts[0], other.matrices, counts[1])
        return Tables(**frames, matrices=matrices)

    def renamed(self, names: Mapping[str, tuple[str, str]]) -> "Tables":
        """Contrasts under other ids.

        Parameters
        ----------
        names : dict of str to (str, str)
            Study and contrast id by the id they have; other contrasts keep theirs.
        """
        if not names:
            return self
        frames = {name: _renamed(table, names) for name, table in self.frames().items()}
        return Tables(**frames, matrices=self.matrices)

    def labels(self) -> list[str]:
        """Names of all annotations, each once."""
        plain = [str(name) for name in self.annotations.columns if name not in ID_COLUMNS]
        return list(dict.fromkeys([*plain, *(name for m in self.matrices for name in m.labels)]))

    def label(self, name: str) -> pd.Series:
        """Values of an annotation; what one set does not say may stand in another."""
        parts = [self.annotations[name]] if name in self.annotations.columns else []
        parts += [pd.Series(one.column(name)) for one in self.matrices if name in one]
        found = parts[0]
        for part in parts[1:]:
            found = found.where(found.notna(), part)
        return found

    def all_annotations(self) -> pd.DataFrame:
        """Table of all annotations; columns of large matrices are pandas' sparse ones."""
        if not self.matrices:
            return self.annotations
        whole = pd.concat([self.annotations, *(one.frame() for one in self.matrices)], axis=1)
        twice = whole.columns[whole.columns.duplicated()].unique()
        if len(twice):
            whole = whole.loc[:, ~whole.columns.duplicated()].assign(
                **{str(name): self.label(str(name)) for name in twice}
            )
        return whole


def tables_of(contrasts: Sequence[Contrast], tal2mni: str = defaults.TAL2MNI) -> Tables:
    """Tables of checked contrasts, with every focus in MNI space.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Without errors, see :func:`nimare_pipeline.contrast.check`.
    tal2mni : str
        Way from Talairach to MNI, see :func:`nimare_pipeline.spaces.tal2mni`.
    """
    ids = [(contrast.id, contrast.study_id, contrast.contrast_id) for contrast in contrasts]
    located = [_located(contrast, tal2mni) for contrast in contrasts]
    metadata = [_metadata(*pair) for pair in zip(contrasts, located, strict=True)]
    return Tables(
        coordinates=_coordinates(contrasts, located),
        metadata=frame(ids, metadata, always=METADATA_COLUMNS),
        images=frame(ids, [_image_columns(contrast.images) for contrast in contrasts]),
        annotations=frame(ids, [contrast.annotations for contrast in contrasts]),
        texts=frame(ids, [contrast.texts for contrast in contrasts]),
    )


def frame(
    ids: Sequence[tuple[str, ...]],
    rows: Sequence[Mapping[str, Any]],
    always: Sequence[str] = (),
) -> pd.DataFrame:
    """Table with the three id columns and every field of ``rows`` that somewhere has a value.

    Columns stand in order of first appearance, so that a table written without its gaps comes back
    the same. Those in ``always`` are there even when empty.
    """
    names = dict.fromkeys(
        [
            *always,
            *(
                name
                for row in rows
                for name, value in row.items()
                if name not in ID_COLUMNS and not is_missing(value)
            ),
        ]
    )
    data = {
        name: pd.Series([key[i] for key in ids], dtype=object) for i, name in enumerate(ID_COLUMNS)
    }
    data |= {name: typed([row.get(name) for row in rows]) for name in names}
    return framed(data)


def framed(data: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Table of columns, whose names may be any text.

    Where pyarrow is installed pandas keeps names in it, and it refuses lone surrogates.
    """
    if not any("\ud800" <= letter <= "\udfff" for name in data for letter in name):
        return pd.DataFrame(data)
    with pd.option_context("mode.string_storage", "python"):
        return pd.DataFrame(data)


def typed(values: Sequence[Any]) -> pd.Series:
    """Column with the plainest type that keeps every value.

    Whole numbers without gaps are int64, numbers with gaps float64 (the gap is NaN), truth values
    without gaps bool; all else are objects, whose gap is None.
    """
    present = [value for value in values if not is_missing(value)]
    kinds = {_kind(value) for value in present}
    complete = len(present) == len(values)
    if not present or kinds == {bool}:
        if present and complete:
            return pd.Series(values, dtype=bool)
    elif kinds == {int} and complete:
        return pd.Series(values, dtype=np.int64)
    elif kinds <= {int, float}:
        numbers = [np.nan if is_missing(value) else float(value) for value in values]
        return pd.Series(numbers, dtype=float)
    cells = [None if is_missing(value) else value for value in values]
    return pd.Series(cells, dtype=object)


def stacked(
    first: pd.DataFrame, second: pd.DataFrame, floats: Collection[str] = ()
) -> pd.DataFrame:
    """Rows of both tables, with the columns of both; what one of them lacks is missing.

    Columns in ``floats`` are float64 even where every value is a whole number.
    """
    names = list(dict.fromkeys([*first.columns, *second.columns]))
    cells = {
        name: [
            value
            for table in (first, second)
            for value in (table[name].tolist() if name in table else [None] * len(table))
        ]
        for name in names
    }
    return framed(
        {
            name: pd.Series(values, dtype=float) if name in floats else typed(values)
            for name, values in cells.items()
        }
    )


def filled_in(metadata: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a policy put in the sample size of a contrast, (n_contrasts,)."""
    # Of merged datasets one may have no mark: None, which is no True.
    if SAMPLE_SIZE_FILLED not in metadata:
        return np.zeros(len(metadata), dtype=bool)
    return np.array([mark is True for mark in metadata[SAMPLE_SIZE_FILLED].tolist()], dtype=bool)


def to_contrasts(tables: Tables) -> list[Contrast]:
    """Contrasts that :func:`tables_of` turns into the same tables; foci are in MNI space."""
    foci = dict(iter(tables.coordinates.groupby("id", sort=False)))
    values = [name for name in tables.coordinates.columns if name not in COORDINATE_COLUMNS]
    none = tables.coordinates.iloc[:0]
    rows = [
        [_present(row) for row in _records(table)]
        for table in (tables.metadata, tables.images, tables.annotations, tables.texts)
    ]
    for matrix in tables.matrices:
        for row, more in zip(rows[2], matrix.row_values(), strict=True):
            row.update({name: value for name, value in more.items() if name not in row})
    contrasts = []
    keys = tables.metadata[list(ID_COLUMNS)].itertuples(index=False)
    for key, metadata, images, annotations, texts in zip(keys, *rows, strict=True):
        points = foci.get(key.id, none)
        contrasts.append(
            Contrast(
                study_id=key.study_id,
                contrast_id=key.contrast_id,
                xyz=points[["x", "y", "z"]].to_numpy(dtype=float),
                spaces=tuple(points["space"]),
                sample_sizes=tuple(metadata.pop("sample_sizes", None) or ()),
                metadata=metadata,
                images=images,
                annotations=annotations,
                texts=texts,
                values={
                    name: tuple(points[name].tolist()) for name in ("original_space", *values)
                },
            )
        )
    return contrasts


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    names = [name for name in table.columns if name not in ID_COLUMNS]
    cells = [table[name].tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)] or [
        {} for _ in range(len(table))
    ]


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not is_missing(value)}


def _kind(value: Any) -> type:
    if isinstance(value, bool | np.bool_):
        return bool
    if isinstance(value, int | np.integer):
        return int if -(2**63) <= value < 2**63 else object
    return float if isinstance(value, float | np.floating) else object


def _renamed(table: pd.DataFrame, names: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    if not len(table):
        return table
    now = list(zip(*(table[name].tolist() for name in ID_COLUMNS), strict=True))
    pairs = [names.get(name, (study, contrast)) for name, study, contrast in now]
    rows = [(f"{study}-{contrast}", study, contrast) for study, contrast in pairs]
    columns = zip(ID_COLUMNS, zip(*rows, strict=True), strict=True)
    return table.assign(
        **{name: pd.Series(cells, index=table.index, dtype=object) for name, cells in columns}
    )


@dataclass(frozen=True)
class _Located:
    """Foci of a contrast in MNI space."""

    xyz: NDArray[np.float64]
    original: tuple[str, ...]
    transform: str


def _located(contrast: Contrast, tal2mni: str) -> _Located:
    known = tuple(str(spaces.recognise(space)) for space in contrast.spaces)
    transform = f"tal2mni-{tal2mni}" if "TAL" in known else "none"
    # A snapshot of an earlier reading holds converted foci, and says where they came from.
    earlier = contrast.values.get("original_space", ())
    original = tuple(str(space) for space in earlier) if len(earlier) == len(known) else known
    return _Located(
        contrast.to_mni(tal2mni),
        original,
        str(contrast.metadata.get("space_transform") or transform),
    )


def _metadata(contrast: Contrast, located: _Located) -> dict[str, Any]:
    read = contrast.metadata
    where = {
        "original_space": read.get("original_space") or ", ".join(dict.fromkeys(located.original)),
        "space_transform": located.transform if len(located.xyz) else "",
        "sample_sizes": list(contrast.sample_sizes) or None,
    }
    if "space_transform" not in read:  # a snapshot knows the file it came from first, or none
        where |= {"source_file": contrast.file or None, "source_line": contrast.line or None}
    return where | {name: value for name, value in read.items() if name not in where}


def _coordinates(contrasts: Sequence[Contrast], located: Sequence[_Located]) -> pd.DataFrame:
    counts = [len(place.xyz) for place in located]
    xyz = np.concatenate([place.xyz for place in located]) if located else np.zeros((0, 3))
    data = {
        name: pd.Series(np.repeat(np.array(keys, dtype=object), counts), dtype=object)
        for name, keys in (
            ("id", [contrast.id for contrast in contrasts]),
            ("study_id", [contrast.study_id for contrast in contrasts]),
            ("contrast_id", [contrast.contrast_id for contrast in contrasts]),
        )
    }
    data |= {axis: pd.Series(xyz[:, i], dtype=float) for i, axis in enumerate("xyz")}
    data["space"] = pd.Series(["MNI"] * len(xyz), dtype=object)
    original = [space for place in located for space in place.original]
    data["original_space"] = pd.Series(original, dtype=object)
    names = dict.fromkeys(
        name for contrast in contrasts for name in contrast.values if name not in data
    )
    for name in names:
        empty = [(None,) * count for count in counts]
        cells = [
            cell
            for contrast, gap in zip(contrasts, empty, strict=True)
            for cell in contrast.values.get(name, gap)
        ]
        data[name] = typed(cells)
    return framed(data)


def _image_columns(images: Mapping[str, Any]) -> dict[str, Any]:
    # As NiMARE names them: a relative path keeps its column, so that update_path can be repeated.
    columns: dict[str, Any] = {}
    for name, path in images.items():
        if is_missing(path):
            continue
        if name == "space" or name.endswith(RELATIVE):
            columns[name] = path
        elif str(path).startswith("/") or _REMOTE.match(str(path)):
            columns[name] = str(path)
        else:
            columns[name + RELATIVE] = str(path)
    return columns
