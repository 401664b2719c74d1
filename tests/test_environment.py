"""What a run ran on is recorded."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import environment


def test_versions_are_those_installed() -> None:
    """Every package that is listed has its version."""
    found = environment.versions()
    assert found["numpy"] == np.__version__
    assert list(found) == ["python", *environment.PACKAGES]


def test_packages_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without metadata, as in some bundles, does not stop the record."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(environment, "version", missing)
    assert list(environment.versions()) == ["python"]


def test_the_processor_is_named_as_linux_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first model name of /proc/cpuinfo."""
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Abacus: 9000\nmodel name\t: other\n")
    monkeypatch.setattr(environment, "_CPUINFO", path)
    assert environment.machine()["Processor"] == "Abacus: 9000"


def test_a_machine_without_cpuinfo_is_still_described(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Elsewhere the platform says what it knows, and nothing is an empty text."""
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "none")
    found = environment.machine()
    assert "System" in found
    assert all(found.values())
