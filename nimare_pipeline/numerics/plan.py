"""Lays out the Monte Carlo loop: padded grid, integer kernels, candidates of each focus."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from nimare_pipeline.numerics.gaussian import voxel_volume
from nimare_pipeline.numerics.ma import to_voxels
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.simulate import LARGEST_SUM, WIDTHS

SHELL_VOXELS = 0.75
"""An outside focus is redrawn among outside voxels this near to its own distance from the mask."""


@dataclass(frozen=True)
class FociDesign:
    """Foci of the observed data, as the null keeps them.

    Parameters
    ----------
    xyz : (n_foci, 3) array
        mm.
    experiment : (n_foci,) array
        Ascending index of the experiment.
    kernels : sequence of (a, b, c) int32 arrays
        Distinct kernels as whole numbers of the engine's unit, odd sides, centred.
    experiment_kernel : (n_experiments,) int array
        Kernel of each experiment.
    """

    xyz: NDArray[np.float64]
    experiment: NDArray[np.int64]
    kernels: Sequence[NDArray[np.int32]]
    experiment_kernel: NDArray[np.int64]


def integer_log(ma: NDArray[np.float64], log_bits: int) -> NDArray[np.int64]:
    """-log(1 - MA) rounded to units of 2**-log_bits: the one rounding of the engine."""
    return np.rint(-np.log1p(-ma) * 2.0**log_bits).astype(np.int64)


def make_plan(
    design: FociDesign,
    mask: NDArray[np.bool_],
    affine: NDArray[np.float64],
    *,
    threshold: int,
    mass_floor: int,
    null_outside: str,
    pool: NDArray[np.float64] | None = None,
) -> MonteCarloPlan:
    """Arrays of the loop.

    Parameters
    ----------
    design : FociDesign
    mask : (X, Y, Z) bool array
    affine : (4, 4) array
    threshold : int
        Smallest integer statistic that forms clusters.
    mass_floor : int
        Cluster mass is the sum of what exceeds this.
    null_outside : str
        ``distance``: a focus outside the mask is redrawn outside, at its own distance;
        ``inside``: it is redrawn in the mask.
    pool : (n_pool, 3) array, optional
        mm. Every focus is redrawn among the voxels of these instead, each as often as it is
        there; those too far from the mask to reach it are left out, as observed foci are.

    Raises
    ------
    ValueError
        If the kernels could add up beyond 32-bit integers.
    """
    reach = np.max(
        [[(side - 1) // 2 for side in kernel.shape] for kernel in design.kernels], axis=0
    )
    pad = _padding(reach, affine)
    low = np.argwhere(mask).min(axis=0)
    high = np.argwhere(mask).max(axis=0) + 1
    padded = np.pad(
        mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]], [(int(p), int(p)) for p in pad]
    )
    _check_range(design)
    voxels = _Candidates.of(padded, affine)
    ijk = to_voxels(design.xyz, affine) - low + pad
    start, count, kept = voxels.windows(
        ijk, affine, null_outside=null_outside, reach=_reach_mm(reach, affine)
    )
    if pool is None:
        candidates = voxels.order
        _check_bounds(voxels.used(start[kept], count[kept]), reach, padded.shape)
    else:
        candidates = voxels.of_pool(to_voxels(pool, affine) - low + pad, _reach_mm(reach, affine))
        start, count = np.zeros_like(start), np.full_like(count, len(candidates))
        _check_bounds(candidates, reach, padded.shape)
    experiment = design.experiment[kept]
    n_experiments = len(design.experiment_kernel)
    values, offsets, plane_start, kernel_plane, width = _segments(design.kernels, padded.shape)
    plane = padded.shape[1] * padded.shape[2]
    runs = _runs_of(padded)
    rows = _rows_of(runs, padded.shape[2])
    mask_plane = np.unique(rows[0] // plane)
    return MonteCarloPlan(
        values=values,
        offsets=offsets,
        plane_start=plane_start,
        kernel_plane=kernel_plane,
        experiment_kernel=design.experiment_kernel.astype(np.int64),
        experiment_start=np.searchsorted(experiment, np.arange(n_experiments + 1)).astype(
            np.int64
        ),
        candidates=candidates,
        focus_start=start[kept],
        focus_count=count[kept],
        row_start=rows[0],
        row_stop=rows[1],
        run_start=runs[0],
        run_stop=runs[1],
        mask_plane=mask_plane,
        mask_row=_parts(rows[0] // plane, mask_plane),
        mask_run=_parts(runs[0] // plane, mask_plane),
        scalars=np.array(
            [
                width,
                plane,
                padded.shape[2],
                padded.size,
                min(threshold, LARGEST_SUM),
                min(mass_floor, LARGEST_SUM),
            ],
            dtype=np.int64,
        ),
    )


def _padding(reach: NDArray[np.int64], affine: NDArray[np.float64]) -> NDArray[np.int64]:
    """Voxels around the mask's box: as far out as a focus may be drawn, and its kernel beyond."""
    farthest_mm = _reach_mm(reach, affine) + 2 * SHELL_VOXELS * voxel_volume(affine) ** (1 / 3)
    # A ball of that radius spans so many voxels along each axis: many along a fine one.
    steps = farthest_mm * np.sqrt((np.linalg.inv(affine[:3, :3]) ** 2).sum(axis=1))
    return np.ceil(steps).astype(np.int64) + reach + 1


