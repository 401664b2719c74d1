"""The program as a user meets it: one run on the shipped example, and every bad input."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from tests.cli.program import (
    EXAMPLE,
    FEW,
    TWO_BLOCKS,
    call,
    call_inside,
    contents,
    interrupt,
    status_of,
    undrawn,
)

RESULT = "tpl-MNI152NLin6Asym/cohort-pain/tpl-MNI152NLin6Asym_cohort-pain"


class TestExample:
    def test_run_succeeds(self, example_run) -> None:
        """Exit 0, and the last line on stdout names the report."""
        out, ended = example_run
        assert ended.code == 0, ended.err
        assert ended.out == f"SUCCESS (exit 0): 1 analysis complete; see {out}/report.html\n"

    def test_progress_is_on_stderr(self, example_run) -> None:
        """What is going on is said on stderr, in plain words and without Nipype's chatter."""
        _, ended = example_run
        assert (
            "analysis pain: 21 contrasts, 267 foci; ALE, FWECorrector (1000 iterations)"
            in ended.err
        )
        assert "WARNING: 26 of 267 foci lie outside the mask" in ended.err
        assert "[Node]" not in ended.err
        assert "nipype" not in ended.err

    def test_status_says_what_the_line_says(self, example_run) -> None:
        """status.json and the last line are one record."""
        out, ended = example_run
        status = status_of(out)
        assert status["line"] == ended.line
        assert (status["status"], status["exit_code"]) == ("SUCCESS", 0)

    def test_logs_are_complete(self, example_run) -> None:
        """Log, settings, status and graph lie in the run's own folder, and no crash file."""
        out, _ = example_run
        (folder,) = (path for path in (out / "logs").iterdir() if path.is_dir())
        assert sorted(path.name for path in folder.iterdir()) == [
            "graph.svg", "run.log", "settings.toml", "status.json",
        ]  # fmt: skip
        assert 'Executing "load_cohort"' in (folder / "run.log").read_text()

    def test_maps_and_tables_are_there(self, example_run) -> None:
        """Maps of every level, clusters, contrasts and nulls, on the 2 mm grid."""
        out, _ = example_run
        for name in (
            "res-2_model-ALE_stat-z_statmap.nii.gz",
            "res-2_model-ALE_stat-z_desc-voxelFWE_statmap.nii.gz",
            "res-2_model-ALE_stat-z_desc-clusterSizeFWE_statmap.nii.gz",
            "res-2_model-ALE_stat-z_desc-clusterMassFWE_statmap.nii.gz",
        ):
            assert nib.load(out / f"{RESULT}_{name}").shape == (91, 109, 91)
        table = pd.read_csv(out / f"{RESULT}_contrasts.tsv", sep="\t")
        assert len(table) == 21
        assert table["sample_size"].sum() == 334
        assert len(list((out / "figures").glob("*.svg"))) >= 3
        nulls = out / f"{RESULT}_model-ALE_desc-montecarlo_nulldist.tsv.gz"
        assert len(pd.read_csv(nulls, sep="\t", header=None)) in (1000, 1001)

    def test_nothing_of_the_work_is_left(self, example_run) -> None:
        """After success the output folder holds results only."""
        out, _ = example_run
        assert not [path.name for path in out.iterdir() if path.name in (".work", ".swap")]

    def test_report_is_one_file_of_the_run(self, example_run) -> None:
        """The report is HTML, names the analysis, and loads nothing from elsewhere."""
        out, _ = example_run
        text = (out / "report.html").read_text()
        assert "pain" in text
        assert not re.findall(
            r'(?:src|href)="(?:https?:)?//[^"]+\.(?:js|css|png|svg|woff2?)"', text
        )

    def test_report_is_written_again_from_the_results(self, example_run, tmp_path) -> None:
        """``--reports-only`` needs nothing but the output folder."""
        copy = tmp_path / "copy"
        shutil.copytree(example_run[0], copy)
        (copy / "report.html").unlink()
        ended = call(tmp_path / "gone", copy, "meta", "--reports-only")
        assert (ended.code, ended.line) == (
            0, f"SUCCESS (exit 0): the report is written; see {copy}/report.html",
        )  # fmt: skip
        assert (copy / "report.html").is_file()

    def test_no_trace_elsewhere(self, tmp_path) -> None:
        """A dry run leaves nothing in the home, the current and the output folder."""
        home = tmp_path / "home"
        home.mkdir()
        ended = call(EXAMPLE, tmp_path / "out", "meta", "--dry-run", HOME=str(home))
        assert ended.code == 0
        assert "21 of 21 studies" in ended.out
        assert (
            ended.line == "SUCCESS (exit 0): dry run, nothing was written; 1 analysis can be done"
        )
        assert list(tmp_path.rglob("*")) == [home]


