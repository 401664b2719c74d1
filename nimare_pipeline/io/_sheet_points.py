"""Foci in cells: a number each, or three in one, in whatever way people write them."""

import re
from collections.abc import Sequence
from functools import lru_cache

from nimare_pipeline import spaces
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io._sheet_words import space_in, words

Point = tuple[float, float, float]

_NONE = {
    *("", "n/a", "na", "nan", "null", "none", "-", "–", "—", ".", "n.a.", "n.s.", "ns", "#n/a"),
    *("not reported", "no foci", "nil"),
}
"""What stands where there is no focus."""
_NO_FOCI = re.compile(r"(?i)(?:no|none|not|nothing)\b[^0-9]*")
"""The same in words: ``no significant activation``."""
_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_BRACKETS = re.compile(r"[(\[{<]([^()\[\]{}<>]*)[)\]}>]")
_NAMED = re.compile(r"(?i)\b[xyz]\s*[=:]\s*")
UNKNOWN = "?"
"""What the name of a space begins with that is none."""
_OWN_WORDS = {"t88": "TAL", "spm96": "MNI", "spm99": "MNI"}
"""Spaces as the CANlab tables name them."""


def is_none(cell: str) -> bool:
    """Whether a cell says that there is nothing."""
    return cell.casefold() in _NONE


def is_no_focus(cell: str) -> bool:
    """Whether a cell of coordinates says that there is nothing."""
    return is_none(cell) or bool(_NO_FOCI.fullmatch(cell))


def number(cell: str) -> tuple[float, bool]:
    """Number of a cell, and whether a comma was read as its decimal point.

    Raises
    ------
    ValueError
        If it is none.
    """
    if _PLAIN.fullmatch(cell):
        return float(cell), False
    return cells.number(re.sub(r"^([-+−–])\s+(?=[\d.,])", r"\1", cell))


def points(cell: str) -> list[Point]:
    """Foci of a cell.

    Raises
    ------
    ValueError
        If it is no list of three numbers each.

    Examples
    --------
    >>> points("-42, 10, 4"), points("(-42; 10; 4,5)"), points("[1 2 3]; [4 5 6]")
    ([(-42.0, 10.0, 4.0)], [(-42.0, 10.0, 4.5)], [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)])
    """
    text = _NAMED.sub(" ", cell).strip()
    groups = _BRACKETS.findall(text)
    if groups and not re.sub(r"[\s,;/|]|and", "", _BRACKETS.sub("", text)):
        return [_point(group) for group in groups]
    try:
        return [_point(text.strip("()[]{}<> "))]
    except ValueError:
        # Of lines within a cell blanks are left: no comma stands where one focus ends.
        for separator in (r"[;\n]", r"\|", r"/", r"(?<=\d)\s+(?=[-+−–]?\d)"):
            pieces = [piece.strip() for piece in re.split(separator, text) if piece.strip()]
            if len(pieces) > 1 and all(map(_is_point, pieces)):
                return [_point(piece) for piece in pieces]
        raise


@lru_cache(maxsize=1024)
def space(text: str) -> str:
    """Space that a cell names, ``MNI`` or ``TAL``; what names none, or both, after a ``?``.

    Examples
    --------
    >>> space("Talairach (1988)"), space("T88"), space("Tal or MNI"), space("Colin27")
    ('TAL', 'TAL', '?Tal or MNI', '?Colin27')
    """
    plain = text.strip()
    named = _OWN_WORDS.get(plain.casefold()) or space_in(plain)
    if not named and not {"mni", "tal"} <= set(words(plain)):
        named = str(spaces.recognise(plain) or "")
    return named or f"{UNKNOWN}{plain}"


def _is_point(text: str) -> bool:
    try:
        _point(text.strip("()[]{}<> "))
    except ValueError:
        return False
    return True


def _point(text: str) -> Point:
    parts = _parts(text)
    if len(parts) != 3:
        msg = f"{text!r:.40} is not three numbers"
        raise ValueError(msg)
    x, y, z = (number(part)[0] for part in parts)
    return x, y, z


def _parts(text: str) -> Sequence[str]:
    """Split what holds three numbers; a comma separates them, or is their decimal point."""
    for separator in (r"\s*[;|/]\s*", r"\s*,\s+", r"[\s,]*\s[\s,]*", r"\s*,\s*"):
        parts = [part for part in re.split(separator, text.strip()) if part]
        if len(parts) == 3:
            return parts
    return ()
