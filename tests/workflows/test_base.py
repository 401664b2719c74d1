"""Builders give the graph that was asked for; nothing is run here."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from nipype.pipeline.engine.utils import generate_expanded_graph

from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.workflows.base import init_analysis_wf

CHAIN = [
    ("load_cohort", "ma_maps"),
    ("load_cohort", "fit_estimator"),
    ("ma_maps", "fit_estimator"),
    ("fit_estimator", "plan_montecarlo"),
    ("fit_estimator", "correct_fwe"),
    ("plan_montecarlo", "montecarlo_chunks"),
    ("plan_montecarlo", "correct_fwe"),
    ("montecarlo_chunks", "correct_fwe"),
    ("correct_fwe", "clusters"),
    ("load_cohort", "clusters"),
    ("correct_fwe", "figures"),
    ("clusters", "figures"),
    ("load_cohort", "figures"),
    ("correct_fwe", "derivatives"),
    ("clusters", "derivatives"),
    ("figures", "derivatives"),
    ("load_cohort", "derivatives"),
]


@pytest.fixture
def build(analysis, make_settings, tmp_path):
    """Build a workflow with some settings, and its nodes by name."""
    (tmp_path / "dataset.npz").touch()

    def make(*, type_="cbma", problems=(), **settings):
        workflow = init_analysis_wf(
            analysis=replace(analysis, type=type_),
            settings=make_settings(**settings),
            dataset_file=str(tmp_path / "dataset.npz"),
            stage_dir=str(tmp_path / "stage"),
            work_dir=str(tmp_path / "work"),
            problems=problems,
        )
        graph = generate_expanded_graph(deepcopy(workflow._create_flat_graph()))
        return workflow, graph, {node.name: node for node in graph.nodes}

    return make


def test_the_graph_is_the_one_that_was_drawn(build):
    """Nodes and what feeds them are those of the design, and no others."""
    _, graph, _ = build()
    assert sorted((a.name, b.name) for a, b in graph.edges) == sorted(CHAIN)


def test_records_reach_the_nodes(build, analysis, tmp_path):
    """Each node gets its part of the analysis."""
    _, _, nodes = build(problems=[Problem("warning", "odd", file="a.txt")])
    assert nodes["load_cohort"].inputs.dataset_file == str(tmp_path / "dataset.npz")
    assert nodes["load_cohort"].inputs.analysis["name"] == "small"
    assert nodes["fit_estimator"].inputs.estimator == {
        "type": "ALE",
        "args": {"null_method": "approximate"},
    }
    assert nodes["clusters"].inputs.alpha == nodes["figures"].inputs.alpha == analysis.alpha
    assert nodes["derivatives"].inputs.stage_dir == str(tmp_path / "stage")
    assert [record["message"] for record in nodes["derivatives"].inputs.problems] == ["odd"]


def test_the_seed_of_the_run_reaches_plan_and_corrector(build):
    """Plan and correction know the seed of the settings."""
    _, _, nodes = build(seed=123)
    for name in ("plan_montecarlo", "correct_fwe"):
        assert nodes[name].inputs.corrector["args"]["seed"] == 123


def test_an_analysis_may_have_a_seed_of_its_own(build, analysis, make_settings):
    """A seed among the corrector's parameters wins over that of the run."""
    from nimare_pipeline.workflows.cbma import seeded

    corrector = replace(analysis.corrector, args={**analysis.corrector.args, "seed": 5})
    made = seeded(replace(analysis, corrector=corrector), make_settings(seed=123))
    assert made.corrector.args["seed"] == 5


@pytest.mark.parametrize(
    ("plugin", "n_procs", "n_chunks", "n_threads"),
    [
        ("Linear", 4, 1, 4),
        ("Linear", 4, 7, 4),
        ("MultiProc", 4, 7, 1),
        ("MultiProc", 4, 4, 1),
        ("MultiProc", 4, 2, 2),
        ("MultiProc", 4, 1, 4),
    ],
)
def test_chunks_share_the_processors(build, plugin, n_procs, n_chunks, n_threads):
    """One after the other each chunk has all processors; side by side it has its share."""
    _, _, nodes = build(plugin=plugin, n_procs=n_procs, n_chunks=n_chunks)
    node = nodes["montecarlo_chunks"]
    assert node.inputs.chunk == list(range(n_chunks))
    assert node.inputs.n_chunks == n_chunks
    assert node.n_procs == node.inputs.n_threads == n_threads


@pytest.mark.parametrize(("verbosity", "quiet"), [(-1, True), (0, False)])
def test_a_quiet_run_draws_no_bar(build, verbosity, quiet):
    """What the user asked for reaches the node that draws the bar."""
    _, _, nodes = build(verbosity=verbosity)
    assert nodes["montecarlo_chunks"].inputs.quiet is quiet


def test_the_store_outlives_the_run(build, tmp_path):
    """Blocks are kept in the work folder of the run, not in that of its nodes."""
    workflow, _, nodes = build()
    assert nodes["montecarlo_chunks"].inputs.store_dir == str(tmp_path / "work" / "store")
    assert Path(workflow.base_dir).parent == tmp_path / "work"


def test_no_folder_is_used_twice(build):
    """Two runs of one analysis have node folders of their own: no cache of nodes is trusted."""
    assert build()[0].base_dir != build()[0].base_dir


def test_an_unknown_type_is_refused(build):
    """The error names the analysis, the type, and those there are."""
    with pytest.raises(
        UsageError, match="analysis small: there is no type 'ibmma'; there is: cbma"
    ):
        build(type_="ibmma")
