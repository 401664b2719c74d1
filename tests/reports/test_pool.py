"""What texts, verdict and figures say of a null that draws foci from a pool."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nimare_pipeline.inference import Inference
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.scale import SCALE
from nimare_pipeline.reports import boilerplate, figures, pages, render, verdict_pool
from nimare_pipeline.reports.figure_inputs import Inputs
from nimare_pipeline.results import MetaResult
from tests.reports.conftest import Small

POOL = {
    "path": "dir/base.txt",
    "name": "base.txt",
    "n_contrasts": 3,
    "n_studies": 2,
    "n_foci": 400,
    "n_foci_in_reach": 399,
    "foci_sha256": "abc",
}
FACTS = {"n_contrasts": 21, "null_method": "montecarlo", "null_n_iters": 999, "null_seed": 7,
         "null_foci": POOL, "n_voxels": 1000}  # fmt: skip


def methods(**changes: Any) -> str:
    analysis = {"estimator": {"type": "SCALE", "args": {}}}
    return boilerplate.methods({**FACTS, **changes}, analysis, {}).markdown


@pytest.mark.parametrize(
    "sentence",
    [
        "specific coactivation likelihood estimation (SCALE) [@langner2014], which asks where",
        "The pool comprised 400 foci of 3 experiments from 2 studies (base.txt); the 399 within ",
        " within reach of the mask were drawn from.",
        "a Monte Carlo simulation with 999 iterations (seed 7), in each of which every focus was",
        "focus was replaced by one drawn with replacement from the pool; each voxel has a null ",
        "p is (b + 1) / (n + 1), where b of n iterations reached the value observed at this voxel",
    ],
)
def test_methods_say_what_was_drawn_from(sentence: str) -> None:
    """The pool, its size and its name, and how p is counted."""
    assert sentence in methods()


def test_methods_of_a_pool_that_is_an_array() -> None:
    """In the library a pool has no file; what is not known is left out."""
    text = methods(null_foci={"n_foci": 40, "n_foci_in_reach": 40, "foci_sha256": "abc"})
    assert "The pool comprised 40 foci." in text


def test_methods_of_the_correction() -> None:
    """It draws from the pool, too, and not from the mask."""
    text = methods(montecarlo={"n_iters": 50, "seed": 1, "thresholds": {}})
    assert "every focus was replaced by one drawn from the pool, with numbers of foci" in text
    assert "drawn at random from the mask" not in text


def test_verdict_says_where_z_ends() -> None:
    """The smallest p there is, as z; without a pool nothing is said."""
    ((level, title, text),) = verdict_pool.notices(FACTS, Inference("voxel"))
    assert (level, title) == ("note", "z ends at 3.09")
    assert "is never below 0.001." in text
    assert not list(verdict_pool.notices({**FACTS, "null_foci": None}, Inference("voxel")))


@pytest.mark.parametrize(("n_iters", "level"), [(19_998, "bad"), (20_000, "note")])
def test_verdict_says_that_nothing_could_be_significant(n_iters: int, level: str) -> None:
    """Bonferroni over 1000 voxels at .05 needs p below 1 / 20,000."""
    facts = {**FACTS, "null_n_iters": n_iters}
    ((found, _, _),) = verdict_pool.notices(facts, Inference("voxel", method="bonferroni"))
    assert found == level


@pytest.fixture
def drawn_inputs(small: Small) -> Inputs:
    """A result of which all significant voxels share the highest z there is."""
    n = small.result.mask.n_voxels
    labels = np.zeros(n, dtype=np.int32)
    labels[:30] = 1
    maps = {
        "stat": np.linspace(1, 0, n)[np.r_[29:-1:-1, 30:n]],
        "z": np.where(labels > 0, 3.2905267314919255, 0.5),
    }
    specs = {name: MapSpec(name) for name in maps}
    result = replace(small.result, maps=maps, specs=specs)
    return Inputs(result, small.contrasts, small.coordinates, labels, 0.05)


def test_voxels_at_the_end_of_the_scale_are_drawn(drawn_inputs: Inputs) -> None:
    """The scale begins no higher than what an image of these values holds."""
    overlay = figures._result_overlay(drawn_inputs)
    assert overlay.vmin <= float(np.float32(3.2905267314919255))
    assert overlay.vmin == pytest.approx(3.2905267314919255)


def test_peaks_are_those_of_the_statistic(drawn_inputs: Inputs) -> None:
    """Where z is the same everywhere in a cluster, ALE says where the peak is, as in the table."""
    height = drawn_inputs.heights
    assert np.argmax(np.where(drawn_inputs.labels == 1, height, -1)) == 29


def test_corrected_z_fades_where_it_is_small() -> None:
    """Most of corrected z is 0: the scale of uncorrected z would leave the picture empty."""
    assert figures.fade_below(None) == figures.fade_below(MapSpec("z")) == 3.0
    corrected = MapSpec("z", level="voxel", correction="FWE", method="montecarlo")
    assert figures.fade_below(corrected) == 1.0


def test_section_on_nulls(small: Small) -> None:
    """The pool in place of a picture of one null of all voxels, and no word of clusters."""
    pictures = {"null_montecarlo": pages.Picture("data:", "null.svg")}
    facts = {**dict.fromkeys(boilerplate.FACTS), **FACTS, "montecarlo": {"n_iters": 50}}
    names = {"facts": facts, "pictures": pictures, "groups": [], "thresholds": {}, "forming": None,
             "alpha": 0.05, "is_difference": False, "statistic": "ALE"}  # fmt: skip
    text = " ".join(str(render.template("nulls.jinja", names)).split())
    assert "replaced by one drawn from 400 foci of 3 experiments from 2 studies, read from" in text
    assert "<code>dir/base.txt</code>; 399 are within reach of the mask." in text
    assert "<code>abc</code>" in text
    assert "Largest statistic of each of 50 iterations" in text
    assert "Uncorrected null" not in text


def test_library_pool_reaches_the_text(small: Small, tmp_path: Path) -> None:
    """Facts of ``SCALE.fit``, written and read, make the sentence."""
    xyz = np.random.default_rng(1).uniform(-20, 20, (300, 3))
    result = SCALE(xyz, n_iters=3, kernel__fwhm=12, mask=small.result.mask).fit(_dataset())
    facts = MetaResult.load(result.save(tmp_path / "r.npz")).facts
    text = boilerplate.methods(facts, {"estimator": {"type": "SCALE", "args": {}}}, {}).markdown
    assert "The pool comprised 300 foci" in text


def _dataset() -> Any:
    from nimare_pipeline.dataset import Dataset

    coords = {"space": "MNI", "x": [0, 5], "y": [0, 5], "z": [0, 5]}
    return Dataset({"a": {"contrasts": {"1": {"coords": coords}}}})