class TestSameBytes:
    @staticmethod
    def assert_same(mine: Path, theirs: Path) -> None:
        """Maps and tables of two output folders are the same to the byte; sidecars name a run."""
        one, other = contents(mine), contents(theirs)
        assert one.keys() == other.keys()
        different = [name for name in one if one[name] != other[name]]
        assert [name for name in different if not name.endswith(".json")] == []

    @pytest.mark.real
    def test_processes_do_not_change_a_byte(self, example_run, tmp_path) -> None:
        """Plugin and chunks change where the work is done: no result, and nothing on screen."""
        words = ("--use-plugin", "MultiProc", "--nprocs", "2", "--n-chunks", "7")
        ended = call(EXAMPLE, tmp_path / "out", "meta", *TWO_BLOCKS, *words)
        assert ended.code == 0, ended.err
        assert ended.out.count("\n") == 1
        assert "nipype" not in ended.err
        self.assert_same(tmp_path / "out", example_run[0])

    def test_interrupted_run_resumes(self, example_run, tmp_path) -> None:
        """A SIGTERM in the middle: 75; another machine finishes it, to the same bytes."""
        out = tmp_path / "out"
        asked = (EXAMPLE, out, "meta", *TWO_BLOCKS, "--keep-work")
        ended = interrupt(signal.SIGTERM, out, *asked, after=".work/store/*.result")
        assert ended.code == 75, ended.err
        assert ended.line.startswith("FAILED (exit 75): stopped by SIGTERM; run the same command")
        assert status_of(out)["line"] == ended.line
        assert [one["state"] for one in status_of(out)["analyses"]] == ["interrupted"]
        assert not (out / "tpl-MNI152NLin6Asym").exists()
        kept = list(out.glob(".work/store/*.result"))
        assert kept
        before = [path.stat().st_mtime_ns for path in kept]
        with undrawn():
            assert call_inside(*asked, "--nprocs", "1", "--n-chunks", "3").code == 0
        assert [path.stat().st_mtime_ns for path in kept] == before
        self.assert_same(out, example_run[0])

    def test_interrupt_is_130(self, data) -> None:
        """Ctrl-C in the middle ends the run with 130, and says that it resumes."""
        (data / "heat.txt").write_text(SLEUTH)
        out = data.parent / "out"
        asked = (data, out, "meta", "--n-iters", "10000000")
        ended = interrupt(signal.SIGINT, out, *asked, after=".work/store/*.result")
        assert ended.code == 130, ended.err
        assert ended.line.startswith("FAILED (exit 130): stopped by Ctrl-C; run the same command")
        assert "Traceback" not in ended.err


SLEUTH = "//Reference=MNI\n//Ada 2001: heat\n//Subjects=12\n10 20 30\n-10 20 30\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def dataset(**changes: object) -> str:
    """NiMARE Dataset JSON of one contrast."""
    contrast = {
        "coords": {"space": "MNI", "x": [10], "y": [20], "z": [30]},
        "metadata": {"sample_sizes": [12]},
    }
    for path, value in changes.items():
        outer, inner = path.split("__")
        contrast[outer][inner] = value
    return json.dumps({"ada": {"contrasts": {"heat": contrast}}})


