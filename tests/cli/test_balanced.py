"""BalancedALESubtraction from the command line: one run, made longer, and what it refuses."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.balanced_subtraction import BalancedALESubtraction
from tests.cli.program import undrawn
from tests.cli.studies import example_and_box

P = "p_desc-balancedGroup1MinusGroup2_level-voxel_corr-FWE_method-montecarlo"
PAIR = ("--group", "many=n_foci > 10", "--estimator", "BalancedALESubtraction")


@pytest.fixture
def folder(tmp_path) -> Path:
    """The example and a small mask."""
    return example_and_box(tmp_path)


def test_run_and_more_iterations(folder, here) -> None:
    """In chunks the p of the library, whole report, up to date; then more iterations."""
    out, box = folder.parent / "out", folder.parent / "box.nii.gz"
    words = (folder, out, "meta", *PAIR, "--mask", box, "--n-subsamples", "30", "--name", "a")
    ended = here(*words, "--n-iters", "40", "--n-chunks", "3")
    assert ended.code == 0, ended.err
    dataset = Dataset(str(folder / "pain.json"))
    many = dataset.coordinates["id"].value_counts().reindex(list(dataset.ids)) > 10
    groups = (
        dataset.slice(list(dataset.ids[many.to_numpy()])),
        dataset.slice(list(dataset.ids[~many.to_numpy()])),
    )
    inside = np.asarray(nib.load(box).dataobj) > 0

    def p_is_that_of(n_iters: int) -> None:
        estimator = BalancedALESubtraction(n_iters=n_iters, n_subsamples=1, mask=str(box))
        (path,) = out.glob("tpl-*/cohort-a/*_stat-p_*desc-voxelFWE_statmap.nii.gz")
        np.testing.assert_array_equal(
            nib.load(path).get_fdata()[inside],
            estimator.fit(*groups).maps[P].astype(np.float32),
        )

    p_is_that_of(40)
    text = (out / "report.html").read_text()
    assert "could not be made" not in text
    assert "was not made" not in text
    assert "FWE-corrected p &lt; 0.05 voxel by voxel" in text
    methods = (out / "logs" / "CITATION.md").read_text()
    assert "30 random subsets of 9 experiments of either group" in methods
    with undrawn():
        again = here(*words, "--n-iters", "40")
        assert "analysis a is up to date\n" in again.err
        assert here(*words, "--add-iters", "20").code == 0
    p_is_that_of(60)
    (path,) = out.glob("tpl-*/cohort-a/*_analysis.json")
    facts = json.loads(path.read_text())["Facts"]
    assert [(step["from"], step["to"]) for step in facts["montecarlo"]["extensions"]] == [(40, 60)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--method", "holm"), "has no uncorrected p: it is judged by FWECorrector with method"),
        (("--method", "indep"), "'montecarlo', not by FDRCorrector with method 'indep'"),
        (("--tfce",), "BalancedALESubtraction is corrected as it is fitted, by its largest"),
        (("--result", "cluster-mass"), "judges voxels only: its result is 'voxel', not 'cluster-"),
        (("--inference-mask", "m.nii"), "takes no inference mask; give a smaller mask instead"),
        (("--target-n", "0"), "--target-n: '0' is not a whole number of at least 1"),
    ],
)
def test_what_it_refuses(folder, here, more, message) -> None:
    """One clear error each, before anything is read."""
    ended = here(folder, folder.parent / "out", "meta", *PAIR, *more, "--dry-run")
    assert ended.code == 64
    assert message in ended.line


def test_a_target_that_a_group_has_not(folder, here) -> None:
    """How many the groups have stands in the error."""
    box = folder.parent / "box.nii.gz"
    words = (folder, folder.parent / "out", "meta", *PAIR, "--mask", box)
    ended = here(*words, "--target-n", "19", "--n-iters", "5")
    assert ended.code == 64
    assert "target_n is 19, more than the smaller group has: the groups have 12 and 9" in (
        ended.line
    )
