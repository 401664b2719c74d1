"""One engine, one stand-in base and one image for all tests of containers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.real.containers.engine import (
    BASE,
    DOCKER,
    HERE,
    IMAGE,
    ROOT,
    Docker,
    dockerd,
    open_to_all,
)


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """The engine that DOCKER_HOST names, or one that is started here and ended again."""
    for tool in (DOCKER, "/usr/sbin/dockerd", "/usr/bin/mmdebstrap"):
        assert Path(tool).exists(), f"{tool} is missing; .ci/run installs it"
    if host := os.environ.get("DOCKER_HOST"):
        yield Docker(host)
        return
    with dockerd(Path(tempfile.mkdtemp(prefix="nimare-pipeline-docker-"))) as engine:
        yield engine


@pytest.fixture(scope="session")
def base(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archive of the stand-in for the image that the Dockerfile starts from; the engine has it."""
    archive = tmp_path_factory.mktemp("base") / "root.tar"
    subprocess.run(
        ["bash", str(HERE / "make_base.sh"), str(archive)],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    if not docker.has(BASE):
        docker.call("import", "--change", 'CMD ["bash"]', archive, BASE)
    return archive


@pytest.fixture(scope="session")
def image(docker: Docker, base: Path) -> str:
    """The image, built by the script that users are told to build it with."""
    ended = subprocess.run(
        [
            *("bash", str(ROOT / "containers" / "build.sh"), "--engine", "docker"),
            *("--image", IMAGE, "--no-demo", "--", "--network", "host"),
        ],
        capture_output=True, text=True, check=False, env=docker.environment, timeout=1500,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    return IMAGE


@pytest.fixture(scope="session")
def archive(
    docker: Docker, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The image as ``docker save`` writes it."""
    path = tmp_path_factory.mktemp("archive") / "image.tar"
    docker.call("save", image, "--output", path)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def reference(docker: Docker, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a run of two blocks of the null, that others must equal byte for byte."""
    out = tmp_path_factory.mktemp("reference") / "out"
    ended = docker.run("/data", "/out", "meta", "--n-iters", "1000", image=image, out=out)
    assert ended.code == 0, ended.err
    return out


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a data set and a mask so small that an emulated processor is through soon."""
    folder = tmp_path_factory.mktemp("small")
    foci = "".join(f"//Study {n}\n//Subjects=12\n{4 * n} 0 0\n\n" for n in range(3))
    (folder / "small.txt").write_text(f"//Reference=MNI\n{foci}")
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = -32.0
    nib.Nifti1Image(np.ones((9, 9, 9), np.uint8), affine).to_filename(folder / "mask.nii.gz")
    folder.chmod(0o755)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """Output folder that any user may write to, and that a test's user may have filled."""
    folder = tmp_path / "out"
    open_to_all(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
