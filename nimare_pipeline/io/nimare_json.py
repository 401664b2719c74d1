"""NiMARE Dataset JSON: ``{study: {"contrasts": {contrast: {coords, metadata, images, ...}}}}``.

Also the snapshot of what was analysed: :func:`write` stores foci in MNI space, with the space they
came from beside them, so that reading it again gives the same Dataset without a second conversion.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import Contrast, counted, is_missing, is_number, sample_sizes
from nimare_pipeline.errors import OutputError, Problem
from nimare_pipeline.io import _json
from nimare_pipeline.io._nimare_names import named
from nimare_pipeline.tables import RELATIVE

NAME = "NiMARE Dataset JSON"
_AXES = ("x", "y", "z")
_KEYS = ("coords", "metadata", "images", "labels", "text", "order")
_READ = "coords, metadata, images, labels and text are"
_MOST_FOCI, _MOST_PROBLEMS = 20, 1000
_Foci = tuple[NDArray[np.float64], tuple[str, ...], dict[str, tuple[Any, ...]]]


class HasContrasts(Protocol):
    """What :func:`write` needs of a Dataset."""

    def contrasts(self) -> list[Contrast]:
        """Contrasts as records, foci in MNI space."""
        ...


def sniff(path: Path) -> bool:
    """Whether a file is NiMARE Dataset JSON, complete or broken."""
    found = _json.peek(path)
    if isinstance(found, dict):
        return any(isinstance(study, dict) and "contrasts" in study for study in found.values())
    return _json.is_broken(path, "contrasts")


def read(path: Path, *_companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a file, in file order, and what is wrong in it.

    Raises
    ------
    NoInputError, DataError
        If the file is missing, or is not JSON.
    """
    return parse(_json.load(path), file=path.name)


def parse(source: Mapping[str, Any], file: str = "") -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a parsed file."""
    reader = _Reader(file)
    if not isinstance(source, Mapping):
        reader.error("", "expected an object of studies", NAME)
        return [], reader.problems
    reader.repeated_keys(source)
    found = [
        (order, contrast)
        for study_id, study in source.items()
        for order, contrast in reader.study(str(study_id), study)
    ]
    if all(order is not None for order, _ in found):
        found.sort(key=lambda pair: pair[0] or 0)
    contrasts, nameless = named([contrast for _, contrast in found], file)
    return contrasts, [*reader.all_problems(), *nameless]


def write(dataset: HasContrasts, path: str | Path) -> Path:
    """Write a Dataset; reading the file gives the identical Dataset.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    body = to_bytes(dataset)
    aside = path.with_name(path.name + ".part")
    try:
        aside.write_bytes(body)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg) from error
    return path


def to_bytes(dataset: HasContrasts) -> bytes:
    """Content of the file that :func:`write` writes."""
    contrasts = dataset.contrasts()
    studies: dict[str, Any] = {}
    for contrast in contrasts:
        study = studies.setdefault(contrast.study_id, {"contrasts": {}})
        study["contrasts"][contrast.contrast_id] = _written(contrast)
    if [contrast.study_id for contrast in contrasts] != [
        name for name, study in studies.items() for _ in study["contrasts"]
    ]:
        # The contrasts of a study do not stand together: only numbers can keep their order.
        for order, contrast in enumerate(contrasts):
            studies[contrast.study_id]["contrasts"][contrast.contrast_id]["order"] = order
    text = json.dumps(studies, indent=1, ensure_ascii=False) + "\n"
    # Half a surrogate pair can stand in a JSON text only as an escape.
    return text.encode("utf-8", errors="backslashreplace")


