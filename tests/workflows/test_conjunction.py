"""A conjunction as a graph: from the derivatives of its parts to its own."""

import json
from copy import deepcopy
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nipype.pipeline.engine.utils import generate_expanded_graph

from nimare_pipeline import derivatives
from nimare_pipeline.errors import NoInputError
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow
from tests import derived

A, B = [5.0, 4.0, 1.0, 0.0, 3.0, 2.0], [3.0, 6.0, 2.0, 4.0, 0.5, 2.5]


def ask(**options) -> Analysis:
    return Analysis(
        "both",
        type="conjunction",
        estimator=Component("Conjunction"),
        corrector=Component(""),
        options={"of": ["a", "b"], **options},
    )


@pytest.fixture
def out(tmp_path) -> Path:
    """Two results that are significant everywhere."""
    for name, z in (("a", A), ("b", B)):
        derived.write(tmp_path / "out", name, derived.made_result(z, voxel=[0.01] * 6))
    return tmp_path / "out"


def build(analysis: Analysis, settings: Settings, folder: Path):
    return init_analysis_wf(
        analysis=analysis,
        settings=settings,
        stage_dir=str(folder / "stage"),
        work_dir=str(folder / "work"),
    )


@pytest.fixture
def run(out, make_settings, tmp_path):
    """Run the graph of a conjunction; folder of what it leaves."""

    def make(analysis: Analysis) -> Path:
        settings = make_settings(output_dir=str(out))
        workflow = build(analysis, settings, tmp_path)
        inner = workflow.get_node("conjunction_wf")
        inner.remove_nodes([inner.get_node("figures")])
        run_workflow(workflow, settings=settings, crash_dir=tmp_path)
        return tmp_path / "stage"

    return make


def test_graph(out, make_settings, tmp_path) -> None:
    """It has no cohort and no estimator: results, clusters, figures, derivatives."""
    workflow = build(ask(), make_settings(output_dir=str(out)), tmp_path)
    graph = generate_expanded_graph(deepcopy(workflow._create_flat_graph()))
    assert sorted((one.name, two.name) for one, two in graph.edges) == [
        ("clusters", "derivatives"),
        ("clusters", "figures"),
        ("conjoin", "clusters"),
        ("conjoin", "derivatives"),
        ("conjoin", "figures"),
        ("figures", "derivatives"),
    ]


def test_files(run) -> None:
    """Maps, clusters and their names, sidecars with what was combined, no snapshot of data."""
    stage = run(ask())
    (record,) = derivatives.read(stage).analyses
    (folder,) = stage.glob("tpl-*/cohort-both")
    names = {path.name.split("cohort-both_")[1] for path in folder.glob("*.nii.gz")}
    model = "model-Conjunction"
    assert names == {
        f"res-2_{model}_stat-minimum_statmap.nii.gz",
        f"res-2_{model}_stat-z_statmap.nii.gz",
        f"res-2_{model}_stat-p_statmap.nii.gz",
        f"res-2_{model}_stat-logp_statmap.nii.gz",
        f"res-2_{model}_stat-z_desc-conjunctionThresholded_statmap.nii.gz",
        "seg-Conjunction_res-2_desc-conjunction_dseg.nii.gz",
    }
    z = nib.load(record.result_map).get_fdata()[derived.small_mask().inside]
    # Where z of one is 0 there is no conjunction, whatever its p.
    np.testing.assert_array_equal(z, [3, 4, 1, 0, 0.5, 2])
    (sidecar,) = folder.glob("*_stat-z_statmap.json")
    said = json.loads(sidecar.read_text())
    assert said["Conjunction"]["of"] == ["a", "b"]
    assert sum("cohort-a_" in uri for uri in said["Sources"]) == 4
    assert not (stage / "sourcedata").exists()
    assert record.snapshot is None
    assert [str(problem) for problem in record.problems] == []


def test_masks_of_the_parts_stay_theirs(out, run) -> None:
    """Maps with a mask of their own are combined in one of their own, not in the template's."""
    for name, z in (("a", A), ("b", B)):
        result = derived.made_result(z, voxel=[0.01] * 6)
        derived.write(out, name, result, mask_file="mask.nii")
    stage = run(ask())
    (path,) = stage.rglob("*_mask.nii.gz")
    assert path.name.endswith("_cohort-both_res-2_label-brain_mask.nii.gz")


def test_clusters_and_experiments(run) -> None:
    """Clusters of the voxels that are significant in both, with the experiments inside."""
    stage = run(ask())
    (path,) = stage.glob("tpl-*/cohort-both/*_desc-conjunction_clusters.tsv")
    main = pd.read_csv(path, sep="\t").drop_duplicates("cluster")
    assert main["n_voxels"].tolist() == [3, 2]
    assert main["z_stat"].tolist() == [4, 2]
    assert main["experiments"].tolist()[0] == "ada-1; bell-1"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (ask(), ask(level="uncorrected")),
        (ask(level="uncorrected"), ask(level="voxel")),
        (ask(), ask(of=["b", "a", "c"])),
    ],
    ids=["level", "level", "of"],
)
def test_keys_change_the_result(out, run, tmp_path, one, two) -> None:
    """``of`` and ``level`` change the voxels that are significant."""
    derived.write(out, "c", derived.made_result([1, 0, 2, 1, 1, 1], voxel=[0.01] * 6))
    images = []
    for analysis in (one, two):
        stage = run(analysis)
        (path,) = stage.glob("tpl-*/cohort-both/*_dseg.nii.gz")
        images.append(nib.load(path).get_fdata().copy())
        stage.rename(tmp_path / f"kept{len(images)}")
    assert (images[0] != images[1]).any()


def test_alpha_changes_the_result(run, tmp_path) -> None:
    """``alpha`` counts where p is compared with it."""
    counts = []
    for alpha in (0.05, 0.001):
        stage = run(Analysis(**{**vars(ask(level="uncorrected")), "alpha": alpha}))
        (path,) = stage.glob("tpl-*/cohort-both/*_dseg.nii.gz")
        counts.append(int((nib.load(path).get_fdata() > 0).sum()))
        stage.rename(tmp_path / f"kept{alpha}")
    assert counts == [3, 1]


def test_part_that_is_not_there(run) -> None:
    """The error of a node reaches the caller as itself."""
    with pytest.raises(NoInputError, match="has no result of x: run them too"):
        run(ask(of=["a", "x"]))
