"""What a JSON file of the NIMADS family holds, however it is wrapped.

A studyset may stand alone, one or two levels down in a snapshot of Neurosynth-Compose, or with
its annotation inside of a meta-analysis document; its studies may be nested or be ids of objects
elsewhere in the file. NeuroStore also gives studies without a studyset: one, or a list of them.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _json
from nimare_pipeline.unpacking import read_up_to

_KEPT_BYTES = 2**25
"""Files are kept from sniffing to reading: the latest, and others up to this size together."""
_PACKING = 10
"""How much larger a compressed file is when it is unpacked, about."""
_held: dict[tuple[Path, int, int], "Documents"] = {}
_HOLDERS = (
    "snapshot", "cached", "studyset", "annotation", "annotations", "studysets",
    "neurostore_studyset", "neurostore_annotation", "cached_studyset", "cached_annotation",
    "snapshot_studyset", "snapshot_annotation", "meta_analysis", "meta_analyses", "snapshots",
    "results", "project", "data",
)  # fmt: skip
"""Keys under which Neurosynth-Compose and NeuroStore put one document into another."""
_DEEPEST, _MOST = 8, 10_000
"""Levels that are looked into, and documents of a list."""
_PARTS = ("points", "images")
_PARENTS = {"analyses": "study", "points": "analysis", "images": "analysis"}
"""Key by which an object that stands apart names what it belongs to."""


@dataclass(frozen=True)
class Documents:
    """What a file holds.

    Parameters
    ----------
    studysets, annotations, meta_analyses : tuple of dict
        Each once, in the order they stand from the outside in. A meta-analysis has a mapping
        ``specification``.
    """

    studysets: tuple[Mapping[str, Any], ...] = ()
    annotations: tuple[Mapping[str, Any], ...] = ()
    meta_analyses: tuple[Mapping[str, Any], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.studysets or self.annotations or self.meta_analyses)


def load(path: Path) -> Documents:
    """Documents of a JSON file, compressed or not; the studies nested.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or is no JSON.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        return documents(_json.load(path))
    key = (path, stat.st_mtime_ns, stat.st_size)
    if key not in _held:
        _make_room()
        _held[key] = documents(_parsed(path))
    return _held[key]


def forget() -> None:
    """Let go of what is kept, once it has been read."""
    _held.clear()


def peek(path: Path) -> Documents:
    """Documents of a file; none if it is not JSON or holds something else."""
    try:
        return load(path) if _may_be(path) else Documents()
    except DataError:
        return Documents()


def documents(found: Any) -> Documents:
    """Documents in a parsed file."""
    studysets: list[Mapping[str, Any]] = []
    annotations: list[Mapping[str, Any]] = []
    meta_analyses: list[Mapping[str, Any]] = []
    for one in _within(found):
        if is_studyset(one):
            studysets.append(_nested(one, found))
        elif is_annotation(one):
            annotations.append(one)
        elif isinstance(one.get("specification"), Mapping):
            meta_analyses.append(one)
        elif _is_specification(one):
            meta_analyses.append({"specification": one})
    if not (studysets or annotations or meta_analyses):
        studies = _loose_studies(found)
        studysets += [_nested({"studies": studies}, found)] if studies else []
    return Documents(
        tuple(_once(studysets)), tuple(_once(annotations)), tuple(_once(meta_analyses))
    )


def is_studyset(found: Any) -> bool:
    """Whether this is an object with a list ``studies``."""
    return isinstance(found, Mapping) and isinstance(found.get("studies"), list)


def is_annotation(found: Any) -> bool:
    """Whether this is an object with a list ``notes``."""
    return isinstance(found, Mapping) and isinstance(found.get("notes"), list)


def ident(found: Any) -> str:
    """Id of an object, or the id that stands in its place; empty if there is none."""
    if isinstance(found, Mapping):
        found = found.get("id")
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else ""


def _make_room() -> None:
    """Let go of the earliest files, until the others are small."""
    while sum(map(_size, _held)) > _KEPT_BYTES:
        del _held[next(iter(_held))]


def _size(key: tuple[Path, int, int]) -> int:
    return key[2] * _PACKING if key[0].suffix == ".gz" else key[2]


