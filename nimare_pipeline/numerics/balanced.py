r"""Balanced differences of two groups' ALE: each as if it had the same number of contrasts.

A contrast of group g is in a subset of m of its n_g contrasts with probability m / n_g. The ALE of
a subset, averaged over all of them, is

.. math:: \overline{ALE}_g = 1 - \prod_{i} \left(1 - \tfrac{m}{n_g} MA_i\right)

but for a term of second order: contrasts enter one by one here, in a subset of fixed size not
quite independently (lower by the sum over pairs of ``MA_i MA_j m/n (1 - m/n) / (n - 1)``). So no
subset has to be drawn, and the average is a sum of logarithms as ALE itself is.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.numerics.array_plan import ArrayPlan, DivisionsPlan, collect, tally
from nimare_pipeline.numerics.balanced_loop import (
    count_surviving,
    permuted_maxima,
    redrawn_maxima,
)
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.nulls import Null, tilted_logsf
from nimare_pipeline.numerics.permute import draw_scratch
from nimare_pipeline.numerics.subtraction import SubtractionPlan, exp_tables, run_batches
from nimare_pipeline.numerics.subtraction_layout import lay_out, tile_rows
from nimare_pipeline.numerics.subtraction_loop import BATCH, WIDTH
from nimare_pipeline.numerics.value_counts import FINEST_BIN_BITS

_MAXIMA = ("positive_max_stat", "negative_max_stat")


@dataclass(frozen=True)
class BalancedLabelsPlan(DivisionsPlan):
    """What the loop over permutations of the labels reads.

    Parameters
    ----------
    rows_one, start_one, experiment_one : arrays
        Terms of every contrast weighted as one of group 1, as in ``SubtractionPlan``.
    rows_two, start_two, experiment_two : arrays
        The same weighted as one of group 2.
    upper, lower, binomials : int64 arrays
        As in ``SubtractionPlan``.
    scalars : (5,) int64 array
        Contrasts, those of the smaller group, whether that is group 1, whether permutations are
        enumerated, and the unit 2**-bits of the sums.
    """

    rows_one: NDArray[np.int32]
    start_one: NDArray[np.int64]
    experiment_one: NDArray[np.int64]
    rows_two: NDArray[np.int32]
    start_two: NDArray[np.int64]
    experiment_two: NDArray[np.int64]
    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    binomials: NDArray[np.int64]
    scalars: NDArray[np.int64]

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Largest difference of each sign, in units of 2**-30."""
        n, k = (int(number) for number in self.scalars[:2])

        def scratch() -> tuple[Any, ...]:
            return (
                np.zeros((BATCH, 2, n), dtype=np.int64),
                np.zeros(n + 1, dtype=np.int64),
                np.zeros(WIDTH, dtype=np.int32),
                np.zeros(WIDTH, dtype=np.int32),
                draw_scratch(n, k),
            )

        return collect(
            permuted_maxima, self.arrays(), scratch, _MAXIMA, runner=run_batches, **options
        )


