"""Monte Carlo null of the largest statistic, cluster size and cluster mass, in integers.

Every iteration redraws each focus uniformly among its candidate voxels and keeps which experiment
it belongs to. Kernels are tables of -log(1 - MA) rounded once to integers; the loop takes minima
and sums of integers, so the order of foci, the number of threads and the chunking of iterations
cannot change a bit of the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.array_plan import ArrayPlan, collect, tally
from nimare_pipeline.numerics.simulate import simulate, simulate_counts, simulate_exceedances

MAXIMA = ("max_stat", "max_size", "max_mass")
"""What an iteration leaves."""


@dataclass(frozen=True)
class MonteCarloPlan(ArrayPlan):
    """Everything the loop reads, in padded voxel coordinates.

    Parameters
    ----------
    values : (n_segments * width,) int32 array
        Kernel rows as whole numbers of the statistic's unit, zero padded.
    offsets : (n_segments,) int64 array
        First voxel of each segment relative to the focus, within its plane.
    plane_start : (n_planes of all kernels + 1,) int64 array
        Segments of each plane of each kernel, planes along the first axis.
    kernel_plane : (n_kernels + 1,) int64 array
        Planes of each kernel in ``plane_start``; their number is odd, the focus in the middle.
    experiment_kernel : (n_experiments,) int64 array
    experiment_start : (n_experiments + 1,) int64 array
        Foci of each experiment.
    candidates : (n_candidates,) int64 array
        Voxels a focus may be drawn at: the mask, then outside voxels by distance from it.
    focus_start, focus_count : (n_foci,) int64 arrays
        Window of ``candidates`` of each focus.
    row_start, row_stop : (n_rows,) int64 arrays
        Rows along the last axis from the first to after the last voxel of the mask, ascending.
    run_start, run_stop : (n_runs,) int64 arrays
        The runs of voxels of the mask in these rows, ascending.
    mask_plane : (n_mask_planes,) int64 array
        Planes that hold the mask.
    mask_row, mask_run : (n_mask_planes + 1,) int64 arrays
        The rows and the runs of each.
    scalars : (6,) int64 array
        width, strides of the first two axes, volume length, cluster-forming threshold, and the
        value whose excess is summed to cluster mass.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]
    plane_start: NDArray[np.int64]
    kernel_plane: NDArray[np.int64]
    experiment_kernel: NDArray[np.int64]
    experiment_start: NDArray[np.int64]
    candidates: NDArray[np.int64]
    focus_start: NDArray[np.int64]
    focus_count: NDArray[np.int64]
    row_start: NDArray[np.int64]
    row_stop: NDArray[np.int64]
    run_start: NDArray[np.int64]
    run_stop: NDArray[np.int64]
    mask_plane: NDArray[np.int64]
    mask_row: NDArray[np.int64]
    mask_run: NDArray[np.int64]
    scalars: NDArray[np.int64]

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of a run of iterations; see :func:`run_block`."""
        return run_block(self, **options)


def run_block(plan: MonteCarloPlan, **options: Any) -> dict[str, NDArray[np.int64]]:
    """Null maxima of iterations ``first`` to ``first + n_iters - 1``.

    Parameters
    ----------
    plan : MonteCarloPlan
    **options
        As for ``ArrayPlan.run``.

    Returns
    -------
    dict of (n_iters,) int64 arrays
        ``max_stat`` (integer units), ``max_size`` (voxels), ``max_mass`` (integer units x voxels):
        the largest over the mask, 0 where there is no cluster.
    """
    return collect(simulate, plan.arrays(), partial(scratch_of, plan), MAXIMA, **options)


def count_block(
    plan: MonteCarloPlan,
    *,
    seed: int,
    first: int,
    n_iters: int,
    shift: int,
    n_bins: int,
    n_threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.int64]:
    """Histogram of the statistic over all voxels of a run of iterations.

    Parameters
    ----------
    plan, seed, first, n_iters, n_threads, progress
        As for ``run_block``; the draws are others, so that a null of maxima is independent.
    shift : int
        Bin i holds values that round to ``i * 2**shift``, half up.
    n_bins : int
        Values past the end go to the last bin.

    Returns
    -------
    (n_bins,) int64 array
        Sums to ``n_iters`` times the voxels of the mask.
    """
    arrays = plan.arrays()

    def count(out: NDArray[np.int64], scratch: Any, begin: int, end: int) -> None:
        simulate_counts(
            np.uint64(seed), np.int64(first + begin), np.int64(end - begin), np.int64(shift),
            arrays, scratch, out,
        )  # fmt: skip

    parts = tally(
        count,
        lambda: np.zeros(n_bins, dtype=np.int64),
        partial(scratch_of, plan),
        n_iters,
        n_threads=n_threads,
        progress=progress,
    )
    return np.sum(parts, axis=0, dtype=np.int64)


def exceedance_block(
    plan: MonteCarloPlan,
    observed: NDArray[np.int64],
    *,
    seed: int,
    first: int,
    n_iters: int,
    n_threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.int64]:
    """Iterations of a run that reach the observed statistic, for each voxel.

    Parameters
    ----------
    plan, seed, first, n_iters, n_threads, progress
        As for ``count_block``, whose draws these are.
    observed : (n_voxels,) int64 array
        In the plan's unit, over the mask in C order.

    Returns
    -------
    (n_voxels,) int64 array
    """
    arrays = plan.arrays()

    def count(out: NDArray[np.int64], scratch: Any, begin: int, end: int) -> None:
        simulate_exceedances(
            np.uint64(seed), np.int64(first + begin), np.int64(end - begin), observed,
            arrays, scratch, out,
        )  # fmt: skip

    parts = tally(
        count,
        lambda: np.zeros(len(observed), dtype=np.int64),
        partial(scratch_of, plan),
        n_iters,
        n_threads=n_threads,
        progress=progress,
    )
    return np.sum(parts, axis=0, dtype=np.int64)


def scratch_of(plan: MonteCarloPlan) -> tuple[NDArray[Any], ...]:
    """Memory of one thread: two planes, a volume of labels, lists of suprathreshold voxels."""
    width, plane, _, length, *_ = (int(number) for number in plan.scalars)
    n_mask = int((plan.run_stop - plan.run_start).sum())
    return (
        np.zeros(plane + width, dtype=np.int32),
        np.zeros(plane + width, dtype=np.int32),
        np.zeros(length, dtype=np.int32),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(n_mask, dtype=np.int32),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(max(len(plan.focus_start), 1), dtype=np.int64),
        np.zeros(max(len(plan.focus_start), 1), dtype=np.int64),
    )
