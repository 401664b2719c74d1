r"""Permutation of labels between two groups of modelled activation maps, in whole numbers.

With L the sum over experiments of -log(1 - MA), the difference of the groups' ALE is

.. math:: D = e^{-L_2} - e^{-L_1}, \qquad L_1 + L_2 = T,

and T does not depend on the labels. So D grows with L_1: whether a permutation reaches the
observed difference at a voxel is a comparison of two integers, and only the smaller group has to
be summed. L is counted in the units of the kernels' tables (``integer_log``), D in units of
2**-30 by two tables of the exponential, which are part of the plan.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.array_plan import DivisionsPlan, collect, tally
from nimare_pipeline.numerics.permute import draw_scratch
from nimare_pipeline.numerics.subtraction_loop import (
    BATCH,
    DIFFERENCE_BITS,
    LOW_BITS,
    WIDTH,
    count_permutations,
    differences,
    exponentials,
    largest_differences,
)
from nimare_pipeline.numerics.threads import Work, run_slices

UNIT = 2.0**-DIFFERENCE_BITS
"""What a step of a difference is worth."""
HISTOGRAM_SHIFT = 10
"""Bins of the pooled null of differences are 2**-20 wide."""
UNREACHED = 2**62
"""Threshold that no difference reaches."""

Tables = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class SubtractionPlan(DivisionsPlan):
    """Everything the loops read. Lanes are voxels in the order of tiles, filled up with zeros.

    Parameters
    ----------
    rows : (n_rows * WIDTH,) int32 array
        Sums' terms of one experiment over one tile, for those that reach it.
    tile_start : (n_tiles + 1,) int64 array
        Rows of each tile.
    experiment : (n_rows,) int64 array
        Experiment of each row.
    total : (n_lanes,) int32 array
        Sum of all experiments.
    observed : (n_lanes,) int32 array
        Sum of the smaller group as observed.
    tested : (n_lanes,) int8 array
        Bits ``POSITIVE`` and ``NEGATIVE``: differences of which sign are tested.
    voxel : (n_lanes,) int32 array
        Place in a volume with a border of one voxel.
    upper, lower : int64 arrays
        Tables of exp(-x).
    binomials : int64 array
        Pascal's triangle where permutations are enumerated, else 1 by 1.
    scalars : (10,) int64 array
        Experiments, those of the smaller group, whether that is group 1, whether permutations are
        enumerated, the cluster-forming thresholds of both tails, strides and length of the
        volume, and the unit 2**-bits of the sums.
    """

    rows: NDArray[np.int32]
    tile_start: NDArray[np.int64]
    experiment: NDArray[np.int64]
    total: NDArray[np.int32]
    observed: NDArray[np.int32]
    tested: NDArray[np.int8]
    voxel: NDArray[np.int32]
    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    binomials: NDArray[np.int64]
    scalars: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """What the rows of ``largest_differences`` are."""
        return tuple(f"{tail}_max_{what}" for tail in _TAILS for what in _MEASURES)

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of each tail: statistic (units of 2**-30), cluster size and mass."""
        return collect(
            largest_differences,
            self.arrays(),
            self.scratch,
            self.names,
            runner=run_batches,
            **options,
        )

    def scratch(self) -> tuple[Any, ...]:
        """Memory of one thread for ``largest_differences``."""
        return (*_scratch(self), *_cluster_scratch(self))


_TAILS = ("positive", "negative")
_MEASURES = ("stat", "size", "mass")


def exp_tables(largest: int, log_bits: int) -> Tables:
    """Tables for exp(-x) of whole numbers up to ``largest``, in units of 2**-log_bits."""
    scale, unit = 2.0**DIFFERENCE_BITS, 2.0**-log_bits
    upper = np.arange((largest >> LOW_BITS) + 2) * (unit * (1 << LOW_BITS))
    lower = np.arange(1 << LOW_BITS) * unit
    return (
        np.rint(scale * np.exp(-upper)).astype(np.int64),
        np.rint(scale * np.exp(-lower)).astype(np.int64),
    )


def integer_differences(
    part: NDArray[np.int64], total: NDArray[np.int64], tables: Tables, *, first: bool
) -> NDArray[np.int64]:
    """Difference of the groups' ALE at each voxel, in units of 2**-30.

    Parameters
    ----------
    part, total : (n_voxels,) int arrays
        Sum of one group, and of both.
    tables : tuple of arrays
        See ``exp_tables``.
    first : bool
        The part is that of group 1.
    """
    out = np.zeros(len(part), dtype=np.int64)
    differences(part, total, first, *tables, out)
    return out


