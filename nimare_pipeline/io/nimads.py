"""NIMADS JSON: a studyset (studies > analyses > points), its annotations, and what to do with it.

An analysis is a contrast. Where files give several sample sizes, the first of these counts:
annotation ``sample_size``, ``sample_sizes``; analysis ``sample_sizes``, ``sample_size``; the same
of the study. Duplicate ids are kept apart with a suffix and a warning.

A bundle of Neurosynth-Compose, as files of a folder, as one document, or as snapshots, says with
its specification what is to be analysed (:func:`analyses`).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _compose, _json
from nimare_pipeline.io._nimads_documents import (
    Documents,
    documents,
    forget,
    ident,
    is_annotation,
    load,
    peek,
)
from nimare_pipeline.io._nimads_notes import Notes
from nimare_pipeline.io._nimads_reader import Reader

NAME = "NIMADS studyset"

_STUDYSET = "a studyset (an object with a list 'studies')"
_ANNOTATION = "an annotation (an object with a list 'notes')"
_GENERIC_STEM = re.compile(
    r"(nimads_|snapshot_)?studyset|meta_analysis(_embedded)?", re.IGNORECASE
)
_LONGEST_NAME = 64
"""Longer names are titles of papers; the name of an analysis stands in every file name."""
_ID = re.compile(r"(?=.*\d)(?:[A-Za-z0-9]{12}|[0-9a-f-]{36})")
_MARK = b'"estimator"'
"""What a file has that asks for an analysis."""


def sniff(path: Path) -> bool:
    """Whether a file is a studyset, an annotation or a specification, complete or broken."""
    if peek(path):
        return True
    return any(
        _json.is_broken(path, *keys) for keys in (("studies", "analyses"), ("notes", "note"))
    )


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Studysets, each with the annotations and specifications that belong to it.

    That is the studyset whose id they name; else one in the same folder; else the first.

    Raises
    ------
    DataError
        If there are annotations or specifications but no studyset, or nothing says which.
    """
    found = {path: peek(path) for path in paths}
    mains = [path for path in paths if found[path].studysets or not found[path]]
    others = [path for path in paths if path not in mains]
    if not mains and len({path.parent for path in others}) == 1:
        mains, others = _bundle(others, found)
    if not mains:
        what = "annotations" if any(found[one].annotations for one in others) else "specifications"
        msg = f"{what} without the studyset they belong to: {listed(others)}"
        raise DataError(msg)
    companions: dict[Path, list[Path]] = {path: [] for path in mains}
    for path in others:
        companions[_owner(path, mains, found)].append(path)
    return [(path, *_in_order(own, found)) for path, own in companions.items()]


def _bundle(named: Sequence[Path], found: dict[Path, Documents]) -> tuple[list[Path], list[Path]]:
    """Studyset beside a file that is named alone, and what belongs to it: it stands for both."""
    found |= {path: peek(path) for path in _beside(named[0])}
    mains = [path for path, one in found.items() if one.studysets]
    others = [path for path, one in found.items() if one and not one.studysets]
    if len(mains) < 2:
        return mains, others
    main = next((owner for path in named if (owner := _named_owner(path, mains, found))), None)
    if main is None:
        what = "an annotation" if found[named[0]].annotations else "a specification"
        msg = (
            f"{named[0].name} is {what}, and {len(mains)} studysets lie beside it "
            f"({listed([path.name for path in mains], 5)}); put it and the studyset it belongs to "
            "into a folder of their own, and name that"
        )
        raise DataError(msg)
    own = [path for path in others if path in named or _named_owner(path, mains, found) == main]
    return [main], own


def own_name(path: Path) -> str | None:
    """Name of a studyset whose file name says nothing; empty if it has none, None if it does.

    Ids, long titles and the defaults of Neurosynth-Compose are no names.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".json")
    if not _GENERIC_STEM.fullmatch(stem):
        return None if stem == path.stem else stem
    studyset = next(iter(peek(path).studysets), {})
    name = studyset.get("name")
    if not isinstance(name, str) or name == studyset.get("id") or _ID.fullmatch(name.strip()):
        return ""
    name = name.strip().removeprefix("Studyset for ").strip()
    is_name = len(name) <= _LONGEST_NAME and re.search("[a-zA-Z0-9]", name)
    return name if is_name and not name.lower().startswith("untitled") else ""


def analyses(path: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    """What the specifications of a file ask for, see :mod:`nimare_pipeline.io.described`."""
    if not _has_mark(path):
        return [], []
    found = peek(path)
    if not found.meta_analyses:
        return [], []
    return _compose.tables(path, found.meta_analyses, _annotations_of(path, found))


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a studyset, in file order, and what is wrong in it.

    Parameters
    ----------
    path : Path
        Studyset.
    *companions : Path
        Annotations of its analyses; specifications are for :func:`analyses`.

    Raises
    ------
    NoInputError, DataError
        If a file is missing, is not JSON, or is something else.
    """
    main = _expected(load(path), "studysets", _STUDYSET, path)
    notes: list[Mapping[str, Any]] = []
    for companion in companions:
        found = load(companion)
        if found.studysets or not found.meta_analyses:
            _expected(found, "annotations", _ANNOTATION, companion)
        notes += found.annotations if not found.studysets else ()
    forget()
    return _contrasts(main, notes, path.name)


