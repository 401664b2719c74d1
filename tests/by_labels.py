"""TFCE written out: the integral over every height there is, by labelling at each."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def tfce_by_labels(
    height: NDArray[np.float64],
    mask: NDArray[np.bool_],
    voxel_mm3: float,
    extent_power: float = 0.5,
    height_power: float = 2.0,
) -> NDArray[np.float64]:
    """Integral at each voxel of a mask; heights that are not above 0 have none."""
    volume = np.zeros(mask.shape)
    volume[mask] = height
    total, before, power = np.zeros(mask.shape), 0.0, height_power + 1
    for here in np.unique(height[height > 0]):
        labels, _ = ndimage.label(volume >= here)
        extent = np.bincount(labels.ravel()) * voxel_mm3
        extent[0] = 0
        total += extent[labels] ** extent_power * (here**power - before**power) / power
        before = here
    return np.asarray(total[mask])


def signed_by_labels(
    height: NDArray[np.float64], mask: NDArray[np.bool_], voxel_mm3: float, *powers: float
) -> NDArray[np.float64]:
    """The same of heights of both signs, each sign by itself."""
    above, below = (tfce_by_labels(sign * height, mask, voxel_mm3, *powers) for sign in (1, -1))
    return above - below
