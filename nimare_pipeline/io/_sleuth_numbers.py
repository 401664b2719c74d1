"""Rows of numbers in Sleuth files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MINUS = str.maketrans(dict.fromkeys("−–—‐‑‒﹣－➖", "-"))
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+|[-+]?\d+")


@dataclass(frozen=True)
class Row:
    """A focus: x, y, z in mm, and the numbers that stand after them."""

    line: int
    xyz: tuple[float, float, float]
    extra: tuple[float, ...] = ()


def looks_like_focus(text: str) -> bool:
    """Whether a line begins with three numbers."""
    return len(_leading(_tokens(text))) >= 3


def is_broken_focus(text: str) -> bool:
    """Whether a line was meant as a focus: nothing but numbers, or two of three, or two first."""
    tokens = _tokens(text)
    n = len(_leading(tokens))
    numbers = sum(len(_leading([token])) for token in tokens)
    return n >= 2 or 0 < n == len(tokens) or (len(tokens) == 3 and numbers == 2)


def is_column_names(text: str) -> bool:
    """Whether a line is ``x y z``, the head of a table."""
    return [token.lower() for token in _tokens(text)][:3] == ["x", "y", "z"]


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
    if re.search(r"_\s*\.?\d", text):
        odd = f"an underscore is read as a minus sign: {text!r:.60}"
    elif len(found) < len(tokens):
        odd = f"what follows the numbers is left out: {text!r:.60}"
    x, y, z, *extra = found
    return Row(line, (x, y, z), tuple(extra)), odd


def xyz(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Foci of rows, (n, 3) mm."""
    return np.array([row.xyz for row in rows], dtype=float).reshape(-1, 3)


def values(rows: Sequence[Row]) -> dict[str, tuple[float, ...]]:
    """Columns after x, y and z, ``value_1`` and so on, where every row has them."""
    n_columns = min((len(row.extra) for row in rows), default=0)
    return {f"value_{i + 1}": tuple(row.extra[i] for row in rows) for i in range(n_columns)}


def _tokens(text: str) -> list[str]:
    text = re.sub(r"(?<![^\s,;])_(?=\s*\.?\d)", "-", text.translate(_MINUS)).replace('"', " ")
    words = [word for word in re.split(r"[\s;]+", text) if word]
    if len(words) >= 3 and all(_DECIMAL_COMMA.fullmatch(word) for word in words):
        return [word.replace(",", ".") for word in words]
    return [word for word in re.split(r"[\s,;]+", text) if word]


def _leading(tokens: Sequence[str]) -> list[float]:
    found = []
    for token in tokens:
        if not _NUMBER.fullmatch(token):
            break
        found.append(float(token))
    return found
