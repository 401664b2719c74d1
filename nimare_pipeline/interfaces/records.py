"""Records and tables as files between nodes: JSON that comes back as it was."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from nimare_pipeline.errors import Problem
from nimare_pipeline.settings import Analysis, Component, Settings


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
    """Write a table with its types and every digit, which neither TSV nor to_json keep."""
    columns = [
        {
            "name": name,
            "dtype": str(frame[name].dtype),
            "values": [None if value is pd.NA else value for value in frame[name].tolist()],
        }
        for name in frame.columns
    ]
    path = Path(path)
    path.write_text(json.dumps(columns), encoding="utf-8")
    return path


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read what ``write_frame`` wrote; the index is counted anew."""
    columns = json.loads(Path(path).read_text(encoding="utf-8"))
    return pd.DataFrame(
        {column["name"]: pd.Series(column["values"], dtype=column["dtype"]) for column in columns}
    )


def write_problems(path: str | Path, problems: Iterable[Problem]) -> Path:
    """Write problems found in the data."""
    path = Path(path)
    path.write_text(json.dumps([asdict(problem) for problem in problems]), encoding="utf-8")
    return path


def read_problems(path: str | Path) -> tuple[Problem, ...]:
    """Read what ``write_problems`` wrote."""
    records = json.loads(Path(path).read_text(encoding="utf-8"))
    return tuple(Problem(**record) for record in records)
