"""A comparison of two groups as a graph, and what it leaves."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nipype.pipeline.engine.utils import generate_expanded_graph

from nimare_pipeline import derivatives
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.groups import split
from nimare_pipeline.meta.cbma.ale_subtraction import ALESubtraction
from nimare_pipeline.settings import Component
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow
from tests.workflows.conftest import N_ITERS

GROUPS = {"large": "sample_size >= 16", "small": "sample_size < 16"}


@pytest.fixture
def comparison(analysis):
    """Two groups of four studies."""
    estimator = Component("ALESubtraction", {"n_iters": N_ITERS})
    return replace(analysis, type="pair", estimator=estimator, options={"groups": GROUPS})


def build(comparison, settings, dataset_file: str, folder: Path):
    return init_analysis_wf(
        analysis=comparison,
        settings=settings,
        dataset_file=dataset_file,
        stage_dir=str(folder / "stage"),
        work_dir=str(folder / "work"),
    )


def test_graph_is_that_of_one_sample_with_one_estimator(comparison, make_settings, tmp_path):
    """The estimator takes the dataset and the groups; all else is as of one group."""
    (tmp_path / "dataset.npz").touch()
    workflow = build(comparison, make_settings(), str(tmp_path / "dataset.npz"), tmp_path)
    graph = generate_expanded_graph(deepcopy(workflow._create_flat_graph()))
    edges = {(one.name, two.name) for one, two in graph.edges}
    assert ("load_cohort", "fit_pair") in edges
    assert {two for one, two in edges if one == "fit_pair"} == {"plan_montecarlo", "correct_fwe"}
    (fit,) = (node for node in graph.nodes if node.name == "fit_pair")
    assert fit.inputs.groups == ["large", "small"]
    assert fit.inputs.estimator["args"] == {"n_iters": N_ITERS, "seed": make_settings().seed}


@pytest.fixture
def left(comparison, make_settings, small_dataset, tmp_path):
    """What the graph of the comparison writes, by two chunks and without figures."""
    settings = make_settings(n_chunks=2)
    file = str(small_dataset.save(tmp_path / "dataset.npz"))
    workflow = build(comparison, settings, file, tmp_path)
    inner = workflow.get_node("pair_wf")
    inner.remove_nodes([inner.get_node("figures")])
    run_workflow(workflow, settings=settings, crash_dir=tmp_path)
    return tmp_path / "stage"


def test_maps_are_those_of_the_library(left, comparison, small_dataset):
    """Estimator and corrector give the same maps when they are called by hand."""
    from nimare_pipeline.cohort import make_cohort

    cohort = make_cohort(small_dataset, comparison)
    pair = split(cohort.dataset, cohort.contrasts, list(GROUPS))
    assert [len(one.ids) for one in pair] == [4, 4]
    result = ALESubtraction(n_iters=N_ITERS).fit(*pair)
    corrected = FWECorrector(n_iters=N_ITERS, voxel_thresh=0.01).transform(result)
    (record,) = derivatives.read(left).analyses
    written = {spec.name for spec in record.maps}
    assert written == set(corrected.maps)
    for name in ("stat_desc-group1MinusGroup2", "z_desc-group1MinusGroup2", "z_desc-group2"):
        (spec,) = (spec for spec in record.maps if spec.name == name)
        image = record.maps[spec]
        import nibabel as nib

        values = nib.load(image).get_fdata()[corrected.mask.inside]
        assert np.allclose(values, corrected.maps[name], atol=1e-5), name


def test_record_names_the_groups(left):
    """Facts and table of contrasts say who is in which group."""
    (record,) = derivatives.read(left).analyses
    assert record.facts["group_names"] == ["large", "small"]
    assert record.facts["groups"]["group1"]["n_contrasts"] == 4
    assert record.contrasts["group"].tolist() == ["small"] * 4 + ["large"] * 4
    (path,) = left.glob("tpl-*/cohort-small/*_analysis.json")
    assert json.loads(path.read_text())["Analysis"]["options"] == {"groups": GROUPS}
