"""Values of a dataset as JSON text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline.contrast import is_missing


def encoded(value: Any) -> bytes:
    """JSON text, on one line; half a surrogate pair can stand in it only as an escape.

    Raises
    ------
    TypeError
        If a value is neither text, number, truth value, nor a list or mapping of these.
    """
    text = json.dumps(value, ensure_ascii=False, default=plain)
    return text.encode("utf-8", errors="backslashreplace")


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that have a value: what is missing is left out, not written as NaN."""
    return {str(name): value for name, value in fields.items() if not is_missing(value)}


def plain(value: Any) -> Any:
    """Value of numpy or a path as one that JSON has.

    Raises
    ------
    TypeError
        If there is none.
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    msg = f"a JSON file cannot hold a {type(value).__name__}"
    raise TypeError(msg)
