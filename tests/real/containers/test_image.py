"""The image does what it is for: for anybody, anywhere, without network, and as fast as it can."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import call
from tests.images import write_studies
from tests.real.containers.engine import (
    EXAMPLE,
    IMAGE,
    ROOT,
    TMP,
    USER,
    Background,
    Docker,
    results,
    wait_for,
)

LIST_UNSATISFIED = """
from importlib.metadata import distributions, version
from packaging.requirements import Requirement
for found in distributions():
    for line in found.requires or ():
        need = Requirement(line)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            if not need.specifier.contains(version(need.name), prereleases=True):
                print(found.name, line)
print("done")
"""

LIST_INSTALLED = """
ls /opt/venv/lib/python3*/site-packages /usr/lib/python3/dist-packages
find /opt/venv -type d -name tests
"""

NULL = "_desc-montecarlo_nulldist.tsv.gz"
"""The null of integers; the others hold floats, whose last bits depend on versions."""

SMALL_ANALYSIS = """
import os
from nimare_pipeline.cli.environment import prepared
with prepared():
    from nimare_pipeline.correct import FWECorrector
    from nimare_pipeline.io import convert_sleuth_to_dataset
    from nimare_pipeline.meta.cbma.ale import ALE
    dataset = convert_sleuth_to_dataset("/data/small.txt")
    result = ALE(mask="/data/mask.nii.gz").fit(dataset)
    FWECorrector(method="montecarlo", n_iters=2).transform(result)
    print("for", os.environ.get("NUMBA_CPU_NAME"))
"""

EVERY_ESTIMATOR = """
from nimare_pipeline.cli.environment import prepared
with prepared():
    from nimare_pipeline.correct import FWECorrector
    from nimare_pipeline.io import convert_sleuth_to_dataset
    from nimare_pipeline.registry import ESTIMATORS, get_estimator
    from nimare_pipeline.settings import Component
    dataset = convert_sleuth_to_dataset("/data/small.txt")
    for name in ESTIMATORS:
        for method in get_estimator(Component(name)).null_methods:
            few = {"n_iters": 50} if method == "montecarlo" else {}
            args = {"null_method": method, "mask": "/data/mask.nii.gz", **few}
            result = get_estimator(Component(name, args)).fit(dataset)
            FWECorrector(n_iters=2, voxel_thresh=0.2).transform(result)
            print("done with", name, method)
"""


class TestBuild:
    def test_script_builds_and_runs_the_demo(self, docker: Docker, image: str, out: Path) -> None:
        """``containers/build.sh`` ends with a report of the demo, and says where it is."""
        ended = subprocess.run(
            [
                *("bash", str(ROOT / "containers" / "build.sh"), "--engine", "docker"),
                *("--image", image, "--out", str(out), "--", "--network", "host"),
            ],
            capture_output=True, text=True, check=False, env=docker.environment, timeout=900,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert f"the report: {out}/report.html" in ended.stderr
        assert (out / "report.html").stat().st_uid not in (0, USER)

    def test_configuration(self, docker: Docker, image: str) -> None:
        """No user of its own, the program as entrypoint, and labels that say what it is."""
        config = docker.config_of(image)
        assert config["User"] == ""
        assert config["Entrypoint"][-2:] == ["-m", "nimare_pipeline"]
        labels = {
            name.removeprefix("org.opencontainers.image."): value
            for name, value in config["Labels"].items()
        }
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert labels["revision"] == head.stdout.strip()
        assert labels["version"] == "0.1.0"
        assert labels["licenses"] == "MIT"

    def test_what_is_installed_fits_together(self, docker: Docker, image: str) -> None:
        """The lock is complete: every requirement of every package in the image is met."""
        ended = docker.run(
            *("-I", "-c", LIST_UNSATISFIED),
            image=image,
            options=(*TMP, "--entrypoint", "/opt/venv/bin/python"),
        )
        assert (ended.out, ended.err) == ("done\n", "")

    def test_nothing_to_install_with_is_left(self, docker: Docker, image: str) -> None:
        """Neither pip nor setuptools nor a package's tests are in the image."""
        ended = docker.run("-c", LIST_INSTALLED, image=image, options=("--entrypoint", "sh"))
        names = ended.out.split()
        assert "nimare_pipeline" in names
        assert not {"pip", "setuptools", "_pytest", "tests"} & set(names)
        assert "/tests" not in ended.out


