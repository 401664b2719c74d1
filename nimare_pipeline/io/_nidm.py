"""NIDM-Results packs: a folder, or a zip file of one, with ``nidm.ttl`` and the images."""

import os
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from nimare_pipeline import packed
from nimare_pipeline.contrast import Contrast, counted
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _image_studies as studies
from nimare_pipeline.io import _nidm_graph as graphs
from nimare_pipeline.io._image_studies import Note, refusal

if TYPE_CHECKING:
    from rdflib.term import Node

NAMES = ("nidm.ttl", "nidm.jsonld", "nidm.json")
"""Of documents, the one that is read first."""
_SUFFIX = ".nidm.zip"
_MOST_MEMBERS = 100_000
_MOST_MAPS = 500
_MNI = {f"NIDM_{number:07d}" for number in (*range(40, 48), 50, 51, 55)}
"""Coordinate systems of the templates that are called MNI, in their several versions."""
_TALAIRACH, _SUBJECT = "NIDM_0000078", "NIDM_0000077"
_NAMED_SYSTEMS = {
    "subjectcoordinatesystem": _SUBJECT,
    "talairachcoordinatesystem": _TALAIRACH,
    "mnicoordinatesystem": "NIDM_0000051",
    "ixi549coordinatesystem": "NIDM_0000050",
    "mni305coordinatesystem": "NIDM_0000055",
}
_FILES = {
    "beta": "ContrastMap",
    "se": "ContrastStandardErrorMap",
    "varcope": "ContrastVarianceMap",
}


@dataclass(frozen=True)
class Pack:
    """Files of a pack.

    Parameters
    ----------
    place : Path
        Folder, or zip file.
    document : Path
        ``nidm.ttl``, or its path in the zip file.
    body : bytes
        Content of the document.
    members : dict of str to Path
        Path of each file by its name.
    """

    place: Path
    document: Path
    body: bytes
    members: dict[str, Path]


def owns(path: Path) -> bool:
    """Whether a file is the document of a pack, or a zip file with one."""
    if path.name in NAMES:
        return path.name == NAMES[0] or not _better(path)
    if path.suffix.lower() != ".zip":
        return False
    return path.name.lower().endswith(_SUFFIX) or _holds_document(path)


def beside(path: Path) -> bool:
    """Whether a file lies in the folder of a pack."""
    return any(os.path.lexists(path.with_name(name)) for name in NAMES)


def read(paths: Sequence[Path], note: Note) -> list[Contrast]:
    """Contrasts of each pack; a pack is a study."""
    places = {path: path if path.suffix.lower() == ".zip" else path.parent for path in paths}
    names = studies.names_of(list(places.values()))
    found = []
    for path, place in places.items():
        try:
            pack = _unpacked(path) if place == path else _folder(path)
            document = graphs.parse(pack.body, str(path))
        except DataError as error:
            for problem in error.problems:
                note(replace(problem, file=str(path)))
            continue
        found += _Study(pack, document, names[place], str(path), note).contrasts()
    return found


def _better(path: Path) -> bool:
    """Whether the folder of a document has one that is read before it."""
    before = NAMES[: NAMES.index(path.name)]
    return any(os.path.lexists(path.with_name(name)) for name in before)


