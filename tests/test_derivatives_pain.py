"""The shipped pain example from its file to its derivatives, and back."""

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline import derivatives, io
from nimare_pipeline.cohort import make_cohort
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.settings import Analysis, Settings

EXAMPLE = Path(str(files("nimare_pipeline.data"))) / "examples" / "pain"
N_ITERS = 60


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Derivatives of ALE with 60 iterations: enough to see clusters survive."""
    folder = tmp_path_factory.mktemp("pain")
    out, stage = folder / "out", folder / "stage"
    analysis = Analysis("pain", sources=("pain.json",))
    settings = Settings(str(EXAMPLE), str(out), str(folder / "work"), "20260101-000000_x")
    (source,) = io.read(EXAMPLE)
    cohort = make_cohort(source.dataset, analysis)
    fitted = ALE().fit(cohort.dataset)
    result = FWECorrector(n_iters=N_ITERS, voxel_thresh=0.001, n_cores=2).transform(fitted)
    derivatives.write_analysis(
        stage,
        analysis=analysis,
        settings=settings,
        cohort_contrasts=cohort.contrasts,
        cohort_coordinates=cohort.coordinates,
        result=result,
        clusters=cluster_table(result, alpha=0.05, foci=cohort.coordinates),
    )
    derivatives.write_snapshot(stage, "pain", cohort.dataset)
    problems = cohort.problems
    derivatives.write_problems(stage, analysis=analysis, settings=settings, problems=problems)
    derivatives.swap_in(stage, out, "pain")
    derivatives.write_settings(
        out / "logs" / settings.run_uuid / "settings.toml", settings, [analysis]
    )
    derivatives.write_dataset_level(out, settings, analyses=[analysis])
    return out


@pytest.fixture(scope="module")
def record(output):
    return derivatives.read(output).analyses[0]


def test_the_official_validator_is_content(output):
    """The real tree is valid too."""
    tool = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
    assert tool, "bids-validator-deno is not installed beside the interpreter (extra: test)"
    command = [tool, str(output), "--ignoreWarnings", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_tables_count_what_the_source_says(record):
    """21 contrasts, 267 foci, 334 participants (data/examples/README.md)."""
    assert record.contrasts["included"].sum() == 21
    assert len(record.coordinates) == 267
    assert record.contrasts["sample_size"].sum() == 334
    assert record.facts["n_foci"] == 267


def test_cluster_p_follows_from_the_saved_null(record):
    """Size and mass of each cluster stand in the unit of the null: p is (b + 1) / (n + 1)."""
    clusters = record.clusters[record.clusters["n_voxels"].notna()]
    assert len(clusters) >= 4
    null = record.null_montecarlo
    for column, largest, p in (
        ("n_voxels", "max_size", "p_size_fwe"),
        ("mass", "max_mass", "p_mass_fwe"),
    ):
        exceeding = [(null[largest] >= value).sum() for value in clusters[column]]
        expected = (np.array(exceeding) + 1) / (N_ITERS + 1)
        np.testing.assert_allclose(clusters[p].to_numpy(), expected, rtol=1e-12)


def test_peak_p_follows_from_the_saved_null(record):
    """The voxel-level p of each peak as well."""
    exceeding = [(record.null_montecarlo["max_stat"] >= s).sum() for s in record.clusters["stat"]]
    expected = (np.array(exceeding) + 1) / (N_ITERS + 1)
    np.testing.assert_allclose(record.clusters["p_voxel_fwe"].to_numpy(), expected, rtol=1e-12)


def test_the_table_agrees_with_the_label_image(record):
    """Voxels of each label are those of the table."""
    sizes = np.bincount(np.asarray(nib.load(record.label_image).dataobj).ravel())[1:]
    clusters = record.clusters[record.clusters["n_voxels"].notna()]
    assert sizes.tolist() == clusters["n_voxels"].tolist()


def test_the_snapshot_alone_gives_the_same_map(record):
    """The dataset in sourcedata, read again, gives the statistic that is in the folder."""
    (source,) = io.read(record.snapshot)
    cohort = make_cohort(source.dataset, Analysis("pain"))
    result = ALE().fit(cohort.dataset)
    written = nib.load(record.maps[MapSpec("stat")]).get_fdata()[result.mask.inside]
    np.testing.assert_array_equal(written.astype(np.float32), result.maps["stat"].astype("f4"))


def test_nothing_is_wrong_with_what_was_read(record):
    """The only problem is the data's own: foci outside the mask."""
    assert [problem.message for problem in record.problems] == [
        "26 of 267 foci lie outside the mask; they are used"
    ]
