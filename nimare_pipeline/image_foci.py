"""Foci that are peaks of images: made once, when an analysis is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nimare_pipeline import foci_policy
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.image_checks import accepted_images, check_images
from nimare_pipeline.image_cohort import can_make, kinds_of, located
from nimare_pipeline.image_points import ImagesToCoordinates
from nimare_pipeline.images import examine_images
from nimare_pipeline.tables import COORDINATE_SOURCE, FROM_IMAGE, ID_COLUMNS, RELATIVE, typed


@dataclass(frozen=True)
class ImageFoci:
    """A dataset with foci of images.

    Parameters
    ----------
    dataset : Dataset
        Its metadata have ``coordinate_source``: ``original``, ``image`` (also where the image has
        no peak, and so the contrast no foci), or missing.
    n_contrasts, n_foci : int
        Contrasts whose images gave foci, and how many.
    problems : tuple of Problem
        What is to be said of images; all are warnings, since other foci can do.
    """

    dataset: Dataset
    n_contrasts: int
    n_foci: int
    problems: tuple[Problem, ...] = ()


def foci_of_images(
    dataset: Dataset,
    options: Mapping[str, Any],
    folders: Sequence[str] = (),
    *,
    n_threads: int = 1,
) -> ImageFoci:
    """Give contrasts the peaks of their images as foci, as ``options`` want it.

    Only images that are needed are read: of contrasts that are to have foci of images, z or else
    what z can be made from. They are checked first, and a contrast whose image cannot be used
    keeps the foci it has.

    Parameters
    ----------
    dataset : Dataset
        With the mask of the analysis.
    options : dict
        Of :func:`nimare_pipeline.foci_policy.completed`.
    folders : sequence of str
        Where relative paths of images count from.
    n_threads : int
        Files that are read at the same time.

    Raises
    ------
    DataError
        If no contrast has a z image, or images that z can be made from.
    """
    wanted = _wanted(dataset, options["merge"])
    loaded = examine_images(located(wanted, folders), n_threads=n_threads)
    checks, found = check_images(loaded, wanted)
    problems = list(dict.fromkeys([*loaded.problems, *found]))
    maker = ImagesToCoordinates(
        options["merge"],
        options["cluster_threshold"],
        two_sided=options["two_sided"],
        min_distance=options["min_distance"],
        z_threshold=options["z_threshold"],
        n_threads=n_threads,
    )
    made = maker.transform(dataset, accepted_images(loaded.stack, checks, problems, "exclude"))
    problems += maker.problems_
    flat = set(maker.without_peaks_)
    names, sources = made.ids.tolist(), made.metadata[COORDINATE_SOURCE].tolist()
    of_images = {n for n, s in zip(names, sources, strict=True) if s == FROM_IMAGE}
    marks = [FROM_IMAGE if n in flat else s for n, s in zip(names, sources, strict=True)]
    metadata = made.metadata.assign(**{COORDINATE_SOURCE: typed(marks)})
    return ImageFoci(
        made.with_tables(metadata=metadata),
        len(of_images),
        int(made.coordinates["id"].isin(of_images).sum()),
        tuple(dict.fromkeys(map(_as_warning, problems))),
    )


def _wanted(dataset: Dataset, merge: str) -> Dataset:
    """Contrasts whose images are to give foci, with those images only that are needed."""
    kinds = kinds_of(dataset)
    able = [can_make("z", have) for have in kinds]
    if not any(able):
        msg = (
            "no contrast has a z image, nor images that z can be made from, which "
            f"{foci_policy.KEY} needs"
        )
        raise DataError(msg)
    had = set(dataset.coordinates["id"].tolist()) if merge == "fill" else set()
    names = dataset.ids.tolist()
    images = dataset.images.copy()
    has_z = np.array(["z" in have for have in kinds], dtype=bool)
    for column in images.columns:
        if column not in ID_COLUMNS and str(column).removesuffix(RELATIVE) != "z":
            images[column] = typed(images[column].where(~has_z, None).tolist())
    chosen = [n for n, can in zip(names, able, strict=True) if can and n not in had]
    return dataset.with_tables(images=images).slice(chosen)


def _as_warning(problem: Problem) -> Problem:
    """What is wrong with an image is no error here: its contrast keeps the foci it has."""
    if problem.level != "error":
        return problem
    message = f"its image gives no foci: {problem.message}"
    return replace(problem, level="warning", message=message)
