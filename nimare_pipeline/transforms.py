"""Statistical images made from other images, and points made from images."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.contrast import is_missing, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.image_writing import image_name, labels_of, write_image
from nimare_pipeline.images import KINDS, ImageStack, load_images
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
    UNSIGNED_RULE,
    People,
    Rule,
    lacking,
    people_of,
    resolve_transforms,
)

__all__ = [
    "ImageTransformer",
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


def transform_stack(
    stack: ImageStack,
    kinds: str | Iterable[str],
    people: Mapping[str, People],
    *,
    overwrite: bool = False,
    n_threads: int = 1,
) -> ImageStack:
    """Compute the images that contrasts lack, from those they have.

    Parameters
    ----------
    stack : ImageStack
    kinds : str or iterable of str
        Kinds to compute.
    people : mapping of str to People
        Of :func:`nimare_pipeline.transform_rules.people_of`.
    overwrite : bool
        Also compute those that are there, where they follow from others.
    n_threads : int
        Contrasts that are computed at the same time.

    Returns
    -------
    ImageStack
        With ``kinds`` added; ``made`` names the contrasts whose image was computed. Where a
        source is missing, or nothing is defined, the value is missing. Why a contrast still lacks
        an image :func:`transform_problems` says.

    Raises
    ------
    UsageError
        For an unknown kind.

    Notes
    -----
    The steps are those of :func:`resolve_transforms`, computed in float64 and rounded once. p
    below 1e-38, which a float32 image cannot hold, is 1e-38.
    """
    wanted = _kinds(kinds)
    plans = _plans(stack, wanted, people, overwrite=overwrite)
    empty = (len(stack.ids), stack.n_voxels)
    values = {
        kind: stack.values[kind].copy()
        if kind in stack.values
        else np.full(empty, np.nan, dtype=np.float32)
        for kind in wanted
    }

    def compute(row: int) -> None:
        name = stack.ids[row]
        for kind in wanted:
            if (name, kind) in plans:
                made = _computed(stack, row, plans[name, kind], people.get(name, People()))
                with np.errstate(over="ignore", under="ignore"):
                    values[kind][row] = made

    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        list(pool.map(compute, range(len(stack.ids))))
    for array in values.values():
        array[~np.isfinite(array) | (array == 0)] = np.nan
    made = {
        kind: (
            *(name for name in stack.made.get(kind, ()) if (name, kind) not in plans),
            *(name for name in stack.ids if (name, kind) in plans),
        )
        for kind in wanted
    }
    order = {name: number for number, name in enumerate(stack.ids)}
    return stack.with_values(
        values, {kind: sorted(names, key=order.__getitem__) for kind, names in made.items()}
    )


def transform_problems(
    stack: ImageStack, kinds: str | Iterable[str], people: Mapping[str, People]
) -> list[Problem]:
    """Say which images cannot be computed and what they would need, and which lose their sign."""
    problems = []
    wanted = _kinds(kinds)
    plans = _plans(stack, wanted, people, overwrite=False)
    there = _available(stack, people)
    for name in stack.ids:
        for kind in wanted:
            where = f"contrast {name}, {kind} image"
            if plans.get((name, kind)) == (UNSIGNED_RULE,):
                message = "computed from p alone, every z is positive, also where activity fell"
                advice = "give its t or effect image, too"
                problems.append(Problem("warning", message, "", where, advice, kind="unsigned"))
            elif kind not in there[name] and (name, kind) not in plans:
                need = lacking(kind, there[name])
                message = f"it is not there, and cannot be computed without {need}"
                problems.append(Problem("warning", message, "", where, kind="no image"))
    return problems


class ImageTransformer:
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
        _kinds(target)

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
        targets = _kinds(self.target)
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


def _kinds(kinds: str | Iterable[str]) -> tuple[str, ...]:
    wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown or not wanted:
        what = f"unknown kinds of images: {listed(unknown)}" if unknown else "no kind of image"
        msg = f"{what}; accepted are: {', '.join(KINDS)}"
        raise UsageError(msg)
    return tuple(dict.fromkeys(wanted))


def _available(stack: ImageStack, people: Mapping[str, People]) -> dict[str, frozenset[str]]:
    has = {kind: stack.has(kind) for kind in stack.kinds}
    return {
        name: frozenset(kind for kind in has if has[kind][row]) | people.get(name, People()).known
        for row, name in enumerate(stack.ids)
    }


def _plans(
    stack: ImageStack, wanted: Sequence[str], people: Mapping[str, People], *, overwrite: bool
) -> dict[tuple[str, str], tuple[Rule, ...]]:
    """Steps to each image that is to be computed, by contrast and kind."""
    plans = {}
    for name, available in _available(stack, people).items():
        for kind in wanted:
            if kind in available and not overwrite:
                continue
            steps = resolve_transforms(kind, available - {kind}, unsigned=kind not in available)
            if steps:
                plans[name, kind] = steps
    return plans


def _computed(
    stack: ImageStack, row: int, steps: Sequence[Rule], people: People
) -> NDArray[np.float64]:
    values: dict[str, NDArray[np.float64]] = {}
    for step in steps:
        for kind in step.sources:
            if kind not in values:
                values[kind] = stack.values[kind][row].astype(np.float64)
        values[step.target] = step(values, people)
    return values[steps[-1].target]


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
