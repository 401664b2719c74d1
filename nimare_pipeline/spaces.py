"""Standard spaces: their names, the ways from Talairach to MNI, and the masks that ship.

References
----------
.. [1] Lancaster JL, Tordesillas-Gutierrez D, Martinez M, et al. (2007). Bias between MNI and
   Talairach coordinates analyzed using the ICBM-152 brain template. Human Brain Mapping 28(11),
   1194-1205. https://doi.org/10.1002/hbm.20345
.. [2] Brett M, Christoff K, Cusack R, Lancaster J (2001). Using the Talairach atlas with the MNI
   template. NeuroImage 13(6), S85. https://doi.org/10.1016/S1053-8119(01)91428-4
"""

import re
import zlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, UsageError

TARGETS = {
    "mni152_2mm": ("masks/tpl-MNI152NLin6Asym_res-02_desc-brain_mask.nii.gz", "2 mm"),
    "mni152_1mm": ("masks/tpl-MNI152NLin6Asym_res-01_desc-brain_mask.nii.gz", "1 mm"),
}
"""Target spaces by name: mask file in the package's data, voxel size."""

HEAD_BOX_MM = np.array([[-90.0, 90.0], [-126.0, 90.0], [-72.0, 108.0]])
"""Field of view of the MNI152 template, x, y and z: no part of a head lies outside."""

ACCEPTED = "accepted are names that begin with MNI or TAL, such as MNI152 or Talairach"
"""What a file may say about its space, for messages."""

# MNI to Talairach (icbm2tal) of Lancaster et al. 2007 [1]_, by the software that normalised.
LANCASTER = {
    "other": np.array(
        [
            [0.9357, 0.0029, -0.0072, -1.0423],
            [-0.0065, 0.9396, -0.0726, -1.3940],
            [0.0103, 0.0752, 0.8967, 3.6475],
            [0, 0, 0, 1],
        ]
    ),
    "spm": np.array(
        [
            [0.9254, 0.0024, -0.0118, -1.0207],
            [-0.0048, 0.9316, -0.0871, -1.7667],
            [0.0152, 0.0883, 0.8924, 4.0926],
            [0, 0, 0, 1],
        ]
    ),
    "fsl": np.array(
        [
            [0.9464, 0.0034, -0.0026, -1.0680],
            [-0.0083, 0.9479, -0.0580, -1.0239],
            [0.0053, 0.0617, 0.9010, 3.1883],
            [0, 0, 0, 1],
        ]
    ),
}
"""4 x 4 matrices from MNI to Talairach; the way back is their inverse."""

_STARTS: dict[Literal["MNI", "TAL"], tuple[str, ...]] = {
    "MNI": ("mni", "icbm", "montreal neuro"),
    "TAL": ("tal", "tlrc", "tailar", "t88", "tt88"),
}
"""How names of spaces begin; Tailarach is the usual slip."""
_WORDS = {"MNI": ("tal", "tlrc"), "TAL": ("mni", "icbm")}
"""What names the other space."""
_CONVERSIONS = re.compile(r"\b(?:icbm|mni)2tal\b|\btal2(?:icbm|mni)\b")
"""Names of programs, which say how coordinates were converted."""
_BRETT_PITCH_RAD = 0.05


def recognise(space: Any) -> Literal["MNI", "TAL"] | None:
    """Space that a file means; None if it is neither MNI nor Talairach.

    Parameters
    ----------
    space : object
        What the file says, for example ``"MNI152"``, ``"Talairach"``, ``None``.

    Examples
    --------
    >>> recognise("mni152_2mm"), recognise("Talairach"), recognise("UNKNOWN")
    ('MNI', 'TAL', None)
    >>> recognise("MNI (converted from Talairach)"), recognise("MNI/Talairach")
    ('MNI', None)
    """
    return _recognise(space.strip().lower()) if isinstance(space, str) else None


@lru_cache(maxsize=256)
def _recognise(text: str) -> Literal["MNI", "TAL"] | None:
    text = _CONVERSIONS.sub("", text[:200])
    first = next((name for name, start in _STARTS.items() if text.startswith(start)), None)
    rest = text[3:]
    other = first and any(word in rest for word in _WORDS[first])
    # Where both are named, only "this, from that" says which of them the coordinates are in.
    return None if other and not re.search(r"\b(?:from|were|was|originally)\b", rest) else first


