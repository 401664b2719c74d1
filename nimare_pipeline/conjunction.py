r"""Conjunction of results: where all of them are significant (minimum statistic).

.. math:: z = \min_i z_i \text{ where all are positive}, \quad
   \max_i z_i \text{ where all are negative}, \qquad p = \max_i p_i

This tests the conjunction null, that at least one of the effects is not there [1]_; it is not the
test of the global null, that none is.

References
----------
.. [1] Nichols T, Brett M, Andersson J, Wager T, Poline JB (2005). Valid conjunction inference with
   the minimum statistic. NeuroImage 25:653-660.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cluster_evidence import corrected_p, result_map, result_spec
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.inference import RESULTS
from nimare_pipeline.maps import MapSpec, Tail
from nimare_pipeline.numerics import conjunction as numerics
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component

LEVELS = ("result", "uncorrected", *RESULTS)
CITATIONS = ("nichols2005",)


@dataclass(frozen=True)
class Part:
    """One of the results that are combined, over the voxels of ``mask``.

    Parameters
    ----------
    name : str
        What it is called.
    mask : BrainMask
    maps : dict of str to (n_voxels,) array
        ``z``, ``p`` and ``logp``, uncorrected.
    tail : "positive", "negative" or "two-sided"
        Of these maps.
    corrected : MapSpec, optional
        Meaning of ``p_corrected``.
    p_corrected : (n_voxels,) array, optional
        Corrected p at the level that is asked for.
    significant : (n_voxels,) bool array, optional
        Voxels of its own result.
    facts : dict
        What is to be recorded of it; JSON types.
    """

    name: str
    mask: BrainMask
    maps: Mapping[str, NDArray[Any]]
    tail: Tail = "positive"
    corrected: MapSpec | None = None
    p_corrected: NDArray[Any] | None = None
    significant: NDArray[np.bool_] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def conjunction(
    inputs: Sequence[Any],
    *,
    level: str = "uncorrected",
    alpha: float = defaults.ALPHA,
    names: Sequence[str] = (),
) -> MetaResult:
    """Combine results, or images of z, by the minimum statistic.

    Parameters
    ----------
    inputs : sequence of MetaResult, or of images or paths
        Two or more, on one grid. Images are maps of z; of thresholded ones, 0 where nothing is
        significant, the conjunction is where all are.
    level : str
        What makes a voxel significant: ``uncorrected`` p, or that of the inputs' own correction,
        ``voxel``, ``cluster-size`` or ``cluster-mass``.
    alpha : float
        Level: a voxel is significant where all p are below and z of all have one sign.
    names : sequence of str, optional
        What the inputs are called.

    Returns
    -------
    MetaResult
        Maps ``stat`` and ``z`` (the minimum statistic), ``p`` and ``logp`` (of the largest
        uncorrected p), and the largest corrected p, if a correction is asked for and all have the
        same; ``arrays["suprathreshold"]`` are the significant voxels (-1 where z
        is negative), of which ``cluster_table(result, level="none")`` makes a table.

    Raises
    ------
    UsageError
        For fewer than two inputs, an unknown level, or a correction that an input does not have.
    DataError
        For inputs on different grids.
    """
    if level not in LEVELS[1:]:
        msg = f"level is one of {', '.join(LEVELS[1:])}, not {level!r}"
        raise UsageError(msg)
    called = [*names, *(f"input {n + 1}" for n in range(len(names), len(inputs)))]
    if len(names) > len(inputs):
        msg = f"there are {len(names)} names for {len(inputs)} inputs"
        raise UsageError(msg)
    results = [isinstance(one, MetaResult) for one in inputs]
    if all(results):
        parts = [of_result(one, name, level) for one, name in zip(inputs, called, strict=True)]
    elif any(results):
        msg = "results and images are not combined: give one kind"
        raise UsageError(msg)
    else:
        parts = _of_images(inputs, called, level)
    return combine(parts, level=level, alpha=alpha)


def combine(parts: Sequence[Part], *, level: str, alpha: float) -> MetaResult:
    """Combine parts; see :func:`conjunction`. With ``result``, where each is significant."""
    if len(parts) < 2:
        msg = f"a conjunction is of two or more results, not {len(parts)}"
        raise UsageError(msg)
    if not 0 < alpha < 1:
        msg = f"alpha is a level between 0 and 1, not {alpha}"
        raise UsageError(msg)
    mask = _common_mask(parts)
    tail: Tail = "two-sided" if len({part.tail for part in parts}) > 1 else parts[0].tail
    z, p, logp = (_over(mask, parts, name) for name in ("z", "p", "logp"))
    least, most = numerics.minimum_statistic(z), numerics.largest_p(p, z)
    maps: dict[MapSpec, NDArray[Any]] = {
        MapSpec("stat", tail): least,
        MapSpec("z", tail): least,
        MapSpec("p", tail): most,
        MapSpec("logp", tail): numerics.smallest_logp(logp, z),
    }
    significant = _significant(parts, mask, level, alpha, most, z) & ~np.isnan(least)
    corrected = {replace(part.corrected, tail=tail) for part in parts if part.corrected}
    if len(corrected) == 1 and level in RESULTS:
        maps[corrected.pop()] = numerics.largest_p(_corrected(parts, mask), z)
    names = [part.name for part in parts]
    return MetaResult(
        estimator=Component(defaults.CONJUNCTION, {"level": level}),
        mask=mask,
        maps={spec.name: values for spec, values in maps.items()},
        specs={spec.name: spec for spec in maps},
        arrays={"suprathreshold": np.where(significant, np.sign(least), 0).astype(np.int8)},
        facts={
            "estimator": {"type": defaults.CONJUNCTION, "args": {"level": level}},
            "n_voxels": mask.n_voxels,
            "voxel_size_mm": list(mask.zooms),
            "connectivity": defaults.CONNECTIVITY,
            "conjunction": {
                "of": names,
                "level": level,
                "alpha": alpha,
                "criterion": _criterion(level, alpha, names),
                "inputs": [{"name": part.name, **part.facts} for part in parts],
            },
        },
        description_=(
            f"Conjunction of {listed(names)} by the minimum statistic \\citep{{nichols2005}}."
        ),
        bibtex_=bibtex(CITATIONS),
    )


def of_result(result: MetaResult, name: str, level: str) -> Part:
    """Part of a result: its uncorrected maps, and its corrected p at a level.

    Raises
    ------
    UsageError
        If it lacks them.
    """
    maps = {key: result_map(result, key) for key in ("z", "p", "logp")}
    lacking = [key for key, values in maps.items() if values is None]
    if lacking:
        msg = f"{name} has no map {', '.join(lacking)}; it has: {', '.join(result.maps)}"
        raise UsageError(msg)
    meaning = result_spec(result, "z")
    spec = corrected_p(result, RESULTS[level]) if level in RESULTS else None
    if level in RESULTS and spec is None:
        msg = f"{name} has no p corrected by {level}; it has: {', '.join(result.maps)}"
        raise UsageError(msg)
    return Part(
        name,
        result.mask,
        {key: values for key, values in maps.items() if values is not None},
        "positive" if meaning is None else meaning.tail,
        spec,
        None if spec is None else result.maps[spec.name],
    )


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _of_images(images: Sequence[Any], names: Sequence[str], level: str) -> list[Part]:
    """Parts of images of z, with p of one tail, or of both if any has negative values."""
    if level != "uncorrected":
        msg = f"images have no p corrected by {level}: threshold them before"
        raise UsageError(msg)
    loaded: list[Any] = [
        image if hasattr(image, "affine") else nib.load(image) for image in images
    ]
    values = [np.asarray(image.dataobj, dtype=np.float64) for image in loaded]
    for name, z in zip(names, values, strict=True):
        if z.ndim != 3:
            msg = f"{name}: expected a 3-D image, got shape {z.shape}"
            raise DataError(msg)
    both = any((z < 0).any() for z in values)
    tail: Tail = "two-sided" if both else "positive"
    return [
        Part(name, _whole_grid(image), _from_z(z.ravel(), two_sided=both), tail)
        for name, image, z in zip(names, loaded, values, strict=True)
    ]


def _whole_grid(image: Any) -> BrainMask:
    return BrainMask(np.ones(image.shape, dtype=bool), np.asarray(image.affine), "whole grid")


def _from_z(z: NDArray[np.float64], *, two_sided: bool) -> dict[str, NDArray[np.float64]]:
    logsf = log_ndtr(-np.abs(z)) + np.log(2) if two_sided else log_ndtr(-z)
    return {"z": z, "p": np.exp(logsf), "logp": np.abs(logsf) / np.log(10)}


def _common_mask(parts: Sequence[Part]) -> BrainMask:
    """Voxels that all have.

    Raises
    ------
    DataError
        If the grids differ, or no voxel is in all masks.
    """
    first = parts[0].mask
    for part in parts[1:]:
        mask = part.mask
        if mask.shape != first.shape or not np.allclose(mask.affine, first.affine, atol=1e-3):
            msg = (
                f"{parts[0].name} and {part.name} are on different grids "
                f"({_grid(first)} and {_grid(mask)}): make them with one mask"
            )
            raise DataError(msg)
    inside = np.logical_and.reduce([part.mask.inside for part in parts])
    if not inside.any():
        msg = f"no voxel is in the masks of all: {listed([part.name for part in parts])}"
        raise DataError(msg)
    same = all((part.mask.inside == first.inside).all() for part in parts)
    return first if same else BrainMask(inside, first.affine, "voxels of all masks")


def _grid(mask: BrainMask) -> str:
    shape = " x ".join(str(n) for n in mask.shape)
    return f"{shape} voxels of {' x '.join(f'{size:g}' for size in mask.zooms)} mm"


def _onto(mask: BrainMask, part: Part, values: NDArray[Any]) -> NDArray[Any]:
    return values if part.mask is mask else part.mask.volume(values)[mask.inside]


def _over(mask: BrainMask, parts: Sequence[Part], name: str) -> NDArray[Any]:
    return np.stack([_onto(mask, part, part.maps[name]) for part in parts])


def _corrected(parts: Sequence[Part], mask: BrainMask) -> NDArray[Any]:
    return np.stack(
        [_onto(mask, part, p) for part in parts if (p := part.p_corrected) is not None]
    )


def _significant(
    parts: Sequence[Part],
    mask: BrainMask,
    level: str,
    alpha: float,
    most: NDArray[Any],
    z: NDArray[Any],
) -> NDArray[np.bool_]:
    if level == "uncorrected":
        return np.asarray(most < alpha)
    if level != "result":
        return np.asarray(numerics.largest_p(_corrected(parts, mask), z) < alpha)
    return np.logical_and.reduce(
        [_onto(mask, part, s) for part in parts if (s := part.significant) is not None]
    )


def _criterion(level: str, alpha: float, names: Sequence[str]) -> str:
    """What makes a voxel significant, in words."""
    if level == "result":
        return f"each of {listed(names)} by its own criterion"
    how = "uncorrected p" if level == "uncorrected" else "corrected p"
    by = {"cluster-size": " by cluster size", "cluster-mass": " by cluster mass"}.get(level, "")
    by = by or (" voxel by voxel" if level == "voxel" else "")
    return f"{how} < {alpha:g}{by} in each of {listed(names)}"
