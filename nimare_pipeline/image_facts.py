"""Images on the voxels of a mask, and the facts of each that tell whether to believe it."""

from dataclasses import dataclass, replace
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.volumes import Volume

MOST_LABELS = 64
"""An image of whole numbers with no more different ones than this is one of labels."""
_LEAST_WEIGHT = 0.5
"""Of the neighbours of a resampled voxel, by weight, that must have data."""
_SAME_MM = 1e-3
"""Voxel centres that lie this near to each other are the same place."""
_MOST_GRIDS = 8
"""Grids whose places are remembered: the images of a study lie on one."""


@dataclass(frozen=True)
class ImageFacts:
    """What an image was like before it came to the mask, and on it.

    Parameters
    ----------
    id, kind, file : str
        Contrast, kind of image, path.
    shape : tuple of int
        Of the grid of the file.
    zooms : tuple of float
        Voxel sizes, mm.
    orientation : str
        Of the axes, for example ``RAS``.
    grid : str
        How it came to the mask: ``same`` where each voxel of the mask is one of the image, be it
        cut or flipped; ``linear`` or ``nearest`` where it was resampled.
    placed : bool
        Whether the header says where the voxels lie.
    notes : tuple of str
        What is odd about the file.
    statistic : str
        What the header says it is, see :class:`nimare_pipeline.volumes.Volume`.
    n_voxels : int
        Voxels of the mask.
    n_outside, n_nan, n_zero : int
        Voxels of the mask beyond the image, not finite in it, and exactly 0.
    low, high : float
        Smallest and largest value of the others; NaN if there are none.
    smallest : float
        Smallest absolute value of the others.
    n_whole, n_distinct : int
        Those that are whole numbers; different values, counted up to a bound.
    """

    id: str
    kind: str
    file: str
    shape: tuple[int, ...] = ()
    zooms: tuple[float, ...] = ()
    orientation: str = ""
    grid: str = "same"
    placed: bool = True
    notes: tuple[str, ...] = ()
    statistic: str = ""
    n_voxels: int = 0
    n_outside: int = 0
    n_nan: int = 0
    n_zero: int = 0
    low: float = float("nan")
    high: float = float("nan")
    smallest: float = float("nan")
    n_whole: int = 0
    n_distinct: int = 0

    @property
    def n_valid(self) -> int:
        """Voxels of the mask with a value that is finite and not 0."""
        return self.n_voxels - self.n_outside - self.n_nan - self.n_zero


@dataclass(frozen=True)
class _Places:
    """Where the voxels of the mask lie in a grid.

    ``inside`` are those that lie in it at all, ``ijk`` (3, n) their places, whole numbers where
    ``is_exact``.
    """

    inside: NDArray[np.bool_]
    ijk: NDArray[Any]
    is_exact: bool


class Onto:
    """Brings volumes to the voxels of a mask; safe to share among threads.

    Parameters
    ----------
    mask : BrainMask
    """

    def __init__(self, mask: BrainMask) -> None:
        self._mask = mask
        ijk = np.argwhere(mask.inside).astype(np.float64)
        self._xyz = ijk @ mask.affine[:3, :3].T + mask.affine[:3, 3]
        self._known: dict[tuple[Any, ...], _Places] = {}

    def __call__(
        self, volume: Volume, facts: ImageFacts
    ) -> tuple[NDArray[np.float32], ImageFacts]:
        """Values at the voxels of the mask, NaN where missing, and what the image is like."""
        values = volume.values
        places = self._places(values.shape, volume.affine)
        how = "same" if places.is_exact else "nearest" if _are_labels(values) else "linear"
        there = _taken(values, places, how)
        is_finite = np.isfinite(there)
        is_zero = is_finite & (there == 0)
        row = np.full(self._mask.n_voxels, np.nan, dtype=np.float32)
        with np.errstate(over="ignore"):
            row[places.inside] = np.where(is_zero, np.nan, there)
        # What float32 cannot hold: a value beyond its range is no data, one below it is no zero.
        row[~np.isfinite(row) | (row == 0)] = np.nan
        facts = replace(
            facts,
            shape=tuple(values.shape),
            zooms=tuple(float(size) for size in nib.affines.voxel_sizes(volume.affine)),
            orientation="".join(str(axis) for axis in nib.aff2axcodes(volume.affine)),
            grid=how,
            placed=volume.placed,
            notes=volume.notes,
            statistic=volume.statistic,
            n_voxels=len(row),
            n_outside=int((~places.inside).sum()),
            n_nan=int((~is_finite).sum()),
            n_zero=int(is_zero.sum()),
        )
        return row, _with_values(facts, row[np.isfinite(row)])

    def _places(self, shape: tuple[int, ...], affine: NDArray[np.float64]) -> _Places:
        key = (shape, affine.tobytes())
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_GRIDS:
                self._known.clear()
            found = self._known[key] = self._located(shape, affine)
        return found

    def _located(self, shape: tuple[int, ...], affine: NDArray[np.float64]) -> _Places:
        inverse = np.linalg.inv(affine)
        ijk = (self._xyz @ inverse[:3, :3].T + inverse[:3, 3]).T
        whole = np.rint(ijk)
        # In voxels of the image, as the mask's own distance from a grid point is in mm.
        near = _SAME_MM / nib.affines.voxel_sizes(affine).min()
        is_exact = bool(np.abs(ijk - whole).max(initial=0) < near)
        ijk = whole if is_exact else ijk
        size = np.array(shape)[:, None]
        inside = ((ijk >= -0.5) & (ijk < size - 0.5)).all(axis=0)
        return _Places(
            inside, ijk[:, inside].astype(int) if is_exact else ijk[:, inside], is_exact
        )


def _taken(values: NDArray[Any], places: _Places, how: str) -> NDArray[Any]:
    """Values at the places of a grid; 0 where fewer neighbours have data than are needed."""
    if how == "same":
        return values[tuple(places.ijk)]
    filled = np.where(np.isfinite(values), values, 0.0)
    if how == "nearest":
        return np.asarray(map_coordinates(filled, places.ijk, order=0, mode="nearest"))
    there = (filled != 0).astype(np.float64)
    total = map_coordinates(filled, places.ijk, order=1, mode="grid-constant")
    weight = map_coordinates(there, places.ijk, order=1, mode="grid-constant")
    row = np.zeros(len(total))
    enough = weight >= _LEAST_WEIGHT
    row[enough] = total[enough] / weight[enough]
    return row


def _are_labels(values: NDArray[Any]) -> bool:
    there = values[np.isfinite(values) & (values != 0)]
    if not there.size or (there != np.rint(there)).any():
        return False
    return len(np.unique(there)) <= MOST_LABELS


def _with_values(facts: ImageFacts, there: NDArray[Any]) -> ImageFacts:
    if not there.size:
        return facts
    return replace(
        facts,
        low=float(there.min()),
        high=float(there.max()),
        smallest=float(np.abs(there).min()),
        n_whole=int((there == np.rint(there)).sum()),
        n_distinct=min(len(np.unique(there)), MOST_LABELS + 1),
    )
