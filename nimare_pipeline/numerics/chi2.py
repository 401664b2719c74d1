r"""Chi-square of two groups of experiments at each voxel, and of one group against its mean.

Of n1 and n2 experiments a and b report activation at a voxel; N = n1 + n2, m = a + b. Association
(Wager et al. 2007; Yarkoni et al. 2011) is

.. math:: \chi^2 = \frac{N (a n_2 - b n_1)^2}{m (N - m) n_1 n_2}

on one degree of freedom, undefined where no or every experiment reports (m = 0 or m = N).
Uniformity of one group compares a with its mean over the mask:
:math:`\chi^2 = (a - \bar a)^2 n_1 / (\bar a (n_1 - \bar a))`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from nimare_pipeline.numerics.array_plan import DivisionsPlan, collect
from nimare_pipeline.numerics.chi2_loop import (
    ABOVE,
    BELOW,
    BLOCK,
    UNIT_BITS,
    cut_to_whole,
    permute_labels,
)
from nimare_pipeline.numerics.permute import binomials, n_divisions
from nimare_pipeline.numerics.study_runs import StudyRuns
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE

UNIT = 2.0**-UNIT_BITS
"""What a step of the whole numbers of z is worth."""
_NO_TABLE = np.zeros((1, 1), dtype=np.int64)


def association_z(
    a: NDArray[np.int64], b: NDArray[np.int64], n1: int, n2: int
) -> NDArray[np.float64]:
    """Signed root of the chi-square of association; positive where group 1 reports more often.

    Parameters
    ----------
    a, b : (n_voxels,) int arrays
        Experiments of either group that report a voxel.
    n1, n2 : int
        Experiments.

    Returns
    -------
    (n_voxels,) array
        NaN where no or every experiment reports.
    """
    m, n = (a + b).astype(float), float(n1 + n2)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (a * float(n2) - b * float(n1)) * np.sqrt(n / (m * (n - m) * n1 * n2))
    return np.where((m > 0) & (m < n), z, np.nan)


def uniformity_z(a: NDArray[np.int64], n1: int) -> NDArray[np.float64]:
    """Signed root of the chi-square of uniformity; positive above the mean over the mask.

    NaN everywhere where the mean is 0 or all experiments: nothing differs from it.
    """
    mean = float(a.mean())
    if not 0 < mean < n1:
        return np.full(len(a), np.nan)
    return np.asarray((a - mean) * np.sqrt(n1 / (mean * (n1 - mean))))


def two_sided_logsf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural log of the p of chi-square on one degree of freedom, far beyond underflow."""
    return np.asarray(np.log(2) + log_ndtr(-np.abs(z)))


def critical_z(p: float) -> float:
    """|z| with that two-sided p."""
    return float(-ndtri(p / 2))


