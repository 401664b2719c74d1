"""Words for a comparison of two groups that texts, verdict and captions share."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nimare_pipeline.directions import directions, group_facts, group_names

REDRAWN = {
    "label-permutation": "the experiments were divided at random into groups of these sizes",
    "random-foci": "every focus was replaced by one drawn at random from the mask, with numbers "
    "of foci and of experiments as in the data",
}
"""What an iteration draws, by the name of the null."""
DEFAULT_NULLS = {"BalancedALESubtraction": "random-foci"}
"""Null of an estimator that permutes no labels, where neither facts nor request name it."""


def null_of(facts: Mapping[str, Any], analysis: Mapping[str, Any]) -> str:
    """Name of the null of a comparison: ``label-permutation`` or ``random-foci``."""
    estimator = analysis.get("estimator") or {}
    args = estimator.get("args") or {}
    said = (
        (facts.get("montecarlo") or {}).get("randomised"),
        args.get("fwe_null_method"),
        facts.get("null_method"),
        args.get("null_method"),
        DEFAULT_NULLS.get(estimator.get("type", "")),
    )
    return next((name for name in said if name in REDRAWN), "label-permutation")


def context(facts: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Names for the sentences on groups; ``groups`` is empty where none are compared.

    Parameters
    ----------
    facts : dict
        ``MetaResult.facts``.
    analysis : dict
        ``dataclasses.asdict`` of the Analysis; ``options["groups"]`` holds the selections.
    """
    groups = group_facts(facts)
    if not groups:
        return {"groups": (), "directions": None}
    args = (analysis.get("estimator") or {}).get("args") or {}
    forming = facts.get("cluster_forming") or {}
    null = null_of(facts, analysis)
    selections = (analysis.get("options") or {}).get("groups") or {}
    montecarlo = facts.get("montecarlo") or {}
    return {
        "groups": groups,
        "group_names": group_names(facts),
        "directions": directions(facts),
        "facts": facts,
        "args": args,
        "labels_permuted": null == "label-permutation",
        "redrawn": REDRAWN[null],
        "permutations": facts.get("n_iters") or facts.get("null_n_iters"),
        "seed": facts.get("seed", facts.get("null_seed")),
        "exhaustive": bool(montecarlo.get("exhaustive") or facts.get("exhaustive")),
        "target_n": facts.get("target_n") or args.get("target_n"),
        "pooled_threshold": forming.get("statistic") if forming.get("pooled") else None,
        "selections": [(name, " ".join(str(text).split())) for name, text in selections.items()],
    }


def counts(clusters: pd.DataFrame, facts: Mapping[str, Any]) -> list[tuple[str, int]]:
    """How many clusters each direction has, the first group's first; of a main row a cluster."""
    sides = directions(facts)
    if sides is None or "direction" not in clusters:
        return []
    return [(side, int((clusters["direction"] == side).sum())) for side in sides.both]
