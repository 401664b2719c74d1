"""What ALE needs of modelled activation, experiment by experiment: the maps are never held.

Of a thousand experiments the maps are 80 million values. ALE needs their sum in the log domain
and, for its null, how often each experiment takes each value. Both are whole numbers, so that
neither threads nor the order of experiments can change a bit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.numerics.gaussian import (
    FWHM_PER_SIGMA,
    density,
    peak_height,
    reach_mm,
    reach_voxels,
    voxel_volume,
)
from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.ma import to_voxels
from nimare_pipeline.numerics.nearest import empty_plane, fill_plane, is_upright, reached_planes
from nimare_pipeline.numerics.threads import run_slices
from nimare_pipeline.numerics.value_counts import ValueCounts, storage_shift

FINER_BITS = 32
"""The statistic itself is summed in units so much finer than those of the engine: a sum that stays
below 2**30 there stays within 64 bits here, and no map depends on the order of experiments."""
QUARTERS = 4.0
"""Published foci are whole or half mm, and then squared distances to voxel centres are quarters of
mm2: what is computed for one of them is looked up ever after."""


@dataclass(frozen=True)
class Activation:
    """Modelled activation of several experiments, added up.

    Parameters
    ----------
    log_sum : (n_voxels,) float array
        ``sum_i -log(1 - MA_i)``.
    numbers : (n_voxels,) int array
        The same in units of the engine, each term rounded.
    counts : ValueCounts
        How often each experiment takes each value.
    """

    log_sum: NDArray[np.float64]
    numbers: NDArray[np.int64]
    counts: ValueCounts

    @property
    def stat(self) -> NDArray[np.float64]:
        """ALE, ``1 - prod_i (1 - MA_i)``."""
        return np.asarray(-np.expm1(-self.log_sum))


def activation_of(ma_maps: sparse.csr_array, log_bits: int) -> Activation:
    """Add up modelled activation maps that were computed before.

    Parameters
    ----------
    ma_maps : (n_experiments, n_voxels) CSR array
    log_bits : int
        Unit of the engine, ``2**-log_bits``, in which the sum stays below 2**30.
    """
    units = 2.0 ** (log_bits + FINER_BITS), 2.0**log_bits
    sums = np.zeros((ma_maps.shape[1], 2), dtype=np.int64)
    rows = []
    for row in range(ma_maps.shape[0]):
        one = slice(*ma_maps.indptr[row : row + 2])
        values = np.empty(one.stop - one.start, dtype=np.int32)
        _add_row(ma_maps.indices[one], ma_maps.data[one], *units, sums, values)
        rows.append(values)
    largest = max((int(values.max()) for values in rows if len(values)), default=0)
    shift = storage_shift(sum(len(values) > 0 for values in rows), largest, log_bits)
    return _added(sums, log_bits, ValueCounts.of(rows, shift))


def ale_activation(
    xyz: NDArray[np.float64],
    experiment: NDArray[np.int64],
    fwhm_mm: NDArray[np.float64],
    mask: NDArray[np.bool_],
    affine: NDArray[np.float64],
    log_bits: int,
    n_threads: int = 1,
) -> Activation:
    """Add up ALE's modelled activation, with the density at the true distances.

    Parameters
    ----------
    xyz, experiment, fwhm_mm, mask, affine, n_threads
        As for :func:`nimare_pipeline.numerics.ma.ale_maps`.
    log_bits : int
        As for :func:`activation_of`.
    """
    by_experiment = np.argsort(experiment, kind="stable")
    ijk = np.ascontiguousarray(to_voxels(xyz, affine)[by_experiment])
    offsets = np.searchsorted(experiment[by_experiment], np.arange(len(fwhm_mm) + 1))
    used = np.flatnonzero(np.diff(offsets))
    # One width after the other: what is known of a width serves all experiments that have it.
    used = used[np.argsort(fwhm_mm[used], kind="stable")]
    kernels = _Kernels.of(fwhm_mm[used], affine, log_bits)
    shift = storage_shift(len(used), kernels.largest, log_bits)
    counts = ValueCounts.empty(len(fwhm_mm), kernels.largest, shift)
    index = np.full(mask.shape, -1, dtype=np.int32)
    index[mask] = np.arange(mask.sum())
    sums: list[NDArray[np.int64]] = []

    def make_work() -> Callable[[int, int], None]:
        sums.append(np.zeros((int(mask.sum()), 2), dtype=np.int64))
        memory = (sums[-1], empty_plane(mask.shape), kernels.table())

        def work(begin: int, end: int) -> None:
            _accumulate(
                used[begin:end], ijk, offsets, kernels.of_each[begin:end], kernels.fixed, index,
                (counts.low, counts.high, counts.residual, counts.largest, shift), memory,
            )  # fmt: skip

        return work

    run_slices(make_work, len(used), n_threads)
    return _added(np.sum(sums, axis=0), log_bits, counts)


def _added(sums: NDArray[np.int64], log_bits: int, counts: ValueCounts) -> Activation:
    log_sum = np.ldexp(sums[:, 0].astype(np.float64), -(log_bits + FINER_BITS))
    return Activation(log_sum, sums[:, 1].copy(), counts)


@dataclass(frozen=True)
class _Kernels:
    """Kernels of the experiments that have foci.

    ``of_each`` (n, 3) holds peak, sigma and squared reach; ``fixed`` what all of them share.
    """

    of_each: NDArray[np.float64]
    fixed: tuple[NDArray[np.float64], bool, NDArray[np.int64], float, float]
    largest: int

    @classmethod
    def of(
        cls, fwhm_mm: NDArray[np.float64], affine: NDArray[np.float64], log_bits: int
    ) -> "_Kernels":
        linear, volume = np.ascontiguousarray(affine[:3, :3]), voxel_volume(affine)
        widths, inverse = np.unique(fwhm_mm, return_inverse=True)
        peaks = np.array([peak_height(float(width), volume) for width in widths])
        reach = np.array([reach_mm(float(width), volume) for width in widths])
        each = np.stack([peaks, widths / FWHM_PER_SIGMA, reach**2], axis=1)
        half = reach_voxels(float(reach.max()), affine)
        units = 2.0 ** (log_bits + FINER_BITS), 2.0**log_bits
        largest = int(np.rint(-np.log1p(-peaks.max()) * units[1]))
        return cls(each[inverse], (linear, is_upright(linear), half, *units), largest)

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Memory for the terms of each quarter of mm2, and for how often each is met."""
        n = int(self.of_each[:, 2].max() * QUARTERS) + 2
        return np.zeros((n, 2), dtype=np.int64), np.zeros(n, dtype=np.int64)