def _parsed(path: Path) -> Any:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return _json.parse(_unpacked(path), str(path)) if packed else _json.load(path)


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as stream:
            body = read_up_to(stream, _json.MOST_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem = Problem(
            "error", f"damaged: {error}", str(path), suggestion="is the file complete?"
        )
        raise DataError("a file cannot be read", [problem]) from error
    if len(body) > _json.MOST_BYTES:
        message = f"more than {_json.MOST_BYTES / 2**20:,.0f} MB when it is unpacked"
        raise DataError("a file cannot be read", [Problem("error", message, str(path))])
    return body


def _may_be(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(b"\x1f\x8b"):
        return path.name.lower().endswith(".json.gz")
    return bool(re.match(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*[{\[]", head))


def _within(found: Any) -> Iterator[Mapping[str, Any]]:
    """Objects that may be documents, from the outside in."""
    level = [found]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, list):
                inner += [item for item in one[:_MOST] if isinstance(item, Mapping)]
            elif isinstance(one, Mapping):
                yield one
                # What a studyset says of its annotations is for its reader; its studies are data.
                if not is_studyset(one) and not is_annotation(one):
                    inner += [
                        one[key] for key in _HOLDERS if isinstance(one.get(key), dict | list)
                    ]
        level = inner


def _loose_studies(found: Any) -> list[Any]:
    """Studies that stand in no studyset: the document itself, a list, or results of a search."""
    if isinstance(found, Mapping) and isinstance(found.get("results"), list):
        found = found["results"]
    studies = found if isinstance(found, list) else [found]
    return studies if any(map(_is_study, studies)) else []


def _is_study(found: Any) -> bool:
    """Whether this is an object with analyses, and one of them has points or images."""
    return isinstance(found, Mapping) and any(
        isinstance(one, Mapping) and any(isinstance(one.get(key), list) for key in _PARTS)
        for one in _listed(found, "analyses")
    )


def _once(found: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Each document once: a copy in a result says what the original says."""
    seen: list[Mapping[str, Any]] = []
    for one in found:
        if not any(one is other or one == other for other in seen):
            seen.append(one)
            yield one


def _is_specification(found: Mapping[str, Any]) -> bool:
    estimator = found.get("estimator")
    return isinstance(estimator, Mapping) and "type" in estimator and "filter" in found


def _nested(studyset: Mapping[str, Any], document: Any) -> Mapping[str, Any]:
    """Studyset whose ids of studies, analyses, points and images are replaced by the objects.

    An id whose object is nowhere in the file stays.
    """
    if not _has_ids(studyset):
        return studyset
    return _Nesting(document, studyset).studyset()


def _has_ids(studyset: Mapping[str, Any]) -> bool:
    for study in studyset["studies"]:
        if not isinstance(study, Mapping) or "analyses" not in study:
            return True
        for analysis in study["analyses"] if isinstance(study["analyses"], list) else ():
            if not isinstance(analysis, Mapping) or "points" not in analysis:
                return True
            parts = [*_listed(analysis, "points")[:1], *_listed(analysis, "images")[:1]]
            if any(isinstance(part, str) for part in parts):
                return True
    return False


class _Nesting:
    """Objects of a file by kind and id, and by what they belong to."""

    def __init__(self, document: Any, studyset: Mapping[str, Any]) -> None:
        self.top = studyset
        self.by_id: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.children: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for holder in _within(document):
            for kind in ("studies", "analyses", "points", "images"):
                for one in _objects(holder.get(kind)):
                    self.by_id.setdefault((kind, ident(one)), one)
                    parent = ident(one.get(_PARENTS.get(kind, "")))
                    if parent:
                        self.children.setdefault((kind, parent), []).append(one)

    def studyset(self) -> Mapping[str, Any]:
        return {**self.top, "studies": [self.study(one) for one in self.top["studies"]]}

    def study(self, one: Any) -> Any:
        study = self.found("studies", one)
        if not isinstance(study, Mapping):
            return study
        return {**study, "analyses": [self.analysis(own) for own in self.of("analyses", study)]}

    def analysis(self, one: Any) -> Any:
        analysis = self.found("analyses", one)
        if not isinstance(analysis, Mapping):
            return analysis
        parts = {
            kind: [self.found(kind, part) for part in self.of(kind, analysis)] for kind in _PARTS
        }
        return {**analysis, **parts}

    def found(self, kind: str, one: Any) -> Any:
        return self.by_id.get((kind, one), one) if isinstance(one, str) else one

    def of(self, kind: str, owner: Mapping[str, Any]) -> list[Any]:
        """Parts of an object: those it names, or those that name it."""
        if owner.get(kind) is not None:
            return _listed(owner, kind)
        return list(self.children.get((kind, ident(owner)), ()))


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(found, Mapping):
        found = [
            {"id": key, **one} if isinstance(one, Mapping) else one for key, one in found.items()
        ]
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, Mapping) and ident(one))


def _listed(owner: Mapping[str, Any], name: str) -> list[Any]:
    found = owner.get(name)
    return found if isinstance(found, list) else []