class TestRun:
    def test_help_without_anything(self, docker: Docker, image: str) -> None:
        """No words, no folder for temporary files, no network: the help."""
        ended = docker.run(image=image, options=())
        assert ended.code == 0
        assert ended.out.startswith("usage: nimare-pipeline")

    def test_results_name_the_image(self, reference: Path) -> None:
        """dataset_description.json says what image the results are from."""
        description = json.loads((reference / "dataset_description.json").read_text())
        (generated,) = description["GeneratedBy"]
        assert generated["Container"] == {"Type": "docker", "Tag": IMAGE}

    def test_results_belong_to_the_user(self, reference: Path) -> None:
        """Every file is the caller's, whoever that is."""
        assert {path.stat().st_uid for path in reference.rglob("*")} == {USER}

    def test_nothing_is_compiled(self, docker, image, reference, out) -> None:
        """Read-only, with 64 MB for temporary files: all code comes from the image; same bytes."""
        ended = docker.run(
            *("/data", "/out", "meta", "--n-iters", "1000"),
            image=image,
            out=out,
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert (ended.loaded > 0, ended.compiled) == (True, 0)
        assert results(out) == results(reference)

    def test_every_estimator_finds_its_code(self, docker, image, small) -> None:
        """Whatever there is to choose from, and whichever null: nothing is compiled."""
        ended = docker.run(
            *("-I", "-c", EVERY_ESTIMATOR),
            image=image,
            data=small,
            options=(*TMP, "--entrypoint", "/opt/venv/bin/python"),
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert ended.out.count("done with") > 6
        assert (ended.loaded > 0, ended.compiled) == (True, 0)

    @pytest.mark.parametrize(
        "words",
        [
            ("--estimator", "MKDADensity", "--weighting", "sample_size"),
            ("--estimator", "KDA", "--null-method", "montecarlo"),
        ],
    )
    def test_other_runs_find_their_code(self, docker, image, small, out, words) -> None:
        """So it is from the command line, where arrays come from files."""
        ended = docker.run(
            *("/data/small.txt", "/out", "meta", "--n-iters", "50", "--voxel-thresh", "0.05"),
            *words,
            image=image,
            out=out,
            data=small,
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert (ended.loaded > 0, ended.compiled) == (True, 0)

    @pytest.mark.parametrize(
        "words",
        [
            ("PermutedOLS", "--n-iters", "50", "--tfce"),
            ("DerSimonianLaird", "--n-iters", "20"),
            ("VarianceBasedLikelihood", "--method", "indep"),
        ],
    )
    def test_images_are_analysed(self, docker, image, tmp_path, out, words) -> None:
        """Any user, read-only, offline: images to report, and nothing is compiled."""
        data = write_studies(tmp_path)
        ended = docker.run(
            *("/data", "/out", "meta", "--estimator", *words),
            image=image,
            out=out,
            data=data,
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert (ended.loaded > 0, ended.compiled) == (True, 0)
        assert (out / "report.html").exists()
        assert {path.stat().st_uid for path in out.rglob("*")} == {USER}

    def test_no_place_for_temporary_files(self, docker, image, reference, out) -> None:
        """Read-only without any /tmp works beside the results, and leaves nothing there."""
        ended = docker.run(
            *("/data", "/out", "meta", "--n-iters", "1000"),
            image=image,
            out=out,
            options=(),
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert (ended.loaded > 0, ended.compiled) == (True, 0)
        assert results(out) == results(reference)
        assert {path.name for path in out.iterdir()} == {path.name for path in reference.iterdir()}

    def test_no_place_at_all(self, docker: Docker, image: str) -> None:
        """A run says where it cannot write, and a dry run says so before it."""
        for words in (("--dry-run",), ()):
            ended = docker.run("/data", "/out", "meta", *words, image=image, options=())
            assert ended.code == 73
            assert "cannot write to the folder /out" in ended.line

    def test_dry_run_writes_nothing(self, docker: Docker, image: str, out: Path) -> None:
        """It needs no temporary folder either."""
        ended = docker.run("/data", "/out", "meta", "--dry-run", image=image, out=out, options=())
        assert ended.code == 0, ended.err
        assert ended.line.endswith("dry run, nothing was written; 1 analysis can be done")
        assert list(out.iterdir()) == []

    def test_too_little_room_for_temporary_files(self, docker, image, small, out) -> None:
        """Where the compiled code does not fit, it is compiled in memory."""
        ended = docker.run(
            *("/data/small.txt", "/out", "meta", "--n-iters", "2", "--mask", "/data/mask.nii.gz"),
            image=image,
            out=out,
            data=small,
            options=("--tmpfs", "/tmp:size=256k"),  # noqa: S108
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert ended.loaded == 0
        assert (out / "report.html").exists()

    def test_caller_s_python_stays_outside(self, docker, image, tmp_path) -> None:
        """What PYTHONPATH names is not imported, as it may be handed down into a container."""
        (tmp_path / "sitecustomize.py").write_text("raise SystemExit('not in here')")
        ended = docker.run(
            "--version", image=image, data=tmp_path, environ={"PYTHONPATH": "/data"}
        )
        assert (ended.code, ended.out, ended.err) == (0, "nimare-pipeline 0.1.0\n", "")

    def test_same_null_as_outside(self, reference: Path, tmp_path: Path) -> None:
        """The integers of the null are those of this machine's own Python and packages."""
        here = tmp_path / "out"
        assert call(EXAMPLE, here, "meta", "--n-iters", "1000").code == 0
        (null,) = (name for name in results(reference) if name.endswith(NULL))
        inside, outside = (gzip.decompress((f / null).read_bytes()) for f in (reference, here))
        assert len(inside.splitlines()) == 1000
        assert inside == outside


class TestInterrupted:
    def test_killed_container_is_taken_up(self, docker, image, reference, out) -> None:
        """A kill in the middle, the same command again: the stored blocks are used, same bytes."""
        asked = ("/data", "/out", "meta", "--n-iters", "1000", "--nprocs", "1", "--keep-work")
        options = [*docker.strict(out), *TMP]
        first = Background(docker, asked, options, image)
        first.start()
        try:
            wait_for(".work/store/*.result", out)
            assert first.kill() == 137
        finally:
            first.remove()
        kept = {path: path.stat().st_mtime_ns for path in out.glob(".work/store/*.result")}
        assert not (out / "report.html").exists()
        ended = docker.run(*asked, image=image, out=out)
        assert ended.code == 0, ended.err
        assert kept == {path: path.stat().st_mtime_ns for path in kept}
        assert len(list(out.glob(".work/store/*.result"))) > len(kept)
        assert results(out) == results(reference)

    def test_stopped_container_says_so(self, docker, image, out) -> None:
        """``docker stop`` ends it at once, with the status that the same command goes on."""
        asked = ("/data", "/out", "meta", "--n-iters", "10000000")
        stopped = Background(docker, asked, [*docker.strict(out), *TMP], image)
        stopped.start()
        try:
            wait_for(".work/store/*.result", out)
            assert stopped.kill("TERM") == 75
        finally:
            stopped.remove()
        (status,) = out.glob("logs/*/status.json")
        assert "stopped by SIGTERM; run the same command" in status.read_text()


class TestElsewhere:
    """The image after a journey, and on processors that this machine has not got."""

    def test_exported_and_loaded_again(self, docker, image, archive, reference, out) -> None:
        """``docker save``, removed, ``docker load``: nothing is compiled, same bytes."""
        docker.call("image", "rm", image)
        assert not docker.has(image)
        docker.call("load", "--input", archive)
        ended = docker.run(
            *("/data", "/out", "meta", "--n-iters", "1000"),
            image=image,
            out=out,
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert (ended.loaded > 0, ended.compiled) == (True, 0)
        assert results(out) == results(reference)

    @pytest.mark.parametrize(("processor", "finds"), [("Haswell", True), ("Nehalem", False)])
    def test_other_processor(self, docker, image, small, processor, finds) -> None:
        """One of 2013 finds the code; an older one, that cannot run it, compiles its own.

        The processor is emulated as a whole: instructions it has not got end the program.
        """
        ended = docker.run(
            *("-cpu", processor, "/opt/venv/bin/python", "-I", "-c", SMALL_ANALYSIS),
            image=image,
            data=small,
            options=(
                *(*TMP, "--entrypoint", "/qemu"),
                *("--volume", "/usr/bin/qemu-x86_64-static:/qemu:ro"),
            ),
            environ={"NUMBA_DEBUG_CACHE": "1"},
        )
        assert ended.code == 0, ended.err
        assert (ended.loaded > 0, ended.compiled == 0) == (finds, finds)
        assert ended.line == f"for {'x86-64-v3' if finds else None}"

    def test_processor_that_the_user_names(self, docker, image, small) -> None:
        """NUMBA_CPU_NAME from outside holds: the code is compiled for that."""
        ended = docker.run(
            *("-I", "-c", SMALL_ANALYSIS),
            image=image,
            data=small,
            options=(*TMP, "--entrypoint", "/opt/venv/bin/python"),
            environ={
                "NUMBA_DEBUG_CACHE": "1", "NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": "",
            },
        )  # fmt: skip
        assert ended.code == 0, ended.err
        assert ended.compiled > 0
        assert ended.line == "for nehalem"