BAD = {
    "empty folder": ({}, 66, "nothing to analyse"),
    "no foci": ({"a.txt": "//Reference=MNI\n//Ada 2001: heat\n//Subjects=12\n"}, 65, "no foci"),
    "no sample size": (
        {"a.txt": SLEUTH.replace("//Subjects=12\n", "")}, 65, r"Ada.*sample size|sample size.*Ada",
    ),
    "text for a coordinate": ({"a.txt": SLEUTH.replace("-10", "-xx")}, 65, r"a\.txt, line 5"),
    "NaN for a coordinate": ({"a.txt": SLEUTH.replace("-10", "nan")}, 65, r"a\.txt, line 5"),
    "absurd coordinate": ({"a.txt": SLEUTH.replace("-10", "1e9")}, 65, r"a\.txt, line 5"),
    "NaN in JSON": ({"a.json": dataset(coords__y=[float("nan")])}, 65, "ada"),
    "1e9 in JSON": ({"a.json": dataset(coords__y=[1e9])}, 65, "ada"),
    "text in JSON": ({"a.json": dataset(coords__y=["x"])}, 65, "ada"),
    "unknown space": ({"a.json": dataset(coords__space="MARS")}, 65, "MARS"),
    "truncated JSON": ({"a.json": dataset()[:-20]}, 65, r"a\.json"),
    "duplicate ids": (
        {"a.json": '{"ada": {"contrasts": {}}, "ada": {"contrasts": {}}}'}, 65, "ada",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "code", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input(data: Path, here, files: dict[str, str], code: int, message: str) -> None:
    """Each bad input has its exit code and one clear message; nothing looks finished."""
    for name, text in files.items():
        (data / name).write_text(text)
    out = data.parent / "out"
    ended = here(data, out, "meta", *FEW)
    assert ended.code == code, ended.err
    assert ended.line.startswith(f"FAILED (exit {code}): ")
    assert re.search(message, f"{ended.line}\n{ended.err}"), ended.err
    assert "Traceback" not in ended.err
    assert status_of(out)["line"] == ended.line
    assert not list(out.glob("tpl-*"))


@pytest.mark.usefixtures("undrawn")
def test_several_files_a_mask_and_results_inside_the_input(data: Path, here) -> None:
    """Of two files one cannot be used: exit 3, the other is complete, and the report is written.

    The mask lies on another grid, and the results inside the input folder: both are fine.
    """
    (data / "heat.txt").write_text(SLEUTH)
    (data / "touch me.txt").write_text(SLEUTH.replace("//Subjects=12\n", ""))
    volume = np.zeros((46, 55, 46), dtype=np.uint8)
    volume[10:36, 10:45, 10:36] = 1
    affine = np.diag([-4.0, 4, 4, 1])
    affine[:3, 3] = 90, -126, -72
    nib.save(nib.Nifti1Image(volume, affine), data.parent / "mask.nii.gz")
    out = data / "results"
    words = (data, out, "meta", *FEW, "--mask", data.parent / "mask.nii.gz")
    ended = here(*words)
    assert ended.code == 3, ended.err
    assert ended.line.startswith("PARTIAL (exit 3): 1 of 2 analyses failed: touchMe: ")
    assert "it was resampled" in ended.err
    assert [path.name for path in out.glob("tpl-*/cohort-*")] == ["cohort-heat"]
    (mask,) = out.glob("tpl-*/**/*_mask.nii.gz")
    assert nib.load(mask).shape == (91, 109, 91)
    assert (out / "report.html").is_file()
    again = here(*words, "--dry-run")
    assert again.code == 3
    assert "1 of 2 analyses cannot be done: touchMe: " in again.line
    assert re.findall("^analysis (.*)$", again.out, re.MULTILINE) == ["heat", "touchMe"]
    assert "left out" not in again.err


def test_empty_mask(data, here) -> None:
    """A mask without a voxel is bad data."""
    (data / "heat.txt").write_text(SLEUTH)
    path = data.parent / "mask.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((5, 5, 5), dtype=np.uint8), np.eye(4)), path)
    ended = here(data, data.parent / "out", "meta", *FEW, "--mask", path)
    assert ended.code == 65
    assert re.search("mask.* is empty", ended.line)


def test_unwritable_output(data, here) -> None:
    """An output folder that cannot be made is exit 73, also for root (here: in /proc)."""
    (data / "heat.txt").write_text(SLEUTH)
    ended = here(data, "/proc/out", "meta")
    assert (ended.code, ended.line[:18]) == (73, "FAILED (exit 73): ")
    assert "cannot write to the folder /proc/out" in ended.line


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["in", "out", "meta", "--estimator", "ALEX"], 64),
        (["in", "out", "meta", "--alpha", "1"], 64),
        (["in", "out", "meta", "--voxel-thresh", "0"], 64),
        (["in", "out", "meta", "--n-iters", "-1"], 64),
        (["in", "out", "meta", "--unknown"], 64),
        (["in", "out"], 64),
        (["in", "out", "participant"], 17),
        (["no-such-folder", "out", "meta"], 66),
    ],
)
def test_wrong_request(tmp_path, here, words, code) -> None:
    """A wrong request ends with its code and one line, and makes no folder."""
    paths = [str(tmp_path / word) if word.isalpha() and len(word) < 4 else word for word in words]
    ended = here(*paths)
    assert ended.code == code
    assert re.fullmatch(rf"FAILED \(exit {code}\): .+\n", ended.out)
    assert list(tmp_path.iterdir()) == []


def test_only_one_run_at_a_time(data, here) -> None:
    """While one run holds an output folder, another one stops with 75 and says why."""
    out = data.parent / "out"
    (out / ".work").mkdir(parents=True)
    hold = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX)"
    hold += "; print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(out / ".work" / "lock")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        ended = here(EXAMPLE, out, "meta")
    finally:
        holder.kill()
        holder.communicate()
    assert ended.code == 75
    assert f"another run is writing into {out}" in ended.line


def test_reader_that_goes_away_is_no_failure(tmp_path) -> None:
    """``nimare-pipeline --dry-run ... | head -1`` ends without a traceback."""
    line = f"{sys.executable} -m nimare_pipeline {EXAMPLE} {tmp_path}/out meta --dry-run | head -1"
    ended = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert "Traceback" not in ended.stderr
