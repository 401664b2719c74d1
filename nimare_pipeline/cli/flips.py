"""Whether the contrasts at hand can be corrected by flips of signs, before any image is read."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from nimare_pipeline.image_analysis import estimator_of
from nimare_pipeline.inference import has_clusters, result_level
from nimare_pipeline.needs import UNFLIPPED
from nimare_pipeline.settings import Analysis

if TYPE_CHECKING:
    from nimare_pipeline.dataset import Dataset

_LOGGER = logging.getLogger("nimare_pipeline")


def with_possible_corrector(analysis: Analysis, dataset: "Dataset", *, asked: bool) -> Analysis:
    """Analysis whose corrector its contrasts can have.

    Moderators, and studies with several contrasts, are not for every estimator that flips signs.

    Parameters
    ----------
    analysis : Analysis
    dataset : Dataset
        Contrasts that are analysed.
    asked : bool
        Whether the user chose the corrector; else the usual one gives way to FDR, and that is
        said.

    Raises
    ------
    UsageError
        With what is possible.
    """
    if analysis.type != "ibma" or not has_clusters(analysis.corrector):
        return analysis
    why = estimator_of(analysis).why_not_flipped_of(dataset)
    if not why:
        return analysis
    if asked:
        if analysis.options.get("on_bad_image") == "exclude":
            return analysis  # Without what is excluded it may be possible.
        from nimare_pipeline.meta.ibma.base import no_flips

        raise no_flips(analysis.estimator.type, why)
    changed = replace(analysis, corrector=UNFLIPPED)
    result_level(changed)
    _LOGGER.info(
        "analysis %s: %s instead of flips of signs: %s", analysis.name, UNFLIPPED.type, why
    )
    return changed
