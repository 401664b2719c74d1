"""Writing a Dataset as a folder of tables, a valid BIDS derivative dataset, without any loss."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import nimare_pipeline
from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast, is_missing, listed
from nimare_pipeline.errors import OutputError
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io._native_columns import (
    AXES,
    EMPTY_TEXT,
    GROUP_SIZE,
    IMAGES,
    METADATA,
    OF_STUDY,
    ORDER,
    ORIGINAL_ID,
    SAMPLE_SIZE,
    SIZE,
    SPACE,
)
from nimare_pipeline.io._native_foci import SYSTEM, UNITS
from nimare_pipeline.io._native_tables import COLUMNS, CONTRAST, STUDY
from nimare_pipeline.io.nimare_json import HasContrasts
from nimare_pipeline.io.ours import OUR_NAME, is_studyset
from nimare_pipeline.labels import free_name
from nimare_pipeline.tables import INCLUDE, RELATIVE
from nimare_pipeline.writing import write_file

BIDS_VERSION = "1.11.0"
BIDSIGNORE = (
    "study-*", "studies.*", "contrasts.*", "coordinates.*", "texts.*", "*_annotations.*",
    "*_statmap.json",
)  # fmt: skip
"""What BIDS has no name for; folders without a slash, which would leave the folder itself in."""
ANNOTATIONS = "desc-labels_annotations"

_IDS = {
    STUDY: "Label of the study, letters and digits",
    CONTRAST: "Label of the contrast, its own within the study",
}
_SYSTEMS = {"MNI": "MNIunknown", "TAL": "Talairach"}
_RESERVED = {
    *(STUDY, CONTRAST, "id", ORIGINAL_ID, SIZE, SPACE, *AXES, *IMAGES),
    *(ORDER, SYSTEM, UNITS, SAMPLE_SIZE, COLUMNS),
}
"""No header of a column that is carried over: columns of the layout, and keys of its sidecars."""
_NAMES = {
    "dataset_description.json",
    "README.md",
    ".bidsignore",
    *(
        f"{stem}.{suffix}"
        for stem in ("contrasts", "studies", "coordinates", "texts", ANNOTATIONS)
        for suffix in ("tsv", "json")
    ),
}
_README = Path(str(files("nimare_pipeline.data"))) / "studyset_readme.md"


@dataclass
class _Table:
    """Columns to be written, by header, and what the sidecar says of each."""

    n_rows: int
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sidecar: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, values: Sequence[Any], about: str = "", **more: Any) -> str:
        """Add a column under its name, or under the nearest that can be a header."""
        header = self.header(name) if "ImageType" not in more else name
        column = cells.written(values)
        said: dict[str, Any] = {"Description": about or "Carried over from the source"}
        if column.format == cells.JSON:
            said["Encoding"] = cells.JSON
        else:
            said["Format"] = column.format
        if header != name:
            said["OriginalName"] = name
        self.columns[header] = column.cells
        self.sidecar[header] = said | more
        return header

    def add_ids(self, keys: Sequence[tuple[str, ...]]) -> None:
        for i, name in enumerate((STUDY, CONTRAST)[: len(keys[0]) if keys else 2]):
            self.columns[name] = tuple(key[i] for key in keys)
            self.sidecar[name] = {"Description": _IDS[name], "Format": "string"}

    def add_original(self, ids: Sequence[str], labels: Sequence[str]) -> None:
        if list(ids) != list(labels):
            column = cells.written(ids)
            self.columns[ORIGINAL_ID] = column.cells
            how = {"Encoding": cells.JSON} if column.format == cells.JSON else {"Format": "string"}
            self.sidecar[ORIGINAL_ID] = {"Description": "Id in the source"} | how

    def header(self, name: str) -> str:
        plain = cells.is_plain(name) and not is_reserved(name) and name not in self.sidecar
        if plain and '"' not in name:
            return name
        stem = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "column"
        stem = f"{stem}_read" if is_reserved(stem) else stem
        return free_name(stem, lambda one: one in self.sidecar or is_reserved(one))

    def files(self, stem: str, **facts: Any) -> dict[str, bytes]:
        rows = [list(self.columns), *map(list, zip(*self.columns.values(), strict=True))]
        text = "".join("\t".join(row) + "\n" for row in rows)
        sidecar = {**facts, **self.sidecar}
        return {f"{stem}.tsv": text.encode(), f"{stem}.json": _json(sidecar)}


def is_reserved(name: str) -> bool:
    """Whether a header means something else in one of the tables."""
    special = name.endswith("_map") or GROUP_SIZE.fullmatch(name)
    return name in _RESERVED or bool(special)


def write(dataset: HasContrasts, folder: str | Path, *, name: str = "") -> Path:
    """Write a Dataset; reading the folder gives the identical Dataset.

    Columns that are empty throughout are left out. Image files are not copied: their paths are
    written as they are.

    Parameters
    ----------
    dataset : Dataset
    folder : path
        New or empty, or a folder written here before, which is replaced.
    name : str
        Name of the dataset; that of the folder by default.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If the folder holds something else, cannot be written, or a value cannot be in a table.
    """
    folder = Path(folder)
    contrasts = dataset.contrasts()
    try:
        contents = _contents(contrasts, name or folder.absolute().name)
    except TypeError as error:
        msg = f"cannot write {folder}: {error}"
        raise OutputError(msg) from error
    stale = refuse_foreign(folder)
    for file, content in contents.items():
        write_file(folder / file, content)
    for earlier in stale:
        if earlier.name not in contents:
            earlier.unlink(missing_ok=True)
    return folder


def refuse_foreign(folder: Path) -> list[Path]:
    """Files written before; a folder that holds anything else is refused.

    Raises
    ------
    OutputError
        If it does.
    """
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    foreign = [path.name for path in found if path.name not in _NAMES]
    if (folder.exists() and not folder.is_dir()) or foreign or (found and not is_studyset(folder)):
        what = f": {listed(foreign, 3)}" if foreign else ""
        msg = f"{folder} holds what was not written here{what}; give a new or an empty folder"
        raise OutputError(msg)
    return found


def _contents(contrasts: Sequence[Contrast], name: str) -> dict[str, bytes]:
    studies = _labels(dict.fromkeys(contrast.study_id for contrast in contrasts))
    keys = _keys(contrasts, studies)
    metadata = _columns([contrast.metadata for contrast in contrasts])
    of_study = [column for column in OF_STUDY if _is_of_study(metadata.get(column), keys)]
    main, study_table = _Table(len(keys)), _Table(len(studies))
    main.add_ids(keys)
    main.add_original(
        [contrast.contrast_id for contrast in contrasts], [contrast for _, contrast in keys]
    )
    study_table.add_ids([(label,) for label in studies.values()])
    study_table.add_original(list(studies), list(studies.values()))
    _add_sizes(main, contrasts)
    rows = {study: row for row, (study, _) in reversed([*enumerate(keys)])}
    order = []
    for column, values in metadata.items():
        if column in of_study:
            one_each = [values[rows[study]] for study in studies.values()]
            order.append(study_table.add(column, one_each, METADATA[column]))
        else:
            order.append(_add_metadata(main, column, values))
    _add_images(main, _columns([contrast.images for contrast in contrasts]))
    found = main.files("contrasts", **{ORDER: order}) | study_table.files("studies")
    for stem, parts in (
        (ANNOTATIONS, [contrast.annotations for contrast in contrasts]),
        ("texts", [contrast.texts for contrast in contrasts]),
    ):
        table = _Table(len(keys))
        table.add_ids(keys)
        for column, values in _columns(parts).items():
            table.add(column, values)
        if len(table.columns) > 2:
            found |= table.files(stem)
    if any(len(contrast.xyz) for contrast in contrasts):
        found |= _foci(contrasts, keys)
    return found | _dataset_level(name)


def _foci(contrasts: Sequence[Contrast], keys: Sequence[tuple[str, str]]) -> dict[str, bytes]:
    table = _Table(sum(len(contrast.xyz) for contrast in contrasts))
    counts = [len(contrast.xyz) for contrast in contrasts]
    table.add_ids([key for key, count in zip(keys, counts, strict=True) for _ in range(count)])
    for i, axis in enumerate(AXES):
        values = [value for contrast in contrasts for value in contrast.xyz[:, i].tolist()]
        table.columns[axis] = cells.written(values).cells
        about = f"Focus, {axis} in the space {SYSTEM} names"
        table.sidecar[axis] = {"Description": about, "Units": "mm", "Format": "number"}
    known = [str(spaces.recognise(s)) for contrast in contrasts for s in contrast.spaces]
    systems = [_SYSTEMS[space] for space in known]
    facts: dict[str, Any] = {UNITS: "mm"}
    if len(set(systems)) == 1:
        facts = {SYSTEM: systems[0], **facts}
    else:
        table.columns[SPACE] = tuple(systems)
        table.sidecar[SPACE] = {"Description": "Space of the focus", "Format": "string"}
    for name in dict.fromkeys(name for contrast in contrasts for name in contrast.values):
        values = [
            value
            for contrast, count in zip(contrasts, counts, strict=True)
            for value in contrast.values.get(name, (None,) * count)
        ]
        table.add(name, values, METADATA.get(name, ""))
    return table.files("coordinates", **facts)


def _add_sizes(table: _Table, contrasts: Sequence[Contrast]) -> None:
    sizes = [contrast.sample_sizes for contrast in contrasts]
    n_groups = max((len(one) for one in sizes), default=0)
    one = [each[0] if len(each) == 1 else None for each in sizes]
    columns = {SIZE: ("Participants", one)}
    for i in range(n_groups if n_groups > 1 else 0):
        several = [each[i] if len(each) > max(i, 1) else None for each in sizes]
        columns[f"group{i + 1}_n"] = (f"Participants of group {i + 1}", several)
    for name, (about, values) in columns.items():
        table.columns[name] = tuple(
            cells.MISSING if size is None else cells.number_text(float(size)) for size in values
        )
        table.sidecar[name] = {"Description": about, "Format": "number"}


def _add_metadata(table: _Table, name: str, values: Sequence[Any]) -> str:
    if name == INCLUDE and {type(value) for value in values if not is_missing(value)} != {bool}:
        about = {"OriginalName": name, "Description": "Carried over from the source"}
        header = table.add("include_read", values)
        table.sidecar[header] |= about
        return header
    if name in EMPTY_TEXT and not any(map(is_missing, values)):
        values = [value or None for value in values]
    return table.add(name, values, METADATA.get(name, ""))


def _add_images(table: _Table, images: Mapping[str, Sequence[Any]]) -> None:
    headers = {kind: header for header, kind in reversed(IMAGES.items())}
    for kind, values in images.items():
        plain = kind.removesuffix(RELATIVE)
        stem = headers.get(plain) or re.sub(r"\W+", "_", f"{plain}_map", flags=re.ASCII)
        stem = stem.removesuffix("_map")
        number = free_name(stem, lambda one: f"{one}_map" in table.sidecar, joint="")
        header = f"{number}_map"
        about = f"Path of the image {plain!r}"
        table.add(header, values, about, ImageType=kind)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Fields of rows as columns, in order of first appearance; empty ones are left out."""
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if not is_missing(value)
    )
    return {name: [row.get(name) for row in rows] for name in names}


