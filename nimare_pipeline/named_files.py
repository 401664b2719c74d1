"""Files that an analysis names: found where the analysis was written, or in the input folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, NoInputError


def find(name: str, folders: Sequence[str] = (), what: str = "file") -> Path:
    """Find a file that an analysis names.

    Parameters
    ----------
    name : str
        Path; a relative one counts from the first folder that has the file.
    folders : sequence of str
    what : str
        What the file is, for the error.

    Raises
    ------
    NoInputError
        If no folder has it.
    """
    tried = [Path(folder) / name for folder in folders] or [Path(name)]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        where = " or ".join(dict.fromkeys(str(path.parent) for path in tried))
        msg = f"there is no {what} {name} in {where}"
        raise NoInputError(msg)
    return found


def mask_on_grid(name: str, folders: Sequence[str], mask: BrainMask) -> NDArray[np.bool_]:
    """Read a mask file that an analysis names, as voxels of the analysis mask.

    Parameters
    ----------
    name, folders
        See :func:`find`.
    mask : BrainMask
        Each of its voxels takes the nearest voxel of the file.

    Returns
    -------
    (n_voxels,) bool array

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If it cannot be read, or has no voxel in the analysis mask.
    """
    path = find(name, folders, "mask file")
    given, _ = spaces.analysis_mask(path)
    inside = spaces.nearest(given, mask)[mask.inside]
    if not inside.any():
        msg = f"{path}: no voxel of this mask is in the mask of the analysis"
        raise DataError(msg)
    return inside
