"""Monte Carlo null of the largest TFCE beside the largest statistic, cluster size and mass."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.array_plan import collect
from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.montecarlo import MAXIMA, MonteCarloPlan, scratch_of
from nimare_pipeline.numerics.simulate import largest_cluster, redraw
from nimare_pipeline.numerics.tfce import TFCETables, fill_levels, largest_tfce, tfce_scratch

NO_SUPPORT = np.zeros(0, dtype=np.int64)
"""``support`` of a statistic whose levels are bins, or its own whole numbers."""
_MAXIMA = (*MAXIMA, "max_tfce")


@dataclass(frozen=True)
class TFCEPlan(MonteCarloPlan):
    """What the loop reads, with the tables of the enhancement.

    Parameters
    ----------
    height, extent : int64 arrays
        As in ``TFCETables``.
    support : int64 array
        As in ``number_levels``.
    levels : (2,) int64 array
        The shift of ``number_levels``, and the smallest number whose height is not 0.
    """

    height: NDArray[np.int64]
    extent: NDArray[np.int64]
    support: NDArray[np.int64]
    levels: NDArray[np.int64]

    @classmethod
    def of(
        cls, plan: MonteCarloPlan, tables: TFCETables, shift: int, support: NDArray[np.int64]
    ) -> Self:
        """Add the enhancement to a plan."""
        lowest = int(np.argmax(tables.height > 0)) if tables.height.any() else len(tables.height)
        if len(support):
            smallest = int(support[lowest - 1]) + 1
        else:
            smallest = max((lowest << shift) - ((1 << shift) >> 1), 1)
        levels = np.array([shift, smallest], dtype=np.int64)
        known = {field.name: getattr(plan, field.name) for field in fields(plan)}
        return cls(
            **known, height=tables.height, extent=tables.extent, support=support, levels=levels
        )

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of a run of iterations: those of ``run_block``, and ``max_tfce``.

        Draws and all other maxima are those of the plan without enhancement.
        """
        return collect(_simulate, self.arrays(), self._scratch, _MAXIMA, **options)

    def _scratch(self) -> tuple[Any, ...]:
        """Memory of one thread."""
        plain = scratch_of(self)
        n_voxels = len(plain[3])
        level = np.zeros(n_voxels, dtype=np.int32)
        return (plain, tfce_scratch(len(self.height), n_voxels), level)


@compiled
def _simulate(seed, first, arrays, memory, out):  # type: ignore[no-untyped-def]
    scratch, more, level = memory
    _, _, label, voxels, excess, parent, size, mass, _, _ = scratch
    scalars = arrays[16]
    height, extent, support, levels = arrays[17], arrays[18], arrays[19], arrays[20]
    strides = (np.int64(1), scalars[2], scalars[1])
    threshold, floor = scalars[4], scalars[5]
    shift, last = levels[0], np.int64(len(height) - 1)
    # Everything that the enhancement or a cluster is made of.
    limits = (min(levels[1], threshold), np.int64(0))
    for iteration in range(out.shape[1]):
        out[0, iteration], n = redraw(seed, first + iteration, arrays, limits, scratch)
        fill_levels(excess, n, shift, support, last, level)
        out[3, iteration] = largest_tfce(label, strides, voxels, level, n, height, extent, more)
        kept = 0
        for a in range(n):
            if excess[a] >= threshold:
                voxels[kept], excess[kept] = voxels[a], excess[a] - floor
                kept += 1
        out[1, iteration], out[2, iteration] = largest_cluster(
            label, strides, voxels, excess, kept, parent, size, mass
        )