def count_block(
    plan: SubtractionPlan,
    *,
    seed: int,
    first: int,
    n_iters: int,
    n_threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """How often a run of permutations reaches the observed difference, and the pooled null.

    Parameters
    ----------
    plan : SubtractionPlan
    seed, first, n_iters, n_threads, progress
        As for ``SubtractionPlan.run``, with the same permutations.

    Returns
    -------
    dict of int64 arrays
        ``at_least`` and ``at_most`` (n_lanes,): permutations in which group 1 minus group 2 is at
        least, and at most, as observed. ``bins``, ``positive``, ``negative``: the bins of 2**-20
        that hold a difference of any permutation and tested voxel, and how many of each sign;
        differences far below any threshold are left out, and one at a bin's edge may be in the
        next (float32).
    """
    arrays = plan.arrays()
    n_bins, height = _n_bins(plan), _height(plan)
    limits = (*map(np.int64, _histogram_floor(plan)), np.int64(n_bins))
    n_lanes = len(plan.total)

    def memory() -> tuple[NDArray[Any], ...]:
        return (
            np.zeros(n_lanes, dtype=np.int32),
            np.zeros(n_lanes, dtype=np.int32),
            np.zeros(WIDTH + 2 * n_bins, dtype=np.int64),
        )

    def count(out: tuple[NDArray[Any], ...], scratch: Any, begin: int, end: int) -> None:
        count_permutations(
            np.uint64(seed), np.int64(first + begin), np.int64(end - begin),
            limits, arrays, height, scratch, out,
        )  # fmt: skip

    parts = tally(
        count,
        memory,
        partial(_scratch, plan),
        n_iters,
        n_threads=n_threads,
        progress=progress,
        runner=run_batches,
    )
    at_least, at_most, pooled = (
        np.asarray(sum(part[i] for part in parts), dtype=np.int64) for i in range(3)
    )
    if not plan.scalars[2]:
        at_least, at_most = at_most, at_least
    pooled = pooled[WIDTH:].reshape(2, n_bins)
    bins = np.flatnonzero(pooled.any(axis=0))
    return {
        "at_least": at_least,
        "at_most": at_most,
        "bins": bins,
        "positive": pooled[0, bins],
        "negative": pooled[1, bins],
    }


def run_batches(
    make_work: Callable[[], Work],
    n_iters: int,
    n_threads: int = 1,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    batch: int = BATCH,
) -> None:
    """``run_slices`` of whole batches: a thread that got one permutation would load every tile."""
    told = 0

    def make_batches() -> Work:
        work = make_work()
        return lambda begin, end: work(begin * batch, min(end * batch, n_iters))

    def tell(n_batches: int) -> None:
        nonlocal told
        now = min(told + n_batches * batch, n_iters)
        if progress is not None:
            progress(now - told)
        told = now

    run_slices(make_batches, -(-n_iters // batch), n_threads, should_stop, tell)


def pooled_threshold(
    bins: NDArray[np.int64], counts: NDArray[np.int64], n: int, p: float
) -> tuple[int, float]:
    """Smallest difference with a p below ``p`` in a pooled null, and the p it has.

    Parameters
    ----------
    bins, counts : int arrays
        Ascending bins of one tail, as ``count_block`` returns them.
    n : int
        Voxels times permutations.
    p : float

    Returns
    -------
    threshold : int
        In units of 2**-30; ``UNREACHED`` if nothing is that unlikely.
    achieved : float
    """
    reached = np.append(np.cumsum(counts[::-1])[::-1], 0)
    share = (reached + 1) / (n + 1)
    unlikely = np.flatnonzero(share < p)
    if not len(bins) or not len(unlikely):
        return UNREACHED, 0.0
    first = int(unlikely[0])
    # Past the last bin that was reached an observed difference may lie all the same.
    start = int(bins[first]) if first < len(bins) else int(bins[-1]) + 1
    return start << HISTOGRAM_SHIFT, float(share[first])


def _histogram_floor(plan: SubtractionPlan) -> tuple[int, int]:
    """Least difference of sums that is counted, and the first bin that is complete then.

    An eighth of the largest activation of any experiment: cluster-forming thresholds are above
    one, and most voxels far below the floor.
    """
    floor = max(int(plan.rows.max(initial=0)) >> 3, 1)
    # A difference is at most that of the sums; a few units for the rounding of the tables.
    largest = (floor << (DIFFERENCE_BITS - int(plan.scalars[9]))) + 4
    return floor, (largest >> HISTOGRAM_SHIFT) + 1


def _height(plan: SubtractionPlan) -> NDArray[np.float32]:
    """exp(-T / 2) of each lane, in bins of the histogram."""
    heights = np.zeros(len(plan.total), dtype=np.int64)
    exponentials(plan.total >> 1, plan.upper, plan.lower, heights)
    return (heights * 2.0**-HISTOGRAM_SHIFT).astype(np.float32)


def _n_bins(plan: SubtractionPlan) -> int:
    """Bins up to the largest difference there can be: all activation in one group."""
    largest = (1 << DIFFERENCE_BITS) - int(plan.upper[-1])
    return (largest >> HISTOGRAM_SHIFT) + 2


def _scratch(plan: SubtractionPlan) -> tuple[Any, ...]:
    """Memory of one thread: who is in the group, rows to sum, the sums of a tile, draws."""
    n, k = (int(number) for number in plan.scalars[:2])
    return (
        np.zeros((BATCH, n), dtype=np.int64),
        np.zeros(n + 1, dtype=np.int64),
        np.zeros(WIDTH, dtype=np.int32),
        draw_scratch(n, k),
        np.zeros(WIDTH, dtype=np.int32),
    )


def _cluster_scratch(plan: SubtractionPlan) -> tuple[Any, ...]:
    """Memory of one thread: maxima, lists of voxels that form clusters, a volume of labels."""
    n_lanes = len(plan.total)
    return (
        np.zeros((BATCH, 2), dtype=np.int64),
        np.zeros((BATCH, 2), dtype=np.int64),
        np.empty((BATCH, n_lanes), dtype=np.int32),
        np.empty((BATCH, n_lanes), dtype=np.int32),
        np.zeros(int(plan.scalars[8]), dtype=np.int32),
        tuple(np.zeros(n_lanes, dtype=np.int64) for _ in range(3)),
    )
