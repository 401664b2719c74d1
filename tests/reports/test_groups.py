"""Words, verdict and draft of the results of a comparison."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.reports import (
    boilerplate,
    brains,
    canvas,
    figures,
    references,
    verdict,
    verdict_groups,
)
from nimare_pipeline.reports.figure_inputs import Inputs
from nimare_pipeline.reports.maxima import montecarlo_panels
from nimare_pipeline.settings import Analysis, Component
from tests.pairs import N_ITERS, cohort, make_pair

SELECTIONS = {"pain": 'condition ==\n "pain"', "touch": 'condition == "touch"'}


def asked(estimator: str = "ALESubtraction", **args: Any) -> dict[str, Any]:
    """Analysis of type pair as the derivatives hold it."""
    component = Component(estimator, args)
    return asdict(Analysis("pair", "pair", component, options={"groups": SELECTIONS}))


def methods(estimator: str = "ALESubtraction", *, args: Any = None, **facts: Any) -> str:
    """Methods of the comparison, as Markdown."""
    known = make_pair(facts=facts).facts
    text = boilerplate.methods(known, asked(estimator, **(args or {})), {}, contrasts=cohort()[0])
    assert set(text.citations) <= references.load().keys()
    return text.markdown


@pytest.mark.parametrize(
    "sentence",
    [
        "compares 30 experiments (contrasts) of two groups: pain, 18 experiments from 18 studies",
        "participants, which report 54 foci; and touch, 12 experiments from 12 studies",
        "with 240 participants, which report 36 foci.",
        "selected by “condition == \"pain\"” (pain) and “condition == \"touch\"” (touch).",
        "Differences in convergence between pain and touch were tested by ALE subtraction",
        "1 − ∏(1 − MA). The statistic at a voxel was the ALE value of pain minus that of touch.",
        f"come from {N_ITERS} iterations (seed 4711), in each of which the experiments were",
        "divided at random into groups of these sizes: p, at most 1, is twice (b + 1) / (n + 1)",
        f"controlled by permutation with {N_ITERS} iterations (seed 4711)",
        "Voxels with uncorrected p < 0.001 formed clusters, in which voxels that share a face",
        "were neighbours (6-connectivity) and all have one direction",
        "Each direction was compared with a null distribution of its own; a corrected p value",
        "is two-sided, twice that of its direction",
        "of more than 29 voxels where pain > touch, and of more than 19 voxels where touch > pain",
        # 2 sqrt(.025 (1 - .025) / 199)
        "standard error of a corrected p value of 0.05 is about 0.0221",
    ],
)  # fmt: skip
def test_methods_of_a_subtraction_quote_the_run(sentence: str) -> None:
    """Groups, their sizes and selections, what was permuted, and both tails."""
    assert sentence in methods()


def test_one_threshold_for_all_voxels_is_said_with_what_it_takes_for_granted() -> None:
    """A quantile of the differences of all voxels is no p of a voxel."""
    pooled = {"statistic": 0.02, "statistic_negative": -0.015, "null": "pooled over voxels"}
    text = methods(cluster_forming={"p": 0.001, **pooled})
    assert "Voxels whose difference was 0.02 or more, or −0.015 or less, formed clusters" in text
    assert "A share of 0.0005 of the differences of all voxels and iterations" in text
    assert "clusters form more easily where many foci are reported" in text
    assert "more easily" not in methods()


def test_all_divisions_are_no_random_ones() -> None:
    """An exhaustive null has no seed and no Monte Carlo error."""
    montecarlo = {**make_pair().facts["montecarlo"], "exhaustive": True}
    text = methods(montecarlo=montecarlo, exhaustive=True)
    assert f"come from all {N_ITERS} divisions of the experiments into groups" in text
    assert f"controlled by all {N_ITERS} divisions of the experiments into groups" in text
    assert "b / n, where b of n divisions reached the observed value" in text
    for absent in ("seed", "Philox", "standard error"):
        assert absent not in text


def test_voxels_that_were_tested_are_counted() -> None:
    """A mask that was given beforehand is part of the test."""
    assert "Differences were tested in 400 voxels that were given" in methods(n_voxels_tested=400)
    assert "given beforehand" not in methods(n_voxels_tested=make_pair().facts["n_voxels"])


@pytest.mark.parametrize(
    ("estimator", "changes", "sentences"),
    [
        (
            "BalancedALESubtraction",
            {
                "null_method": "random-foci",
                "target_n": 12,
                "n_subsamples": 2500,
                "cluster_cutoffs": {"group1": 91, "group2": 1},
            },
            [
                "2,500 random subsets of 12 experiments of either group",
                "(uncorrected p < 0.001) larger than those that foci at random form in a share of",
                " of 0.05 of simulations (more than 91 voxels for pain, 1 for touch)",
                "each as is expected of 12 experiments drawn at random from the group",
                "every focus was replaced by one drawn at random from the mask",
            ],
        ),
        (
            "MKDAChi2",
            {"result_group": "association", "radius_mm": 10.0},
            [
                "chi-square tests [@wager2007; @yarkoni2011]",
                "sphere with a radius of 10 mm",
                "compared the share of active experiments of pain with that of touch",
                "two-sided, from the chi-square distribution.",
                "the experiments were divided at random",
            ],
        ),
        (
            "MKDAChi2",
            {
                "result_group": "uniformity",
                "cluster_forming": {"p": 0.001, "statistic": 6, "achieved_p": 0.0004},
                "montecarlo": {
                    "n_iters": 9,
                    "seed": 1,
                    "null_method": "random-foci",
                    "thresholds": {"size_voxels_group1": {"0.05": 40.0}},
                },
            },
            [
                "chi-square test of uniformity",
                "Monte Carlo simulation with 9 iterations (seed 1), in each of which every focus",
                "Voxels with 6 or more active experiments of pain, whose uncorrected p is below",
                "A corrected p value is one-sided, (b + 1) / (n + 1)",
                "by size are reported, that is, of more than 40 voxels.",
            ],
        ),
        ("Other", {}, ["The analysis used Other as implemented in nimare-pipeline."]),
    ],
)  # fmt: skip
def test_methods_of_the_other_comparisons(
    estimator: str, changes: dict[str, Any], sentences: list[str]
) -> None:
    """Each estimator says what it does, and what its null redraws."""
    text = methods(estimator, **changes)
    for sentence in sentences:
        assert sentence in text


def test_methods_of_one_group_against_the_rest() -> None:
    """One selection: the second group is all others."""
    analysis = asked()
    analysis["options"] = {"groups": {"pain": 'condition == "pain"'}}
    facts = make_pair(names=("pain", "rest")).facts
    text = boilerplate.methods(facts, analysis, {}).markdown
    assert (
        'The first group was selected by “condition == "pain"” (pain), the second is all' in text
    )


def test_results_count_each_direction_and_name_the_experiments_of_each_group() -> None:
    """The draft says who has more where, with signed values."""
    result = make_pair()
    clusters = cluster_table(result, foci=cohort()[1]).clusters
    text = boilerplate.results(result.facts, asked(), clusters).markdown
    assert "1 cluster had pain > touch and 2 clusters had touch > pain." in text
    assert "Cluster 1 (pain > touch, 166 voxels, 10,624 mm³, p = 0.010) had its peak at" in text
    assert (
        "(ALE difference = 0.0398, z = 4.07), with foci of 6 experiments inside (4 of pain, 2 "
        in text
    )
    assert "z = −4.50" in text


def test_results_without_clusters_say_that_nothing_differs() -> None:
    """Nothing significant is no convergence that is missing."""
    result = make_pair()
    clusters = cluster_table(result, alpha=1e-9).clusters
    text = boilerplate.results(result.facts, asked(), clusters).markdown
    assert text.startswith("No cluster differed significantly between pain and touch at p < 0.05")


def judge(clusters: pd.DataFrame | None = None, **facts: Any) -> verdict.Verdict:
    """Verdict on the comparison."""
    result = make_pair(facts=facts)
    table = cluster_table(result, foci=cohort()[1]).clusters if clusters is None else clusters
    return verdict.verdict(verdict.Evidence(result.facts, asked(), cohort()[0], table))


def sizes(first: int, second: int) -> dict[str, Any]:
    """Groups of these sizes."""
    return {"group1": {"n_contrasts": first}, "group2": {"n_contrasts": second}}


def test_headline_counts_the_directions() -> None:
    """The first thing to read is who has more, and how often."""
    assert judge().headline == (
        "3 clusters of significant difference: 1 where pain > touch, 2 where touch > pain "
        "(FWE-corrected p < 0.05 by cluster size)"
    )
    none = cluster_table(make_pair(), alpha=1e-9).clusters
    assert judge(none).headline.startswith("No significant difference between pain and touch (FWE")
    assert any("the groups do not differ" in notice.text for notice in judge(none).notices)


def test_few_experiments_are_few_in_a_group() -> None:
    """30 experiments in all are too few where one group has 12."""
    worst = judge().notices[0]
    assert (worst.level, worst.title) == ("bad", "Only 12 experiments of touch: too few")
    titles = [notice.title for notice in judge(groups=sizes(18, 17)).notices]
    assert "18 experiments of pain and 17 experiments of touch, at least 17 of each" in titles
    assert not any("too few" in title for title in titles)


@pytest.mark.parametrize(
    ("estimator", "level"), [("ALESubtraction", "warn"), ("MKDAChi2", "note")]
)
def test_groups_of_very_unequal_size_are_pointed_out(estimator: str, level: str) -> None:
    """A difference of ALE values grows with the larger group; shares do not."""
    facts = make_pair(facts={"groups": sizes(60, 20)}).facts
    said = list(verdict_groups.notices(facts, cohort()[0], estimator))
    found = [one for one in said if "times as many" in one[1]]
    assert [one[:2] for one in found] == [
        (level, "pain has 3.0 times as many experiments as touch")
    ]
    even = make_pair(facts={"groups": sizes(59, 20)}).facts
    assert not any("times" in one[1] for one in verdict_groups.notices(even, cohort()[0], ""))


def test_monte_carlo_error_of_a_two_sided_p_is_that_of_twice_its_tail() -> None:
    """2 q with q of n draws: standard error 2 sqrt(q (1 - q) / n)."""
    q, n = 0.02, 400
    expected = 2 * (q * (1 - q) / n) ** 0.5
    assert verdict_groups.standard_error(
        2 * q, n, {"result_group": "association"}
    ) == pytest.approx(expected)
    assert verdict_groups.standard_error(q, n, {}) == pytest.approx(expected / 2)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """What the figures of the comparison are drawn from."""
    contrasts, coordinates = cohort()
    result = make_pair()
    labels = cluster_table(result).label_map
    return Inputs(result, contrasts, coordinates, labels, 0.05)


def overlay_of(values: Any, **options: Any) -> brains.Overlay:
    """Overlay of voxels along x, from the middle of the brain to the right."""
    data = np.zeros((40, 1, 1))
    data[: len(values), 0, 0] = values
    volume = brains.Volume(data, np.eye(4))
    return brains.Overlay(volume, vmin=1.0, vmax=5.0, **options)


def test_both_signs_are_drawn_in_colours_of_their_own() -> None:
    """Positive values are red, negative ones blue, alike in strength; 0 shows the background."""
    overlay = overlay_of([4.0, -4.0, 0.0], two_sided=True)
    points = np.array([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]])
    (warm, cold, nothing) = brains.compose(points, overlay)[0]
    (under, *_) = brains.compose(points[:, 2:], None)[0]
    assert warm[0] > warm[2] + 0.2
    assert cold[2] > cold[0] + 0.2
    assert nothing.tolist() == under.tolist()
    one_sided = brains.compose(points, overlay_of([4.0, -4.0, 0.0]))[0]
    assert one_sided[0].tolist() == warm.tolist()
    assert one_sided[1].tolist() == brains.compose(points[:, 1:2], None)[0, 0].tolist()


def test_colours_of_the_bar_are_those_of_the_slices() -> None:
    """From the lowest to the highest value, white between the thresholds."""
    overlay = overlay_of([4.0], two_sided=True)
    bar = brains.diverging(overlay)
    assert np.allclose(bar(0.0), overlay.colors(np.array([-5.0]))[0])
    assert np.allclose(bar(1.0), overlay.colors(np.array([5.0]))[0])
    assert bar(0.5)[:3] == (1, 1, 1)


def test_scale_of_a_comparison_holds_both_sides(inputs: Inputs) -> None:
    """The strongest value is negative here, and the scale ends beyond it."""
    assert -inputs.z.min() > inputs.z.max()
    assert inputs.z_max == np.ceil(-inputs.z.min() * 2) / 2
    overlay = figures._result_overlay(inputs)
    assert (overlay.two_sided, overlay.ends) == (True, ("pain > touch", "touch > pain"))
    assert overlay.vmin == np.abs(inputs.z[inputs.labels > 0]).min()


def test_nulls_of_both_tails_are_drawn_at_half_of_the_level(inputs: Inputs) -> None:
    """A row a direction: its null, its threshold, and the largest value observed."""
    panels = montecarlo_panels(inputs)
    assert [panel.side for panel in panels] == ["pain > touch"] * 3 + ["touch > pain"] * 3
    table = cluster_table(inputs.result, level="none").clusters
    for panels_of, side in ((panels[:3], "pain > touch"), (panels[3:], "touch > pain")):
        mine = table[table["direction"] == side]
        expected = [mine["stat"].abs().max(), mine["n_voxels"].max(), mine["mass"].max()]
        assert [panel.observed for panel in panels_of] == pytest.approx(expected)
    known = inputs.result.facts["montecarlo"]["thresholds"]
    assert panels[1].threshold == known["size_voxels_positive"]["0.05"]
    assert panels[4].threshold == known["size_voxels_negative"]["0.05"]


def test_foci_have_the_colour_of_their_group(inputs: Inputs) -> None:
    """Each group's foci are counted, with those outside the mask."""
    dots = figures._dots_of_groups(inputs)
    assert [(one.name, int(one.members.sum())) for one in dots] == [
        ("pain\n(1 outside)", 54),
        ("touch\n(1 outside)", 36),
    ]
    assert dots[0].color != dots[1].color


