"""From a studyset with its annotations to contrasts, with everything that is wrong in it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nimare_pipeline.contrast import Contrast, counted, is_missing, listed, quoted
from nimare_pipeline.errors import Problem
from nimare_pipeline.io._nimads_notes import Notes
from nimare_pipeline.io._nimads_points import is_usual, read_points, read_sizes

_STUDY_FIELDS = ("authors", "publication", "year", "doi", "pmid")
_IMAGE_TYPES = {
    "t map": "t",
    "z map": "z",
    "p map": "p",
    "f map": "f",
    "p": "p",
    "t": "t",
    "z": "z",
    "f": "f",
    "beta": "beta",
    "univariate-beta map": "beta",
    "u": "beta",
    "variance": "varcope",
    "v": "varcope",
    "varcope": "varcope",
    "se": "se",
    '1-p map ("inverted" probability)': "1-p",
}
"""Types of images, as NIMADS and NeuroVault call them."""


@dataclass
class Reader:
    """Contrasts of one studyset.

    Parameters
    ----------
    file : str
        Name of its file, for messages.
    notes : Notes
        Its annotations.
    problems : list of Problem
        What was found wrong so far.
    """

    file: str
    notes: Notes
    problems: list[Problem] = field(default_factory=list)
    _renamed: set[str] = field(default_factory=set)
    _taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    _owners: dict[str, set[str]] = field(default_factory=dict)
    _unusual: dict[str, int] = field(default_factory=dict)
    _deactivations: int = 0
    _empty: list[str] = field(default_factory=list)

    def contrasts(self, studies: Sequence[Any]) -> list[Contrast]:
        """Contrasts of studies, in their order."""
        self.problems += [replace(p, file=self.file) for p in self.notes.problems]
        for number, study in enumerate(studies, start=1):
            for k, analysis in enumerate(_list(study, "analyses"), start=1):
                name = _id(analysis, str(k))
                self._owners.setdefault(name, set()).add(_id(study, f"study_{number}"))
        found = [
            (number, contrast)
            for number, study in enumerate(studies, start=1)
            for contrast in self._study(number, study)
        ]
        self.problems += [replace(p, file=self.file) for p in self.notes.unused()]
        self._say_repeats(found)
        self._say_counts()
        return [contrast for _, contrast in found]

    def _add(self, level: Any, where: str, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(level, message, self.file, where, suggestion))

    def _study(self, number: int, study: Any) -> Iterable[Contrast]:
        if not isinstance(study, Mapping):
            self._stray(f"study {number}", study, "a study")
            return
        study_id = _id(study, f"study_{number}")
        if not study.get("analyses"):
            self._empty.append(study_id)
        for k, analysis in enumerate(self._items(study, "analyses", f"study {study_id}"), 1):
            if not isinstance(analysis, Mapping):
                self._stray(f"study {study_id}, analysis {k}", analysis, "an analysis")
                continue
            yield self._analysis(study_id, study, _id(analysis, str(k)), analysis)

    def _stray(self, where: str, found: Any, what: str) -> None:
        self._add(
            "error",
            where,
            f"is {quoted(found)}, an id and not {what}, and the file has no object of this id",
            "a studyset with nested studies, as Neurosynth-Compose exports it",
        )

    def _analysis(
        self,
        study_id: str,
        study: Mapping[str, Any],
        analysis_id: str,
        analysis: Mapping[str, Any],
    ) -> Contrast:
        where = f"study {study_id}, analysis {analysis_id}"
        alone = len(self._owners[analysis_id]) == 1
        note = {**_own_notes(analysis), **self.notes.of(study_id, analysis_id, alone=alone)}
        points = read_points(self._items(analysis, "points", where))
        for number, given in points.wrong:
            message = f"coordinates of point {number} are {quoted(given)}"
            self._add("error", where, message, "expected [x, y, z] in mm")
        if points.placeless:
            many = counted(points.placeless, "point")
            self._add("warning", where, f"{many} without coordinates left out")
        values = points.columns
        self._deactivations += sum(map(bool, values.get("deactivation", ())))
        return Contrast(
            study_id=study_id,
            contrast_id=self._unique(study_id, analysis_id, where),
            xyz=points.array,
            spaces=tuple(points.spaces),
            sample_sizes=self._sizes(note, analysis, study, where),
            metadata=_metadata(study, analysis),
            images=_images(_list(analysis, "images")),
            annotations=note,
            texts=_texts(study, analysis),
            values=values,
            file=self.file,
        )

    def _items(self, owner: Mapping[str, Any], name: str, where: str) -> list[Any]:
        found = owner.get(name)
        if found is None or isinstance(found, list):
            return found or []
        self._add("error", where, f"{name!r} is {quoted(found)}", "expected a list")
        return []

    def _unique(self, study_id: str, analysis_id: str, where: str) -> str:
        name, n = analysis_id, self._taken[study_id, analysis_id]
        while self._taken[study_id, name]:
            n += 1
            name = f"{analysis_id}_{n}"
        self._taken[study_id, name] += 1
        self._taken[study_id, analysis_id] = max(n, 1)
        if n > 1:
            self._renamed.add(f"{study_id}-{name}")
            self._add("warning", where, f"this id is taken; the analysis is kept as {name!r}")
        return name

    def _sizes(
        self,
        note: Mapping[str, Any],
        analysis: Mapping[str, Any],
        study: Mapping[str, Any],
        where: str,
    ) -> tuple[float, ...]:
        # A note says sample_size of its analysis, the metadata sample_sizes of its groups.
        order = ("sample_size", "sample_sizes")
        noted = {name: note[name] for name in (*order, *note) if name in note}
        holders: list[Mapping[str, Any]] = [
            *({name: noted[name]} for name in order if name in noted),
            noted,
        ]
        holders += [
            holder
            for owner in (analysis, study)
            for holder in (_mapping(owner, "metadata"), _own_sizes(owner))
        ]
        for holder in holders:
            sizes, name, wrong = read_sizes(holder)
            if wrong:
                message = f"{wrong} {quoted(holder[wrong], 40)} is not a positive number"
                self._add("warning", where, message, "taken as unknown")
            if sizes:
                if not is_usual(name):
                    self._unusual[name] = self._unusual.get(name, 0) + 1
                return sizes
        return ()

    def _say_repeats(self, found: Iterable[tuple[int, Contrast]]) -> None:
        """Warn of results that stand twice: in two entries of a study, or under one id.

        Two analyses of one entry with ids of their own may well have found the same foci.
        """
        first: dict[tuple[Any, ...], tuple[int, Contrast]] = {}
        again: dict[str, list[str]] = {}
        for number, contrast in found:
            foci = tuple(sorted(map(tuple, contrast.xyz.tolist())))
            entry, earlier = first.setdefault((contrast.study_id, foci), (number, contrast))
            repeated = entry != number or contrast.id in self._renamed
            if foci and earlier is not contrast and repeated:
                pair = f"{earlier.contrast_id} and {contrast.contrast_id}"
                again.setdefault(contrast.study_id, []).append(pair)
        for study_id, pairs in again.items():
            self._add(
                "warning",
                f"study {study_id}",
                f"listed more than once with the same foci (analyses {listed(pairs, 5)}): "
                "its result may be counted twice",
                "remove what is a repeat from the studyset",
            )

    def _say_counts(self) -> None:
        if self._empty:
            many = counted(len(self._empty), "study has", "studies have")
            self._add("warning", "", f"{many} no analyses: {listed(self._empty, 5)}")
        for name, count in self._unusual.items():
            many = counted(count, "analysis", "analyses")
            self._add("warning", "", f"{name!r} is taken as the sample size of {many}")
        if self._deactivations:
            many = counted(self._deactivations, "point")
            be = "is" if self._deactivations == 1 else "are"
            self._add(
                "warning",
                "",
                f"{many} {be} marked as deactivation, and used like the others",
                "the column deactivation of the foci tells them",
            )


def _id(found: Any, otherwise: str) -> str:
    named = found.get("id") if isinstance(found, Mapping) else None
    return str(named) if named else otherwise


def _list(owner: Any, name: str) -> list[Any]:
    found = owner.get(name) if isinstance(owner, Mapping) else None
    return found if isinstance(found, list) else []


def _mapping(owner: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = owner.get(name)
    return found if isinstance(found, Mapping) else {}


def _own_sizes(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Sample sizes that stand beside the metadata."""
    return {name: owner[name] for name in ("sample_sizes", "sample_size") if name in owner}


def _own_notes(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Notes that an analysis carries itself: by annotation, or its own columns."""
    found: dict[str, Any] = {}
    for name, value in _mapping(analysis, "annotations").items():
        cells = value if isinstance(value, Mapping) else {name: value}
        for column, cell in cells.items():
            found.setdefault(str(column), cell)
    return found


def _metadata(study: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    conditions = [
        str(condition.get("name")) if isinstance(condition, Mapping) else str(condition)
        for condition in _list(analysis, "conditions")
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
        if not is_usual(str(name)) and not isinstance(value, Mapping) and not is_missing(value)
    }


def _texts(study: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Description of the study, and what NiMARE and we write with an analysis."""
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
                found.setdefault(_IMAGE_TYPES.get(kind.strip().lower(), kind), str(path))
                if isinstance(image.get("space"), str):
                    found.setdefault("space", image["space"])
    return found