def _check_range(design: FociDesign) -> None:
    peaks = np.array([int(kernel.max()) for kernel in design.kernels])
    bound = int(peaks[design.experiment_kernel].sum())
    if bound >= LARGEST_SUM:
        msg = (
            f"{len(design.experiment_kernel)} experiments with these kernels could exceed the "
            "engine's integers at this resolution; fewer bits are needed"
        )
        raise ValueError(msg)


def _check_bounds(
    used: NDArray[np.int64], reach: NDArray[np.int64], shape: tuple[int, ...]
) -> None:
    """The compiled loop checks no index: a kernel must fit around every voxel it may be put at."""
    if not len(used):
        return
    ijk = np.array(np.unravel_index(used, shape))
    room = np.minimum(ijk.min(axis=1), np.array(shape) - 1 - ijk.max(axis=1))
    if (room < reach).any():
        msg = f"the padded grid {shape} leaves {room} voxels for kernels that reach {reach}"
        raise ValueError(msg)


def largest_bits(bound: float, n_terms: int, most: int) -> int:
    """Finest unit, as bits, in which a sum of rounded terms stays in the engine's range.

    Parameters
    ----------
    bound : float
        Largest value the sum can have, in units of 1.
    n_terms : int
        Terms, each rounded to the unit ``2**-bits``.
    most : int
        Bits wanted.
    """
    bits = most
    while bits > 0 and (bound * 2.0**bits + n_terms) >= LARGEST_SUM:
        bits -= 1
    return bits


def _reach_mm(reach: NDArray[np.int64], affine: NDArray[np.float64]) -> float:
    zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return float((reach * zooms).max())


