"""Foci that cannot be millimetres as they stand, and what they may be instead."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import spaces
from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import Suspects, near

LEAST = 5
"""Fewer foci of a contrast say nothing about its units."""
LEAST_WHOLE = 50
"""Fewer foci of a dataset say nothing about its units."""
NO_MINUS = 10
"""So many foci without one minus sign do not happen by chance."""
_FEW, _MOST = 0.5, 0.9
"""Share of a contrast's foci in the brain as they stand, at most, and as something else."""
_WHOLE, _BETTER = 0.75, 0.2
"""Share of a dataset's foci in the brain as they stand, at most, and the gain of another way."""
_UNITS = (("metres", 0.11, 1000.0), ("centimetres", 11.0, 10.0))
"""Unit, the largest coordinate of a brain in it, and its mm."""
_DECIMALS = 0.5
"""Share of such numbers that are not whole, at least."""
_POSITIVE = "lost minus signs, voxel indices, or other numbers, such as Brodmann areas?"
_SPREAD = 0.3
"""Foci round one nucleus are small numbers, too: in centimetres they would be all over the brain,
out to this share of the limit."""
_TENTHS = 250.0
"""Half of the foci are farther than 25 mm from the anterior commissure."""
_GRIDS = (
    (2.0, (91, 109, 91), (90.0, -126.0, -72.0)),
    (2.0, (79, 95, 68), (78.0, -112.0, -50.0)),
    (1.0, (182, 218, 182), (90.0, -126.0, -72.0)),
)
"""Voxel size, voxels, and centre of the first voxel. Left and right do not matter here."""
_AXES = "xyz"


@dataclass(frozen=True)
class _Guess:
    """What foci may be: ``xyz @ matrix + shift`` are then their mm."""

    kind: str
    words: str
    advice: str
    matrix: NDArray[np.float64]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def share(self, points: NDArray[np.float64]) -> float:
        """Share of the foci that would lie in the brain."""
        return float(near(points @ self.matrix + self.shift).mean())


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
    problems = list(_at_large(suspects, float(inside.sum()), int(np.count_nonzero(counts))))
    for i in np.flatnonzero(counts >= LEAST).tolist():
        points = suspects.published[suspects.of(i)]
        warning = _small(suspects, i, points)
        if warning is None and inside[i] < _FEW * counts[i]:
            warning = _outside(suspects, i, points, int(counts[i] - inside[i]))
        elif warning is None and counts[i] >= NO_MINUS and (points >= 0).all():
            said = f"none of its {len(points):,} foci has a negative coordinate"
            warning = suspects.warn(i, "no-minus", said, _POSITIVE)
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


def _outside(suspects: Suspects, i: int, points: NDArray[np.float64], n: int) -> Problem:
    """Warning about a contrast most of whose foci lie outside the brain, with what it may be."""
    said = f"{n:,} of its {counted(len(points), 'focus', 'foci')} lie outside the brain"
    guess, share = _best(points)
    if guess is None and (beyond := spaces.outside_head(points)).any():
        # Each number that is beyond the head by itself, as where a decimal point was lost.
        low, high = spaces.HEAD_BOX_MM.T
        mended = np.where((points < low) | (points > high), points / 10, points)
        if near(mended)[beyond].mean() >= _MOST:
            said += f", {beyond.sum():,} of them outside the head"
            return suspects.warn(i, "decimals", said, "lost decimal points?")
    if guess is None:
        advice = "compare them with the paper: columns, signs, units, space"
        return suspects.warn(i, "outside-brain", said, advice)
    return suspects.warn(
        i, guess.kind, f"{said}, but {_percent(1 - share)} {guess.words}", guess.advice
    )


def _at_large(suspects: Suspects, n_inside: float, n_contrasts: int) -> Iterator[Problem]:
    """Warning about the whole dataset, where too many foci lie outside to blame one contrast."""
    points = suspects.published
    share = n_inside / max(len(points), 1)
    if len(points) < LEAST_WHOLE or n_contrasts < 2 or share >= _WHOLE:
        return
    guess, better = _best(points)
    if guess is not None and better >= share + _BETTER:
        said = (
            f"{_percent(1 - share)} of all {len(points):,} foci lie outside the brain, but "
            f"{_percent(1 - better)} {guess.words}"
        )
        yield Problem("warning", said, suspects.file_of(0), "", guess.advice, f"all-{guess.kind}")


def _best(points: NDArray[np.float64]) -> tuple[_Guess | None, float]:
    """First of the best guesses, if it puts enough foci into the brain, and its share."""
    guesses = (*_voxels(points), *_tenths(points), *_turns())
    shares = [(guess.share(points), guess) for guess in guesses]
    share, guess = max(shares, key=lambda pair: pair[0])
    return (guess, share) if share >= _MOST else (None, share)


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
    if np.median(np.linalg.norm(points, axis=1)) > _TENTHS:
        advice = "lost decimal points? Coordinates are in mm"
        yield _Guess("tenths", "if they are divided by 10", advice, np.eye(3) / 10)


def _turns() -> Iterator[_Guess]:
    """Axes in another order or direction; that of x cannot be told from the shape of a brain."""
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
