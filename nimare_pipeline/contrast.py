"""One contrast as a reader found it, and what can be wrong with it."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults, spaces
from nimare_pipeline.errors import Problem

ABSURD_MM = 1000.0
"""A coordinate beyond this cannot be millimetres of a head: an error, not a warning."""

UNKNOWN_SPACE = "unknown-space"
"""Kind of the errors about spaces, which a policy may settle."""
_MOST_NAMED = 5
"""Contrasts that are named where a whole file has one fault; more are counted."""
_MOST_LISTED = 100
"""Foci outside the head of one contrast that are listed; more are counted."""
_BROKEN_ID = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Contrast:
    """One contrast of a study, as written in its file.

    Parameters
    ----------
    study_id, contrast_id : str
        The contrast is called ``<study_id>-<contrast_id>`` everywhere.
    xyz : (n_foci, 3) float array
        mm, in the space given by ``spaces``.
    spaces : tuple of str
        Space of each focus as the file names it; it may name none (``""``).
    sample_sizes : tuple of float
        Participants of each group; empty if unknown.
    metadata, images, annotations, texts : dict
        Field to value. Images are paths, absolute or relative to a folder named later.
    values : dict of str to tuple
        What the file gives beside the coordinates of each focus, for example ``z_stat``.
    file : str
        File it was read from; empty for a dict.
    line : int
        Line of its header, from 1; 0 where the format has no lines.
    focus_lines : tuple of int
        Line of each focus; empty where the format has no lines.
    space_line : int
        Line that names the space of the foci; 0 where none does.
    foci_file : str
        File of ``focus_lines``, if the foci stand in another than ``file``.
    """

    study_id: str
    contrast_id: str
    xyz: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    spaces: tuple[str, ...] = ()
    sample_sizes: tuple[float, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    file: str = ""
    line: int = 0
    focus_lines: tuple[int, ...] = ()
    space_line: int = 0
    foci_file: str = ""

    @property
    def id(self) -> str:
        """``<study_id>-<contrast_id>``."""
        return f"{self.study_id}-{self.contrast_id}"

    def to_mni(self, tal2mni: str = defaults.TAL2MNI) -> NDArray[np.float64]:
        """Foci in MNI space, (n_foci, 3) mm; the spaces must be known ones."""
        xyz = np.array(self.xyz, dtype=float).reshape(-1, 3)
        is_tal = np.array([spaces.recognise(name) == "TAL" for name in self.spaces], dtype=bool)
        if is_tal.any():
            xyz[is_tal] = spaces.tal2mni(xyz[is_tal], tal2mni)
        return xyz

    def problem(
        self,
        level: Literal["error", "warning"],
        message: str,
        *,
        suggestion: str = "",
        line: int = 0,
    ) -> Problem:
        """Problem of this contrast, at a line of its foci or at its header."""
        where = f"study {self.study_id}, contrast {self.contrast_id}"
        file = self.foci_file if line and self.foci_file else self.file
        line = line or self.line
        place = f"line {line} ({where})" if line else where
        return Problem(level, message, file, place, suggestion)


def check(contrasts: Sequence[Contrast], tal2mni: str = defaults.TAL2MNI) -> list[Problem]:
    """Everything that is wrong with contrasts, errors and warnings.

    Ids that are empty, broken or not unique; coordinates that are not finite, absurd, or outside
    the head once they are in MNI space; spaces that are neither MNI nor Talairach.
    """
    counts = Counter(contrast.id for contrast in contrasts)
    problems = [
        Problem(
            "error",
            f"id {name!r} stands {count} times",
            next(contrast.file for contrast in contrasts if contrast.id == name),
            name,
            "each contrast needs an id (study-contrast) of its own",
        )
        for name, count in counts.items()
        if count > 1
    ]
    problems += _space_problems(contrasts)
    for contrast in contrasts:
        found = [*_id_problems(contrast), *_focus_problems(contrast)]
        if not found and None not in map(spaces.recognise, contrast.spaces):
            found = _outside_problems(contrast, tal2mni)
        problems += found
    return problems


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a number that a float can hold (NaN included)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 10**300


def listed(items: Sequence[Any], limit: int = 20) -> str:
    """First items of a list, in words, with the number of the others."""
    shown = ", ".join(str(item) for item in items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown


def counted(n: int, noun: str, plural: str = "") -> str:
    """Number and noun: ``1 contrast``, ``2 contrasts``; ``plural`` where it is not noun + s."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def quoted(value: Any, most: int = 60) -> str:
    """A value as it stands in a file, in quotes if it is text; of a long one the beginning.

    Examples
    --------
    >>> quoted("Smith, 2019: Faces > houses", 12)
    "'Smith, 2019...'"
    """
    if isinstance(value, str):
        text = repr(value[:most])
        return text if len(value) <= most else f"{text[:-1]}...{text[-1]}"
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


