"""What is installed is what is in the tree."""

import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "nimare_pipeline"


@pytest.fixture(scope="module")
def declared() -> dict[str, object]:
    """The setuptools section of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in the wheel, built without network and without a trace in the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # A build writes beside the sources, so it gets a copy of what would be committed.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        copy, original = source / name, ROOT / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if original.is_symlink():
            copy.symlink_to(original.readlink())
        elif original.exists():
            copy.write_bytes(original.read_bytes())
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(source)),
        ],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_workflows_link_resolves() -> None:
    """The top-level folder ``workflows`` is the package's sub-package of that name."""
    assert (PACKAGE / "workflows").resolve() == ROOT / "workflows"
    assert (PACKAGE / "workflows" / "__init__.py").is_file()


def test_every_package_is_declared(declared: dict[str, object]) -> None:
    """Each folder with an ``__init__.py`` is in pyproject.toml, so that none is left out."""
    folders = {path.parent for path in PACKAGE.rglob("__init__.py")} | {PACKAGE / "workflows"}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert found == set(declared["packages"])


def test_workflows_is_flat() -> None:
    """``workflows`` has no sub-packages: the link and the mapping would part ways there."""
    assert [path.name for path in (ROOT / "workflows").glob("*/__init__.py")] == []


def test_no_package_called_workflows_is_installed() -> None:
    """``import workflows`` is somebody else's; ours is ``nimare_pipeline.workflows``."""
    installed = [
        entry
        for entry in map(Path, sys.path)
        if entry.resolve() != ROOT and (entry / "workflows" / "__init__.py").is_file()
    ]
    assert installed == []
    assert importlib.util.find_spec("nimare_pipeline.workflows") is not None


def test_wheel_holds_every_module(wheel: set[str]) -> None:
    """Every module of the tree is in the wheel, workflows once and at its place."""
    modules = {
        str(path.relative_to(ROOT))
        for folder in (PACKAGE, PACKAGE / "workflows")
        for path in folder.rglob("*.py")
    }
    assert {name for name in wheel if name.endswith(".py")} == modules


def test_wheel_holds_the_data(wheel: set[str]) -> None:
    """Masks, the example, the bibliography and the report's templates travel in the wheel."""
    files = {
        str(path.relative_to(ROOT))
        for folder in (PACKAGE / "data", PACKAGE / "reports" / "templates")
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(files) > 5
    assert files - wheel == set()


def test_metadata_names_the_licence(wheel: set[str]) -> None:
    """The licence is in the wheel."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
