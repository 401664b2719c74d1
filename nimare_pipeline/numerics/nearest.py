"""Distance of each voxel to the nearest of an experiment's foci, plane by plane.

A plane stays in the second-level cache while the foci within reach are put into it, and only what
they reached is looked at again. Density falls with distance: of the foci of one experiment the
nearest one alone decides about a voxel.
"""

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.gaussian import distance2_mm
from nimare_pipeline.numerics.jit import compiled

Plane = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Squared distances of one x-plane (Y, Z), infinite where no focus reaches, and for each row the
first voxel that was reached and the one after the last (Y, 2)."""


def empty_plane(shape: tuple[int, ...]) -> Plane:
    """Memory for one plane of a grid."""
    spans = np.empty((shape[1], 2), dtype=np.int64)
    spans[:, 0], spans[:, 1] = shape[2], 0
    return np.full(shape[1:], np.inf), spans


def is_upright(linear: NDArray[np.float64]) -> bool:
    """Whether voxel axes run along x, y and z."""
    return bool((linear == np.diag(np.diag(linear))).all())


@compiled
def reached_planes(foci, half, n_planes):  # type: ignore[no-untyped-def]
    """First plane within reach of any focus, and the one after the last."""
    first, last = n_planes, 0
    for f in range(len(foci)):
        # One voxel more on each side than the ball: the focus is not at a voxel centre.
        first = min(first, max(0, int(foci[f, 0]) - half[0] - 1))
        last = max(last, min(n_planes, int(foci[f, 0]) + half[0] + 2))
    return first, last


@compiled
def fill_plane(i, foci, half, reach2, linear, upright, plane):  # type: ignore[no-untyped-def]
    """Put the distances to all foci that reach plane ``i``; ``plane`` was empty."""
    distance2, spans = plane
    n_rows, n_columns = distance2.shape
    for f in range(len(foci)):
        x, y, z = foci[f]
        if i < int(x) - half[0] - 1 or i > int(x) + half[0] + 1:
            continue
        k_first = max(0, int(z) - half[2] - 1)
        k_last = min(n_columns, int(z) + half[2] + 2)
        for j in range(max(0, int(y) - half[1] - 1), min(n_rows, int(y) + half[1] + 2)):
            row = distance2[j]
            if upright:
                # The same sums in the same order as distance2_mm, less what is 0.
                step_x, step_y = linear[0, 0] * (i - x), linear[1, 1] * (j - y)
                in_plane = step_x * step_x + step_y * step_y
                if in_plane > reach2:
                    continue
                chord = int(np.sqrt(reach2 - in_plane) / abs(linear[2, 2])) + 1
                start, stop = max(k_first, int(z) - chord), min(k_last, int(z) + chord + 2)
                for k in range(start, stop):
                    step_z = linear[2, 2] * (k - z)
                    row[k] = min(row[k], in_plane + step_z * step_z)
            else:
                start, stop = k_first, k_last
                for k in range(start, stop):
                    row[k] = min(row[k], distance2_mm(linear, i - x, j - y, k - z))
            if start < stop:
                spans[j, 0] = min(spans[j, 0], start)
                spans[j, 1] = max(spans[j, 1], stop)
