"""Rows of numbers in Sleuth files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import quoted

_MINUS = str.maketrans(dict.fromkeys("−–—‐‑‒﹣﹘－➖˗⁃⁻\xad\x96\x97", "-"))
# UTF-8 minus signs and dashes that somebody's program took for Windows-1252.
_BROKEN_MINUS = re.compile("âˆ’|â€[“”\x90\x93\x94]")
_UNDERSCORE = re.compile(r"(?<![^\s,;(\[])_(?=\s*\.?\d)")
_LONELY_SIGN = re.compile(r"(?<![^\s,;(\[])([-+])\s+(?=\.?\d)")
_DASHES_BETWEEN = re.compile(r"[\d.]+(?:\s+-\s+[\d.]+){2}")
_BRACKETS = re.compile(r"[(\[{<]([^()\[\]{}<>]*[\s,;][^()\[\]{}<>]*)[)\]}>](.*)")
_AXIS = re.compile(r"(?<![^\s,;])[xyz]\s*[=:]\s*(?=[-+.\d])", re.IGNORECASE)
_UNIT = re.compile(r"(?<=\d)\s*mm\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)", re.IGNORECASE)
_PLAIN = re.compile(r"(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:\s+|$))+")
_WORD = re.compile(rf"[-+]?\d*,\d+|{_NUMBER.pattern}", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_ANY_NUMBER = re.compile(r"\d|nan|inf", re.IGNORECASE)
_LEAST_COUNTED = 3
"""Rows from which on 1, 2, 3, ... in the first column are no coordinates."""


@dataclass(frozen=True, slots=True)
class Row:
    """A focus: x, y, z in mm, and the numbers that stand after them."""

    line: int
    xyz: tuple[float, float, float]
    extra: tuple[float, ...] = ()


def looks_like_focus(text: str) -> bool:
    """Whether a line begins with three numbers."""
    return bool(_ANY_NUMBER.search(text)) and len(_leading(_tokens(text))) >= 3


def is_only_numbers(text: str) -> bool:
    """Whether a line is three numbers or more, and nothing else."""
    if _LETTER.search(text) or not _ANY_NUMBER.search(text):
        return False
    tokens = _tokens(text)
    return len(_leading(tokens)) == len(tokens) >= 3


def is_broken_focus(text: str) -> bool:
    """Whether a line was meant as a focus, but does not begin with three numbers.

    It is nothing but numbers or signs; or two of three words are numbers, or its first two; or
    three numbers stand in a row somewhere (``insula -45 20 30``).
    """
    tokens = _tokens(text)
    if not tokens:
        return False
    is_number = [bool(_leading([token])) for token in tokens]
    if all(is_number) or (len(tokens) == 3 and sum(is_number) == 2):
        return True
    if not _LETTER.search(text) and len(re.findall(r"\d+", text)) >= 3:
        return True
    return all(is_number[:2]) or any(all(is_number[i : i + 3]) for i in range(len(tokens) - 2))


def is_column_names(text: str) -> bool:
    """Whether a line is ``x y z``, the head of a table."""
    if text[:1] not in "xX\"'([":
        return False
    return [token.lower() for token in _words(text)][:3] == ["x", "y", "z"]


def row(line: int, text: str) -> tuple[Row | None, str]:
    """Focus of a line, or None if it has fewer than three numbers.

    Returns
    -------
    row : Row or None
    problem : str
        What was odd and was put right; empty if nothing.
    """
    tokens = _tokens(text)
    found = _leading(tokens)
    if len(found) < 3:
        return None, ""
    odd = ""
    if _UNDERSCORE.search(text):
        odd = f"an underscore is read as a minus sign: {quoted(text)}"
    elif _LONELY_SIGN.search(_signs(text)):
        odd = f"a sign is read as that of the number after it: {quoted(text)}"
    x, y, z, *extra = found
    return Row(line, (x, y, z), tuple(extra)), odd


def rest(text: str) -> str:
    """What follows the numbers of a row; empty if nothing does."""
    tokens = _tokens(text)
    return " ".join(tokens[len(_leading(tokens)) :])


def xyz(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Foci of rows, (n, 3) mm."""
    return np.array([row.xyz for row in rows], dtype=float).reshape(-1, 3)


def values(rows: Sequence[Row]) -> dict[str, tuple[float, ...]]:
    """Columns after x, y and z, ``value_1`` and so on, where every row has them."""
    n_columns = min((len(row.extra) for row in rows), default=0)
    return {f"value_{i + 1}": tuple(row.extra[i] for row in rows) for i in range(n_columns)}


def shift(rows: Sequence[Row], n_rows: int) -> str:
    """Why x, y and z are not the first three of four columns; empty if they can be.

    Parameters
    ----------
    rows : sequence of Row
        Those of an experiment that have more than three numbers.
    n_rows : int
        Number of all its rows.
    """
    if len(rows) > 1 and all(row.xyz[0] == row.xyz[1] for row in rows):
        return "the first one twice"
    counted = all(row.xyz[0] == number for number, row in enumerate(rows, start=1))
    return "the first one counts them" if counted and len(rows) == n_rows >= _LEAST_COUNTED else ""


def _signs(text: str) -> str:
    """Text with every minus sign as ``-``."""
    return _UNDERSCORE.sub("-", _BROKEN_MINUS.sub("-", text).translate(_MINUS))


@lru_cache(maxsize=4)  # a line is asked about several times
def _tokens(text: str) -> tuple[str, ...]:
    if _PLAIN.fullmatch(text):
        return tuple(text.split())
    text = _signs(text)
    if not _DASHES_BETWEEN.match(text.strip()):  # else nobody can tell signs from separators
        text = _LONELY_SIGN.sub(r"\1", text)
    return tuple(_words(_UNIT.sub(" ", _AXIS.sub(" ", text))))


def _words(text: str) -> list[str]:
    """Cells of a row: a comma is a decimal mark where the words say so, else it separates."""
    text = re.sub("[\"']", " ", text).strip()
    inside = _BRACKETS.fullmatch(text)
    if inside:
        text = f"{inside[1]} {inside[2]}"
    words = [word for word in re.split(r"[\s;|]+", text) if word]
    if len(words) >= 3:
        if words[0].endswith(",") and words[1].endswith(","):
            words = [word.rstrip(",") for word in words if word.strip(",")]
        numbers = list(takewhile(_WORD.fullmatch, words))
        if len(numbers) >= 3:
            return [word.replace(",", ".") for word in numbers] + words[len(numbers) :]
    return [word for word in re.split(r"[\s,;|]+", text) if word]


def _leading(tokens: Sequence[str]) -> list[float]:
    return [float(token) for token in takewhile(_NUMBER.fullmatch, tokens)]
