"""A coactivation model as a graph: what it adds to a meta-analysis, and what it leaves."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nipype.pipeline.engine.utils import generate_expanded_graph

from nimare_pipeline import derivatives
from nimare_pipeline.settings import Component
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow

SPHERE = [20.0, 10.0, 5.0, 2.5]


@pytest.fixture
def request_(analysis):
    """Coactivation with a small sphere, corrected without iterations."""
    return replace(
        analysis,
        type="macm",
        options={"sphere": SPHERE},
        corrector=Component("FWECorrector", {"method": "holm"}),
    )


def build(request_, settings, dataset_file: str, folder: Path):
    return init_analysis_wf(
        analysis=request_,
        settings=settings,
        dataset_file=dataset_file,
        stage_dir=str(folder / "stage"),
        work_dir=str(folder / "work"),
    )


def test_one_node_more(request_, make_settings, tmp_path) -> None:
    """The region stands between the estimator and its correction, and reads all of the data."""
    (tmp_path / "dataset.npz").touch()
    workflow = build(request_, make_settings(), str(tmp_path / "dataset.npz"), tmp_path)
    graph = generate_expanded_graph(deepcopy(workflow._create_flat_graph()))
    edges = {(one.name, two.name) for one, two in graph.edges}
    assert ("fit_estimator", "region") in edges
    assert [two for one, two in edges if one == "fit_estimator"] == ["region"]
    assert [two for one, two in edges if one == "region"] == ["correct"]
    node = next(node for node in graph.nodes if node.name == "region")
    assert node.inputs.dataset_file == str(tmp_path / "dataset.npz")


def test_derivatives_know_the_region(request_, make_settings, small_dataset, tmp_path) -> None:
    """Record and sidecars state it with the numbers that a loop finds; there is a picture."""
    settings = make_settings()
    file = str(small_dataset.save(tmp_path / "dataset.npz"))
    workflow = build(request_, settings, file, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        from nimare_pipeline.reports import figures

        patch.setattr(figures, "DRAWINGS", {"region": figures.DRAWINGS["region"]})
        run_workflow(workflow, settings=settings, crash_dir=tmp_path)
    stage = tmp_path / "stage"
    foci = small_dataset.coordinates
    near = np.linalg.norm(foci[["x", "y", "z"]].to_numpy() - SPHERE[:3], axis=1) <= SPHERE[3]
    (record,) = derivatives.read(stage).analyses
    region = record.facts["region"]
    assert 0 < region["n_contrasts"] == foci[near]["id"].nunique() < 8
    assert region["n_foci"] == near.sum()
    assert region["n_searched"] == 8
    assert record.facts["n_contrasts"] == region["n_contrasts"]
    assert set(record.contrasts["reason"]) == {"", "no focus in the region"}
    (sidecar,) = stage.glob("tpl-*/cohort-small/*_stat-z_statmap.json")
    assert json.loads(sidecar.read_text())["Region"] == region
    assert record.figures.keys() == {"region"}
    (image,) = stage.glob("tpl-*/cohort-small/*_res-5_label-seed_mask.nii.gz")
    assert int(np.asanyarray(nib.load(image).dataobj).sum()) == region["n_voxels"] > 0
    assert json.loads(image.with_suffix("").with_suffix(".json").read_text())["Type"] == "ROI"
    assert record.mask is not None
    assert "label-brain" in record.mask.name
    assert "(MACM (robinson2010)): " in record.record["Description"]


def test_roi_of_another_grid_is_said(request_, make_settings, small_dataset, tmp_path) -> None:
    """The remark on its grid is among the problems of the analysis."""
    volume = np.zeros((20, 20, 20), dtype=np.uint8)
    volume[:8, :8, :8] = 1
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = 10, 0, -5
    nib.save(nib.Nifti1Image(volume, affine), tmp_path / "roi.nii.gz")
    asked = replace(request_, options={"roi": "roi.nii.gz"}, folders=(str(tmp_path),))
    settings = make_settings()
    workflow = build(asked, settings, str(small_dataset.save(tmp_path / "dataset.npz")), tmp_path)
    inner = workflow.get_node("macm_wf")
    inner.remove_nodes([inner.get_node("figures")])
    run_workflow(workflow, settings=settings, crash_dir=tmp_path)
    (record,) = derivatives.read(tmp_path / "stage").analyses
    assert any("Region roi.nii.gz lies on another grid" in str(one) for one in record.problems)
