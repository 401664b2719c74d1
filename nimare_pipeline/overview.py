"""What a dataset holds, in numbers: what a person needs to know to write a selection."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from nimare_pipeline import spaces
from nimare_pipeline.contrast import is_missing
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.pooling import Several, several
from nimare_pipeline.suspects import distances
from nimare_pipeline.tables import ID_COLUMNS, INCLUDE, RELATIVE, Tables

_MOST_OUTSIDE = 100
"""Foci outside the mask that are listed."""

Kind = Literal["number", "true/false", "text", "list", "mixed"]


@dataclass(frozen=True)
class Field:
    """One column of a table with one row a contrast.

    Parameters
    ----------
    name : str
    kind : str
        ``number``, ``true/false``, ``text``, ``list``, or ``mixed``.
    n : int
        Contrasts that have a value.
    smallest, largest : float or None
        Of numbers.
    values : dict of str to int
        Other values as text, with the number of contrasts, most frequent first.
    """

    name: str
    kind: Kind
    n: int
    smallest: float | None
    largest: float | None
    values: dict[str, int]


@dataclass(frozen=True)
class Outside:
    """A focus outside the mask: its contrast, MNI coordinates, and mm from the brain."""

    id: str
    xyz: tuple[float, float, float]
    distance_mm: float


@dataclass(frozen=True)
class Overview:
    """Numbers of a dataset.

    Parameters
    ----------
    several : Several or None
        Studies with several contrasts, which may be on the same people.
    n_studies, n_contrasts, n_foci : int
    n_foci_outside : int
        Foci whose voxel is not in the mask.
    outside : tuple of Outside
        The farthest of them, the farthest first.
    mask : str
        Which mask.
    n_participants : float
        Of all contrasts whose sample size is known, all groups together.
    sample_sizes : tuple of float or None
        Smallest, median and largest, of the mean of each contrast's groups; None if none is known.
    no_sample_size, no_foci, not_included : tuple of str
        Ids of contrasts without sample size, without foci, and with ``include`` false.
    foci_by_space : dict of str to int
        Foci by the space they were published in.
    transforms : dict of str to int
        Contrasts by the way their foci came into MNI space.
    images : dict of str to int
        Contrasts that have an image, by its type.
    annotations, metadata : tuple of Field
    texts : dict of str to int
        Contrasts that have a text, by its kind.
    """

    several: Several | None
    n_studies: int
    n_contrasts: int
    n_foci: int
    n_foci_outside: int
    outside: tuple[Outside, ...]
    mask: str
    n_participants: float
    sample_sizes: tuple[float, float, float] | None
    no_sample_size: tuple[str, ...]
    no_foci: tuple[str, ...]
    not_included: tuple[str, ...]
    foci_by_space: dict[str, int]
    transforms: dict[str, int]
    images: dict[str, int]
    annotations: tuple[Field, ...]
    metadata: tuple[Field, ...]
    texts: dict[str, int]


def overview(dataset: Dataset) -> Overview:
    """Numbers of a dataset, with its own mask."""
    foci, metadata = dataset.coordinates, dataset.metadata
    xyz = foci[["x", "y", "z"]].to_numpy(dtype=float)
    is_outside = ~spaces.contains(dataset.mask, xyz)
    sizes = dataset.sample_sizes()
    known = sizes[~np.isnan(sizes)]
    ids = dataset.ids
    flags = metadata[INCLUDE].tolist() if INCLUDE in metadata else [None] * len(ids)
    with_foci = set(foci["id"])
    transforms = [text for text in metadata["space_transform"].tolist() if text]
    return Overview(
        several=several(metadata["study_id"]),
        n_studies=metadata["study_id"].nunique(),
        n_contrasts=len(ids),
        n_foci=len(foci),
        n_foci_outside=int(is_outside.sum()),
        outside=_outside(foci["id"].to_numpy()[is_outside], xyz[is_outside]),
        mask=dataset.mask.name,
        n_participants=float(np.nansum(dataset.n_participants())),
        sample_sizes=_range(known),
        no_sample_size=tuple(ids[np.isnan(sizes)]),
        no_foci=tuple(name for name in ids if name not in with_foci),
        not_included=tuple(name for name, flag in zip(ids, flags, strict=True) if flag is False),
        foci_by_space=_counts(foci["original_space"].tolist()),
        transforms=_counts(transforms),
        images=_images(dataset.images),
        annotations=(*_fields(dataset.tables.annotations), *_label_fields(dataset.tables)),
        metadata=_fields(metadata.drop(columns=["sample_sizes"])),
        texts={field.name: field.n for field in _fields(dataset.texts)},
    )


def _outside(ids: Any, xyz: Any) -> tuple[Outside, ...]:
    apart = distances(xyz)
    return tuple(
        Outside(ids[i], tuple(np.round(xyz[i], 2).tolist()), round(float(apart[i]), 1))
        for i in np.argsort(-apart, kind="stable")[:_MOST_OUTSIDE]
    )


def _range(sizes: Any) -> tuple[float, float, float] | None:
    if not len(sizes):
        return None
    return float(sizes.min()), float(np.median(sizes)), float(sizes.max())


def _counts(values: Sequence[Any]) -> dict[str, int]:
    return dict(Counter(map(_text, values)).most_common())


def _images(images: pd.DataFrame) -> dict[str, int]:
    counts: dict[str, set[str]] = {}
    for name in images.columns:
        kind = name.removesuffix(RELATIVE)
        if kind not in (*ID_COLUMNS, "space"):
            counts.setdefault(kind, set()).update(images.loc[images[name].notna(), "id"])
    return {kind: len(found) for kind, found in counts.items()}


def _fields(table: pd.DataFrame) -> tuple[Field, ...]:
    names = [name for name in table.columns if name not in ID_COLUMNS]
    return tuple(_field(name, table[name].tolist()) for name in names)


def _label_fields(tables: Tables) -> Iterator[Field]:
    """Labels of sparse sets; ``n`` counts contrasts where a label is not 0."""
    for matrix in tables.matrices:
        values, n_present = matrix.values, int(matrix.present.sum())
        for number, name in enumerate(matrix.labels):
            data = values.data[slice(*values.indptr[number : number + 2])]
            data = data[~np.isnan(data)]
            ends = [*data, *([0.0] if len(data) < n_present else [])]
            n = int((data != 0).sum())
            yield Field(name, "number", n, float(min(ends)), float(max(ends)), {})


def _field(name: str, cells: Sequence[Any]) -> Field:
    # Empty text is what a contrast without foci has for a space: nothing to select by.
    values = [value for value in cells if not is_missing(value) and value != ""]
    kinds = {_kind(value) for value in values}
    kind: Kind = kinds.pop() if len(kinds) == 1 else "mixed"
    if kind == "number":
        return Field(name, kind, len(values), float(min(values)), float(max(values)), {})
    return Field(name, kind, len(values), None, None, _counts(values))


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "list"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value))
    return str(value)
