"""From the null maxima of sign flips to corrected maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nimare_pipeline.maps import MapSpec, Tail
from nimare_pipeline.meta.judging import (
    Judged,
    Maps,
    MonteCarlo,
    cluster_extents,
    corrected_maps,
    critical_values,
)
from nimare_pipeline.numerics.pvalues import montecarlo_p
from nimare_pipeline.numerics.sign_flips import UNIT, cluster_threshold

_LEVELS: Mapping[str, dict[str, Any]] = {
    "stat": {"level": "voxel"},
    "size": {"level": "cluster", "measure": "size"},
    "mass": {"level": "cluster", "measure": "mass"},
}
_QUOTED = {"stat": ("voxel", UNIT), "size": ("size_voxels", 1.0), "mass": ("mass", UNIT)}


@dataclass(frozen=True)
class Flipped:
    """A statistic as the flips see it, over the mask.

    Parameters
    ----------
    numbers : (n_voxels,) int64 array
        Signed z in units of 2**-20, 0 where there is no statistic.
    undefined : (n_voxels,) bool array
        Voxels without a statistic; they are NaN in every map.
    two_sided : bool
        Both signs are judged, by the largest absolute z; else the positive one.
    exhaustive : bool
        All flips are gone through, the identity among them: p is b / 2**n.
    group : str, optional
        Term of a meta-regression that the maps speak of.
    """

    numbers: NDArray[np.int64]
    undefined: NDArray[np.bool_]
    two_sided: bool = True
    exhaustive: bool = False
    group: str | None = None


def judge_flips(
    flipped: Flipped,
    null: Mapping[str, NDArray[np.int64]],
    mask: NDArray[np.bool_],
    choices: MonteCarlo,
) -> Judged:
    """Judge voxels and clusters by the largest ones of every flip.

    Flipping signs exchanges both tails, so that one null of absolute values serves both. Clusters
    of one sign are never joined to those of the other.

    Parameters
    ----------
    flipped : Flipped
    null : dict of (n_iters,) int64 arrays
        ``max_stat``, ``max_size``, ``max_mass``.
    mask : (X, Y, Z) bool array
    choices : MonteCarlo
    """
    threshold = cluster_threshold(choices.voxel_thresh, two_sided=flipped.two_sided)
    heights = np.abs(flipped.numbers) if flipped.two_sided else flipped.numbers
    above = np.where(heights >= threshold, np.sign(flipped.numbers), 0).astype(np.int8)
    size, mass = np.zeros_like(heights), np.zeros_like(heights)
    for sign in (1, -1):
        own = cluster_extents(np.where(above == sign, heights, 0), threshold, mask)
        size, mass = size + own[0], mass + own[1]
    measured = {"stat": heights, "size": size, "mass": mass}
    tail: Tail = "two-sided" if flipped.two_sided else "positive"
    sign_of = np.sign(flipped.numbers).astype(float) if flipped.two_sided else None
    maps: Maps = {}
    for name, meaning in _LEVELS.items():
        p = montecarlo_p(measured[name], null[f"max_{name}"], exhaustive=flipped.exhaustive)
        logsf = np.where(flipped.undefined, np.nan, np.log(p))
        maps |= corrected_maps(
            logsf,
            sign=sign_of,
            correction="FWE",
            method="montecarlo",
            group=flipped.group,
            tail=tail,
            **meaning,
        )
    statistic = -float(ndtri(choices.voxel_thresh / (2 if flipped.two_sided else 1)))
    facts = {
        "cluster_forming": {
            "p": choices.voxel_thresh,
            "statistic": statistic,
            **({"statistic_negative": -statistic} if flipped.two_sided else {}),
        },
        "montecarlo": {
            "n_iters": len(null["max_stat"]),
            "seed": choices.seed,
            "exhaustive": flipped.exhaustive,
            "null_method": "sign flips",
            "thresholds": {
                quoted: critical_values(null[f"max_{name}"], partial(mul, unit))
                for name, (quoted, unit) in _QUOTED.items()
            },
        },
    }
    arrays = {
        f"montecarlo_max_{name}": null[f"max_{name}"] * unit for name, (_, unit) in _QUOTED.items()
    }
    excess = np.where(above != 0, heights - threshold, 0) * UNIT
    return Judged(maps, facts, {**arrays, "suprathreshold": above, "excess": excess})


def judge_enhanced_flips(
    flipped: Flipped, enhanced: NDArray[np.int64], unit: float, null: NDArray[np.int64]
) -> Judged:
    """Judge threshold-free enhanced values by the largest of every flip.

    Parameters
    ----------
    flipped : Flipped
    enhanced : (n_voxels,) int64 array
        With the sign of what was enhanced.
    unit : float
        What a step of them is worth.
    null : (n_iters,) int64 array
        ``max_tfce``, in the same unit.
    """
    size = np.abs(enhanced) if flipped.two_sided else np.maximum(enhanced, 0)
    logsf = np.log(montecarlo_p(size, null, exhaustive=flipped.exhaustive))
    logsf = np.where(flipped.undefined, np.nan, logsf)
    values = np.where(flipped.undefined, np.nan, unit * (enhanced if flipped.two_sided else size))
    tail: Tail = "two-sided" if flipped.two_sided else "positive"
    maps: Maps = {MapSpec("tfce", tail=tail, group=flipped.group): values}
    maps |= corrected_maps(
        logsf,
        sign=np.sign(enhanced).astype(float) if flipped.two_sided else None,
        correction="FWE",
        method="montecarlo",
        level="tfce",
        group=flipped.group,
        tail=tail,
    )
    return Judged(
        maps,
        {"thresholds": {"tfce": critical_values(null, partial(mul, unit))}},
        {"montecarlo_max_tfce": null * unit},
    )
