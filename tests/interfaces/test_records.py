"""Records and tables come back from their files as they were."""

import json

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.errors import Problem
from nimare_pipeline.interfaces.records import (
    read_frame,
    read_problems,
    to_analysis,
    to_record,
    to_settings,
    write_frame,
    write_problems,
)
from nimare_pipeline.settings import Analysis, Component, Settings


def test_an_analysis_round_trips():
    """An analysis is the same after its way through JSON."""
    analysis = Analysis(
        "pain",
        estimator=Component("ALE", {"kernel__fwhm": 10.0}),
        missing_n="median",
        sources=("a.txt", "b.txt"),
    )
    assert to_analysis(json.loads(json.dumps(to_record(analysis)))) == analysis


def test_settings_round_trip():
    """Settings are the same after their way through JSON."""
    settings = Settings(
        "/in", "/out", "/scratch", "uuid", n_procs=3, command=("nimare-pipeline", "/in")
    )
    assert to_settings(json.loads(json.dumps(to_record(settings)))) == settings


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([0.1, 1 / 3, np.nan, -0.0, np.inf, 1e-300]),
        pd.Series(["001", "1.0", "", None, "ä\t\n"], dtype="str"),
        pd.Series([1, None, 2**60], dtype="Int64"),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([True, False]),
        pd.Series([1, 2**60]),
        pd.Series([[1, 2], [], [3]], dtype="object"),
        pd.Series(["b", None, "a", "b", "1.0"], dtype="object"),
        pd.Series(["1", 1, 1.0, True, None], dtype="object"),
        pd.Series([], dtype="float64"),
    ],
    ids=[
        "float",
        "text",
        "Int64",
        "boolean",
        "bool",
        "int",
        "lists",
        "repeated",
        "mixed",
        "empty",
    ],
)
def test_columns_round_trip(column, tmp_path):
    """Types, digits, missing values and text that looks like numbers all survive."""
    frame = pd.DataFrame({"a column": column})
    again = read_frame(write_frame(tmp_path / "frame.json", frame))
    pd.testing.assert_frame_equal(again, frame, check_exact=True)


def test_problems_round_trip(tmp_path):
    """Problems keep every part."""
    problems = (Problem("warning", "odd", file="a", where="line 1"), Problem("error", "bad"))
    assert read_problems(write_problems(tmp_path / "p.json", problems)) == problems
