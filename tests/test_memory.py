"""Freed memory goes back to the system."""

from pathlib import Path

from nimare_pipeline.memory import give_back

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
