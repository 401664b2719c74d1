"""Group results as BIDS derivatives: ``contrast-<label>_stat-<kind>_statmap.nii.gz``.

FitLins (``node-<level>/``), nilearn's ``save_glm_to_bids`` (``group/``) and HALFpipe
(``grouplevel/``) write images under such names; files named after a study are those of
:mod:`nimare_pipeline.io._native_layout`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast, counted, listed, sample_sizes
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _image_studies as studies
from nimare_pipeline.io import _json
from nimare_pipeline.io import _native_layout as native
from nimare_pipeline.io._image_studies import Note

KINDS = {
    **{kind: kind for kind in ("z", "t", "p", "se", "sd", "d", "g", "beta", "varcope")},
    "effect": "beta",
    "cope": "beta",
    "variance": "varcope",
    "zstat": "z",
    "tstat": "t",
}
"""Kinds of images by the label of ``stat``."""
_OTHER = {
    *("f", "dof", "rsquared", "rsquare", "errorts", "residuals", "loglikelihood", "mask", "df"),
    *("tau2", "q", "i2", "heterogeneity", "chi2", "chisq", "meansquares", "mean", "std"),
}
"""Labels of what belongs to a model, and is no input of a meta-analysis."""
_DESCRIPTION = "dataset_description.json"
_NAME = re.compile(r"(?:[0-9A-Za-z]+-[0-9A-Za-z+.]+_)+statmap\.(?:nii(?:\.gz)?|json)")
_PAIR = re.compile(r"([0-9A-Za-z]+)-([0-9A-Za-z+.]+)")
_OWN_SPACES = {"t1w", "t2w", "native", "func", "bold", "boldref", "individual", "scanner", "orig"}
_NOT_MNI = {*_OWN_SPACES, "talairach", "tal"}
_SIZES = (
    "SampleSize", "SampleSizes", "NumberOfSubjects", "NumberOfParticipants", "sample_size",
    "number_of_subjects", "n_subjects", "NumSubjects",
)  # fmt: skip
_KNOWN = ("contrast", "study", "space", "res")
_DOF = ("DegreesOfFreedom", "ErrorDegreesOfFreedom", "dof")


@dataclass(frozen=True)
class Map:
    """An image and what its name says.

    Parameters
    ----------
    path : Path
    entities : dict of str to str
        Without ``stat``; those of the folders above it, too.
    stat : str
    """

    path: Path
    entities: Mapping[str, str]
    stat: str

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What images of one contrast have in common."""
        return tuple(sorted(self.entities.items()))


@dataclass
class Group:
    """Images of one contrast, by kind."""

    place: Path
    entities: Mapping[str, str]
    images: dict[str, Path] = field(default_factory=dict)


def owns(path: Path) -> bool:
    """Whether a file is the image of a statistic, or describes one, by its name."""
    return _is_named(path) and not native.is_named(path)


def beside(path: Path) -> bool:
    """Whether a file lies in a folder with such images."""
    try:
        return _has_maps(path.parent, path.parent.stat().st_mtime_ns)
    except OSError:
        return False


def lead(paths: Sequence[Path]) -> list[Path]:
    """One file of each folder, which stands for all in it."""
    return list({path.parent: path for path in reversed(paths)}.values())


def read(paths: Sequence[Path], note: Note) -> list[Contrast]:
    """Contrasts of each dataset; a dataset is a study, unless names of files say otherwise."""
    found = {image: _map(image) for image in _with_links(paths)}
    persons = [path for path, one in found.items() if "sub" in one.entities]
    if persons:
        many = counted(len(persons), "image")
        message = f"{many} of single persons (sub-) left out"
        advice = "a meta-analysis combines group maps"
        note(Problem("warning", message, str(persons[0]), "", advice))
    maps = [one for one in found.values() if "sub" not in one.entities]
    _note_unknown(maps, note)
    groups = _groups([one for one in maps if one.stat.lower() in KINDS])
    contrasts = []
    names = studies.names_of(list(dict.fromkeys(one.place for one in groups)))
    by_study: dict[str, list[Group]] = {}
    for one in groups:
        by_study.setdefault(one.entities.get("study") or names[one.place], []).append(one)
    for study, own in by_study.items():
        labels = _labels([one.entities for one in own])
        contrasts += [
            _contrast(study, label, one, note) for label, one in zip(labels, own, strict=True)
        ]
    return contrasts


def _is_named(path: Path) -> bool:
    entities = dict(_PAIR.findall(path.name)) if _NAME.fullmatch(path.name) else {}
    return "stat" in entities and "contrast" in entities


@lru_cache(maxsize=256)
def _has_maps(folder: Path, _changed_ns: int) -> bool:
    return any(owns(one) for one in folder.iterdir())


