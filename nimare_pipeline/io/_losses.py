"""What a format did not keep: contrasts as they were given, beside what is read from the file."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast, counted, is_missing, listed
from nimare_pipeline.io._outgoing import image_paths

LEFT_OUT, CHANGED = "left out", "changed"
_LARGEST_EXACT = 2**53


@dataclass(frozen=True)
class Loss:
    """One kind of thing that is not as it was.

    Parameters
    ----------
    part : str
        ``ids``, ``foci``, ``spaces``, ``sample sizes``, ``contrasts``, or the fields of which:
        ``metadata``, ``labels``, ``images``, ``texts``, ``values of foci``.
    how : str
        ``left out`` or ``changed``, or more words.
    n : int
        Contrasts concerned.
    fields : tuple of str
        Names of the fields; empty where there are none.
    example : str
        One of them, before and after.
    """

    part: str
    how: str
    n: int
    fields: tuple[str, ...] = ()
    example: str = ""

    def __str__(self) -> str:
        names = f" ({listed(self.fields, 5)})" if self.fields else ""
        example = f": {self.example}" if self.example else ""
        return f"{self.part}{names}: {self.how} in {counted(self.n, 'contrast')}{example}"


@dataclass
class _Tally:
    """Contrasts and fields of one kind of loss, and the first example."""

    contrasts: set[int] = field(default_factory=set)
    fields: dict[str, None] = field(default_factory=dict)
    example: str = ""


def compare(given: Sequence[Contrast], found: Sequence[Contrast]) -> list[Loss]:
    """What of given contrasts is not in those read back, which stand in the same order.

    What a reader adds, for example a name made from an id, is no loss.
    """
    tallies: dict[tuple[str, str], _Tally] = {}
    for number, (one, other) in enumerate(zip(given, found, strict=True)):
        for part, how, name, example in _differences(one, other):
            tally = tallies.setdefault((part, how), _Tally(example=example))
            tally.contrasts.add(number)
            if name:
                tally.fields[name] = None
    return [
        Loss(part, how, len(tally.contrasts), tuple(tally.fields), tally.example)
        for (part, how), tally in tallies.items()
    ]


def _differences(one: Contrast, other: Contrast) -> Iterable[tuple[str, str, str, str]]:
    if one.id != other.id or one.study_id != other.study_id:
        yield "ids", CHANGED, "", f"{_shown(one.id)} is {_shown(other.id)}"
    where = f"{one.id:.60}"
    if one.xyz.shape != other.xyz.shape or one.xyz.tobytes() != _floats(other.xyz).tobytes():
        yield "foci", CHANGED, "", _moved(one, other)
    known = [tuple(map(spaces.recognise, contrast.spaces)) for contrast in (one, other)]
    if known[0] != known[1]:
        named = [" and ".join(dict.fromkeys(map(str, names))) or "none" for names in known]
        yield "spaces", CHANGED, "", f"{where}: {named[0]} is {named[1]}"
    if tuple(map(float, one.sample_sizes)) != tuple(map(float, other.sample_sizes)):
        how = CHANGED if other.sample_sizes else LEFT_OUT
        yield "sample sizes", how, "", f"{where}: {_sizes(one)} is {_sizes(other)}"
    for part, before, after in (
        ("metadata", one.metadata, other.metadata),
        ("labels", one.annotations, other.annotations),
        ("images", _images(one), _images(other)),
        ("texts", one.texts, other.texts),
        ("values of foci", one.values, other.values),
    ):
        for change in _fields(part, before, after):
            name = change[2]
            as_label = part in ("metadata", "values of foci") and change[1] == LEFT_OUT
            if as_label and name in other.annotations and _is_of_all(before[name], other, name):
                yield part, "kept as labels", name, ""
            else:
                yield change


def _is_of_all(value: Any, other: Contrast, name: str) -> bool:
    """Whether a label has the value, or that of each focus."""
    values = value if isinstance(value, tuple) else (value,)
    return all(same(one, other.annotations[name]) for one in values)


def _fields(
    part: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterable[tuple[str, str, str, str]]:
    if not before:
        return
    after = dict(after.items())
    for name, value in before.items():
        if _is_nothing(value):
            continue
        if name not in after or _is_nothing(after[name]):
            yield part, LEFT_OUT, name, ""
        elif not same(value, after[name]):
            yield part, CHANGED, name, f"{_shown(value)} is {_shown(after[name])}"


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; 2 and 2.0 are, 1 and True and "1" are not."""
    if type(one) is type(other) and isinstance(one, str | int | bool):
        return bool(one == other)
    if type(one) is type(other) is float and one == other != 0:
        return True
    return bool(_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    """Value that compares as its text does: types apart, the sign of zero too."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | str):
        return type(value).__name__, value
    if is_missing(value):
        return None
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return "str", str(value)


def _number(value: float) -> tuple[str, Any]:
    whole = isinstance(value, int) or (math.isfinite(value) and value.is_integer())
    if whole and abs(value) <= _LARGEST_EXACT:
        sign = math.copysign(1, value) if value == 0 else 1
        return "number", (int(value), sign)
    return "number", (repr(value), 1)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, tuple):  # a column of values of foci
        return all(map(is_missing, value))
    return is_missing(value)


def _images(contrast: Contrast) -> dict[str, Any]:
    space = {"space": contrast.images["space"]} if "space" in contrast.images else {}
    return {**image_paths(contrast.images), **space}


def _floats(xyz: Any) -> Any:
    return np.ascontiguousarray(xyz, dtype=float)


def _moved(one: Contrast, other: Contrast) -> str:
    if one.xyz.shape != other.xyz.shape:
        return f"{one.id:.60}: {len(one.xyz)} are {len(other.xyz)}"
    row = int(np.flatnonzero((one.xyz != other.xyz).any(axis=1))[0]) if len(one.xyz) else 0
    return f"{one.id:.60}: {_point(one.xyz[row])} is {_point(other.xyz[row])}"


def _point(point: Any) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in point) + ")"


def _sizes(contrast: Contrast) -> str:
    return " and ".join(f"{size:g}" for size in contrast.sample_sizes) or "nothing"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"