def sample_sizes(value: Any) -> tuple[tuple[float, ...], bool]:
    """Sample sizes from whatever a file says: a number, a text that is one, or a list of them.

    Returns
    -------
    sizes : tuple of float
        Those that are positive numbers.
    clean : bool
        False if something that is not a positive number was left out.
    """
    if is_missing(value) or value == "":
        return (), True
    items = value if isinstance(value, list | tuple) else [value]
    found = [_size(item) for item in items if not is_missing(item)]
    return tuple(size for size in found if size is not None), None not in found


def _size(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        size = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (math.isfinite(size) and size > 0):
        return None
    return int(size) if size.is_integer() else size


def _id_problems(contrast: Contrast) -> Iterable[Problem]:
    for what, name in (("study", contrast.study_id), ("contrast", contrast.contrast_id)):
        if not name.strip() or _BROKEN_ID.search(name):
            yield contrast.problem(
                "error", f"{what} id {name!r} is empty or has control characters"
            )


def _focus_problems(contrast: Contrast) -> Iterable[Problem]:
    xyz = contrast.xyz
    bad = ~np.isfinite(xyz).all(axis=1) | (np.abs(np.nan_to_num(xyz)) > ABSURD_MM).any(axis=1)
    for i in np.flatnonzero(bad):
        yield contrast.problem(
            "error",
            f"focus {i + 1} is {_xyz(xyz[i])}",
            suggestion=f"three numbers in mm, none beyond {ABSURD_MM:g}",
            line=_focus_line(contrast, i),
        )


def _outside_problems(contrast: Contrast, tal2mni: str) -> list[Problem]:
    outside = np.flatnonzero(spaces.outside_head(contrast.to_mni(tal2mni)))
    more = len(outside) - _MOST_LISTED
    problems = [
        contrast.problem(
            "warning",
            f"focus {i + 1}, {_xyz(contrast.xyz[i])}, lies outside the head",
            suggestion="a lost decimal point or minus sign?",
            line=_focus_line(contrast, i),
        )
        for i in outside[:_MOST_LISTED]
    ]
    if more > 0:
        problems.append(contrast.problem("warning", f"and {more:,} more foci outside the head"))
    return problems


def _focus_line(contrast: Contrast, i: Any) -> int:
    return contrast.focus_lines[i] if contrast.focus_lines else 0


def _space_problems(contrasts: Sequence[Contrast]) -> Iterable[Problem]:
    # One problem a space, not one a contrast: a missing Reference line concerns them all.
    wrong: dict[tuple[str, int, str], list[Contrast]] = {}
    for contrast in contrasts:
        for space in dict.fromkeys(contrast.spaces):
            if spaces.recognise(space) is None:
                key = (contrast.file, contrast.space_line, space)
                wrong.setdefault(key, []).append(contrast)
    with_foci = Counter(contrast.file for contrast in contrasts if contrast.spaces)
    for (file, line, space), found in wrong.items():
        what = f"unknown space {space!r}" if space else "the space of the foci is not given"
        is_all = len(found) == with_foci[file] > _MOST_NAMED
        who = f"any of {len(found):,} contrasts" if is_all else listed([one.id for one in found])
        yield Problem(
            "error",
            f"{what} for {who}",
            file,
            f"line {line}" if line else "",
            _space_advice(line, has_lines=bool(found[0].focus_lines)),
            kind=UNKNOWN_SPACE,
        )


def _space_advice(line: int, *, has_lines: bool) -> str:
    if line:
        how = f"correct line {line}, to //Reference=MNI or //Reference=Talairach"
    elif has_lines:
        how = "add a line //Reference=MNI or //Reference=Talairach above the foci"
    else:
        how = "correct 'space' of their coordinates"
    return f"{spaces.ACCEPTED}; {how}, decide by --unknown-space, or remove these contrasts"


def _xyz(point: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in point) + ")"