def parse(
    studyset: Mapping[str, Any], *annotations: Mapping[str, Any], file: str = ""
) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a parsed studyset.

    Raises
    ------
    DataError
        If one of them is something else.
    """
    main = _expected(documents(studyset), "studysets", _STUDYSET, "this")
    notes: list[Mapping[str, Any]] = []
    for annotation in annotations:
        notes += _expected(documents(annotation), "annotations", _ANNOTATION, "this").annotations
    return _contrasts(main, notes, file)


def _contrasts(
    main: Documents, notes: Sequence[Mapping[str, Any]], file: str
) -> tuple[list[Contrast], list[Problem]]:
    studyset = main.studysets[0]
    embedded = _of_studyset(studyset)
    reader = Reader(file, Notes([*notes, *main.annotations, *embedded]))
    if len(main.studysets) > 1:
        many = counted(len(main.studysets), "studyset")
        message = f"it holds {many}, of which the first is read"
        reader.problems.append(Problem("warning", message, file))
    return reader.contrasts(studyset["studies"]), reader.problems


def _of_studyset(studyset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Annotations that a studyset carries; what it only names has no notes."""
    found = studyset.get("annotations")
    found = [found] if isinstance(found, Mapping) else found
    return [one for one in found if is_annotation(one)] if isinstance(found, list) else []


def _annotations_of(path: Path, found: Documents) -> list[Mapping[str, Any]]:
    """Annotations for the specifications of a file: its own, then those of its studyset."""
    own = [*found.annotations, *(note for one in found.studysets for note in _of_studyset(one))]
    if found.studysets:
        return own
    try:
        bundles = group(_beside(path))
    except DataError:
        return own
    for main, *others in bundles:
        if path in others:
            read_ = [peek(main), *(peek(other) for other in others if other != path)]
            own += [note for one in read_ for note in one.annotations]
            own += [note for one in read_ for s in one.studysets for note in _of_studyset(s)]
    return own


def _beside(path: Path) -> list[Path]:
    """Files of the family in the folder of a file, and itself; no databases to compare with."""
    files = sorted(path.parent.glob("*.json")) + sorted(path.parent.glob("*.json.gz"))
    apart = _compose.database_files(peek(path).meta_analyses)
    return [
        file
        for file in files
        if file == path or (file.name not in apart and file.is_file() and peek(file))
    ]


def _owner(path: Path, mains: Sequence[Path], found: Mapping[Path, Documents]) -> Path:
    """Studyset that an annotation or specification belongs to."""
    near = [main for main in mains if main.parent == path.parent] or list(mains)
    return _named_owner(path, (*near, *mains), found) or near[0]


def _named_owner(
    path: Path, mains: Sequence[Path], found: Mapping[Path, Documents]
) -> Path | None:
    """First studyset whose id an annotation or specification names."""
    named = {
        ident(one.get(key))
        for one in (*found[path].annotations, *found[path].meta_analyses)
        for key in ("studyset", "neurostore_studyset", "cached_studyset", "snapshot_studyset")
    } - {""}
    ids = ({ident(one) for one in found[main].studysets} for main in mains)
    return next((main for main, own in zip(mains, ids, strict=True) if named & own), None)


def _in_order(paths: Sequence[Path], found: Mapping[Path, Documents]) -> list[Path]:
    """Companions, first the annotations that a specification beside them names."""
    named = {
        ident(one.get(key))
        for path in paths
        for one in found[path].meta_analyses
        for key in ("annotation", "neurostore_annotation", "cached_annotation")
    } - {""}

    def rank(path: Path) -> tuple[bool, bool]:
        ids = {ident(one) for one in found[path].annotations}
        return not found[path].annotations, not (ids & named)

    return sorted(paths, key=rank)


def _has_mark(path: Path) -> bool:
    """Whether a file speaks of an estimator at all: cheap, so that large data are not parsed."""
    kept = b""
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            if _MARK in kept + block:
                return True
            kept = block[-len(_MARK) :]
    return path.name.lower().endswith(".json.gz")


def _expected(found: Documents, kind: str, what: str, name: Any) -> Documents:
    if not getattr(found, kind):
        msg = f"{name} is not {what}"
        raise DataError(msg)
    return found
