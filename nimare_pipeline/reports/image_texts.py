"""What the sentences on an analysis of images are filled with."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nimare_pipeline.directions import describe_group
from nimare_pipeline.image_words import units_of_images
from nimare_pipeline.reports import render

FACTS = (
    "image_kinds",
    "image",
    "n_groups",
    "n_groups_with_several",
    "n_images_of_these",
    "n_voxels_analysed",
    "n_voxels_of_all_studies",
    "fewest_studies",
    "most_studies",
    "coverage",
    "min_studies",
    "tail",
    "standard_error",
    "tau2_method",
    "formula",
    "terms",
    "result_group",
    "share_of_large_i2",
    "share_of_significant_q",
    "median_i2",
    "unit_ratio",
)
"""Keys of ``facts`` of an analysis of images; a missing one leaves its sentence out."""
KINDS: Mapping[str, str] = {
    "z": "z",
    "t": "t",
    "p": "p",
    "beta": "effect",
    "varcope": "variance",
    "se": "standard error",
    "sd": "standard deviation",
    "d": "Cohen's d",
    "g": "Hedges' g",
    "g_var": "variance of Hedges' g",
}
"""Kinds of images in words."""


def kinds_in_words(kinds: Any) -> str:
    """Kinds of images as a list in words: ``effect and variance``."""
    named = [KINDS.get(str(kind), str(kind)) for kind in kinds or ()]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def estimator_of(facts: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Name and all parameters of the estimator, as far as they are known."""
    recorded = facts.get("estimator") or {}
    asked = analysis.get("estimator") or {}
    recorded = recorded if isinstance(recorded, Mapping) else {}
    return {
        "type": str(recorded.get("type") or asked.get("type") or ""),
        "args": {**(asked.get("args") or {}), **(recorded.get("args") or {})},
    }


def term(facts: Mapping[str, Any]) -> str:
    """Name of the coefficient that is the result of a meta-regression; empty of others."""
    group = facts.get("result_group")
    return "" if not group or group == "intercept" else describe_group(group, facts)


def moderators(facts: Mapping[str, Any]) -> list[str]:
    """Columns of the formula but the intercept's, by name; empty without a formula."""
    return [column for name, column in (facts.get("terms") or {}).items() if name != "intercept"]


def effect_words(facts: Mapping[str, Any]) -> str:
    """What a cluster is one of: ``significant effect``, of a moderator its name."""
    if facts.get("result_group") == "intercept":
        return "significant intercept"
    if term(facts):
        return f"significant association with {term(facts)}"
    one_sided = facts.get("tail") == "positive"
    return "significant positive effect" if one_sided else "significant effect"


def estimate_words(record: Any) -> str:
    """What the estimate of an analysis is, with its unit."""
    name = term(record.facts)
    model = str(estimator_of(record.facts, record.analysis)["type"])
    what = f"coefficient of {name}" if name else "estimate"
    return f"{what} ({units_of_images(record.facts, model)})"


def signs(main: pd.DataFrame) -> tuple[int, int] | None:
    """Clusters of positive and of negative z, of a row a cluster; None if that is not known."""
    if "z_stat" not in main:
        return None
    z = pd.to_numeric(main["z_stat"], errors="coerce")
    return int((z > 0).sum()), int((z < 0).sum())


def common(facts: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Names that all templates on images use."""
    estimator = estimator_of(facts, analysis)
    known = {**dict.fromkeys(FACTS), **{name: facts[name] for name in FACTS if name in facts}}
    known["tail"] = known["tail"] or (
        "positive" if estimator["args"].get("two_sided") is False else "two-sided"
    )
    return {
        **known,
        "estimator": estimator["type"],
        "args": estimator["args"],
        "kinds": kinds_in_words(facts.get("image_kinds")),
        "units": units_of_images(facts, estimator["type"]),
        "term": term(facts),
        "effect": effect_words(facts),
        "moderators": moderators(facts),
    }


def methods(
    facts: Mapping[str, Any],
    analysis: Mapping[str, Any],
    images: pd.DataFrame | None,
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """Names for the methods."""
    table = pd.DataFrame() if images is None else images
    refused = table["level"].eq("reject") if "level" in table else pd.Series(dtype=bool)
    grid = table["grid"] if "grid" in table else pd.Series(dtype=object)
    return {
        **common(facts, analysis),
        "n_images": len(table),
        "n_refused": int(refused.sum()),
        "n_linear": int(grid.eq("linear").sum()),
        "n_nearest": int(grid.eq("nearest").sum()),
        "made": made_in_words(made),
    }


def made_in_words(made: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Numbers of images that were computed, and their kinds."""
    return [(len(ids), KINDS.get(str(kind), str(kind))) for kind, ids in made.items() if ids]


def results(
    facts: Mapping[str, Any], analysis: Mapping[str, Any], main: pd.DataFrame
) -> dict[str, Any]:
    """Names for the draft of the results."""
    return {
        **common(facts, analysis),
        "signs": signs(main),
        "rows": [
            {name: None if render.is_missing(value) else value for name, value in row.items()}
            for row in main.to_dict("records")
        ],
    }
