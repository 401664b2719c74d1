"""Words for a comparison of two groups that texts, verdict and captions share."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nimare_pipeline.directions import (
    directions,
    group_facts,
    group_names,
    is_difference,
    is_pooled,
    null_of,
)
from nimare_pipeline.settings import Component

REDRAWN = {
    "label-permutation": "the experiments were divided at random into groups of these sizes",
    "random-foci": "every focus was replaced by one drawn at random from the mask, with numbers "
    "of foci and of experiments as in the data",
}
"""What an iteration draws, by the name of the null."""


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
        return {"groups": (), "directions": None, "one_threshold": False, "is_difference": False}
    estimator = analysis.get("estimator") or {}
    args = estimator.get("args") or {}
    montecarlo = facts.get("montecarlo") or {}
    null = null_of(facts, Component(estimator.get("type", ""), args))
    selections = (analysis.get("options") or {}).get("groups") or {}
    exhaustive = bool(facts.get("exhaustive"))
    return {
        "groups": groups,
        "group_names": group_names(facts),
        "directions": directions(facts),
        "facts": facts,
        "args": args,
        "labels_permuted": null == "label-permutation",
        "redrawn": REDRAWN[null],
        "permutations": facts.get("n_permutations") or facts.get("n_iters"),
        "seed": facts.get("seed"),
        "all_divisions": exhaustive,
        "exhaustive": bool(montecarlo.get("exhaustive", exhaustive)),
        "target_n": facts.get("target_n") or args.get("target_n"),
        "n_tested": facts.get("n_voxels_tested"),
        "one_threshold": is_pooled(facts),
        "is_difference": is_difference(facts),
        "selections": [(name, " ".join(str(text).split())) for name, text in selections.items()],
    }


def counts(clusters: pd.DataFrame, facts: Mapping[str, Any]) -> list[tuple[str, int]]:
    """How many clusters each direction has, the first group's first; of a main row a cluster."""
    sides = directions(facts)
    if sides is None or "direction" not in clusters:
        return []
    return [(side, int((clusters["direction"] == side).sum())) for side in sides.both]
