"""Foci that cannot be millimetres as they stand, and what they may be instead."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import spaces
from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import Suspects, near

LEAST = 5
"""Fewer foci of a contrast say nothing about its units."""
LEAST_WHOLE = 100
"""Fewer foci of a dataset say nothing about its units."""
NO_MINUS = 10
"""So many foci without one minus sign do not happen by chance."""
_FEW, _MOST = 0.5, 0.9
"""Share of a contrast's foci in the brain as they stand, at most, and as something else."""
_FEW_POSITIVE = 0.8
"""As ``_FEW``, where no coordinate is negative or has decimals: that is odd by itself."""
_FEW_WHOLE, _MOST_WHOLE = 0.92, 0.97
"""As ``_FEW`` and ``_MOST``, of a dataset. Of the foci of Neurosynth 99 % lie in the brain as they
stand, and with axes in any other order or direction 89 % or fewer."""
_MOST_GUESSED = 1_000
"""Of so many contrasts outside the brain it is asked what they may be: a file of 100,000 of them
is no literature."""
_UNITS = (("metres", 0.11, 1000.0), ("centimetres", 11.0, 10.0))
"""Unit, the largest coordinate of a brain in it, and its mm."""
_DECIMALS = 0.5
"""Share of such numbers that are not whole, at least."""
_POSITIVE = "lost minus signs, voxel indices, or other numbers, such as Brodmann areas?"
_SPREAD = 0.3
"""Foci round one nucleus are small numbers, too: in centimetres they would be all over the brain,
out to this share of the limit."""
_TENTHS = 100.0
"""Half of the coordinates of a brain are beyond 10 mm."""
_GRIDS = (
    (2.0, (91, 109, 91), (90.0, -126.0, -72.0)),
    (2.0, (79, 95, 68), (78.0, -112.0, -50.0)),
    (1.0, (182, 218, 182), (90.0, -126.0, -72.0)),
)
"""Voxel size, voxels, and centre of the first voxel. Left and right do not matter here."""
_AT_ONCE = 2_000
"""Foci that are looked up at once."""
_AXES = "xyz"


@dataclass(frozen=True)
class _Guess:
    """What foci may be: ``xyz @ matrix + shift`` are then their mm."""

    kind: str
    words: str
    advice: str
    matrix: NDArray[np.float64]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)


def found(suspects: Suspects) -> list[Problem]:
    """Warnings about foci that are not in the brain, or too near to its centre, or all positive.

    Parameters
    ----------
    suspects : Suspects

    Returns
    -------
    list of Problem
        At most one of a contrast, and one of the dataset at large.
    """
    counts = suspects.counts
    inside = np.bincount(
        suspects.owner, weights=near(suspects.mni), minlength=len(suspects.studies)
    )
    n_guessed = 0
    problems = list(_at_large(suspects, float(inside.sum()), int(np.count_nonzero(counts))))
    for i in np.flatnonzero(counts >= LEAST).tolist():
        points = suspects.published[suspects.of(i)]
        n_outside = int(counts[i] - inside[i])
        warning = _small(suspects, i, points)
        if warning is None and inside[i] < _FEW * counts[i]:
            n_guessed += 1
            guesses = _all(points) if n_guessed <= _MOST_GUESSED else ()
            warning = _outside(suspects, i, points, n_outside, guesses)
        elif warning is None and (points >= 0).all():
            warning = _positive(suspects, i, points, n_outside)
        problems += [warning] if warning else []
    return problems


def _small(suspects: Suspects, i: int, points: NDArray[np.float64]) -> Problem | None:
    """Warning about centimetres and metres: all foci lie round the anterior commissure."""
    largest = float(np.abs(points).max())
    if largest > _UNITS[-1][1] or (points % 1 != 0).mean() < _DECIMALS:
        return None
    for unit, limit, factor in _UNITS:
        if _SPREAD * limit < largest <= limit and near(points * factor).mean() >= _MOST:
            said = f"its {len(points):,} foci have decimals, and none is beyond {largest:g} mm"
            advice = f"multiply them by {factor:,.0f} if they are {unit}; are they coordinates?"
            return suspects.warn(i, unit, said, advice)
    return None


def _positive(suspects: Suspects, i: int, points: NDArray[np.float64], n: int) -> Problem | None:
    """Warning about a contrast without negative coordinates, ``n`` foci of it outside."""
    guess, share = _best(_voxels(points), points)
    if guess is not None and n > (1 - _FEW_POSITIVE) * len(points):
        return suspects.warn(i, guess.kind, _instead(points, n, guess, share), guess.advice)
    if len(points) < NO_MINUS:
        return None
    said = f"none of its {len(points):,} foci has a negative coordinate"
    return suspects.warn(i, "no-minus", said, _POSITIVE)


