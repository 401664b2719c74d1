"""Voxels by what covers them: a bag holds the voxels that the same images have a value at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bag:
    """Voxels that the same images cover.

    Parameters
    ----------
    rows : (n_images,) int array
        Images that have a value at all of these voxels; the others have it at none.
    voxels : (n_voxels,) int array
        In ascending order.
    """

    rows: NDArray[np.int64]
    voxels: NDArray[np.int64]


def bags(present: NDArray[np.bool_]) -> list[Bag]:
    """Sort voxels by the images that cover them.

    Parameters
    ----------
    present : (n_images, n_voxels) bool array

    Returns
    -------
    list of Bag
        In order of their first voxel; every voxel that an image covers is in one.
    """
    packed = np.ascontiguousarray(np.packbits(present, axis=0).T)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(first)))
    members = np.split(order, ends[:-1])
    found = [
        Bag(np.flatnonzero(present[:, voxels[0]]), voxels)
        for voxels in sorted(members, key=lambda voxels: int(voxels[0]))
    ]
    return [bag for bag in found if len(bag.rows)]
