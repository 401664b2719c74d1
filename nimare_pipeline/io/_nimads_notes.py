"""Annotations of a studyset: which note belongs to which analysis, and what its columns are."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nimare_pipeline.contrast import counted, is_missing, is_number, listed, quoted
from nimare_pipeline.errors import Problem
from nimare_pipeline.io._nimads_documents import ident

_BOOLEAN = {"true": True, "false": False, "1": True, "0": False}
_KINDS = {"boolean": "boolean", "bool": "boolean", "number": "number", "string": "string"}


def columns_of(annotations: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Columns of annotations and their types: ``boolean``, ``number`` or ``string``.

    A type that the annotation does not name is that of its values.
    """
    found: dict[str, str] = {}
    for annotation in annotations:
        keys = annotation.get("note_keys")
        named = keys if isinstance(keys, Mapping) else {}
        names = [*named, *(keys if isinstance(keys, list) else ())]
        cells: dict[str, list[Any]] = {str(name): [] for name in names}
        for entry in annotation["notes"]:
            note = entry.get("note") if isinstance(entry, Mapping) else None
            if isinstance(note, Mapping):
                for name, value in note.items():
                    cells.setdefault(str(name), []).append(value)
        for name, values in cells.items():
            said = named.get(name)
            said = said.get("type") if isinstance(said, Mapping) else said
            found.setdefault(name, _KINDS.get(str(said).lower()) or _kind(values))
    return found


def is_true(value: Any) -> bool:
    """Whether a cell of a column of true and false is true, whatever it is written as."""
    if isinstance(value, str):
        return _BOOLEAN.get(value.strip().lower(), False)
    return bool(value) and not is_missing(value)


class Notes:
    """Notes of several annotations by study and analysis.

    Parameters
    ----------
    annotations : sequence of dict
        Of what two say of one cell, the first counts.
    """

    def __init__(self, annotations: Sequence[Mapping[str, Any]]) -> None:
        self.problems: list[Problem] = []
        self._notes: dict[str, dict[str, dict[str, Any]]] = {}
        self._used: set[tuple[str, str]] = set()
        self._rivals: Counter[str] = Counter()
        self._broken: list[Any] = []
        self._kinds = columns_of(annotations)
        self._odd: Counter[str] = Counter()
        for annotation in annotations:
            for entry in annotation["notes"]:
                self._read(entry)
        self._say()

    def of(self, study_id: str, analysis_id: str, *, alone: bool) -> dict[str, Any]:
        """Note of an analysis; empty if it has none.

        Parameters
        ----------
        study_id, analysis_id : str
        alone : bool
            No other study of the studyset has an analysis of this id: then a note counts that
            names another study, or none.
        """
        for name in (analysis_id, f"{study_id}-{analysis_id}"):
            studies = self._notes.get(name, {})
            key = study_id if study_id in studies else ""
            if alone and key not in studies and len(studies) == 1:
                key = next(iter(studies))
            if key in studies:
                self._used.add((name, key))
                return studies[key]
        return {}

    def unused(self) -> list[Problem]:
        """Warn of notes on analyses that were not asked for."""
        left = sorted(
            name
            for name, studies in self._notes.items()
            for key in studies
            if (name, key) not in self._used
        )
        if not left:
            return []
        many = counted(len(left), "analysis", "analyses")
        message = f"notes on {many} that the studyset lacks: {listed(left, 5)}"
        return [Problem("warning", message, where="annotation")]

    def _read(self, entry: Any) -> None:
        analysis = ident(entry.get("analysis")) if isinstance(entry, Mapping) else ""
        note = entry.get("note") if isinstance(entry, Mapping) else None
        if not analysis or not isinstance(note, Mapping | None):
            self._broken.append(entry)
            return
        study = ident(entry.get("study"))
        known = self._notes.setdefault(analysis, {}).setdefault(study, {})
        for name, value in (note or {}).items():
            cell = self._cell(str(name), value)
            if name in known and known[name] != cell and not is_missing(cell):
                if not is_missing(known[name]):
                    self._rivals[str(name)] += 1
                else:
                    known[str(name)] = cell
            known.setdefault(str(name), cell)

    def _cell(self, name: str, value: Any) -> Any:
        """Value of a column of true and false as such, also where a text or number stands."""
        if self._kinds.get(name) != "boolean" or isinstance(value, bool) or is_missing(value):
            return value
        text = str(value).strip().lower()
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        self._odd[name] += 1
        return None

    def _say(self) -> None:
        if self._broken:
            many = counted(len(self._broken), "entry", "entries")
            message = f"{many} not a note of an analysis: {quoted(self._broken[0])}"
            self._add("error", message, "expected {analysis, note}")
        for name, count in self._rivals.items():
            many = counted(count, "analysis", "analyses")
            self._add("warning", f"{many} annotated twice with {name!r}: the first is kept")
        for name, count in self._odd.items():
            many = counted(count, "cell")
            message = f"{many} of {name!r} {'is' if count == 1 else 'are'} no true or false"
            self._add("warning", message, "taken as missing")

    def _add(self, level: Any, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(level, message, where="annotation", suggestion=suggestion))


def _kind(values: Sequence[Any]) -> str:
    present = [value for value in values if not is_missing(value) and value != ""]
    if present and all(isinstance(value, bool) for value in present):
        return "boolean"
    return "number" if present and all(map(is_number, present)) else "string"
