"""Telling apart what this program wrote: results, which are no input, and studies as tables."""

import json
from pathlib import Path

OUR_NAME = "nimare-pipeline"
_MOST_CHARACTERS = 2**22
"""Of a description: a longer one is not ours."""
_TABLES = ("contrasts.tsv", "coordinates.tsv", "studies.tsv")


def is_results(folder: Path) -> bool:
    """Whether a folder holds results of a run."""
    return _is_ours(folder) and not _has_tables(folder)


def is_studyset(folder: Path) -> bool:
    """Whether a folder holds studies that were written as tables here."""
    return _is_ours(folder) and _has_tables(folder)


def _is_ours(folder: Path) -> bool:
    try:
        with (folder / "dataset_description.json").open(encoding="utf-8") as stream:
            text = stream.read(_MOST_CHARACTERS)
        return bool(json.loads(text)["GeneratedBy"][0]["Name"] == OUR_NAME)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _has_tables(folder: Path) -> bool:
    # Results have their tables in folders, under longer names.
    return any((folder / name).is_file() for name in _TABLES)
