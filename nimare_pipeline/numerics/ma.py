"""Modelled activation (MA): for each experiment, the largest kernel value at each voxel.

Non-additive within an experiment (Turkeltaub et al. 2012, doi 10.1002/hbm.21186): several foci of
one experiment near a voxel count as the nearest one, not as their union.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

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
from nimare_pipeline.numerics.nearest import (
    Plane,
    empty_plane,
    fill_plane,
    is_upright,
    reached_planes,
)

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


Memory = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], Plane]
"""Of one thread: number of each voxel in the mask (-1 outside), a masked vector of zeros, room for
the voxels that are touched, and an empty plane of distances."""


def build_rows(
    fill: Callable[[int, Memory], int], n_rows: int, mask: NDArray[np.bool_], n_threads: int
) -> sparse.csr_array:
    """Sparse rows over a mask, each filled by a function that says how many voxels it touched."""
    n_voxels = int(mask.sum())
    index = np.full(mask.shape, -1, dtype=np.int64)
    index[mask] = np.arange(n_voxels)

    def rows(numbers: NDArray[np.int64]) -> _Rows:
        memory = (
            index,
            np.zeros(n_voxels),
            np.empty(n_voxels, dtype=np.int64),
            empty_plane(mask.shape),
        )
        found = _Rows(max(_BLOCK, n_voxels))
        for number in numbers:
            found.add(fill(int(number), memory), memory)
        return found

    parts = np.array_split(np.arange(n_rows), max(1, n_threads))
    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        return _csr(list(pool.map(rows, parts)), n_voxels)


_BLOCK = 2**23
"""Values of a block of rows. Of a thousand experiments the maps are 0.8 GB: rows go into blocks so
large that the memory of each is given back when it is copied into the matrix, not kept for reuse,
and the matrix is not held twice. What is not written of a block takes no memory."""


class _Rows:
    """Rows that one thread filled, one after the other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lengths: list[int] = []
        self.blocks: list[tuple[NDArray[np.int32], NDArray[np.float64]]] = []
        self.used: list[int] = []

    def add(self, n: int, memory: Memory) -> None:
        """Take over one experiment's map, voxels in ascending order; memory is 0 again."""
        _, scratch, touched, _ = memory
        voxels = touched[:n]
        if np.any(voxels[1:] < voxels[:-1]):
            voxels = np.sort(voxels)
        if not self.blocks or self.used[-1] + n > self.size:
            self.blocks.append((np.empty(self.size, dtype=np.int32), np.empty(self.size)))
            self.used.append(0)
        one = slice(self.used[-1], self.used[-1] + n)
        self.blocks[-1][0][one], self.blocks[-1][1][one] = voxels, scratch[voxels]
        scratch[voxels] = 0
        self.used[-1] += n
        self.lengths.append(n)


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
    reach = reach_mm(fwhm, volume)
    half = reach_voxels(reach, affine)
    peak, sigma = peak_height(fwhm, volume), fwhm / FWHM_PER_SIGMA
    return int(_exact(foci, half, reach**2, linear, is_upright(linear), peak, sigma, memory))


def _csr(parts: list[_Rows], n_voxels: int) -> sparse.csr_array:
    """Rows of all threads together; their blocks are emptied on the way, from the last."""
    lengths = [n for part in parts for n in part.lengths]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    data, indices = np.empty(starts[-1]), np.empty(starts[-1], dtype=np.int32)
    stop = int(starts[-1])
    for part in reversed(parts):
        while part.blocks:
            voxels, values = part.blocks.pop()
            n = part.used.pop()
            one = slice(stop - n, stop)
            indices[one], data[one] = voxels[:n], values[:n]
            stop -= n
            del voxels, values  # before the next block is copied
    if starts[-1] < 2**31:
        starts = starts.astype(np.int32)
    return sparse.csr_array((data, indices, starts), shape=(len(lengths), n_voxels))


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
def _exact(foci, half, reach2, linear, upright, peak, sigma, memory):  # type: ignore[no-untyped-def]
    index, scratch, touched, plane = memory
    distance2, spans = plane
    n = 0
    first, last = reached_planes(foci, half, index.shape[0])
    for i in range(first, last):
        fill_plane(i, foci, half, reach2, linear, upright, plane)
        for j in range(index.shape[1]):
            for k in range(spans[j, 0], spans[j, 1]):
                # One exponential a voxel, of its nearest focus, is enough.
                value = density(distance2[j, k], peak, sigma)
                distance2[j, k] = np.inf
                voxel = index[i, j, k]
                if voxel >= 0 and value > 0.0:
                    touched[n] = voxel
                    scratch[voxel] = value
                    n += 1
            spans[j, 0], spans[j, 1] = index.shape[2], 0
    return n


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
