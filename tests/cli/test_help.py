"""``--help`` and ``--version`` answer at once: nothing heavy is imported for them."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import nimare_pipeline

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "bids", "jinja2", "matplotlib", "nibabel", "nilearn", "nipype", "numba", "numpy", "pandas",
    "scipy", "sklearn", "statsmodels", "tqdm",
)  # fmt: skip


def ask(option: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nimare_pipeline", option],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["a", "b", "meta", "--alpha", "2"]])
def test_nothing_heavy_is_imported(words) -> None:
    """Help, version and a wrong option need the standard library only."""
    program = (
        "import sys; from nimare_pipeline.cli.main import main; main(sys.argv[1:]); "
        f"print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert ended.stderr.splitlines()[-1] == ""


def test_help_answers_within_half_a_second() -> None:
    """The best of five calls, process start included: a busy machine is no reason to fail."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert ask("--help").returncode == 0
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_help_goes_to_stdout() -> None:
    """Help is what was asked for: on stdout, exit 0, and no status line below it."""
    ended = ask("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: nimare-pipeline BIDS_DIR OUT_DIR meta")
    assert "SUCCESS" not in ended.stdout


def test_version_is_the_package_version() -> None:
    """One version, in the package; pyproject.toml reads it from there."""
    assert ask("--version").stdout == f"nimare-pipeline {nimare_pipeline.__version__}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
