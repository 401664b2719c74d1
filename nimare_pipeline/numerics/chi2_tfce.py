"""Null of the largest TFCE of chi-square under permutation of the labels.

Heights are the signed root of chi-square, which is the z that a two-sided p of chi-square has.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.array_plan import collect
from nimare_pipeline.numerics.chi2 import UNIT, LabelPlan
from nimare_pipeline.numerics.chi2_loop import (
    BLOCK,
    add_smaller_group,
    count_block,
    keep_tested,
    permute_labels,
    whole_block,
)
from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.nulls import MOST_BINS
from nimare_pipeline.numerics.tfce import TFCETables, tfce_tables
from nimare_pipeline.numerics.tfce_signed import largest_of_signs, signed_scratch


def chi2_tables(
    n: int, n_voxels: int, voxel_mm3: float, *, extent_power: float, height_power: float
) -> tuple[TFCETables, int]:
    """Tables for n experiments, whose chi-square is n at most; and the bits that a level drops.

    Parameters
    ----------
    n : int
        Experiments of both groups.
    n_voxels, voxel_mm3, extent_power, height_power
        As for ``tfce_tables``.
    """
    last, shift = int(np.ceil(np.sqrt(n) / UNIT)) + 1, 0
    while last >> shift > MOST_BINS:
        shift += 1
    z = np.asarray((np.arange((last >> shift) + 2) << shift) * UNIT, dtype=np.float64)
    tables = tfce_tables(
        z, n_voxels, voxel_mm3, extent_power=extent_power, height_power=height_power
    )
    return tables, shift


def signed_levels(whole: NDArray[np.int64], shift: int, n_levels: int) -> NDArray[np.int64]:
    """Level of each whole number of z, with its sign; bins round half away from 0."""
    size = (np.abs(whole) + ((1 << shift) >> 1)) >> shift
    return np.asarray(np.sign(whole) * np.minimum(size, n_levels - 1), dtype=np.int64)


@dataclass(frozen=True)
class LabelTFCEPlan(LabelPlan):
    """What the permutation of labels reads, with the tables of the enhancement.

    Parameters
    ----------
    height, extent : int64 arrays
        As in ``TFCETables``.
    shift : (1,) int64 array
        Bits of z that a level drops.
    """

    height: NDArray[np.int64]
    extent: NDArray[np.int64]
    shift: NDArray[np.int64]

    @classmethod
    def of(cls, plan: LabelPlan, tables: TFCETables, shift: int) -> Self:
        """Add the enhancement to a plan."""
        known = {field.name: getattr(plan, field.name) for field in fields(plan)}
        return cls(
            **known, height=tables.height, extent=tables.extent, shift=np.array([shift], np.int64)
        )

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of the plan without enhancement, and ``max_tfce`` of each sign."""
        names = (*self.names, *(f"{tail}_max_tfce" for tail in self.tails))
        return collect(enhance_labels, self.arrays(), self.scratch, names, **options)

    def scratch(self) -> tuple[Any, ...]:
        """Memory of one thread."""
        n_lanes = len(self.place)
        return (
            super().scratch(),
            np.zeros(n_lanes, dtype=np.int32),
            signed_scratch(len(self.height), n_lanes),
        )


@compiled
def enhance_labels(seed, first, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """``permute_labels``, and after its six rows the largest TFCE above and below expectation."""
    plain, levels, memory = scratch
    own = arrays[:9]
    permute_labels(seed, first, own, plain, out[:6])
    steps, block, whole, label = plain[:4]
    place, expected, weight, tested, scalars = own[3], own[4], own[5], own[6], own[8]
    height, extent, bits = arrays[9], arrays[10], arrays[11]
    shift, half = bits[0], (np.int64(1) << bits[0]) >> 1
    strides = (np.int64(1), scalars[4], scalars[5])
    for iteration in range(out.shape[1]):
        add_smaller_group(seed, first + iteration, own, plain)
        count = np.int32(0)
        for begin in range(0, len(place), BLOCK):
            count = count_block(steps, begin, count, block)
            whole_block(block, begin, expected, weight, whole)
            if len(tested):
                keep_tested(begin, tested, whole)
            for i in range(BLOCK):
                size = min((abs(np.int64(whole[i])) + half) >> shift, np.int64(len(height) - 1))
                levels[begin + i] = size if whole[i] > 0 else -size
        largest_of_signs(
            levels, place, label, strides, (height, extent), memory, out[6:, iteration]
        )
