"""Compiled code is cached where that works, and compiled again where it does not."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = """
from nimare_pipeline.numerics.jit import compiled

@compiled
def double(x):
    return 2 * x
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], ModuleType]:
    """Imports a module with a compiled function anew, as another process would."""
    path = tmp_path / "looped.py"
    path.write_text(SOURCE)

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location("looped", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_what_was_compiled_is_found_again(fresh: Callable[[], ModuleType]) -> None:
    """The second process compiles nothing."""
    assert fresh().double(3) == 6
    again = fresh()
    assert again.double(3) == 6
    assert sum(again.double.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_cache_is_as_good_as_none(fresh, tmp_path, ending) -> None:
    """A file of the cache that was cut off or filled with zeros ends no run."""
    fresh().double(3)
    (damaged,) = tmp_path.glob(f"__pycache__/*.{ending}")
    for content in (damaged.read_bytes()[:20], b"", bytes(100)):
        damaged.write_bytes(content)
        assert fresh().double(3) == 6


def test_cache_that_vanishes_is_as_good_as_none(fresh, tmp_path) -> None:
    """The folder may become unusable after the function was decorated (full or unmounted disk)."""
    module = fresh()
    folder = tmp_path / "__pycache__"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.touch()
    assert module.double(3) == 6
