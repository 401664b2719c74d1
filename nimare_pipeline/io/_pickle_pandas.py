"""Tables of pandas 0.25 to 3, built from the records of a pickle and not by pandas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nimare_pipeline.io._pickle_columns import array, index_data
from nimare_pipeline.io._pickle_records import Name, Record, RefusedError
from nimare_pipeline.io._pickle_values import Values, fields, is_missing

_MOST_COLUMNS = 1_000_000
_BLOCK = ("new_block", "_unpickle_block")


@dataclass(frozen=True)
class Frame:
    """Columns of a table.

    Parameters
    ----------
    columns : dict of str to (n_rows,) array
        Numbers, truth values, or objects whose gap is None or NaN.
    n_rows : int
    """

    columns: dict[str, NDArray[Any]]
    n_rows: int


def frame(record: Any, values: Values) -> Frame:
    """Table of a pickled DataFrame; its row index is left out.

    Raises
    ------
    RefusedError
        If it is damaged, or of a kind that is not read.
    """
    match record:
        case Record(of=Name(name="DataFrame"), state=state):
            parts = fields(state)
        case _:
            raise RefusedError("a table was expected")
    axes, blocks = _manager(parts.get("_mgr", parts.get("_data")))
    if len(axes) != 2:
        raise RefusedError("it is damaged: a table without rows or columns")
    names = _names(axes[0], values)
    cells: list[NDArray[Any] | None] = [None] * len(names)
    for body, places in blocks:
        _place(cells, _block(body, values), _places(places, values, len(names)))
    found = [one for one in cells if one is not None]
    lengths = {len(one) for one in found}
    if len(found) != len(names) or len(lengths) > 1:
        raise RefusedError("it is damaged: the columns of a table differ in length")
    if len(set(names)) != len(names):
        raise RefusedError("a table has two columns of one name")
    return Frame(dict(zip(names, found, strict=True)), lengths.pop() if lengths else 0)


def _manager(record: Any) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Axes (columns, rows), and blocks with their places, of any version."""
    match record:
        case Record(
            of=Name(name="BlockManager"),
            args=(tuple() | list() as blocks, list() | tuple() as axes),
        ):
            return list(axes), [_new_block(block) for block in blocks]
        case Record(of=Name(name="BlockManager"), state=(_, _, _, parts)):
            # Up to pandas 1.2; what stands before is for readers older still.
            known = fields(fields(parts).get("0.14.1"))
            if isinstance(known.get("axes"), list) and isinstance(known.get("blocks"), list):
                blocks = [fields(block) for block in known["blocks"]]
                return known["axes"], [(one.get("values"), one.get("mgr_locs")) for one in blocks]
    raise RefusedError("the inside of a table is of a kind that is not read")


def _new_block(record: Any) -> tuple[Any, Any]:
    match record:
        case Record(of=Name(name=name), args=(body, places, *_)) if name in _BLOCK:
            return body, places
    raise RefusedError("a part of a table is of a kind that is not read")


def _block(record: Any, values: Values) -> list[NDArray[Any]]:
    """Columns of a block."""
    found = array(record, values)
    if found.ndim > 2:
        raise RefusedError("it is damaged: a column of two dimensions")
    return [found] if found.ndim < 2 else list(found)


def _place(cells: list[Any], block: list[NDArray[Any]], places: Sequence[int]) -> None:
    if len(places) != len(block):
        raise RefusedError("it is damaged: a column without a place")
    for place, column in zip(places, block, strict=True):
        if not 0 <= place < len(cells) or cells[place] is not None:
            raise RefusedError("it is damaged: a column without a place")
        cells[place] = column


def _places(record: Any, values: Values, n_columns: int) -> list[int]:
    match record:
        case Record(of=Name(name="BlockPlacement"), args=(inner,)):
            record = inner
    match record:
        case Record(of=Name(name="slice"), args=(int() as start, int() as stop, step)):
            # A bool is an int to Python; as a number it does no harm here.
            if isinstance(step, int | None) and step != 0:
                return list(range(*slice(start, stop, step).indices(n_columns)))
        case Record():
            found = values.array(record)
            if found.ndim == 1 and found.dtype.kind in "iu":
                return [int(place) for place in found.tolist()]
    raise RefusedError("it is damaged: columns without a place")


def _names(record: Any, values: Values) -> list[str]:
    """Labels of an index of columns."""
    match record:
        case Record(of=Name(name="_new_Index"), args=(Name(name="RangeIndex"), parts)):
            known = fields(parts)
            bounds = (known.get("start"), known.get("stop"), known.get("step"))
            if all(type(one) is int for one in bounds) and bounds[2]:
                numbers = range(*bounds)  # type: ignore[arg-type]
                if len(numbers) <= _MOST_COLUMNS:
                    return [str(number) for number in numbers]
        case Record(of=Name(name="_new_Index")):
            labels = array(index_data(record), values)
            if labels.ndim == 1 and len(labels) <= _MOST_COLUMNS:
                return [str(label) if not is_missing(label) else "" for label in labels.tolist()]
    raise RefusedError("the names of a table's columns are of a kind that is not read")
