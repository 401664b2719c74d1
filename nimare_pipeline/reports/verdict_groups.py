"""What a reader has to know before believing a comparison of two groups."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from nimare_pipeline import defaults
from nimare_pipeline.directions import group_facts, group_names, is_difference, is_pooled
from nimare_pipeline.registry import MONTECARLO_ONLY
from nimare_pipeline.reports import group_words, render

UNEQUAL = 3
"""A group that is so many times the other is pointed out."""

_NO_CONVERGENCE = (
    "It can be that one has fewer foci there than chance would give. Look at an analysis of each "
    "group, or give a mask of where they converge (inference_mask)."
)
_SHARES = (
    "It can be that one has fewer foci there than chance would give. The maps of probability show "
    "where each group converges."
)
_POOLED = (
    "It is what a share of {p:g} of the differences of all voxels reach by chance. Where many "
    "foci are reported, voxels of a cluster can have a larger p of their own. The error rate of "
    "clusters holds all the same."
)
_TOO_FEW = (
    f"With fewer than {defaults.MIN_EXPERIMENTS} experiments in a group a single one can drive a "
    "difference, and power is low (Eickhoff et al., 2016; Müller et al., 2018). Treat these "
    "results as exploratory, or add experiments."
)
_GROWS = (
    "The ALE value grows with the number of experiments, so that the difference of ALE values is "
    "not 0 where the groups converge alike. Permutation keeps the sizes of the groups, and its p "
    "allows for this; do not read the map of differences without p. BalancedALESubtraction "
    "compares equally many experiments."
)

Said = tuple[Literal["bad", "warn", "note", "good"], str, str]
"""Level, title and text of a notice."""


def headline(facts: Mapping[str, Any], main: pd.DataFrame, criterion: str) -> str:
    """Headline of a comparison; ``main`` has a row a cluster."""
    one, two = group_names(facts)
    if not is_difference(facts):
        many = render.counted(len(main), "cluster") if len(main) else "No cluster"
        return f"{many} of significant convergence of {one} ({criterion})"
    if main.empty:
        return f"No significant difference between {one} and {two} ({criterion})"
    found = group_words.counts(main, facts)
    sides = ", ".join(f"{n} where {side}" for side, n in found if n)
    many = render.counted(len(main), "cluster")
    return f"{many} of significant difference{f': {sides}' if sides else ''} ({criterion})"


def notices(facts: Mapping[str, Any], clusters: pd.DataFrame, estimator: str) -> Iterator[Said]:
    """What is to be said of the groups: their sizes, and what a difference does not show."""
    groups = [group for group in group_facts(facts) if group.get("n_contrasts")]
    yield from _power(groups)
    yield from _sizes(groups, estimator)
    if not clusters.empty and is_difference(facts):
        if is_pooled(facts):
            p = facts["cluster_forming"]["p"]
            title = "Clusters were formed by one threshold for all voxels"
            yield "note", title, _POOLED.format(p=p)
        text = _SHARES if estimator in MONTECARLO_ONLY else _NO_CONVERGENCE
        yield "note", "A difference does not say that either group converges", text


def standard_error(p: Any, n_iters: int, facts: Mapping[str, Any]) -> Any:
    """Monte Carlo error of a corrected p; two-sided p is twice the p of a tail."""
    tails = 2 if is_difference(facts) else 1
    return np.sqrt(tails * p * (1 - p / tails) / n_iters)


def _power(groups: list[dict[str, Any]]) -> Iterator[Said]:
    for group in groups:
        k = group["n_contrasts"]
        if k < defaults.MIN_EXPERIMENTS:
            title = f"Only {render.counted(k, 'experiment')} of {group['name']}: too few"
            yield "bad", title, _TOO_FEW
    if groups and all(group["n_contrasts"] >= defaults.MIN_EXPERIMENTS for group in groups):
        sizes = " and ".join(
            f"{render.counted(group['n_contrasts'], 'experiment')} of {group['name']}"
            for group in groups
        )
        yield "good", f"{sizes}, at least {defaults.MIN_EXPERIMENTS} of each", ""


def _sizes(groups: list[dict[str, Any]], estimator: str) -> Iterator[Said]:
    if len(groups) < 2:
        return
    small, large = sorted(groups, key=lambda group: group["n_contrasts"])
    if large["n_contrasts"] < UNEQUAL * small["n_contrasts"]:
        return
    title = (
        f"{large['name']} has {large['n_contrasts'] / small['n_contrasts']:.1f} times as many "
        f"experiments as {small['name']}"
    )
    if estimator == "ALESubtraction":
        yield "warn", title, _GROWS
    else:
        text = f"How much can be seen depends on the smaller group, {small['name']}."
        yield "note", title, text
