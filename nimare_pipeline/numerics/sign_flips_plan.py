"""What flips of signs read, as arrays, and what a run of them leaves: see ``sign_flips``."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nimare_pipeline.numerics.array_plan import ArrayPlan, collect
from nimare_pipeline.numerics.sign_flips_loop import Z_BITS, cut_all, flip_signs
from nimare_pipeline.numerics.sign_flips_sums import (
    EXHAUSTIVE,
    KNAPP_HARTUNG,
    LENGTH,
    N_GROUPS,
    N_VOXELS,
    ROOT,
    SHARE,
    TWO_SIDED,
    WALD,
    WIDTH,
    draw_signs,
    measure,
    pack_bits,
)
from nimare_pipeline.numerics.subtraction import run_batches

UNIT = 2.0**-Z_BITS
"""What a step of the whole numbers of z is worth."""
MAXIMA = ("max_stat", "max_size", "max_mass")
"""What an iteration leaves."""
_BATCH = 256
_FEW = 8
_CALL_S = 0.1
_SUM_S, _SHARE_S, _AGAIN_S = 4e-11, 4e-9, 2.5e-9
"""About what a flip takes of a voxel: a group of a sum, a share, a group of a variance."""
_BITS = 7
_ROOM = 2**22
"""Voxels that form clusters in all flips of a batch together; a smaller batch takes more."""


@dataclass(frozen=True)
class FlipPlan(ArrayPlan):
    """Everything the loop reads. Lanes are voxels by family, filled up to whole blocks.

    Parameters
    ----------
    terms : (n_blocks, n_sums * n_groups, WIDTH) int32 array
        Of the sums, one after the other; none if the variance is estimated again.
    offset : (n_blocks or 0, WIDTH) int32 array
        Empty where every offset is 0.
    family : (n_blocks,) int64 array
    place : (n_blocks, WIDTH) int32 array
        Where in a volume with a border of one voxel; 0 where lanes are filled up.
    scale : (n_families,) float64 array
        Cells of the curve for each unit of a sum (or of its root).
    curve : (n_families, PARTS, CELLS + 1) float64 array
        z in units of 2**-20 at the ends of the cells.
    least : (n_families,) int64 array
        Smallest sum that forms clusters.
    voxel : (n_blocks, WIDTH) int32 array
        Which voxel of the mask; -1 where lanes are filled up.
    scalars : (9,) int64 array
        Groups, whether all flips are enumerated, whether both signs count, the cluster-forming
        threshold, whether curves are over roots, strides and length of the volume, and voxels of
        the mask.
    effects : (n_blocks or 0, 3 * n_groups + 3, WIDTH) float64 array
        See ``Reestimated``.
    form : (n_sums + 1,) or (0,) float64 array
        1 and the factors of the squares, in units of the sums; or which standard error.
    """

    terms: NDArray[np.int32]
    offset: NDArray[np.int32]
    family: NDArray[np.int64]
    place: NDArray[np.int32]
    scale: NDArray[np.float64]
    curve: NDArray[np.float64]
    least: NDArray[np.int64]
    voxel: NDArray[np.int32]
    scalars: NDArray[np.int64]
    effects: NDArray[np.float64]
    form: NDArray[np.float64]

    def iterations(self, asked: int) -> int:
        """How many iterations there are: fewer than asked where all flips are gone through."""
        return 2 ** int(self.scalars[N_GROUPS]) if self.exhaustive else asked

    @property
    def exhaustive(self) -> bool:
        """Whether the iterations are all flips there are, the identity among them."""
        return bool(self.scalars[EXHAUSTIVE])

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima over both signs (or the positive one): z, cluster size and mass.

        z and mass are in units of 2**-20.
        """
        batch = batch_size(options, self._worth_a_batch())
        return collect(
            flip_signs,
            self.arrays(),
            partial(self.plain_scratch, batch),
            MAXIMA,
            runner=partial(run_batches, batch=batch),
            **options,
        )

    def _worth_a_batch(self) -> int:
        """Flips of a batch: many, as tables are made for each, but a call has to return soon."""
        n_groups = int(self.scalars[N_GROUPS])
        each = n_groups * _AGAIN_S if len(self.effects) else self.terms.shape[1] * _SUM_S
        if len(self.form) > 1:
            each += _SHARE_S
        seconds = each * self.place.size
        return _BATCH if seconds * _BATCH < _CALL_S else max(_FEW, int(_CALL_S / seconds))

    def plain_scratch(self, batch: int) -> tuple[Any, ...]:
        """Memory of one thread, for batches of so many flips."""
        n_groups, n_lanes = int(self.scalars[N_GROUPS]), self.place.size
        # Half of the work may go into the tables.
        room = max(n_lanes + WIDTH, _ROOM)
        bits = max(1, min(_BITS, n_groups, batch.bit_length() - 1))
        return (
            np.zeros(n_groups, dtype=np.int64),
            np.zeros((batch, -(-n_groups // bits)), dtype=np.int64),
            np.zeros((3, 1 << bits, WIDTH), dtype=np.int32),
            np.zeros((batch, WIDTH), dtype=np.int32),
            np.zeros((batch, len(self.scale)), dtype=np.int64),
            (
                np.zeros(batch, dtype=np.int32),
                np.empty(room, dtype=np.int32),
                np.empty(room, dtype=np.int32),
                np.empty(room, dtype=np.int32),
            ),
            np.zeros(batch, dtype=np.int32),
            np.zeros(int(self.scalars[LENGTH]), dtype=np.int32),
            np.empty(n_lanes, dtype=np.int32),
            np.empty(n_lanes, dtype=np.int32),
            (
                np.empty(n_lanes, dtype=np.int32),
                np.empty(n_lanes, dtype=np.int32),
                np.empty(n_lanes, dtype=np.int64),
            ),
            np.zeros((max(len(self.form) - 2, 0), batch, WIDTH), dtype=np.int32),
            np.zeros((4, WIDTH)),
        )

    def observed(self) -> NDArray[np.int64]:
        """Signed z as the whole numbers that the flips are compared by.

        Returns
        -------
        (n_voxels,) int64 array
            0 where there is no statistic.
        """
        return self.whole_numbers(np.ones(int(self.scalars[N_GROUPS]), dtype=np.int64))

    def whole_numbers(self, signs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Signed z of one flip; the readable way to what the loop measures.

        Parameters
        ----------
        signs : (n_groups,) array of +1 and -1
        """
        sums = self._measured(np.asarray(signs, dtype=np.int64))
        side = -1 if self.scalars[TWO_SIDED] else 1
        raw = np.where(sums < 0, side, 1) * sums
        if len(self.offset):
            raw = raw + self.offset
        z = cut_lanes(self, raw)
        used = self.voxel >= 0
        negative = (sums < 0) & bool(self.scalars[TWO_SIDED])
        out = np.zeros(int(self.scalars[N_VOXELS]), dtype=np.int64)
        out[self.voxel[used]] = np.where(negative, -z, z)[used]
        return out

    def _measured(self, signs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Argument of the curve in every lane, by the operations of the loop."""
        scratch = self.plain_scratch(1)
        rows, bits, arrays = scratch[1], pack_bits(scratch[2]), self.arrays()[:11]
        for group in np.flatnonzero(signs < 0).tolist():
            rows[0, group // bits] |= 1 << (group % bits)
        out = np.zeros(self.place.shape, dtype=np.int64)
        for block in range(len(out)):
            measure(np.int64(block), np.int64(1), bits, arrays, scratch)
            out[block] = scratch[3][0]
        return out

    def largest_sums(self) -> NDArray[np.int64]:
        """Bound of the argument of the curve in every lane, whatever the signs."""
        if len(self.form):
            kind = int(self.form[0]) if len(self.effects) else KNAPP_HARTUNG
            largest = 2**30 if kind == WALD else int(SHARE)
            return np.where(self.voxel >= 0, largest, 0).astype(np.int64)
        sums = np.abs(self.terms).sum(axis=1, dtype=np.int64)
        return sums + self.offset if len(self.offset) else sums


def cut_lanes(plan: FlipPlan, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers of z of a sum in every lane; 0 for sums below 0."""
    family = np.repeat(plan.family, WIDTH)
    out = np.zeros(sums.size, dtype=np.int64)
    cut_all(sums.reshape(-1), family, plan.scale, plan.curve, bool(plan.scalars[ROOT]), out)
    return out.reshape(sums.shape)


def batch_size(options: dict[str, Any], most: int) -> int:
    """Flips of a batch: as many as are worth a table, but every thread gets some."""
    return max(1, min(most, -(-int(options["n_iters"]) // int(options.get("n_threads", 1) or 1))))


def cluster_threshold(voxel_thresh: float, *, two_sided: bool = True) -> int:
    """Smallest whole number of z whose p is below a level."""
    z = -float(ndtri(voxel_thresh / 2 if two_sided else voxel_thresh))
    return max(int(np.floor(z / UNIT)) + 1, 1)


def signs_of(seed: int, iteration: int, n_groups: int, *, exhaustive: bool) -> NDArray[np.int64]:
    """Signs of the groups in one flip; the readable way to what the loop draws.

    Examples
    --------
    >>> signs_of(0, 5, 4, exhaustive=True)
    array([-1,  1, -1,  1])
    """
    flipped = np.zeros(n_groups, dtype=np.int64)
    draw_signs(np.uint64(seed), np.int64(iteration), exhaustive, flipped)
    return 1 - 2 * flipped
