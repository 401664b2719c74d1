"""Correction for multiple comparisons."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.cbma.ale import cluster_forming, montecarlo_plan
from nimare_pipeline.meta.estimator import Parametrised
from nimare_pipeline.montecarlo import montecarlo_chunk
from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.pvalues import (
    logp_from_logsf,
    montecarlo_p,
    montecarlo_threshold,
    z_from_logsf,
)
from nimare_pipeline.progress import iterations
from nimare_pipeline.results import MetaResult

METHODS = ("montecarlo",)
_LEVELS = (0.1, 0.05, 0.025, 0.01, 0.005, 0.001)
"""Levels whose critical values every result quotes."""


class FWECorrector(Parametrised):
    """Family-wise error correction.

    ``montecarlo`` redraws the foci ``n_iters`` times, keeps the largest statistic, cluster size
    and cluster mass of each iteration, and gives ``p = (b + 1) / (n_iters + 1)`` with b the number
    of iterations that reach the observed value (Phipson & Smyth 2010). Clusters are voxels with
    uncorrected p below ``voxel_thresh`` that share faces; mass is the sum over a cluster of the
    statistic above the threshold, for ALE in the unit it adds up in, -log(1 - ALE).

    Parameters
    ----------
    method : "montecarlo"
    n_iters : int
        Iterations, at least 1.
    voxel_thresh : float
        Cluster-forming p, between 0 and 1.
    n_cores : int
        Threads; changes the speed, never a bit.
    seed : int
        0 to 2**64 - 1.
    null_outside : "distance" or "inside"
        Foci outside the mask are redrawn outside at their own distance from it, or in the mask as
        GingerALE and NiMARE do.

    Raises
    ------
    UsageError
        For values out of range.
    """

    def __init__(
        self,
        method: str = defaults.CORRECTION_METHOD,
        *,
        n_iters: int = defaults.N_ITERS,
        voxel_thresh: float = defaults.VOXEL_THRESH,
        n_cores: int = defaults.N_CORES,
        seed: int = defaults.SEED,
        null_outside: str = defaults.NULL_OUTSIDE,
    ) -> None:
        _one_of("method", method, METHODS)
        _one_of("null_outside", null_outside, defaults.NULL_OUTSIDE_POLICIES)
        _check("n_iters", n_iters, "an integer of at least 1", _is_count)
        _check("n_cores", n_cores, "an integer of at least 1", _is_count)
        _check("voxel_thresh", voxel_thresh, "a number between 0 and 1", lambda v: 0 < v < 1)
        _check("seed", seed, "an integer from 0 to 2**64 - 1", lambda v: 0 <= int(v) < 2**64)
        self.method = method
        self.n_iters = n_iters
        self.voxel_thresh = voxel_thresh
        self.n_cores = n_cores
        self.seed = seed
        self.null_outside = null_outside

    def transform(self, result: MetaResult) -> MetaResult:
        """Result with the corrected maps added; the one given is unchanged.

        Adds p, z and logp at ``level-voxel``, ``desc-size_level-cluster`` and
        ``desc-mass_level-cluster``, each ``_corr-FWE_method-montecarlo``.
        """
        with iterations(self.n_iters, "Monte Carlo") as progress:
            null = montecarlo_chunk(
                self.plan(result),
                n_iters=self.n_iters,
                seed=self.seed,
                n_threads=self.n_cores,
                progress=progress,
            )
        return self.apply(result, null)

    def plan(self, result: MetaResult) -> MonteCarloPlan:
        """What the Monte Carlo engine needs to know of a result."""
        threshold, _ = cluster_forming(result, self.voxel_thresh)
        return montecarlo_plan(result, threshold=threshold, null_outside=self.null_outside)

    def apply(self, result: MetaResult, null: Mapping[str, NDArray[np.int64]]) -> MetaResult:
        """Judge a result by null maxima computed before.

        Parameters
        ----------
        result : MetaResult
        null : dict of (n_iters,) int64 arrays
            ``max_stat``, ``max_size``, ``max_mass`` in the engine's integers.
        """
        threshold, forming = cluster_forming(result, self.voxel_thresh)
        unit = 2.0 ** -result.facts["log_bits"]
        observed = result.arrays["log_stat"]
        size, mass = cluster_extents(observed, threshold, result.mask.inside)
        maps = {
            **_maps(montecarlo_p(observed, null["max_stat"]), level="voxel"),
            **_maps(montecarlo_p(size, null["max_size"]), level="cluster", measure="size"),
            **_maps(montecarlo_p(mass, null["max_mass"]), level="cluster", measure="mass"),
        }
        scales: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "voxel": ("max_stat", lambda v: -np.expm1(-np.asarray(v) * unit)),
            "size_voxels": ("max_size", lambda v: v),
            "mass": ("max_mass", lambda v: np.asarray(v) * unit),
        }
        return result.with_maps(
            maps,
            {
                "corrector": asdict(self.component()),
                "cluster_forming": forming,
                "montecarlo": {
                    "n_iters": len(null["max_stat"]),
                    "seed": self.seed,
                    "null_outside": self.null_outside,
                    "n_drawn_outside": (
                        0 if self.null_outside == "inside" else result.facts["n_foci_outside"]
                    ),
                    "thresholds": {
                        name: {
                            f"{level:g}": _critical(null[key], level, scale) for level in _LEVELS
                        }
                        for name, (key, scale) in scales.items()
                    },
                },
            },
            {
                **{f"montecarlo_{key}": scale(null[key]) for key, scale in scales.values()},
                "suprathreshold": observed >= threshold,
            },
        )


def cluster_extents(
    values: NDArray[np.int64], threshold: int, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Size and mass, at each voxel, of the cluster it belongs to; 0 outside clusters.

    Parameters
    ----------
    values : (n_voxels,) int array
        Statistic over the mask.
    threshold : int
        Smallest value that forms clusters.
    mask : (X, Y, Z) bool array
    """
    above = np.zeros(mask.shape, dtype=bool)
    above[mask] = values >= threshold
    labels, n = label(above, defaults.CONNECTIVITY)
    own = labels[mask]
    size = np.bincount(own, minlength=n + 1)
    mass = np.zeros(n + 1, dtype=np.int64)
    np.add.at(mass, own[own > 0], (values - threshold)[own > 0])
    size[0] = 0
    return size[own], mass[own]


def _maps(p: NDArray[np.float64], **meaning: Any) -> dict[MapSpec, NDArray[np.float64]]:
    common = {"correction": "FWE", "method": "montecarlo", **meaning}
    logsf = np.log(p)
    return {
        MapSpec("p", **common): p,
        MapSpec("z", **common): z_from_logsf(logsf),
        MapSpec("logp", **common): logp_from_logsf(logsf),
    }


def _critical(null: NDArray[np.int64], level: float, scale: Callable[[Any], Any]) -> float | None:
    """Critical value in the statistic's own units; None if too few draws make any significant."""
    value = montecarlo_threshold(null, level)
    return float(scale(value)) if np.isfinite(value) else None


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        msg = f"{name} {value!r} is unknown; there are: {', '.join(known)}"
        raise UsageError(msg)


def _is_count(value: Any) -> bool:
    return int(value) == value and value >= 1


def _check(name: str, value: Any, accepted: str, test: Callable[[Any], bool]) -> None:
    try:
        good = not isinstance(value, bool) and bool(test(value))
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        msg = f"{name} is {value!r}; expected {accepted}"
        raise UsageError(msg)
