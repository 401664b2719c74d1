"""The whole run on Neurosynth's 14,371 studies, or 60 studies' images, in little memory.

The limit is RLIMIT_DATA, set in the process of the program before it is executed: the kernel
refuses what would take its private writable memory (heaps, anonymous mappings, thread stacks that
are not the main one's; touched or not) beyond it. It bounds all that a program allocates, and
more strictly than what is resident of it; not counted are pages of libraries and files, which the
system drops when it needs to. How much was resident, these included, the program's own VmHWM says.
"""

import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.generate import create_image_dataset
from tests.cli.program import environment

LIMIT = 10**9
IMAGES_LIMIT = 2 * 10**9
GROUP = 'action=label("19_action_actions_observation") > 0.05'
PROGRAM = """
import sys
from nimare_pipeline.cli.main import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read().splitlines()
print(next(line for line in status if line.startswith("VmHWM")))
sys.exit(code)
"""


def call(*words: object, limit: int = LIMIT) -> subprocess.CompletedProcess[str]:
    """Run the program in a process that may not have more; the last line says how much it had."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        capture_output=True, text=True, check=False, env=environment(),
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_DATA, (limit, limit)),
    )  # fmt: skip


def test_a_topic_against_the_rest_of_the_database(shared_data: Path, tmp_path: Path) -> None:
    """MKDAChi2, permutations, figures, derivatives and report: under 1 GB, and all of it there."""
    out = tmp_path / "out"
    ended = call(
        shared_data / "neurosynth", out, "meta", "--group", GROUP,
        "--estimator", "MKDAChi2", "--n-iters", 200, "--nprocs", 2,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert 1024 * int(ended.stdout.split()[-2]) < LIMIT
    (count,) = out.glob("tpl-*/cohort-*/*contrast-group1_stat-prob_statmap.nii.gz")
    shares = np.asarray(nib.load(count).dataobj) * 971  # type: ignore[attr-defined]
    assert np.abs(shares - np.rint(shares)).max() < 1e-3
    assert (out / "report.html").stat().st_size > 100_000


def test_ale_of_a_topic(shared_data: Path, tmp_path: Path) -> None:
    """971 experiments, 74 million voxels of modelled activation: under 1 GB, report included."""
    out = tmp_path / "out"
    ended = call(
        shared_data / "neurosynth", out, "meta", "--name", "action", "--fwhm", 10,
        "--select", GROUP.partition("=")[2], "--n-iters", 20, "--nprocs", 2,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert 1024 * int(ended.stdout.split()[-2]) < LIMIT
    assert (out / "report.html").stat().st_size > 100_000


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Effects and variances of 60 studies, of a whole brain in 2 mm."""
    folder, sizes = tmp_path_factory.mktemp("sixty") / "in", (16, 20, 24, 32)
    folder.mkdir()
    create_image_dataset(folder, n_studies=60, sample_sizes=sizes)
    rows = ["study_id\tcontrast_id\tsample_size\teffect_map\tvariance_map"]
    for number in range(60):
        study, n = f"study-{number + 1:02d}", sizes[number % len(sizes)]
        files = (f"{study}_stat-{kind}_statmap.nii.gz" for kind in ("beta", "varcope"))
        rows.append("\t".join([study, "1", str(n), *files]))
    (folder / "contrasts.tsv").write_text("".join(f"{row}\n" for row in rows))
    return folder


@pytest.mark.parametrize(
    "words",
    [("PermutedOLS", "--n-iters", 200), ("DerSimonianLaird", "--method", "indep")],
)
def test_images_of_sixty_studies(sixty: Path, tmp_path: Path, words) -> None:
    """Reading, checks, fit, flips, figures and report: under 2 GB."""
    out = tmp_path / "out"
    ended = call(sixty, out, "meta", "--nprocs", 2, "--estimator", *words, limit=IMAGES_LIMIT)
    assert ended.returncode == 0, ended.stderr
    assert 1024 * int(ended.stdout.split()[-2]) < IMAGES_LIMIT
    assert (out / "report.html").stat().st_size > 100_000


def test_the_limit_is_one(shared_data: Path, tmp_path: Path) -> None:
    """Half of it is not enough: it bounds what the run allocates, and memory ends it cleanly."""
    ended = call(
        shared_data / "neurosynth", tmp_path / "out", "meta", "--group", GROUP,
        "--estimator", "MKDAChi2", "--n-iters", 200, "--nprocs", 2, limit=LIMIT // 2,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "memory" in (ended.stdout + ended.stderr).lower()
