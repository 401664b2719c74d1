"""Sub-modules on first use (PEP 562), so that importing a package costs nothing."""

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, path: Iterable[str], names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` for a package.

    Every sub-module found beside ``__init__.py`` becomes an attribute, so there is no list to
    keep up to date.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    path : iterable of str
        ``__path__`` of the package.
    names : dict of str to str, optional
        Objects to offer at package level: name to the module that defines it.

    Returns
    -------
    getattr, dir : callables
        To be assigned to ``__getattr__`` and ``__dir__``.
    """
    path = list(path)
    objects = dict(names or {})

    def get(name: str) -> Any:
        if name in objects:
            return getattr(import_module(objects[name]), name)
        if not name.startswith("_") and name in _modules(path):
            return import_module(f"{package}.{name}")
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def listed() -> list[str]:
        return sorted({*objects, *_modules(path)})

    return get, listed


def _modules(path: list[str]) -> set[str]:
    return {module.name for module in pkgutil.iter_modules(path) if module.name[0] != "_"}
