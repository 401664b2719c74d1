"""The same Dockerfile and the same script with podman and buildah, which need no daemon."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.containers.engine import BASE, EXAMPLE, ROOT, USER, open_to_all

IMAGE = "localhost/nimare-pipeline:test"
SETTINGS = """
[containers]
# A root that may not raise its own limits, as in many a CI machine, cannot raise a container's.
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
# No systemd is asked for, and crun wants one kind of control groups where there may be two.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Iterator[dict[str, str]]:
    """Environment in which podman and buildah have a store of their own, with the base in it."""
    folder = tmp_path_factory.mktemp("podman")
    (folder / "containers.conf").write_text(SETTINGS)
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/data"\n'
    )
    environ = {
        **os.environ,
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }
    podman(environ, "import", "--change", "CMD bash", base, f"docker.io/library/{BASE}")
    yield environ
    podman(environ, "system", "reset", "--force")


def podman(environ: dict[str, str], *words: object) -> str:
    ended = subprocess.run(
        ["podman", *map(str, words)],
        capture_output=True, text=True, check=False, env=environ, stdin=subprocess.DEVNULL,
        timeout=900,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


@pytest.mark.parametrize("engine", ["podman", "buildah"])
def test_script_builds_and_runs_the_demo(engine: str, environ: dict[str, str], out: Path) -> None:
    """``containers/build.sh`` ends with a report of the demo, and says where it is."""
    open_to_all(out)
    ended = subprocess.run(
        [
            *("bash", str(ROOT / "containers" / "build.sh"), "--engine", engine),
            *("--image", IMAGE, "--out", str(out), "--", "--network", "host", "--pull=never"),
        ],
        capture_output=True, text=True, check=False, env=environ, timeout=1800,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert (out / "report.html").stat().st_uid != 0


def test_podman_says_who_it_is(environ: dict[str, str], out: Path) -> None:
    """A container of podman is recorded as one, and nothing is compiled in it."""
    open_to_all(out)
    said = podman(
        environ,
        *("run", "--rm", "--read-only", "--network", "none", "--user", f"{USER}:{USER}"),
        *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
        *("--env", "NUMBA_DEBUG_CACHE=1"),
        *("--volume", f"{EXAMPLE}:/data:ro", "--volume", f"{out}:/out", IMAGE),
        *("/data", "/out", "meta", "--n-iters", "2"),
    )
    assert "[cache] data loaded" in said
    assert "[cache] data saved" not in said
    description = (out / "dataset_description.json").read_text()
    assert '"Type": "podman"' in description
    assert f'"Tag": "{IMAGE}"' in description
