"""What the rows of a JALE analysis sheet become."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import model
from nimare_pipeline.errors import ModelError
from nimare_pipeline.io import jale
from nimare_pipeline.registry import PAIR_ESTIMATORS
from nimare_pipeline.settings import Component
from tests.io.sheets import csv, workbook, written

BALANCED = "BalancedALESubtraction"


def sheet(folder: Path, *rows: Any) -> Path:
    return written(folder / "analysis_info.csv", csv(rows))


def refusals(path: Path) -> list[str]:
    with pytest.raises(ModelError) as raised:
        model.read(path)
    return [str(problem) for problem in raised.value.problems]


def test_main_effects(tmp_path: Path) -> None:
    """M is an ALE of what its tags select; no tag but ALL selects everything."""
    path = sheet(tmp_path, ("M", "every one", "+ALL"), ("M", "low_load", "+nback", "-high"))
    first, second = model.read(path).analyses
    assert (first.name, first.type, first.select) == ("everyOne", "cbma", "")
    assert first.estimator.type == "ALE"
    assert (second.name, second.select) == (
        "lowLoad",
        'label("tag__nback") and not label("tag__high")',
    )


def test_a_contrast_brings_its_main_effects_and_their_conjunction(tmp_path: Path) -> None:
    """As JALE computes them; an effect that has a row of its own is made once."""
    path = sheet(
        tmp_path, ("M", "low", "+low"), ("C ", "low", "+low"), ("", "high", "+high", "+nback", "?")
    )
    low, high, pair, both = model.read(path).analyses
    assert [one.name for one in (low, high, pair, both)] == [
        *("low", "high", "lowVersusHigh", "lowAndHigh")
    ]
    assert [one.type for one in (low, high, pair, both)] == [
        *("cbma", "cbma", "pair", "conjunction")
    ]
    assert pair.options["groups"] == {
        "low": 'label("tag__low")',
        "high": 'label("tag__high") or label("tag__nback")',
    }
    assert pair.estimator == Component("ALESubtraction")
    assert both.options["of"] == ["low", "high"]


def test_balanced_contrasts(tmp_path: Path) -> None:
    """B<n> is a comparison of n experiments of each group, where there is such an estimator."""
    path = sheet(tmp_path, ("M", "a", "+a"), ("B17", "a", "+a"), ("", "b", "+b"))
    made, left_out = jale.analyses(path)
    if BALANCED in PAIR_ESTIMATORS:
        values = made[1]
        assert values["name"] == "aVersusBBalanced17"
        assert values["estimator"] == {"type": BALANCED, "args": {"target_n": 17}}
    else:
        assert [str(problem) for problem in left_out] == [
            f"analysis_info.csv, line 2: 'a' is left out: {BALANCED} is not built here"
        ]


def test_settings_of_the_project(tmp_path: Path) -> None:
    """Iterations and threshold hold unless thresholds are predicted; permutations always."""
    path = sheet(tmp_path, ("C", "a", "+a"), ("", "b", "+b"))
    settings = (
        "parameters:\n  cutoff_predict_enabled: False\n  monte_carlo_iterations: 700\n"
        "  cluster_forming_threshold: 0.005  # Default\n  contrast_permutations: 800\n"
    )
    written(tmp_path / "config.yml", settings)
    first, _, pair, _ = model.read(path).analyses
    assert first.corrector.args == {"method": "montecarlo", "n_iters": 700, "voxel_thresh": 0.005}
    assert pair.estimator.args == {"n_iters": 800}
    written(tmp_path / "config.yml", settings.replace("False", "True"))
    first, _, pair, _ = model.read(path).analyses
    assert first.corrector.args["n_iters"] == 10000
    assert pair.estimator.args == {"n_iters": 800}


def test_same_names_get_numbers(tmp_path: Path) -> None:
    """Two rows of one name with other tags are two analyses."""
    path = sheet(tmp_path, ("M", "a", "+a"), ("M", "a", "+b"), ("M", "a", "+a"))
    assert [one.name for one in model.read(path).analyses] == ["a", "a2"]


def test_rows_that_cannot_be_understood(tmp_path: Path) -> None:
    """All of them at once, with their lines."""
    path = sheet(
        tmp_path,
        ("", "before", "+x"),
        ("M", "", "+a"),
        ("M", "no tags"),
        ("C", "alone", "+a"),
        ("C", "same", "+a"),
        ("", "same", "+b"),
    )
    assert refusals(path) == [
        "analysis_info.csv, line 1: row 'before' has no type (M, P, C, B or Cluster)",
        "analysis_info.csv, line 2: '' is no name (a name with a letter or digit)",
        "analysis_info.csv, line 3: 'no tags' has no tags (+ALL for all experiments)",
        (
            "analysis_info.csv, line 4: contrast 'alone' has no second row (a contrast is of two "
            "rows; the second has no type)"
        ),
        "analysis_info.csv, line 6: both rows of the contrast are called 'same'",
    ]


def test_nothing_that_can_be_run(tmp_path: Path) -> None:
    """A sheet of what is not built here is no analysis file."""
    assert refusals(sheet(tmp_path, ("P20", "a", "+a"))) == [
        "analysis_info.csv, line 1: no analysis in it can be run here",
        "analysis_info.csv, line 1: 'a' is left out: probabilistic ALE is not built here",
    ]


def test_its_text_is_an_analysis_file(tmp_path: Path) -> None:
    """What a run logs and ``init`` writes is TOML, whatever stands in the sheet."""
    rows = (("M", 'a "b" #\n', '+t"\\ag #x', "$roi.nii"), ("M", "c", "+ünï"))
    path = workbook(
        tmp_path / "a.xlsx", {"s": [[r.replace("\x0b", "") for r in row] for row in rows]}
    )
    found = tomllib.loads(model.read(path).text.decode())
    assert [one["name"] for one in found["analysis"]] == ["aB", "c"]
    assert found["analysis"][0]["select"] == 'label("tag__t\\"\\\\ag #x")'
    assert found["analysis"][1]["select"] == 'label("tag__ünï")'