def _is_of_study(values: Sequence[Any] | None, keys: Sequence[tuple[str, str]]) -> bool:
    if values is None:
        return False
    held: dict[str, str] = {}
    shown = [repr(None if is_missing(value) else value) for value in values]
    return all(
        held.setdefault(study, value) == value
        for (study, _), value in zip(keys, shown, strict=True)
    )


def _keys(contrasts: Sequence[Contrast], studies: Mapping[str, str]) -> list[tuple[str, str]]:
    by_study: dict[str, dict[str, None]] = {study: {} for study in studies}
    for contrast in contrasts:
        by_study[contrast.study_id][contrast.contrast_id] = None
    labels = {study: _labels(own) for study, own in by_study.items()}
    return [(studies[c.study_id], labels[c.study_id][c.contrast_id]) for c in contrasts]


def _labels(ids: Iterable[str]) -> dict[str, str]:
    """Label of each id: its letters and digits, with a number where they are not its alone."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    reached: dict[str, int] = {}
    for one in ids:
        stem = re.sub(r"[^0-9A-Za-z]", "", one) or "x"
        label = free_name(stem, lambda name: name.casefold() in taken, joint="x", reached=reached)
        taken.add(label.casefold())
        found[one] = label
    return found


def _dataset_level(name: str) -> dict[str, bytes]:
    generated = {
        "Name": OUR_NAME,
        "Version": nimare_pipeline.__version__,
        "Description": "Studies written as tables",
    }
    description = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generated],
    }
    readme = _README.read_text(encoding="utf-8").format(name=name)
    return {
        "dataset_description.json": _json(description),
        "README.md": readme.encode(errors="replace"),
        ".bidsignore": "".join(f"{line}\n" for line in BIDSIGNORE).encode(),
    }


def _json(value: Any) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # Half a surrogate pair can stand in a JSON text only as an escape.
    return text.encode("utf-8", errors="backslashreplace")
