"""The report, the texts and the sidecars of analyses of images."""

import json
import re
from dataclasses import asdict, replace
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.errors import Problem
from nimare_pipeline.registry import IMAGE_ESTIMATORS
from nimare_pipeline.reports import (
    boilerplate,
    html,
    image_figures,
    pages,
    paper_tables,
    verdict,
)
from nimare_pipeline.reports.figure_inputs import Inputs
from nimare_pipeline.reports.maxima import montecarlo_panels
from tests.reports.image_runs import EFFECT, Run, run

WRONG = re.compile(r"foci|focus|(?<!of neuroimaging )experiment|kernel|converge", re.IGNORECASE)
"""Words of analyses of coordinates; the paper on BIDS has one in its title."""


def words_of(page: str) -> str:
    """Text of a page, without pictures, style and script."""
    page = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    page = re.sub(r"data:image[^\"]*", "", page)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def record_of(output: Path):
    (record,) = derivatives.read(output).analyses
    return record


def sidecar_of(path: Path) -> dict[str, Any]:
    return json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())


def page_of(output: Path) -> pages.Page:
    (page,) = html._pages(derivatives.read(output), output)
    return page


def evidence_of(analysed: Run) -> verdict.Evidence:
    """What the verdict is made from, as the derivatives would hold it."""
    return verdict.Evidence(
        facts=analysed.result.facts,
        analysis=asdict(analysed.analysis),
        contrasts=analysed.contrasts,
        clusters=analysed.clusters.clusters,
        level=analysed.clusters.level,
        images=analysed.images.checks,
        made=analysed.images.stack.made,
    )


def notices_of(analysed: Run) -> dict[str, verdict.Notice]:
    judged = verdict.verdict(evidence_of(analysed))
    return {notice.title: notice for notice in judged.notices}


def text_of(analysed: Run) -> boilerplate.Text:
    evidence = evidence_of(analysed)
    return boilerplate.methods(
        evidence.facts, evidence.analysis, {}, contrasts=evidence.contrasts,
        inference=evidence.inference, images=evidence.images, made=evidence.made,
    )  # fmt: skip


@pytest.fixture(scope="module")
def simple() -> Run:
    """Random effects of eight studies, one of which lacks some voxels."""
    return run("DerSimonianLaird")


@pytest.fixture(scope="module")
def written(simple, tmp_path_factory) -> Path:
    """Derivatives of it, with figures and report."""
    output = simple.write(tmp_path_factory.mktemp("dl"), draw=True)
    html.write_report(output)
    return output


@pytest.mark.parametrize("name", sorted(IMAGE_ESTIMATORS))
def test_nothing_speaks_of_coordinates(name, tmp_path):
    """No word of foci, experiments, kernels or convergence in report, texts and sidecars."""
    output = run(name).write(tmp_path)
    report = words_of(html.write_report(output).read_text(encoding="utf-8"))
    assert "could not be made" not in report
    assert WRONG.findall(report) == []
    sidecars = [*output.glob("tpl-*/**/*.json"), output / "descriptions.tsv"]
    assert len(sidecars) > 10
    found = {path.name: WRONG.findall(path.read_text(encoding="utf-8")) for path in sidecars}
    assert {name: words for name, words in found.items() if words} == {}
    for path in (output / "logs").glob("CITATION.[mt]*"):
        assert WRONG.findall(path.read_text(encoding="utf-8")) == []
    for page in (paper_tables.clusters_page, paper_tables.contrasts_page):
        assert WRONG.findall(words_of(page(record_of(output)))) == []


@pytest.mark.parametrize("name", sorted(IMAGE_ESTIMATORS))
def test_text_names_method_and_source(name):
    """Every estimator has sentences of its own, which cite what it declares."""
    analysed = run(name)
    text = text_of(analysed)
    assert "The analysis used" not in text.markdown
    declared = getattr(import_module(IMAGE_ESTIMATORS[name]), name).citations
    only_of_dependent_images = {"brown1975", "kost2002"}
    assert set(declared) - only_of_dependent_images <= set(text.citations)
    assert all(f"{{{key}," in analysed.result.bibtex_ for key in declared)
    assert all(key in analysed.result.description_ for key in declared)


