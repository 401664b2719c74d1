"""Names of the files of the table layout, and which of them are one dataset.

::

    contrasts.tsv  studies.tsv  coordinates.tsv  texts.tsv  desc-<name>_annotations.tsv
    study-<label>/study-<label>_contrast-<label>_coordinates.tsv
    study-<label>/study-<label>_contrast-<label>[_space-<label>]_stat-<type>_statmap.nii.gz
    study-<label>/study-<label>_contrast-<label>[_space-<label>]_mask.nii.gz

Tables may be gzipped, and a JSON file of the same name may stand beside each file.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_TYPES = {
    **{name: name for name in ("z", "t", "p", "se", "sd", "d", "g", "beta", "varcope")},
    "effect": "beta",
    "variance": "varcope",
}
"""Names of the layout to those of the field; all others are the same in both."""

_TABLE = re.compile(
    r"(?:(?P<table>studies|contrasts|coordinates|texts)|desc-(?P<desc>[0-9A-Za-z]+)_annotations)"
    r"\.(?P<suffix>tsv|tsv\.gz|json|npz)"
)
_OF_CONTRAST = re.compile(
    r"study-(?P<study>[0-9A-Za-z+]+)_contrast-(?P<contrast>[0-9A-Za-z+]+)"
    r"(?P<entities>(?:_[0-9A-Za-z]+-[0-9A-Za-z+]+)*)_(?P<kind>coordinates|statmap|mask)"
    r"\.(?P<suffix>tsv|tsv\.gz|json|nii|nii\.gz)"
)
_VOCABULARY = re.compile(r"desc-[0-9A-Za-z]+(?:_annotations)?_vocabulary\.(?:txt|json)")
_STUDY_FOLDER = re.compile(r"study-[0-9A-Za-z+]+")
MAIN = ("contrasts", "coordinates", "studies")
"""Which table gives the dataset its main file."""


@dataclass(frozen=True)
class OfContrast:
    """A file named after a contrast: its labels, and for an image its type."""

    path: Path
    study: str
    contrast: str
    image_type: str = ""


@dataclass
class Layout:
    """Files of one dataset by what they are."""

    root: Path
    studies: Path | None = None
    contrasts: Path | None = None
    coordinates: Path | None = None
    texts: Path | None = None
    annotations: list[Path] = field(default_factory=list)
    foci: list[OfContrast] = field(default_factory=list)
    images: list[OfContrast] = field(default_factory=list)
    sparse: list[Path] = field(default_factory=list)
    twice: list[Path] = field(default_factory=list)


def is_part(path: Path) -> bool:
    """Whether a file is a part of the layout, by its name and, for a sidecar, its neighbour."""
    name = path.name
    found = _TABLE.fullmatch(name) or _OF_CONTRAST.fullmatch(name)
    if found is None:
        return bool(_VOCABULARY.fullmatch(name)) and path.exists()
    # Other datasets come as studies.json, too: what has no table beside it is no sidecar.
    wanted = partners(path) if found["suffix"] == "json" else [path]
    return any(partner.exists() for partner in wanted)


def is_named(path: Path) -> bool:
    """Whether a file is named after a contrast."""
    return _OF_CONTRAST.fullmatch(path.name) is not None


def partners(sidecar: Path) -> list[Path]:
    """Files that a JSON file may describe."""
    suffixes = (".tsv", ".tsv.gz", ".nii.gz", ".nii")
    return [sidecar.with_suffix(suffix) for suffix in suffixes]


def sidecar_of(path: Path) -> Path:
    """Path of the JSON file that describes a file."""
    return path.with_name(re.sub(r"\.(tsv|nii)(\.gz)?$", ".json", path.name))


def root_of(path: Path) -> Path:
    """Folder of the dataset that a file is a part of."""
    if _OF_CONTRAST.fullmatch(path.name):
        for parent in path.parents:
            if _STUDY_FOLDER.fullmatch(parent.name):
                return parent.parent
    return path.parent


def group(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Files of each dataset, the main table first; naming one table means its whole folder."""
    by_root: dict[Path, dict[Path, None]] = {}
    for path in paths:
        by_root.setdefault(root_of(path), {})[path] = None
    for root, found in by_root.items():
        if any(_TABLE.fullmatch(path.name) for path in found):
            found.update(dict.fromkeys(collect(root)))
    return [tuple(sorted(found, key=_rank)) for found in by_root.values()]


def collect(root: Path) -> list[Path]:
    """Parts of the dataset of a folder: those in it, and in its folders ``study-*``."""
    return sorted(path for path in _candidates(root) if is_part(path))


def layout_of(paths: Sequence[Path]) -> Layout:
    """Sort the files of one dataset, given main file first."""
    layout = Layout(root_of(paths[0]))
    for path in paths:
        table, named = _TABLE.fullmatch(path.name), _OF_CONTRAST.fullmatch(path.name)
        if named is not None:
            _add_named(layout, path, named)
        elif table is None or table["suffix"] == "npz":
            layout.sparse.append(path)
        elif table["suffix"] != "json":
            _add_table(layout, path, table)
    return layout


def _candidates(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_file():
            yield path
        elif path.is_dir() and _STUDY_FOLDER.fullmatch(path.name):
            yield from (inner for inner in sorted(path.rglob("*")) if inner.is_file())


def _rank(path: Path) -> tuple[int, bool, str]:
    table = _TABLE.fullmatch(path.name)
    name = table["table"] if table else None
    rank = MAIN.index(name) if name in MAIN else len(MAIN)
    return rank, path.suffix == ".json", path.as_posix()


def _add_table(layout: Layout, path: Path, table: re.Match[str]) -> None:
    name = table["table"]
    if name is None:
        layout.annotations.append(path)
    elif getattr(layout, name) is None:
        setattr(layout, name, path)
    else:
        layout.twice.append(path)


def _add_named(layout: Layout, path: Path, named: re.Match[str]) -> None:
    kind, suffix = named["kind"], named["suffix"]
    if suffix == "json":
        return
    if kind == "coordinates":
        layout.foci.append(OfContrast(path, named["study"], named["contrast"]))
        return
    entities = dict(part.split("-", 1) for part in named["entities"].split("_") if part)
    image_type = "mask" if kind == "mask" else entities.get("stat", "")
    image_type = IMAGE_TYPES.get(image_type.lower(), image_type)
    layout.images.append(OfContrast(path, named["study"], named["contrast"], image_type))
