"""Words and panels of a comparison that was enhanced without threshold, or extended."""

from typing import Any

import numpy as np
import pytest

from nimare_pipeline.directions import is_difference
from nimare_pipeline.inference import Inference
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.reports import boilerplate, references
from nimare_pipeline.reports.figure_inputs import Inputs
from nimare_pipeline.reports.maxima import montecarlo_panels
from tests.pairs import cohort, make_pair
from tests.reports.test_groups import asked

POWERS = {"extent_power": 0.5, "height_power": 2.0}
SENTENCES = {
    "permutation moments": (
        "e^0.5 h^2 over heights h from 0 to the z of the voxel",
        "(a Pearson type III distribution) [@winkler2016]. The integral was computed exactly,",
        "for each direction by itself, and its largest value in each direction was kept. Each dir",
    ),
    "chi-square": ("h from 0 to the z of the voxel's chi-square, e the volume",),
    "chi-square of uniformity": (
        "the z that the number of active experiments of pain has in the test of uniformity",
        "and its largest value in the iteration was kept. A corrected p value is one-sided",
    ),
}


def methods(heights: str, **facts: Any) -> str:
    """Methods of the comparison, as Markdown."""
    estimator = "ALESubtraction" if heights == "permutation moments" else "MKDAChi2"
    one = heights == "chi-square of uniformity"
    known = make_pair(
        estimator=estimator,
        facts={
            "tfce": {**POWERS, "heights": heights},
            "result_group": "uniformity" if one else "group1MinusGroup2",
            **facts,
        },
    ).facts
    assert is_difference(known) is not one
    text = boilerplate.methods(
        known, asked(estimator), {}, contrasts=cohort()[0], inference=Inference("tfce")
    )
    assert {"smith2009"} <= set(text.citations) <= references.load().keys()
    return text.markdown


@pytest.mark.parametrize("heights", SENTENCES)
def test_methods_say_what_was_enhanced(heights: str) -> None:
    """Powers, where the heights come from, and that voxels are reported by it."""
    text = methods(heights)
    assert [words for words in SENTENCES[heights] if words not in text] == []
    assert "Voxels with corrected p < 0.05 of their enhanced statistic are reported" in text


def test_methods_say_that_iterations_were_added() -> None:
    """A comparison tells of its extensions as an analysis of one group does."""
    step = {"from": 60, "to": 100, "date": "2026-01-02T00:00:00+00:00"}
    known = make_pair().facts["montecarlo"]
    text = methods("chi-square", montecarlo={**known, "extensions": [step]})
    assert "added in steps: 60 at first, 40 more on 2026-01-02. The p values are valid if" in text
    assert "added in steps" not in methods("chi-square")


def test_each_direction_has_a_panel_of_enhanced_values() -> None:
    """The largest observed value of each sign stands beside its own null."""
    result = make_pair()
    name = MapSpec("tfce", tail="two-sided", group="group1MinusGroup2")
    values = 100 * result.maps["stat_desc-group1MinusGroup2"]
    rng = np.random.default_rng(1)
    nulls = {f"montecarlo_{tail}_max_tfce": rng.random(199) for tail in ("positive", "negative")}
    result = result.with_maps({name: values}, arrays=nulls)
    labels = np.zeros(len(values), dtype=np.int32)
    contrasts, coordinates = cohort()
    panels = montecarlo_panels(Inputs(result, contrasts, coordinates, labels, 0.05))
    found = [panel for panel in panels if panel.title == "Largest enhanced value"]
    assert [panel.side for panel in found] == ["pain > touch", "touch > pain"]
    assert [panel.observed for panel in found] == pytest.approx([values.max(), -values.min()])
