"""Records and tables as files between nodes: they come back as they were."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.errors import Problem
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.store import read_arrays, write_arrays

if TYPE_CHECKING:
    from nimare_pipeline.image_diagnostics import ImageDiagnostics


def to_record(value: Analysis | Settings) -> dict[str, Any]:
    """Make a dict of JSON types of a run's description."""
    return json.loads(json.dumps(asdict(value)))


def to_analysis(record: Mapping[str, Any]) -> Analysis:
    """Make an Analysis of what ``to_record`` returned."""
    parts: dict[str, Any] = {
        name: Component(**record[name]) for name in ("estimator", "corrector")
    }
    parts |= {name: tuple(record[name]) for name in ("sources", "folders")}
    return Analysis(**{**record, **parts})


def to_settings(record: Mapping[str, Any]) -> Settings:
    """Make Settings of what ``to_record`` returned."""
    return Settings(**{**record, "command": tuple(record["command"])})


def write_frame(path: str | Path, frame: pd.DataFrame) -> Path:
    """Write a table with its types and every digit, which neither TSV nor to_json keep.

    Numbers are arrays, and texts that repeat are written once: tables of a database have half a
    million rows.
    """
    columns, arrays = [], {}
    for number, name in enumerate(frame.columns):
        kind, values = str(frame[name].dtype), None
        if isinstance(frame[name].dtype, np.dtype) and kind != "object":
            arrays[str(number)] = frame[name].to_numpy()
        else:
            values, codes = _coded(frame[name])
            arrays |= {} if codes is None else {str(number): codes}
        columns.append({"name": name, "dtype": kind, "values": values})
    header = np.frombuffer(json.dumps(columns).encode(), dtype=np.uint8)
    return write_arrays(path, {"columns": header, **arrays})


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read what ``write_frame`` wrote; the index is counted anew."""
    arrays = read_arrays(path)
    columns = {}
    for number, column in enumerate(json.loads(arrays["columns"].tobytes())):
        values, given = column["values"], arrays.get(str(number))
        if values is None:
            values = given
        elif given is not None:
            values = np.array([*values, None], dtype=object)[given]
        columns[column["name"]] = pd.Series(values, dtype=column["dtype"])
    return pd.DataFrame(columns)


def _coded(column: pd.Series) -> tuple[list[Any], NDArray[np.int32] | None]:
    """Texts once, and the number of each cell's (-1: none); or the cells as they are."""
    cells = column.tolist()
    if all(cell is None or type(cell) is str for cell in cells):
        codes, texts = pd.factorize(np.array(cells, dtype=object))
        return texts.tolist(), codes.astype(np.int32)
    return [None if cell is pd.NA else cell for cell in cells], None


def write_problems(path: str | Path, problems: Iterable[Problem]) -> Path:
    """Write problems found in the data."""
    path = Path(path)
    path.write_text(json.dumps([asdict(problem) for problem in problems]), encoding="utf-8")
    return path


def read_problems(path: str | Path) -> tuple[Problem, ...]:
    """Read what ``write_problems`` wrote."""
    records = json.loads(Path(path).read_text(encoding="utf-8"))
    return tuple(Problem(**record) for record in records)


def write_diagnostics(
    folder: str | Path, diagnostics: "ImageDiagnostics", problems: Iterable[Problem]
) -> Path:
    """Write diagnostics of an image-based analysis, and why there are none."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    write_frame(folder / "studies.npz", diagnostics.studies)
    write_frame(folder / "pooled.npz", diagnostics.pooled)
    specs = [asdict(spec) for spec in diagnostics.maps]
    (folder / "maps.json").write_text(json.dumps(specs), encoding="utf-8")
    maps = {str(number): values for number, values in enumerate(diagnostics.maps.values())}
    write_arrays(folder / "maps.npz", maps)
    write_problems(folder / "problems.json", problems)
    return folder


def read_diagnostics(folder: str | Path) -> tuple["ImageDiagnostics", tuple[Problem, ...]]:
    """Read what ``write_diagnostics`` wrote."""
    from nimare_pipeline.image_diagnostics import ImageDiagnostics

    folder = Path(folder)
    specs = json.loads((folder / "maps.json").read_text(encoding="utf-8"))
    arrays = read_arrays(folder / "maps.npz")
    return (
        ImageDiagnostics(
            read_frame(folder / "studies.npz"),
            read_frame(folder / "pooled.npz"),
            {MapSpec(**spec): arrays[str(number)] for number, spec in enumerate(specs)},
        ),
        read_problems(folder / "problems.json"),
    )
