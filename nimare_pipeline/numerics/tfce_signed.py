"""Threshold-free cluster enhancement of a statistic of both signs: each sign by itself.

Levels have the sign of the statistic, so that ``abs(level)`` is a level of ``TFCETables``. What is
positive is enhanced as if all the rest were 0, and what is negative likewise: a component never
has voxels of both signs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.tfce import TFCETables, largest_tfce, tfce, tfce_scratch

TAILS = ("positive", "negative")


@compiled
def largest_of_signs(levels, place, label, strides, tables, memory, out):  # type: ignore[no-untyped-def]
    """Largest TFCE of the positive and of the negative levels.

    Parameters
    ----------
    levels : (n_lanes,) int32 array
    place : (n_lanes,) int array
        Where in ``label``.
    label, strides
        As for ``largest_tfce``.
    tables : tuple of int64 arrays
        Height and extent.
    memory : tuple
        ``signed_scratch``.
    out : (2,) int64 array
    """
    height, extent = tables
    voxels, level, scratch = memory
    for tail in range(2):
        n = 0
        for lane in range(len(levels)):
            size = levels[lane] if tail == 0 else -levels[lane]
            if size > 0:
                voxels[n], level[n] = place[lane], size
                n += 1
        out[tail] = largest_tfce(label, strides, voxels, level, n, height, extent, scratch)


def signed_scratch(n_levels: int, n_lanes: int) -> tuple[Any, ...]:
    """Memory of one thread, for so many levels and voxels."""
    return (
        np.zeros(n_lanes, dtype=np.int64),
        np.zeros(n_lanes, dtype=np.int32),
        tfce_scratch(n_levels, n_lanes),
    )


def signed_tfce(
    levels: NDArray[np.integer], mask: NDArray[np.bool_], tables: TFCETables
) -> NDArray[np.int64]:
    """TFCE of each voxel of a mask, with the sign of its level, in the tables' unit.

    Parameters
    ----------
    levels : (n_voxels,) int array
    mask : (X, Y, Z) bool array
    tables : TFCETables
    """
    above, below = (tfce(np.maximum(sign * levels, 0), mask, tables) for sign in (1, -1))
    return above - below
