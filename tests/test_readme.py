"""What the README shows works, and the names in it exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import COMMANDS
from nimare_pipeline.cli.options import build_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_library_example_runs(tmp_path: Path) -> None:
    """The Python code of the README runs as it stands, from the checkout."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "nimare_pipeline").symlink_to(ROOT / "nimare_pipeline")
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(list((tmp_path / "maps").glob("pain_*.nii.gz"))) >= 13


def test_options_exist() -> None:
    """Every option that the README names is one of the program."""
    parser = build_parser()
    # What stands between a container engine and the image are options of the engine.
    ours = re.sub(
        r"^(?:docker|apptainer) (?:.*\\\n)*.*?nimare-pipeline[:.]", "", README, flags=re.MULTILINE
    )
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) - {"--help", "--version"}
    assert named <= {*parser._option_string_actions, *COMMANDS}
    assert len(named) > 12


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_targets_exist(target: str) -> None:
    """The commands of the README are targets of the Makefile."""
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
