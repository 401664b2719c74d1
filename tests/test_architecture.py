"""The house stands as it was drawn: imports only go down, and importing does nothing."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "nimare_pipeline"

FLOORS = ("cli", "workflows", "interfaces", "reports", "library", "numerics", "ground")
"""From the roof down. What stands directly in the package, and io and meta, is library."""
GROUND = ("errors", "printable", "defaults", "data", "_lazy")
"""Words and files that every floor may use; they import nothing of the package but each other."""
NUMERICS_MAY_IMPORT = {"numpy", "scipy", "numba"}
NIPYPE_FLOORS = {"cli", "workflows", "interfaces"}

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in [*PACKAGE.rglob("*.py"), *(PACKAGE / "workflows").glob("*.py")]
)


def source_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def floor_of(module: str) -> str:
    """Floor that a module of the package stands on."""
    part = [*module.split("."), ""][1]
    if part in ("", "__main__"):
        return "cli" if part else "ground"
    if part in GROUND:
        return "ground"
    return part if part in FLOORS else "library"


def imports_of(module: str) -> Iterator[str]:
    """Full names of what a module imports, also inside functions."""
    for node in ast.walk(ast.parse(source_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import in line {node.lineno}"
            yield from (_imported(node.module or "", alias.name) for alias in node.names)


def _imported(package: str, name: str) -> str:
    """``from package import name``: the module it names, if it names one."""
    is_module = package.startswith("nimare_pipeline") and source_of(f"{package}.{name}").exists()
    return f"{package}.{name}" if is_module else package


def test_every_module_is_seen() -> None:
    """The checks below look at every floor, through the workflows link too."""
    assert {floor_of(module) for module in MODULES} == set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """A module imports from its own floor and the floors below, never from above."""
    own = FLOORS.index(floor_of(module))
    above = [
        name
        for name in imports_of(module)
        if name.split(".")[0] == "nimare_pipeline" and FLOORS.index(floor_of(name)) < own
    ]
    assert above == [], f"{module} stands on the floor {FLOORS[own]!r}"


@pytest.mark.parametrize("module", [m for m in MODULES if floor_of(m) == "numerics"])
def test_numerics_import_arrays_only(module: str) -> None:
    """Numerics know numpy, scipy, numba, the standard library, and of the package themselves."""
    foreign = {
        name
        for name in imports_of(module)
        if name.split(".")[0] not in {*sys.stdlib_module_names, *NUMERICS_MAY_IMPORT}
        and not (name.startswith("nimare_pipeline.") and floor_of(name) in ("numerics", "ground"))
    }
    assert foreign == set()


@pytest.mark.parametrize("module", [m for m in MODULES if floor_of(m) not in NIPYPE_FLOORS])
def test_nipype_stays_upstairs(module: str) -> None:
    """Nipype is imported by interfaces, workflows and the command line only."""
    assert not [name for name in imports_of(module) if name.split(".")[0] == "nipype"]


NETWORK = {"aiohttp", "ftplib", "http", "httpx", "requests", "socket", "urllib3", "urllib.request"}
"""What speaks to other machines; ``urllib.parse`` only reads addresses."""
DOWNLOADS = "nimare_pipeline.extract"


def _speaks(name: str) -> bool:
    return name in NETWORK or name.split(".", maxsplit=1)[0] in NETWORK


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m != DOWNLOADS and not m.startswith(f"{DOWNLOADS}.")]
)
def test_only_downloads_use_the_network(module: str) -> None:
    """No run can come to a download: only the command ``fetch`` knows them, by people's wish."""
    names = set(imports_of(module))
    assert not [name for name in names if _speaks(name)]
    downloads = [name for name in names if f"{name}.".startswith(f"{DOWNLOADS}.")]
    assert not downloads or module == "nimare_pipeline.cli.commands.fetch"


def test_no_run_can_come_to_the_command_that_downloads() -> None:
    """The command is named by the table of commands only, and imported by nobody."""
    command = "nimare_pipeline.cli.commands.fetch"
    assert [m for m in MODULES if command in imports_of(m)] == []
    named = [m for m in MODULES if command in source_of(m).read_text(encoding="utf-8")]
    assert named == ["nimare_pipeline.cli.main"]
    hidden = [
        m
        for m in MODULES
        if not m.startswith(DOWNLOADS)
        and m != command
        and DOWNLOADS in source_of(m).read_text(encoding="utf-8")
    ]
    assert hidden == []


WATCH_IMPORTS = """
import importlib, json, logging, os, sys, warnings

# What the libraries do when they are imported is theirs: they come first.
for name in (
    "numpy", "scipy.stats", "scipy.ndimage", "pandas", "numba", "nibabel", "nilearn.image",
    "nilearn.maskers", "nilearn.plotting", "matplotlib.pyplot", "statsmodels.api", "jinja2",
    "tqdm", "networkx", "bids", "nipype.pipeline.engine", "nipype.interfaces.base",
    "nipype.interfaces.utility", "nipype.pipeline.plugins.multiproc", "concurrent.futures",
):
    importlib.import_module(name)

deeds = []
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def watch(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & WRITING:
        # Numba tries whether it may cache, by a temporary file in its cache folder.
        if "__pycache__" not in str(args[0]):
            deeds.append(f"writes {args[0]}")
    elif event.split(".")[0] in ("socket", "subprocess", "urllib", "shutil", "sqlite3"):
        deeds.append(event)
    elif event in ("os.mkdir", "os.remove", "os.rename", "os.putenv", "os.fork", "os.system"):
        if "__pycache__" not in str(args[:1]):
            deeds.append(f"{event} {args[:1]}")

def state():
    return {
        "environment": dict(os.environ),
        "filters": list(warnings.filters),
        "root handlers": list(logging.getLogger().handlers),
        "handlers": {
            name: list(logger.handlers)
            for name, logger in logging.root.manager.loggerDict.items()
            if name.startswith("nimare_pipeline") and isinstance(logger, logging.Logger)
            and (logger.handlers or logger.level)
        },
        "folder": os.getcwd(),
    }

sys.addaudithook(watch)
found = {}
for name in json.loads(sys.argv[1]):
    deeds.clear()
    before = state()
    importlib.import_module(name)
    after = state()
    changed = [what for what in before if before[what] != after[what]] + deeds
    if changed:
        found[name] = changed
print(json.dumps(found))
"""


def test_importing_does_nothing(tmp_path: Path) -> None:
    """No module sets up logging, changes the environment or filters, writes or calls on import."""
    modules = [module for module in MODULES if not module.endswith("__main__")]
    ended = subprocess.run(
        [sys.executable, "-B", "-c", WATCH_IMPORTS, json.dumps(modules)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "NO_ET": "1", "NIPYPE_CONFIG_DIR": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {}


def test_bare_import_offers_every_module() -> None:
    """After ``import nimare_pipeline`` alone, modules and classes are reached as attributes."""
    program = (
        "import sys, nimare_pipeline as n; assert 'numpy' not in sys.modules; "
        "assert n.meta.cbma.ale.ALE is n.meta.cbma.ALE; "
        "n.dataset.Dataset; n.io.convert_sleuth_to_dataset; n.workflows.base; "
        "assert {'dataset', 'io', 'meta', 'workflows'} <= set(dir(n))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_unknown_attribute_is_an_attribute_error() -> None:
    """A module that does not exist is said to be missing, by the name of its package."""
    import nimare_pipeline

    with pytest.raises(AttributeError, match=r"'nimare_pipeline' has no attribute 'nonsense'"):
        nimare_pipeline.nonsense  # noqa: B018
