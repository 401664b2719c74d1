"""The image as a SIF file, run by Apptainer the way a cluster's users run it."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.containers.engine import EXAMPLE, IMAGE, ROOT, Ended, open_to_all, results


@dataclass(frozen=True)
class Sif:
    """A SIF file, and what its making said."""

    path: Path
    said: str
    demo: Path

    def run(self, *words: object, out: Path, more: tuple[str, ...] = ()) -> Ended:
        """Run it as an ordinary user, with no home and nothing of the machine but two folders.

        Such a run has 64 MB for temporary files.
        """
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            open_to_all(Path(folder))
            ended = subprocess.run(
                [
                    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
                    *("env", "--ignore-environment", f"PATH={os.environ['PATH']}"),
                    *("HOME=/nonexistent", f"APPTAINER_TMPDIR={folder}"),
                    *("apptainer", "-q", "run", "--cleanenv", "--containall", "--no-home"),
                    *("--net", "--network", "none", "--pwd", "/", *more),
                    *("--bind", f"{EXAMPLE}:/data:ro", "--bind", f"{out}:/out", str(self.path)),
                    *map(str, words),
                ],
                capture_output=True, text=True, check=False, timeout=900,
                stdin=subprocess.DEVNULL, cwd="/",
            )  # fmt: skip
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def sif(archive: Path) -> Iterator[Sif]:
    """The file that the script makes, where any user can read it; the demo has run in it."""
    assert shutil.which("apptainer"), "apptainer is missing; .ci/run installs it"
    folder = Path(tempfile.mkdtemp(prefix="nimare-pipeline-sif-"))
    folder.chmod(0o755)
    path, demo = folder / "nimare-pipeline.sif", folder / "demo"
    ended = subprocess.run(
        [
            *("bash", str(ROOT / "containers" / "build_sif.sh"), f"docker-archive:{archive}"),
            *(str(path), str(demo)),
        ],
        capture_output=True, text=True, check=False, timeout=1200,
        env={
            **os.environ,
            "APPTAINER_TMPDIR": str(folder), "APPTAINER_CACHEDIR": str(folder / "cache"),
        },
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    yield Sif(path, ended.stderr, demo)
    shutil.rmtree(folder)


def test_script_makes_it_and_runs_the_demo(sif: Sif) -> None:
    """``containers/build_sif.sh`` ends with a report of the demo, and says where it is."""
    assert f"the report: {sif.demo}/report.html" in sif.said
    assert (sif.demo / "report.html").is_file()


def test_results_name_the_image(sif: Sif) -> None:
    """dataset_description.json says that it was Apptainer, and what image."""
    description = json.loads((sif.demo / "dataset_description.json").read_text())
    (generated,) = description["GeneratedBy"]
    assert generated["Container"] == {"Type": "apptainer", "Tag": IMAGE}


def test_same_results_and_nothing_compiled(sif: Sif, reference: Path) -> None:
    """As in Docker: all code comes from the image, and the results are the same bytes."""
    out = sif.path.with_name("out")  # tmp_path can be entered by its owner only
    open_to_all(out)
    more = ("--env", "NUMBA_DEBUG_CACHE=1")
    ended = sif.run("/data", "/out", "meta", "--n-iters", "1000", out=out, more=more)
    assert ended.code == 0, ended.err
    assert (ended.loaded > 0, ended.compiled) == (True, 0)
    assert results(out) == results(reference)