def check_method(method: str) -> None:
    """Refuse an unknown way from Talairach to MNI.

    Raises
    ------
    UsageError
        If ``method`` is not one of ``defaults.TAL2MNI_METHODS``.
    """
    if method not in defaults.TAL2MNI_METHODS:
        known = ", ".join(defaults.TAL2MNI_METHODS)
        msg = f"unknown Talairach conversion {method!r}; accepted are: {known}"
        raise UsageError(msg)


def tal2mni(xyz: ArrayLike, method: str = defaults.TAL2MNI) -> NDArray[np.float64]:
    """Talairach to MNI coordinates.

    Parameters
    ----------
    xyz : (n, 3) array-like
        Talairach coordinates, mm.
    method : str
        ``other``, ``spm``, ``fsl``: inverse of a Lancaster matrix [1]_, by the software that
        normalised the brains. ``brett``: piecewise linear [2]_. ``none``: unchanged.

    Returns
    -------
    (n, 3) array
        MNI coordinates, mm.

    Raises
    ------
    UsageError
        For an unknown method.
    """
    check_method(method)
    xyz = _points(xyz)
    if method == "none":
        return xyz
    if method == "brett":
        return _brett(xyz, inverse=True)
    return _affine(np.linalg.inv(LANCASTER[method]), xyz)


def mni2tal(xyz: ArrayLike, method: str = defaults.TAL2MNI) -> NDArray[np.float64]:
    """MNI to Talairach coordinates, inverse of :func:`tal2mni`.

    Parameters
    ----------
    xyz : (n, 3) array-like
        MNI coordinates, mm.
    method : str
        As in :func:`tal2mni`.

    Returns
    -------
    (n, 3) array
        Talairach coordinates, mm.

    Raises
    ------
    UsageError
        For an unknown method.
    """
    check_method(method)
    xyz = _points(xyz)
    if method == "none":
        return xyz
    if method == "brett":
        return _brett(xyz, inverse=False)
    return _affine(LANCASTER[method], xyz)


def outside_head(xyz: ArrayLike) -> NDArray[np.bool_]:
    """Whether MNI points lie outside the template's field of view.

    Parameters
    ----------
    xyz : (n, 3) array-like
        MNI coordinates, mm.

    Returns
    -------
    (n,) bool array
    """
    xyz = _points(xyz)
    low, high = HEAD_BOX_MM.T
    return ((xyz < low) | (xyz > high)).any(axis=1)


def data_path(name: str) -> Path:
    """Path of a file or folder that ships in the package, for example ``examples/pain``.

    Raises
    ------
    UsageError
        If the package ships no such file.
    """
    path = Path(str(files("nimare_pipeline.data"))) / name
    if not path.exists():
        msg = f"nimare_pipeline ships no data called {name!r}"
        raise UsageError(msg)
    return path


def template_mask(target: str = defaults.TARGET_SPACE) -> BrainMask:
    """Brain mask of a target space.

    Raises
    ------
    UsageError
        For an unknown target.
    """
    name, size = _target(target)
    return BrainMask.from_image(data_path(name), name=f"{defaults.TEMPLATE}, {size}")


def analysis_mask(mask: Any = None, target: str | None = None) -> tuple[BrainMask, str]:
    """Mask to analyse in, on the grid wanted.

    Parameters
    ----------
    mask : BrainMask, image, path or None
        None takes the mask of ``target`` (of the default space when that is None too).
    target : str, optional
        Resample to the grid of this space, nearest voxel. None keeps the mask's own grid.

    Returns
    -------
    BrainMask
    str
        What was done to the mask, in words; empty when nothing was.

    Raises
    ------
    DataError
        If the mask cannot be read or has no voxel, before or after resampling.
    UsageError
        For an unknown target.
    """
    if mask is None:
        return template_mask(target or defaults.TARGET_SPACE), ""
    found = mask if isinstance(mask, BrainMask) else _read_mask(mask)
    if target is None:
        return found, ""
    grid = template_mask(target)
    if found.shape == grid.shape and np.allclose(found.affine, grid.affine, atol=1e-3):
        return found, ""
    inside = nearest(found, grid)
    if not inside.any():
        msg = f"mask {found.name} is empty on the {target} grid: no voxel of it lies there"
        raise DataError(msg)
    n_before = f"{found.n_voxels:,} voxel{'' if found.n_voxels == 1 else 's'}"
    note = (
        f"Mask {found.name} {_difference(found, grid)}; it was resampled (nearest voxel) to "
        f"{target} ({_grid(grid)}): {n_before} became {inside.sum():,}."
    )
    return BrainMask(inside, grid.affine, found.name), note


