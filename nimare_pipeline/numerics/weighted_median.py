r"""The weighted median of studies: a location that one outlying study cannot move.

The estimate is the value of m at which :math:`S(m) = \sum w_i \,\mathrm{sign}(y_i - m)` passes 0
(in meta-analysis: Hartwig, Davey Smith, Schmidt, Sterne, Higgins and Bowden 2020, doi
10.1002/jrsm.1402). Weights are :math:`1 / \sqrt{v_i + \tau^2}`, those of least absolute
deviations. A study that is far from the others makes tau2 large and thereby the weights equal:
however exact it says it is, it can move the median no further than to the next study.

Test and intervals turn on one fact: at the true median each sign is a fair coin, whatever the
variances are and however wrong tau2 is. So S has the variance :math:`\sum w_i^2`, and

.. math:: z = \mathrm{sign}(S) \max(0, |S| - \min_i w_i) / \sqrt{\sum w_i^2}

is referred to the normal. The smallest weight is the correction for continuity, with which the
tails are those of the sign test where weights are equal, and the test keeps its level where they
are not (see the tests). No p is smaller than that of all signs equal, :math:`2^{1 - K}`. Intervals
hold all m that are not rejected. The standard error is half the interval of one standard error to
both sides (68.3 %); so it is infinite for two studies, and with five or fewer the 95 % interval
has no ends.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from nimare_pipeline.numerics.weighted_fit import Array, blocks, check_effects

_ONE_SE = float(ndtr(1.0) - ndtr(-1.0))
_EQUAL = 1e-12
"""Sums of weights that differ less than this, relatively, are the same."""


@dataclass(frozen=True)
class Median:
    """Weighted median at every voxel, (n_voxels,) arrays.

    Parameters
    ----------
    est, se : arrays
    z : array
        Of the weighted sign test of 0, two-sided.
    lower, upper : arrays
        Ends of the interval; infinite where too few studies give none.
    """

    est: Array
    se: Array
    z: Array
    lower: Array
    upper: Array


def weighted_median(y: Any, v: Any, tau2: Any = 0.0, *, level: float = 0.95) -> Median:
    """Weighted median, standard error, test of 0 and interval.

    Parameters
    ----------
    y, v : (n_studies, n_voxels) arrays
        Independent effects and their variances.
    tau2 : float or (n_voxels,) array
        Variance between studies, for the weights alone.
    level : float
        Coverage of the interval.

    Raises
    ------
    ValueError
        If there are fewer than two studies.
    """
    y, v = check_effects(y, v)
    k, n = y.shape
    if k < 2:
        msg = f"{k} study is too few for a median with an error: at least 2 are needed"
        raise ValueError(msg)
    tau2 = np.broadcast_to(np.asarray(tau2, dtype=np.float64), (n,))
    out = Median(*(np.empty(n) for _ in range(5)))
    for at in blocks(n):
        w = 1 / np.sqrt(v[:, at] + tau2[at])
        out.z[at] = sign_z(y[:, at], w)
        ordered = _Ordered.of(y[:, at], w)
        out.est[at] = ordered.middle()
        low, high = ordered.ends(_ONE_SE)
        out.se[at] = (high - low) / 2
        out.lower[at], out.upper[at] = ordered.ends(level)
    return out


def sign_z(y: Array, w: Array) -> Array:
    """Z of the weighted sign test of a median of 0; an effect of exactly 0 counts for no side."""
    total = (w * np.sign(y)).sum(axis=0)
    z = np.maximum(np.abs(total) - w.min(axis=0), 0.0) / np.sqrt((w**2).sum(axis=0))
    return np.asarray(np.sign(total) * np.minimum(z, -ndtri(0.5 ** len(y))))


@dataclass(frozen=True)
class _Ordered:
    """Effects in ascending order, and the weight up to each, shares of the total."""

    y: Array
    share: Array
    least: Array
    norm: Array

    @classmethod
    def of(cls, y: Array, w: Array) -> "_Ordered":
        order = np.argsort(y, axis=0, kind="stable")
        w = np.take_along_axis(w / w.sum(axis=0), order, axis=0)
        norm = np.sqrt((w**2).sum(axis=0))
        return cls(np.take_along_axis(y, order, axis=0), np.cumsum(w, axis=0), w.min(axis=0), norm)

    def middle(self) -> Array:
        """Where half of the weight is reached; between two effects if exactly there."""
        low = self._first(self.share >= 0.5 - _EQUAL)
        high = self._first(self.share > 0.5 + _EQUAL)
        return (low + high) / 2

    def _first(self, reached: Any) -> Array:
        index = np.argmax(reached, axis=0)
        return np.asarray(np.take_along_axis(self.y, index[None], axis=0)[0])

    def ends(self, level: float) -> tuple[Array, Array]:
        """The values of m that the test does not reject.

        Between effects j and j + 1, S is ``1 - 2 share[j]``: accepted where that is at most
        ``bound`` from below, and at least minus it from above.
        """
        bound = -ndtri((1 - level) / 2) * self.norm + self.least
        below = np.vstack([np.zeros_like(bound), self.share[:-1]])
        low = self._first(1 - 2 * self.share <= bound + _EQUAL)
        flipped = (2 * below - 1 <= bound + _EQUAL)[::-1]
        high = np.take_along_axis(self.y[::-1], np.argmax(flipped, axis=0)[None], axis=0)[0]
        none = bound >= 1 - _EQUAL
        return np.where(none, -np.inf, low), np.where(none, np.inf, high)