def test_headline_counts_clusters_of_an_effect(simple):
    """The effect that was put in is one cluster, and called one."""
    headline = verdict.verdict(evidence_of(simple)).headline
    assert re.match(r"\d+ clusters? of significant effect", headline)
    assert headline.endswith("(FDR-corrected p < 0.05 voxel by voxel, Benjamini-Hochberg)")


def test_table_of_clusters_quotes_the_maps_at_the_peak(simple):
    """Effect, error, interval, tau2, I2 and studies of a peak are those of the maps there."""
    table, result = simple.clusters.clusters, simple.result
    row = table.iloc[0]
    to_voxels = np.linalg.inv(result.mask.affine)
    ijk = np.rint(to_voxels @ [row["x"], row["y"], row["z"], 1])[:3].astype(int)
    for column, name in {
        "est": "est", "se": "se", "est_lower": "estLower", "est_upper": "estUpper",
        "tau2": "tau2", "i2": "i2", "n": "n", "z_stat": "z",
    }.items():  # fmt: skip
        assert row[column] == result.mask.volume(result.maps[name])[tuple(ijk)]
    assert abs(row["est"] - EFFECT) < 1.5
    assert not {"n_experiments", "experiments", "stat"} & set(table.columns)


def test_table_has_no_columns_of_maps_that_are_not_there():
    """Stouffer's test estimates nothing: there is no effect in the table, but its statistic."""
    columns = set(run("Stouffers").clusters.clusters.columns)
    assert not {"est", "se", "tau2", "i2"} & columns
    assert {"n", "stat"} <= columns


def test_sidecars_say_what_each_statistic_is(written):
    """Description, statistic and unit of maps; the estimates have the unit of the images."""
    said = {
        spec.statistic: json.loads(
            path.with_name(path.name.replace(".nii.gz", ".json")).read_text()
        )
        for spec, path in record_of(written).maps.items()
        if not spec.correction
    }
    assert said["est"]["Units"] == said["se"]["Units"] == "unit of the images"
    assert said["tau2"]["Units"] == "square of the unit of the images"
    assert (said["i2"]["Units"], said["i2"]["StatisticType"]) == ("%", "I2")
    assert said["n"]["Units"] == "studies"
    assert said["z"]["Description"].endswith("; two-sided")
    assert len({one["Description"] for one in said.values()}) == len(said)
    common = said["est"]
    assert (common["NumberOfStudies"], common["NumberOfContrasts"]) == (8, 8)
    assert common["NumberOfParticipants"] == 158
    assert (common["Coverage"], common["MinStudies"]) == ("liberal", 2)
    assert (common["StandardError"], common["Tau2Method"]) == ("knapp-hartung", "dl")
    assert common["ImageKinds"] == ["beta", "varcope"]
    assert any(source.endswith("_images.tsv") for source in common["Sources"])
    assert not any("coordinates" in source for source in common["Sources"])


def test_unit_of_standardised_effects():
    """Hedges' g has the unit of g, whatever the images' is."""
    from nimare_pipeline import image_words
    from nimare_pipeline.maps import MapSpec

    facts = run("FixedEffectsHedges").result.facts
    meaning = image_words.meaning(MapSpec("est"), facts, "FixedEffectsHedges")
    assert meaning["Units"] == "standard deviations (Hedges' g)"


def test_report_has_every_section_and_picture(written):
    """Sections of an analysis of images, none broken, with the pictures of what it has."""
    page = (written / "report.html").read_text(encoding="utf-8")
    words = words_of(page)
    for title in ("Images and exclusions", "Coverage", "Result", "Clusters",
                  "Differences between studies", "Checklist", "Text for a paper"):  # fmt: skip
        assert f"<h3>{title}</h3>" in page
    assert "could not be made" not in words
    assert "was not made. It is not among the derivatives" not in words
    assert set(record_of(written).figures) >= {
        "coverage_mosaic", "effect_mosaic", "heterogeneity", "i2_mosaic", "result_mosaic",
        "sample_sizes", "tau_mosaic", "z_mosaic",
    }  # fmt: skip
    assert "s8-1 (varcope): it is 0 everywhere" in words
    assert "no varcope image: 1" in words


def test_refused_images_are_said_once(written):
    """They have a notice of their own; of the problems, only what else is odd stays."""
    page = page_of(written)
    refused = Problem("error", "it is 0 everywhere", "s8.nii.gz", "study s8, varcope image")
    other = Problem("warning", "it lies on another grid", "s1.nii.gz")
    page = replace(page, record=replace(page.record, problems=(refused, other)))
    assert page.evidence.problems == (str(other),)


