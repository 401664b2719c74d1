"""Downloads from NeuroVault: what the site knows of an image, in JSON beside its file.

``image_10426_metadata.json`` and ``collection_metadata.json``, as nilearn and ``fetch neurovault``
write them, or answers of the site's API (a list of images, or one) beside the files.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from nimare_pipeline.contrast import Contrast, counted, listed, sample_sizes
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _image_studies as studies
from nimare_pipeline.io import _json
from nimare_pipeline.io._image_studies import Note

KINDS = {
    "t": "t",
    "z": "z",
    "p": "p",
    "u": "beta",
    "univariate-beta": "beta",
    "v": "varcope",
    "variance": "varcope",
}
"""Kinds of images by what the site calls a map, without the word itself."""
TABLE = "contrasts.tsv"
_ACCEPTED = "T, Z, P, univariate-beta and variance maps are read"
_COLLECTION = "collection_metadata.json"
_IMAGE = re.compile(r"image_\d+_metadata\.json")
_SUFFIXES = (".nii.gz", ".nii", ".img", ".img.gz")
_STEM = re.compile(r"\.(?:nii|img|hdr)(?:\.gz)?$", re.IGNORECASE)
_KIND_WORDS = re.compile(
    r"^(?:z|t|p|beta|cope|con|effect|se|var|varcope|variance|stat|map|image|img|value|values|val|uncorrected"
    r"|unthresholded|zstat|tstat|pstat|zmap|tmap|pmap|spmt|zscore|statmap|pval|pvalue)?(\d*)$"
)
_ABOUT = (
    "map_type", "analysis_level", "is_thresholded", "not_mni", "brain_coverage",
    "target_template_image", "modality", "cognitive_paradigm_cogatlas",
    "cognitive_contrast_cogatlas", "contrast_definition",
)  # fmt: skip
_HEAD = 2**16


@dataclass(frozen=True)
class Image:
    """What the site says of one image.

    Parameters
    ----------
    about : dict
    file : Path
        JSON file.
    """

    about: Mapping[str, Any]
    file: Path

    @property
    def number(self) -> str:
        """Number of the image."""
        return studies.plain(self.about.get("id", "")) or _STEM.sub("", self.file.name)

    @property
    def title(self) -> str:
        """Name of the image."""
        name = self.about.get("name")
        return studies.plain(name) if isinstance(name, str) else ""

    @property
    def kind(self) -> str:
        """Kind of the image; empty for what is not analysed."""
        said = self.about.get("map_type")
        if not isinstance(said, str):
            return ""
        return KINDS.get(re.sub(r"\s*\bmap\b.*", "", said.strip().lower()), "")

    @property
    def sizes(self) -> tuple[float, ...]:
        """Number of participants, if it is known."""
        return sample_sizes(self.about.get("number_of_subjects"))[0]

    def key(self) -> tuple[str, ...]:
        """What the names of images of one contrast have in common."""
        for name in (self.title, self.original):
            words = re.split(r"[\s_.\-()\[\]:,]+", _STEM.sub("", name).casefold())
            kept = [
                found[1] if (found := _KIND_WORDS.match(word)) else word for word in words if word
            ]
            if any(kept):
                return tuple(word for word in kept if word)
        return ("", self.number)

    @property
    def original(self) -> str:
        """Name of the file on the site."""
        said = self.about.get("file")
        return PurePosixPath(_path_of(said)).name if isinstance(said, str) else ""

    def place(self) -> Path:
        """Path of the image, whether it is there or not."""
        folder = self.file.parent
        names = [f"image_{self.number}{suffix}" for suffix in _SUFFIXES]
        relative = self.about.get("relative_path")
        names += [PurePosixPath(relative).name] if isinstance(relative, str) else []
        names += [self.original, re.sub("_metadata.json$", ".nii.gz", self.file.name)]
        there = (folder / name for name in names if _is_name(name))
        return next((one for one in there if os.path.lexists(one)), folder / names[0])


def owns(path: Path) -> bool:
    """Whether a file says what NeuroVault knows of images, and no table says more."""
    if path.suffix != ".json" or path.name == _COLLECTION:
        return False
    is_about = _IMAGE.fullmatch(path.name) is not None or _is_answer(path)
    return is_about and not (path.parent / TABLE).exists()


def beside(path: Path) -> bool:
    """Whether a file is one that nilearn makes of an image, or a picture of it."""
    return re.fullmatch(r"image_\d+_(?:resampled|thumbnail)\..*", path.name) is not None


def read(paths: Sequence[Path], note: Note) -> list[Contrast]:
    """Contrasts of each collection; a collection is a study."""
    by_study: dict[str, list[Image]] = {}
    names = studies.names_of(list(dict.fromkeys(path.parent for path in paths)))
    abouts = {folder: _collection(folder, note) for folder in names}
    for path in paths:
        for image in _images(path, note):
            study = _study(image, abouts[path.parent]) or names[path.parent]
            by_study.setdefault(study, []).append(image)
    found = []
    for study, images in by_study.items():
        found += _contrasts(study, _once(images), abouts[images[0].file.parent], note)
    return found


def _is_answer(path: Path) -> bool:
    with path.open("rb") as stream:
        if b'"map_type"' not in stream.read(_HEAD):
            return False
    found = _json.peek(path)
    if isinstance(found, dict) and isinstance(found.get("results"), list):
        found = found["results"]
    first = found[0] if isinstance(found, list) and found else found
    return isinstance(first, dict) and "map_type" in first and "file" in first


def _images(path: Path, note: Note) -> list[Image]:
    found = _loaded(path, note)
    if isinstance(found, dict) and isinstance(found.get("results"), list):
        found = found["results"]
    items = found if isinstance(found, list) else [found]
    if found is not None and not all(isinstance(item, dict) for item in items):
        message = "expected what NeuroVault knows of images, a JSON object for each"
        note(Problem("error", message, str(path)))
        return []
    return [Image(item, path) for item in items if isinstance(item, dict)]


def _loaded(path: Path, note: Note) -> Any:
    missing = studies.pointer(path)
    if missing is not None:
        note(missing)
        return None
    try:
        return _json.load(path)
    except DataError as error:
        for problem in error.problems:
            note(problem)
    return None


def _collection(folder: Path, note: Note) -> Mapping[str, Any]:
    path = folder / _COLLECTION
    found = _loaded(path, note) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _study(image: Image, about: Mapping[str, Any]) -> str:
    number = image.about.get("collection_id") or about.get("id")
    if not number:
        said = re.search(r"/collections/(\w+)", str(image.about.get("collection", "")))
        number = said[1] if said else ""
    return f"collection{studies.plain(number)}" if number else ""


def _once(images: Sequence[Image]) -> list[Image]:
    """Images of which each is another: a list of all may lie beside a file for each."""
    return list({image.number: image for image in reversed(images)}.values())[::-1]


def _contrasts(
    study: str, images: Sequence[Image], about: Mapping[str, Any], note: Note
) -> list[Contrast]:
    together: dict[Any, list[Image]] = {}
    for image in images:
        together.setdefault((image.key(), image.sizes), []).append(image)
    groups = []
    for members in together.values():
        kinds = [image.kind for image in members]
        apart = len(set(kinds)) < len(kinds) or "" in kinds
        groups += [[one] for one in members] if apart else [members]
    groups.sort(key=lambda members: [images.index(one) for one in members])
    unread = [one for members in groups for one in members if not one.kind]
    if unread:
        said = listed(list(dict.fromkeys(str(one.about.get("map_type")) for one in unread)), 5)
        many = f"{counted(len(unread), 'image')} of {study}"
        message = f"{many}: maps of the type {studies.plain(said)} are not analysed"
        note(Problem("warning", message, str(unread[0].file), "", _ACCEPTED))
    contrasts = [_contrast(study, members, about) for members in groups]
    lacking = [
        path.name for one in contrasts for path in one.images.values() if not os.path.lexists(path)
    ]
    if lacking:
        message = f"{counted(len(lacking), 'image file')} not there: {listed(lacking, 3)}"
        note(Problem("warning", message, str(images[0].file), "", "download the collection again"))
    return contrasts


def _contrast(study: str, members: Sequence[Image], about: Mapping[str, Any]) -> Contrast:
    first = members[0]
    metadata: dict[str, Any] = {"contrast_name": first.title or first.number}
    for name in _ABOUT:
        values = [one.about[name] for one in members if one.about.get(name) not in (None, "")]
        if name in ("is_thresholded", "not_mni") and any(value is True for value in values):
            values = [True]
        if values and isinstance(values[0], str | int | float | bool):
            metadata[name] = values[0]
    if metadata.get("not_mni") is False:
        metadata["image_space"] = "MNI"
    if not first.kind:
        metadata["include"] = False
        metadata["include_reason"] = f"no map that is analysed: {first.about.get('map_type')}"[
            :200
        ]
    for name, key in (("title", "name"), ("doi", "DOI"), ("authors", "authors")):
        if isinstance(about.get(key), str) and about[key]:
            metadata[name] = studies.plain(about[key])
    metadata["source_format"] = "NeuroVault"
    return Contrast(
        study,
        first.number,
        sample_sizes=first.sizes,
        metadata=metadata,
        images={one.kind: one.place() for one in members if one.kind},
        file=str(first.file),
    )


def _path_of(url: str) -> str:
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


def _is_name(name: str) -> bool:
    return bool(name) and "/" not in name and "\0" not in name and len(name) < 200
