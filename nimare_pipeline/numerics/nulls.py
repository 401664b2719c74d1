"""Uncorrected null of a sum of independent terms: how large is the statistic by chance at a voxel.

Under the null an experiment's contribution at a voxel is a draw from the values of its own
modelled activation map over the mask (Eickhoff et al. 2012, doi
10.1016/j.neuroimage.2011.09.017). ALE is a sum in the log domain,
``-log(1 - ALE) = sum_i -log(1 - MA_i)``, so its null is a convolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.tilting import Terms
from nimare_pipeline.numerics.value_counts import (
    MOST_TERM_BINS,
    ValueCounts,
    finest_shift,
    storage_shift,
)

LOG_BITS = 26
"""Statistics of the Monte Carlo engine are integers in units of 2**-26."""
MOST_BINS = 2**19
ALE_BIN = 1e-5
"""Bin of the histogram null, in ALE (GingerALE, NiMARE)."""
_VALID = 1e-10
"""A transformed window is used where its pmf exceeds this share of its maximum: FFT noise is
1e-16 of the maximum, so relative errors stay near 1e-6 at the edge and far below inside (measured:
3e-6 of ln p on the example, 7e-5 at worst on lattices with gaps)."""
_REACH_SD = 12.0
MOST_DIRECT_WORK = 2_000_000_000
"""Multiplications that adding up variable by variable may take (about 2 s)."""
_SMALLEST_DIRECT = 1e-290


@dataclass(frozen=True)
class Null:
    """Upper tail of the uncorrected null on a grid.

    Parameters
    ----------
    method : str
        ``approximate``, ``histogram`` or ``montecarlo``.
    step : float
        Width of a bin in ``domain`` units.
    logsf : (n_bins,) float array
        Natural log of P(bin of X >= i); bin i holds values that round to ``i * step`` (half up).
    domain : str
        ``integer``: bins of the whole numbers that the engine counts in; ``stat``: bins of the
        statistic itself.
    support : (n_bins,) int array, optional
        Of a discrete statistic: the values it takes, ascending, in place of a grid.
    """

    method: str
    step: float
    logsf: NDArray[np.float64]
    domain: str
    support: NDArray[np.int64] | None = None

    @property
    def grid(self) -> NDArray[np.float64]:
        """Value of each bin, in ``domain`` units."""
        if self.support is not None:
            return self.support.astype(float)
        return np.asarray(np.arange(len(self.logsf)) * self.step, dtype=np.float64)

    def bins(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Bin of each value, in ``domain`` units; values past the grid go to the last bin."""
        if self.support is not None:
            return np.minimum(np.searchsorted(self.support, values), len(self.support) - 1)
        nearest = np.floor(np.asarray(values, dtype=float) / self.step + 0.5).astype(np.int64)
        return np.minimum(nearest, len(self.logsf) - 1)

    def log_p(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Natural log of p for observed values, in ``domain`` units."""
        return self.logsf[self.bins(values)]

    def smallest_significant(self, p: float) -> tuple[float, float]:
        """Smallest value whose p is below ``p``, and the p it has (the achieved level).

        Infinity and 0 if no bin of the grid is that unlikely.
        """
        significant = np.flatnonzero(self.logsf < np.log(p))
        if not len(significant):
            return float("inf"), 0.0
        first = int(significant[0])
        if self.support is None:
            value = (first - 0.5) * self.step
        elif self.method == "montecarlo" and first:
            # What was never drawn in between has the same p, and may be observed.
            value = self.support[first - 1] + 1
        else:
            value = self.support[first]
        return float(value), float(np.exp(self.logsf[first]))

    def largest_insignificant(self, p: float) -> float:
        """Largest value of a discrete statistic whose p is not below ``p``."""
        assert self.support is not None  # noqa: S101 - of a grid there is no such value
        return float(self.support[np.flatnonzero(self.logsf >= np.log(p))[-1]])


def convolution_null(
    values: Sequence[NDArray[Any]] | ValueCounts,
    n_voxels: int,
    observed_max: int,
    log_bits: int = LOG_BITS,
) -> Null:
    """Exact null of a sum of independent integer terms, on a grid.

    Parameters
    ----------
    values : ValueCounts or sequence of (n_i,) int arrays
        Positive values of each experiment over the mask; the other voxels are 0.
    n_voxels : int
        Voxels of the mask.
    observed_max : int
        Largest observed sum: the tail is computed up to there.
    log_bits : int
        Units of the values: 2**-log_bits.

    Notes
    -----
    The convolution is done by FFT under exponential tilting: multiplying each pmf by
    ``exp(theta k)`` moves the sum's mean into the tail, where the transform's absolute error of
    1e-16 becomes a small relative one. Windows at growing theta are joined where they meet.
    """
    counts = values if isinstance(values, ValueCounts) else _counted(values, log_bits)
    filled = counts.largest > 0
    needed = max(int(observed_max), 1)
    total = max(int(counts.largest.sum()), needed)
    finest = finest_shift(log_bits)
    while min(total, 4 * needed) >> finest > MOST_BINS:
        finest += 1
    shift = max(finest, counts.shift)
    while filled.sum() * (needed >> shift) > MOST_TERM_BINS:
        shift += 1
    # Rounding to a coarse grid would move the mean of each term, and of a thousand terms the sum.
    found = counts.rounded(shift) if shift == finest else counts.shared(shift)
    found[:, 0] += n_voxels - found.sum(axis=1)
    pmfs = []
    for row in found[filled]:
        bins = np.flatnonzero(row)
        bins = bins if row[0] > 0 else np.concatenate([[0], bins])
        pmfs.append((bins, row[bins] / n_voxels))
    last = (needed + (1 << (shift - 1))) >> shift
    return Null("approximate", float(1 << shift), tilted_logsf(pmfs, last), "integer")


def _counted(values: Sequence[NDArray[Any]], log_bits: int) -> ValueCounts:
    largest = max((int(v.max()) for v in values if len(v)), default=0)
    shift = storage_shift(sum(len(v) > 0 for v in values), largest, log_bits)
    return ValueCounts.of(values, shift)


def lattice_null(
    pmfs: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], observed_max: int
) -> Null:
    """Exact null of a sum of independent terms that take few whole values each.

    Nothing is rounded.
    A statistic with gaps must not be rounded on a grid as a continuous one may: the sum of rounded
    terms would part from the rounded sum, and p at a value that is attained would lose its mass.

    Parameters
    ----------
    pmfs : sequence of (support (n_i,) int array, probability (n_i,) float array)
        Of each experiment, 0 included.
    observed_max : int
        Largest observed sum.
    """
    logsf = direct_logsf(pmfs, max(int(observed_max), 1))
    # P(X >= k) falls after each value that is attained.
    attained = np.flatnonzero(np.append(logsf[:-1] > logsf[1:], True))
    return Null("approximate", 1.0, logsf[attained], "integer", attained.astype(np.int64))


def direct_logsf(
    pmfs: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], last: int
) -> NDArray[np.float64]:
    """Natural log of P(X >= k), k = 0 .. last, by adding one variable after the other.

    Every product and sum is of positive numbers, so that nothing cancels and the relative error
    stays near 1e-16 times the number of terms; what is too unlikely for float64, or too much work
    one by one, is left to ``tilted_logsf``.
    """
    support_end = sum(int(k.max()) for k, _ in pmfs)
    last = min(last, support_end)
    if support_end * sum(len(k) for k, _ in pmfs) > MOST_DIRECT_WORK:
        return tilted_logsf(pmfs, last)
    total = np.ones(1)
    for support, probability in pmfs:
        grown = np.zeros(len(total) + int(support.max()))
        for k, p in zip(support.tolist(), probability.tolist(), strict=True):
            grown[k : k + len(total)] += p * total
        total = grown
    tail = np.cumsum(total[::-1])[::-1]
    if tail[last] < _SMALLEST_DIRECT:
        return tilted_logsf(pmfs, last)
    return np.minimum(np.log(tail[: last + 1]) - np.log(tail[0]), 0.0)


def counted_null(counts: NDArray[np.int64], step: float, *, discrete: bool) -> Null:
    """Null of a histogram of simulated values: P(X >= x) = (b + 1) / (n + 1) in pooled voxels.

    Parameters
    ----------
    counts : (n_bins,) int array
        Voxels of all iterations by the bin of their value.
    step : float
        Width of a bin in the engine's unit.
    discrete : bool
        Whether bins are the values of a discrete statistic, not a grid over a continuous one.
    """
    reached = np.cumsum(counts[::-1])[::-1]
    logsf = np.log(reached + 1) - np.log(reached[0] + 1)
    if not discrete:
        return Null("montecarlo", step, logsf, "integer")
    # The last bin stays: nothing that was drawn is as large as what lies beyond.
    attained = np.union1d(np.flatnonzero(counts), [0, len(counts) - 1])
    return Null("montecarlo", step, logsf[attained], "integer", attained.astype(np.int64))


def tilted_logsf(
    pmfs: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], last: int
) -> NDArray[np.float64]:
    """Natural log of P(X >= k), k = 0 .. last, for a sum X of independent lattice variables.

    Parameters
    ----------
    pmfs : sequence of (support (n_i,) int array, probability (n_i,) float array)
        Supports start at 0 or above.
    last : int
        Largest k asked for.
    """
    terms = Terms.of(pmfs)
    support_end = terms.largest
    last = min(last, support_end)
    theta_end = _solve_theta(terms, min(last, support_end * (1 - 1e-9)))
    mean, sd = terms.tilted(theta_end).moments()
    end = int(min(support_end, np.ceil(max(mean, last) + _REACH_SD * sd + 1)))
    length = next_fast_len(int(min(support_end, end + np.ceil(_REACH_SD * sd))) + 1, real=True)
    log_pmf = np.full(end + 1, -np.inf)
    theta, done = 0.0, -1
    while done < end:
        tilted = terms.tilted(theta)
        pmf = tilted.pmf(length)
        valid = np.flatnonzero(pmf[: end + 1] > _VALID * pmf.max())
        upper = int(valid[-1]) if len(valid) else end
        if upper <= done:
            break
        window = slice(done + 1, upper + 1)
        with np.errstate(divide="ignore"):
            log_pmf[window] = (
                np.log(pmf[window]) + tilted.log_mgf - theta * np.arange(window.start, window.stop)
            )
        done = upper
        if done >= end:
            break
        theta = max(_solve_theta(terms, min(done, support_end * (1 - 1e-9))), theta + 1e-12)
    logsf = np.logaddexp.accumulate(log_pmf[::-1])[::-1]
    # Everything is at least 0: rounding must not leave log P(X >= 0) a hair off.
    return np.minimum(logsf - logsf[0], 0.0)[: last + 1]


def _solve_theta(terms: Terms, target: float) -> float:
    """Theta >= 0 whose tilted mean is ``target`` (0 if the mean is already there)."""
    low, high = 0.0, 1.0
    if terms.tilted(low).moments()[0] >= target:
        return 0.0
    scale = max(target, 1.0)
    high = 1.0 / scale
    while terms.tilted(high).moments()[0] < target and high * scale < 1e6:
        low, high = high, 2 * high
    for _ in range(40):
        middle = 0.5 * (low + high)
        mean, sd = terms.tilted(middle).moments()
        if abs(mean - target) < 0.25 * sd:
            return middle
        low, high = (middle, high) if mean < target else (low, middle)
    return 0.5 * (low + high)


def histogram_null(values: Sequence[NDArray[np.float64]], n_voxels: int) -> Null:
    """ALE's null by repeated union of histograms, as GingerALE and NiMARE build it.

    Bins of 1e-5, half up; experiments are united one by one in the order given, each pair of bins
    (a, b) giving ``1 - (1 - a)(1 - b)`` rounded to a bin again; p is the tail including the bin.

    Parameters
    ----------
    values : sequence of (n_i,) float arrays
        Non-zero modelled activation values of each experiment over the mask, in file order.
    n_voxels : int
        Voxels of the mask.
    """
    tops = [np.ceil(v.max() / ALE_BIN) * ALE_BIN for v in values if len(v)]
    largest = 1 - np.prod([1 - top for top in tops]) if tops else 0.0
    n_bins = int(np.floor(largest / ALE_BIN + 0.5)) + 2
    combined = np.zeros(n_bins)
    combined[0] = 1.0
    for value in values:
        bins = np.floor(value / ALE_BIN + 0.5).astype(np.int64)
        histogram = np.bincount(bins, minlength=1).astype(float)
        histogram[0] += n_voxels - len(value)
        combined = _unite(combined, histogram / n_voxels, ALE_BIN)
    tail = np.cumsum(combined[::-1])[::-1]
    tail /= tail[0]
    # Past the last occupied bin p stays at the smallest tail there is: nothing is less likely.
    tail[tail <= 0] = tail[tail > 0].min()
    return Null("histogram", ALE_BIN, np.log(np.minimum(tail, 1.0)), "stat")


@compiled
def _unite(a, b, step):  # type: ignore[no-untyped-def]
    out = np.zeros_like(a)
    last = len(a) - 1
    for j in range(len(b)):
        if b[j] > 0.0:
            keep = 1.0 - j * step
            for i in range(len(a)):
                if a[i] > 0.0:
                    value = 1.0 - (1.0 - i * step) * keep
                    out[min(int(np.floor(value / step + 0.5)), last)] += a[i] * b[j]
    return out
