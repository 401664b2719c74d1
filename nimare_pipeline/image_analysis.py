"""An image-based analysis as its file or command line describes it, and the estimator it means."""

from typing import Any

from nimare_pipeline.errors import UsageError
from nimare_pipeline.registry import accepted_keywords, get_estimator
from nimare_pipeline.settings import Analysis, Component

OF_IMAGES = ("coverage", "min_studies", "dependence", "formula", "term")
"""Options of an analysis of images that its estimator takes as keywords."""


def estimator_of(analysis: Analysis) -> Any:
    """Make the estimator of an image-based analysis, with what its options say of coverage.

    Parameters
    ----------
    analysis : Analysis
        Of type ``ibma``; ``options``: ``coverage``, ``min_studies``, ``dependence``, ``formula``,
        ``term``.

    Raises
    ------
    UsageError
        For an unknown name or keyword, or an option that the estimator has no use for.
    """
    return get_estimator(component_of(analysis))


def component_of(analysis: Analysis) -> Component:
    """Estimator of an image-based analysis, its options among its keywords.

    Raises
    ------
    UsageError
        For an unknown name, or options that contradict each other.
    """
    options, args = analysis.options, dict(analysis.estimator.args)
    accepted = accepted_keywords("estimator", analysis.estimator.type)
    if options.get("coverage") == "aggressive":
        if "min_studies" in options:
            msg = "min_studies is for liberal coverage; aggressive coverage wants all studies"
            raise UsageError(msg)
        args["aggressive_mask"] = True
    elif "min_studies" in options:
        args["min_studies"] = options["min_studies"]
    if options.get("dependence") == "collapse" and "weight_scheme" in accepted:
        args["weight_scheme"] = "collapse"
    args |= {name: options[name] for name in ("formula", "term") if name in options}
    return Component(analysis.estimator.type, args)
