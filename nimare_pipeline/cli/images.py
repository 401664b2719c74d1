"""Without an estimator named, a dataset of images and no foci gets an analysis of images."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline import defaults, foci_policy
from nimare_pipeline.cli.image_options import refuse_without_images
from nimare_pipeline.needs import usual_corrector
from nimare_pipeline.settings import Analysis, Component, Settings

if TYPE_CHECKING:
    from nimare_pipeline.dataset import Dataset

ASKS = frozenset(
    {"corrector", "method", "voxel_thresh", "tfce", "tfce_extent", "tfce_height", "add_iters"}
)
"""Options that choose a corrector, or mean nothing without the usual one."""
_LOGGER = logging.getLogger("nimare_pipeline")


def with_images(analysis: Analysis, dataset: "Dataset", given: frozenset[str]) -> Analysis:
    """Analysis of what a dataset holds: of its foci if it has any, else of its images.

    Parameters
    ----------
    analysis : Analysis
        As the command line describes it.
    dataset : Dataset
    given : frozenset of str
        Options that the command line names.
    """
    if analysis.type == "ibma" and not analysis.estimator.type:
        return _with_estimator(analysis, dataset)
    if analysis.type != "cbma" or "estimator" in given:
        return analysis
    if foci_policy.KEY in analysis.options:
        others = {k: v for k, v in analysis.options.items() if k != foci_policy.KEY}
        refuse_without_images(others, analysis.estimator.type)
        return analysis
    from nimare_pipeline.image_cohort import kinds_of

    kinds = kinds_of(dataset)
    if len(dataset.coordinates):
        refuse_without_images(analysis.options, analysis.estimator.type)
        if any(kinds):
            _LOGGER.info(
                "the studies have foci and images: the foci are analysed; name an estimator of "
                "images, for example --estimator %s, for the images",
                defaults.IMAGE_ESTIMATOR,
            )
        return analysis
    if not any(kinds):
        return analysis
    estimator = usual_estimator(kinds)
    _LOGGER.info("the studies have images and no foci: %s", estimator.type)
    return replace(
        analysis,
        type="ibma",
        estimator=estimator,
        corrector=corrector_of(analysis.corrector, estimator.type, given),
    )


def with_folders(analysis: Analysis, settings: Settings) -> Analysis:
    """Say where the images of an analysis lie: beside the files that name them, or in the input.

    Parameters
    ----------
    analysis : Analysis
        With its sources.
    settings : Settings
        ``bids_dir``, a folder or file, and ``image_root``.
    """
    if analysis.type != "ibma":
        return analysis
    return replace(
        analysis, folders=image_folders(analysis, settings.bids_dir, first=settings.image_root)
    )


def image_folders(analysis: Analysis, *roots: str | Path, first: str = "") -> tuple[str, ...]:
    """Folders that paths of images may count from, see :func:`with_folders`."""
    from nimare_pipeline.io._native_layout import root_of

    found = [*([first] if first else []), *analysis.folders]
    for root in roots:
        folder = Path(root) if Path(root).is_dir() else Path(root).parent
        found += [*(str(root_of(folder / source)) for source in analysis.sources), str(folder)]
    return tuple(dict.fromkeys(found))


def _with_estimator(analysis: Analysis, dataset: "Dataset") -> Analysis:
    """Analysis of an analysis file that names no estimator."""
    from nimare_pipeline.image_cohort import kinds_of

    estimator = usual_estimator(kinds_of(dataset))
    _LOGGER.info("analysis %s names no estimator: %s", analysis.name, estimator.type)
    return replace(analysis, estimator=estimator)


def usual_estimator(kinds: list[tuple[str, ...]]) -> Component:
    """Random-effects estimator for the images there are.

    Effects with their variances where at least as many contrasts have them as have, or can be
    given, z; else a one-sample test of z.
    """
    from nimare_pipeline.image_cohort import can_make

    effects = sum(can_make("beta", have) and can_make("varcope", have) for have in kinds)
    z = sum(can_make("z", have) for have in kinds)
    if effects >= max(z, 2):
        return Component(defaults.IMAGE_ESTIMATOR)
    return Component("PermutedOLS", {"image": "z"})


def corrector_of(corrector: Component, estimator: str, given: frozenset[str]) -> Component:
    """Corrector that was asked for; else one that the estimator can have."""
    return corrector if given & ASKS else usual_corrector(corrector, estimator)
