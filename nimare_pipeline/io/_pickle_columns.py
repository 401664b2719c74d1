"""Columns of pandas 0.25 to 3, built from the records of a pickle and not by pandas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.io._pickle_records import Name, Record, RefusedError
from nimare_pipeline.io._pickle_values import Values, fields, raw_bytes

_OFFSETS = {"string": "<i4", "utf8": "<i4", "large_string": "<i8", "large_utf8": "<i8"}


def array(record: Any, values: Values) -> NDArray[Any]:
    """Column, columns or labels: an array of numpy, or one of pandas' own.

    Raises
    ------
    RefusedError
        If it is damaged, or of a kind that is not read.
    """
    if not (isinstance(record, Record) and record.of.module.startswith("pandas")):
        return values.array(record)
    state = record.state
    match record.of.name:
        case "__pyx_unpickle_NDArrayBacked":
            found = _backed(record, values)
        case "_new_Index":
            found = array(index_data(record), values)
        case "ArrowStringArray" | "ArrowStringArrayNumpySemantics":
            found = np.fromiter(_arrow(fields(state), values), dtype=object)
        case "IntegerArray" | "FloatingArray" | "BooleanArray":
            found = _masked(fields(state), values)
        case "Categorical":
            found = _categorical(fields(state).get("_dtype"), fields(state).get("_codes"), values)
        case "StringArray" | "PandasArray" | "NumpyExtensionArray":
            found = values.array(fields(state).get("_ndarray"))
        case _:
            raise RefusedError(f"a column is a {record.of}, which is not read")
    return found


def index_data(record: Any) -> Any:
    """Labels of an index, still a record."""
    match record:
        case Record(of=Name(name="_new_Index"), args=(Name(name=name), parts)) if (
            name != "RangeIndex"
        ):
            return fields(parts).get("data")
    raise RefusedError("the labels of an index are of a kind that is not read")


def _backed(record: Record, values: Values) -> NDArray[Any]:
    match record:
        case Record(args=(Name(name=name), *_), state=(Record() as dtype, Record() as body, *_)):
            # Which of the two comes first is not the same in every version.
            if body.of.name.endswith("Dtype"):
                dtype, body = body, dtype
        case _:
            raise RefusedError("it is damaged: a column without its cells")
    return _categorical(dtype, body, values) if name == "Categorical" else values.array(body)


def _categorical(dtype: Any, codes: Any, values: Values) -> NDArray[Any]:
    match dtype:
        case Record(of=Name(name="CategoricalDtype"), state=state):
            names = array(index_data(fields(state).get("categories")), values)
        case _:
            raise RefusedError("it is damaged: a column without its categories")
    numbers = values.array(codes)
    if names.ndim != 1 or numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise RefusedError("it is damaged: a column without its categories")
    if len(numbers) and not -1 <= int(numbers.min()) <= int(numbers.max()) < len(names):
        raise RefusedError("it is damaged: a column without its categories")
    return np.fromiter([*names.tolist(), None], dtype=object)[numbers.astype(np.int64)]


def _masked(state: dict[str, Any], values: Values) -> NDArray[Any]:
    body, missing = values.array(state.get("_data")), values.array(state.get("_mask"))
    if body.shape != missing.shape or body.ndim != 1 or missing.dtype.kind != "b":
        raise RefusedError("it is damaged: a column without its gaps")
    cells = body.astype(object)
    cells[missing] = None
    return cells


def _arrow(state: dict[str, Any], values: Values) -> list[str | None]:
    """Texts of an array of Arrow: all in one, with the place where each ends."""
    texts: list[str | None] = []
    for chunk in _chunks(state.get("_pa_array", state.get("_data"))):
        match chunk:
            case Record(
                of=Name(name="_restore_array"),
                args=((kind, int() as n, _, int() as offset, list() as buffers, *_),),
            ) if len(buffers) == 3:
                texts += _arrow_texts(kind, n, offset, buffers, values)
            case _:
                raise RefusedError("a column of Arrow is of a kind that is not read")
    return texts


def _chunks(record: Any) -> list[Any]:
    match record:
        case Record(of=Name(name="chunked_array"), args=(list() as chunks, *_)):
            return chunks
    return [record]


def _arrow_texts(
    kind: Any, n: int, offset: int, buffers: list[Any], values: Values
) -> list[str | None]:
    match kind:
        case Record(of=Name(name="type_for_alias"), args=(str() as name,)) if name in _OFFSETS:
            width = np.dtype(_OFFSETS[name])
        case _:
            raise RefusedError("a column of Arrow is of a kind that is not read")
    valid, ends, body = (None if one is None else _buffer(one) for one in buffers)
    body = body or b""
    if (
        n < 0
        or offset < 0
        or ends is None
        or len(ends) < (offset + n + 1) * width.itemsize * (n > 0)
    ):
        raise RefusedError("it is damaged: a column of the wrong size")
    if not n:
        return []
    values.spend(n)
    bounds = np.frombuffer(ends, width)[offset : offset + n + 1]
    if (np.diff(bounds) < 0).any() or bounds[0] < 0 or bounds[-1] > len(body):
        raise RefusedError("it is damaged: a column of the wrong size")
    if valid is not None and 8 * len(valid) < offset + n:
        raise RefusedError("it is damaged: a column without its gaps")
    there = (
        np.ones(n, dtype=bool)
        if valid is None
        else np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[offset : offset + n]
    )
    places = bounds.tolist()
    return [
        str(body[start:end], "utf-8", "replace") if is_there else None
        for start, end, is_there in zip(places, places[1:], there, strict=False)
    ]


def _buffer(record: Any) -> bytes | memoryview:
    match record:
        case Record(of=Name(name="py_buffer"), args=(inner,)):
            return raw_bytes(inner)
    raise RefusedError("it is damaged: a column of Arrow without its bytes")