def test_notices_on_images(simple):
    """Refused images, computed ones, coverage and heterogeneity are pointed out."""
    notices = notices_of(simple)
    assert notices["1 image refused"].level == "warn"
    assert notices["1 image computed from others"].text.startswith("1 z")
    assert notices["11.6 % of the voxels lack some studies"].text.startswith(
        "They rest on the studies that cover them, at least 7"
    )
    assert notices["1 of 9 contrasts was not analysed"].text == "no varcope image: 1"
    assert notices["8 studies"].level == "good"
    assert "Effects seem to be in different units" not in notices


def test_units_that_differ_are_noticed():
    """A study whose effects are a hundred times larger is named, and g or z advised."""
    notice = notices_of(run("DerSimonianLaird", units=100.0))[
        "Effects seem to be in different units"
    ]
    assert notice.level == "warn"
    assert "standard deviation of participants of s7-7 is" in notice.text
    assert "FixedEffectsHedges" in notice.text


def test_units_of_z_are_no_matter():
    """z has no unit, so that nothing is said of it."""
    titles = notices_of(run("Stouffers", units=100.0))
    assert "Effects seem to be in different units" not in titles


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DerSimonianLaird", "errors are cluster-robust"),
        ("PermutedOLS", "they are averaged first, and flipped together"),
        ("Fishers", "their correlation without an effect is estimated from all voxels"),
    ],
)
def test_several_images_of_a_study(name, words):
    """How images of one study are treated is said in verdict and text."""
    analysed = run(name, studies=["a", "a", "a", "b", "c", "d", "e", "f"])
    notice = notices_of(analysed)["1 study with several contrasts"]
    assert notice.text == f"These 3 contrasts share people: {words}" + (
        ", so that they do not count as independent." if name == "DerSimonianLaird" else "."
    )
    assert "1 study gave 3 contrasts" in text_of(analysed).markdown


def test_few_studies():
    """Of four studies tau2 is hardly known."""
    notice = notices_of(run("DerSimonianLaird", studies=list("aabbccdd")))[
        "Only 4 studies: too few"
    ]
    assert notice.level == "warn"
    assert notice.text.startswith("The variance between studies (tau²) is estimated from 4")


def test_fixed_effects_and_one_sided_tests_are_said():
    """What fixed effects speak of, and that one sign only is tested."""
    assert "Fixed effects" in notices_of(run("WeightedLeastSquares"))
    one = run("Stouffers", {"two_sided": False})
    assert "Only positive effects are tested" in notices_of(one)
    assert "Only positive effects were tested." in text_of(one).markdown
    headline = verdict.verdict(evidence_of(one)).headline
    assert "of significant positive effect" in headline


@pytest.fixture(scope="module")
def flipped() -> Run:
    """A t test whose 2 ** 8 flips are all gone through."""
    return run("PermutedOLS", corrector=FWECorrector(method="montecarlo", n_iters=300))


def test_sign_flips_are_said(flipped, tmp_path):
    """All flips: exact p, symmetric errors, no Monte Carlo error; in verdict, text, sidecars."""
    output = flipped.write(tmp_path)
    notices = notices_of(flipped)
    assert notices["All 256 sign flips were gone through"].level == "note"
    assert "Symmetric errors are assumed" in notices
    assert not any("random sign flips" in title for title in notices)
    text = page_of(output).text().markdown
    assert "All 256 flips of the studies were gone through." in text
    assert "A corrected p value is b / n" in text
    assert "standard error of a corrected p" not in text
    record = record_of(output)
    path = record.maps[record.result_spec]
    sidecar = sidecar_of(path)
    assert sidecar["Correction"]["Randomised"] == "sign flips"
    assert sidecar["Correction"]["Exhaustive"] is True
    words = words_of(html.write_report(output).read_text(encoding="utf-8"))
    assert "All 256 flips of the studies were gone through, so that corrected p is exact" in words
    inputs = Inputs(flipped.result, flipped.contrasts, None, flipped.clusters.label_map, 0.05)
    assert [panel.threshold > 0 for panel in montecarlo_panels(inputs)] == [True] * 3
    assert "(clusters formed at p < .001, 256 sign flips)" in words_of(
        paper_tables.clusters_page(record)
    )


