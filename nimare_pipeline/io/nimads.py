"""NIMADS JSON: a studyset (studies > analyses > points), and annotations of its analyses.

An analysis is a contrast. Where files give several sample sizes, the first of these counts:
annotation ``sample_size``, ``sample_sizes``; analysis ``sample_sizes``, ``sample_size``; the same
of the study. Duplicate ids are kept apart with a suffix and a warning.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline.contrast import (
    Contrast,
    counted,
    is_missing,
    is_number,
    listed,
    sample_sizes,
)
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _json

NAME = "NIMADS studyset"

_STUDYSET = "a studyset (an object with a list 'studies')"
_ANNOTATION = "an annotation (an object with a list 'notes')"
_GENERIC_STEMS = ("nimads_studyset", "studyset")
_LONGEST_NAME = 64
"""Longer names are titles of papers; the name of an analysis stands in every file name."""
_ID = re.compile(r"(?=.*\d)(?:[A-Za-z0-9]{12}|[0-9a-f-]{36})")
_SIZE_FIELDS = ("sample_sizes", "sample_size")
_STUDY_FIELDS = ("authors", "publication", "year", "doi", "pmid")
_IMAGE_TYPES = {
    "t map": "t",
    "z map": "z",
    "p map": "p",
    "f map": "f",
    "univariate-beta map": "beta",
    "variance": "varcope",
}


def sniff(path: Path) -> bool:
    """Whether a file is a studyset or an annotation, complete or broken."""
    found = _unwrapped(_json.peek(path))
    if found is not None:
        return _is_studyset(found) or _is_annotation(found)
    return any(
        _json.is_broken(path, *keys) for keys in (("studies", "analyses"), ("notes", "note"))
    )


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Studysets, the first with the annotations that stand beside it.

    Raises
    ------
    DataError
        If there are annotations but no studyset.
    """
    kinds = {path: _is_annotation(_unwrapped(_json.peek(path))) for path in paths}
    annotations = tuple(path for path, is_annotation in kinds.items() if is_annotation)
    studysets = [path for path, is_annotation in kinds.items() if not is_annotation]
    if not studysets:
        msg = f"annotations without the studyset they belong to: {listed(annotations)}"
        raise DataError(msg)
    return [(studysets[0], *annotations), *((path,) for path in studysets[1:])]


def own_name(path: Path) -> str | None:
    """Name of a studyset whose file name says nothing; empty if it has none, None if it does.

    Ids, long titles and the defaults of Neurosynth-Compose are no names.
    """
    if path.stem.lower() not in _GENERIC_STEMS:
        return None
    studyset = _unwrapped(_json.peek(path))
    name = studyset.get("name") if isinstance(studyset, Mapping) else None
    if not isinstance(name, str) or name == studyset.get("id") or _ID.fullmatch(name.strip()):
        return ""
    name = name.strip().removeprefix("Studyset for ").strip()
    is_name = len(name) <= _LONGEST_NAME and re.search("[a-zA-Z0-9]", name)
    return name if is_name and name.lower() != "untitled" else ""