def _outside(
    suspects: Suspects,
    i: int,
    points: NDArray[np.float64],
    n: int,
    guesses: Iterable[_Guess],
) -> Problem:
    """Warning about a contrast most of whose foci lie outside the brain, with what it may be."""
    said = _said(points, n)
    guess, share = _best(guesses, points)
    beyond = spaces.outside_head(points)
    if guess is None and 2 * beyond.sum() >= n:
        # Each number that is beyond the head by itself, as where a decimal point was lost.
        low, high = spaces.HEAD_BOX_MM.T
        mended = np.where((points < low) | (points > high), points / 10, points)
        if near(mended)[beyond].mean() >= _MOST:
            said += f", {beyond.sum():,} of them outside the head"
            return suspects.warn(i, "decimals", said, "lost decimal points?")
    if guess is None:
        advice = "compare them with the paper: columns, signs, units, space"
        return suspects.warn(i, "outside-brain", said, advice)
    return suspects.warn(i, guess.kind, _instead(points, n, guess, share), guess.advice)


def _said(points: NDArray[np.float64], n: int) -> str:
    lie = "lies" if n == 1 else "lie"
    return f"{n:,} of its {counted(len(points), 'focus', 'foci')} {lie} outside the brain"


def _instead(points: NDArray[np.float64], n: int, guess: _Guess, share: float) -> str:
    left = round((1 - share) * len(points))
    return f"{_said(points, n)}, but {left or 'none'} {guess.words}"


def _at_large(suspects: Suspects, n_inside: float, n_contrasts: int) -> Iterator[Problem]:
    """Warning about the whole dataset, where too many foci lie outside to blame one contrast."""
    points = suspects.published
    share = n_inside / max(len(points), 1)
    if len(points) < LEAST_WHOLE or n_contrasts < 2 or share >= _FEW_WHOLE:
        return
    guess, better = _best(_all(points), points, _MOST_WHOLE)
    if guess is not None:
        said = (
            f"{_percent(1 - share)} of all {len(points):,} foci lie outside the brain, but "
            f"{_percent(1 - better)} {guess.words}"
        )
        yield Problem("warning", said, suspects.file_of(0), "", guess.advice, f"all-{guess.kind}")


def _best(
    guesses: Iterable[_Guess], points: NDArray[np.float64], least: float = _MOST
) -> tuple[_Guess | None, float]:
    """First of the best guesses, if it puts enough foci into the brain, and its share."""
    left, n = list(guesses), len(points)
    inside = np.zeros(len(left), np.int64)
    for start in range(0, n, _AT_ONCE):
        if not left:
            break
        part = points[start : start + _AT_ONCE]
        inside += _inside(left, part)
        # What cannot reach the share any more, whatever comes, is not asked again.
        may = (inside + n - start - len(part)) / n >= least
        left, inside = [guess for guess, good in zip(left, may, strict=True) if good], inside[may]
    if not left:
        return None, 0.0
    best = int(inside.argmax())
    return left[best], float(inside[best] / n)


def _inside(guesses: Sequence[_Guess], points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of foci that would lie in the brain by each guess."""
    moved = points @ np.concatenate([guess.matrix for guess in guesses], axis=1)
    moved = moved.reshape(-1, len(guesses), 3) + [guess.shift for guess in guesses]
    return near(moved.reshape(-1, 3)).reshape(-1, len(guesses)).sum(axis=0)


def _all(points: NDArray[np.float64]) -> Iterator[_Guess]:
    yield from _voxels(points)
    yield from _tenths(points)
    yield from _turns()


def _voxels(points: NDArray[np.float64]) -> Iterator[_Guess]:
    if (points < 0).any() or (points % 1).any():
        return
    for size, shape, first in _GRIDS:
        if (points <= shape).all():
            grid = " x ".join(map(str, shape))
            yield _Guess(
                "voxel-indices",
                f"if they are indices of {grid} voxels of {size:g} mm",
                "convert voxel indices into mm, with the affine of their image",
                np.diag([-size, size, size]),
                first,
            )


def _tenths(points: NDArray[np.float64]) -> Iterator[_Guess]:
    # Whatever is small enough lies in the brain: only what is spread over it then is a guess.
    if np.median(np.abs(points)) > _TENTHS:
        advice = "lost decimal points? Coordinates are in mm"
        yield _Guess("tenths", "if they are divided by 10", advice, np.eye(3) / 10)


@lru_cache(maxsize=1)
def _turns() -> tuple[_Guess, ...]:
    """Axes in another order or direction; that of x cannot be told from the shape of a brain."""
    return tuple(_turned())


def _turned() -> Iterator[_Guess]:
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=2):
            matrix = np.zeros((3, 3))
            matrix[list(order), range(3)] = 1, *signs
            if (matrix != np.eye(3)).any():
                axes = [
                    f"{'-' if sign < 0 else ''}{_AXES[axis]}"
                    for axis, sign in zip(order, (1, *signs), strict=True)
                ]
                yield _Guess(
                    "axes",
                    f"if they are read as ({', '.join(axes)})",
                    "columns in another order or signs lost? x is to the right, y to the "
                    "front, z up",
                    matrix,
                )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
