"""Runs of image-based analyses that are extended, interrupted, planned or only reported."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from nimare_pipeline.cohort_table import OF_FOCI
from tests.cli.program import Ended, call_inside, contents, interrupt, undrawn
from tests.images import write_studies

N_STUDIES = 10
"""Their flips are 1024, more than these runs ask for."""
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies, with a small mask beside them."""
    return write_studies(tmp_path_factory.mktemp("runs"), n_studies=N_STUDIES)


@pytest.fixture(scope="module")
def flip(folder: Path) -> Run:
    """Flip signs within the small mask; no figures, nobody looks at them here."""

    def call_meta(out: Path, *words: object) -> Ended:
        with undrawn():
            box = folder.parent / "box.nii.gz"
            return call_inside(
                folder, out, "meta", "--estimator", "PermutedOLS", "--mask", box, *words
            )

    return call_meta


@pytest.fixture(scope="module")
def begun(folder: Path, flip: Run) -> Path:
    """Analysis of 60 flips."""
    out = folder.parent / "begun"
    ended = flip(out, "--n-iters", 60)
    assert ended.code == 0, ended.err
    return out


def test_contrasts_of_images_have_no_columns_of_foci(begun: Path) -> None:
    """The table of contrasts says which images there are, and nothing of coordinates."""
    (path,) = begun.glob("tpl-*/cohort-*/*_contrasts.tsv")
    columns = set(pd.read_csv(path, sep="\t").columns)
    assert "images" in columns
    assert not columns & set(OF_FOCI)
    (path,) = begun.glob("tpl-*/cohort-*/*_contrasts.json")
    assert "foci" not in path.read_text(encoding="utf-8").lower()
    assert not list(begun.glob("tpl-*/cohort-*/*_coordinates.tsv"))


def test_added_flips_are_those_of_a_longer_run(begun: Path, flip: Run, tmp_path: Path) -> None:
    """60 and 40 more leave the maps and tables of 100, byte for byte."""
    longer = Path(shutil.copytree(begun, tmp_path / "out"))
    assert flip(longer, "--add-iters", 40).code == 0
    assert flip(tmp_path / "one", "--n-iters", 100).code == 0
    found, wanted = contents(longer), contents(tmp_path / "one")
    assert found.keys() == wanted.keys()
    data = [name for name in found if not name.endswith(".json")]
    assert [name for name in data if found[name] != wanted[name]] == []
    (name,) = (name for name in found if name.endswith("_analysis.json"))
    record = json.loads(found[name])["Facts"]["montecarlo"]
    assert record["n_iters"] == 100
    assert record["exhaustive"] is False


def test_all_flips_are_not_extended(flip: Run, tmp_path: Path) -> None:
    """Where all flips were gone through there is nothing to add, and that is said."""
    out = tmp_path / "out"
    assert flip(out, "--n-iters", 2000).code == 0
    before = contents(out)
    ended = flip(out, "--add-iters", 40)
    assert ended.code == 0, ended.err
    said = "analysis in has all 1024 flips of the signs there are: --add-iters changes nothing"
    assert said in ended.err
    assert "analysis in is up to date" in ended.err
    assert contents(out) == before


def test_interrupted_flips_are_taken_up(folder: Path, tmp_path: Path) -> None:
    """A SIGTERM among the flips: 75; the same command leaves what an undisturbed run leaves."""
    box = folder.parent / "box.nii.gz"
    inner = write_studies(tmp_path, n_studies=24)
    asked = ("meta", "--estimator", "PermutedOLS", "--mask", box, "--keep-work", "--nprocs", 1)
    words = (*asked, "--n-iters", 100_000)
    out = tmp_path / "out"
    ended = interrupt(signal.SIGTERM, out, inner, out, *words, after=".work/store/*.result")
    assert ended.code == 75, ended.err
    kept = {path: path.stat().st_mtime_ns for path in out.glob(".work/store/*.result")}
    with undrawn():
        assert call_inside(inner, out, *words).code == 0
        assert call_inside(inner, tmp_path / "one", *words).code == 0
    assert kept
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    found, wanted = contents(out), contents(tmp_path / "one")
    data = [name for name in found if name.endswith((".nii.gz", ".tsv", ".tsv.gz"))]
    assert [name for name in data if found[name] != wanted[name]] == []


def test_dry_run_says_what_would_be_done(flip: Run, tmp_path: Path) -> None:
    """Images, estimator, flips, time and memory; nothing is written."""
    ended = flip(tmp_path / "out", "--n-iters", 100, "--dry-run")
    assert ended.code == 0, ended.err
    assert "images     beta: 10, varcope: 10" in ended.out
    assert "estimator  PermutedOLS(" in ended.out
    assert "GB of memory" in ended.out
    assert not (tmp_path / "out").exists()


def test_report_is_made_again(begun: Path, tmp_path: Path) -> None:
    """From the files of the results alone: the images may be gone."""
    out = Path(shutil.copytree(begun, tmp_path / "out"))
    before = contents(out)
    (out / "report.html").unlink()
    with undrawn():
        ended = call_inside(tmp_path / "gone", out, "meta", "--reports-only")
    assert ended.code == 0, ended.err
    assert "PermutedOLS" in (out / "report.html").read_text()
    assert contents(out) == before
