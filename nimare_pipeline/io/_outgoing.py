"""Contrasts on their way out: as they were read, before anything was converted."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from nimare_pipeline import packed
from nimare_pipeline.contrast import Contrast, is_missing
from nimare_pipeline.label_matrix import MOST_DENSE, LabelMatrix
from nimare_pipeline.spaces import recognise
from nimare_pipeline.tables import COORDINATE_COLUMNS, ID_COLUMNS, RELATIVE, Tables

REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""Images that are somewhere else: their addresses are no paths."""
_OURS = ("original_space", "space_transform", "source_file", "source_line", "sample_sizes")
"""Metadata that reading whole tables adds: they would be untrue of foci as published."""


@dataclass(frozen=True)
class SparseLabels(Mapping[str, Any]):
    """Annotations of one contrast, made when they are asked for: a database has millions.

    Parameters
    ----------
    plain : dict
        Those of the table of annotations.
    sets : sequence of _Labels
    number : int
        Row of the contrast.
    """

    plain: Mapping[str, Any]
    sets: Sequence["_Labels"]
    number: int

    def found(self) -> dict[str, Any]:
        """All of them."""
        found: dict[str, Any] = {}
        for one in reversed(self.sets):  # what stands in two sets is told by the first
            found |= one.row(self.number)
        return found | dict(self.plain)

    def __getitem__(self, name: str) -> Any:
        return self.found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found())

    def __len__(self) -> int:
        return len(self.found())

    def items(self) -> Any:
        """Pairs of label and value; made once, not once a label."""
        return self.found().items()


@dataclass(frozen=True)
class _Labels:
    """One set of labels by contrasts: all values of a small one, of a large one those not 0."""

    labels: tuple[str, ...]
    values: Any
    present: Any

    @classmethod
    def of(cls, matrix: LabelMatrix) -> "_Labels":
        values = sparse.csr_array(matrix.values) if is_large(matrix) else matrix.values.toarray()
        return cls(matrix.labels, values, matrix.present)

    def row(self, number: int) -> dict[str, Any]:
        if isinstance(self.values, np.ndarray):
            told = self.values[number].tolist()
            return dict(zip(self.labels, told, strict=True)) if self.present[number] else {}
        one = slice(*self.values.indptr[number : number + 2])
        names = (self.labels[column] for column in self.values.indices[one])
        return dict(zip(names, self.values.data[one].tolist(), strict=True))


def from_tables(tables: Tables) -> list[Contrast]:
    """Contrasts of tables that were read with ``tal2mni="none"``, foci as published.

    A focus of Talairach space is given back its space. A space that is neither is told by the
    metadata ``original_space``.
    """
    foci = tables.coordinates
    places = {name: number for number, name in enumerate(tables.metadata["id"].tolist())}
    owner = foci["id"].map(places).to_numpy(dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(len(places) + 1))
    xyz = foci[["x", "y", "z"]].to_numpy(dtype=float)[order]
    original = foci["original_space"].to_numpy(dtype=object)[order]
    columns = {
        str(name): foci[name].to_numpy(dtype=object)[order]
        for name in foci.columns
        if name not in COORDINATE_COLUMNS
    }
    labels = _labels(tables)
    parts = [list(_rows(table)) for table in (tables.metadata, tables.images, tables.texts)]
    sizes = tables.metadata["sample_sizes"].tolist()
    keys = tables.metadata[list(ID_COLUMNS)].itertuples(index=False)
    return [
        Contrast(
            study_id=str(key.study_id),
            contrast_id=str(key.contrast_id),
            xyz=xyz[ends[i] : ends[i + 1]],
            spaces=tuple(
                "TAL" if space == "TAL" else "MNI" for space in original[ends[i] : ends[i + 1]]
            ),
            sample_sizes=tuple(sizes[i] or ()),
            metadata=_metadata(parts[0][i], original[ends[i] : ends[i + 1]]),
            images=parts[1][i],
            texts=parts[2][i],
            annotations=labels[i],
            values={
                name: tuple(column[ends[i] : ends[i + 1]]) for name, column in columns.items()
            },
        )
        for i, key in enumerate(keys)
    ]


