"""What an estimator needs beside its keywords, and what it has no use for."""

from collections.abc import Mapping

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import has_clusters
from nimare_pipeline.registry import (
    ESTIMATORS,
    IMAGE_ESTIMATORS,
    MONTECARLO_ONLY,
    NO_SIGN_FLIPS,
    PAIR_ESTIMATORS,
    POOL_ESTIMATORS,
    all_estimators,
)
from nimare_pipeline.settings import Analysis, Component

NULL_FOCI = "null_foci"
"""Key of an analysis, and fact of a result: the foci that a null draws from."""

_ONE_GROUP = {**ESTIMATORS, **POOL_ESTIMATORS}
ESTIMATORS_OF: Mapping[str, Mapping[str, str]] = {
    "cbma": _ONE_GROUP, "macm": _ONE_GROUP, "pair": PAIR_ESTIMATORS, "ibma": IMAGE_ESTIMATORS
}  # fmt: skip
"""Estimators that each type of analysis takes; other types have none."""


def of_other_type(type_name: str, estimator: str) -> tuple[str, str] | None:
    """Say that an estimator is for another type of analysis, and what would be accepted.

    Returns
    -------
    message, hint : str, or None
        None for an estimator that fits, or that nobody knows.
    """
    if type_name not in ESTIMATORS_OF or estimator not in all_estimators():
        return None
    if estimator in ESTIMATORS_OF[type_name]:
        return None
    fitting = [kind for kind, names in ESTIMATORS_OF.items() if estimator in names]
    known = ", ".join(ESTIMATORS_OF[type_name])
    return (
        f"{estimator} is not for the type {type_name}",
        f"it is for the type {' and '.join(fitting)}; {type_name} takes {known}",
    )


UNFLIPPED = Component("FDRCorrector", {"method": defaults.FDR_METHOD})
"""Corrector of what signs are not flipped of, unless another is named."""


def usual_corrector(corrector: Component, estimator: str) -> Component:
    """Corrector that an estimator can have, in place of the usual one."""
    if estimator in NO_SIGN_FLIPS and has_clusters(corrector):
        return UNFLIPPED
    return corrector


def check_needs(analysis: Analysis, *, how: str = f"the key {NULL_FOCI}") -> None:
    """Refuse an analysis that lacks what its estimator needs, or names in vain what it has not.

    Parameters
    ----------
    analysis : Analysis
    how : str
        How a pool is named there.

    Raises
    ------
    UsageError
        With what to do.
    """
    estimator, named = analysis.estimator.type, analysis.options.get(NULL_FOCI)
    if estimator in POOL_ESTIMATORS and not named:
        msg = (
            f"{estimator} draws its null from a pool of foci: name a dataset by {how}, for "
            "example a database"
        )
        raise UsageError(msg)
    if named and estimator not in POOL_ESTIMATORS:
        msg = f"{how} names the pool of foci of {', '.join(POOL_ESTIMATORS)}; {estimator} has none"
        raise UsageError(msg)
    if estimator in NO_SIGN_FLIPS and has_clusters(analysis.corrector):
        known = ", ".join(one for one in IMAGE_ESTIMATORS if one not in NO_SIGN_FLIPS)
        msg = (
            f"{estimator} is not corrected by flips of signs, which {known} are; it is by "
            "FDRCorrector, or FWECorrector with method bonferroni or holm"
        )
        raise UsageError(msg)
    if analysis.options.get("inference_mask") and estimator in MONTECARLO_ONLY:
        msg = (
            f"{estimator} looks for differences in the whole mask, and takes no inference mask; "
            "give a smaller mask instead"
        )
        raise UsageError(msg)
