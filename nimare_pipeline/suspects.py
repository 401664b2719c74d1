"""Foci of a whole dataset in arrays, as the checks for suspicious data want them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from nimare_pipeline import defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import ABSURD_MM, Contrast, is_missing
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import ID_COLUMNS, Tables

NEAR_MM = 5.0
"""A focus is taken to be of the brain up to this distance from the mask: foci are peaks of
smoothed maps, and brains differ."""


@dataclass(frozen=True)
class Suspects:
    """Contrasts and foci to be looked at.

    Parameters
    ----------
    studies, contrasts : sequence of str
        Study and contrast id of each contrast.
    file_of, place_of : callable
        File and place of a contrast, by its number, for messages.
    published, mni : (n_foci, 3) float array
        Foci as they were published, and in MNI space, mm; sorted by contrast.
    owner : (n_foci,) int array
        Number of the contrast of each focus.
    is_talairach : (n_foci,) bool array
        Whether a focus is said to be in Talairach space.
    sizes : sequence of tuple of float
        Sample sizes of each contrast's groups; empty if unknown.
    metadata : dict of str to sequence
        Columns of metadata, a cell a contrast.
    """

    studies: Sequence[str]
    contrasts: Sequence[str]
    file_of: Callable[[int], str]
    place_of: Callable[[int], str]
    published: NDArray[np.float64]
    mni: NDArray[np.float64]
    owner: NDArray[np.int64]
    is_talairach: NDArray[np.bool_]
    sizes: Sequence[tuple[float, ...]] = ()
    metadata: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Foci of each contrast, (n_contrasts,)."""
        return np.bincount(self.owner, minlength=len(self.studies))

    def of(self, number: int) -> slice:
        """Where the foci of a contrast stand."""
        start, end = np.searchsorted(self.owner, [number, number + 1])
        return slice(int(start), int(end))

    def name(self, number: int) -> str:
        """``<study_id>-<contrast_id>``."""
        return f"{self.studies[number]}-{self.contrasts[number]}"

    def warn(self, number: int, kind: str, message: str, advice: str = "") -> Problem:
        """Warning about a contrast, by its number."""
        return Problem(
            "warning", message, self.file_of(number), self.place_of(number), advice, kind
        )

    def note(self, number: int, kind: str, message: str, advice: str = "") -> Problem:
        """Note about a contrast, by its number."""
        return replace(self.warn(number, kind, message, advice), level="note")


def of_contrasts(
    contrasts: Sequence[Contrast], tal2mni: str = defaults.TAL2MNI, base_file: str = ""
) -> Suspects:
    """Contrasts as a reader gave them; those that have errors of their own are left out."""
    sound = [one for one in contrasts if _is_sound(one)]
    counts = [len(one.xyz) for one in sound]
    empty = np.zeros((0, 3))
    names = dict.fromkeys(name for one in sound for name in one.metadata)
    return Suspects(
        [one.study_id for one in sound],
        [one.contrast_id for one in sound],
        lambda i: sound[i].file or base_file,
        lambda i: sound[i].problem("warning", "").where,
        np.concatenate([empty, *(np.asarray(one.xyz, dtype=float) for one in sound)]),
        np.concatenate([empty, *(one.to_mni(tal2mni) for one in sound)]),
        np.repeat(np.arange(len(sound)), counts),
        np.array([spaces.recognise(name) == "TAL" for one in sound for name in one.spaces], bool),
        [one.sample_sizes for one in sound],
        {name: [one.metadata.get(name) for one in sound] for name in names},
    )


