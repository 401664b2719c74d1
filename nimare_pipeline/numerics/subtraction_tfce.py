"""Null of the largest TFCE of a difference of ALE under permutation of the labels.

At a voxel the difference grows with the sum of the first group's terms (``subtraction``), so that
the z of that sum among all divisions (``permutation_z``) is the z of the difference.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.numerics.array_plan import collect
from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.permutation_z import score_table, sum_moments
from nimare_pipeline.numerics.subtraction import SubtractionPlan, run_batches
from nimare_pipeline.numerics.subtraction_layout import Layout
from nimare_pipeline.numerics.subtraction_loop import (
    BATCH,
    NEGATIVE,
    POSITIVE,
    WIDTH,
    choose,
    largest_differences,
    sum_tile,
)
from nimare_pipeline.numerics.tfce import TFCETables, tfce_tables
from nimare_pipeline.numerics.tfce_signed import TAILS, largest_of_signs, signed_scratch


@dataclass(frozen=True)
class SubtractionTFCEPlan(SubtractionPlan):
    """What the loops of the subtraction read, with the tables of the enhancement.

    Parameters
    ----------
    height, extent : int64 arrays
        As in ``TFCETables``.
    unit : (1,) float64 array
        As in ``TFCETables``.
    expected : (n_lanes,) float32 array
        Mean over all divisions of the smaller group's sum.
    weight : (n_lanes,) float32 array
        Bins of the standard score for one unit of that sum; 0 where it does not vary.
    klass : (n_lanes,) int32 array
    level : (n_classes, 2 n_bins + 1) int32 array
        As in ``ScoreTable``.
    """

    height: NDArray[np.int64]
    extent: NDArray[np.int64]
    unit: NDArray[np.float64]
    expected: NDArray[np.float32]
    weight: NDArray[np.float32]
    klass: NDArray[np.int32]
    level: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        layout: Layout,
        terms: sparse.csr_array,
        voxel_mm3: float,
        *,
        extent_power: float,
        height_power: float,
    ) -> Self:
        """Add the enhancement to a plan.

        Parameters
        ----------
        layout : Layout
        terms : (n_experiments, n_voxels) CSR array of int
            That were laid out.
        voxel_mm3, extent_power, height_power
            As for ``tfce_tables``.
        """
        plan = layout.plan
        n, k = (int(number) for number in plan.scalars[:2])
        mean, sd, skewness = sum_moments(terms, k)
        table = score_table(skewness, n)
        weight = np.zeros(len(mean))
        weight[sd > 0] = 1 / (sd[sd > 0] * table.step)
        tables = tfce_tables(
            table.z, len(mean), voxel_mm3, extent_power=extent_power, height_power=height_power
        )
        known = {field.name: getattr(plan, field.name) for field in fields(plan)}
        return cls(
            **known,
            height=tables.height,
            extent=tables.extent,
            unit=np.array([tables.unit]),
            expected=layout.to_lanes(mean.astype(np.float32)),
            weight=layout.to_lanes(weight.astype(np.float32)),
            klass=layout.to_lanes(table.klass),
            level=table.level,
        )

    @property
    def tables(self) -> TFCETables:
        """Tables of the enhancement."""
        return TFCETables(self.height, self.extent, float(self.unit[0]))

    def observed_levels(self) -> NDArray[np.int64]:
        """Level of z of each lane as observed, with the sign of the first group's."""
        levels = np.zeros(len(self.total), dtype=np.int32)
        fill_signed(self.observed, np.int64(0), self._fields, levels)
        return levels.astype(np.int64)

    @property
    def _fields(self) -> tuple[Any, ...]:
        first = np.int64(1 if self.scalars[2] else -1)
        return self.expected, self.weight, self.klass, self.level, self.tested, first

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of the plan without enhancement, and ``max_tfce`` of each sign."""
        names = (*self.names, *(f"{tail}_max_tfce" for tail in TAILS))
        return collect(
            enhance_differences, self.arrays(), self.scratch, names, runner=run_batches, **options
        )

    def scratch(self) -> tuple[Any, ...]:
        """Memory of one thread."""
        n_lanes = len(self.total)
        return (super().scratch(), signed_scratch(len(self.height), n_lanes))


@compiled
def fill_signed(sums, base, fields, levels):  # type: ignore[no-untyped-def]
    """Level of z of some sums of the smaller group, from lane ``base`` on.

    Parameters
    ----------
    sums : (n,) int32 array
    base : int64
    fields : tuple
        ``expected``, ``weight``, ``klass``, ``level``, ``tested`` of a plan, and 1 where the
        smaller group is the first, else -1.
    levels : (n,) int32 array
        With the sign of the first group's z; 0 where that direction is not tested.
    """
    expected, weight, klass, level, tested, first = fields
    middle = level.shape[1] // 2
    for i in range(len(sums)):
        at = base + i
        score = np.int64((np.float32(sums[i]) - expected[at]) * weight[at])
        found = first * level[klass[at], min(max(score + middle, 0), level.shape[1] - 1)]
        bit = POSITIVE if found > 0 else NEGATIVE
        levels[i] = found if tested[at] & bit else 0


@compiled
def enhance_differences(seed, begin, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """``largest_differences``, and after its six rows the largest TFCE of each sign."""
    plain, memory = scratch
    largest_differences(seed, begin, arrays[:11], plain, out[:6])
    rows, tile_start, experiment = arrays[:3]
    tested, voxel, binomials, scalars = arrays[5], arrays[6], arrays[9], arrays[10]
    height, extent = arrays[11], arrays[12]
    first = np.int64(1 if scalars[2] > 0 else -1)
    fields = (arrays[14], arrays[15], arrays[16], arrays[17], tested, first)
    flags, chosen, acc, order, _, _, _, _, levels, label, _ = plain
    sizes, exhaustive = (scalars[0], scalars[1]), scalars[3] > 0
    strides = (np.int64(1), scalars[6], scalars[7])
    for start in range(0, out.shape[1], BATCH):
        n_here = min(BATCH, out.shape[1] - start)
        for p in range(n_here):
            choose(seed, begin + start + p, exhaustive, sizes, binomials, order, flags[p])
        for tile in range(len(tile_start) - 1):
            base = np.int64(tile * WIDTH)
            for p in range(n_here):
                sum_tile(tile, tile_start, experiment, rows, flags[p], chosen, acc)
                fill_signed(acc, base, fields, levels[p, base : base + WIDTH])
        for p in range(n_here):
            largest_of_signs(
                levels[p], voxel, label, strides, (height, extent), memory, out[6:, start + p]
            )
