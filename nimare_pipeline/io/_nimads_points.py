"""Points and sample sizes of a NIMADS analysis, in the spellings that files have."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import is_missing, is_number, sample_sizes

_EXTRAS = ("deactivation", "subpeak", "cluster_size", "cluster_measurement_unit")
"""What newer versions say of a point beside its values."""
_TAKEN = {"x", "y", "z", "space", "original_space", "id", "study_id", "contrast_id"}
"""Columns of the table of foci, which a value may not be called."""
_SIZE_NAMES = (
    "samplesizes", "samplesize", "nsubjects", "nparticipants", "numberofsubjects",
    "numberofparticipants", "subjects", "participants", "n",
)  # fmt: skip
"""Names of a sample size, in letters and digits, the usual ones first."""
USUAL_SIZES = _SIZE_NAMES[:2]


@dataclass
class Points:
    """Points of an analysis.

    Parameters
    ----------
    xyz : list of list of float
    spaces : list of str
    values : list of dict
        What else the file says of each.
    wrong : list of (int, object)
        Number of a point, from 1, that has no three numbers, and what it has.
    placeless : int
        Points that say of no place where they are.
    """

    xyz: list[list[float]] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[tuple[int, Any]] = field(default_factory=list)
    placeless: int = 0

    @property
    def array(self) -> NDArray[np.float64]:
        """(n_points, 3) mm."""
        return np.array(self.xyz, dtype=float).reshape(-1, 3)

    @property
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Values by what they are called; None where a point has none."""
        kinds = dict.fromkeys(kind for row in self.values for kind in row)
        return {kind: tuple(row.get(kind) for row in self.values) for kind in kinds}


def read_points(points: Sequence[Any]) -> Points:
    """Read the points of an analysis; what is wrong with them is noted, not raised."""
    found = Points()
    for number, point in enumerate(points, start=1):
        given = point.get("coordinates") if isinstance(point, Mapping) else point
        xyz = _xyz(given)
        if xyz is not None:
            found.xyz.append(xyz)
            found.spaces.append(str(point.get("space") or ""))
            found.values.append(dict(_values(point)))
        elif isinstance(point, Mapping) and _is_nowhere(given):
            found.placeless += 1
        else:
            found.wrong.append((number, given))
    return found


def read_sizes(holder: Mapping[str, Any]) -> tuple[tuple[float, ...], str, str]:
    """Sample sizes that an object names.

    Returns
    -------
    sizes : tuple of float
        Empty if it names none.
    name : str
        What the file calls them; empty if it names none.
    wrong : str
        Name of a field that is no sample size, if there is one.
    """
    plain = {_joined(str(name)): name for name in reversed(list(holder))}
    wrong = ""
    for wanted in _SIZE_NAMES:
        name = plain.get(wanted)
        if name is None:
            continue
        sizes, clean = sample_sizes(_unpacked(holder[name]))
        # What a rare name stands for may be something else: a text, say, on the subjects.
        if not clean and wanted in USUAL_SIZES:
            wrong = wrong or str(name)
        if sizes and (clean or wanted in USUAL_SIZES):
            return sizes, str(name), wrong
    return (), "", wrong


def is_usual(name: str) -> bool:
    """Whether a name is one by which NIMADS files usually call a sample size."""
    return _joined(name) in USUAL_SIZES


def _joined(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _unpacked(value: Any) -> Any:
    """Sample sizes in a text, such as ``"[20, 18]"`` or ``"20; 18"``."""
    if isinstance(value, str):
        parts = [part for part in re.split(r"[,;\s\[\]()]+", value) if part]
        return parts if len(parts) > 1 else (parts[0] if parts else "")
    return value


def _xyz(given: Any) -> list[float] | None:
    if isinstance(given, str):
        given = [part for part in re.split(r"[,;\s\[\]()]+", given) if part]
    if isinstance(given, Mapping) and {"x", "y", "z"} <= set(given):
        given = [given[axis] for axis in "xyz"]
    if not isinstance(given, list | tuple) or len(given) != 3:
        return None
    numbers = [_float(value) for value in given]
    return None if None in numbers else [float(number) for number in numbers if number is not None]


def _float(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value.strip().replace("\u2212", "-"))
        except ValueError:
            return None
    return float(value) if is_number(value) else None


def _is_nowhere(given: Any) -> bool:
    if isinstance(given, Mapping):
        given = [given.get(axis) for axis in "xyz"]
    if isinstance(given, list | tuple):
        return all(is_missing(value) or value == "" for value in given)
    return is_missing(given) or given == ""


def _values(point: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    given = point.get("values")
    if isinstance(given, Mapping):
        given = [{"kind": kind, "value": value} for kind, value in given.items()]
    named = set()
    for one in given if isinstance(given, list) else ():
        kind = one.get("kind") if isinstance(one, Mapping) else None
        if kind and str(kind) not in named:
            named.add(str(kind))
            yield _called(str(kind)), one.get("value")
    for name in _EXTRAS:
        if not is_missing(point.get(name)):
            yield name, point[name]


def _called(kind: str) -> str:
    return f"{kind}_stat" if kind in _TAKEN else kind
