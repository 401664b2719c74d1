r"""z of a sum over a random subset, from the first three moments of its permutation distribution.

k of N numbers x are drawn without replacement and added up. With the central moments m2 and m3 of
the x, the sum has

.. math:: E = k \bar x, \quad V = \frac{k (N - k)}{N - 1} m_2, \quad
          \mu_3 = \frac{k (N - k) (N - 2k)}{(N - 1)(N - 2)} m_3,

over all divisions, exactly. A Pearson type III (gamma) distribution with these three moments gives
its tails (as Winkler et al. 2016, doi 10.1016/j.neuroimage.2016.05.068, for permutation tests of
images), and the tail gives z. On the side of the shorter tail a gamma distribution ends, at times
sooner than the sums do, and z would be far too large: there \|z\| is at most that of a normal
distribution with the same mean and variance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import gammainc, gammaincc, ndtri

_LEAST = 1e-300
"""Tails below it are not told apart; z is 37 there."""
_NORMAL = 1e-3
"""A skewness that makes no difference."""
_MOST_COLUMNS = 2**14
_N_CLASSES = 128
STEP_BITS = 10
"""Levels of z are 2**-10 wide."""


def sum_moments(
    terms: sparse.csr_array, k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, standard deviation and skewness of the sum of k random rows, for each column.

    Parameters
    ----------
    terms : (n, n_columns) CSR array
    k : int
        0 < k < n.

    Returns
    -------
    mean, sd, skewness : (n_columns,) arrays
        Skewness is 0 where nothing varies.
    """
    n, n_columns = terms.shape
    values = terms.data.astype(float)
    mean, second, third = (
        np.bincount(terms.indices, weights=values**power, minlength=n_columns) / n
        for power in (1, 2, 3)
    )
    m2 = np.maximum(second - mean**2, 0)
    m3 = third - 3 * mean * second + 2 * mean**3
    variance = k * (n - k) / (n - 1) * m2
    # What is left of a variance of 0 by rounding is none.
    varies = variance > 1e-12 * second
    sd = np.where(varies, np.sqrt(variance), 0)
    skewness = np.zeros(n_columns)
    if n > 2:
        factor = k * (n - k) * (n - 2 * k) / ((n - 1) * (n - 2))
        skewness[varies] = factor * m3[varies] / sd[varies] ** 3
    return k * mean, sd, skewness


def pearson_z(score: NDArray[np.float64], skewness: float) -> NDArray[np.float64]:
    """Z of standard scores of a distribution of this skewness, not further from 0 than they are.

    Parameters
    ----------
    score : array
        Distance from the mean in standard deviations.
    skewness : float
    """
    score = np.asarray(score, dtype=float)
    if skewness < 0:
        return np.negative(pearson_z(-score, -skewness))
    if skewness < _NORMAL:
        return np.asarray(score, np.float64)
    root = 2 / skewness
    y = np.maximum(root**2 + root * score, 0)
    above, below = gammaincc(root**2, y), gammainc(root**2, y)
    z = np.where(
        above < below, -ndtri(np.maximum(above, _LEAST)), ndtri(np.maximum(below, _LEAST))
    )
    return np.asarray(np.where(z < 0, np.maximum(z, score), z), np.float64)


@dataclass(frozen=True)
class ScoreTable:
    """Levels of z of every standard score, for classes of skewness.

    Parameters
    ----------
    level : (n_classes, 2 n_bins + 1) int32 array
        Level of z, with its sign, of score ``(column - n_bins) * step``, cut towards 0.
    klass : (n_columns,) int32 array
        Class of each column of the terms.
    step : float
        Scores a bin.
    """

    level: NDArray[np.int32]
    klass: NDArray[np.int32]
    step: float

    @property
    def z(self) -> NDArray[np.float64]:
        """Z of each level, from 0 to the largest there is."""
        return np.ldexp(
            np.arange(int(np.abs(self.level).max(initial=0)) + 1, dtype=np.float64), -STEP_BITS
        )


def score_table(skewness: NDArray[np.float64], n: int) -> ScoreTable:
    """Table for sums of some of n numbers: their scores are never beyond sqrt(n - 1).

    Parameters
    ----------
    skewness : (n_columns,) array
    n : int
    """
    bits = 8
    while 2 * np.sqrt(n) * 2**bits > _MOST_COLUMNS:
        bits -= 1
    n_bins = int(np.ceil(np.sqrt(n) * 2**bits)) + 1
    score = np.arange(-n_bins, n_bins + 1, dtype=np.float64) * 2.0**-bits
    low, high = float(skewness.min(initial=0)), float(skewness.max(initial=0))
    width = (high - low) / (_N_CLASSES - 1) or 1.0
    present, klass = np.unique(np.rint((skewness - low) / width), return_inverse=True)
    z = np.array([pearson_z(score, low + one * width) for one in present])
    return ScoreTable(
        np.trunc(z * 2**STEP_BITS).astype(np.int32), klass.astype(np.int32), 2.0**-bits
    )
