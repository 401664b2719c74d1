"""Sentences on analyses of images say what was computed: each is held against the maps."""

from tests.reports.image_runs import run
from tests.reports.test_images import text_of


def test_the_median_names_the_variance_that_its_weights_take():
    """tau2 of the map is Paule and Mandel's, and so the text says; no other source is given."""
    analysed = run("WeightedMedian")
    assert analysed.result.facts["tau2_method"] == "pm"
    text = text_of(analysed)
    assert "tau² that of Paule and Mandel" in text.markdown
    assert "paule1982" in text.citations
    assert "dersimonian1986" not in text.citations
    assert "dersimonian1986" not in analysed.result.description_
