"""How often each experiment takes each value, on a fine grid, from which coarser ones follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.jit import compiled

FINEST_BIN_BITS = 20
"""Finest grid of the exact null: bins of 2**-20, about 1e-6 in ALE."""
MOST_TERM_BINS = 2**24
"""Experiments times bins that are worth the finest grid: 160 experiments on 100,000 bins of the
null, or 2,400 experiments of 7,000 values each. For more the grid is coarser."""


@dataclass(frozen=True)
class ValueCounts:
    """Histograms of whole numbers in bins of ``2**shift``, one a row.

    Counting the lower and the upper half of a bin apart, and summing what values exceed the bin's
    lower end by, loses nothing that a coarser grid needs: neither to round values half up, nor to
    share each value between the two bins beside it.

    Parameters
    ----------
    shift : int
        At least 1.
    low, high : (n, n_bins) int arrays
        Values in the lower and in the upper half of each bin.
    residual : (n, n_bins) int array
        Sum of ``value - bin * 2**shift``.
    largest : (n,) int array
        Largest value of each row, 0 where there is none.
    """

    shift: int
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    residual: NDArray[np.int64]
    largest: NDArray[np.int64]

    @classmethod
    def of(cls, values: Sequence[NDArray[np.integer]], shift: int) -> "ValueCounts":
        """Count the values of each row, all positive."""
        largest = np.array([v.max() if len(v) else 0 for v in values], dtype=np.int64)
        counts = cls.empty(len(values), int(largest.max(initial=0)), shift)
        counts.largest[:] = largest
        n_bins, half = counts.low.shape[1], 1 << (shift - 1)
        for row, value in enumerate(values):
            bins, rest = value >> shift, value & ((1 << shift) - 1)
            upper = rest >= half
            counts.low[row] = np.bincount(bins[~upper], minlength=n_bins)
            counts.high[row] = np.bincount(bins[upper], minlength=n_bins)
            # Sums of integers below 2**53 are exact in float64.
            counts.residual[row] = np.bincount(bins, weights=rest, minlength=n_bins)
        return counts

    @classmethod
    def empty(cls, n: int, largest: int, shift: int) -> "ValueCounts":
        """No values yet; room for values up to ``largest``."""
        shape = (n, (largest >> shift) + 1)
        return cls(
            shift,
            np.zeros(shape, dtype=np.int32),
            np.zeros(shape, dtype=np.int32),
            np.zeros(shape, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
        )

    def rounded(self, shift: int) -> NDArray[np.float64]:
        """Counts in bins of ``2**shift``, values rounded half up: (n, n_coarse) array."""
        return self._regrouped(shift, is_shared=False)

    def shared(self, shift: int) -> NDArray[np.float64]:
        """Counts in bins of ``2**shift``, each value shared by the two bins beside it.

        The mean of each row stays: rounding would move it, and that of a thousand rows by far.
        """
        return self._regrouped(shift, is_shared=True)

    def _regrouped(self, shift: int, *, is_shared: bool) -> NDArray[np.float64]:
        n, n_bins = self.low.shape
        steps = shift - self.shift
        found = np.zeros((n, ((n_bins - 1) >> steps) + 2))
        _regroup(self.low, self.high, self.residual, self.shift, steps, is_shared, found)
        return found


def storage_shift(n: int, largest: int, log_bits: int) -> int:
    """Shift of the bins in which the values of ``n`` experiments up to ``largest`` are counted."""
    shift = finest_shift(log_bits)
    while n * (largest >> shift) > MOST_TERM_BINS:
        shift += 1
    return shift


def finest_shift(log_bits: int) -> int:
    """Shift of the finest bins, of values in units of ``2**-log_bits``."""
    return max(log_bits - FINEST_BIN_BITS, 1)


@compiled
def _regroup(low, high, residual, shift, steps, is_shared, found):  # type: ignore[no-untyped-def]
    half = (1 << steps) >> 1
    width = 2.0 ** (shift + steps)
    for row in range(low.shape[0]):
        for fine in range(low.shape[1]):
            both = low[row, fine] + high[row, fine]
            place = fine >> steps
            if is_shared:
                # Multiples of a power of 2 below 2**53: no sum here is rounded.
                beyond = np.int64(fine - (place << steps)) << shift
                above = (both * beyond + residual[row, fine]) / width
                found[row, place] += both - above
                found[row, place + 1] += above
            elif steps:
                # Half of a coarse bin is whole fine ones: both halves of one go the same way.
                found[row, (fine + half) >> steps] += both
            else:
                found[row, fine] += low[row, fine]
                found[row, fine + 1] += high[row, fine]