def _holds_document(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(PurePosixPath(name).name in NAMES for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError):
        return False


def _folder(path: Path) -> Pack:
    missing = studies.pointer(path)
    if missing is not None:
        msg = "a pack cannot be read"
        raise DataError(msg, [missing])
    if path.stat().st_size > graphs.MOST_BYTES:
        raise refusal(path, f"{path.stat().st_size:,} bytes are too large for a document")
    members = {one.name: one for one in sorted(path.parent.iterdir())}
    try:
        return Pack(path.parent, path, path.read_bytes(), members)
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from error


def _unpacked(path: Path) -> Pack:
    """Pack in a zip file, of which nothing is unpacked but the document."""
    missing = studies.pointer(path)
    if missing is not None:
        msg = "a pack cannot be read"
        raise DataError(msg, [missing])
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise refusal(path, f"not a zip file, or damaged: {error}", "is it complete?") from error
    _refuse_strange(path, members)
    names = [one.filename for one in members]
    documents = [name for best in NAMES for name in names if PurePosixPath(name).name == best]
    if not documents:
        raise refusal(path, "there is no nidm.ttl in it", "a pack of NIDM-Results has one")
    chosen = documents[0]
    if sum(PurePosixPath(name).name == PurePosixPath(chosen).name for name in documents) > 1:
        raise refusal(path, "there are several packs in it", "unpack it, and name the folder")
    try:
        inside = packed.Inside(path, chosen)
        body = packed.read_member(inside, graphs.MOST_BYTES)
    except ValueError as error:
        raise refusal(path, str(error), "is it complete?") from error
    beside = PurePosixPath(chosen).parent
    there = [name for name in names if PurePosixPath(name).parent == beside]
    files = {PurePosixPath(name).name: packed.member(path, name) for name in there}
    return Pack(path, packed.member(path, chosen), body, files)


def _refuse_strange(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse names that lead out of the folder, links, and what repeats: nobody packs so."""
    seen = set()
    for one in members:
        name = one.filename
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or "\0" in name or not parts.parts:
            raise refusal(path, f"it holds a file that would lie outside the folder, {name!r:.80}")
        if (one.external_attr >> 16) & 0o170000 == 0o120000:
            raise refusal(path, f"it holds a link, {name!r:.80}")
        if name in seen:
            raise refusal(path, f"it holds a file twice, {name!r:.80}")
        seen.add(name)
    if len(members) > _MOST_MEMBERS:
        raise refusal(path, f"it holds {len(members):,} files, which no pack does")


@dataclass
class _Study:
    """Takes a document apart into contrasts."""

    pack: Pack
    document: graphs.Document
    study: str
    file: str
    note: Note

    def contrasts(self) -> list[Contrast]:
        by_estimation: dict[str, list[Node]] = defaultdict(list)
        doc = self.document
        maps = doc.of_type("StatisticMap")
        if len(maps) > _MOST_MAPS:
            message = f"{len(maps):,} statistic maps; packs of up to {_MOST_MAPS} are read"
            self.note(Problem("error", message, self.file))
            return []
        for node in maps:
            made = doc.made_by(node)
            by_estimation[str(made[0]) if made else doc.text(node, "contrastName")].append(node)
        groups = sorted(by_estimation.values(), key=self.rank)
        titles = [self.title(nodes) for nodes in groups]
        ids = studies.numbered(titles)
        found = [self.contrast(*one) for one in zip(groups, ids, titles, strict=True)]
        if not found:
            message = "no statistic map is described in it"
            self.note(Problem("error", message, self.file, "", "a complete NIDM-Results pack"))
        return [one for one in found if one is not None]

    def rank(self, nodes: Sequence["Node"]) -> tuple[str, str]:
        files = sorted(name for node in nodes for name in self.document.files(node)[:1])
        return (files[0][1:] if files else "", self.title(nodes))

    def title(self, nodes: Sequence["Node"]) -> str:
        names = (studies.plain(self.document.text(node, "contrastName")) for node in nodes)
        return next((name for name in names if name), "1")

    def contrast(self, nodes: Sequence["Node"], contrast_id: str, title: str) -> Contrast | None:
        where = f"contrast {title}"
        images, dof = self.statistics(nodes, where)
        kinds = {self.document.statistic(node) for node in nodes}
        if not kinds & {"t", "z"}:
            said = listed_kinds(kinds)
            message = f"its statistic is {said}, and no T or Z: it is left out"
            self.note(Problem("warning", message, self.file, where, "t and z are read"))
            return None
        images |= self.estimates(nodes, where)
        metadata: dict[str, Any] = {"contrast_name": title, "source_format": "NIDM-Results"}
        system = self.system(nodes[0])
        if dof is not None:
            metadata["dof"] = dof
        if system in (_SUBJECT, _TALAIRACH):
            metadata["not_mni"] = True
        if system in _MNI:
            metadata["image_space"] = "MNI"
        xyz, z_stat = self.peaks(nodes)
        space = "MNI" if system in _MNI else "TAL" if system == _TALAIRACH else ""
        if xyz and not space:
            which = "of the subject" if system == _SUBJECT else "that is none of a template"
            many = counted(len(xyz), "peak")
            message = f"{many} in a coordinate system {which}: left out"
            self.note(Problem("warning", message, self.file, where))
            xyz, z_stat = [], []
        return Contrast(
            self.study,
            contrast_id,
            xyz=np.array(xyz, dtype=float).reshape(-1, 3),
            spaces=(space,) * len(xyz),
            sample_sizes=self.sizes(),
            metadata=metadata,
            images=images,
            values={"z_stat": tuple(z_stat)} if any(z is not None for z in z_stat) else {},
            file=self.file,
        )

    def statistics(
        self, nodes: Sequence["Node"], where: str
    ) -> tuple[dict[str, Any], float | None]:
        """Images of t and z, and the degrees of freedom of t."""
        images: dict[str, Any] = {}
        dof = None
        for node in nodes:
            kind = self.document.statistic(node)
            if kind not in ("t", "z"):
                continue
            path = self.path(node, where)
            if path is not None:
                images.setdefault(kind, path)
            given = graphs.numbers(self.document.text(node, "errorDegreesOfFreedom"))
            if kind == "t" and given and 0 < given[0] < 1e9:
                dof = given[0]
        return images, dof

    def estimates(self, nodes: Sequence["Node"], where: str) -> dict[str, Any]:
        """Images of the effect and its error, made by the same estimation."""
        made = {one for node in nodes for one in self.document.made_by(node)}
        names = {self.document.text(node, "contrastName") for node in nodes}
        images: dict[str, Any] = {}
        for kind, node, by, name in self.all_estimates:
            if by & made or (not by and name in names):
                # Variances are described, but seldom packed.
                path = self.path(node, where, quiet=kind == "varcope")
                if path is not None:
                    images.setdefault(kind, path)
        return images

    @cached_property
    def all_estimates(self) -> list[tuple[str, "Node", set["Node"], str]]:
        """Maps of effects and their errors: kind, node, what made it, name of the contrast."""
        doc = self.document
        return [
            (kind, node, set(doc.made_by(node)), doc.text(node, "contrastName"))
            for kind, term in _FILES.items()
            for node in doc.of_type(term)
        ]

    def path(self, node: "Node", where: str, *, quiet: bool = False) -> Path | None:
        """File of a node in the pack; a warning if it is not there."""
        names = self.document.files(node)
        found = next((self.pack.members[one] for one in names if one in self.pack.members), None)
        if found is None and names and not quiet:
            message = f"{studies.plain(names[0])} is described, but not in the pack"
            self.note(Problem("warning", message, self.file, where))
        return found

    def system(self, node: "Node") -> str:
        """Number of the coordinate system of an image."""
        space = self.document.node(node, "inCoordinateSpace")
        said = self.document.text(space, "inWorldCoordinateSystem") if space is not None else ""
        local = said.replace("#", "/").rsplit("/", 1)[-1]
        word = local.removeprefix("nidm_").casefold()
        if word.startswith("icbmmni152"):
            return "NIDM_0000051"
        return _NAMED_SYSTEMS.get(word, local)

    def sizes(self) -> tuple[float, ...]:
        found = [graphs.numbers(text) for text in self.document.texts("numberOfSubjects")]
        sizes = [one[0] for one in found if one and 0 < one[0] < 1e9]
        return tuple(int(one) if one.is_integer() else one for one in sizes)

    def peaks(self, nodes: Sequence["Node"]) -> tuple[list[list[float]], list[float | None]]:
        """Peaks of the clusters that were found in one of the maps, the highest first."""
        own = set(nodes)
        # A test that used maps of other contrasts, too, is a conjunction.
        found = [(at, z) for used, at, z in self.all_peaks if used and used <= own]
        return [at for at, _ in found], [z for _, z in found]

    @cached_property
    def all_peaks(self) -> list[tuple[set["Node"], list[float], float | None]]:
        """Peaks: the statistic maps that the test used which found it, mm, z."""
        doc = self.document
        maps = set(doc.of_type("StatisticMap"))
        used_for: dict[Node, set[Node]] = {}
        found = []
        for peak in doc.of_type("Peak"):
            used: set[Node] = set()
            for cluster in doc.from_(peak):
                if cluster not in used_for:
                    tests = [made for one in doc.from_(cluster) for made in doc.made_by(one)]
                    used_for[cluster] = maps & {one for test in tests for one in doc.used_by(test)}
                used |= used_for[cluster]
            place = doc.location(peak)
            at = graphs.numbers(doc.text(place, "coordinateVector")) if place is not None else []
            z = graphs.numbers(doc.text(peak, "equivalentZStatistic"))
            if len(at) == 3:
                found.append((used, at, z[0] if z else None))
        return found


def listed_kinds(kinds: Iterable[str]) -> str:
    """Statistics in words."""
    return ", ".join(sorted(kind or "of another kind" for kind in kinds))