def read(path: Path, *annotations: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a studyset, in file order, and what is wrong in it.

    Parameters
    ----------
    path : Path
        Studyset.
    *annotations : Path
        Annotations of its analyses.

    Raises
    ------
    NoInputError, DataError
        If a file is missing, is not JSON, or is something else.
    """
    studyset = _expected(_json.load(path), _is_studyset, _STUDYSET, path)
    notes = [
        _expected(_json.load(note), _is_annotation, _ANNOTATION, note) for note in annotations
    ]
    return parse(studyset, *notes, file=path.name)


def parse(
    studyset: Mapping[str, Any], *annotations: Mapping[str, Any], file: str = ""
) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a parsed studyset.

    Raises
    ------
    DataError
        If one of them is something else.
    """
    studyset = _expected(studyset, _is_studyset, _STUDYSET, "this")
    for annotation in annotations:
        _expected(annotation, _is_annotation, _ANNOTATION, "this")
    reader = _Reader(file)
    reader.find_shared(studyset["studies"])
    embedded = [note for note in _list(studyset, "annotations") if _is_annotation(note)]
    reader.read_notes([*map(_unwrapped, annotations), *embedded])
    found = [
        (number, contrast)
        for number, study in enumerate(studyset["studies"], start=1)
        for contrast in reader.study(number, study)
    ]
    reader.check_notes_used()
    reader.check_repeats(found)
    return [contrast for _, contrast in found], reader.problems


@dataclass
class _Reader:
    """Collects the problems of one studyset."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, level: Any, where: str, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(level, message, self.file, where, suggestion))

    def find_shared(self, studies: Iterable[Any]) -> None:
        """Find ids that analyses of several studies have: their notes go by the study, too."""
        owners: dict[str, str] = {}
        for number, study in enumerate(studies, start=1):
            for k, analysis in enumerate(_list(_as_mapping(study), "analyses"), start=1):
                study_id = str(_as_mapping(study).get("id") or f"study_{number}")
                name = str(_as_mapping(analysis).get("id") or k)
                if owners.setdefault(name, study_id) != study_id:
                    self.shared.add(name)

    def note_key(self, study: Any, analysis: Any) -> str:
        """What a note is found by: its analysis, and the study where that is not enough."""
        name = str(analysis)
        return f"{study}-{name}" if study and name in self.shared else name

    def read_notes(self, annotations: Iterable[Mapping[str, Any]]) -> None:
        for annotation in annotations:
            for entry in annotation["notes"]:
                if not isinstance(entry, Mapping) or not isinstance(entry.get("note"), Mapping):
                    self.add("error", "annotation", f"not a note of an analysis: {entry!r:.60}")
                    continue
                known = self.notes.setdefault(
                    self.note_key(entry.get("study"), entry.get("analysis")), {}
                )
                for key, value in entry["note"].items():
                    if key in known and known[key] != value:
                        self.add(
                            "warning",
                            f"analysis {entry.get('analysis')}",
                            f"annotated twice with {key!r}: {known[key]!r} is kept",
                        )
                    known.setdefault(str(key), value)

    def check_notes_used(self) -> None:
        left = sorted(set(self.notes) - self.used)
        if left:
            many = counted(len(left), "analysis", "analyses")
            message = f"notes on {many} that the studyset lacks: {listed(left, 5)}"
            self.add("warning", "annotation", message)

    def check_repeats(self, found: Iterable[tuple[int, Contrast]]) -> None:
        """Warn of results that stand twice: in two entries of a study, or under one id.

        Two analyses of one entry with ids of their own may well have found the same foci.
        """
        first: dict[tuple[Any, ...], tuple[int, Contrast]] = {}
        again: dict[str, list[str]] = {}
        for number, contrast in found:
            foci = tuple(sorted(map(tuple, contrast.xyz.tolist())))
            entry, earlier = first.setdefault((contrast.study_id, foci), (number, contrast))
            repeated = entry != number or contrast.id in self.renamed
            if foci and earlier is not contrast and repeated:
                pair = f"{earlier.contrast_id} and {contrast.contrast_id}"
                again.setdefault(contrast.study_id, []).append(pair)
        for study_id, pairs in again.items():
            self.add(
                "warning",
                f"study {study_id}",
                f"listed more than once with the same foci (analyses {listed(pairs, 5)}): "
                "its result may be counted twice",
                "remove what is a repeat from the studyset",
            )

    def study(self, number: int, study: Any) -> Iterable[Contrast]:
        if not isinstance(study, Mapping):
            self.add(
                "error",
                f"study {number}",
                f"is {study!r:.60}, an id and not a study",
                "a studyset with nested studies, as Neurosynth-Compose exports it",
            )
            return
        study_id = str(study.get("id") or f"study_{number}")
        for k, analysis in enumerate(self.items(study, "analyses", f"study {study_id}"), 1):
            where = f"study {study_id}, analysis {k}"
            if not isinstance(analysis, Mapping):
                self.add(
                    "error",
                    where,
                    f"is {analysis!r:.60}, an id and not an analysis",
                    "a studyset with nested analyses, as Neurosynth-Compose exports it",
                )
                continue
            yield self.analysis(study_id, study, str(analysis.get("id") or k), analysis)

    def analysis(
        self,
        study_id: str,
        study: Mapping[str, Any],
        analysis_id: str,
        analysis: Mapping[str, Any],
    ) -> Contrast:
        where = f"study {study_id}, analysis {analysis_id}"
        keys = dict.fromkeys((self.note_key(study_id, analysis_id), analysis_id))
        note = next((self.notes[key] for key in keys if key in self.notes), {})
        self.used.update(keys)
        xyz, spaces, values = self.points(self.items(analysis, "points", where), where)
        return Contrast(
            study_id=study_id,
            contrast_id=self.unique(study_id, analysis_id, where),
            xyz=xyz,
            spaces=spaces,
            sample_sizes=self.sizes(note, analysis, study, where),
            metadata=_metadata(study, analysis),
            images=_images(_list(analysis, "images")),
            annotations=note,
            texts=_texts(study, analysis),
            values=values,
            file=self.file,
        )

    def items(self, owner: Mapping[str, Any], name: str, where: str) -> list[Any]:
        found = owner.get(name)
        if found is None or isinstance(found, list):
            return found or []
        self.add("error", where, f"{name!r} is {found!r:.60}", "expected a list")
        return []

    def unique(self, study_id: str, analysis_id: str, where: str) -> str:
        name, n = analysis_id, self.taken[study_id, analysis_id]
        while self.taken[study_id, name]:
            n += 1
            name = f"{analysis_id}_{n}"
        self.taken[study_id, name] += 1
        self.taken[study_id, analysis_id] = max(n, 1)
        if n > 1:
            self.renamed.add(f"{study_id}-{name}")
            self.add("warning", where, f"this id is taken; the analysis is kept as {name!r}")
        return name

    def sizes(
        self,
        note: Mapping[str, Any],
        analysis: Mapping[str, Any],
        study: Mapping[str, Any],
        where: str,
    ) -> tuple[float, ...]:
        places = [(note, reversed(_SIZE_FIELDS))]
        places += [
            (_mapping(owner, "metadata"), iter(_SIZE_FIELDS)) for owner in (analysis, study)
        ]
        for holder, names in places:
            for name in names:
                found, clean = sample_sizes(holder.get(name))
                if not clean:
                    message = f"{name} {holder[name]!r:.40} is not a positive number"
                    self.add("warning", where, message, "taken as unknown")
                if found:
                    return found
        return ()

    def points(
        self, points: Sequence[Any], where: str
    ) -> tuple[Any, tuple[str, ...], dict[str, tuple[Any, ...]]]:
        xyz, spaces, rows = [], [], []
        for i, point in enumerate(points, start=1):
            place = point.get("coordinates") if isinstance(point, Mapping) else None
            if not _is_xyz(place):
                message = f"coordinates of point {i} are {place!r:.60}"
                self.add("error", where, message, "expected [x, y, z] in mm")
                continue
            xyz.append(place)
            spaces.append(str(point.get("space") or ""))
            rows.append(
                {
                    str(value["kind"]): value.get("value")
                    for value in _list(point, "values")
                    if isinstance(value, Mapping) and value.get("kind")
                }
            )
        kinds = dict.fromkeys(kind for row in rows for kind in row)
        values = {kind: tuple(row.get(kind) for row in rows) for kind in kinds}
        return np.array(xyz, dtype=float).reshape(-1, 3), tuple(spaces), values


def _expected(found: Any, is_expected: Callable[[Any], bool], what: str, name: Any) -> Any:
    found = _unwrapped(found)
    if not is_expected(found):
        msg = f"{name} is not {what}"
        raise DataError(msg)
    return found


def _unwrapped(found: Any) -> Any:
    # Snapshots of Neurosynth-Compose hold the studyset or annotation one or two levels down.
    while isinstance(found, Mapping) and isinstance(found.get("snapshot"), Mapping):
        found = found["snapshot"]
    return found


def _is_studyset(found: Any) -> bool:
    return isinstance(found, Mapping) and isinstance(found.get("studies"), list)


def _is_annotation(found: Any) -> bool:
    return isinstance(found, Mapping) and isinstance(found.get("notes"), list)


def _is_xyz(place: Any) -> bool:
    return isinstance(place, list) and len(place) == 3 and all(map(is_number, place))


def _list(owner: Mapping[str, Any], name: str) -> list[Any]:
    found = owner.get(name)
    return found if isinstance(found, list) else []


def _mapping(owner: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = owner.get(name)
    return found if isinstance(found, Mapping) else {}


def _as_mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _metadata(study: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    conditions = [
        str(condition.get("name"))
        for condition in _list(analysis, "conditions")
        if isinstance(condition, Mapping)
    ]
    found = {
        "study_name": study.get("name"),
        "contrast_name": analysis.get("name"),
        **{name: study.get(name) for name in _STUDY_FIELDS},
        "conditions": conditions or None,
        "weights": analysis.get("weights") or None,
        **_mapping(study, "metadata"),
        **_mapping(analysis, "metadata"),
    }
    # Nested records (whole PubMed entries) are no cells of a table.
    return {
        str(name): value
        for name, value in found.items()
        if name not in _SIZE_FIELDS and not isinstance(value, Mapping) and not is_missing(value)
    }


def _texts(study: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    description = study.get("description")
    of_study = {"abstract": description} if isinstance(description, str) and description else {}
    return {**of_study, **_mapping(analysis, "texts")}


def _images(images: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for image in images:
        if isinstance(image, Mapping) and image.get("value_type"):
            kind = str(image["value_type"])
            path = image.get("url") or image.get("filename")
            if path:
                found.setdefault(_IMAGE_TYPES.get(kind.lower(), kind), str(path))
                if isinstance(image.get("space"), str):
                    found.setdefault("space", image["space"])
    return found
