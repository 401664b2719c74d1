"""The two commands of the README say what is missing before they do anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


OF_AN_OUTER_MAKE = ("VENV", "PEER_VENV", "PYTHON", "DEMO", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")


def clean() -> dict[str, str]:
    """Environment without what a ``make`` that runs these tests hands down."""
    return {name: value for name, value in os.environ.items() if name not in OF_AN_OUTER_MAKE}


def fake_python(folder: Path, script: str) -> dict[str, str]:
    """Environment in which ``python3`` is a shell script."""
    tools = folder / "bin"
    tools.mkdir()
    python = tools / "python3"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return {**clean(), "PATH": f"{tools}:{os.environ['PATH']}"}


def make(folder: Path, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return subprocess.run(
        ["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", ["demo", "test", "test-real", "lint"])
def test_missing_venv_names_the_apt_line(tmp_path: Path, target: str) -> None:
    """Without python3-venv ``make`` names the one line that installs it, and makes no folder."""
    env = fake_python(tmp_path, 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    ended = make(tmp_path, target, env=env)
    assert ended.returncode != 0
    assert "sudo apt-get install -y python3-venv" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_old_python_is_refused(tmp_path: Path) -> None:
    """A Python before 3.11 is named, with what is needed."""
    env = fake_python(tmp_path, '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 1')
    ended = make(tmp_path, "demo", env=env)
    assert ended.returncode != 0
    assert "Python 3.9.2 is too old: Python 3.11 or newer is needed" in ended.stderr


def test_missing_python_is_said(tmp_path: Path) -> None:
    """No Python at all: the apt line that brings both."""
    ended = make(tmp_path, "demo", "PYTHON=no-such-python", env=clean())
    assert ended.returncode != 0
    assert "sudo apt-get install -y python3 python3-venv" in ended.stderr


def test_environment_is_renewed_when_the_requirements_change(tmp_path: Path) -> None:
    """The environment is made once; a newer pyproject.toml installs again, nothing else does."""
    env = clean()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").mkdir()
    for seconds, name in enumerate(("pyproject.toml", ".venv/.python", ".venv/.package")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 + seconds, 1e9 + seconds))
    shutil.copy(ROOT / "Makefile", tmp_path)

    def planned() -> str:
        ended = subprocess.run(
            ["make", "-n", "demo"],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return ended.stdout

    assert "-m pip" not in planned()
    os.utime(tmp_path / "pyproject.toml", (2e9, 2e9))
    assert "install --editable ." in planned()
    assert "-m venv" not in planned()
