"""Statistical images made from other images, and points made from images."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.contrast import is_missing
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.image_points import ImagesToCoordinates
from nimare_pipeline.image_writing import image_name, labels_of, write_image
from nimare_pipeline.images import KINDS, ImageStack, load_images
from nimare_pipeline.meta.estimator import Parametrised
from nimare_pipeline.stack_transforms import checked_kinds, transform_problems, transform_stack
from nimare_pipeline.tables import RELATIVE, typed
from nimare_pipeline.transform_functions import (
    chi2_to_nlogp,
    d_to_g,
    d_to_g_variance,
    nlogp_to_z,
    p_to_z,
    sample_sizes_to_dof,
    sample_sizes_to_sample_size,
    samplevar_dataset_to_varcope,
    sd_to_varcope,
    se_to_varcope,
    t_and_beta_to_varcope,
    t_and_varcope_to_beta,
    t_to_d,
    t_to_nlogp,
    t_to_z,
    z_to_nlogp,
    z_to_p,
    z_to_t,
)
from nimare_pipeline.transform_rules import (
    people_of,
    resolve_transforms,
)

__all__ = [
    "ImageTransformer",
    "ImagesToCoordinates",
    "chi2_to_nlogp",
    "d_to_g",
    "d_to_g_variance",
    "nlogp_to_z",
    "p_to_z",
    "resolve_transforms",
    "sample_sizes_to_dof",
    "sample_sizes_to_sample_size",
    "samplevar_dataset_to_varcope",
    "sd_to_varcope",
    "se_to_varcope",
    "t_and_beta_to_varcope",
    "t_and_varcope_to_beta",
    "t_to_d",
    "t_to_nlogp",
    "t_to_z",
    "threshold_image",
    "transform_problems",
    "transform_stack",
    "z_to_nlogp",
    "z_to_p",
    "z_to_t",
]


class ImageTransformer(Parametrised):
    """Compute images that contrasts lack, and write them as NIfTI files.

    Parameters
    ----------
    target : str or sequence of str
        Kinds of images to compute: z, t, p, beta, varcope, se, sd, d, g, g_var.
    overwrite : bool
        Compute images that are there, too, and replace files of the same name.
    out_dir : path, optional
        Where files are written; by default each beside the first image of its contrast.
    n_threads : int
        Threads that read and compute.

    Raises
    ------
    UsageError
        For an unknown target.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        overwrite: bool = False,  # noqa: FBT001, FBT002 - the name and place that the field knows
        out_dir: str | Path | None = None,
        n_threads: int = 1,
    ) -> None:
        self.target = target
        self.overwrite = overwrite
        self.out_dir = out_dir
        self.n_threads = n_threads
        checked_kinds(target)

    def transform(self, dataset: Dataset) -> Dataset:
        """Dataset with the paths of the images that were computed.

        What could not be computed, and why, is in ``problems_`` afterwards.

        Raises
        ------
        DataError
            If an image cannot be read, with every such image.
        OutputError
            If a file with other values stands where one is to be written.
        """
        targets = checked_kinds(self.target)
        stack, found = load_images(dataset, n_threads=self.n_threads)
        errors = [problem for problem in found if problem.level == "error"]
        if errors:
            msg = "images cannot be transformed, as some cannot be read"
            raise DataError(msg, errors)
        people = people_of(dataset)
        self.problems_ = (*found, *transform_problems(stack, targets, people))
        done = transform_stack(
            stack, targets, people, overwrite=self.overwrite, n_threads=self.n_threads
        )
        return self._written(dataset, done, targets)

    def _written(self, dataset: Dataset, stack: ImageStack, targets: Sequence[str]) -> Dataset:
        images = dataset.images.copy()
        names = labels_of(dataset)
        row_of = {name: row for row, name in enumerate(stack.ids)}
        for kind in targets:
            made = set(stack.made.get(kind, ()))
            paths = list(images[kind]) if kind in images else [None] * len(images)
            for place, name in enumerate(images["id"].tolist()):
                if name in made and stack.has_one(name, kind):
                    folder = Path(self.out_dir or _folder_of(dataset.images.iloc[place]))
                    path = folder.absolute() / image_name(names[name], kind, dataset.space)
                    values = stack.values[kind][row_of[name]]
                    write_image(path, dataset, values, overwrite=self.overwrite)
                    paths[place] = str(path)
            images[kind] = typed([None if is_missing(path) else path for path in paths])
            _forget_relative(images, kind)
        return dataset.with_tables(images=images)


def threshold_image(
    image: NDArray[Any],
    threshold: float,
    thresholding_values: NDArray[Any] | None = None,
    tail: Literal["upper", "lower", "two-sided"] = "upper",
    fill_value: float = 0,
) -> NDArray[Any]:
    """Values of an image that reach a threshold, and a fill value elsewhere.

    Parameters
    ----------
    image : array
    threshold : float
    thresholding_values : array, optional
        What is compared with the threshold; the image itself by default.
    tail : "upper", "lower" or "two-sided"
        Keep where it is at least, at most, or in size at least the threshold.
    fill_value : float

    Raises
    ------
    UsageError
        For another tail, or values of another shape.
    """
    keeps: dict[str, Callable[[Any], Any]] = {
        "upper": lambda values: values >= threshold,
        "lower": lambda values: values <= threshold,
        "two-sided": lambda values: np.abs(values) >= threshold,
    }
    image = np.asarray(image)
    values = image if thresholding_values is None else np.asarray(thresholding_values)
    if tail not in keeps or values.shape != image.shape:
        msg = (
            f"tail is one of {', '.join(keeps)}, and values have the shape of the image; got "
            f"{tail!r}, {values.shape} and {image.shape}"
        )
        raise UsageError(msg)
    return np.where(keeps[tail](values), image, fill_value)


def _forget_relative(images: pd.DataFrame, kind: str) -> None:
    """Drop relative paths that an absolute one is no longer the same as."""
    column = kind + RELATIVE
    if column in images:
        images[column] = typed(
            [
                None if is_missing(old) or not str(path).endswith(str(old)) else old
                for old, path in zip(images[column].tolist(), images[kind].tolist(), strict=True)
            ]
        )


def _folder_of(images: Mapping[str, Any] | pd.Series) -> Path:
    """Folder of the first image of a contrast."""
    for kind in KINDS:
        path = images.get(kind)
        if not is_missing(path):
            return Path(str(path)).parent
    msg = "no folder to write to; give out_dir"
    raise UsageError(msg)
