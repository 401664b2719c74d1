"""From null maxima to corrected maps: for statistics of one sign, and of both signs apart."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.numerics.pvalues import (
    logp_from_logsf,
    montecarlo_p,
    montecarlo_threshold,
    z_from_logsf,
)

LEVELS = (0.1, 0.05, 0.025, 0.01, 0.005, 0.001)
"""Levels whose critical values every result quotes."""

SIGNS = {"positive": 1, "negative": -1}
"""Tails of a statistic of both signs; null maxima are called ``<tail>_max_stat`` and so on."""

Maps = dict[MapSpec, NDArray[np.float64]]


@dataclass(frozen=True)
class MonteCarlo:
    """How a Monte Carlo correction was asked for.

    Parameters
    ----------
    n_iters, seed : int
    voxel_thresh : float
        Cluster-forming p.
    null_outside : str
        What becomes of foci outside the mask, where foci are redrawn; see ``FWECorrector``.
    tfce : bool
        Enhance without threshold, too.
    tfce_extent, tfce_height : float
        Powers of extent and height.
    """

    n_iters: int = defaults.N_ITERS
    seed: int = defaults.SEED
    voxel_thresh: float = defaults.VOXEL_THRESH
    null_outside: str = defaults.NULL_OUTSIDE
    tfce: bool = False
    tfce_extent: float = defaults.TFCE_EXTENT
    tfce_height: float = defaults.TFCE_HEIGHT


@dataclass(frozen=True)
class Judged:
    """What a correction adds to a result."""

    maps: Maps
    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def and_also(self, other: "Judged") -> "Judged":
        """Both, where the other has maps, thresholds and arrays of its own."""
        thresholds = self.facts["thresholds"] | other.facts["thresholds"]
        return Judged(
            self.maps | other.maps,
            {**self.facts, "thresholds": thresholds},
            self.arrays | other.arrays,
        )


@dataclass(frozen=True)
class Signed:
    """A statistic of both signs as inference sees it, over the mask.

    Parameters
    ----------
    numbers : (n_voxels,) int64 array
        Whole numbers with the statistic's sign and order, 0 where there is no evidence; the null
        maxima are in the same unit, those of the negative tail as positive numbers.
    above : (n_voxels,) int8 array
        1 and -1 where a voxel forms positive and negative clusters, else 0.
    excess : (n_voxels,) int64 array
        What a voxel of ``above`` adds to the mass of its cluster, not negative.
    unit : float
        What a step of ``numbers`` and of ``excess`` is worth.
    undefined : (n_voxels,) bool array, optional
        Voxels without a statistic; they are NaN in every map.
    """

    numbers: NDArray[np.int64]
    above: NDArray[np.int8]
    excess: NDArray[np.int64]
    unit: float
    undefined: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class EnhancedSigned:
    """A statistic of both signs, enhanced without threshold, each sign by itself.

    Parameters
    ----------
    values : (n_voxels,) int64 array
        With the sign of what was enhanced; null maxima ``positive_max_tfce`` and
        ``negative_max_tfce`` are in the same unit.
    unit : float
        What a step of ``values`` is worth.
    undefined : (n_voxels,) bool array, optional
        Voxels without a statistic; they are NaN in every map.
    """

    values: NDArray[np.int64]
    unit: float
    undefined: NDArray[np.bool_] | None = None


def powers(choices: MonteCarlo, heights: str) -> dict[str, Any]:
    """What a record says of an enhancement; ``heights`` names where the z comes from."""
    return {
        "extent_power": choices.tfce_extent,
        "height_power": choices.tfce_height,
        "heights": heights,
    }


def judge_enhanced(
    enhanced: EnhancedSigned,
    null: Mapping[str, NDArray[np.int64]],
    *,
    group: str,
    exhaustive: bool = False,
) -> Judged:
    """Judge enhanced values by the null maxima of each sign apart, as ``judge_signed`` does.

    Returns
    -------
    Judged
        Map ``tfce``, and p, z, logp at ``level-tfce``, two-sided; facts ``thresholds``; arrays
        ``montecarlo_<name of null>``.
    """
    p = np.ones(len(enhanced.values))
    for tail, sign in SIGNS.items():
        here = sign * enhanced.values > 0
        own = sign * enhanced.values[here]
        one = montecarlo_p(own, null[f"{tail}_max_tfce"], exhaustive=exhaustive)
        p[here] = np.minimum(2 * one, 1)
    values, logsf = enhanced.unit * enhanced.values.astype(float), np.log(p)
    if enhanced.undefined is not None:
        values[enhanced.undefined] = logsf[enhanced.undefined] = np.nan
    maps: Maps = {MapSpec("tfce", tail="two-sided", group=group): values}
    maps |= corrected_maps(
        logsf,
        sign=np.sign(enhanced.values).astype(float),
        correction="FWE",
        method="montecarlo",
        level="tfce",
        group=group,
    )
    nulls = {tail: null[f"{tail}_max_tfce"] for tail in SIGNS}
    scale = partial(operator.mul, enhanced.unit)
    return Judged(
        maps,
        {
            "thresholds": {
                f"tfce_{tail}": critical_values(own, scale, share=0.5)
                for tail, own in nulls.items()
            }
        },
        {f"montecarlo_{tail}_max_tfce": own * enhanced.unit for tail, own in nulls.items()},
    )


def judge_signed(
    signed: Signed,
    null: Mapping[str, NDArray[np.int64]],
    mask: NDArray[np.bool_],
    *,
    group: str,
    exhaustive: bool = False,
) -> Judged:
    """Judge a statistic of both signs by the null maxima of each sign apart.

    Clusters of one sign are never joined to those of the other. Each tail has a null of its own,
    because with groups of unequal size they differ; a p is twice that of its tail, at most 1.

    Parameters
    ----------
    signed : Signed
    null : dict of (n_iters,) int64 arrays
        ``positive_max_stat``, ``positive_max_size``, ``positive_max_mass``, and the same of
        ``negative``.
    mask : (X, Y, Z) bool array
    group : str
        What the maps speak of, for example ``group1MinusGroup2``.
    exhaustive : bool
        The null is all the draws there are, the observed one among them: p is b / n.

    Returns
    -------
    Judged
        Maps p, z, logp at ``level-voxel``, ``size`` and ``mass`` of clusters, two-sided; facts
        ``n_iters`` and ``thresholds`` (by tail, ``size_voxels_positive`` for example); arrays
        ``montecarlo_<name of null>``, ``suprathreshold`` (int8, the sign) and ``excess`` (what a
        voxel adds to a mass, in the unit of the statistic).
    """
    p = {name: np.ones(len(signed.numbers)) for name in ("stat", "size", "mass")}
    for tail, sign in SIGNS.items():
        size, mass = cluster_extents(
            np.where(signed.above == sign, signed.excess, -1), 0, mask, mass_floor=0
        )
        here = sign * signed.numbers > 0
        formed = signed.above == sign
        for name, values, where in (
            ("stat", sign * signed.numbers, here),
            ("size", size, formed),
            ("mass", mass, formed),
        ):
            one = montecarlo_p(values[where], null[f"{tail}_max_{name}"], exhaustive=exhaustive)
            p[name][where] = np.minimum(2 * one, 1)
    meanings: dict[str, dict[str, Any]] = {
        "stat": {"level": "voxel"},
        "size": {"level": "cluster", "measure": "size"},
        "mass": {"level": "cluster", "measure": "mass"},
    }
    maps: Maps = {}
    for name, meaning in meanings.items():
        logsf = np.log(p[name])
        if signed.undefined is not None:
            logsf[signed.undefined] = np.nan
        maps |= corrected_maps(
            logsf,
            sign=np.sign(signed.numbers),
            correction="FWE",
            method="montecarlo",
            group=group,
            **meaning,
        )
    units = {"stat": ("voxel", signed.unit), "size": ("size_voxels", 1.0)}
    units["mass"] = ("mass", signed.unit)
    thresholds = {
        f"{quoted}_{tail}": critical_values(
            null[f"{tail}_max_{name}"], partial(operator.mul, unit), share=0.5
        )
        for name, (quoted, unit) in units.items()
        for tail in SIGNS
    }
    return Judged(
        maps,
        {"n_iters": len(null["positive_max_stat"]), "thresholds": thresholds},
        {
            **{
                f"montecarlo_{tail}_max_{name}": null[f"{tail}_max_{name}"] * unit
                for name, (_, unit) in units.items()
                for tail in SIGNS
            },
            "suprathreshold": signed.above,
            "excess": signed.excess * signed.unit,
        },
    )


def corrected_maps(
    logsf: NDArray[np.float64], *, sign: NDArray[np.float64] | None = None, **meaning: Any
) -> Maps:
    """Maps p, z and logp of a natural-log p; with a sign, p is two-sided and z has that sign."""
    z = z_from_logsf(logsf if sign is None else logsf - np.log(2))
    if sign is not None:
        meaning = {"tail": "two-sided", **meaning}
    return {
        MapSpec("p", **meaning): np.exp(logsf),
        MapSpec("z", **meaning): z if sign is None else z * sign,
        MapSpec("logp", **meaning): logp_from_logsf(logsf),
    }


def critical_values(
    null: NDArray[np.int64], scale: Callable[[Any], Any], *, share: float = 1.0
) -> dict[str, float | None]:
    """Critical values at the usual levels, in the statistic's own unit.

    Parameters
    ----------
    null : (n_iters,) int array
    scale : callable
        Whole numbers to the statistic's unit.
    share : float
        Share of the level that this tail has: 0.5 of a two-sided test.

    Returns
    -------
    dict
        Level to value; None where too few draws make any significant.
    """
    found: dict[str, float | None] = {}
    for level in LEVELS:
        value = montecarlo_threshold(null, level * share)
        found[f"{level:g}"] = float(scale(value)) if np.isfinite(value) else None
    return found


def cluster_extents(
    values: NDArray[np.int64],
    threshold: int,
    mask: NDArray[np.bool_],
    *,
    mass_floor: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Size and mass, at each voxel, of the cluster it belongs to; 0 outside clusters.

    Parameters
    ----------
    values : (n_voxels,) int array
        Statistic over the mask.
    threshold : int
        Smallest value that forms clusters.
    mask : (X, Y, Z) bool array
    mass_floor : int, optional
        Mass sums what exceeds this; the threshold by default.
    """
    floor = threshold if mass_floor is None else mass_floor
    above = np.zeros(mask.shape, dtype=bool)
    above[mask] = values >= threshold
    labels, n = label(above, defaults.CONNECTIVITY)
    own = labels[mask]
    size = np.bincount(own, minlength=n + 1)
    mass = np.zeros(n + 1, dtype=np.int64)
    np.add.at(mass, own[own > 0], (values - floor)[own > 0])
    size[0] = 0
    return size[own], mass[own]