def nearest(mask: BrainMask, grid: BrainMask) -> NDArray[np.bool_]:
    """Mask on another grid: each voxel of ``grid`` takes the nearest voxel of ``mask``.

    Returns
    -------
    (X, Y, Z) bool array
        On the grid of ``grid``.
    """
    ijk = np.indices(grid.shape).reshape(3, -1).T
    xyz = _affine(grid.affine, ijk.astype(np.float64))
    return contains(mask, xyz).reshape(grid.shape)


def contains(mask: BrainMask, xyz: ArrayLike) -> NDArray[np.bool_]:
    """Whether the voxel a point falls in, floor(affine^-1 xyz + 0.5), is in the mask.

    Parameters
    ----------
    mask : BrainMask
    xyz : (n, 3) array-like
        mm.

    Returns
    -------
    (n,) bool array
    """
    ijk = np.floor(_affine(np.linalg.inv(mask.affine), _points(xyz)) + 0.5).astype(np.int64)
    on_grid = ((ijk >= 0) & (ijk < mask.shape)).all(axis=1)
    found = np.zeros(len(ijk), dtype=bool)
    found[on_grid] = mask.inside[tuple(ijk[on_grid].T)]
    return found


def _target(target: str) -> tuple[str, str]:
    if target not in TARGETS:
        msg = f"unknown target space {target!r}; accepted are: {', '.join(TARGETS)}"
        raise UsageError(msg)
    return TARGETS[target]


def _read_mask(mask: Any) -> BrainMask:
    if not isinstance(mask, str | Path):
        return BrainMask.from_image(mask)
    name = Path(mask).name
    try:
        return BrainMask.from_image(mask, name=name)
    except DataError:
        raise
    except (
        *(OSError, EOFError, ValueError, OverflowError, zlib.error),
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
        nib.spatialimages.ImageDataError,
    ) as error:
        msg = f"mask {mask} cannot be read as an image: {error}"
        raise DataError(msg) from error


def _grid(mask: BrainMask) -> str:
    shape = "x".join(str(n) for n in mask.shape)
    zooms = "x".join(f"{size:g}" for size in mask.zooms)
    return f"{shape} voxels of {zooms} mm"


def _difference(mask: BrainMask, grid: BrainMask) -> str:
    """How the grid of a mask differs from another one."""
    if _grid(mask) != _grid(grid):
        return f"lies on another grid ({_grid(mask)})"
    axes, wanted = ("".join(map(str, nib.aff2axcodes(one.affine))) for one in (mask, grid))
    if axes != wanted:
        return f"has another orientation of the axes ({axes}, not {wanted})"
    return "lies on a grid that is shifted or turned"


def _points(xyz: ArrayLike) -> NDArray[np.float64]:
    return np.array(xyz, dtype=float).reshape(-1, 3)


def _affine(matrix: NDArray[Any], xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    return xyz @ matrix[:3, :3].T + matrix[:3, 3]


def _brett(xyz: NDArray[np.float64], *, inverse: bool) -> NDArray[np.float64]:
    # Zooms (0.99, 0.97, 0.92), below the AC 0.84 in z, then a pitch of 0.05 rad. The half is
    # chosen by the sign of the z that is given, as in mni2tal.m [2]_ and its inverse tal2mni.m.
    cos, sin = np.cos(_BRETT_PITCH_RAD), np.sin(_BRETT_PITCH_RAD)
    pitch = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    out = np.empty_like(xyz)
    below = xyz[:, 2] < 0
    for half, zoom_z in ((~below, 0.92), (below, 0.84)):
        matrix = pitch @ np.diag([0.99, 0.97, zoom_z])
        out[half] = xyz[half] @ (np.linalg.inv(matrix) if inverse else matrix).T
    return out
