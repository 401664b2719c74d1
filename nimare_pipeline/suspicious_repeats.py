"""Foci that stand more than once in their contrast: few are usual, most of them are not."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import Suspects, keys_of

LEAST = 4
"""So many places of a contrast, at least, ..."""
SHARE = 0.8
"""... and this share of them stand more than once: then a table was read twice. Contrasts of one
paper that were put together share some peaks, and hardly all of them."""
LARGE = 1_000
"""Of so many contrasts, which no one typed, all are in one warning, and in one note."""
_NAMED = 5
_MEND = (
    "was a table read or pasted twice? Each focus counts once in ALE and MKDA, but a null draws "
    "as many foci as there are rows"
)
_USUAL = "contrasts or tables of one paper put together? Nothing to mend, unless it is a slip"


@dataclass(frozen=True)
class _Repeats:
    """How many different foci each contrast has, and how many of those more than once."""

    different: NDArray[np.int64]
    again: NDArray[np.int64]

    @property
    def most(self) -> NDArray[np.bool_]:
        return (self.again >= LEAST) & (self.again >= SHARE * self.different)


def found(suspects: Suspects) -> list[Problem]:
    """Warnings about contrasts most of whose foci stand more than once; notes about the others.

    Parameters
    ----------
    suspects : Suspects

    Returns
    -------
    list of Problem
        ``foci-twice``, warnings, and ``focus-twice``, notes: one a contrast, of a large dataset
        one of each.
    """
    repeats = _repeats(suspects)
    most = np.flatnonzero(repeats.most)
    few = np.flatnonzero((repeats.again > 0) & ~repeats.most)
    if len(suspects.studies) >= LARGE:
        return [*_counted(suspects, most, few, repeats)]
    return [
        *(_most(suspects, i, repeats) for i in most.tolist()),
        *(_few(suspects, i) for i in few.tolist()),
    ]


def _repeats(suspects: Suspects) -> _Repeats:
    keys, n = keys_of(suspects.published), len(suspects.studies)
    order = np.lexsort((keys, suspects.owner))
    owner, keys = suspects.owner[order], keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = (owner[1:] != owner[:-1]) | (keys[1:] != keys[:-1])
    starts = np.flatnonzero(first)
    again = np.diff(np.append(starts, len(keys))) > 1
    return _Repeats(
        np.bincount(owner[starts], minlength=n), np.bincount(owner[starts[again]], minlength=n)
    )


def _most(suspects: Suspects, i: int, repeats: _Repeats) -> Problem:
    n, different, again = (
        int(numbers[i]) for numbers in (suspects.counts, repeats.different, repeats.again)
    )
    share = "all" if again == different else f"{again:,}"
    said = f"its {n:,} foci are {different:,} different ones, {share} of them more than once"
    return suspects.warn(i, "foci-twice", said, _MEND)


def _few(suspects: Suspects, i: int) -> Problem:
    points = suspects.published[suspects.of(i)]
    where, times = np.unique(np.round(points, 2), axis=0, return_counts=True)
    again = [_xyz(point) for point in where[times > 1]]
    said = (
        f"{counted(len(again), 'focus', 'foci')} of its {len(points):,} "
        f"{'stands' if len(again) == 1 else 'stand'} more than once: {listed(again, 3)}"
    )
    return suspects.note(i, "focus-twice", said, _USUAL)


def _counted(
    suspects: Suspects, most: NDArray[np.int64], few: NDArray[np.int64], repeats: _Repeats
) -> Iterator[Problem]:
    """One warning, and one note, about all contrasts; those with the most repeats come first."""
    extra = suspects.counts - repeats.different
    if len(most):
        said = f"of {_many(most, suspects)} most foci stand more than once: "
        names = _names(suspects, most[np.argsort(-extra[most], kind="stable")])
        yield Problem("warning", said + names, suspects.file_of(0), "", _MEND, "foci-twice")
    if len(few):
        foci = counted(int(repeats.again[few].sum()), "focus", "foci")
        said = f"of {_many(few, suspects)} some foci stand more than once, {foci} in all: "
        names = _names(suspects, few[np.argsort(-extra[few], kind="stable")])
        yield Problem("note", said + names, suspects.file_of(0), "", _USUAL, "focus-twice")


def _many(some: NDArray[np.int64], suspects: Suspects) -> str:
    return f"{len(some):,} of {len(suspects.studies):,} contrasts"


def _names(suspects: Suspects, some: NDArray[np.int64]) -> str:
    return listed([suspects.name(i) for i in some.tolist()], _NAMED)


def _xyz(point: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in point) + ")"
