"""What the columns of the table layout mean."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from nimare_pipeline.contrast import is_missing, quoted, sample_sizes
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io._native_tables import CONTRAST, STUDY, Key, Table, nearest
from nimare_pipeline.tables import INCLUDE, INCLUDE_REASON

Role = Literal["core", "metadata", "image", "annotation", "unused"]

ORIGINAL_ID = "original_id"
SPACE = "space"
SIZE = "sample_size"
GROUP_SIZE = re.compile(r"group([1-9]\d*)_n")
AXES = ("x", "y", "z")
ORDER = "MetadataColumns"
"""Key of ``contrasts.json``: the columns, there or in ``studies.tsv``, that are metadata."""

SAMPLE_SIZE = "SampleSize"
"""Key of the sidecar of the foci of one contrast."""

IMAGES = {
    "z_map": "z",
    "t_map": "t",
    "p_map": "p",
    "effect_map": "beta",
    "beta_map": "beta",
    "se_map": "se",
    "variance_map": "varcope",
    "varcope_map": "varcope",
    "mask_map": "mask",
    **{f"{kind}_map": kind for kind in ("sd", "d", "g")},
}
"""Columns of paths to the names the field has for the images."""

OF_STUDY = (
    "study_name", "title", "authors", "year", "doi", "pmid", "journal", "publication", "source",
)  # fmt: skip
"""Metadata that belong to the study."""

METADATA: Mapping[str, str] = {
    "contrast_name": "What is contrasted with what, in words",
    "design": "one-sample, two-sample, paired or correlation",
    "dof": "Degrees of freedom",
    "coordinate_threshold": "Threshold above which foci were reported",
    "tail": "Which side of the contrast was tested",
    INCLUDE: "Whether analyses may use the contrast",
    INCLUDE_REASON: "Why it is not to be used",
    "study_name": "The study, as it is cited",
    "title": "Title of the publication",
    "authors": "Its authors",
    "year": "Year of publication",
    "doi": "Digital Object Identifier of the publication",
    "pmid": "PubMed number of the publication",
    "journal": "Journal",
    "publication": "Journal",
    "source": "Where the data come from",
    "original_space": "Space of the foci as published",
    "space_transform": "How the foci came into the space they are in",
    "source_file": "File the contrast was read from",
    "source_line": "Line of that file",
}
"""Columns of ``contrasts.tsv`` that describe the contrast and are no annotations."""

EMPTY_TEXT = ("original_space", "space_transform")
"""Metadata that a Dataset has as empty text, not as missing, where there are no foci."""

KNOWN = (CONTRAST, SIZE, "group1_n", "group2_n", SPACE, ORIGINAL_ID, *IMAGES, *METADATA)
"""Columns of ``contrasts.tsv`` that mean something, but for those it must have."""

_WORDS = {
    **dict.fromkeys(("z", "zstat", "zscore"), "z"),
    **dict.fromkeys(("t", "tstat", "spmt"), "t"),
    **dict.fromkeys(("p", "pval", "pvalue"), "p"),
    **dict.fromkeys(("beta", "effect", "cope", "con", "contrast"), "beta"),
    **dict.fromkeys(("varcope", "variance", "var"), "varcope"),
    **dict.fromkeys(("se", "stderr", "standarderror"), "se"),
    **{name: name for name in ("sd", "d", "g", "mask")},
}
"""Kinds of images by what people call a column of their paths."""
_ABOUT_FILES = re.compile(r"(?:map|image|img|file|path|nifti|nii)s?$")

_DESIGNS = ("one-sample", "two-sample", "paired", "correlation")
_IMAGE_FILE = re.compile(r".*\.(nii|img|hdr)(\.gz)?", re.IGNORECASE)


def roles(table: Table) -> dict[str, Role]:
    """What each column of ``contrasts.tsv`` is."""
    metadata = declared(table)
    return {name: _role(table, name, metadata) for name in table.columns}


def declared(table: Table | None) -> list[str]:
    """Columns that the sidecar of ``contrasts.tsv`` calls metadata, in its order."""
    found = table.sidecar.get(ORDER) if table is not None else None
    return [str(name) for name in found] if isinstance(found, list) else []


def image_type(table: Table, name: str) -> str:
    """Name of the image that a column holds the paths of."""
    found = table.about(name).get("ImageType")
    if isinstance(found, str):
        return found
    return IMAGES.get(name) or _kind(name) or name.removesuffix("_map")


def sizes(table: Table) -> list[tuple[float, ...]]:
    """Sample sizes of each row: of its groups, or one; what is no size is an error."""
    groups = [name for name in table.columns if GROUP_SIZE.fullmatch(name)]
    groups.sort(key=lambda name: int(name[len("group") : -len("_n")]))
    none = [None] * len(table.lines)
    whole = _counts(table, SIZE) if SIZE in table else none
    by_row = zip(*(_counts(table, name) for name in groups), strict=True) if groups else none
    found: list[tuple[float, ...]] = []
    for row, (total, parts) in enumerate(zip(whole, by_row, strict=True)):
        given = tuple(part for part in parts or () if part is not None)
        if given and total is not None and total != sum(given):
            said = " + ".join(f"{part:g}" for part in given)
            message = f"{SIZE} {total:g} is not the sum of its groups, {said}"
            table.warn(row, message, "the groups are used")
        found.append(given or (() if total is None else (total,)))
    return found


def metadata_of(table: Table | None) -> dict[str, list[Any]]:
    """Columns of ``contrasts.tsv`` that are metadata, with their values."""
    if table is None:
        return {}
    names = [name for name, role in roles(table).items() if role == "metadata"]
    return {name: metadata_values(table, name) for name in names}


def of_studies(table: Table | None) -> dict[str, list[Any]]:
    """Columns of ``studies.tsv`` but the ids, with their values: all are metadata."""
    if table is None:
        return {}
    names = [name for name in table.columns if name not in (STUDY, CONTRAST, ORIGINAL_ID)]
    return {name: metadata_values(table, name) for name in names}


def metadata_values(table: Table, name: str) -> list[Any]:
    """Values of a column of metadata, with what only some values may be checked."""
    if name == INCLUDE:
        return _flags(table, name)
    values = table.values(name)
    if name == "design":
        for row, value in enumerate(values):
            if not is_missing(value) and value not in _DESIGNS:
                near = nearest(str(value), _DESIGNS)
                advice = f"is {near!r} meant?" if near else f"known are {', '.join(_DESIGNS)}"
                table.warn(row, f"design is {quoted(value, 40)}", advice)
    return values


def size_of(table: Table) -> tuple[float, ...]:
    """Sample sizes that the sidecar of a table of foci gives; empty if it gives none."""
    found, clean = sample_sizes(table.sidecar.get(SAMPLE_SIZE))
    if not clean:
        value = table.sidecar[SAMPLE_SIZE]
        table.error(
            -1, f"{SAMPLE_SIZE} is {quoted(value, 40)}", "expected a number of participants"
        )
    return found


def per_contrast(
    table: Table, rows: Iterable[tuple[Key | None, tuple[float, ...]]]
) -> dict[Key, tuple[float, ...]]:
    """Sample sizes by contrast from a table with one row a focus, in which they must agree."""
    found: dict[Key, tuple[float, ...]] = {}
    for row, (key, given) in enumerate(rows):
        if key is None or not given:
            continue
        if found.setdefault(key, given) != given:
            first, here = (" + ".join(f"{n:g}" for n in one) for one in (found[key], given))
            message = f"{SIZE} is {here}, and {first} in a row above for the same contrast"
            table.error(row, message, "one sample size for all rows of a contrast")
    return found


def _role(table: Table, name: str, metadata: Iterable[str]) -> Role:
    if name in (STUDY, CONTRAST, ORIGINAL_ID, SIZE, SPACE) or GROUP_SIZE.fullmatch(name):
        return "core"
    if name in IMAGES or "ImageType" in table.about(name) or _holds_images(table, name):
        return "image"
    if name in METADATA or name in metadata:
        return "metadata"
    return "unused" if name == "id" else "annotation"


def _holds_images(table: Table, name: str) -> bool:
    paths = [cell for cell in table.columns[name] if cell not in cells.MISSING_CELLS]
    is_called_so = name.endswith("_map") or bool(_kind(name))
    return is_called_so and bool(paths) and all(map(_IMAGE_FILE.fullmatch, paths))


def may_hold_images(name: str) -> bool:
    """Whether a column may hold paths of images by its name."""
    return bool(_kind(name))


def _kind(name: str) -> str:
    """Kind of the images that a column may hold the paths of: ``Z``, ``zstat_file``, ``tmap``."""
    word = re.sub(r"[^a-z]", "", name.casefold())
    while word not in _WORDS and (short := _ABOUT_FILES.sub("", word)) != word:
        word = short
    return _WORDS.get(word, "")


def _counts(table: Table, name: str) -> list[float | None]:
    found: list[float | None] = []
    for row, cell in enumerate(table.columns[name]):
        try:
            size = None if cell in cells.MISSING_CELLS else float(cell)
        except ValueError:
            size = -1.0
        if size is not None and not 0 < size < float("inf"):
            several = len(re.findall(r"\d+", cell)) > 1
            advice = "write group1_n and group2_n for two groups" if several else ""
            expected = f"expected a number of participants; {advice}".rstrip("; ")
            table.error(row, f"{name} is {quoted(cell, 40)}", expected)
            size = None
        whole = size is not None and size.is_integer()
        found.append(int(size) if whole and size is not None else size)
    return found


def _flags(table: Table, name: str) -> list[bool | None]:
    found: list[bool | None] = []
    for row, cell in enumerate(table.columns[name]):
        try:
            found.append(None if cell in cells.MISSING_CELLS else cells.flag(cell))
        except ValueError:
            table.error(row, f"{name} is {quoted(cell, 40)}", "expected true or false")
            found.append(None)
    return found
