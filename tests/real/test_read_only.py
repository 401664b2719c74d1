"""A shared installation: a package folder nobody may write to, and users without a home.

Root may write everywhere, whatever the permissions say, so the folder is mounted read-only, in a
mount namespace that only the program is in.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import EXAMPLE, FEW, ROOT, command, contents, environment
from tests.images import write_studies
from tests.real.containers.engine import Ended

CODE = {"NUMBA_DEBUG_CACHE": "1"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of packages with this checkout's in it, and no trace of what was compiled before."""
    folder = tmp_path_factory.mktemp("installed")
    for name in ("nimare_pipeline", "workflows"):
        subprocess.run(
            ["cp", "-a", str(ROOT / name), str(folder / name)], check=True, capture_output=True
        )
    subprocess.run(
        ["find", str(folder), "-name", "__pycache__", "-prune", "-exec", "rm", "-rf", "{}", "+"],
        check=True,
    )
    return folder


def run_read_only(
    folder: Path, *words: object, read_only: tuple[Path, ...] = (), **more: str
) -> Ended:
    """Call the program from a folder that is mounted read-only, as are others on request."""
    mounts = "".join(
        f"mount --bind '{path}' '{path}' && mount -o remount,bind,ro '{path}' && "
        for path in (folder, *read_only)
    )
    environ = environment(**{"HOME": "/nonexistent", **CODE, **more})
    environ["PYTHONPATH"] = str(folder)
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{mounts}exec "$@"', "sh", *command(*words)],
        capture_output=True, text=True, check=False, env=environ, cwd="/",
        stdin=subprocess.DEVNULL, timeout=600,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def first(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """A run without a home, and its results."""
    out = tmp_path_factory.mktemp("first") / "out"
    return run_read_only(installed, EXAMPLE, out, "meta", *FEW), out


def test_without_a_home_it_is_compiled_in_a_temporary_folder(installed: Path, first) -> None:
    """Nothing can be kept, and nothing fails."""
    ended, _ = first
    assert ended.code == 0, ended.err
    assert ended.compiled > 0
    assert list(installed.rglob("*.nbi")) == []


def test_without_any_place_it_is_compiled_in_memory(installed, first, tmp_path) -> None:
    """Only the output folder can be written: no cache there, no error, same results."""
    out, places = tmp_path / "out", tmp_path / "places"
    for folder in (out, places):
        folder.mkdir()
    ended = run_read_only(
        installed,
        *(EXAMPLE, out, "meta", *FEW),
        read_only=(places,),
        NUMBA_CACHE_DIR=str(places),
        NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator",
    )
    assert ended.code == 0, ended.err
    assert (ended.loaded, ended.compiled) == (0, 0)
    assert maps(out) == maps(first[1])


@pytest.fixture(scope="module")
def ahead(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what an administrator compiled for all."""
    folder = tmp_path_factory.mktemp("ahead") / "compiled"
    warm = subprocess.run(
        [sys.executable, "-m", "nimare_pipeline.cli.warm", str(folder)],
        capture_output=True, text=True, check=False, cwd="/",
        env=environment(PYTHONPATH=str(installed)),
    )  # fmt: skip
    assert warm.returncode == 0, warm.stderr
    assert warm.stdout.startswith(f"{folder}: ")
    return folder


def test_compiled_ahead_for_all(installed: Path, ahead: Path, tmp_path: Path) -> None:
    """Compiled once by an administrator; a run from read-only folders then compiles nothing."""
    ended = run_read_only(
        installed,
        *(EXAMPLE, tmp_path / "out", "meta", *FEW),
        read_only=(ahead,),
        NUMBA_CACHE_DIR=str(ahead),
    )
    assert ended.code == 0, ended.err
    assert (ended.loaded > 0, ended.compiled) == (True, 0)


@pytest.mark.parametrize(
    "words",
    [
        ("PermutedOLS", "--n-iters", 20),
        ("PermutedOLS", "--n-iters", 20, "--tfce", "--formula", "~ 1 + age", "--term", "age"),
        ("DerSimonianLaird", "--n-iters", 20),
        ("VarianceBasedLikelihood", "--method", "indep"),
    ],
)
def test_images_find_their_code(installed, ahead, tmp_path, words) -> None:
    """So does an analysis of images, whose flips and likelihoods are loops of their own."""
    inner = write_studies(tmp_path)
    ended = run_read_only(
        installed,
        *(inner, tmp_path / "out", "meta", "--mask", tmp_path / "box.nii.gz", "--estimator"),
        *words,
        read_only=(ahead,),
        NUMBA_CACHE_DIR=str(ahead),
    )
    assert ended.code == 0, ended.err
    assert (ended.loaded > 0, ended.compiled) == (True, 0)


def maps(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name.endswith(".nii.gz")}