@compiled
def _accumulate(used, ijk, offsets, each, fixed, index, counts, memory):  # type: ignore[no-untyped-def]
    linear, upright, half, fine_unit, unit = fixed
    _, plane, (table, hits) = memory
    known = -1.0  # sigma that the table is of
    for number in range(len(used)):
        row = used[number]
        foci = ijk[offsets[row] : offsets[row + 1]]
        peak, sigma, reach2 = each[number]
        if sigma != known:
            for quarter in range(len(table)):
                table[quarter] = _terms(density(quarter / QUARTERS, peak, sigma), fine_unit, unit)
            known = sigma
        first, last = reached_planes(foci, half, index.shape[0])
        for i in range(first, last):
            fill_plane(i, foci, half, reach2, linear, upright, plane)
            _add_plane(index[i], row, each[number], fine_unit, unit, counts, memory)
        for quarter in range(len(hits)):
            if hits[quarter]:
                _count(row, table[quarter, 1], hits[quarter], counts)
                hits[quarter] = 0


@compiled
def _add_plane(index, row, kernel, fine_unit, unit, counts, memory):  # type: ignore[no-untyped-def]
    sums, (distance2, spans), (table, hits) = memory
    peak, sigma, reach2 = kernel
    for j in range(index.shape[0]):
        for k in range(spans[j, 0], spans[j, 1]):
            d2 = distance2[j, k]
            distance2[j, k] = np.inf
            voxel = index[j, k]
            if voxel < 0 or not d2 <= reach2:
                continue
            quarter = int(d2 * QUARTERS)
            if quarter == d2 * QUARTERS:
                hits[quarter] += 1
                fine, value = table[quarter]
            else:
                fine, value = _terms(density(d2, peak, sigma), fine_unit, unit)
                _count(row, value, 1, counts)
            sums[voxel, 0] += fine
            sums[voxel, 1] += value
        spans[j, 0], spans[j, 1] = index.shape[1], 0


@compiled
def _add_row(voxels, ma, fine_unit, unit, sums, values):  # type: ignore[no-untyped-def]
    for n in range(len(voxels)):
        fine, value = _terms(ma[n], fine_unit, unit)
        sums[voxels[n], 0] += fine
        sums[voxels[n], 1] += value
        values[n] = value


@compiled
def _terms(ma, fine_unit, unit):  # type: ignore[no-untyped-def]
    log = -math.log1p(-ma)
    return np.int64(np.rint(log * fine_unit)), np.int64(np.rint(log * unit))


@compiled
def _count(row, value, n, counts):  # type: ignore[no-untyped-def]
    low, high, residual, largest, shift = counts
    place = value >> shift
    rest = value - (place << shift)
    if 2 * rest >= 1 << shift:
        high[row, place] += n
    else:
        low[row, place] += n
    residual[row, place] += n * rest
    largest[row] = max(largest[row], value)
