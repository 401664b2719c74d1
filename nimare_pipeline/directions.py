"""What the two signs of a comparison mean: names of its groups, and of its directions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nimare_pipeline.settings import Component

GROUPS = ("group1", "group2")
"""Groups by the names they have in maps and file names."""
DIFFERENCES = ("group1MinusGroup2", "balancedGroup1MinusGroup2", "association")
"""Labels of maps that are positive where the first group has more than the second."""
_DEFAULT_NAMES = ("group 1", "group 2")

_KNOWN_NULLS = ("label-permutation", "random-foci")


@dataclass(frozen=True)
class Directions:
    """Directions of a statistic of both signs.

    Parameters
    ----------
    positive, negative : str
        What a positive and a negative value mean: ``pain > touch``, ``touch > pain``.
    """

    positive: str
    negative: str

    def of(self, sign: float) -> str:
        """Direction of a value, by its sign."""
        return self.negative if sign < 0 else self.positive

    @property
    def both(self) -> tuple[str, str]:
        """Positive and negative direction."""
        return self.positive, self.negative


def is_pair(facts: Mapping[str, Any]) -> bool:
    """Whether a result compares two groups."""
    return bool(facts.get("result_group")) and not is_of_images(facts)


def is_of_images(facts: Mapping[str, Any]) -> bool:
    """Whether a result was made from statistical images; its groups are terms of a formula."""
    return bool(facts.get("image_kinds"))


def is_difference(facts: Mapping[str, Any]) -> bool:
    """Whether the result is a difference of groups, and not one group by itself."""
    return facts.get("result_group") in DIFFERENCES


def is_pooled(facts: Mapping[str, Any]) -> bool:
    """Whether clusters were formed by one threshold, a quantile of the null of all voxels."""
    return str((facts.get("cluster_forming") or {}).get("null", "")).startswith("pooled")


def group_names(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Names of the first and the second group; ``group 1`` and ``group 2`` where none is given."""
    given = facts.get("group_names")
    if isinstance(given, list | tuple) and len(given) == len(GROUPS) and all(given):
        return str(given[0]), str(given[1])
    return _DEFAULT_NAMES


def group_facts(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Numbers of each group with its ``name``; empty where there are no groups."""
    known = facts.get("groups") or {}
    return [
        {"name": name, "label": label, **(known.get(label) or {})}
        for label, name in zip(GROUPS, group_names(facts), strict=True)
        if label in known
    ]


def null_of(facts: Mapping[str, Any], estimator: Component) -> str:
    """What the null of a comparison redraws: ``label-permutation`` or ``random-foci``."""
    said = (
        (facts.get("montecarlo") or {}).get("null_method"),
        facts.get("fwe_null_method"),
        facts.get("null_method"),
        estimator.args.get("null_method"),
    )
    return next((name for name in said if name in _KNOWN_NULLS), _KNOWN_NULLS[0])


def directions(facts: Mapping[str, Any], group: str | None = None) -> Directions | None:
    """Directions of the map of a group label; None of a result without groups.

    Parameters
    ----------
    facts : dict
        ``MetaResult.facts``.
    group : str, optional
        ``MapSpec.group`` of the map; by default that of the result.
    """
    group = group or facts.get("result_group")
    if not group or is_of_images(facts):
        return None
    one, two = group_names(facts)
    if group in DIFFERENCES:
        return Directions(f"{one} > {two}", f"{two} > {one}")
    return Directions("more than expected", "less than expected")


def describe_group(group: str | None, facts: Mapping[str, Any]) -> str:
    """What a map of a group label speaks of, in words; empty without a label."""
    if not group:
        return ""
    if is_of_images(facts):
        return str((facts.get("terms") or {}).get(group, group))
    one, two = group_names(facts)
    known = {
        "group1MinusGroup2": f"{one} minus {two}",
        "balancedGroup1MinusGroup2": f"{one} minus {two}, balanced",
        "association": f"association with {one}",
        "uniformity": f"uniformity of {one}",
        "group1": one,
        "group2": two,
        "A": f"activation in {one} and {two}",
        "AgF": f"activation given {one}",
        "AgU": f"activation given {two}",
        "FgA": f"{one} given activation",
        "AgF_prior": f"activation given the prior of {one}",
        "FgA_prior": f"{one} given activation and the prior",
        "conjunction": f"conjunction of {one} and {two}",
    }
    return known.get(group, group)
