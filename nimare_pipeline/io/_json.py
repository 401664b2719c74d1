"""JSON files, with the place of what is wrong in them."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nimare_pipeline.errors import DataError, NoInputError, Problem


class Repeated(dict[str, Any]):
    """JSON object in which a key stands more than once; ``keys_repeated`` names them."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        self.keys_repeated = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]


def load(path: Path) -> Any:
    """Parsed file; objects with a repeated key come as :class:`Repeated`.

    Raises
    ------
    NoInputError
        If there is no such file.
    DataError
        If it is not text, or not complete JSON, with line and column.
    """
    try:
        body = path.read_bytes()
    except FileNotFoundError as error:
        msg = f"no such file: {path}"
        raise NoInputError(msg) from error
    return parse(body, str(path))


def parse(body: bytes, name: str) -> Any:
    """Parsed content of a file, see :func:`load`.

    Raises
    ------
    DataError
        If it is not text, or not complete JSON, with line and column.
    """
    try:
        text = body.decode(json.detect_encoding(body))
        return json.loads(text, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        problem = Problem("error", f"not text: {error}", name, suggestion="JSON in UTF-8")
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        problem = Problem("error", f"not JSON: {error.msg}", name, where, "is the file complete?")
    except RecursionError:
        problem = Problem("error", "JSON nested too deeply to be a dataset", name)
    except ValueError as error:  # a number of thousands of digits
        problem = Problem("error", f"not JSON of a dataset: {error}", name)
    msg = "a file cannot be read"
    raise DataError(msg, [problem])


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