def _distance_mm(mask: NDArray[np.bool_], linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each voxel from the nearest voxel of the mask, mm."""
    products = linear.T @ linear
    if np.allclose(products, np.diag(np.diag(products)), atol=1e-6 * products.max()):
        return np.asarray(distance_transform_edt(~mask, sampling=np.sqrt(np.diag(products))))
    # The distance transform knows no sheared axes.
    distance = np.zeros(mask.shape)
    tree = cKDTree(np.argwhere(mask) @ linear.T)
    distance[~mask], _ = tree.query(np.argwhere(~mask) @ linear.T)
    return distance


@dataclass(frozen=True)
class _Candidates:
    """Voxels foci may be drawn at: the mask in C order, then outside ones by distance from it."""

    order: NDArray[np.int64]
    distance: NDArray[np.float64]
    n_inside: int
    padded: NDArray[np.bool_]

    @classmethod
    def of(cls, padded: NDArray[np.bool_], affine: NDArray[np.float64]) -> "_Candidates":
        distance = _distance_mm(padded, affine[:3, :3]).ravel()
        inside = np.flatnonzero(padded)
        outside = np.flatnonzero(~padded)
        outside = outside[np.argsort(distance[outside], kind="stable")]
        return cls(np.concatenate([inside, outside]), distance[outside], len(inside), padded)

    def windows(
        self,
        ijk: NDArray[np.float64],
        affine: NDArray[np.float64],
        *,
        null_outside: str,
        reach: float,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Start and length of each focus' window of candidates, and which foci matter at all."""
        n = len(ijk)
        start, count = np.zeros(n, dtype=np.int64), np.full(n, self.n_inside, dtype=np.int64)
        kept = np.ones(n, dtype=bool)
        outside = ~self._is_inside(ijk)
        if null_outside == "inside" or not outside.any():
            return start, count, kept
        voxel = voxel_volume(affine) ** (1 / 3)
        linear = affine[:3, :3].T
        tree = cKDTree(np.argwhere(self.padded) @ linear)
        own, _ = tree.query(ijk[outside] @ linear)
        first = np.searchsorted(self.distance, own - SHELL_VOXELS * voxel, side="left")
        last = np.searchsorted(self.distance, own + SHELL_VOXELS * voxel, side="right")
        start[outside] = self.n_inside + first
        count[outside] = last - first
        # Too far to reach a voxel of the mask, observed or drawn: it adds nothing to either.
        kept[outside] = (own <= reach + SHELL_VOXELS * voxel) & (last > first)
        return start, count, kept

    def of_pool(self, ijk: NDArray[np.float64], reach_mm: float) -> NDArray[np.int64]:
        """Voxels of foci that can reach the mask, as often as there are foci."""
        nearest = np.floor(ijk + 0.5).astype(np.int64)
        on_grid = ((nearest >= 0) & (nearest < self.padded.shape)).all(axis=1)
        voxels = np.ravel_multi_index(tuple(nearest[on_grid].T), self.padded.shape)
        far = self.order[self.n_inside :][self.distance > reach_mm]
        return np.asarray(voxels[~np.isin(voxels, far)], dtype=np.int64)

    def used(self, start: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
        """Voxels that lie in the window of any focus."""
        inside = self.order[: self.n_inside] if (start == 0).any() else self.order[:0]
        outside = start >= self.n_inside
        if not outside.any():
            return inside
        first, last = start[outside].min(), (start + count)[outside].max()
        return np.concatenate([inside, self.order[first:last]])

    def _is_inside(self, ijk: NDArray[np.float64]) -> NDArray[np.bool_]:
        nearest = np.floor(ijk + 0.5).astype(np.int64)
        on_grid = ((nearest >= 0) & (nearest < self.padded.shape)).all(axis=1)
        inside = np.zeros(len(ijk), dtype=bool)
        inside[on_grid] = self.padded[tuple(nearest[on_grid].T)]
        return inside


def _segments(
    kernels: Sequence[NDArray[np.int32]], shape: tuple[int, ...]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Non-zero rows of the kernels' planes, cut into segments of the width that needs least work.

    Returns
    -------
    values, offsets, plane_start, kernel_plane
        As in ``MonteCarloPlan``.
    width : int
    """
    planes = [_runs(plane, shape) for kernel in kernels for plane in kernel]
    width = min(
        WIDTHS,
        key=lambda w: sum(-(-len(row) // w) * (w + 8) for plane in planes for _, row in plane),
    )
    offsets: list[int] = []
    values: list[NDArray[np.int32]] = []
    start = [0]
    for plane in planes:
        for offset, row in plane:
            for at in range(0, len(row), width):
                segment = np.zeros(width, dtype=np.int32)
                piece = row[at : at + width]
                segment[: len(piece)] = piece
                offsets.append(offset + at)
                values.append(segment)
        start.append(len(offsets))
    flat = np.concatenate(values) if values else np.zeros(0, dtype=np.int32)
    kernel_plane = np.cumsum([0, *(len(kernel) for kernel in kernels)]).astype(np.int64)
    return flat, np.array(offsets, dtype=np.int64), np.array(start), kernel_plane, width


def _runs(plane: NDArray[np.int32], shape: tuple[int, ...]) -> list[tuple[int, NDArray[np.int32]]]:
    """Offset from the focus and values of each row of a kernel's plane that is not all 0."""
    b, c = ((side - 1) // 2 for side in plane.shape)
    found = []
    for j in np.flatnonzero(plane.any(axis=1)):
        filled = np.flatnonzero(plane[j])
        first, last = int(filled[0]), int(filled[-1]) + 1
        found.append(((int(j) - b) * shape[2] + first - c, plane[j, first:last]))
    return found


def _runs_of(padded: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxel and voxel after the last of each run of the mask along the last axis."""
    # The volume is padded: no run reaches from one row into the next.
    edges = np.diff(padded.ravel().astype(np.int8))
    return np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1


def _rows_of(
    runs: tuple[NDArray[np.int64], NDArray[np.int64]], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start of the first and stop of the last run of each row that holds any."""
    row = runs[0] // length
    first = np.flatnonzero(np.diff(row, prepend=-1))
    last = np.append(first[1:], len(row)) - 1
    return runs[0][first], runs[1][last]


def _parts(plane: NDArray[np.int64], planes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each plane begins in a list that is sorted by plane, and the end of the last."""
    return np.append(np.searchsorted(plane, planes), len(plane)).astype(np.int64)