@dataclass(frozen=True)
class LabelPlan(DivisionsPlan):
    """Everything the permutation of labels reads, over voxels that some experiment reports.

    Parameters
    ----------
    run_start, run_stop : (n_runs,) int32 arrays
    indptr : (n_experiments + 1,) int64 array
        Runs of each experiment, see ``StudyRuns``.
    place : (n_lanes,) int64 array
        Place of each voxel in a volume with a border of one voxel; filled up to whole blocks.
    expected, weight : (n_lanes,) float32 arrays
        z in whole numbers is ``(a - expected) * weight``, a the count of the smaller group; 0
        where it is undefined.
    tested : (n_lanes,) or (0,) int8 array
        Bits ``ABOVE`` and ``BELOW`` of the signs that count; empty where both do everywhere.
    table : int64 array
        Pascal's triangle where permutations are enumerated, else 1 by 1.
    scalars : (8,) int64 array
        Experiments, those of the smaller group, whether permutations are enumerated, the
        cluster-forming threshold, strides and length of the volume, whether the smaller group is
        the first.
    """

    exhaustive_at: ClassVar[int] = 2

    run_start: NDArray[np.int32]
    run_stop: NDArray[np.int32]
    indptr: NDArray[np.int64]
    place: NDArray[np.int64]
    expected: NDArray[np.float32]
    weight: NDArray[np.float32]
    tested: NDArray[np.int8]
    table: NDArray[np.int64]
    scalars: NDArray[np.int64]

    @property
    def tails(self) -> tuple[str, str]:
        """Where the smaller group has more than expected, and where it has less."""
        return ("positive", "negative") if self.scalars[7] else ("negative", "positive")

    @property
    def names(self) -> tuple[str, ...]:
        """What the rows of ``permute_labels`` are."""
        return tuple(
            f"{tail}_max_{what}" for tail in self.tails for what in ("stat", "size", "mass")
        )

    def run(self, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Null maxima of each sign: z (units of 2**-16), cluster size, mass (same unit)."""
        return collect(permute_labels, self.arrays(), self.scratch, self.names, **options)

    def scratch(self) -> tuple[Any, ...]:
        """Memory of one thread."""
        n_lanes = len(self.place)
        n, k = (int(number) for number in self.scalars[:2])
        return (
            np.zeros(n_lanes + 1, dtype=np.int32),
            np.zeros(BLOCK, dtype=np.int32),
            np.zeros(BLOCK, dtype=np.int32),
            np.zeros(int(self.scalars[6]), dtype=np.int32),
            np.zeros(n, dtype=np.int64),
            np.zeros(k, dtype=np.int64),
            np.zeros(k, dtype=np.int64),
            (
                np.zeros(n_lanes, dtype=np.int64),
                np.zeros(n_lanes, dtype=np.int64),
                np.zeros(n_lanes, dtype=np.int32),
                np.zeros(n_lanes, dtype=np.int32),
                np.zeros(n_lanes, dtype=np.int64),
                np.zeros(n_lanes, dtype=np.int64),
                np.zeros(n_lanes, dtype=np.int64),
            ),
        )


def label_plan(
    runs: StudyRuns,
    is_first: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    *,
    n_iters: int,
    voxel_thresh: float = 0.001,
    tested: NDArray[np.int8] | None = None,
) -> LabelPlan:
    """Arrays of the loop.

    Parameters
    ----------
    runs : StudyRuns
        Of all experiments, over the mask.
    is_first : (n_experiments,) bool array
        Experiments of group 1.
    mask : (X, Y, Z) bool array
    n_iters : int
        Permutations asked for.
    voxel_thresh : float
        Cluster-forming p, two-sided.
    tested : (n_voxels,) int8 array, optional
        Bits ``POSITIVE`` and ``NEGATIVE``: which signs of group 1 less group 2 count at a voxel;
        both by default. It must not depend on the data: a sign that was observed says nothing of
        those that the permutations have.
    """
    n, n1 = len(is_first), int(is_first.sum())
    first_is_smaller = 2 * n1 <= n
    k = n1 if first_is_smaller else n - n1
    total = runs.counts(np.ones(n, dtype=bool))
    kept = total > 0
    few = runs.compact(kept)
    n_lanes = -(-few.n_voxels // BLOCK) * BLOCK
    padded = tuple(side + 2 for side in mask.shape)
    places = np.ravel_multi_index(tuple(np.argwhere(mask)[kept].T + 1), padded)
    expected, weight = _terms(total[kept], n, k)
    lanes = np.zeros(0, dtype=np.int8)
    if tested is not None and (tested[kept] != POSITIVE | NEGATIVE).any():
        above, below = (POSITIVE, NEGATIVE) if first_is_smaller else (NEGATIVE, POSITIVE)
        seen = ABOVE * (tested[kept] & above > 0) + BELOW * (tested[kept] & below > 0)
        lanes = _filled(seen, n_lanes, np.int8)
    _, exhaustive = n_divisions(n, k, n_iters)
    return LabelPlan(
        run_start=few.start,
        run_stop=few.stop,
        indptr=few.indptr,
        place=_filled(places, n_lanes, np.int64),
        expected=_filled(expected, n_lanes, np.float32),
        weight=_filled(weight, n_lanes, np.float32),
        tested=lanes,
        table=binomials(n, k) if exhaustive else _NO_TABLE,
        scalars=np.array(
            [
                n, k, exhaustive, cluster_threshold(voxel_thresh),
                padded[2], padded[1] * padded[2], int(np.prod(padded)), first_is_smaller,
            ],
            dtype=np.int64,
        ),
    )  # fmt: skip


def cluster_threshold(voxel_thresh: float) -> int:
    """Smallest whole number of z whose two-sided p is below a level."""
    return int(np.floor(critical_z(voxel_thresh) / UNIT)) + 1


def whole_numbers(
    a: NDArray[np.int64], b: NDArray[np.int64], n1: int, n2: int
) -> NDArray[np.int64]:
    """Signed root of chi-square as the whole numbers that the permutations are compared by.

    Cut from the smaller group's count by the very operations of the loop, so that ties tie; 0
    where it is undefined.
    """
    first_is_smaller = n1 <= n2
    part, k = (a, n1) if first_is_smaller else (b, n2)
    out = np.zeros(len(a), dtype=np.int32)
    cut_to_whole(part.astype(np.int32), *_terms(a + b, n1 + n2, k), out)
    return (1 if first_is_smaller else -1) * out.astype(np.int64)


def _terms(total: NDArray[np.int64], n: int, k: int) -> tuple[NDArray[np.float32], ...]:
    """Expected count of the smaller group and whole numbers per count, at each voxel."""
    m = total.astype(float)
    variance = m * (n - m) * k * (n - k) / float(n) ** 3
    defined = variance > 0
    weight = np.zeros(len(m))
    weight[defined] = 1 / np.sqrt(variance[defined]) / UNIT
    return (m * k / n).astype(np.float32), weight.astype(np.float32)


def _filled(values: NDArray[Any], n: int, kind: Any) -> NDArray[Any]:
    out: NDArray[Any] = np.zeros(n, dtype=kind)
    out[: len(values)] = values
    return out
