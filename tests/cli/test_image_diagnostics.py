"""Diagnostics of image-based analyses as a run leaves them, and as they are read again."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.derivatives import read
from nimare_pipeline.image_diagnostics import ImageDiagnostics, LeaveOneOut
from nimare_pipeline.io import read as read_data
from nimare_pipeline.meta import ibma
from tests.cli.program import call_inside, undrawn
from tests.images import box, write_studies


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of one run with clusters; its data lie in ``in`` beside it."""
    folder = tmp_path_factory.mktemp("diagnosed")
    studies = write_studies(folder)
    words = ("--method", "indep", "--mask", folder / "box.nii.gz")
    with undrawn(but_peaks=True):
        ended = call_inside(studies, folder / "out", "meta", *words)
    assert ended.code == 0, ended.err
    return folder / "out"


@pytest.fixture(scope="module")
def expected(out: Path) -> ImageDiagnostics:
    """What the library says of the same images and clusters."""
    (source,) = read_data(out.parent / "in")
    dataset = source.dataset
    dataset.update_path(out.parent / "in")
    result = ibma.DerSimonianLaird(mask=box().as_image()).fit(dataset)
    return LeaveOneOut().transform(result, read(out).analyses[0].clusters)


def found(out: Path, ending: str) -> Path:
    (path,) = out.glob(f"**/*{ending}")
    return path


def test_tables_are_those_of_the_library(out: Path, expected: ImageDiagnostics) -> None:
    """What is read from the folder is what the library gives, to the last digit that is read."""
    record = read(out).analyses[0]
    assert not [p for p in record.problems if "diagnostics" in p.message]
    assert len(record.clusters)
    assert set(record.pooled["peak"]) <= set(record.clusters["peak"])
    pd.testing.assert_frame_equal(record.diagnostics, expected.studies, rtol=1e-9)
    pd.testing.assert_frame_equal(record.pooled, expected.pooled, rtol=1e-9)


def test_maps_are_those_of_the_library(out: Path, expected: ImageDiagnostics) -> None:
    """Both maps are written, say what they mean, and are read as maps of the analysis."""
    record = read(out).analyses[0]
    for spec, values in expected.maps.items():
        image = nib.load(record.maps[spec])
        written = image.get_fdata()[nib.load(record.mask).get_fdata() > 0]
        np.testing.assert_allclose(written, values, rtol=1e-6)
    sidecar = json.loads(found(out, "stat-nLeaveOneOut_statmap.json").read_text())
    assert "can each be left out" in sidecar["Description"]


def test_every_column_is_described(out: Path) -> None:
    """The sidecars describe each column of both tables, and descriptions.tsv both names."""
    for desc in ("peaks", "pooled"):
        table = pd.read_csv(found(out, f"desc-{desc}_diagnostics.tsv"), sep="\t")
        sidecar = json.loads(found(out, f"desc-{desc}_diagnostics.json").read_text())
        assert list(sidecar) == list(table)
        assert all(column["Description"] for column in sidecar.values())
    described = pd.read_csv(out / "descriptions.tsv", sep="\t").set_index("desc_id")
    assert described.loc["desc-pooled", "description"].startswith("Peaks of the clusters")


def test_figures_are_found_by_their_keys(out: Path) -> None:
    """Forest and funnel of the first peaks are figures of the analysis."""
    record = read(out).analyses[0]
    n = min(len(record.pooled), 3)
    keys = {f"{kind}{number}" for kind in ("forest", "funnel") for number in range(1, n + 1)}
    assert keys <= record.figures.keys()


def test_a_damaged_table_is_said_and_empty(out: Path, tmp_path: Path) -> None:
    """A table that is cut is named in a problem, and the rest is read."""
    copied = shutil.copytree(out, tmp_path / "out")
    path = found(copied, "desc-peaks_diagnostics.tsv")
    path.write_bytes(path.read_bytes()[:-40])
    record = read(copied).analyses[0]
    assert record.diagnostics.empty
    assert len(record.pooled)
    assert any(
        "cannot be read" in problem.message and path.name in problem.file
        for problem in record.problems
    )


def test_no_table_is_no_problem_of_foci(out: Path, tmp_path: Path) -> None:
    """Without the tables the record has empty ones with the same columns."""
    copied = shutil.copytree(out, tmp_path / "out")
    whole = read(copied).analyses[0]
    for desc in ("peaks", "pooled"):
        found(copied, f"desc-{desc}_diagnostics.tsv").unlink()
    record = read(copied).analyses[0]
    assert record.diagnostics.empty
    assert list(record.diagnostics) == list(whole.diagnostics)
    assert list(record.pooled) == list(whole.pooled)


def test_a_term_has_tables_of_its_own_name(out: Path, tmp_path: Path) -> None:
    """Of a meta-regression the tables are named by the term, and read all the same."""
    words = ("--formula", "~ 1 + age", "--term", "age", "--method", "indep")
    mask = out.parent / "box.nii.gz"
    with undrawn():
        ended = call_inside(out.parent / "in", tmp_path / "out", "meta", *words, "--mask", mask)
    assert ended.code == 0, ended.err
    assert found(tmp_path, "contrast-age_desc-peaks_diagnostics.tsv")
    record = read(tmp_path / "out").analyses[0]
    assert len(record.diagnostics)
    assert (record.pooled["term"] == "age").all()