def of_tables(tables: Tables, tal2mni: str = defaults.TAL2MNI, base_file: str = "") -> Suspects:
    """Contrasts of whole tables, whose foci are in MNI space already."""
    metadata, foci = tables.metadata, tables.coordinates
    position = {name: i for i, name in enumerate(metadata["id"].tolist())}
    owner = foci["id"].map(position).to_numpy(dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    owner, mni = owner[order], foci[["x", "y", "z"]].to_numpy(dtype=float)[order]
    names = foci["original_space"].astype("category")
    talairach = [spaces.recognise(name) == "TAL" for name in names.cat.categories]
    is_tal = np.array([*talairach, False], bool)[names.cat.codes.to_numpy()[order]]
    published = mni.copy()
    # Rounded: the way there and back leaves traces in the last digits.
    published[is_tal] = np.round(spaces.mni2tal(mni[is_tal], tal2mni), 2)
    studies, contrasts = metadata["study_id"].tolist(), metadata["contrast_id"].tolist()
    files = metadata["source_file"].tolist() if "source_file" in metadata else []
    lines = metadata["source_line"].tolist() if "source_line" in metadata else []

    def place(i: int) -> str:
        where = f"study {studies[i]}, contrast {contrasts[i]}"
        known = bool(lines) and not is_missing(lines[i])
        return f"line {int(lines[i])} ({where})" if known else where

    cells = metadata["sample_sizes"].tolist()
    return Suspects(
        studies,
        contrasts,
        lambda i: str(files[i]) if files and not is_missing(files[i]) else base_file,
        place,
        published,
        mni,
        owner,
        is_tal,
        [() if is_missing(cell) else tuple(cell) for cell in cells],
        {str(name): metadata[name].tolist() for name in metadata if name not in ID_COLUMNS},
    )


def keys_of(xyz: NDArray[np.float64]) -> NDArray[np.int64]:
    """One number a focus, by its coordinates to 0.01 mm."""
    parts = np.round(xyz * 100).astype(np.int64) + 100_000
    return np.asarray((parts[:, 0] * 200_001 + parts[:, 1]) * 200_001 + parts[:, 2])


def distances(xyz: NDArray[np.float64], *, farthest_mm: float = np.inf) -> NDArray[np.float64]:
    """Distance of MNI points from the nearest voxel of the brain mask, mm; 0 in it.

    Parameters
    ----------
    xyz : (n, 3) float array
        mm.
    farthest_mm : float
        Points beyond the grid of the mask that are farther away are said to be infinitely far:
        to find the nearest of 20,000 voxels takes them long.

    Returns
    -------
    (n,) float array
        On the grid of the mask to half a voxel, beyond it exactly.
    """
    mask = _mask()
    inverse = _inverse()
    ijk = np.floor(xyz @ inverse[:3, :3].T + inverse[:3, 3] + 0.5)
    on_grid = ((ijk >= 0) & (ijk < mask.shape)).all(axis=1)
    found = np.empty(len(xyz))
    found[on_grid] = _distance_table()[tuple(ijk[on_grid].astype(np.int64).T)]
    if not on_grid.all():
        limit = np.nextafter(farthest_mm, np.inf)
        found[~on_grid] = _surface().query(xyz[~on_grid], distance_upper_bound=limit)[0]
    return found


def near(xyz: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether MNI points lie in the brain or up to ``NEAR_MM`` from it, (n,)."""
    return distances(xyz, farthest_mm=NEAR_MM) <= NEAR_MM


def _is_sound(one: Contrast) -> bool:
    known = None not in map(spaces.recognise, one.spaces) and len(one.spaces) == len(one.xyz)
    return known and bool(np.isfinite(one.xyz).all()) and not (np.abs(one.xyz) > ABSURD_MM).any()


@lru_cache(maxsize=1)
def _mask() -> BrainMask:
    return spaces.template_mask("mni152_2mm")


@lru_cache(maxsize=1)
def _inverse() -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(_mask().affine))


@lru_cache(maxsize=1)
def _distance_table() -> NDArray[np.float64]:
    """Distance of each voxel from the mask, mm."""
    mask = _mask()
    return np.asarray(ndimage.distance_transform_edt(~mask.inside, sampling=mask.zooms))


@lru_cache(maxsize=1)
def _surface() -> KDTree:
    """Centres of the outermost voxels of the mask, mm."""
    mask = _mask()
    ijk = np.argwhere(mask.inside & ~ndimage.binary_erosion(mask.inside))
    return KDTree(ijk @ mask.affine[:3, :3].T + mask.affine[:3, 3])
