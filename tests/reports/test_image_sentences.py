"""Sentences on analyses of images say what was computed: each is held against the maps."""

import numpy as np
import pytest

from nimare_pipeline.correct import FDRCorrector, FWECorrector
from nimare_pipeline.image_diagnostics import LeaveOneOut
from nimare_pipeline.reports import html
from tests.reports.image_runs import run
from tests.reports.test_images import notices_of, text_of, words_of


def test_the_median_names_the_variance_that_its_weights_take():
    """tau2 of the map is Paule and Mandel's, and so the text says; no other source is given."""
    analysed = run("WeightedMedian")
    assert analysed.result.facts["tau2_method"] == "pm"
    text = text_of(analysed)
    assert "tau² that of Paule and Mandel" in text.markdown
    assert "paule1982" in text.citations
    assert "dersimonian1986" not in text.citations
    assert "dersimonian1986" not in analysed.result.description_


HETEROGENEITY = {
    "I² and H² relate tau²": {"i2", "h2"},
    "intervals of tau² are those of the Q profile": {"tau2Lower", "tau2Upper"},
    "prediction intervals use t": {"predictionLower", "predictionUpper"},
    "Whether studies differ was tested by Q": {"q", "qP"},
    "All moderators together were tested by QM": {"qm", "qmP"},
    "R² is the share of tau² that they explain": {"r2"},
}
"""Sentences of the methods, and the maps that they speak of."""
DEPENDENT = ["a", "a", "a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize("studies", [None, DEPENDENT], ids=["independent", "dependent"])
@pytest.mark.parametrize("formula", ["~ 1", "~ 1 + age", "~ 0 + age"])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("DerSimonianLaird", {}),
        ("SampleSizeBasedLikelihood", {}),
        ("WeightedLeastSquares", {}),
        ("FixedEffectsHedges", {}),
    ],
)
def test_methods_speak_of_maps_that_there_are(name, args, formula, studies):
    """No sentence is on a statistic that was not computed, of any kind of fit."""
    if studies and formula != "~ 1":
        studies = ["a", "b", "c", "d", "e", "f", "g", "h"]
    analysed = run(name, {**args, "formula": formula}, studies=studies)
    there = {spec.statistic for spec in analysed.result.specs.values()}
    said = text_of(analysed).markdown
    for sentence, statistics in HETEROGENEITY.items():
        if sentence in said:
            assert statistics <= there, sentence
    if name == "DerSimonianLaird" and formula == "~ 1" and not studies:
        assert sum(sentence in said for sentence in HETEROGENEITY) == 3
    if name == "DerSimonianLaird" and formula == "~ 1 + age":
        assert "tested by QM, and R² is the share of tau² that they explain." in said


@pytest.mark.parametrize(
    ("name", "assumed"),
    [("DerSimonianLaird", True), ("WeightedLeastSquares", False), ("FixedEffectsHedges", False)],
)
def test_a_correlation_is_assumed_only_where_it_changes_something(name, assumed):
    """With fixed weights the correlation of a study's images enters nowhere: none is quoted."""
    low, high = (run(name, {"rho": rho}, studies=DEPENDENT) for rho in (0.1, 0.9))
    z = [one.result.maps["z"] for one in (low, high)]
    assert np.array_equal(*z, equal_nan=True) != assumed
    assert ("with a correlation of 0.9 assumed" in text_of(high).markdown) == assumed
    assert "the weight of a study was shared among its contrasts" in text_of(high).markdown


@pytest.mark.parametrize("name", ["WeightedLeastSquares", "FixedEffectsHedges"])
def test_effects_with_a_given_variance_between_studies_are_not_fixed(name):
    """Text, description and verdict say that tau2 was assumed; and nothing of fixed effects."""
    analysed = run(name, {"tau2": 0.25})
    said = text_of(analysed).markdown
    assert "an assumed variance between studies of 0.25" in said
    assert analysed.result.description_.startswith("Random effects")
    assert "assumed variance between studies of 0.25" in analysed.result.description_
    notices = notices_of(analysed)
    assert notices["The variance between studies is assumed"].text.startswith("It was given as")
    told = [said, analysed.result.description_, *(f"{n.title} {n.text}" for n in notices.values())]
    assert not any("fixed effects" in one.lower() for one in told)
    plain = run(name)
    assert "fixed effects" in text_of(plain).markdown
    assert plain.result.description_.startswith("Fixed effects")
    assert "Fixed effects" in notices_of(plain)


