"""Plain values and numpy arrays, built from the records of a pickle."""

import math
import re
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.io._pickle_records import Name, Pairs, Record, RefusedError, shown

MOST_CELLS = 400_000_000
"""Cells of all arrays; NeuroQuery's annotations have 100 million."""
MOST_OBJECT_CELLS = 100_000_000
"""Those that are Python objects."""
_DEEPEST = 40
_MOST_DIMENSIONS = 4
_LONGEST_TEXT = 100_000
_PLAIN = (str, float, int, bool, type(None))
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[US]\d{1,6}|O8?")
_MISSING = ("NA", "NaT")


class Values:
    """Builds values, and counts them: a small pickle can point to one thing many times.

    Parameters
    ----------
    n_bytes : int
        Of the pickle. What is built is at most of this size, but for a small factor.
    """

    def __init__(self, n_bytes: int) -> None:
        self._left = min(8 * n_bytes + 100_000, MOST_CELLS)
        self._objects_left = min(8 * n_bytes + 100_000, MOST_OBJECT_CELLS)

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Text, number, truth value, None, or a list or mapping of these."""
        if type(value) in _PLAIN:
            return value
        self.spend(1, objects=True)
        if depth > _DEEPEST:
            raise RefusedError("a value is nested too deeply, or contains itself")
        if isinstance(value, Pairs):
            return {key: self.plain(one, depth + 1) for key, one in fields(value).items()}
        if isinstance(value, list | tuple):
            self.spend(len(value), objects=True)
            return [self.plain(one, depth + 1) for one in value]
        if isinstance(value, Name) and value.name in _MISSING:
            return None
        if isinstance(value, Record):
            return self._plain_of(value, depth)
        raise RefusedError(f"a cell holds a {shown(type(value).__name__)}, which is not read")

    def _plain_of(self, record: Record, depth: int) -> Any:
        match record:
            case Record(of=Name(name="scalar"), args=(Record() as kind, bytes() as body)):
                dtype = _dtype(kind)
                if dtype.kind == "O" or len(body) != dtype.itemsize or not body:
                    raise RefusedError("it is damaged: a number of the wrong size")
                return np.frombuffer(body, dtype, count=1)[0].item()
            case Record(of=Name(name="_reconstruct" | "_frombuffer")):
                return self.array(record, depth + 1).tolist()
            case Record(of=Name(name="OrderedDict"), items=items):
                return self.plain(Pairs(items), depth + 1)
            case Record(of=Name(name="set" | "frozenset"), args=args, items=items):
                return self.plain([*(args[0] if args else ()), *items], depth + 1)
            case Record(of=Name(module="pathlib" | "pathlib._local"), args=parts) if all(
                isinstance(part, str) for part in parts
            ):
                return str(PurePosixPath(*parts))
        raise RefusedError(f"a cell holds a {record.of}, which is not read")

    def array(self, record: Any, depth: int = 0) -> NDArray[Any]:
        """Array of numbers, texts or plain values."""
        match record:
            case Record(
                of=Name(name="_reconstruct"),
                args=(Name(module="numpy", name="ndarray" | "memmap"), *_),
                state=(*_, tuple() as shape, Record() as kind, in_columns, raw),
            ):
                pass
            case Record(
                of=Name(name="_frombuffer"),
                args=(raw, Record() as kind, tuple() as shape, order),
            ):
                in_columns = order == "F"
            case _:
                what = record.of if isinstance(record, Record) else type(record).__name__
                raise RefusedError(f"an array was expected, not {what}")
        dtype, n = _dtype(kind), _size(shape)
        self.spend(n, objects=dtype.kind in "OUS")
        if dtype.kind == "O":
            # Objects are listed row by row, however the array lay in memory.
            return self._objects(raw, n, depth).reshape(shape)
        return _numbers(raw, dtype, n).reshape(shape, order="F" if in_columns else "C")

    def _objects(self, raw: Any, n: int, depth: int) -> NDArray[Any]:
        if not isinstance(raw, list) or isinstance(raw, Pairs) or len(raw) != n:
            raise RefusedError("it is damaged: an array of the wrong size")
        if any(type(value) not in _PLAIN for value in raw):
            raw = [self.plain(value, depth + 1) for value in raw]
        return np.fromiter(raw, dtype=object, count=n)

    def spend(self, n: int, *, objects: bool = True) -> None:
        self._left -= n
        self._objects_left -= n if objects else 0
        if self._left < 0 or self._objects_left < 0:
            raise RefusedError("its tables are larger than any dataset of its size")


def fields(pairs: Any) -> dict[str, Any]:
    """A mapping whose keys are texts."""
    if not isinstance(pairs, Pairs):
        raise RefusedError("a mapping was expected")
    found: dict[str, Any] = {}
    for key, value in pairs:
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise RefusedError("the key of a mapping is no text")
        found[str(key)] = value
    return found


def raw_bytes(value: Any) -> bytes | memoryview:
    """Bytes, as any version writes them."""
    match value:
        case bytes() | memoryview():
            return value
        case Record(of=Name(name="bytes" | "bytearray"), args=()):
            return b""
        case Record(of=Name(name="bytes" | "bytearray"), args=(inner, *_)):
            value = inner
    match value:
        case bytes() | memoryview():
            return value
        case Record(of=Name(name="encode"), args=(str() as text, *_)):
            value = text
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise RefusedError("it is damaged: text where bytes were expected") from error
    raise RefusedError("it is damaged: no bytes where bytes were expected")


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _size(shape: tuple[Any, ...]) -> int:
    if len(shape) > _MOST_DIMENSIONS:
        raise RefusedError(f"an array has {len(shape)} dimensions")
    if not all(type(n) is int and 0 <= n <= MOST_CELLS for n in shape):
        raise RefusedError("it is damaged: an array of no size")
    return math.prod(shape)


def _dtype(record: Record) -> np.dtype[Any]:
    match record:
        case Record(of=Name(module="numpy", name="dtype"), args=(str() as code, *_), state=state):
            pass
        case _:
            raise RefusedError("the type of an array was expected")
    if not _DTYPE.fullmatch(code):
        raise RefusedError(f"an array is of type {shown(code)!r}, which is not read")
    if code[0] in "US" and int(code[1:]) > _LONGEST_TEXT:
        raise RefusedError("the texts of an array are too long")
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
    plain = np.dtype("O" if code[0] == "O" else code)
    return plain.newbyteorder(">") if order == ">" else plain


def _numbers(raw: Any, dtype: np.dtype[Any], n: int) -> NDArray[Any]:
    body = raw_bytes(raw)
    if len(body) != n * dtype.itemsize:
        raise RefusedError("it is damaged: an array of the wrong size")
    if not dtype.itemsize:
        return np.full(n, "", dtype=object)
    found = np.frombuffer(body, dtype)
    if dtype.kind == "b":
        return np.frombuffer(body, np.uint8) != 0
    if dtype.kind == "S":
        return np.char.decode(found, "latin-1").astype(object)
    return (
        found.astype(object)
        if dtype.kind == "U"
        else found.astype(dtype.newbyteorder("="), copy=False)
    )