def test_few_random_flips_are_a_caution():
    """Fewer random flips than are needed for a paper are a caution, in their own words."""
    analysed = run("PermutedOLS", corrector=FWECorrector(method="montecarlo", n_iters=100))
    assert notices_of(analysed)["Only 100 random sign flips"].level == "warn"


@pytest.fixture(scope="module")
def moderated(tmp_path_factory) -> Path:
    """A meta-regression whose result is the coefficient of age."""
    analysed = run("DerSimonianLaird", {"formula": "~ 1 + age", "term": "age"})
    (key,) = image_figures.term_drawings(analysed.result.facts)
    assert key == "term0_mosaic"
    output = analysed.write(tmp_path_factory.mktemp("age"))
    html.write_report(output)
    return output


def test_term_of_a_meta_regression_is_in_every_text(moderated):
    """Headline, methods, results, captions and sidecars speak of the coefficient of age."""
    page = page_of(moderated)
    headline = verdict.verdict(page.evidence).headline
    assert "significant association with age" in headline
    assert "the result is the coefficient of age" in page.text().markdown
    results = boilerplate.results(page.record.facts, page.record.analysis, page.record.clusters)
    assert "significant association with age" in results.markdown
    words = words_of((moderated / "report.html").read_text(encoding="utf-8"))
    assert "coefficient of age in the formula ~ 1 + age" in words
    assert "(z, p, estimate, standard error and interval)" in words
    assert "2 studies cover, enough to tell the coefficients apart, were" in page.text().markdown
    assert "could not be made" not in words
    spec = next(one for one in page.record.maps if (one.statistic, one.group) == ("est", "age"))
    path = page.record.maps[spec]
    sidecar = sidecar_of(path)
    assert "coefficient of age" in sidecar["Description"]
    assert (sidecar["Formula"], sidecar["Term"]) == ("~ 1 + age", "age")
    notices = {notice.title: notice for notice in verdict.verdict(page.evidence).notices}
    assert notices["8 studies for 1 moderator"].level == "warn"


def test_terms_are_no_groups_that_are_compared(moderated):
    """A term of a formula is not taken for a group of a comparison."""
    record = record_of(moderated)
    assert "direction" not in record.clusters
    words = words_of((moderated / "report.html").read_text(encoding="utf-8"))
    assert "group 1" not in words
    assert "more than expected" not in words


@pytest.mark.parametrize("lost", ["analysis.json", "images.tsv", "contrasts.tsv", "clusters.tsv"])
def test_report_of_a_damaged_folder(lost, simple, tmp_path):
    """Without one of its files the report still appears, as one of images, and says what is."""
    output = simple.write(tmp_path)
    (path,) = output.glob(f"tpl-*/cohort-*/*_{lost}")
    path.unlink()
    words = words_of(html.write_report(output).read_text(encoding="utf-8"))
    assert "Checks of the images" in words
    assert WRONG.findall(words) == []
    missing = {
        "images.tsv": "The table of images is not among the derivatives",
        "contrasts.tsv": "The table of contrasts is not among the derivatives",
    }
    assert missing.get(lost, "") in words


def test_empty_result(tmp_path):
    """Where nothing is significant the report says so, and that it is no evidence of nothing."""
    analysed = run("WeightedMedian")
    assert analysed.clusters.clusters.empty
    notice = notices_of(analysed)["Nothing is significant"]
    assert "no evidence that there is no effect" in notice.text
    report = html.write_report(analysed.write(tmp_path))
    words = words_of(report.read_text(encoding="utf-8"))
    assert "No cluster showed a significant effect at FDR-corrected p < 0.05" in words


def test_bad_facts_do_not_take_the_report_away(simple, tmp_path):
    """Facts of the wrong kind break a section at most."""
    output = simple.write(tmp_path)
    (path,) = output.glob("tpl-*/cohort-*/*_analysis.json")
    record = json.loads(path.read_text())
    record["Facts"] |= {"terms": "none", "n_groups": "many", "estimator": 7, "unit_ratio": "x"}
    record["MadeImages"] = [1]
    path.write_text(json.dumps(record))
    assert "Files" in words_of(html.write_report(output).read_text(encoding="utf-8"))
