r"""Inference by flips of signs, for statistics that are affine in the signs.

If errors are symmetric about 0 and there is no effect, the data are as likely with the signs of
any study turned over. A statistic is *affine in the signs* if it is, at each voxel, a monotone
function of

.. math:: o + \sum_g s_g a_g, \qquad s_g = \pm 1

over groups g of dependent images (one image each, where studies have one). One-sample t is: with
y of unit length, :math:`u = \sum s_g y_g` gives :math:`t = u \sqrt{(n - 1) / (n - u^2)}`.

The terms a are rounded once to whole numbers, so that sums are exact whatever their order; the
functions are tables that turn them into z, one for each number of groups, so that the largest z
can be sought over voxels that have different numbers of studies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nimare_pipeline.numerics.array_plan import ArrayPlan, collect
from nimare_pipeline.numerics.sign_flips_loop import (
    CELLS,
    EXHAUSTIVE,
    LENGTH,
    N_GROUPS,
    N_VOXELS,
    PARTS,
    ROOT,
    TWO_SIDED,
    WIDTH,
    Z_BITS,
    cut,
    cut_all,
    draw_signs,
    flip_signs,
)
from nimare_pipeline.numerics.subtraction import run_batches

UNIT = 2.0**-Z_BITS
"""What a step of the whole numbers of z is worth."""
MAXIMA = ("max_stat", "max_size", "max_mass")
"""What an iteration leaves."""
MOST_Z = 1000.0
"""Larger z are not told apart."""
_SUM_BITS = 29
_LARGEST_SUM = 2.0**12
_BATCH = 256
_BITS = 7

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class FlipTerms:
    """A statistic that is affine in the signs.

    Parameters
    ----------
    terms : (n_groups, n_voxels) array
        What each group adds; 0 where it has no data.
    family : (n_voxels,) int array
        Which of ``curves`` makes z of the sum at each voxel; -1 where there is no statistic.
    curves : tuple of callables
        z of sums from 0 to ``tops``, not descending and never NaN.
    tops : tuple of float
        The largest sum there can be, for each family.
    offset : (n_voxels,) array, optional
        Added to the sum on either side: ``offset + sum`` on the positive, ``offset - sum`` on the
        negative side.
    """

    terms: NDArray[np.float64]
    family: NDArray[np.int64]
    curves: tuple[Curve, ...]
    tops: tuple[float, ...]
    offset: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class FlipPlan(ArrayPlan):
    """Everything the loop reads. Lanes are voxels by family, filled up to whole blocks.

    Parameters
    ----------
    terms : (n_blocks, n_groups, WIDTH) int32 array
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
        batch = batch_size(options, _BATCH)
        return collect(
            flip_signs,
            self.arrays(),
            partial(self.scratch, batch),
            MAXIMA,
            runner=partial(run_batches, batch=batch),
            **options,
        )

    def scratch(self, batch: int) -> tuple[Any, ...]:
        """Memory of one thread, for batches of so many flips."""
        n_groups, n_lanes = int(self.scalars[N_GROUPS]), self.place.size
        # Half of the work may go into the tables.
        bits = max(1, min(_BITS, n_groups, batch.bit_length() - 1))
        return (
            np.zeros(n_groups, dtype=np.int64),
            np.zeros((batch, -(-n_groups // bits)), dtype=np.int64),
            np.zeros((3, 1 << bits, WIDTH), dtype=np.int32),
            np.zeros((batch, WIDTH), dtype=np.int32),
            np.zeros((batch, len(self.scale)), dtype=np.int64),
            np.zeros(batch, dtype=np.int64),
            # Not touched but as far as a flip has voxels above the threshold.
            np.empty((batch, n_lanes), dtype=np.int32),
            np.empty((batch, n_lanes), dtype=np.int32),
            np.zeros(int(self.scalars[LENGTH]), dtype=np.int32),
            (
                np.empty(n_lanes, dtype=np.int32),
                np.empty(n_lanes, dtype=np.int32),
                np.empty(n_lanes, dtype=np.int64),
            ),
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
        sums = np.einsum("bgl,g->bl", self.terms, signs, dtype=np.int64)
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


def cut_lanes(plan: FlipPlan, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers of z of a sum in every lane; 0 for sums below 0."""
    family = np.repeat(plan.family, WIDTH)
    out = np.zeros(sums.size, dtype=np.int64)
    cut_all(sums.reshape(-1), family, plan.scale, plan.curve, bool(plan.scalars[ROOT]), out)
    return out.reshape(sums.shape)


def batch_size(options: dict[str, Any], most: int) -> int:
    """Flips of a batch: as many as are worth a table, but every thread gets some."""
    return max(1, min(most, -(-int(options["n_iters"]) // int(options.get("n_threads", 1) or 1))))


def flip_plan(
    statistic: FlipTerms,
    mask: NDArray[np.bool_],
    *,
    n_iters: int,
    voxel_thresh: float = 0.001,
    two_sided: bool = True,
) -> FlipPlan:
    """Arrays of the loop.

    Parameters
    ----------
    statistic : FlipTerms
        Over the mask, in C order.
    mask : (X, Y, Z) bool array
    n_iters : int
        Flips asked for; all are gone through where there are no more.
    voxel_thresh : float
        Cluster-forming p, two-sided or one-sided as the test is.
    two_sided : bool
        Both signs are looked at, each with clusters of its own; else the positive one.
    """
    n_groups = len(statistic.terms)
    order, family = _blocks(statistic.family, len(statistic.curves))
    terms, offset, unit = _whole_terms(statistic)
    root = offset is not None
    curve, scale = _tables(statistic, unit, root=root)
    padded = tuple(side + 2 for side in mask.shape)
    places = np.asarray(np.ravel_multi_index(tuple(np.argwhere(mask).T + 1), padded), np.int32)
    threshold = cluster_threshold(voxel_thresh, two_sided=two_sided)
    return FlipPlan(
        terms=np.ascontiguousarray(_lanes(terms, order).transpose(1, 0, 2)),
        offset=np.zeros((0, WIDTH), np.int32) if offset is None else _lanes(offset, order),
        family=family,
        place=_lanes(places, order),
        scale=scale,
        curve=curve,
        least=_least(threshold, scale, curve, root=root),
        voxel=order.astype(np.int32),
        scalars=np.array(
            [
                n_groups, n_groups < 63 and 2**n_groups <= n_iters, two_sided, threshold, root,
                padded[2], padded[1] * padded[2], int(np.prod(padded)), mask.sum(),
            ],
            dtype=np.int64,
        ),
    )  # fmt: skip


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


def _blocks(
    family: NDArray[np.int64], n_families: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxel of each lane of each block (-1: none), and the family of each block."""
    orders, kinds = [], []
    for kind in range(n_families):
        members = np.flatnonzero(family == kind)
        n_blocks = -(-len(members) // WIDTH)
        order = np.full(n_blocks * WIDTH, -1, dtype=np.int64)
        order[: len(members)] = members
        orders.append(order.reshape(n_blocks, WIDTH))
        kinds.append(np.full(n_blocks, kind, dtype=np.int64))
    empty = np.zeros((0, WIDTH), dtype=np.int64)
    return np.concatenate([empty, *orders]), np.concatenate([np.zeros(0, np.int64), *kinds])


def _lanes(values: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """Values of the voxels in their lanes, 0 in those that are filled up."""
    return np.where(order >= 0, values[..., order], np.zeros((), values.dtype))


def _whole_terms(
    statistic: FlipTerms,
) -> tuple[NDArray[np.int32], NDArray[np.int32] | None, float]:
    """Terms and offsets as whole numbers of a unit, a power of two, in which no sum overflows."""
    used = statistic.family >= 0
    size = np.abs(np.where(used, statistic.terms, 0)).sum(axis=0)
    if statistic.offset is not None:
        size += np.abs(np.where(used, statistic.offset, 0))
    # A voxel of absurdly large numbers must not cost all others their precision.
    shrink = np.where(size > _LARGEST_SUM, _LARGEST_SUM / np.maximum(size, _LARGEST_SUM), 1.0)
    largest = float(np.minimum(size, _LARGEST_SUM).max(initial=0))
    bits = _SUM_BITS - (int(np.ceil(np.log2(largest))) if largest > 0 else 0)
    factor = np.where(used, np.ldexp(shrink, bits), 0.0)
    terms = _rounded(statistic.terms, used, factor)
    offset = None if statistic.offset is None else _rounded(statistic.offset, used, factor)
    return terms, offset, 2.0**-bits


def _rounded(
    values: NDArray[np.float64], used: NDArray[np.bool_], factor: NDArray[np.float64]
) -> NDArray[np.int32]:
    return np.rint(np.where(used, values, 0.0) * factor).astype(np.int32)


def _tables(
    statistic: FlipTerms, unit: float, *, root: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Curves at the ends of the cells, and cells for each whole number of a sum (or its root)."""
    cells = np.arange(CELLS + 1, dtype=np.float64) / CELLS
    rest = 16.0 ** -np.arange(PARTS, dtype=np.float64)[:, None]
    places = 1 - rest * (1 - cells)
    curve = np.zeros((len(statistic.curves), *places.shape))
    scale = np.zeros(len(statistic.curves))
    for kind, (function, top) in enumerate(zip(statistic.curves, statistic.tops, strict=True)):
        z = function(top * places**2 if root else top * places)
        curve[kind] = np.minimum(np.maximum(z, 0), MOST_Z) / UNIT
        largest = top / unit
        scale[kind] = CELLS / (np.sqrt(largest) if root else largest)
    return curve, scale


def _least(
    threshold: int, scale: NDArray[np.float64], curve: NDArray[np.float64], *, root: bool
) -> NDArray[np.int64]:
    """Smallest sum of each family whose z reaches a threshold; what no sum is, if none does."""
    out = np.zeros(len(scale), dtype=np.int64)
    for kind in range(len(scale)):
        low, high = 0, 2**31 - 1
        while low < high:
            middle = (low + high) // 2
            if cut(np.int64(middle), np.int64(kind), scale, curve, root) >= threshold:
                high = middle
            else:
                low = middle + 1
        out[kind] = max(low, 1)
    return out
