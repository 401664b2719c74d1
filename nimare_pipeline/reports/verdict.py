"""What a reader has to know before believing a result: the verdict and its notices."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from nimare_pipeline import defaults, inference
from nimare_pipeline.directions import is_pair
from nimare_pipeline.pooling import POOLED_INTO, by_experiment, on_both_sides, several
from nimare_pipeline.reports import render, verdict_groups, verdict_images, verdict_pool
from nimare_pipeline.reports.boilerplate import main_peaks, of_images
from nimare_pipeline.reports.tables import truth

Level = Literal["bad", "warn", "note", "good"]
_ORDER: tuple[Level, ...] = ("good", "note", "warn", "bad")

FEW_EXPERIMENTS = 20
"""Fewer experiments than this give little power for moderate effects (Eickhoff et al. 2016)."""
MANY_OUTSIDE = 0.10
"""A larger share of foci outside the mask hints at a wrong space or mask."""
MOST_OUTSIDE = 0.25
"""A still larger share is hardly ever right."""
NO_FOCI_INSIDE = "no foci inside the mask"
"""Reason by which the cohort leaves out a contrast all of whose foci were removed."""
FEW_ITERATIONS = 5000
"""Fewer iterations leave a corrected p of .05 uncertain by more than .003 (one standard error)."""
CONSERVATIVE = 0.5
"""A cluster-forming threshold with less than this share of the p asked for is pointed out."""
DOMINANT = 2
"""A cluster with foci of so few experiments rests on them alone."""
MISSING_N = "without sample size"
"""Words by which the cohort reports what it did about missing sample sizes."""
MAX_PROBLEMS = 10
"""So many problems of reading are shown in the verdict; all are in the section on data."""


@dataclass(frozen=True)
class Notice:
    """One thing a reader has to know.

    Parameters
    ----------
    level : "bad", "warn", "note" or "good"
        How much it matters; the worst one colours the verdict.
    title : str
        In half a line.
    text : str
        What it means and what can be done.
    """

    level: Level
    title: str
    text: str = ""


@dataclass(frozen=True)
class Verdict:
    """Headline and notices of one analysis, the worst first."""

    headline: str
    notices: tuple[Notice, ...]

    @property
    def level(self) -> Level:
        """Level of the worst notice; notes do not count."""
        worst = max((_ORDER.index(notice.level) for notice in self.notices), default=0)
        return "good" if worst < _ORDER.index("warn") else _ORDER[worst]


@dataclass(frozen=True)
class Evidence:
    """What the verdict is made from.

    Parameters
    ----------
    facts, analysis : dict
        Numbers of the result, and what was asked for.
    contrasts, clusters : DataFrame
        Empty if missing.
    problems : tuple of str
        Problems of reading, as one line each.
    failure : str
        Why the analysis failed in the last run; empty if it did not.
    level : "size", "mass", "voxel", "tfce" or "none"
        What makes something significant; None where the record does not say.
    images : DataFrame
        Checks of the images of an image-based analysis.
    made : dict of str to list of str
        Kind of image to the contrasts whose image was computed.
    """

    facts: Mapping[str, Any]
    analysis: Mapping[str, Any]
    contrasts: pd.DataFrame
    clusters: pd.DataFrame
    problems: tuple[str, ...] = ()
    failure: str = ""
    level: inference.Level | None = None
    images: pd.DataFrame = field(default_factory=pd.DataFrame)
    made: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of_images(self) -> bool:
        """Whether it is an analysis of statistical images."""
        return of_images(self.facts, self.analysis)

    @property
    def inference(self) -> inference.Inference:
        """How significance was judged."""
        alpha = self.analysis.get("alpha", defaults.ALPHA)
        return inference.Inference.of(self.facts, alpha, self.level)

    @property
    def estimator(self) -> str:
        """Class name of the estimator."""
        return str((self.analysis.get("estimator") or {}).get("type", defaults.ESTIMATOR))


def verdict(evidence: Evidence) -> Verdict:
    """Judge one analysis; of a conjunction its studies are judged where they were analysed."""
    judges: tuple[Callable[[Evidence], Iterator[Notice]], ...] = _JUDGES
    if evidence.facts.get("conjunction"):
        judges = (_failure, _significance, _weakest, _dominance, _problems)
    elif evidence.of_images:
        judges = (
            *(_failure, _significance, _images, _iterations, _discrete, _borderline),
            *(_sample_sizes, _exclusions, _problems),
        )
    found = [notice for judge in judges for notice in judge(evidence)]
    found.sort(key=lambda notice: -_ORDER.index(notice.level))
    return Verdict(_headline(evidence), tuple(found))


def run_failure(status: Mapping[str, Any], name: str) -> str:
    """Why the last run failed for the analysis of this name; empty if it did not."""
    for outcome in status.get("analyses") or ():
        if outcome.get("name") == name and outcome.get("exit_code"):
            return str(outcome.get("reason") or f"exit code {outcome['exit_code']}")
    return ""


def _headline(evidence: Evidence) -> str:
    n = len(main_peaks(evidence.clusters))
    level = evidence.inference.criterion
    what = "conjunction" if evidence.facts.get("conjunction") else "significant convergence"
    if not evidence.facts:
        return "No result was found for this analysis"
    if evidence.of_images:
        return verdict_images.headline(evidence.facts, main_peaks(evidence.clusters), level)
    if is_pair(evidence.facts):
        return verdict_groups.headline(evidence.facts, main_peaks(evidence.clusters), level)
    if n == 0:
        return f"No cluster of {what} ({level})"
    return f"{n} {'cluster' if n == 1 else 'clusters'} of {what} ({level})"


def _failure(evidence: Evidence) -> Iterator[Notice]:
    if evidence.failure:
        text = f"{evidence.failure}. What is shown here is from an earlier run."
        yield Notice("bad", "The last run of this analysis failed", text)
    elif not evidence.facts:
        yield Notice("bad", "The numbers of this analysis are missing", "Run the analysis again.")


def _significance(evidence: Evidence) -> Iterator[Notice]:
    if evidence.facts and evidence.clusters.empty:
        pair = is_pair(evidence.facts)
        nothing = "the groups do not differ" if pair else "there is no convergence"
        nothing = "there is no effect" if evidence.of_images else nothing
        yield Notice(
            "warn",
            "Nothing is significant",
            f"No cluster passed the threshold. This is no evidence that {nothing}; the "
            "uncorrected map below shows what there is.",
        )


def _region(evidence: Evidence) -> Iterator[Notice]:
    region = evidence.facts.get("region")
    if region and not evidence.clusters.empty:
        yield Notice(
            "note",
            "The region itself converges by construction",
            f"Every experiment was chosen for a focus in {region.get('words', 'it')}: a cluster "
            "there is no finding; those elsewhere are.",
        )


def _images(evidence: Evidence) -> Iterator[Notice]:
    if not evidence.facts:
        return
    case = verdict_images.Case(
        evidence.facts, evidence.analysis, evidence.images, evidence.made, evidence.inference
    )
    for level, title, text in verdict_images.notices(case):
        yield Notice(level, title, text)


def _weakest(evidence: Evidence) -> Iterator[Notice]:
    inputs = evidence.facts["conjunction"].get("inputs", ())
    sizes = {one["name"]: one["n_contrasts"] for one in inputs if one.get("n_contrasts")}
    if sizes and min(sizes.values()) < defaults.MIN_EXPERIMENTS:
        name = min(sizes, key=lambda name: sizes[name])
        yield Notice(
            "bad",
            f"{name} has only {render.counted(sizes[name], 'experiment')}: too few",
            "A conjunction is as sure as the least sure of its parts; see the verdict on "
            f"{name} (Eickhoff et al., 2016; Müller et al., 2018).",
        )


def _power(evidence: Evidence) -> Iterator[Notice]:
    k = evidence.facts.get("n_contrasts")
    if is_pair(evidence.facts):
        said = verdict_groups.notices(evidence.facts, evidence.clusters, evidence.estimator)
        yield from (Notice(level, title, text) for level, title, text in said)
        return
    if k is None:
        return
    if k < defaults.MIN_EXPERIMENTS:
        yield Notice(
            "bad",
            f"Only {render.counted(k, 'experiment')}: too few",
            f"With fewer than {defaults.MIN_EXPERIMENTS} experiments a single one can drive a "
            "cluster, and power for moderate effects is low (Eickhoff et al., 2016; Müller et "
            "al., 2018). Treat these results as exploratory, or add experiments.",
        )
    elif k < FEW_EXPERIMENTS:
        yield Notice(
            "warn",
            f"{k} experiments: at the lower limit",
            f"At least {FEW_EXPERIMENTS} experiments are recommended for sufficient power to "
            "detect moderate effects (Eickhoff et al., 2016).",
        )
    else:
        yield Notice("good", f"{k} experiments, at least the {FEW_EXPERIMENTS} recommended")


def _iterations(evidence: Evidence) -> Iterator[Notice]:
    montecarlo = evidence.facts.get("montecarlo") or {}
    n = montecarlo.get("n_iters")
    if n is None or n >= FEW_ITERATIONS or (evidence.of_images and montecarlo.get("exhaustive")):
        return
    error = verdict_groups.standard_error(0.05, n, evidence.facts)
    yield Notice(
        "warn",
        f"Only {n:,} {'random sign flips' if evidence.of_images else 'Monte Carlo iterations'}",
        f"A corrected p of 0.05 has a standard error of {error:.4f}. Use {defaults.N_ITERS:,} for "
        "a publication.",
    )


def _false_discoveries(evidence: Evidence) -> Iterator[Notice]:
    if evidence.inference.error_rate == "FDR" and evidence.estimator == "ALE":
        yield Notice(
            "warn",
            "FDR is not recommended for ALE",
            "In large simulations cluster-level FWE was the most appropriate correction, and "
            "voxel-level FWE valid; uncorrected inference and FDR are to be avoided (Eickhoff et "
            "al., 2016).",
        )


def _discrete(evidence: Evidence) -> Iterator[Notice]:
    forming = evidence.facts.get("cluster_forming") or {}
    asked, achieved = forming.get("p"), forming.get("achieved_p")
    if asked and achieved and achieved < CONSERVATIVE * asked:
        yield Notice(
            "note",
            f"Clusters were formed at p < {achieved:.2g}, not {asked:g}",
            "The statistic takes few values, and this is the level of the first that is "
            f"significant at p < {asked:g}.",
        )


def _counted(evidence: Evidence) -> Iterator[Notice]:
    said = verdict_pool.notices(evidence.facts, evidence.inference)
    yield from (Notice(level, title, text) for level, title, text in said)


def _borderline(evidence: Evidence) -> Iterator[Notice]:
    montecarlo = evidence.facts.get("montecarlo") or {}
    n = None if evidence.of_images and montecarlo.get("exhaustive") else montecarlo.get("n_iters")
    main = main_peaks(evidence.clusters)
    column, alpha = evidence.inference.column, evidence.inference.alpha
    if n is None or column not in main:
        return
    p = pd.to_numeric(main[column], errors="coerce")
    close = main[(alpha - p).abs() < 1.96 * verdict_groups.standard_error(p, n, evidence.facts)]
    if close.empty:
        return
    one = len(close) == 1
    named = ", ".join(f"{cluster}: {value:.4f}" for cluster, value in _pairs(close, column))
    yield Notice(
        "warn",
        f"{render.counted(len(close), 'cluster')} {'is a' if one else 'are'} borderline "
        f"{'case' if one else 'cases'}",
        f"Corrected p of {'cluster' if one else 'clusters'} {named}; "
        f"{'this is' if one else 'these are'} within the Monte Carlo error of {alpha:g}, and more "
        "iterations would decide.",
    )


def _pairs(clusters: pd.DataFrame, column: str) -> Iterator[tuple[Any, Any]]:
    return zip(clusters["cluster"], clusters[column], strict=True)


def _outside(evidence: Evidence) -> Iterator[Notice]:
    table = evidence.contrasts
    if not {"included", "n_foci", "n_foci_outside"} <= set(table.columns):
        return
    # Where foci are removed, the worst contrasts are no longer among those included.
    gone = table.get("reason", pd.Series("", table.index)).eq(NO_FOCI_INSIDE).fillna(value=False)
    kept = table[truth(table["included"]) | gone.astype(bool)]
    outside, total = (
        int(kept["n_foci_outside"].fillna(0).sum()),
        int(kept["n_foci"].fillna(0).sum()),
    )
    if not outside:
        return
    dropped = evidence.analysis.get("outside", defaults.OUTSIDE) == "drop"
    what = "They were removed." if dropped else "They count for the voxels they reach."
    share = outside / total if total else 0.0
    level, advice = _judge_share(share)
    yield Notice(
        level,
        f"{outside:,} of {render.counted(total, 'focus', 'foci')} "
        f"({render.percent(outside, total)}) outside the mask",
        what + advice,
    )


def _judge_share(share: float) -> tuple[Level, str]:
    hint = " So many hint at a wrong space, wrong signs, or a small mask"
    if share > MOST_OUTSIDE:
        return "bad", f"{hint}: check the space of the coordinates before believing any result."
    return ("warn", f"{hint}.") if share > MANY_OUTSIDE else ("note", "")


def _sample_sizes(evidence: Evidence) -> Iterator[Notice]:
    for problem in evidence.problems:
        if MISSING_N in problem:
            text = f"{problem}. Look the numbers up if you can."
            yield Notice("warn", "Sample sizes are missing", text)


def _dependence(evidence: Evidence) -> Iterator[Notice]:
    table = evidence.contrasts
    if not {"included", "study_id"} <= set(table.columns):
        return
    kept = table[truth(table["included"])]
    pair = is_pair(evidence.facts) and "group" in kept
    sides = kept["group"] if pair else kept["study_id"]
    both = on_both_sides(kept["study_id"], sides)
    if both:
        yield Notice(
            "warn",
            f"{render.counted(len(both), 'study', 'studies')} with experiments in both groups",
            "The groups are compared as if their participants were others. Leave a side out where "
            "they are the same.",
        )
    if POOLED_INTO in kept and len(kept):
        n = render.counted(len(by_experiment(kept)), "experiment")
        yield Notice(
            "note",
            f"{render.counted(len(kept), 'contrast')} pooled into {n}",
            "The contrasts of one "
            f"{'study' if evidence.analysis.get('pool') == 'study' else 'subject group'} count as "
            "one experiment (Turkeltaub et al., 2012); the section on data lists which.",
        )
        return
    found = several(kept["study_id"], sides if pair else None)
    if found:
        known = kept["study_id"].astype(str)
        # Contrasts of studies that no file names may be of any study.
        known = known[~known.str.startswith(defaults.UNKNOWN_STUDY)]
        yield Notice(
            "warn",
            f"{render.counted(len(known), 'experiment')} from "
            f"{render.counted(known.nunique(), 'study', 'studies')}",
            f"{found.words}. Experiments on the same participants are not independent, as the "
            "analysis assumes. Pool them into one experiment a study, or a group of participants "
            "(--pool study, --pool group; Turkeltaub et al., 2012).",
        )


def _dominance(evidence: Evidence) -> Iterator[Notice]:
    main = main_peaks(evidence.clusters)
    if "n_experiments" not in main:
        return
    few = main[pd.to_numeric(main["n_experiments"], errors="coerce") <= DOMINANT]
    if len(few):
        names = ", ".join(f"{cluster}" for cluster in few["cluster"])
        yield Notice(
            "note",
            f"{'Cluster' if len(few) == 1 else 'Clusters'} {names}: foci of at most {DOMINANT} "
            "experiments inside",
            "Foci nearby also contribute; still, look at how these experiments were done.",
        )


def _exclusions(evidence: Evidence) -> Iterator[Notice]:
    table = evidence.contrasts
    if "included" not in table or truth(table["included"]).all():
        return
    excluded = table[~truth(table["included"])]
    reasons = excluded["reason"].fillna("no reason given").astype(str).value_counts(sort=False)
    unit = "contrasts" if POOLED_INTO in table or evidence.of_images else "experiments"
    yield Notice(
        "note",
        f"{len(excluded):,} of {len(table):,} {unit} "
        f"{'was' if len(excluded) == 1 else 'were'} not analysed",
        "; ".join(f"{reason}: {n}" for reason, n in reasons.items()),
    )


def _problems(evidence: Evidence) -> Iterator[Notice]:
    others = [problem for problem in evidence.problems if MISSING_N not in problem]
    for problem in others[:MAX_PROBLEMS]:
        yield Notice("warn", "In the data or the files", problem)
    more = len(others) - MAX_PROBLEMS
    if more > 0:
        yield Notice("warn", f"{more:,} more problems", "All are listed with the data.")


_JUDGES = (
    _failure,
    _significance,
    _region,
    _power,
    _false_discoveries,
    _iterations,
    _discrete,
    _counted,
    _borderline,
    _outside,
    _sample_sizes,
    _dependence,
    _dominance,
    _exclusions,
    _problems,
)
