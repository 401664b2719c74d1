"""The last line and status.json are one record."""

import json
import re

import pytest

from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import (
    AnalysisOutcome,
    Outcome,
    new_run_uuid,
    summarise,
    write_status,
)

GOOD = AnalysisOutcome("a")
BAD = AnalysisOutcome("b", ExitCode.BAD_DATA, "no foci")
WORSE = AnalysisOutcome("c", ExitCode.IO_ERROR, "disk")


@pytest.mark.parametrize(
    ("code", "word"),
    [(0, "SUCCESS"), (3, "PARTIAL"), (4, "PARTIAL"), (65, "FAILED"), (130, "FAILED")],
)
def test_word_follows_the_code(code, word) -> None:
    """Complete, partly complete, failed."""
    assert Outcome(ExitCode(code), "why").word == word


def test_line_has_the_agreed_form() -> None:
    """``WORD (exit N): reason; see PATH``, and without the path where there is none."""
    assert Outcome(ExitCode.BAD_DATA, "why", "/log").line == "FAILED (exit 65): why; see /log"
    assert Outcome(ExitCode.OK, "done").line == "SUCCESS (exit 0): done"


@pytest.mark.parametrize(
    ("analyses", "code", "reason"),
    [
        ([GOOD], 0, "1 analysis complete"),
        ([GOOD, GOOD], 0, "2 analyses complete"),
        ([GOOD, BAD], 3, "1 of 2 analyses failed: b: no foci"),
        ([BAD], 65, "b: no foci"),
        ([WORSE, BAD], 74, "2 of 2 analyses failed: c: disk; b: no foci"),
    ],
)
def test_run_is_the_sum_of_its_analyses(analyses, code, reason) -> None:
    """All complete is 0, some is 3, none is the code of the first that failed."""
    assert summarise(analyses) == (code, reason)


def test_file_says_what_the_line_says(tmp_path) -> None:
    """status.json holds the line, its parts, the analyses and facts; no other file is left."""
    outcome = Outcome(ExitCode.PARTIAL, "why", "/report", (GOOD, BAD))
    write_status(tmp_path / "status.json", outcome, version="1")
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
    assert json.loads((tmp_path / "status.json").read_text()) == {
        "status": "PARTIAL",
        "line": "PARTIAL (exit 3): why; see /report",
        "exit_code": 3,
        "reason": "why",
        "see": "/report",
        "analyses": [
            {"name": "a", "exit_code": 0, "reason": "", "state": "complete"},
            {"name": "b", "exit_code": 65, "reason": "no foci", "state": "failed"},
        ],
        "version": "1",
    }


@pytest.mark.parametrize(
    ("code", "state"),
    [(0, "complete"), (65, "failed"), (75, "interrupted"), (130, "interrupted")],
)
def test_state_follows_the_code(code, state) -> None:
    """What resumes is interrupted; without a code an analysis was not started."""
    assert AnalysisOutcome("a", ExitCode(code)).state == state
    assert AnalysisOutcome("a", None).state == "not started"


def test_run_uuid_is_time_and_chance() -> None:
    """Two runs of one second have different names."""
    one, other = new_run_uuid(), new_run_uuid()
    assert re.fullmatch(r"\d{8}-\d{6}_[0-9a-f-]{36}", one)
    assert one != other
