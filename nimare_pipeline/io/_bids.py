"""Whether a folder that says it is a BIDS dataset keeps to what BIDS asks of its description."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nimare_pipeline.errors import Level, Problem

NAME = "dataset_description.json"
KIND = "bids"
"""Kind of these problems: studies can be analysed all the same."""
TYPES = ("raw", "derivative", "study")
_LARGEST = 10_000_000
_TEXTS = ("License", "Acknowledgements", "HowToAcknowledge", "DatasetDOI")
_LISTS = ("Authors", "Funding", "EthicsApprovals", "ReferencesAndLinks", "Keywords")


def check_description(folder: Path) -> list[Problem]:
    """Problems of ``dataset_description.json``, none if there is no such file.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of Problem
        Of kind ``KIND``: what the BIDS specification requires and the file does not give.
    """
    path = folder / NAME
    if not path.is_file():
        return []
    try:
        if path.stat().st_size > _LARGEST:
            return [_problem("is too large for a description of a dataset")]
        description = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return [_problem(f"cannot be read: {str(error) or type(error).__name__}")]
    if not isinstance(description, dict):
        return [_problem("is no JSON object", "it begins with { and has Name and BIDSVersion")]
    return list(_problems(description))


def _problems(description: dict[str, Any]) -> Iterator[Problem]:
    made_by = description.get("GeneratedBy")
    for key in ("Name", "BIDSVersion"):
        value = description.get(key)
        if not isinstance(value, str) or not value.strip():
            said = f"has no {key}" if key not in description else f"{key} is {_said(value)}"
            # nilearn's save_glm_to_bids leaves it out, and nobody writes such a file by hand.
            made = key == "Name" and value is None and not list(_makers(made_by))
            level: Level = "warning" if made else "error"
            yield _problem(said, f"{key} is a text that BIDS requires", level)
    kind = description.get("DatasetType", "raw")
    if kind not in TYPES:
        yield _problem(f"DatasetType is {_said(kind)}", f"accepted are: {', '.join(TYPES)}")
    if kind == "derivative" or "GeneratedBy" in description:
        yield from _makers(made_by)
    for key in _TEXTS:
        if key in description and not isinstance(description[key], str):
            yield _problem(f"{key} is {_said(description[key])}", "a text")
    for key in _LISTS:
        value = description.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            yield _problem(f"{key} is {_said(value)}", "a list of texts")


def _makers(makers: Any) -> Iterator[Problem]:
    named = isinstance(makers, list) and all(
        isinstance(maker, dict) and isinstance(maker.get("Name"), str) for maker in makers
    )
    if not makers or not named:
        yield _problem(
            "has no GeneratedBy" if makers is None else f"GeneratedBy is {_said(makers)}",
            "a derivative dataset has a list of objects, each with a Name",
        )


def _said(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _problem(message: str, suggestion: str = "", level: Level = "error") -> Problem:
    return Problem(level, message, NAME, "", suggestion, KIND)
