"""Writing a NIMADS studyset: studies with their analyses, and one annotation with all labels."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast, is_missing
from nimare_pipeline.io._json_values import encoded, present
from nimare_pipeline.io._losses import same
from nimare_pipeline.io._nimads_points import read_sizes
from nimare_pipeline.io._outgoing import REMOTE, by_study, image_paths
from nimare_pipeline.spaces import recognise

ANNOTATION = "labels"
"""Id and name of the annotation."""
_OF_STUDY = ("authors", "publication", "year", "doi", "pmid")
_KINDS = {bool: "boolean", int: "number", float: "number"}


def write(contrasts: Sequence[Contrast], path: Path, *, name: str = "") -> None:
    """Write a studyset, a study a line; nothing is held but one study.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Those of a study together.
    path : Path
    name : str
        Of the studyset.

    Raises
    ------
    TypeError
        If a value is none that JSON has.
    """
    with path.open("wb") as stream:
        stream.write(b'{"id": %s, "name": %s, "studies": [' % (encoded(name), encoded(name)))
        for number, own in enumerate(by_study(contrasts)):
            stream.write(b",\n" if number else b"\n")
            stream.write(encoded(study(own)))
        stream.write(b"\n],\n")
        stream.write(b'"annotations": [')
        if any(contrast.annotations for contrast in contrasts):
            head = {"id": ANNOTATION, "name": ANNOTATION, "note_keys": note_keys(contrasts)}
            stream.write(encoded(head)[:-1] + b', "notes": [')
            for number, note in enumerate(notes(contrasts)):
                stream.write(b",\n" if number else b"\n")
                stream.write(encoded(note))
            stream.write(b"\n]}")
        stream.write(b"]}\n")


def studyset(contrasts: Sequence[Contrast], name: str = "", ident: str = "") -> dict[str, Any]:
    """What :func:`write` writes, as one dict."""
    annotation = {
        "id": ANNOTATION,
        "name": ANNOTATION,
        "note_keys": note_keys(contrasts),
        "notes": list(notes(contrasts)),
    }
    return {
        "id": ident or name,
        "name": name,
        "studies": [study(own) for own in by_study(contrasts)],
        "annotations": [annotation] if any(one.annotations for one in contrasts) else [],
    }


def study(own: Sequence[Contrast]) -> dict[str, Any]:
    """One study with its analyses; what all of them say stands once."""
    shared = {
        name: value
        for name in ("study_name", *_OF_STUDY)
        if (value := _shared([one.metadata.get(name) for one in own])) is not None
    }
    if not (isinstance(shared.get("study_name"), str) and shared["study_name"]):
        shared.pop("study_name", None)  # no text, so no name
    title = _shared([one.metadata.get("title") for one in own])
    abstract = _shared([one.texts.get("abstract") for one in own])
    names = (shared.get("study_name"), title, own[0].study_id)
    return {
        "id": own[0].study_id,
        "name": next(one for one in names if isinstance(one, str) and one),
        **{name: value for name, value in shared.items() if name != "study_name"},
        **({"description": abstract} if isinstance(abstract, str) and abstract else {}),
        # There, too: some programs look nowhere else.
        "metadata": {name: shared[name] for name in ("year", "doi", "pmid") if name in shared},
        "analyses": [_analysis(one, shared) for one in own],
    }


def note_keys(contrasts: Sequence[Contrast]) -> dict[str, str]:
    """Kind of each label: number, boolean or string."""
    found: dict[str, str] = {}
    for contrast in contrasts:
        for name, value in contrast.annotations.items():
            if not is_missing(value):
                kind = _KINDS.get(type(value), "string")
                found[name] = kind if found.get(name, kind) == kind else "string"
    return {_label(name): kind for name, kind in found.items()}


def notes(contrasts: Sequence[Contrast]) -> Iterator[dict[str, Any]]:
    """Labels of each contrast that has some."""
    for contrast in contrasts:
        labels = present(contrast.annotations)
        if labels:
            labels = {_label(name): value for name, value in labels.items()}
            yield {"study": contrast.study_id, "analysis": contrast.contrast_id, "note": labels}


def _analysis(contrast: Contrast, shared: Mapping[str, Any]) -> dict[str, Any]:
    metadata = present(contrast.metadata)
    named = metadata.get("contrast_name")
    is_name = isinstance(named, str) and bool(named)
    kept = {
        name: value
        for name, value in metadata.items()
        if name not in shared and not (name == "contrast_name" and is_name)
    }
    sizes = {"sample_sizes": list(contrast.sample_sizes)} if contrast.sample_sizes else {}
    texts = present(contrast.texts)
    return {
        "id": contrast.contrast_id,
        "name": named if is_name else contrast.contrast_id,
        "conditions": [],
        "weights": [],
        "images": _images(contrast.images),
        "points": _points(contrast),
        "metadata": {**kept, **sizes},
        **({"texts": texts} if texts else {}),
    }


def _points(contrast: Contrast) -> list[dict[str, Any]]:
    columns = contrast.values.items()
    return [
        {
            "space": recognise(space) or space,
            "coordinates": place,
            "values": [
                {"kind": kind, "value": values[i]}
                for kind, values in columns
                if not is_missing(values[i])
            ],
        }
        for i, (place, space) in enumerate(
            zip(contrast.xyz.tolist(), contrast.spaces, strict=True)
        )
    ]


def _images(images: Mapping[str, Any]) -> list[dict[str, Any]]:
    space = images.get("space")
    return [
        {
            "value_type": kind,
            "url": path if REMOTE.match(path) else None,
            "filename": path,
            "space": space if isinstance(space, str) else None,
        }
        for kind, path in image_paths(images).items()
    ]


def _label(name: str) -> str:
    """Name of a label; one that would be taken as the sample size of the analysis gets another."""
    return f"{name}_label" if read_sizes({name: 1})[0] else name


def _shared(values: Sequence[Any]) -> Any:
    """Value that all have; None if they differ."""
    first = values[0]
    is_same = not is_missing(first) and all(same(first, value) for value in values[1:])
    return first if is_same else None
