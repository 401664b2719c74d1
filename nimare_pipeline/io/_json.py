"""JSON files, with the place of what is wrong in them."""

import json
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nimare_pipeline.errors import DataError, NoInputError, Problem

MOST_BYTES = 2**29
"""Of a file: half a gigabyte. The memory that parsing takes is some times this."""
MOST_VALUES = 30_000_000
"""Of a file; each takes some 100 bytes of memory. NeuroQuery as JSON would have 100 million."""
DEEPEST = 64
"""Levels of lists and objects in each other."""
LONGEST_NUMBER = 300
"""Digits of a whole number: no float holds more."""
_LONG_NUMBER = re.compile(f"[0-9]{{{LONGEST_NUMBER},}}")
_SMALLER = "take a part of it, or another format"
_CONTAINERS = (dict, list, tuple, Mapping)
_HALF = re.compile("[\ud800-\udfff]")
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 60, 60, 60


class _TooManyError(Exception):
    """More than a dataset has."""


class Repeated(dict[str, Any]):
    """JSON object in which a key stands more than once; ``keys_repeated`` names them."""

    def __init__(self, pairs: list[tuple[str, Any]], known: Iterable[str] = ()) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        self.keys_repeated = [*known]
        self.keys_repeated += [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]


def load(path: Path) -> Any:
    """Parsed file; objects with a repeated key come as :class:`Repeated`.

    Half of a surrogate pair, which is no character and cannot be written, becomes U+FFFD.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If it is not text, not complete JSON (with line and column), or larger or deeper than any
        dataset.
    """
    if not path.is_file():
        msg = f"no such file: {path}"
        raise NoInputError(msg)
    _refuse_size(path.stat().st_size, str(path))
    try:
        body = path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise NoInputError(msg) from error
    return parse(body, str(path))


def parse(body: bytes, name: str) -> Any:
    """Parsed content of a file, see :func:`load`.

    Raises
    ------
    DataError
        As :func:`load`.
    """
    _refuse_size(len(body), name)
    try:
        return _parsed(body)
    except UnicodeDecodeError as error:
        problem = Problem("error", f"not text: {error}", name, suggestion="JSON in UTF-8")
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        problem = Problem("error", f"not JSON: {error.msg}", name, where, "is the file complete?")
    except RecursionError:
        message = f"JSON nested too deeply to be a dataset: more than {DEEPEST} levels"
        problem = Problem("error", message, name)
    except _TooManyError as error:
        problem = Problem("error", str(error), name, suggestion=_SMALLER)
    msg = "a file cannot be read"
    raise DataError(msg, [problem])


def clean(value: Any) -> Any:
    """Parsed JSON without halves of surrogate pairs; the same object where there are none."""
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    if isinstance(value, Mapping):
        pairs = [(clean(key), clean(one)) for key, one in value.items()]
        plain = _object(pairs)
        if isinstance(value, Repeated):
            plain = Repeated(pairs, [*value.keys_repeated])
        return plain
    return value


def depth(value: Any, most: int, kinds: tuple[type[Any], ...] = _CONTAINERS) -> int:
    """Levels of lists and objects in each other, counted up to ``most`` + 1.

    Whether a number is a ``Mapping`` takes Python long to say: for parsed files ``kinds`` is less.
    """
    level = [value] if isinstance(value, kinds) else []
    for number in range(most + 1):
        if not level:
            return number
        level = [
            inner
            for outer in level
            for inner in (outer if isinstance(outer, list | tuple) else outer.values())
            if isinstance(inner, kinds)
        ]
    return most + 1


def short(value: Any) -> str:
    """A value for a message, however long it is."""
    return f"{_SHORT.repr(value):.60}"


def peek(path: Path) -> Any:
    """Parsed file, or None if it is not JSON."""
    try:
        with path.open("rb") as stream:
            if not re.match(
                rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*[{\[]", stream.read(4096)
            ):
                return None
        return load(path)
    except DataError:
        return None


def is_broken(path: Path, *keys: str) -> bool:
    """Whether a file looks like a JSON object with these keys, but cannot be parsed."""
    with path.open("rb") as stream:
        head = stream.read(65536)
    if not re.match(rb"(\xef\xbb\xbf)?\s*\{", head):
        return False
    return all(f'"{key}"'.encode() in head for key in keys) and peek(path) is None


def repeated(value: Any, place: str = "", depth: int = 5) -> Iterator[tuple[str, str]]:
    """Each key that stands more than once in an object, with the keys that lead there."""
    if isinstance(value, Repeated):
        for key in value.keys_repeated:
            yield key, place
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        if depth and isinstance(item, dict | list):
            yield from repeated(item, f"{place} > {key}" if place else str(key), depth - 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _parsed(body: bytes) -> Any:
    n_values = sum(body.count(mark) for mark in (b",", b"[", b"{"))
    if n_values > MOST_VALUES:
        msg = f"some {n_values:,} values; JSON of up to {MOST_VALUES:,} is read"
        raise _TooManyError(msg)
    text = body.decode(json.detect_encoding(body))
    del body
    exact = _integer if _LONG_NUMBER.search(text) else None
    found = json.loads(text, object_pairs_hook=_object, parse_int=exact)
    if depth(found, DEEPEST, (dict, list)) > DEEPEST:
        raise RecursionError
    return clean(found) if _HALF_ESCAPED.search(text) else found


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        msg = f"a number of {len(text):,} digits; of up to {LONGEST_NUMBER} is read"
        raise _TooManyError(msg)
    return int(text)


def _refuse_size(size: int, name: str) -> None:
    if size > MOST_BYTES:
        message = f"{size:,} bytes; JSON of up to {MOST_BYTES:,} is read"
        msg = "a file cannot be read"
        raise DataError(msg, [Problem("error", message, name, suggestion=_SMALLER)])
