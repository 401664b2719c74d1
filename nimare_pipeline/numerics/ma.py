"""Modelled activation (MA): for each experiment, the largest kernel value at each voxel.

Non-additive within an experiment (Turkeltaub et al. 2012, doi 10.1002/hbm.21186): several foci of
one experiment near a voxel count as the nearest one, not as their union.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.numerics.gaussian import (
    FWHM_PER_SIGMA,
    density,
    distance2_mm,
    peak_height,
    reach_mm,
    reach_voxels,
    sampled_kernel,
    voxel_volume,
)
from nimare_pipeline.numerics.jit import compiled

SNAP = 1e-6
"""Voxel coordinates this close to a centre are that centre: removes the noise of inv(affine)."""


def to_voxels(xyz: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Continuous voxel coordinates (n, 3) of points in mm; exact at voxel centres."""
    ijk = (np.asarray(xyz, dtype=float) - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    whole = np.rint(ijk)
    return np.where(np.abs(ijk - whole) < SNAP, whole, ijk)


def voxelize(
    xyz: NDArray[np.float64], affine: NDArray[np.float64], rule: str
) -> NDArray[np.float64]:
    """Voxel coordinates (n, 3) of foci under a rounding rule.

    Parameters
    ----------
    rule : str
        ``exact`` keeps the fraction; ``half-up`` is Eickhoff's MATLAB rule, ``half-even``
        NiMARE's, ``truncate`` old NiMARE's, ``ceil`` JALE's.

    Raises
    ------
    ValueError
        For an unknown rule.

    Notes
    -----
    Up and down depend on where an axis runs to. These tools round on the MNI grid of FSL, whose x
    runs to the left; on a grid whose x runs to the right the rules are mirrored along it, so that
    a focus comes to lie at the same place in mm on both.
    """
    if rule not in _RULES:
        msg = f"voxelization {rule!r} is unknown; there are: {', '.join(_RULES)}"
        raise ValueError(msg)
    ijk = to_voxels(xyz, affine)
    rounded, mirrored = (way(ijk) for way in _RULES[rule])
    return np.where(_runs_against_fsl(affine), mirrored, rounded)


_Rounding = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_RULES: dict[str, tuple[_Rounding, _Rounding]] = {
    "exact": (lambda ijk: ijk, lambda ijk: ijk),
    "half-up": (lambda ijk: np.floor(ijk + 0.5), lambda ijk: np.ceil(ijk - 0.5)),
    "half-even": (np.rint, np.rint),
    "truncate": (np.trunc, np.ceil),
    "ceil": (np.ceil, np.floor),
}
"""Each rule on an axis that runs as FSL's does, and on one that runs the other way."""


def _runs_against_fsl(affine: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each voxel axis runs against x to the left, y to the front and z up."""
    linear = affine[:3, :3]
    axis = np.abs(linear).argmax(axis=0)
    to_plus = linear[axis, np.arange(3)] > 0
    return np.asarray(to_plus == (axis == 0))


def ale_maps(
    xyz: NDArray[np.float64],
    experiment: NDArray[np.int64],
    fwhm_mm: NDArray[np.float64],
    mask: NDArray[np.bool_],
    affine: NDArray[np.float64],
    voxelization: str = "exact",
    n_threads: int = 1,
) -> sparse.csr_array:
    """ALE's modelled activation maps.

    Parameters
    ----------
    xyz : (n_foci, 3) array
        mm.
    experiment : (n_foci,) array
        Index of each focus' experiment.
    fwhm_mm : (n_experiments,) array
        Kernel width of each experiment; unused where it has no foci.
    mask : (X, Y, Z) bool array
    affine : (4, 4) array
    voxelization : str
        See ``voxelize``. ``exact`` evaluates the density at the true distance; every other rule
        places the sampled Gaussian, as the tools do that round.
    n_threads : int
        Threads over experiments.

    Returns
    -------
    (n_experiments, n_voxels) CSR array of float64
        Over the mask in C order.
    """
    ijk = voxelize(xyz, affine, voxelization)

    def fill(number: int, memory: Memory) -> int:
        foci = np.ascontiguousarray(ijk[experiment == number])
        return _place_gaussians(foci, float(fwhm_mm[number]), voxelization, affine, memory)

    return build_rows(fill, len(fwhm_mm), mask, n_threads)


def sphere_counts(
    xyz: NDArray[np.float64],
    experiment: NDArray[np.int64],
    n_experiments: int,
    radius_mm: float,
    mask: NDArray[np.bool_],
    affine: NDArray[np.float64],
    voxelization: str = "exact",
    n_threads: int = 1,
) -> sparse.csr_array:
    """Foci of each experiment within a radius of each voxel, the radius included.

    Parameters
    ----------
    xyz, experiment, mask, affine, n_threads
        As for ``ale_maps``.
    n_experiments : int
        Rows of the result.
    radius_mm : float
    voxelization : str
        See ``voxelize``: ``exact`` measures from the focus, the other rules from a voxel's centre.

    Returns
    -------
    (n_experiments, n_voxels) CSR array of float64
        Whole numbers, over the mask in C order.
    """
    ijk = voxelize(xyz, affine, voxelization)
    linear = np.ascontiguousarray(affine[:3, :3])
    half = reach_voxels(radius_mm, affine)
    radius2 = radius_mm**2 * (1 + SNAP)

    def fill(number: int, memory: Memory) -> int:
        foci = np.ascontiguousarray(ijk[experiment == number])
        return int(_count_spheres(foci, half, linear, radius2, *memory[:3]))

    return build_rows(fill, n_experiments, mask, n_threads)


def sphere_kernel(radius_mm: float, affine: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indicator of the voxels within a radius of a voxel's centre, the radius included.

    Returns
    -------
    (2a+1, 2b+1, 2c+1) int array
        0 and 1.
    """
    half = reach_voxels(radius_mm, affine)
    steps = np.indices(tuple((2 * half + 1).tolist())).reshape(3, -1).T - half
    distance2 = ((steps @ affine[:3, :3].T) ** 2).sum(axis=1)
    inside = distance2 <= radius_mm**2 * (1 + SNAP)
    return inside.astype(np.int64).reshape(2 * half + 1)


Memory = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]
"""Of one thread: number of each voxel in the mask (-1 outside), a masked vector of zeros, room for
the voxels that are touched, and the squared distance of each voxel of the grid to the nearest
focus, infinite between two experiments."""


def build_rows(
    fill: Callable[[int, Memory], int], n_rows: int, mask: NDArray[np.bool_], n_threads: int
) -> sparse.csr_array:
    """Sparse rows over a mask, each filled by a function that says how many voxels it touched."""
    n_voxels = int(mask.sum())
    index = np.full(mask.shape, -1, dtype=np.int64)
    index[mask] = np.arange(n_voxels)

    def rows(numbers: NDArray[np.int64]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        memory = (
            index,
            np.zeros(n_voxels),
            np.empty(n_voxels, dtype=np.int64),
            np.full(mask.shape, np.inf),
        )
        return [_row(fill(int(number), memory), memory) for number in numbers]

    parts = np.array_split(np.arange(n_rows), max(1, n_threads))
    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        found = [row for part in pool.map(rows, parts) for row in part]
    return _csr(found, n_voxels)


def _row(n: int, memory: Memory) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Voxels of one experiment's map in ascending order, and their values; memory is 0 again."""
    _, scratch, touched, _ = memory
    voxels = touched[:n]
    if np.any(voxels[1:] < voxels[:-1]):
        voxels = np.sort(voxels)
    values = scratch[voxels]
    scratch[voxels] = 0
    return voxels.astype(np.int32), values


def _place_gaussians(
    foci: NDArray[np.float64],
    fwhm: float,
    voxelization: str,
    affine: NDArray[np.float64],
    memory: Memory,
) -> int:
    """Put the kernels of one experiment's foci; returns the number of voxels touched."""
    if not len(foci):
        return 0
    if voxelization != "exact":
        kernel = sampled_kernel(fwhm, affine, voxelization)
        return int(_gridded(foci.astype(np.int64), kernel, *memory[:3]))
    linear = np.ascontiguousarray(affine[:3, :3])
    volume = voxel_volume(affine)
    half = reach_voxels(reach_mm(fwhm, volume), affine)
    peak, sigma = peak_height(fwhm, volume), fwhm / FWHM_PER_SIGMA
    upright = bool((linear == np.diag(np.diag(linear))).all())
    return int(_exact(foci, half, linear, upright, peak, sigma, memory))


def _csr(
    rows: list[tuple[NDArray[np.int32], NDArray[np.float64]]], n_voxels: int
) -> sparse.csr_array:
    """Rows together; the list is emptied on the way, so that they are held once."""
    n_rows = len(rows)
    starts = np.concatenate([[0], np.cumsum([len(voxels) for voxels, _ in rows])]).astype(np.int64)
    data, indices = np.empty(starts[-1]), np.empty(starts[-1], dtype=np.int32)
    for number in range(n_rows - 1, -1, -1):
        one = slice(starts[number], starts[number + 1])
        indices[one], data[one] = rows.pop()
    if starts[-1] < 2**31:
        starts = starts.astype(np.int32)
    return sparse.csr_array((data, indices, starts), shape=(n_rows, n_voxels))


@compiled
def _keep_larger(value, voxel, scratch, touched, n):  # type: ignore[no-untyped-def]
    """Put a value where it exceeds what is there; list the voxel the first time."""
    if voxel < 0 or value <= 0.0:
        return n
    if scratch[voxel] == 0.0:
        touched[n] = voxel
        n += 1
    scratch[voxel] = max(scratch[voxel], value)
    return n


@compiled
def _exact(foci, half, linear, upright, peak, sigma, memory):  # type: ignore[no-untyped-def]
    index, scratch, touched, nearest = memory
    # Density falls with distance: one exponential a voxel, of its nearest focus, is enough.
    first = np.array(index.shape)
    last = np.zeros(3, dtype=np.int64)
    start = np.empty(3, dtype=np.int64)
    stop = np.empty(3, dtype=np.int64)
    for f in range(len(foci)):
        for axis in range(3):
            # One voxel more on each side than the ball: the focus is not at a voxel centre.
            start[axis] = max(0, int(foci[f, axis]) - half[axis] - 1)
            stop[axis] = min(index.shape[axis], int(foci[f, axis]) + half[axis] + 2)
        if (stop <= start).any():
            continue
        first, last = np.minimum(first, start), np.maximum(last, stop)
        _keep_nearest(foci[f], start, stop, linear, upright, nearest)
    n = 0
    for i in range(first[0], last[0]):
        for j in range(first[1], last[1]):
            for k in range(first[2], last[2]):
                distance2 = nearest[i, j, k]
                if distance2 == np.inf:
                    continue
                nearest[i, j, k] = np.inf
                voxel = index[i, j, k]
                if voxel < 0:
                    continue
                value = density(distance2, peak, sigma)
                if value > 0.0:
                    touched[n] = voxel
                    scratch[voxel] = value
                    n += 1
    return n


@compiled
def _keep_nearest(focus, start, stop, linear, upright, nearest):  # type: ignore[no-untyped-def]
    x, y, z = focus
    for i in range(start[0], stop[0]):
        for j in range(start[1], stop[1]):
            row = nearest[i, j]
            if upright:
                # The same sums in the same order as distance2_mm, less what is 0.
                step_x, step_y = linear[0, 0] * (i - x), linear[1, 1] * (j - y)
                in_plane = step_x * step_x + step_y * step_y
                for k in range(start[2], stop[2]):
                    step_z = linear[2, 2] * (k - z)
                    row[k] = min(row[k], in_plane + step_z * step_z)
            else:
                for k in range(start[2], stop[2]):
                    row[k] = min(row[k], distance2_mm(linear, i - x, j - y, k - z))


@compiled
def _gridded(foci, kernel, index, scratch, touched):  # type: ignore[no-untyped-def]
    n = 0
    half = (kernel.shape[0] // 2, kernel.shape[1] // 2, kernel.shape[2] // 2)
    for f in range(len(foci)):
        x, y, z = foci[f]
        for i in range(max(0, x - half[0]), min(index.shape[0], x + half[0] + 1)):
            for j in range(max(0, y - half[1]), min(index.shape[1], y + half[1] + 1)):
                for k in range(max(0, z - half[2]), min(index.shape[2], z + half[2] + 1)):
                    value = kernel[i - x + half[0], j - y + half[1], k - z + half[2]]
                    n = _keep_larger(value, index[i, j, k], scratch, touched, n)
    return n


@compiled
def _count_spheres(foci, half, linear, radius2, index, scratch, touched):  # type: ignore[no-untyped-def]
    n = 0
    for f in range(len(foci)):
        x, y, z = foci[f]
        for i in range(
            max(0, int(np.floor(x)) - half[0]), min(index.shape[0], int(x) + half[0] + 2)
        ):
            for j in range(
                max(0, int(np.floor(y)) - half[1]), min(index.shape[1], int(y) + half[1] + 2)
            ):
                for k in range(
                    max(0, int(np.floor(z)) - half[2]), min(index.shape[2], int(z) + half[2] + 2)
                ):
                    voxel = index[i, j, k]
                    if voxel < 0 or distance2_mm(linear, i - x, j - y, k - z) > radius2:
                        continue
                    if scratch[voxel] == 0.0:
                        touched[n] = voxel
                        n += 1
                    scratch[voxel] += 1.0
    return n
