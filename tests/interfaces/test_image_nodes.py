"""Nodes of image-based analyses."""

from pathlib import Path

import numpy as np
import pytest
from nipype.pipeline import engine as pe

from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.image_diagnostics import LeaveOneOut
from nimare_pipeline.interfaces.ibma import ImageDiagnostics
from nimare_pipeline.interfaces.records import read_diagnostics, write_frame
from nimare_pipeline.meta import ibma
from nimare_pipeline.results import MetaResult
from tests.image_sets import dataset_of, noise, write


@pytest.fixture
def result(tmp_path: Path) -> MetaResult:
    """Result of five studies of noise around an effect."""
    images = {
        f"s{i}": {
            "beta": write(tmp_path / f"beta{i}.nii.gz", noise(i) + 1),
            "varcope": write(tmp_path / f"varcope{i}.nii.gz", np.abs(noise(9 + i)) + 0.2),
        }
        for i in range(5)
    }
    return ibma.DerSimonianLaird().fit(dataset_of(images))


def run(tmp_path: Path, result_file: Path, result: MetaResult) -> Path:
    clusters = cluster_table(result, level="none", voxel_thresh=0.2).clusters
    node = pe.Node(ImageDiagnostics(), name="node", base_dir=str(tmp_path))
    node.inputs.result_file = str(result_file)
    node.inputs.clusters_file = str(write_frame(tmp_path / "clusters.npz", clusters))
    return Path(node.run().outputs.diagnostics_dir)


def test_diagnostics_are_those_of_the_library(tmp_path: Path, result: MetaResult) -> None:
    """The node writes what ``LeaveOneOut`` gives, which comes back as it was."""
    folder = run(tmp_path, result.save(tmp_path / "result.npz"), result)
    assert folder.parent == tmp_path / "node"
    found, problems = read_diagnostics(folder)
    clusters = cluster_table(result, level="none", voxel_thresh=0.2).clusters
    expected = LeaveOneOut().transform(result, clusters)
    assert problems == ()
    assert len(found.studies)
    assert found.studies.equals(expected.studies)
    assert found.pooled.equals(expected.pooled)
    assert list(found.maps) == list(expected.maps)
    for spec, values in expected.maps.items():
        np.testing.assert_array_equal(found.maps[spec], values)


def test_what_cannot_be_diagnosed_is_a_problem(tmp_path: Path, result: MetaResult) -> None:
    """A result that is cut, or lacks what is needed, ends no run: the tables are empty."""
    whole = result.save(tmp_path / "result.npz").read_bytes()
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole[: len(whole) // 2])
    found, problems = read_diagnostics(run(tmp_path, cut, result))
    assert found.studies.empty
    assert found.pooled.empty
    assert not found.maps
    (problem,) = problems
    assert problem.level == "warning"
    assert problem.message.startswith("diagnostics of the studies were not made: ")
    assert "cut.npz is not a saved result, or is damaged" in problem.message
