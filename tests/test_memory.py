"""Freed memory goes back to the system."""

import gc
import weakref
from pathlib import Path

import pytest

from nimare_pipeline.memory import give_back, given_back

PAGES = 4096


def resident_kb() -> int:
    """Anonymous memory of this process that is in use."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1])


def test_what_is_freed_between_what_lives_is_given_back() -> None:
    """Pieces too small to be mapped by themselves, the last of which stays."""
    give_back()
    pieces = [bytearray(PAGES) for _ in range(20_000)]
    del pieces[:-1]
    before = resident_kb()
    give_back()
    assert before - resident_kb() > 60_000


class Circle:
    """An object that holds itself, so that only a search for garbage ends it."""

    def __init__(self) -> None:
        self.itself = self


def test_step_gives_back_what_it_made() -> None:
    """Circles made in the step are gone after it, and all other objects are looked at again."""
    frozen = gc.get_freeze_count()
    with given_back():
        made = weakref.ref(Circle())
        assert made() is not None
    assert made() is None
    assert gc.get_freeze_count() == frozen


def test_step_that_fails_gives_back() -> None:
    """The search for garbage goes on as before after an error, too."""
    frozen = gc.get_freeze_count()
    with pytest.raises(KeyboardInterrupt):
        with given_back():
            raise KeyboardInterrupt
    assert gc.get_freeze_count() == frozen


def test_step_looks_at_what_is_its_own_only() -> None:
    """What was there before is not searched: of a run those are all the libraries."""
    with given_back():
        searched = len(gc.get_objects())
    assert searched < 1000 < len(gc.get_objects())
