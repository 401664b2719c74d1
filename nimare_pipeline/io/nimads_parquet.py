"""Studysets as parquet tables: the form in which NiMARE and NeuroStore release large ones.

A folder of ``studies``, ``analyses``, ``coordinates``, ``images``, ``metadata``, ``annotations``
and ``texts`` (``*.parquet``), with a ``studyset.json`` that lists them. Needs pyarrow, which is
the optional extra ``parquet``.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import Contrast, counted, is_missing, listed, quoted
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _json
from nimare_pipeline.io._nimads_points import is_usual, read_sizes
from nimare_pipeline.io._parquet import cells, read_table

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "parquet studyset"

_FORMAT = "nimare-studyset-parquet"
_TABLES = ("studies", "analyses", "coordinates", "images", "metadata", "annotations", "texts")
_REQUIRED = ("studies", "analyses")
_IDS = ("id", "study_id", "contrast_id")
_PLACES = ("x", "y", "z", "space", "kind")
_SOURCE = "__source"
"""What the name of a column of images ends in."""


def sniff(path: Path) -> bool:
    """Whether a file is one of the tables, or the list of them."""
    if path.suffix.lower() == ".json":
        return path.stat().st_size < 2**20 and _manifest(path) is not None
    if path.suffix.lower() != ".parquet" or path.stem not in _TABLES:
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Files by folder, the list of the tables first."""
    groups = []
    for folder in dict.fromkeys(path.parent for path in paths):
        # One file that is named stands for its studyset.
        files = [file for file in sorted(folder.iterdir()) if file.is_file() and sniff(file)]
        groups.append(tuple(sorted(files, key=lambda file: file.suffix == ".parquet")))
    return groups


def own_name(path: Path) -> str | None:
    """Name of the studyset, if its list has one; else that of the folder."""
    found = _manifest(path) if path.suffix.lower() == ".json" else None
    name = found.get("name") if found else None
    has_letters = isinstance(name, str) and any(c.isascii() and c.isalnum() for c in name)
    return str(name) if has_letters else ""


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a studyset, in the order of its analyses.

    Parameters
    ----------
    path, *companions : Path
        Tables, and the list of them if there is one.

    Raises
    ------
    NoInputError, DataError
        If a table is missing or damaged, or pyarrow is not installed.
    """
    files = {one.stem: one for one in (path, *companions) if one.suffix.lower() == ".parquet"}
    lacking = [name for name in _REQUIRED if name not in files]
    if lacking:
        message = f"there is no {' and no '.join(f'{name}.parquet' for name in lacking)}"
        problem = Problem("error", message, path.name, suggestion="the whole folder of tables")
        raise DataError("the studyset is not complete", [problem])
    tables = {name: read_table(file) for name, file in files.items()}
    for name, table in tables.items():
        _require(files[name], table, ("study_id",) if name == "studies" else _IDS)
    return _Reader(path.name, tables).contrasts()


def read_folder(folder: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of the tables in a folder, see :func:`read`."""
    files = [folder / "studyset.json", *(folder / f"{name}.parquet" for name in _TABLES)]
    found = [file for file in files if file.is_file()]
    return read(*(found or files))


