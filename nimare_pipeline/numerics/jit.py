"""How the hot loops are compiled."""

from collections.abc import Callable
from typing import Any, cast

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call: no GIL held, no fastmath, cached on disk where there is a place.

    Numba refuses to *decorate* with a cache when neither the package folder nor its own cache
    folder can be written (read-only containers, no home); then the code is compiled in memory.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled_function = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        compiled_function = numba.njit(**options)(function)
    return cast("Callable[..., Any]", compiled_function)
