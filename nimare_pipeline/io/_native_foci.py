"""Foci of the table layout, a row each: in one table for all contrasts, or in one of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nimare_pipeline import spaces
from nimare_pipeline.contrast import UNKNOWN_SPACE, counted, listed, quoted
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io._native_columns import AXES, GROUP_SIZE, SIZE, SPACE
from nimare_pipeline.io._native_tables import CONTRAST, STUDY, Key, Table
from nimare_pipeline.unknown_spaces import ADVICE, NOT_GIVEN, AssumedSpace

SYSTEM, UNITS = "CoordinateSystem", "CoordinateUnits"
ASSUMED = AssumedSpace("MNI")
"""Space of foci of which nothing is said."""
_MILLIMETRES = ("mm", "millimeter", "millimeters", "millimetre", "millimetres")


@dataclass
class Foci:
    """Foci of one contrast, and where they stand."""

    file: str = ""
    lines: list[int] = field(default_factory=list)
    xyz: list[tuple[float, float, float]] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)


def read_foci(
    table: Table, keys: Sequence[Key | None], space_of: Callable[[Key], str], general: str
) -> dict[Key, Foci]:
    """Foci of a table by contrast.

    Parameters
    ----------
    table : Table
    keys : sequence of (study, contrast) or None
        Whose each row is.
    space_of : callable
        Space that the table of contrasts gives for one; ``""`` if none.
    general : str
        Space that ``coordinates.json`` gives for all.
    """
    _check_units(table)
    xyz = list(zip(*(table.numbers(axis) for axis in AXES), strict=True))
    names = [name for name in table.columns if not _is_core(name)]
    columns = {table.true_name(name): table.values(name) for name in names}
    own = table.columns.get(SPACE, ("",) * len(keys))
    default = system_of(table.sidecar) or general
    found: dict[Key, Foci] = {}
    said: list[str] = []
    for row, (key, point) in enumerate(zip(keys, xyz, strict=True)):
        if key is None or None in point:
            said.append(ASSUMED)
            continue
        cell = "" if own[row] in cells.MISSING_CELLS else own[row]
        space = cell or space_of(key) or default
        said.append(space)
        foci = found.setdefault(key, Foci(table.file, values={name: [] for name in columns}))
        foci.lines.append(table.lines[row])
        foci.xyz.append(point)
        foci.spaces.append(space)
        for name, values in columns.items():
            foci.values[name].append(values[row])
    if not any(said):
        for foci in found.values():
            foci.spaces = [ASSUMED] * len(foci.spaces)
    _check_spaces(table, said)
    check_repeats(table, keys, xyz)
    return found


def system_of(sidecar: Mapping[str, Any]) -> str:
    """Space that a sidecar names; ``""`` if none."""
    found = sidecar.get(SYSTEM)
    return found if isinstance(found, str) else ""


def _is_core(name: str) -> bool:
    return name in (STUDY, CONTRAST, *AXES, SPACE, SIZE) or bool(GROUP_SIZE.fullmatch(name))


def _check_units(table: Table) -> None:
    units = table.sidecar.get(UNITS, "mm")
    if str(units).lower() not in _MILLIMETRES:
        table.error(-1, f"{UNITS} is {quoted(units, 40)}", "coordinates in mm")


def _check_spaces(table: Table, said: Sequence[str]) -> None:
    """Note foci whose space is unknown or not given; one problem a space."""
    rows: dict[str, list[int]] = {}
    for row, space in enumerate(said):
        if spaces.recognise(space) is None:
            rows.setdefault(space, []).append(row)
    for space, found in rows.items():
        many = counted(len(found), "focus", "foci")
        if space:
            message = f"unknown space {space!r} of {many}"
            table.error(found[0], message, ADVICE, kind=UNKNOWN_SPACE)
        elif len(found) == len(said):
            how = f"say so in a column {SPACE!r}, or as {SYSTEM} in coordinates.json"
            table.warn(-1, f"{NOT_GIVEN}; {ASSUMED} is assumed", how)
        else:
            message = f"no space is given for {many}, but for the others"
            advice = f"fill in the column {SPACE!r}; {ADVICE}"
            table.error(found[0], message, advice, kind=UNKNOWN_SPACE)


def check_repeats(
    table: Table, keys: Sequence[Key | None], xyz: Sequence[tuple[float | None, ...]]
) -> None:
    """Note foci that stand twice in their contrast; one note for all."""
    seen: dict[tuple[Any, ...], int] = {}
    again = []
    for row, one in enumerate(zip(keys, xyz, strict=True)):
        if seen.setdefault(one, row) != row and None not in one[1]:
            again.append((row, seen[one]))
    if not again:
        return
    row, first = again[0]
    message = f"the focus of line {table.lines[first]} stands again"
    if len(again) > 1:
        lines = listed([table.lines[row] for row, _ in again], 5)
        message = f"{len(again):,} foci stand again in the same contrast (lines {lines})"
    table.remark(row, message, "all of them are used; remove what is a slip", "focus-twice")
