"""Kinds of values of an analysis file: what each accepts, and what it says when it refuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nimare_pipeline import foci_policy, pool_policy
from nimare_pipeline.errors import UsageError
from nimare_pipeline.select_syntax import parse

MISSING_N_POLICIES = ("error", "median", "exclude")


@dataclass(frozen=True)
class Kind:
    """What a value may be.

    Parameters
    ----------
    words : str
        In words, after *expected*.
    check : callable
        Returns what is wrong with a value that TOML gave, or an empty text.
    convert : callable
        The value as the program uses it.
    """

    words: str
    check: Callable[[Any], str]
    convert: Callable[[Any], Any] = lambda value: value


def _expect(words: str, accepts: Callable[[Any], bool]) -> Callable[[Any], str]:
    return lambda value: "" if accepts(value) else f"expected {words}, not {_short(value)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < float("inf")
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def kind(words: str, accepts: Callable[[Any], bool], convert: Any = lambda value: value) -> Kind:
    """Make a kind of one condition."""
    return Kind(words, _expect(words, accepts), convert)


def whole(words: str, least: int, most: float = float("inf")) -> Kind:
    """Make a kind of whole numbers in a range."""
    return kind(
        words,
        lambda v: isinstance(v, int) and not isinstance(v, bool) and least <= v <= most,
    )


def one_of(*names: str) -> Kind:
    """Make a kind of some words."""
    words = f"one of {', '.join(map(_quoted, names))}"
    return kind(words, lambda v: v in names)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _check_selection(value: object) -> str:
    if not isinstance(value, str):
        return f'expected a selection such as "sample_size >= 10", not {_short(value)}'
    try:
        if value.strip():
            parse(value)
    except UsageError as error:
        return str(error)
    return ""


def _check_groups(value: object) -> str:
    if not isinstance(value, Mapping) or not 1 <= len(value) <= 2:
        return (
            "expected one or two named selections, such as "
            f"{{pain = 'condition == \"pain\"', touch = '...'}}, not {_short(value)}"
        )
    if list(value) == ["rest"]:
        return "'rest' is the name of the other group where one is given; call this one otherwise"
    for name, selection in value.items():
        wrong = _check_selection(selection)
        if not wrong and not str(selection).strip():
            wrong = "the selection is empty"
        if wrong:
            return f"group {name!r}: {wrong}"
    return ""


def _check_component(value: object) -> str:
    if not isinstance(value, Mapping):
        return f'expected a table such as {{type = "ALE", args = {{}}}}, not {_short(value)}'
    if not isinstance(value.get("type"), str):
        return "type is missing: expected a name in quotes"
    if not isinstance(value.get("args", {}), Mapping):
        return f"args: expected a table of keywords, not {_short(value['args'])}"
    return ""


def _check_missing_n(value: object) -> str:
    if _is_number(value) and value > 0:  # type: ignore[operator]
        return ""
    if value in MISSING_N_POLICIES:
        return ""
    return f"expected {_MISSING_N}, not {_short(value)}"


_MISSING_N = '"error", "median", "exclude", or a kernel width in mm above 0'

POOL = kind('"none", "study", "group" or "group=COLUMN"', pool_policy.accepts)
FOCI_FROM_IMAGES = Kind(foci_policy.ACCEPTED, foci_policy.wrong_with, foci_policy.completed)
TEXT = kind("a text in quotes", _is_text)
NAME = kind(
    "a text with a letter or digit",
    lambda v: _is_text(v) and any(c.isalnum() and c.isascii() for c in v),
)
TEXTS = kind(
    'a list of texts such as ["a", "b"]',
    lambda v: isinstance(v, list) and bool(v) and all(map(_is_text, v)),
    tuple,
)
NAMES = kind(
    'a list of two or more names of analyses such as ["a", "b"]',
    lambda v: isinstance(v, list) and len(v) > 1 and all(map(_is_text, v)),
)
FLAG = kind("true or false", lambda v: isinstance(v, bool))
SHARE = kind(
    "a number between 0 and 1, both excluded", lambda v: _is_number(v) and 0 < v < 1, float
)
NUMBER = kind("a number", _is_number, float)
COUNT = whole("a whole number of at least 1", 1)
SEED = whole("a whole number from 0 to 2**63 - 1", 0, 2**63 - 1)
SPHERE = kind(
    "[x, y, z, radius], four numbers in mm, the last above 0",
    lambda v: isinstance(v, list) and len(v) == 4 and all(map(_is_number, v)) and v[3] > 0,
    lambda v: [float(number) for number in v],
)
SELECTION = Kind("a selection", _check_selection)
GROUPS = Kind("one or two named selections", _check_groups, dict)
COMPONENT = Kind("{type, args}", _check_component, dict)
MISSING_N = Kind(
    _MISSING_N, _check_missing_n, lambda v: v if isinstance(v, str) else f"{float(v):g}"
)