def _with_links(paths: Sequence[Path]) -> list[Path]:
    """Images in the folders of files; those whose content is not here, too."""
    folders = dict.fromkeys(path.parent for path in paths)
    there = [one for folder in folders for one in sorted(folder.iterdir()) if owns(one)]
    return [one for one in there if one.suffix != ".json"]


def _map(path: Path) -> Map:
    entities: dict[str, str] = {}
    for part in path.parts[-4:-1]:
        entities.update(_PAIR.findall(part) if _PAIR.fullmatch(part) else [])
    # A study or a person may stand in the name of a folder only.
    own = dict(_PAIR.findall(path.name))
    entities.update(own)
    stat = own.get("stat", "")
    entities.pop("stat", None)
    return Map(path, entities, stat)


def _note_unknown(maps: Sequence[Map], note: Note) -> None:
    unknown = [one for one in maps if one.stat.lower() not in {*KINDS, *_OTHER}]
    if unknown:
        said = listed(list(dict.fromkeys(one.stat for one in unknown)), 5)
        message = f"{counted(len(unknown), 'image')} of unknown statistics left out: stat-{said}"
        advice = f"read are stat-{', '.join(KINDS)}"
        note(Problem("warning", message, str(unknown[0].path), "", advice))


def _groups(maps: Sequence[Map]) -> list[Group]:
    """Images by contrast; where a dataset has one image twice, each folder is a dataset."""
    places = _places([one.path for one in maps])
    seen: dict[Any, Path] = {}
    apart = set()
    for one in maps:
        key = (places[one.path], one.key, KINDS[one.stat.lower()])
        if seen.setdefault(key, one.path) != one.path:
            apart.add(places[one.path])
    found: dict[Any, Group] = {}
    for one in maps:
        place = one.path.parent if places[one.path] in apart else places[one.path]
        group = found.setdefault((place, one.key), Group(place, one.entities))
        group.images.setdefault(KINDS[one.stat.lower()], one.path)
    return list(found.values())


def _places(paths: Sequence[Path]) -> dict[Path, Path]:
    """Folder of the dataset that each image is of.

    Where datasets lie within one that is described, too, what is left of it is a dataset by its
    first folder.
    """
    found = {path: _dataset(path) for path in paths}
    places = set(found.values())
    outer = {one for one in places for other in places if one in other.parents}
    for path, place in found.items():
        first, *below = path.relative_to(place).parts
        if place in outer and below:
            found[path] = place / first
    return found


def _dataset(path: Path) -> Path:
    """Nearest folder above an image that describes itself as a dataset; else the image's own."""
    above = (parent for parent in path.parents if (parent / _DESCRIPTION).is_file())
    return next(above, path.parent)


def _labels(entities: Sequence[Mapping[str, str]]) -> list[str]:
    """Ids of the contrasts of a study: their labels, with what else tells them apart."""
    names = dict.fromkeys(name for one in entities for name in one)
    varying = [
        name
        for name in names
        if name not in ("study", "contrast") and len({one.get(name) for one in entities}) > 1
    ]
    found = []
    for one in entities:
        label = one.get("contrast", "")
        alone = sum(other.get("contrast", "") == label for other in entities) == 1
        parts = [] if alone else [one[name] for name in varying if name in one]
        found.append("_".join([*parts, label] if label else parts) or "1")
    return studies.numbered(found)


def _contrast(study: str, label: str, group: Group, note: Note) -> Contrast:
    about: dict[str, Any] = {}
    for path in group.images.values():
        for sidecar in _sidecars(path):
            about = {**_loaded(sidecar, note), **about}
    sizes: tuple[float, ...] = ()
    for name in _SIZES:
        sizes = sizes or sample_sizes(about.get(name))[0]
    metadata: dict[str, Any] = {
        "contrast_name": group.entities.get("contrast", label),
        "source_format": "BIDS derivatives",
    }
    shown = {name: value for name, value in group.entities.items() if name not in _KNOWN}
    metadata |= shown
    space = group.entities.get("space", "")
    if space:
        metadata["image_space"] = space
    if space.lower() in _NOT_MNI:
        metadata["not_mni"] = True
    dof = next((about[name] for name in _DOF if isinstance(about.get(name), int | float)), None)
    if dof is not None and not isinstance(dof, bool) and 0 < dof < 1e9:
        metadata["dof"] = dof
    first = next(iter(group.images.values()))
    return Contrast(
        study,
        label,
        sample_sizes=sizes,
        metadata=metadata,
        images=dict(group.images),
        file=str(first),
    )


def _sidecars(path: Path) -> Iterator[Path]:
    """JSON files about an image, the nearest first."""
    yield native.sidecar_of(path)
    yield path.with_name("statmap.json")


def _loaded(path: Path, note: Note) -> Mapping[str, Any]:
    if not path.is_file() or studies.pointer(path) is not None:
        return {}
    try:
        found = _json.load(path)
    except DataError as error:
        for problem in error.problems:
            note(problem)
        return {}
    return found if isinstance(found, dict) else {}