@dataclass
class _Reader:
    """Collects the problems of one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    unread: Counter[str] = field(default_factory=Counter)

    def all_problems(self) -> list[Problem]:
        """Problems found, with a warning for each key that no one reads; floods are cut off."""
        found = [
            *self.problems,
            *(
                self.warning("", f"{name} of {counted(count, 'contrast')} is not read", _READ)
                for name, count in self.unread.items()
            ),
        ]
        if len(found) <= _MOST_PROBLEMS:
            return found
        more = f"and {len(found) - _MOST_PROBLEMS:,} more problems like these"
        return [*found[:_MOST_PROBLEMS], Problem("error", more, self.file)]

    def warning(self, where: str, message: str, suggestion: str = "") -> Problem:
        return Problem("warning", message, self.file, where, suggestion)

    def error(self, where: str, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem("error", message, self.file, where, suggestion))

    def repeated_keys(self, source: Any) -> None:
        for key, place in _json.repeated(source):
            depth = place.count(" > ") + bool(place)
            kind = {0: "study id", 2: "contrast id"}.get(depth, "key")
            self.error(place, f"{kind} {key!r} stands more than once", "give each its own id")

    def study(self, study_id: str, study: Any) -> Iterable[tuple[int | None, Contrast]]:
        where = f"study {study_id}"
        contrasts = study.get("contrasts") if isinstance(study, Mapping) else None
        if not isinstance(contrasts, Mapping):
            self.error(where, "has no object called 'contrasts'", NAME)
            return
        shared = self.mapping(study, "metadata", where)
        for contrast_id, body in contrasts.items():
            place = f"{where}, contrast {contrast_id}"
            if not isinstance(body, Mapping):
                self.error(place, f"expected an object, got {_json.short(body)}")
                continue
            self.unread.update(f"key {_json.short(key)}" for key in body if key not in _KEYS)
            order = body.get("order")
            contrast = self.contrast((study_id, str(contrast_id)), body, shared, place)
            yield order if isinstance(order, int) else None, contrast

    def contrast(
        self, ids: tuple[str, str], body: Mapping[str, Any], shared: Mapping[str, Any], where: str
    ) -> Contrast:
        metadata = {**shared, **self.mapping(body, "metadata", where)}
        sizes, clean = sample_sizes(
            metadata.pop("sample_sizes", None) or metadata.get("sample_size")
        )
        if not clean:
            what = "a sample size that is not a positive number is taken as unknown"
            self.problems.append(self.warning(where, what))
        xyz, spaces, values = self.foci(self.mapping(body, "coords", where), where)
        return Contrast(
            *ids,
            xyz=xyz,
            spaces=spaces,
            sample_sizes=sizes,
            metadata=metadata,
            images=self.mapping(body, "images", where),
            annotations=self.mapping(body, "labels", where),
            texts=self.mapping(body, "text", where),
            values=values,
            file=self.file,
        )

    def mapping(self, body: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
        found = body.get(name)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self.error(where, f"{name!r} is {_json.short(found)}", "expected an object")
            return {}
        if not self.file:  # what a file holds has been looked at as a whole
            if _json.depth(found, _json.DEEPEST) > _json.DEEPEST:
                self.error(where, f"{name!r} is nested more than {_json.DEEPEST} levels")
                return {}
            found = _json.clean(found)
        # NiMARE reads the text None as a gap.
        return {str(key): None if value == "None" else value for key, value in found.items()}

    def foci(self, coords: Mapping[str, Any], where: str) -> _Foci:
        axes = [coords.get(axis, []) for axis in _AXES]
        lengths = [len(axis) if isinstance(axis, list | tuple) else -1 for axis in axes]
        nothing: _Foci = (np.zeros((0, 3)), (), {})
        if len(set(lengths)) > 1 or -1 in lengths:
            counts = ", ".join(
                f"{axis} {n if n >= 0 else 'no list'}"
                for axis, n in zip(_AXES, lengths, strict=True)
            )
            self.error(where, f"coords x, y and z differ: {counts}", "lists of one length")
            return nothing
        bad = [
            f"{axis} of focus {i + 1} is {_json.short(value):.40}"
            for axis, column in zip(_AXES, axes, strict=True)
            for i, value in enumerate(column)
            if not is_number(value)
        ]
        for message in bad[:_MOST_FOCI]:
            self.error(where, message, "expected a number in mm")
        if len(bad) > _MOST_FOCI:
            self.error(where, f"and {len(bad) - _MOST_FOCI:,} more that are no numbers")
        if bad:
            return nothing
        n = lengths[0]
        columns = {
            name: self.column(name, value, n, where)
            for name, value in coords.items()
            if name not in _AXES
        }
        spaces = columns.pop("space", None) or ("",) * n
        values = {name: column for name, column in columns.items() if column is not None}
        xyz = np.array(axes, dtype=float).T.reshape(-1, 3)
        return xyz, tuple(str(one or "") for one in spaces), values

    def column(self, name: str, value: Any, n: int, where: str) -> tuple[Any, ...] | None:
        """What the file gives for each focus: a list, or one value for all."""
        if not isinstance(value, list | tuple):
            return None if is_missing(value) or isinstance(value, Mapping) else (value,) * n
        if len(value) == n:
            return tuple(value)
        message = f"coords {name!r} has {len(value)} values for {counted(n, 'focus', 'foci')}"
        self.problems.append(self.warning(where, f"{message}; they are left out"))
        return None


def _written(contrast: Contrast) -> dict[str, Any]:
    values = {
        name: [None if is_missing(value) else value for value in column]
        for name, column in contrast.values.items()
    }
    original = dict.fromkeys(values.pop("original_space", []))
    if len(original) > 1:
        values["original_space"] = list(contrast.values["original_space"])
    coords = (
        {
            "space": contrast.spaces[0],
            **({"original_space": next(iter(original))} if len(original) == 1 else {}),
            **{axis: contrast.xyz[:, i].tolist() for i, axis in enumerate(_AXES)},
            **values,
        }
        if len(contrast.xyz)
        else {}
    )
    sizes = {"sample_sizes": list(contrast.sample_sizes)} if contrast.sample_sizes else {}
    parts = {
        "coords": coords,
        "images": _image_names(contrast.images),
        "metadata": {**sizes, **contrast.metadata},
        "labels": dict(contrast.annotations),
        "text": dict(contrast.texts),
    }
    return {name: part for name, part in parts.items() if part}


def _image_names(images: Mapping[str, Any]) -> dict[str, Any]:
    # A relative path goes by its plain name, as other readers expect, unless update_path has put
    # the absolute one there.
    return {
        name if name.removesuffix(RELATIVE) in images else name.removesuffix(RELATIVE): path
        for name, path in images.items()
    }
