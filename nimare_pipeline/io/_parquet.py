"""Parquet files, within bounds; pyarrow is imported when the first is read."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nimare_pipeline.errors import DataError, Problem

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CELLS = 2 * 10**8
MAX_BYTES = 2**31
"""Largest table that is read: cells, and bytes unpacked. A file says both before it is read."""
_NEEDED = "reading parquet needs pyarrow: pip install 'nimare-pipeline[parquet]'"


def read_table(path: Path) -> "pa.Table":
    """Read a parquet file; texts stay coded, as a short file may repeat a long text often.

    Raises
    ------
    DataError
        If pyarrow is not installed; if the file is damaged or too large.
    """
    try:
        from pyarrow import lib, parquet
    except ImportError as error:
        raise _refused(path, _NEEDED) from error
    damage = (lib.ArrowException, OSError, ValueError, TypeError, LookupError)
    try:
        with parquet.ParquetFile(path) as file:
            said = file.metadata
            texts = _texts(said)
            n_cells = said.num_rows * said.num_columns
            n_bytes = sum(said.row_group(i).total_byte_size for i in range(said.num_row_groups))
    except damage as error:
        raise _refused(path, f"damaged: {error!s:.200}") from error
    if n_cells > MAX_CELLS or n_bytes > MAX_BYTES:
        raise _refused(path, f"{n_cells:,} cells in {n_bytes:,} bytes are too many")
    try:
        return parquet.read_table(path, read_dictionary=texts, partitioning=None)
    except damage as error:
        raise _refused(path, f"damaged: {error!s:.200}") from error


def cells(column: "pa.ChunkedArray") -> list[Any]:
    """Values of a column, None where it has none; a text that is repeated is held once."""
    found: list[Any] = []
    for chunk in column.chunks:
        if hasattr(chunk, "dictionary"):
            texts = chunk.dictionary.to_pylist()
            codes = chunk.indices.to_pylist()
            found += [None if code is None else texts[code] for code in codes]
        else:
            found += chunk.to_pylist()
    return found


def _texts(said: Any) -> list[str]:
    columns = (said.schema.column(i) for i in range(said.num_columns))
    return [
        column.path
        for column in columns
        if column.physical_type == "BYTE_ARRAY" and not column.max_repetition_level
    ]


def _refused(path: Path, message: str) -> DataError:
    return DataError("a file cannot be read", [Problem("error", message, path.name)])
