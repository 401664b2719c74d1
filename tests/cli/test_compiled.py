"""Code compiled ahead is found, whoever runs it on whatever processor."""

import os
import platform
import shutil
from pathlib import Path

import llvmlite.binding
import pytest

from nimare_pipeline.cli import compiled
from nimare_pipeline.cli.compiled import LEAST, TARGET_FILE, Target, prepare, target_here
from nimare_pipeline.cli.warm_images import _components, warm_up_images
from nimare_pipeline.registry import IMAGE_ESTIMATORS

NEEDS = Target("some-processor", "+this", ("this",))


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder as the image ships it, of code that every processor can run."""
    folder = tmp_path / "shipped"
    (folder / "numerics").mkdir(parents=True)
    (folder / "numerics" / "loop.nbc").write_bytes(b"code")
    os.utime(folder / "numerics" / "loop.nbc", (1_000_000_000, 1_000_000_000))
    compiled.write_target(folder, LEAST)
    return folder


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """The private temporary folder of a run."""
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder can be written, as on a read-only disk; root is told so by such a disk only."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)


def test_folder_that_can_be_written_is_used_as_it_is(shipped: Path, private: Path) -> None:
    """The processor is the one compiled for, and nothing is copied."""
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    prepare(environ, str(private))
    assert environ == {
        "NUMBA_CACHE_DIR": str(shipped),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
    }
    assert list(private.iterdir()) == []


@pytest.mark.usefixtures("read_only")
def test_folder_that_cannot_be_written_is_copied_with_times(shipped: Path, private: Path) -> None:
    """Numba reads only where it may write, and may compare times."""
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    prepare(environ, str(private))
    copy = Path(environ["NUMBA_CACHE_DIR"]) / "numerics" / "loop.nbc"
    assert private in copy.parents
    assert (copy.read_bytes(), copy.stat().st_mtime) == (b"code", 1_000_000_000)
    assert environ["NUMBA_CPU_NAME"] == "generic"


@pytest.mark.usefixtures("read_only")
def test_without_room_for_the_copy_there_is_none(shipped, private, monkeypatch) -> None:
    """A copy that stops half way is taken away again, and no error ends the run."""

    def full(_source: Path, target: Path) -> None:
        target.mkdir()
        (target / "half").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    prepare(environ, str(private))
    assert list(private.iterdir()) == []


@pytest.mark.parametrize(("has_it", "name"), [(True, "some-processor"), (False, None)])
def test_processor_must_have_what_the_code_requires(
    shipped, private, monkeypatch, has_it, name
) -> None:
    """An older processor compiles its own code, in the private folder."""
    monkeypatch.setattr(llvmlite.binding, "get_host_cpu_features", lambda: {"this": has_it})
    compiled.write_target(shipped, NEEDS)
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    prepare(environ, str(private))
    assert environ.get("NUMBA_CPU_NAME") == name
    assert environ["NUMBA_CACHE_DIR"] == str(shipped if has_it else private / "compiled")


def test_processor_that_cannot_be_asked_gets_its_own_code(shipped, private, monkeypatch) -> None:
    """LLVM does not know every machine."""

    def unknown() -> dict[str, bool]:
        raise RuntimeError

    monkeypatch.setattr(llvmlite.binding, "get_host_cpu_features", unknown)
    compiled.write_target(shipped, NEEDS)
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    prepare(environ, str(private))
    assert "NUMBA_CPU_NAME" not in environ


def test_processor_that_the_user_names_holds(shipped: Path, private: Path) -> None:
    """Then the shipped code is left alone, also by what is compiled now."""
    environ = {"NUMBA_CACHE_DIR": str(shipped), "NUMBA_CPU_NAME": "mine"}
    prepare(environ, str(private))
    assert environ == {
        "NUMBA_CACHE_DIR": str(private / "compiled"),
        "NUMBA_CPU_NAME": "mine",
    }


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"cpu_name": "x"}'])
def test_other_cache_folders_are_left_alone(shipped, private, text) -> None:
    """A user's own cache folder, or a damaged mark, changes nothing."""
    (shipped / TARGET_FILE).unlink()
    if text is not None:
        (shipped / TARGET_FILE).write_text(text)
    for environ in ({"NUMBA_CACHE_DIR": str(shipped)}, {}):
        before = dict(environ)
        prepare(environ, str(private))
        assert environ == before


def test_this_machine_runs_what_it_compiles_for_others(shipped: Path, private: Path) -> None:
    """What would be compiled here is for a processor this one can stand in for, or says not."""
    target = target_here()
    compiled.write_target(shipped, target)
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    prepare(environ, str(private))
    features = llvmlite.binding.get_host_cpu_features()
    expected = all(features.get(name, False) for name in target.requires)
    assert ("NUMBA_CPU_NAME" in environ) == expected


def test_target_by_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Level 3 on x86-64; elsewhere what every processor has."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert target_here().cpu_name == "x86-64-v3"
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert target_here() == LEAST


def test_required_features_are_those_llvm_knows() -> None:
    """A misspelt feature would never be found, and every processor be too old."""
    known = set(llvmlite.binding.get_host_cpu_features())
    if platform.machine() == "x86_64":
        assert set(target_here().requires) <= known


def test_what_an_image_is_built_with_can_be_analysed() -> None:
    """No estimator refuses what the warm-up gives it; all of them are warmed up."""
    warm_up_images(2)
    assert {component.type for component in _components()} == set(IMAGE_ESTIMATORS)
