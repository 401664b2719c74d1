"""Options of image-based meta-analyses, by the keys that an analysis file has for them."""

from collections.abc import Mapping
from typing import Any

from nimare_pipeline import defaults, foci_policy
from nimare_pipeline.cli import values
from nimare_pipeline.errors import UsageError
from nimare_pipeline.registry import IMAGE_ESTIMATORS

OF_IMAGES = ("formula", "term", "coverage", "min_studies", "dependence", "on_bad_image")
"""Places of the options in the parser, which are the keys of an analysis of type ``ibma``."""


def add_images(group: Any) -> None:
    """What is done with statistical images."""
    group.add_argument(
        "--image-root",
        metavar="DIR",
        default="",
        help="folder that relative paths of images count from (default: that of the file that "
        "names them, then BIDS_DIR)",
    )
    group.add_argument(
        "--on-bad-image",
        metavar="POLICY",
        type=values.one_of(defaults.BAD_IMAGE_POLICIES),
        help="images that the checks refuse: error (list them and stop) or exclude (default: "
        f"{defaults.BAD_IMAGE_POLICIES[0]})",
    )
    group.add_argument(
        "--coverage",
        metavar="RULE",
        type=values.one_of(defaults.COVERAGES),
        help="voxels that enough studies cover (liberal, see --min-studies), or that all cover "
        f"(aggressive) (default: {defaults.COVERAGES[0]})",
    )
    group.add_argument(
        "--min-studies",
        metavar="N",
        type=values.integer("a whole number of at least 2", lambda n: n >= 2),
        help="with liberal coverage: studies that a voxel needs "
        f"(default: {defaults.MIN_STUDIES})",
    )
    group.add_argument(
        "--dependence",
        metavar="RULE",
        type=values.one_of(defaults.DEPENDENCES),
        help="several images of a study: robust (cluster-robust errors) or collapse (their mean) "
        f"(default: {defaults.DEPENDENCES[0]})",
    )
    group.add_argument(
        "--formula",
        metavar="FORMULA",
        help="moderators, columns of the contrasts: '~ 1 + age + C(modality)' (default: none)",
    )
    group.add_argument(
        "--term",
        metavar="TERM",
        help="term of the formula that is the result (default: the intercept)",
    )


def chosen(options: Any) -> dict[str, Any]:
    """Options that were given, as an analysis file has them."""
    found = {name: getattr(options, name) for name in OF_IMAGES}
    return {name: value for name, value in found.items() if value is not None}


def foci_from_images(options: Any, estimator: str) -> dict[str, Any]:
    """Option of where foci come from, as an analysis file has it; empty if it was not given.

    Raises
    ------
    UsageError
        With an estimator of images.
    """
    policy = options.foci_from_images
    if policy is None:
        return {}
    if estimator in IMAGE_ESTIMATORS:
        msg = (
            f"--foci-from-images: {estimator} analyses the images themselves; name an estimator "
            "of foci, or leave the option out"
        )
        raise UsageError(msg)
    return {foci_policy.KEY: foci_policy.completed(policy)}


def refuse_without_images(options: Mapping[str, Any], estimator: str) -> None:
    """Refuse options of images with an estimator of foci.

    Raises
    ------
    UsageError
        With the options.
    """
    if options:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in options)
        msg = f"{names}: {estimator} analyses foci; for images name an estimator of images"
        raise UsageError(msg)
