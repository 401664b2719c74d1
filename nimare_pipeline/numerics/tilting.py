"""Exponentially tilted distributions of independent terms, and of their sum."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

_MOST_VALUES = 2**22
"""Values of one batch of transforms (32 MB)."""
_NOISE = 1e-15
"""What a transform leaves of nothing, as a share of the largest probability."""

Pmf = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Terms:
    """Independent variables on the whole numbers, one after the other in flat arrays.

    Parameters
    ----------
    starts : (n,) int array
        Where each variable begins.
    row : (n_values,) int array
        Variable of each value.
    support : (n_values,) int array
        Values, 0 or above.
    log_probability : (n_values,) float array
        Natural log; minus infinity is allowed.
    """

    starts: NDArray[np.int64]
    row: NDArray[np.int64]
    support: NDArray[np.int64]
    log_probability: NDArray[np.float64]

    @classmethod
    def of(cls, pmfs: Sequence[Pmf]) -> "Terms":
        """Variables of (support, probability) each; of none, one that is always 0."""
        pmfs = pmfs or [(np.zeros(1, dtype=np.int64), np.ones(1))]
        lengths = np.array([len(support) for support, _ in pmfs])
        probability = np.concatenate([p for _, p in pmfs])
        with np.errstate(divide="ignore"):
            log_probability = np.log(probability)
        return cls(
            np.concatenate([[0], np.cumsum(lengths)[:-1]]),
            np.repeat(np.arange(len(lengths)), lengths),
            np.concatenate([support for support, _ in pmfs]),
            log_probability,
        )

    @property
    def largest(self) -> int:
        """Largest value of the sum."""
        return int(np.maximum.reduceat(self.support, self.starts).sum())

    def tilted(self, theta: float) -> "Tilted":
        """The variables with probabilities proportional to ``p(k) exp(theta k)``."""
        weight = self.log_probability + theta * self.support
        top = np.maximum.reduceat(weight, self.starts)
        weight = np.exp(weight - top[self.row])
        total = np.add.reduceat(weight, self.starts)
        return Tilted(self, weight / total[self.row], float((top + np.log(total)).sum()))


@dataclass(frozen=True)
class Tilted:
    """Variables under one tilt; ``log_mgf`` is the sum of their cumulants K(theta)."""

    terms: Terms
    probability: NDArray[np.float64]
    log_mgf: float

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the sum: K'(theta) and the root of K''(theta)."""
        terms = self.terms
        mean = np.add.reduceat(self.probability * terms.support, terms.starts)
        around = (terms.support - mean[terms.row]) ** 2
        return float(mean.sum()), float((self.probability * around).sum() ** 0.5)

    def pmf(self, length: int) -> NDArray[np.float64]:
        """Pmf of the sum, modulo ``length``.

        A transform as long as the sum's support for each term would be mostly zeros: terms are
        first convolved in pairs, pairs of pairs and so on, while these are short.
        """
        terms = self.terms
        n_columns = int(terms.support.max()) + 1
        bounds = np.append(terms.starts, len(terms.row))
        rows_at_once = max(1, _MOST_VALUES // min(n_columns, length))
        spectrum = np.ones(length // 2 + 1, dtype=complex)
        for first in range(0, len(terms.starts), rows_at_once):
            last = min(first + rows_at_once, len(terms.starts))
            one = slice(bounds[first], bounds[last])
            dense = np.zeros((last - first, min(n_columns, length)))
            place = terms.row[one] - first, terms.support[one] % length
            np.add.at(dense, place, self.probability[one])
            spectrum *= np.prod(rfft(_paired(dense, length), n=length, axis=1), axis=0)
        pmf: NDArray[np.float64] = irfft(spectrum, n=length)
        pmf[pmf < _NOISE * pmf.max()] = 0
        return pmf


def _paired(dense: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Convolve rows with their neighbours while what comes out is short beside ``length``."""
    while len(dense) > 1 and 4 * dense.shape[1] < length:
        if len(dense) % 2:
            nothing = np.zeros((1, dense.shape[1]))
            nothing[0, 0] = 1.0
            dense = np.vstack([dense, nothing])
        width = 2 * dense.shape[1] - 1
        spectra = rfft(dense, n=next_fast_len(width, real=True), axis=1)
        joined = irfft(spectra[::2] * spectra[1::2], n=next_fast_len(width, real=True), axis=1)
        dense = np.ascontiguousarray(joined[:, :width])
    return dense