def test_peaks_of_both_directions_are_cut_through(inputs: Inputs) -> None:
    """Of many clusters of one direction the first ones make room for the other's."""
    assert figures._first_clusters(inputs) == [1, 2, 3]
    xyz_z = np.where(np.arange(len(inputs.z)) < 5, 1.0, -1.0)
    labels = np.zeros(len(inputs.z), dtype=int)
    labels[:8] = np.arange(1, 9)
    many = replace(inputs, labels=labels)
    many.__dict__["z"] = xyz_z
    assert figures._first_clusters(many) == [1, 2, 6, 7]


@pytest.mark.parametrize(
    ("direction", "lines"),
    [
        ("pain > touch", ["pain > touch"]),
        ("schizophrenia > healthy", ["schizophr… >", "healthy"]),
        ("more than expected", ["more than", "expected"]),
    ],
)
def test_long_names_are_cut_short_at_the_colour_bar(direction: str, lines: list[str]) -> None:
    """The legend has them in full."""
    assert canvas.end_lines(direction, 12) == lines


def test_pooled_thresholds_are_never_called_p_of_a_voxel() -> None:
    """Notice, draft and legend say that one threshold holds for all voxels."""
    pooled = {"p": 0.001, "statistic": 0.02, "statistic_negative": -0.02, "null": "pooled"}
    result = make_pair(facts={"cluster_forming": pooled})
    clusters = cluster_table(result, foci=cohort()[1]).clusters
    draft = boilerplate.results(result.facts, asked(), clusters).markdown
    assert "cluster-forming threshold p < 0.001, pooled over voxels)" in draft
    title = "Clusters were formed by one threshold for all voxels"
    assert title in [notice.title for notice in judge(cluster_forming=pooled).notices]
    assert title not in [notice.title for notice in judge().notices]
