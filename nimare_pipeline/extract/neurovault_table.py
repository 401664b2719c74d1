"""A table of contrasts for a collection, of what its people told the site: to be checked."""

from collections.abc import Mapping, Sequence
from typing import Any

NAME = "contrasts.tsv"
_COLUMNS = (
    "study_id", "contrast_id", "contrast_name", "sample_size", "space", "include",
    "include_reason", "z_map", "t_map", "p_map", "effect_map", "variance_map", "neurovault_type",
)  # fmt: skip
_MAPS = {
    "z": "z_map",
    "t": "t_map",
    "p": "p_map",
    "univariate-beta": "effect_map",
    "variance": "variance_map",
}
"""Columns by what the site calls a map, without the word itself."""
_MISSING = "n/a"


def table(number: int, images: Sequence[tuple[Mapping[str, Any], str]]) -> str:
    """Write one row an image; those no meta-analysis takes are there, with the reason.

    The collection is the study, as its images are mostly contrasts of one group of people.

    Parameters
    ----------
    number : int
        Of the collection.
    images : sequence of (dict, str)
        What the site knows of each, and its file.
    """
    rows = [_row(number, image, file) for image, file in images]
    lines = ["\t".join(_COLUMNS)]
    lines += ["\t".join(row.get(name) or _MISSING for name in _COLUMNS) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def _row(number: int, image: Mapping[str, Any], file: str) -> dict[str, str]:
    kind = _plain(image.get("map_type"))
    column = _MAPS.get(kind.lower().removesuffix(" map").partition(" map (")[0])
    reason = _why_not(image, kind, known=bool(column))
    size = image.get("number_of_subjects")
    return {
        "study_id": f"collection{number}",
        "contrast_id": str(image["id"]),
        "contrast_name": _plain(image.get("name")),
        "sample_size": f"{size:g}" if _is_count(size) else "",
        "space": "" if image.get("not_mni") is True else "MNI",
        "include": "false" if reason else "true",
        "include_reason": reason,
        "neurovault_type": kind,
        **({column: file} if column else {}),
    }


def _why_not(image: Mapping[str, Any], kind: str, *, known: bool) -> str:
    """Why an image is left out; empty if it is not."""
    if not known:
        return f"no map that is analysed: {kind or 'type unknown'}"
    if image.get("not_mni") is True:
        return "not in MNI space"
    if image.get("is_thresholded") is True:
        return "thresholded"
    level = _plain(image.get("analysis_level"))
    return "" if level.lower() in ("", "group", "none") else f"level: {level}"


def _is_count(size: Any) -> bool:
    return isinstance(size, int | float) and not isinstance(size, bool) and 0 < size < 1e9


def _plain(value: Any) -> str:
    """Text for a cell: one line, no tabs."""
    return " ".join(str(value).split()) if isinstance(value, str) else ""
