"""Voxels by what covers them: a bag holds the voxels that the same images have a value at.

The edges of images are ragged: 21 masks that differ by a voxel or two at the surface of the brain
make more than ten thousand bags, most of them of one voxel. Bags in which images that may stand
for each other stand in the same places are a pool, and one fit does for all of a pool.
"""

from collections import defaultdict
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Pool:
    """Voxels that images which may stand for each other cover.

    Parameters
    ----------
    rows : (n_images, n_bags) int array
        A column a bag: the images that cover its voxels. Images of a row are alike, and those of
        one group stand together at the same places in every column.
    groups : (n_images,) int array
        Group of each row, numbered from 0 in order of appearance.
    voxels : (n_voxels,) int array
        In ascending order.
    column : (n_voxels,) int array
        Bag of each voxel.
    """

    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    voxels: NDArray[np.int64]
    column: NDArray[np.int64]


def pools(
    found: Sequence[Bag], alike: NDArray[np.integer], groups: NDArray[np.integer]
) -> list[Pool]:
    """Put bags together that the same fit serves.

    Parameters
    ----------
    found : sequence of Bag
    alike : (n_images,) int array
        Images of the same number differ by their values only.
    groups : (n_images,) int array
        Images of the same number depend on each other.

    Returns
    -------
    list of Pool
        In order of their first bag.
    """
    places: dict[bytes, list[tuple[Bag, NDArray[np.int64]]]] = defaultdict(list)
    numbers: dict[bytes, NDArray[np.int64]] = {}
    independent = len(np.unique(groups)) == len(groups)
    for bag in found:
        if independent:
            rows = bag.rows[np.argsort(alike[bag.rows], kind="stable")]
            within = np.arange(len(rows))
        else:
            rows, within = _in_place(bag.rows, alike, groups)
        key = np.concatenate([alike[rows], within]).astype(np.int64).tobytes()
        places[key].append((bag, rows))
        numbers[key] = within
    return [_pool(members, numbers[key]) for key, members in places.items()]


def _in_place(
    rows: NDArray[np.int64], alike: NDArray[np.integer], groups: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a bag in an order that depends on what is alike alone, and their groups."""
    names, first, which = np.unique(groups[rows], return_index=True, return_inverse=True)
    sorts = [tuple(sorted(alike[rows[which == one]].tolist())) for one in range(len(names))]
    # Large groups first; groups of the same images in the order in which they came.
    order = sorted(range(len(names)), key=lambda one: (-len(sorts[one]), sorts[one], first[one]))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    sequence = np.lexsort((alike[rows], rank[which]))
    return rows[sequence], rank[which][sequence]


def _pool(members: list[tuple[Bag, NDArray[np.int64]]], groups: NDArray[np.int64]) -> Pool:
    voxels = np.concatenate([bag.voxels for bag, _ in members])
    column = np.repeat(np.arange(len(members)), [len(bag.voxels) for bag, _ in members])
    order = np.argsort(voxels, kind="stable")
    rows = np.stack([rows for _, rows in members], axis=1)
    return Pool(rows, groups, voxels[order], column[order])
