"""``nimare-pipeline --selftest``: its table, its file, its exit code, and broken installations."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline.cli.commands import selftest
from nimare_pipeline.selftest import Check
from nimare_pipeline.selftest_checks import MORE, QUICK
from tests.cli.program import ROOT, Ended, call, environment


def test_everything(tmp_path: Path) -> None:
    """All checks and one whole analysis pass: exit 0, a row and a record of each."""
    file = tmp_path / "findings.json"
    ended = call("--selftest", "--json", file)
    n = len(QUICK) + len(MORE) + 1
    assert ended.code == 0, ended.out
    assert ended.line.startswith(f"SUCCESS (exit 0): {n} checks passed in ")
    assert ended.line.endswith(f"see {file}")
    rows = [line for line in ended.out.splitlines() if line.startswith("ok ")]
    assert len(rows) == n
    assert max(map(len, ended.out.splitlines()[:-1])) <= 80
    found = json.loads(file.read_text())
    assert found["passed"] is True
    assert found["part"] == "all"
    assert [check["passed"] for check in found["checks"]] == [True] * n
    assert found["checks"][-1]["name"] == "one whole analysis of the example"
    assert "numba" in found["versions"]


def test_quick_part(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``quick`` does the quick checks and no other."""
    one = Check("one", "nobody", 1, lambda: 1.0)
    monkeypatch.setattr(selftest, "QUICK", (one,))
    ended = here("--selftest", "quick")
    assert ended.code == 0
    assert ended.line == "SUCCESS (exit 0): 1 checks passed in 0 s"


def test_failed_check(here: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A number that is off: FAIL, what was expected and from where, exit 1."""
    wrong = Check("two and two", "arithmetic", 4, lambda: 5.0, 0.5)
    text = Check("a longer answer", "a book", "to be or not to be", lambda: "to be and not to be")
    monkeypatch.setattr(selftest, "QUICK", (wrong, text))
    file = tmp_path / "findings.json"
    ended = here("--selftest", "quick", "--json", file)
    assert ended.code == 1
    assert ended.out.splitlines()[1:] == [
        "FAIL two and two                                       4           5    0.5  0.0",
        "      known from: arithmetic",
        "FAIL a longer answer                                                  equal  0.0",
        "      expected to be or not to be",
        "      found    to be and not to be",
        "      known from: a book",
        f"FAILED (exit 1): 2 of 2 checks failed: two and two; a longer answer; see {file}",
    ]
    assert json.loads(file.read_text())["passed"] is False


def test_run_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole analysis is found out when it ends with another exit code."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert selftest.whole_run().startswith("1: ")


def test_run_without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is when there is no report."""
    monkeypatch.setattr(sys, "executable", "/bin/true")
    assert selftest.whole_run() == "0, without a report"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["slow"], 64, "part: invalid choice: 'slow' (choose from 'quick')"),
        (["--json"], 64, "--json: expected one argument"),
        (["--json", "/nonexistent/a.json"], 73, "--json /nonexistent/a.json: No such file or dir"),
    ],
)
def test_wrong_words(here: Any, words: list[str], code: int, message: str) -> None:
    """A wrong word or file ends it before anything is computed."""
    ended = here("--selftest", *words)
    assert ended.code == code
    assert message in ended.line
    assert "ok " not in ended.out


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A copy of the package, with the code that was compiled here, to be broken."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "nimare_pipeline", copy / "nimare_pipeline")
    return copy


def quick_in(folder: Path) -> Ended:
    words = [sys.executable, "-m", "nimare_pipeline", "--selftest", "quick"]
    ended = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder,
        env=environment(PYTHONPATH=str(folder)),
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_missing_data_file(installation: Path) -> None:
    """A data file that is not there fails the checks that need it, and these only."""
    (installation / "nimare_pipeline/data/selftest/r_p_adjust.json").unlink()
    ended = quick_in(installation)
    assert ended.code == 1
    assert ended.line == (
        f"FAILED (exit 1): 1 of {len(QUICK)} checks failed: adjusted p, relative difference"
    )
    assert "FileNotFoundError: [Errno 2] No such file or directory: " in ended.out
    assert "r_p_adjust.json" in ended.out
    assert "Traceback" not in ended.out + ended.err


def test_library_that_does_not_fit(installation: Path) -> None:
    """A library that cannot be imported is said in each row that needs it, without a traceback."""
    (installation / "numba.py").write_text("raise ImportError('Numba needs NumPy 2.2 or less')")
    ended = quick_in(installation)
    assert ended.code == 1
    assert "ImportError: Numba needs NumPy 2.2 or less" in ended.out
    assert "Traceback" not in ended.out + ended.err
