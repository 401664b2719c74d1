"""The verdict says what matters."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from nimare_pipeline.reports.verdict import Evidence, Notice, Verdict, run_failure, verdict
from tests.reports.conftest import Small


@pytest.fixture
def evidence(small: Small, analysis: dict[str, Any]) -> Evidence:
    """Evidence of the small analysis with enough experiments and iterations."""
    facts = {**small.result.facts, "n_contrasts": 25, "n_studies": 25}
    facts["montecarlo"] = {**facts["montecarlo"], "n_iters": 10_000}
    return Evidence(facts, analysis, small.contrasts, small.clusters.clusters)


def find(judged: Verdict, words: str) -> Notice:
    """The one notice with these words in its title."""
    (notice,) = [notice for notice in judged.notices if words in notice.title]
    return notice


def test_a_sound_analysis_is_green(evidence: Evidence) -> None:
    """Notes alone do not colour the verdict."""
    judged = verdict(evidence)
    assert judged.level == "good"
    assert judged.headline.startswith(
        "1 cluster of significant convergence (FWE-corrected p < 0.05"
    )


@pytest.mark.parametrize(
    ("k", "level", "words"),
    [
        (1, "bad", "Only 1 experiment: too few"),
        (16, "bad", "Only 16 experiments: too few"),
        (17, "warn", "17 experiments: at the lower limit"),
        (19, "warn", "19 experiments: at the lower limit"),
        (20, "good", "20 experiments, at least the 20 recommended"),
    ],
)
def test_power_follows_the_number_of_experiments(
    evidence: Evidence, k: int, level: str, words: str
) -> None:
    """Below 17 red, below 20 amber, from 20 on green."""
    judged = verdict(replace(evidence, facts={**evidence.facts, "n_contrasts": k, "n_studies": k}))
    assert (judged.level, find(judged, words).level) == (level, level)


def test_nothing_significant_is_said(evidence: Evidence) -> None:
    """An empty table of clusters is said in the headline and explained."""
    judged = verdict(replace(evidence, clusters=evidence.clusters.iloc[:0]))
    assert judged.headline.startswith("No cluster of significant convergence")
    assert find(judged, "Nothing is significant").level == "warn"


def test_few_iterations_are_said_with_their_error(evidence: Evidence) -> None:
    """With 1000 iterations the error of p = .05 is sqrt(.05 * .95 / 1000) = .0069."""
    facts = {**evidence.facts, "montecarlo": {"n_iters": 1000}}
    assert "0.0069" in find(verdict(replace(evidence, facts=facts)), "Only 1,000").text


def test_borderline_clusters_are_named_together(evidence: Evidence) -> None:
    """Clusters within 1.96 standard errors (.0043 at 10,000 iterations) of alpha are listed."""
    clusters = pd.DataFrame({"cluster": [1, 2, 3], "p_size_fwe": [0.04, 0.0481, 0.0495]})
    judged = verdict(replace(evidence, clusters=clusters))
    text = find(judged, "2 clusters are borderline cases").text
    assert "Corrected p of clusters 2: 0.0481, 3: 0.0495; these are within" in text


def test_one_borderline_cluster_is_named(evidence: Evidence) -> None:
    """One cluster is spoken of in the singular."""
    judged = verdict(replace(evidence, clusters=evidence.clusters.assign(p_size_fwe=0.0481)))
    assert "cluster 1: 0.0481; this is" in find(judged, "1 cluster is a borderline case").text


def test_clusters_far_from_alpha_are_not_borderline(evidence: Evidence) -> None:
    """A p of .04 is more than 1.96 standard errors (.0038) from .05."""
    judged = verdict(replace(evidence, clusters=evidence.clusters.assign(p_size_fwe=0.04)))
    assert not any("borderline" in notice.title for notice in judged.notices)


@pytest.mark.parametrize(
    ("n_outside", "policy", "level", "words"),
    [
        (1, "keep", "note", "They count for the voxels they reach."),
        (1, "drop", "note", "They were removed."),
        (14, "keep", "warn", "wrong space"),
        (15, "keep", "bad", "check the space of the coordinates"),
    ],
)
def test_foci_outside_are_counted(
    evidence: Evidence, n_outside: int, policy: str, level: str, words: str
) -> None:
    """Foci outside of included experiments are counted; many are a caution, a quarter is red."""
    contrasts = evidence.contrasts.assign(n_foci_outside=[n_outside] + [0] * 18 + [7])
    analysis = {**evidence.analysis, "outside": policy}
    judged = verdict(replace(evidence, contrasts=contrasts, analysis=analysis))
    notice = find(judged, f"{n_outside} of 57 foci")
    assert notice.level == level
    assert words in notice.text


def test_missing_sample_sizes_are_a_caution(evidence: Evidence) -> None:
    """What the cohort did about missing sample sizes is told."""
    problem = "2 contrasts without sample size, the median of the others, 14, is used: a, b"
    judged = verdict(replace(evidence, problems=(problem,)))
    assert problem in find(judged, "Sample sizes are missing").text
    assert judged.level == "warn"


def test_several_experiments_a_study_are_a_caution(evidence: Evidence) -> None:
    """Experiments of one study are not independent."""
    contrasts = evidence.contrasts.replace({"study_id": {"study01": "study00"}})
    judged = verdict(replace(evidence, contrasts=contrasts))
    assert find(judged, "19 experiments from 18 studies").level == "warn"


def test_experiments_of_unknown_studies_are_not_called_dependent(evidence: Evidence) -> None:
    """A name that stands for no name says nothing of whether experiments share people."""
    contrasts = evidence.contrasts.assign(study_id="study_unknown_1")
    facts = {**evidence.facts, "n_studies": 1}
    judged = verdict(replace(evidence, contrasts=contrasts, facts=facts))
    assert not any("from 1 stud" in notice.title for notice in judged.notices)


def test_foci_of_experiments_that_went_with_them_count_as_outside(evidence: Evidence) -> None:
    """Where foci outside are removed, an experiment that has no others still tells of them."""
    contrasts = evidence.contrasts.assign(
        reason=[""] * 19 + ["no foci inside the mask"],
        n_foci=[3] * 19 + [40],
        n_foci_outside=[0] * 19 + [40],
    )
    analysis = {**evidence.analysis, "outside": "drop"}
    judged = verdict(replace(evidence, contrasts=contrasts, analysis=analysis))
    assert find(judged, "40 of 97 foci (41.2 %)").level == "bad"


def test_clusters_of_few_experiments_are_noted(evidence: Evidence) -> None:
    """A cluster with foci of two experiments rests on them."""
    clusters = evidence.clusters.assign(n_experiments=2)
    judged = verdict(replace(evidence, clusters=clusters))
    assert find(judged, "foci of at most 2 experiments").level == "note"


def test_exclusions_are_noted_with_reasons(evidence: Evidence) -> None:
    """What was left out is counted by reason."""
    assert find(verdict(evidence), "1 of 20 experiments was not analysed").text == "no foci: 1"


def test_problems_are_listed_up_to_a_limit(evidence: Evidence) -> None:
    """Ten problems are shown, the others counted."""
    judged = verdict(replace(evidence, problems=tuple(f"line {i}" for i in range(25))))
    shown = [notice for notice in judged.notices if notice.title == "In the data or the files"]
    assert len(shown) == 10
    assert find(judged, "15 more problems").level == "warn"


def test_a_failed_run_is_red(evidence: Evidence) -> None:
    """Results left from an earlier run are not passed off as new."""
    judged = verdict(replace(evidence, failure="the disk is full"))
    assert judged.level == "bad"
    assert "the disk is full" in find(judged, "The last run of this analysis failed").text


def test_missing_numbers_are_red(evidence: Evidence) -> None:
    """Without facts there is no result to believe."""
    judged = verdict(replace(evidence, facts={}, clusters=pd.DataFrame()))
    assert judged.level == "bad"
    assert judged.headline == "No result was found for this analysis"


def test_notices_come_worst_first(evidence: Evidence) -> None:
    """The reader meets the worst first."""
    facts = {**evidence.facts, "n_contrasts": 5}
    levels = [notice.level for notice in verdict(replace(evidence, facts=facts)).notices]
    assert levels == sorted(levels, key=["bad", "warn", "note", "good"].index)


def test_run_failure_speaks_of_its_own_analysis() -> None:
    """Another analysis' failure is not this one's."""
    status = {
        "analyses": [
            {"name": "a", "exit_code": 65, "reason": "bad"},
            {"name": "b", "exit_code": 0},
        ]
    }
    assert [run_failure(status, name) for name in "abc"] == ["bad", "", ""]


def test_a_conservative_threshold_is_noted(evidence: Evidence) -> None:
    """A discrete statistic whose clusters form at less than half the p asked for is noted."""
    facts = {**evidence.facts, "cluster_forming": {"p": 0.001, "achieved_p": 8e-5}}
    notice = find(verdict(replace(evidence, facts=facts)), "Clusters were formed at p < 8e-05")
    assert notice.level == "note"
    facts["cluster_forming"] = {"p": 0.001, "achieved_p": 0.00098}
    titles = [notice.title for notice in verdict(replace(evidence, facts=facts)).notices]
    assert not any("formed at" in title for title in titles)


def test_the_verdict_speaks_of_what_was_judged(evidence: Evidence) -> None:
    """The headline names the procedure, and its own p decides what is borderline."""
    facts = {**evidence.facts, "correction": {"error_rate": "FDR", "method": "indep"}}
    judged = verdict(replace(evidence, facts=facts, level="voxel"))
    assert "FDR-corrected p < 0.05 voxel by voxel, Benjamini-Hochberg" in judged.headline
    clusters = evidence.clusters.assign(p_size_fwe=0.0001, p_mass_fwe=0.0481)
    by_mass = verdict(replace(evidence, clusters=clusters, level="mass"))
    assert "by cluster mass" in by_mass.headline
    assert find(by_mass, "1 cluster is a borderline case")


@pytest.mark.parametrize(
    ("error_rate", "estimator", "warned"),
    [("FDR", "ALE", True), ("FDR", "KDA", False), ("FWE", "ALE", False)],
)
def test_fdr_of_ale_is_a_caution(
    evidence: Evidence, error_rate: str, estimator: str, *, warned: bool
) -> None:
    """The simulations that advise against it were of ALE, and so is the caution."""
    facts = {**evidence.facts, "correction": {"error_rate": error_rate, "method": "indep"}}
    analysis = {**evidence.analysis, "estimator": {"type": estimator, "args": {}}}
    judged = verdict(replace(evidence, facts=facts, analysis=analysis))
    titles = [notice.title for notice in judged.notices if notice.level == "warn"]
    assert ("FDR is not recommended for ALE" in titles) is warned
