"""Null of the largest TFCE under flips of signs; heights are z."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.array_plan import collect
from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.nulls import MOST_BINS
from nimare_pipeline.numerics.sign_flips_loop import cut, flip_signs
from nimare_pipeline.numerics.sign_flips_plan import (
    MAXIMA,
    UNIT,
    FlipPlan,
    batch_size,
    cut_lanes,
)
from nimare_pipeline.numerics.sign_flips_sums import (
    PLANE,
    ROOT,
    ROW,
    TWO_SIDED,
    WIDTH,
    draw_rows,
    measure,
    pack_bits,
)
from nimare_pipeline.numerics.subtraction import run_batches
from nimare_pipeline.numerics.tfce import TFCETables, tfce_tables
from nimare_pipeline.numerics.tfce_signed import largest_of_signs, signed_scratch, signed_tfce

_MOST_HEIGHT = 40.0
_BATCH = 4


def flip_tables(
    plan: FlipPlan, voxel_mm3: float, *, extent_power: float, height_power: float
) -> tuple[TFCETables, int]:
    """Tables up to the largest z that any flip can have; and the bits that a level drops.

    Parameters
    ----------
    plan : FlipPlan
    voxel_mm3, extent_power, height_power
        As for ``tfce_tables``.
    """
    top = int(cut_lanes(plan, plan.largest_sums()).max(initial=0))
    last, shift = min(top, int(_MOST_HEIGHT / UNIT)) + 1, 0
    while last >> shift > MOST_BINS:
        shift += 1
    z = np.asarray((np.arange((last >> shift) + 2) << shift) * UNIT, dtype=np.float64)
    n_voxels = int((plan.voxel >= 0).sum())
    tables = tfce_tables(
        z, n_voxels, voxel_mm3, extent_power=extent_power, height_power=height_power
    )
    return tables, shift


@dataclass(frozen=True)
class FlipTFCEPlan(FlipPlan):
    """What the flips read, with the tables of the enhancement.

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
    def of(cls, plan: FlipPlan, tables: TFCETables, shift: int) -> Self:
        """Add the enhancement to a plan."""
        known = {field.name: getattr(plan, field.name) for field in fields(plan)}
        return cls(
            **known, height=tables.height, extent=tables.extent, shift=np.array([shift], np.int64)
        )

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of the plan without enhancement, and ``max_tfce``."""
        batch = batch_size(options, _BATCH)
        return collect(
            enhance_flips,
            self.arrays(),
            partial(self.scratch, batch),
            (*MAXIMA, "max_tfce"),
            runner=partial(run_batches, batch=batch),
            **options,
        )

    def scratch(self, batch: int) -> tuple[Any, ...]:
        """Memory of one thread, for batches of so many flips."""
        n_lanes = self.place.size
        return (
            self.plain_scratch(batch),
            np.zeros((batch, n_lanes), dtype=np.int32),
            np.zeros(2, dtype=np.int64),
            signed_scratch(len(self.height), n_lanes),
        )

    def enhanced(self, whole: NDArray[np.int64], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """TFCE of a map of z, with the sign of z, in the unit of the tables.

        Parameters
        ----------
        whole : (n_voxels,) int64 array
            As ``observed`` and ``whole_numbers`` return it.
        mask : (X, Y, Z) bool array
        """
        shift = int(self.shift[0])
        size = np.minimum((np.abs(whole) + ((1 << shift) >> 1)) >> shift, len(self.height) - 1)
        tables = TFCETables(self.height, self.extent, 1.0)
        return signed_tfce(np.sign(whole) * size, mask, tables)


@compiled
def _fill_levels(sums, offset, kind, tables, rules, levels):  # type: ignore[no-untyped-def]
    """Levels of a block, negative on the negative side; 0 there if it does not count."""
    scale, curve, root = tables
    two_sided, shift, last = rules
    half = (np.int64(1) << shift) >> 1
    for lane in range(WIDTH):
        base = offset[lane] if len(offset) else np.int32(0)
        negative = two_sided and sums[lane] < 0
        raw = base - sums[lane] if negative else base + sums[lane]
        z = cut(max(raw, 0), kind, scale, curve, root)
        level = min((z + half) >> shift, last)
        levels[lane] = -level if negative else level


@compiled
def enhance_flips(seed, first, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """``flip_signs``, and after its three rows the largest TFCE of either sign."""
    plain, levels, tops, memory = scratch
    own = arrays[:11]
    _, offset, family, place, scale, curve, _, _, scalars = own[:9]
    height, extent, shift = arrays[11], arrays[12], arrays[13][0]
    flip_signs(seed, first, own, plain, out[:3])
    flipped, rows, tables, sums, label = plain[0], plain[1], plain[2], plain[3], plain[7]
    rules = (scalars[TWO_SIDED] > 0, shift, np.int64(len(height) - 1))
    strides = (np.int64(1), scalars[ROW], scalars[PLANE])
    bits = pack_bits(tables)
    for begin in range(0, out.shape[1], len(rows)):
        n = min(len(rows), out.shape[1] - begin)
        draw_rows(seed, first + begin, n, bits, scalars, flipped, rows)
        for block in range(len(family)):
            measure(block, n, bits, own, plain)
            base = offset[block] if len(offset) else offset.reshape(-1)
            for flip in range(n):
                _fill_levels(
                    sums[flip], base, family[block], (scale, curve, scalars[ROOT] > 0), rules,
                    levels[flip, block * WIDTH : (block + 1) * WIDTH],
                )  # fmt: skip
        for flip in range(n):
            largest_of_signs(
                levels[flip], place.reshape(-1), label, strides, (height, extent), memory, tops
            )
            out[3, begin + flip] = max(tops[0], tops[1])