FOUR = list("aabbccdd")


@pytest.mark.parametrize(
    ("name", "args", "studies", "promised"),
    [
        ("DerSimonianLaird", {}, FOUR, False),
        ("DerSimonianLaird", {"weight_scheme": "collapse"}, FOUR, True),
        ("SampleSizeBasedLikelihood", {"weight_scheme": "collapse"}, FOUR, False),
        ("WeightedMedian", {}, FOUR, False),
    ],
)
def test_an_interval_of_tau2_is_pointed_to_where_it_is(name, args, studies, promised):
    """Of few studies the verdict says to look at the interval, if there is a map of it."""
    analysed = run(name, args, studies=studies)
    text = notices_of(analysed)["Only 4 studies: too few"].text
    assert ("look at its interval" in text) == promised
    assert ("tau2Lower" in analysed.result.maps) == promised


@pytest.mark.parametrize(
    ("name", "corrector", "corrected"),
    [
        ("PermutedOLS", FDRCorrector(), True),
        ("DerSimonianLaird", FDRCorrector("negcorr"), True),
        ("PermutedOLS", FWECorrector(n_iters=100, voxel_thresh=0.01), False),
    ],
)
def test_the_section_on_moderators_names_the_maps_of_each(name, corrector, corrected, tmp_path):
    """Which maps a coefficient has, and whether only those of the result are corrected."""
    analysed = run(name, {"formula": "~ 1 + age", "term": "age"}, corrector=corrector)
    words = words_of(html.write_report(analysed.write(tmp_path, draw=True)).read_text("utf-8"))
    specs = analysed.result.specs.values()
    assert any(spec.correction and spec.group == "intercept" for spec in specs) == corrected
    assert ("The corrected maps are among the files." in words) == corrected
    assert ("It was not corrected for multiple comparisons." in words) != corrected
    has_interval = any(spec.statistic == "estLower" for spec in specs)
    kinds = "z, p, estimate, standard error and interval"
    assert f"({kinds if has_interval else 'z, p, estimate and standard error'})" in words


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("DerSimonianLaird", {}),
        ("SampleSizeBasedLikelihood", {}),
        ("PermutedOLS", {}),
        ("PermutedOLS", {"image": "z"}),
        ("Stouffers", {}),
    ],
)
def test_legends_of_forest_plots_name_what_is_drawn(name, args, tmp_path):
    """Intervals of studies, pooled effect, its interval and that of a new study: if there are."""
    analysed = run(name, args)
    words = words_of(html.write_report(analysed.write(tmp_path, diagnose=True)).read_text("utf-8"))
    found = LeaveOneOut(maps=False).transform(analysed.result, analysed.clusters.clusters)
    there = {
        "with its 95 % interval; a larger square": found.studies["lower"].notna().any(),
        "Diamond: pooled effect": found.pooled["est"].notna().any(),
        "pooled effect with its confidence interval": found.pooled["lower"].notna().any(),
        "line through it: prediction interval": found.pooled["prediction_lower"].notna().any(),
        "Egger's test has hardly any power": found.pooled["egger_p"].notna().any(),
    }
    assert "a larger square weighs more" in words
    assert {sentence: sentence in words for sentence in there} == there
    kind = "z" if "z" in analysed.result.facts["image_kinds"] else "effect"
    assert f": {kind} of each contrast" in words


def test_the_table_of_clusters_does_not_call_corrected_p_uncorrected(tmp_path):
    """Corrected p stand right of z: only z and estimates are of the uncorrected maps."""
    analysed = run("DerSimonianLaird")
    words = words_of(html.write_report(analysed.write(tmp_path)).read_text("utf-8"))
    assert words.index("z value p(FDR)") < words.index("z and all estimates are those of the")
    assert "what is right of it" not in words
