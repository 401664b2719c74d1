"""Analyses that name others of their file: what is wrong with the names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nimare_pipeline.model.lines import Way
from nimare_pipeline.select_syntax import nearest

Wrong = tuple[Way, str, str, str]
"""Way to the value, analysis, message and hint."""


def unknown_parts(entries: Sequence[Mapping[str, Any]]) -> Iterator[Wrong]:
    """Complain of analyses that others name and that are not there."""
    names = [str(entry["name"]) for entry in entries if isinstance(entry.get("name"), str)]
    for number, entry in enumerate(entries):
        of = entry.get("of", [])
        for name in [of] if isinstance(of, str) else of:
            own = name == entry.get("name")
            if name not in names or own:
                message = f"of: {'it names itself' if own else f'no analysis {name!r}'}"
                near = nearest(name, names).removeprefix("; ")
                hint = hints("" if own else near, f"there are: {', '.join(names)}")
                yield ("analysis", number, "of"), f'analysis "{entry.get("name")}"', message, hint


def circles(entries: Sequence[Mapping[str, Any]]) -> Iterator[Wrong]:
    """Complain of conjunctions that combine each other, and of parts without maps."""
    named = [(n, entry) for n, entry in enumerate(entries) if isinstance(entry.get("name"), str)]
    of = {
        entry["name"]: entry["of"]
        for _, entry in named
        if entry["type"] == "conjunction" and isinstance(entry.get("of"), list)
    }
    types = {entry["name"]: entry["type"] for _, entry in named}
    for number, entry in named:
        name = entry["name"]
        place, where = ("analysis", number, "of"), f'analysis "{name}"'
        parts = of.get(name, [])
        for part in dict.fromkeys(parts):
            if types.get(part) == "decode":
                yield place, where, f"of: {part!r} is of type decode, which has no map", ""
            if parts.count(part) > 1:
                yield place, where, f"of: {part!r} stands twice", ""
        if name in _reached(parts, of) and name not in parts:
            yield place, where, "of: it combines itself, through others", ""


def hints(*parts: str) -> str:
    """Join hints, of which some may be empty."""
    return " ".join(part for part in parts if part)


def _reached(parts: Iterable[str], of: Mapping[str, Sequence[str]]) -> set[str]:
    """Whatever parts combine, and their parts, and so on."""
    reached: set[str] = set()
    left = list(parts)
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += of.get(name, ())
    return reached