class _Reader:
    """Tables of one studyset, and what is wrong in them."""

    def __init__(self, file: str, tables: Mapping[str, "pa.Table"]) -> None:
        self.file = file
        self.tables = tables
        self.problems: list[Problem] = []
        self.unusual: dict[str, int] = {}
        columns = (cells(tables["analyses"].column(name)) for name in _IDS)
        self.ids, self.study_ids, self.contrast_ids = (
            ["" if is_missing(cell) else str(cell) for cell in column] for column in columns
        )
        self.row = {name: number for number, name in reversed(list(enumerate(self.ids)))}

    def contrasts(self) -> tuple[list[Contrast], list[Problem]]:
        """Contrasts, and what is wrong in them."""
        studies = self.of_studies()
        analysis_names = self.rows("analyses")
        metadata, notes, texts, images = map(
            self.rows, ("metadata", "annotations", "texts", "images")
        )
        foci = self.foci()
        found = []
        for number, (study_id, contrast_id) in enumerate(
            zip(self.study_ids, self.contrast_ids, strict=True)
        ):
            study = studies.get(study_id, {})
            known = metadata[number]
            xyz, spaces, values = foci[number]
            found.append(
                Contrast(
                    study_id=study_id,
                    contrast_id=contrast_id,
                    xyz=xyz,
                    spaces=spaces,
                    sample_sizes=self.sizes(number, notes[number], known),
                    metadata=_metadata(study, analysis_names[number], known),
                    images=_images(images[number]),
                    annotations=notes[number],
                    texts=_texts(study, texts[number]),
                    values=values,
                    file=self.file,
                )
            )
        for name, count in self.unusual.items():
            many = counted(count, "analysis", "analyses")
            self.warn(f"{name!r} is taken as the sample size of {many}")
        return found, self.problems

    def sizes(
        self, number: int, note: Mapping[str, Any], known: Mapping[str, Any]
    ) -> tuple[float, ...]:
        for holder in (note, known):
            sizes, name, wrong = read_sizes(holder)
            if wrong:
                message = f"{wrong} {quoted(holder[wrong], 40)} is not a positive number"
                self.warn(message, "taken as unknown", where=f"analysis {self.ids[number]}")
            if sizes:
                if not is_usual(name):
                    self.unusual[name] = self.unusual.get(name, 0) + 1
                return sizes
        return ()

    def of_studies(self) -> dict[str, dict[str, Any]]:
        """Columns of the studies by study."""
        table = self.tables["studies"]
        names = [str(cell) for cell in cells(table.column("study_id"))]
        rows: list[dict[str, Any]] = [{} for _ in names]
        for name, places, found in _columns(table, skip=_IDS):
            for place, cell in zip(places, found, strict=True):
                rows[place][name] = cell
        lacking = sorted(set(self.study_ids) - set(names))
        if lacking:
            many = counted(len(lacking), "study", "studies")
            self.warn(f"studies.parquet lacks {many} of the analyses: {listed(lacking, 5)}")
        return dict(zip(names, rows, strict=True))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Cells of a table that are not empty, for each analysis."""
        found: list[dict[str, Any]] = [{} for _ in self.ids]
        table = self.tables.get(name)
        if table is None:
            return found
        rows = self.places(name, table)
        for column, places, said in _columns(table, skip=_IDS):
            for place, cell in zip(rows[places].tolist(), said, strict=True):
                if place >= 0:
                    found[place].setdefault(column, cell)
        return found

    def places(self, name: str, table: "pa.Table") -> NDArray[np.int64]:
        """Row of the analyses for each row of a table; -1 for an unknown analysis."""
        ids = cells(table.column("id"))
        rows = np.array([self.row.get(str(one), -1) for one in ids], dtype=np.int64)
        lost = int((rows < 0).sum())
        if lost:
            names = dict.fromkeys(str(one) for one in ids if str(one) not in self.row)
            message = (
                f"{counted(lost, 'row')} of {name}.parquet of "
                f"{counted(len(names), 'analysis', 'analyses')} that analyses.parquet lacks: "
                f"{listed(list(names), 5)}"
            )
            self.problems.append(Problem("error", message, self.file))
        return rows

    def foci(self) -> list[tuple[NDArray[np.float64], tuple[str, ...], dict[str, Any]]]:
        """Foci, spaces and values of each analysis."""
        table = self.tables.get("coordinates")
        nothing: tuple[Any, tuple[str, ...], dict[str, Any]] = (np.zeros((0, 3)), (), {})
        if table is None or not table.num_rows:
            return [nothing for _ in self.ids]
        rows = self.places("coordinates", table)
        xyz = np.stack([_numbers(table, axis) for axis in "xyz"], axis=1)
        placed = ~np.isnan(xyz).all(axis=1)
        if not placed.all():
            many = counted(int((~placed).sum()), "focus", "foci")
            self.warn(f"{many} without coordinates left out")
        order = np.flatnonzero((rows >= 0) & placed)
        order = order[np.argsort(rows[order], kind="stable")]
        ends = np.searchsorted(rows[order], np.arange(len(self.ids) + 1))
        spaces = cells(table.column("space")) if "space" in table.column_names else None
        values: list[dict[str, Any]] = [{} for _ in range(table.num_rows)]
        for name, places, said in _columns(table, skip=(*_IDS, *_PLACES)):
            for place, cell in zip(places.tolist(), said, strict=True):
                values[place][name] = cell
        found = []
        for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            mine = order[begin:end].tolist()
            own = [values[place] for place in mine]
            names = dict.fromkeys(name for one in own for name in one)
            found.append(
                (
                    xyz[mine],
                    tuple(str(spaces[place] or "") if spaces else "" for place in mine),
                    {name: tuple(one.get(name) for one in own) for name in names},
                )
            )
        return found

    def warn(self, message: str, suggestion: str = "", where: str = "") -> None:
        self.problems.append(Problem("warning", message, self.file, where, suggestion))


def _require(file: Path, table: "pa.Table", names: Sequence[str]) -> None:
    needed = (*names, "x", "y", "z") if file.stem == "coordinates" else names
    lacking = [name for name in needed if name not in table.column_names]
    if lacking:
        has = listed(table.column_names, 10) or "none"
        problem = Problem("error", f"no column {', '.join(lacking)}", file.name, "", f"has {has}")
        raise DataError("the studyset is not complete", [problem])


def _columns(
    table: "pa.Table", skip: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.int64], list[Any]]]:
    """Each column with the rows that have a value, and the values."""
    for name in table.column_names:
        column = table.column(name)
        if name in skip or column.null_count == len(column):
            continue
        values = cells(column)
        kept = [number for number, cell in enumerate(values) if not is_missing(cell)]
        if kept:
            yield str(name), np.array(kept, dtype=np.int64), [values[number] for number in kept]


def _numbers(table: "pa.Table", axis: str) -> NDArray[np.float64]:
    try:
        column = table.column(axis).cast("float64")
        return np.asarray(column.to_numpy(), dtype=np.float64)
    except ValueError as error:  # pyarrow's errors of types are such
        message = f"column {axis} is no column of numbers: {error}"
        problem = Problem("error", message, "coordinates.parquet")
        raise DataError("the studyset cannot be read", [problem]) from error


def _metadata(
    study: Mapping[str, Any], analysis: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    found = {
        "study_name": study.get("name"),
        "contrast_name": analysis.get("name"),
        **{name: cell for name, cell in study.items() if name not in ("name", "description")},
        **{name: cell for name, cell in known.items() if name != "analysis_name"},
    }
    return {
        name: cell
        for name, cell in found.items()
        if not is_missing(cell)
        and cell != ""
        and not isinstance(cell, Mapping)
        and not is_usual(name)
    }


def _images(found: Mapping[str, Any]) -> dict[str, str]:
    images = {
        name.removesuffix(_SOURCE): str(cell)
        for name, cell in found.items()
        if name.endswith(_SOURCE) and cell
    }
    return images | ({"space": str(found["space"])} if images and found.get("space") else {})


def _texts(study: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, str]:
    abstract = study.get("description")
    said = {"abstract": abstract} if abstract else {}
    return {name: str(text) for name, text in {**said, **own}.items()}


def _manifest(path: Path) -> Mapping[str, Any] | None:
    found = _json.peek(path)
    is_list = isinstance(found, Mapping) and found.get("format") == _FORMAT
    return found if is_list else None
