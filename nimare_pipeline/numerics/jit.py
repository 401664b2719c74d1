"""How the hot loops are compiled."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call: no GIL held, no fastmath, cached on disk where there is a place.

    Numba refuses to *decorate* with a cache when neither the package folder nor its own cache
    folder can be written (read-only containers, no home); then the code is compiled in memory.
    So it is when a cache is damaged, or cannot be added to any more (full disk).
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled_function = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        compiled_function = numba.njit(**options)(function)
    else:
        _never_fail(compiled_function._cache)  # noqa: SLF001 - there is no other way to it
    return cast("Callable[..., Any]", compiled_function)


def _never_fail(cache: Any) -> None:
    """Let a cache that cannot be read or written be as good as none."""
    load, save = cache.load_overload, cache.save_overload

    def load_if_possible(sig: Any, target_context: Any) -> Any:
        # Whatever a damaged pickle raises. The code is compiled instead, and stored anew.
        with suppress(Exception):
            return load(sig, target_context)
        return None

    def save_if_possible(sig: Any, data: Any) -> None:
        with suppress(Exception):
            save(sig, data)

    cache.load_overload, cache.save_overload = load_if_possible, save_if_possible
