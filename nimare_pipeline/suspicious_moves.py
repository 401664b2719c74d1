"""The same foci twice, once rounded or converted into the other space."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from nimare_pipeline import spaces
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import Suspects

LEAST = 5
"""Fewer foci may be near each other by chance."""
SHIFT_MM = 5.0
"""Two ways from one space to the other differ by no more than this in most of the brain."""
ROUNDED_MM = 0.7
CONVERTED_MM = 1.5
_METHODS = ("other", "brett", "fsl", "spm")
_NEAR_MM = 6.0
"""Centres and spreads of two contrasts differ by no more, or they are not compared."""
_MOST_PAIRS = 2_000_000
"""No real data have so many contrasts that resemble each other; Neurosynth has 600."""
_MOST_ALIKE = 50_000
"""As ``_MOST_PAIRS``, of contrasts whose boxes are alike; Neurosynth has 35."""
_SAMPLE = 200
_MOST_COMPARED = 1_000
"""Foci of contrasts that are compared focus by focus, at most."""
_AT_ONCE = 100_000
_SLACK_MM = 1e-6
_Pair = tuple[int, int]


@dataclass(frozen=True)
class _Foci:
    """Foci of all contrasts, and the least and largest coordinates of each, (n_contrasts, 6)."""

    xyz: NDArray[np.float64]
    boxes: NDArray[np.float64]


@dataclass(frozen=True)
class _Way:
    """One way in which the foci of the first contrast of a pair may be those of the second."""

    words: str
    one: _Foci
    two: _Foci
    apart_mm: float
    other_space: bool = False
    """Whether the one must be said to be in Talairach space, and the other not."""


def found(
    suspects: Suspects, taken: Collection[_Pair], copies: Collection[int], advice: str
) -> Iterator[Problem]:
    """Warnings about contrasts that are one another, converted into another space or rounded.

    Parameters
    ----------
    suspects : Suspects
    taken : collection of (int, int)
        Pairs that something else is said of.
    copies : collection of int
        Contrasts for which another with the same foci stands.
    advice : str
    """
    for (i, j), how in _alike(suspects, taken, copies).items():
        n = int(suspects.counts[i])
        said = f"its {n:,} foci are those of {suspects.name(j)}, {how}"
        yield suspects.warn(i, "copy-moved", said, advice)


def _alike(
    suspects: Suspects, taken: Collection[_Pair], copies: Collection[int]
) -> Mapping[_Pair, str]:
    """Pairs of contrasts that are the same foci, and how these differ."""
    pairs = _pairs(suspects, copies)
    if not len(pairs):
        return {}
    ways = _ways(suspects, pairs)
    fits = np.concatenate(
        [
            _fits(suspects, ways, pairs[start : start + _AT_ONCE])
            for start in range(0, len(pairs), _AT_ONCE)
        ]
    )
    likely = np.flatnonzero(fits.any(axis=1))
    if len(likely) > _MOST_ALIKE:
        return {}
    alike = {}
    for number in likely.tolist():
        i, j = (int(one) for one in pairs[number])
        one, two = suspects.of(i), suspects.of(j)
        for way in (ways[k] for k in np.flatnonzero(fits[number])):
            if (i, j) not in taken and _apart(way.one.xyz[one], way.two.xyz[two]) <= way.apart_mm:
                alike[i, j] = way.words
                break
    return alike


def _pairs(suspects: Suspects, copies: Collection[int]) -> NDArray[np.int64]:
    """Pairs of contrasts with as many foci as each other, at about the same place, (n, 2)."""
    counts = suspects.counts
    comparable = np.flatnonzero((counts >= LEAST) & (counts <= _MOST_COMPARED))
    numbers = np.setdiff1d(comparable, np.array([*copies], np.int64))
    if len(numbers) < 2:
        return np.empty((0, 2), np.int64)
    centre, square = (
        np.column_stack([np.bincount(suspects.owner, xyz, len(counts)) for xyz in values.T])
        / np.maximum(counts, 1)[:, None]
        for values in (suspects.mni, suspects.mni**2)
    )
    spread = np.sqrt(np.maximum(square - centre**2, 0))
    # The number of foci is an axis, too, on which neighbours are too far away.
    places = np.column_stack([centre, spread, 10 * _NEAR_MM * counts])
    tree = KDTree(places[numbers])
    sample = places[numbers[:: max(1, len(numbers) // _SAMPLE)]]
    like = tree.query_ball_point(sample, _NEAR_MM, return_length=True).mean()
    if like * len(numbers) > _MOST_PAIRS:
        return np.empty((0, 2), np.int64)
    return np.sort(numbers[tree.query_pairs(_NEAR_MM, output_type="ndarray")], axis=1)


def _ways(suspects: Suspects, pairs: NDArray[np.int64]) -> list[_Way]:
    """What is compared, in the order in which it is said."""
    some = np.isin(suspects.owner, pairs)
    published, mni = (_foci(suspects, xyz) for xyz in (suspects.published, suspects.mni))
    ways = [
        _Way("in another space", mni, mni, SHIFT_MM, other_space=True),
        _Way("rounded", published, published, ROUNDED_MM),
    ]
    for method in _METHODS:
        converted = suspects.published.copy()
        converted[some] = spaces.tal2mni(converted[some], method)
        moved = _foci(suspects, converted)
        ways += [
            _Way("converted from Talairach to MNI", moved, published, CONVERTED_MM),
            _Way("converted from MNI to Talairach", published, moved, CONVERTED_MM),
        ]
    return ways


def _fits(suspects: Suspects, ways: list[_Way], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the foci of pairs lie in boxes that are alike, in each way, (n_pairs, n_ways).

    Where every focus has one of the other contrast near it, the boxes differ by no more.
    """
    i, j = pairs.T
    talairach = np.bincount(suspects.owner, suspects.is_talairach, len(suspects.studies)) > 0
    columns = []
    for way in ways:
        apart = np.abs(way.one.boxes[i] - way.two.boxes[j])
        fits = (apart <= way.apart_mm + _SLACK_MM).all(axis=1)
        columns.append(fits & (talairach[i] != talairach[j]) if way.other_space else fits)
    return np.column_stack(columns)


def _foci(suspects: Suspects, xyz: NDArray[np.float64]) -> _Foci:
    counts = suspects.counts
    boxes = np.zeros((len(counts), 6))
    some = counts > 0
    starts = (np.cumsum(counts) - counts)[some]
    boxes[some, :3] = np.minimum.reduceat(xyz, starts, axis=0)
    boxes[some, 3:] = np.maximum.reduceat(xyz, starts, axis=0)
    return _Foci(xyz, boxes)


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Largest distance of a focus of either from the nearest of the other, mm."""
    apart = np.linalg.norm(a[:, None] - b[None], axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))