@dataclass(frozen=True)
class BalancedFociPlan(MonteCarloPlan):
    """What the loop over redrawn foci reads: a plan of both groups' foci with weighted kernels.

    Parameters
    ----------
    upper, lower : int64 arrays
        Tables of exp(-x), see ``exp_tables``.
    split : (2,) int64 array
        Contrasts of group 1, which come first, and the unit 2**-bits of the sums.
    """

    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    split: NDArray[np.int64]

    @classmethod
    def of(cls, plan: MonteCarloPlan, n_first: int, largest: int, bits: int) -> "BalancedFociPlan":
        """Plan of both groups; ``largest`` is the largest sum that a group can have."""
        upper, lower = exp_tables(largest, bits)
        own = {field.name: getattr(plan, field.name) for field in fields(MonteCarloPlan)}
        return cls(**own, upper=upper, lower=lower, split=np.array([n_first, bits], np.int64))

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Largest difference of each sign, in units of 2**-30."""
        width, plane = (int(number) for number in self.scalars[:2])
        n_foci = max(len(self.focus_start), 1)

        def scratch() -> tuple[Any, ...]:
            planes = tuple(np.zeros(plane + width, dtype=np.int32) for _ in range(3))
            return (*planes, np.zeros(n_foci, dtype=np.int64), np.zeros(n_foci, dtype=np.int64))

        return collect(redrawn_maxima, self.arrays(), scratch, _MAXIMA, **options)


@dataclass(frozen=True)
class SubsetPlan(ArrayPlan):
    """What the loop over random subsets of one group reads.

    Parameters
    ----------
    rows, tile_start, experiment, voxel : arrays
        As in ``SubtractionPlan``, of one group.
    scalars : (7,) int64 array
        Contrasts, those of a subset, the smallest sum that forms clusters, the size that a cluster
        must exceed, strides and length of the volume.
    """

    rows: NDArray[np.int32]
    tile_start: NDArray[np.int64]
    experiment: NDArray[np.int64]
    voxel: NDArray[np.int32]
    scalars: NDArray[np.int64]

    @classmethod
    def of(cls, plan: SubtractionPlan, n_taken: int, threshold: int, cutoff: int) -> "SubsetPlan":
        """Subsets of ``n_taken`` of the contrasts of a plan."""
        n, length = int(plan.scalars[0]), int(plan.scalars[8])
        scalars = [n, n_taken, threshold, cutoff, *plan.scalars[6:8].tolist(), length]
        return cls(
            plan.rows, plan.tile_start, plan.experiment, plan.voxel, np.array(scalars, np.int64)
        )

    def run(
        self, *, seed: int, first: int, n_iters: int, **options: Any
    ) -> dict[str, NDArray[np.int64]]:
        """In how many of a run of subsets each lane is in a surviving cluster."""
        n, k = (int(number) for number in self.scalars[:2])
        n_lanes, arrays = len(self.voxel), self.arrays()

        def scratch() -> tuple[Any, ...]:
            return (
                np.zeros((BATCH, n), dtype=np.int64),
                np.zeros(n + 1, dtype=np.int64),
                np.zeros(WIDTH, dtype=np.int32),
                draw_scratch(n, k),
                np.zeros(BATCH, dtype=np.int64),
                np.empty((BATCH, n_lanes), dtype=np.int32),
                np.zeros(int(self.scalars[6]), dtype=np.int32),
                (np.zeros(n_lanes, dtype=np.int64), np.zeros(n_lanes, dtype=np.int64)),
            )

        def count(out: NDArray[np.int64], memory: Any, begin: int, end: int) -> None:
            count_surviving(
                np.uint64(seed), np.int64(first + begin), np.int64(end - begin),
                arrays, memory, out,
            )  # fmt: skip

        parts = tally(
            count,
            lambda: np.zeros(n_lanes, dtype=np.int64),
            scratch,
            n_iters,
            runner=run_batches,
            **options,
        )
        return {"surviving": np.asarray(sum(parts), dtype=np.int64)}


def labels_plan(
    terms: tuple[sparse.csr_array, sparse.csr_array],
    is_first: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    *,
    log_bits: int,
    n_iters: int,
) -> BalancedLabelsPlan:
    """Plan of the permutations of labels.

    Parameters
    ----------
    terms : two (n_contrasts, n_voxels) CSR arrays of int
        Of every contrast, weighted as one of group 1 and as one of group 2.
    is_first, mask, log_bits, n_iters
        As for ``lay_out``.
    """
    layouts = [lay_out(one, is_first, mask, log_bits=log_bits, n_iters=n_iters) for one in terms]
    one = layouts[0]
    rows, start, experiment = tile_rows(terms[1], one.lane, len(one.plan.total))
    longest = max((layout.plan for layout in layouts), key=lambda plan: len(plan.upper))
    return BalancedLabelsPlan(
        rows_one=one.plan.rows,
        start_one=one.plan.tile_start,
        experiment_one=one.plan.experiment,
        rows_two=rows,
        start_two=start,
        experiment_two=experiment,
        upper=longest.upper,
        lower=longest.lower,
        binomials=one.plan.binomials,
        scalars=np.append(one.plan.scalars[:4], log_bits).astype(np.int64),
    )


def subset_null(terms: sparse.csr_array, n_taken: int, log_bits: int) -> Null:
    """Null of the sum of a random subset: every contrast is as likely, each time.

    Parameters
    ----------
    terms : (n_contrasts, n_voxels) CSR array of int
    n_taken : int
        Contrasts of a subset.
    log_bits : int
    """
    shift = max(log_bits - FINEST_BIN_BITS, 1)
    half = 1 << (shift - 1)
    bins, counts = np.unique((terms.data + half) >> shift, return_counts=True)
    kept = bins > 0
    n = terms.shape[0] * terms.shape[1]
    support = np.concatenate([[0], bins[kept]]).astype(np.int64)
    probability = np.concatenate([[n - counts[kept].sum()], counts[kept]]) / n
    last = int(support.max()) * n_taken
    logsf = tilted_logsf([(support, probability)] * n_taken, last)
    return Null("approximate", float(1 << shift), logsf, "integer")
