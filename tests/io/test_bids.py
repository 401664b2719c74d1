"""What BIDS asks of the description of a dataset."""

import json
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import Problem
from nimare_pipeline.io._bids import KIND, check_description

GOOD = {"Name": "a", "BIDSVersion": "1.10.0"}
SLEUTH = "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n"


def check(folder: Path, text: str) -> list[str]:
    """Messages of the problems of a description."""
    (folder / "dataset_description.json").write_text(text, encoding="utf-8")
    problems = check_description(folder)
    assert {(p.level, p.kind, p.file) for p in problems} <= {
        ("error", KIND, "dataset_description.json")
    }
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"DatasetType": "raw", "Authors": ["A", "B"], "License": "CC0", "Funding": []},
        {"DatasetType": "derivative", "GeneratedBy": [{"Name": "x", "Version": "1"}]},
        {"DatasetType": "study", "Keywords": ["pain"], "OurOwn": {"a": 1}},
    ],
)
def test_what_is_right(tmp_path: Path, more: dict[str, Any]) -> None:
    """Required, recommended and unknown keys."""
    assert check(tmp_path, "\ufeff" + json.dumps(GOOD | more)) == []


def test_a_folder_without_description(tmp_path: Path) -> None:
    """It does not say that it is a BIDS dataset."""
    assert check_description(tmp_path) == []
    assert check_description(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("more", "messages"),
    [
        ({"Name": None}, ["Name is null"]),
        ({"Name": " "}, ['Name is " "']),
        ({"BIDSVersion": 1.1}, ["BIDSVersion is 1.1"]),
        ({"DatasetType": "derivatives"}, ['DatasetType is "derivatives"']),
        ({"DatasetType": ["raw"]}, ['DatasetType is ["raw"]']),
        ({"DatasetType": "derivative"}, ["has no GeneratedBy"]),
        ({"GeneratedBy": "us"}, ['GeneratedBy is "us"']),
        ({"DatasetType": "derivative", "GeneratedBy": []}, ["GeneratedBy is []"]),
        ({"GeneratedBy": [{"Version": 1}]}, ['GeneratedBy is [{"Version": 1}]']),
        ({"Authors": "A, B"}, ['Authors is "A, B"']),
        ({"Funding": [1]}, ["Funding is [1]"]),
        ({"License": {"a": "x" * 100}}, ['License is {"a": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...']),
    ],
)
def test_what_is_wrong(tmp_path: Path, more: dict[str, Any], messages: list[str]) -> None:
    """One message for each fault."""
    assert check(tmp_path, json.dumps(GOOD | more)) == messages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "has no Name"),
        ("[1]", "is no JSON object"),
        ("{", "cannot be read: Expecting property name"),
        ("[" * 100_000, "cannot be read: "),
        (f'{{"a": {"1" * 10_000}}}', "cannot be read: "),
        (" " * 10_000_001, "is too large for a description of a dataset"),
    ],
)
def test_broken_and_hostile_files(tmp_path: Path, text: str, message: str) -> None:
    """They end in one message."""
    assert check(tmp_path, text)[0].startswith(message)


def test_a_description_that_is_no_text(tmp_path: Path) -> None:
    """Bytes of no encoding."""
    (tmp_path / "dataset_description.json").write_bytes(b"\xff\xfe\x00")
    (problem,) = check_description(tmp_path)
    assert problem.message.startswith("cannot be read: ")


def test_a_run_is_warned_and_goes_on(tmp_path: Path) -> None:
    """The studies of an invalid BIDS dataset can be analysed."""
    (tmp_path / "a.txt").write_text(SLEUTH)
    (tmp_path / "dataset_description.json").write_text('{"Name": "a"}')
    (source,) = io.read(tmp_path)
    assert source.problems == (
        Problem(
            "warning",
            "has no BIDSVersion",
            "dataset_description.json",
            "",
            "BIDSVersion is a text that BIDS requires",
            "bids",
        ),
    )
    assert (source.n_warnings, source.kinds) == (1, {"bids": 1})
