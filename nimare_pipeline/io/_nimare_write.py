"""Writing NiMARE Dataset JSON, a study a line, for other programs and for us."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast, is_missing
from nimare_pipeline.io._json_values import encoded, present
from nimare_pipeline.io._outgoing import by_study, image_paths
from nimare_pipeline.spaces import recognise

_AXES = ("x", "y", "z")


def write(contrasts: Sequence[Contrast], path: Path, *, name: str = "") -> None:
    """Write contrasts, those of a study together, with one space in each.

    Raises
    ------
    TypeError
        If a value is none that JSON has.
    """
    with path.open("wb") as stream:
        stream.write(b"{")
        for number, own in enumerate(by_study(contrasts)):
            stream.write(b",\n" if number else b"\n")
            stream.write(encoded(own[0].study_id) + b": " + encoded(study(own)))
        stream.write(b"\n}\n")


def studies(contrasts: Sequence[Contrast]) -> dict[str, Any]:
    """What :func:`write` writes, as one dict."""
    return {own[0].study_id: study(own) for own in by_study(contrasts)}


def study(own: Sequence[Contrast]) -> dict[str, Any]:
    """One study with its contrasts."""
    return {"contrasts": {one.contrast_id: _contrast(one) for one in own}}


def _contrast(contrast: Contrast) -> dict[str, Any]:
    sizes = {"sample_sizes": list(contrast.sample_sizes)} if contrast.sample_sizes else {}
    images: dict[str, Any] = dict(image_paths(contrast.images))
    if not is_missing(contrast.images.get("space")):
        images["space"] = contrast.images["space"]
    parts = {
        "coords": _coords(contrast),
        "images": images,
        "metadata": {**present(contrast.metadata), **sizes},
        "labels": present(contrast.annotations),
        "text": present(contrast.texts),
    }
    return {name: part for name, part in parts.items() if part or name == "metadata"}


def _coords(contrast: Contrast) -> dict[str, Any]:
    if not len(contrast.xyz):
        return {}
    values = {
        kind: [None if is_missing(value) else value for value in column]
        for kind, column in contrast.values.items()
        if kind not in ("space", *_AXES)
    }
    return {
        "space": recognise(contrast.spaces[0]) or contrast.spaces[0],
        **{axis: contrast.xyz[:, i].tolist() for i, axis in enumerate(_AXES)},
        **values,
    }
