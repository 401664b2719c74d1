"""What an estimator needs beside its keywords, and what it has no use for."""

from typing import NoReturn

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.image_analysis import component_of
from nimare_pipeline.inference import has_clusters
from nimare_pipeline.registry import (
    IMAGE_ESTIMATORS,
    MONTECARLO_ONLY,
    NO_SIGN_FLIPS,
    POOL_ESTIMATORS,
)
from nimare_pipeline.settings import Analysis, Component

NULL_FOCI = "null_foci"
"""Key of an analysis, and fact of a result: the foci that a null draws from."""


_FIXED = ("WeightedLeastSquares", "FixedEffectsHedges")
_RANDOM = ("DerSimonianLaird", "Hedges")
_NO_MODERATORS = ("~1", "1", "")


def usual_corrector(
    corrector: Component, estimator: Component, *, dependent: bool = False
) -> Component:
    """Corrector that an estimator can have, in place of the usual one.

    Parameters
    ----------
    corrector, estimator : Component
        The latter with the options of its analysis among its keywords.
    dependent : bool
        Whether some study gives several images.
    """
    if has_clusters(corrector) and why_not_flipped(estimator, dependent=dependent):
        return Component("FDRCorrector", {"method": defaults.FDR_METHOD})
    return corrector


def why_not_flipped(estimator: Component, *, dependent: bool = False) -> str:
    """Why an estimator of images is not corrected by flips of signs; empty of one that is.

    Parameters
    ----------
    estimator : Component
        With the options of its analysis among its keywords.
    dependent : bool
        Whether some study gives several images.
    """
    name, args = estimator.type, estimator.args
    if name in NO_SIGN_FLIPS:
        return "its statistic would be iterated at every flip"
    if name not in (*_FIXED, *_RANDOM):
        return ""
    if str(args.get("formula") or "").replace(" ", "") not in _NO_MODERATORS:
        return "moderators are tested so by PermutedOLS (Freedman and Lane)"
    scheme = args.get("weight_scheme", "rescale")
    robust = dependent and scheme != "collapse"
    if robust and (name in _RANDOM or scheme == "individual"):
        return "several images of a study are flipped with --dependence collapse"
    wald = args.get("small_sample_correction") in (None, "wald")
    if name in _FIXED and not robust and not wald:
        return "with fixed weights its standard error must be wald"
    return ""


def refuse_flips(estimator: str, why: str) -> NoReturn:
    """Say before anything is read that flips of signs do not judge an estimator.

    Raises
    ------
    UsageError
        With the corrections there are.
    """
    msg = (
        f"{estimator} is not corrected by flips of signs: {why}; take FDRCorrector (--method "
        "indep), or FWECorrector with method bonferroni or holm"
    )
    raise UsageError(msg)


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
    of_images = analysis.type == "ibma" and estimator in IMAGE_ESTIMATORS
    why = why_not_flipped(component_of(analysis)) if of_images else ""
    if why and has_clusters(analysis.corrector):
        refuse_flips(estimator, why)
    if analysis.options.get("inference_mask") and estimator in MONTECARLO_ONLY:
        msg = (
            f"{estimator} looks for differences in the whole mask, and takes no inference mask; "
            "give a smaller mask instead"
        )
        raise UsageError(msg)
