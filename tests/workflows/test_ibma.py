"""An image-based meta-analysis as a graph."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from nipype.pipeline.engine.utils import generate_expanded_graph

from nimare_pipeline.interfaces.ibma import CheckImages
from nimare_pipeline.settings import Analysis, Component
from nimare_pipeline.workflows.base import init_analysis_wf

FLIPS = Component("FWECorrector", {"method": "montecarlo", "n_iters": 60})


@pytest.fixture
def build(make_settings, tmp_path):
    """Expanded graph of an analysis."""

    def build_graph(analysis: Analysis, **settings: Any) -> Any:
        (tmp_path / "dataset.npz").touch()
        workflow = init_analysis_wf(
            analysis=analysis,
            settings=make_settings(**settings),
            dataset_file=str(tmp_path / "dataset.npz"),
            stage_dir=str(tmp_path / "stage"),
            work_dir=str(tmp_path / "work"),
        )
        return generate_expanded_graph(deepcopy(workflow._create_flat_graph()))

    return build_graph


@pytest.fixture
def images() -> Analysis:
    """A one-sample t test of z images, corrected by flips of signs."""
    return Analysis("images", "ibma", Component("PermutedOLS", {"image": "z"}), FLIPS)


def edges_of(graph: Any) -> set[tuple[str, str]]:
    return {(one.name, two.name) for one, two in graph.edges}


def test_images_are_read_checked_made_and_fitted(build, images) -> None:
    """Each step hands its images to the next, and the cohort to all."""
    assert edges_of(build(images)) >= {
        ("load_cohort", "check_images"),
        ("check_images", "transform_images"),
        ("check_images", "fit_estimator"),
        ("transform_images", "fit_estimator"),
        ("fit_estimator", "plan_montecarlo"),
        ("check_images", "derivatives"),
        ("transform_images", "derivatives"),
    }


def test_images_are_read_once(build, images) -> None:
    """One node reads files of images; no other has the cohort without what was read of it."""
    graph = build(images)
    readers = [node.name for node in graph.nodes if isinstance(node.interface, CheckImages)]
    assert readers == ["check_images"]
    edges = edges_of(graph)
    assert ("load_cohort", "transform_images") not in edges
    assert ("load_cohort", "fit_estimator") not in edges


def test_flips_are_spread_over_chunks(build, images) -> None:
    """The chunks stand between the plan and the correction, as many as asked."""
    graph = build(images, n_chunks=3)
    (node,) = (node for node in graph.nodes if node.name == "montecarlo_chunks")
    assert node.inputs.chunk == [0, 1, 2]
    assert {("plan_montecarlo", node.name), (node.name, "correct_fwe")} <= edges_of(graph)


def test_without_flips_there_is_one_correction(build, images) -> None:
    """FDR needs neither plan nor chunk."""
    graph = build(
        replace(images, corrector=Component("FDRCorrector", {"method": "indep"})), n_chunks=3
    )
    names = {node.name for node in graph.nodes}
    assert "correct" in names
    assert not any("montecarlo" in name for name in names)


def test_options_reach_the_estimator(build) -> None:
    """What the analysis says of coverage and moderators is in the estimator of the node."""
    analysis = Analysis(
        "ages", "ibma", Component("Hedges"), Component("FDRCorrector", {"method": "indep"}),
        options={"coverage": "aggressive", "formula": "~ 1 + age", "term": "age"},
    )  # fmt: skip
    node = next(node for node in build(analysis).nodes if node.name == "fit_estimator")
    assert node.inputs.estimator == {
        "type": "Hedges",
        "args": {"aggressive_mask": True, "formula": "~ 1 + age", "term": "age"},
    }
