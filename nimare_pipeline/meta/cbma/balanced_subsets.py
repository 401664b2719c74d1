"""Random subsets of a group: in how many of them a voxel is in a surviving cluster."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.meta.cbma.balanced_data import BalancedData
from nimare_pipeline.numerics.balanced import SubsetPlan, subset_null
from nimare_pipeline.numerics.plan import make_plan
from nimare_pipeline.numerics.pvalues import montecarlo_threshold
from nimare_pipeline.numerics.subtraction_layout import lay_out

_CUTOFF_SUBSETS = 20
"""So many random subsets share the iterations that say how large clusters are by chance."""


@dataclass(frozen=True)
class Subsets:
    """How subsets are drawn and judged; parameters as of ``BalancedALESubtraction``."""

    n_subsamples: int
    n_iters: int
    voxel_thresh: float
    alpha: float
    seed: int
    null_outside: str
    n_cores: int

    def surviving(self, data: BalancedData, number: int) -> tuple[NDArray[np.float64], int]:
        """Share of subsets of a group in which a voxel is in a surviving cluster, and its size."""
        members = np.flatnonzero(data.is_first == (number == 0))
        terms = data.terms(1.0)[members]
        smallest, _ = subset_null(terms, data.target_n, data.bits).smallest_significant(
            self.voxel_thresh
        )
        if not np.isfinite(smallest):
            return np.zeros(data.mask.n_voxels), 0
        threshold = int(np.ceil(smallest))
        cutoff = self._cluster_cutoff(data, members, threshold, number)
        layout = lay_out(
            terms,
            np.ones(len(members), dtype=bool),
            data.mask.inside,
            log_bits=data.bits,
            n_iters=1,
        )
        plan = SubsetPlan.of(layout.plan, data.target_n, threshold, cutoff)
        found = plan.run(
            seed=self.seed,
            first=number * self.n_subsamples,
            n_iters=self.n_subsamples,
            n_threads=self.n_cores,
        )
        return layout.over_mask(found["surviving"]) / self.n_subsamples, cutoff

    def _cluster_cutoff(
        self, data: BalancedData, members: NDArray[np.int64], threshold: int, number: int
    ) -> int:
        """Size that a cluster of a random subset exceeds by chance in a share ``alpha``."""
        rng = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        some = len(members) > data.target_n
        n_subsets = min(_CUTOFF_SUBSETS, self.n_iters) if some else 1
        bounds = np.linspace(0, self.n_iters, n_subsets + 1).astype(int).tolist()
        sizes = np.zeros(self.n_iters, dtype=np.int64)
        for begin, end in pairwise(bounds):
            taken = np.sort(rng.permutation(members)[: data.target_n])
            if not np.isin(data.foci.experiment, taken).any():
                continue
            design, _ = data.design(taken, np.ones(len(taken)))
            plan = make_plan(
                design,
                data.mask.inside,
                data.mask.affine,
                threshold=threshold,
                mass_floor=threshold,
                null_outside=self.null_outside,
            )
            # Iterations have their own numbers, so that no two subsets share their draws.
            null = plan.run(
                seed=self.seed, first=begin, n_iters=end - begin, n_threads=self.n_cores
            )
            sizes[begin:end] = null["max_size"]
        cutoff = montecarlo_threshold(sizes, self.alpha)
        # Too few iterations for this level: no cluster survives.
        return int(cutoff) if np.isfinite(cutoff) else data.mask.n_voxels