def told_once(contrast: Contrast) -> Contrast:
    """The contrast with a space that is no known one told by its metadata, not by each focus."""
    named = {str(space) for space in contrast.values.get("original_space", ())}
    if len(named) != 1 or recognise(*named) or "original_space" in contrast.metadata:
        return contrast
    values = {name: own for name, own in contrast.values.items() if name != "original_space"}
    metadata = {"original_space": named.pop(), **contrast.metadata}
    return replace(contrast, metadata=metadata, values=values)


def is_large(matrix: LabelMatrix) -> bool:
    """Whether a set of labels is too large to write every 0 of it."""
    return matrix.values.shape[0] * len(matrix.labels) > MOST_DENSE


def moved(
    contrasts: Sequence[Contrast], folders: Sequence[Path], target: Path
) -> tuple[list[Contrast], int]:
    """Contrasts whose images are named from another folder.

    Only paths that lead to a file from where they stand are changed: others count from a folder
    that the user names later.

    Parameters
    ----------
    contrasts : sequence of Contrast
    folders : sequence of Path
        Folder that the paths of each contrast count from.
    target : Path
        Folder that they are to count from.

    Returns
    -------
    contrasts : list of Contrast
    lacking : int
        Paths that lead nowhere, and are as they were.
    """
    found, lacking = [], 0
    for contrast, folder in zip(contrasts, folders, strict=True):
        if not contrast.images:
            found.append(contrast)
            continue
        images = dict(contrast.images)
        for kind, path in contrast.images.items():
            if kind == "space" or not _is_relative(path):
                continue
            place = folder / str(path)
            if place.is_file() or packed.inside(place) is not None:
                images[kind] = Path(os.path.relpath(place, target)).as_posix()
            else:
                lacking += 1
        found.append(replace(contrast, images=images))
    return found, lacking


def _is_relative(path: Any) -> bool:
    text = "" if is_missing(path) else str(path)
    return bool(text) and not REMOTE.match(text) and not Path(text).is_absolute()


def grouped(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Contrasts with those of a study together, in order of first appearance."""
    studies: dict[str, list[Contrast]] = {}
    for contrast in contrasts:
        studies.setdefault(contrast.study_id, []).append(contrast)
    return [contrast for found in studies.values() for contrast in found]


def by_study(contrasts: Sequence[Contrast]) -> Iterator[list[Contrast]]:
    """Contrasts of each study, of contrasts that are grouped."""
    own: list[Contrast] = []
    for contrast in contrasts:
        if own and contrast.study_id != own[0].study_id:
            yield own
            own = []
        own.append(contrast)
    if own:
        yield own


def image_paths(images: Mapping[str, Any]) -> dict[str, str]:
    """One path an image type, the relative one where there are two: it can move with the file."""
    found: dict[str, str] = {}
    for kind, path in images.items():
        plain = kind.removesuffix(RELATIVE)
        if kind == "space" or is_missing(path) or (plain in found and plain == kind):
            continue
        found[plain] = str(path)
    return found


def _labels(tables: Tables) -> list[Mapping[str, Any]]:
    plain = list(_rows(tables.annotations))
    sets = [_Labels.of(one) for one in tables.matrices]
    if not any(is_large(one) for one in tables.matrices):
        return [SparseLabels(own, sets, i).found() for i, own in enumerate(plain)]
    return [SparseLabels(own, sets, i) for i, own in enumerate(plain)]


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in table.columns if name not in ID_COLUMNS]
    cells = [table[name].tolist() for name in names]
    if not names:
        yield from ({} for _ in range(len(table)))
    for row in zip(*cells, strict=True):
        yield {
            name: value for name, value in zip(names, row, strict=True) if not is_missing(value)
        }


def _metadata(row: Mapping[str, Any], original: Any) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name not in _OURS}
    odd = dict.fromkeys(space for space in original if space not in ("MNI", "TAL"))
    # Without foci there is no other place to say it.
    told = ", ".join(odd) if len(original) else row.get("original_space")
    return {"original_space": told, **found} if told else found
