"""What a table of clusters is made from: the maps of a result that judge, and their volumes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import VOXELWISE, Level
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.scale import Scale

_STATISTICS = ("chi2", "stat", "z")
"""Where the statistic of an estimator stands, the first that a result has."""


@dataclass(frozen=True)
class Evidence:
    """What the rows of a table quote, as volumes; NaN where a result has none."""

    stat: NDArray[np.float64]
    z: NDArray[np.float64]
    p_voxel_fwe: NDArray[np.float64]
    p_voxel_fdr: NDArray[np.float64]
    p_tfce: NDArray[np.float64]
    p_size: NDArray[np.float64]
    p_mass: NDArray[np.float64]
    excess: NDArray[np.float64]

    def height(self, negative: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What peaks are found by: the statistic, turned around where ``negative`` says so.

        One that is never negative, as chi-square, is high in both directions.
        """
        signed = bool((self.stat < 0).any())
        return np.where(negative, -self.stat, self.stat) if signed else self.stat


def result_group(result: MetaResult) -> str | None:
    """Group label of the maps that are the result; None where there are no groups."""
    return result.facts.get("result_group") or None


def result_spec(result: MetaResult, statistic: str) -> MapSpec | None:
    """Meaning of an uncorrected map of the result: ``stat``, ``z`` or ``p``; None without one."""
    group = result_group(result)
    wanted = _STATISTICS if statistic == "stat" else (statistic,)
    found = {
        spec.statistic: spec
        for spec in result.specs.values()
        if (spec.correction, spec.group) == (None, group)
    }
    return next((found[name] for name in wanted if name in found), None)


def result_map(result: MetaResult, statistic: str) -> NDArray[Any] | None:
    """Uncorrected map of the result: ``stat``, ``z`` or ``p``; None if there is none."""
    spec = result_spec(result, statistic)
    return None if spec is None else result.maps[spec.name]


def is_two_sided(result: MetaResult) -> bool:
    """Whether both signs of the result can be significant."""
    spec = shown_spec(result)
    return spec is not None and spec.tail == "two-sided"


def shown_spec(result: MetaResult) -> MapSpec | None:
    """Meaning of the z that pictures show: the uncorrected one, else one corrected by voxels."""
    judged = corrected_p(result, "voxel")
    return result_spec(result, "z") or (judged and replace(judged, statistic="z"))


def shown_z(result: MetaResult) -> NDArray[Any] | None:
    """Map of the z that pictures show; None if there is none."""
    spec = shown_spec(result)
    return None if spec is None else result.maps.get(spec.name)


def corrected_p(result: MetaResult, level: Level, error_rate: str = "") -> MapSpec | None:
    """Find the map of corrected p that a level judges by; None if the result has none.

    Where a result was corrected several times, the last correction (of the error rate, if one is
    named) counts. Of a result with several groups it is the map of ``result_group``.
    """
    measure = level if level in {"size", "mass"} else None
    found = [
        spec
        for spec in result.specs.values()
        if spec.statistic == "p"
        and spec.correction is not None
        and spec.group == result_group(result)
        and error_rate in {"", spec.correction}
        and spec.measure == measure
        and (spec.level or "voxel") == ("cluster" if measure else level)
    ]
    return found[-1] if level != "none" and found else None


def _find(result: MetaResult, level: Level, error_rate: str = "") -> NDArray[Any] | None:
    spec = corrected_p(result, level, error_rate)
    return None if spec is None else result.maps[spec.name]


def _signs(result: MetaResult, judged: MapSpec | None) -> NDArray[np.int8]:
    """Direction of each voxel of the mask: 1 or -1; 1 everywhere where there is one only.

    It is the sign of z as it was judged, where there is that map, else of the uncorrected one.
    """
    ones = np.ones(result.mask.n_voxels, dtype=np.int8)
    if not is_two_sided(result):
        return ones
    z = None if judged is None else result.maps.get(replace(judged, statistic="z").name)
    z = shown_z(result) if z is None else z
    return ones if z is None else np.where(z < 0, -ones, ones)


def suprathreshold(
    result: MetaResult,
    level: Level,
    alpha: float,
    threshold_map: NDArray[np.bool_] | None,
    voxel_thresh: float | None,
) -> NDArray[np.int8]:
    """Voxels of the mask that form clusters: 1, or -1 where they form negative ones, else 0.

    Raises
    ------
    UsageError
        If nothing says which they are.
    """
    judged = None
    if threshold_map is not None:
        above: NDArray[Any] = np.asarray(threshold_map, dtype=bool)
    elif level in VOXELWISE:
        judged = corrected_p(result, level)
        if judged is None:
            raise _no_map(result, f"{level}-level corrected p")
        above = result.maps[judged.name] < alpha
    elif voxel_thresh is None and "suprathreshold" in result.arrays:
        return np.asarray(result.arrays["suprathreshold"], dtype=np.int8)
    else:
        above = _below(result, voxel_thresh)
    return np.where(above, _signs(result, judged), np.int8(0))


def _below(result: MetaResult, voxel_thresh: float | None) -> NDArray[np.bool_]:
    """Whether the uncorrected p of a voxel is below a threshold, by default the recorded one."""
    if voxel_thresh is None:
        voxel_thresh = result.facts.get("cluster_forming", {}).get("p")
    if voxel_thresh is None:
        msg = "no cluster-forming threshold: give voxel_thresh or threshold_map"
        raise UsageError(msg)
    p = result_map(result, "p")
    if p is None:
        raise _no_map(result, "uncorrected p")
    return np.asarray(p < voxel_thresh)


def is_own_threshold(
    result: MetaResult,
    level: Level,
    threshold_map: NDArray[np.bool_] | None,
    voxel_thresh: float | None,
) -> bool:
    """Whether clusters are those of the Monte Carlo null; only they have a corrected p.

    Raises
    ------
    UsageError
        If others are to be judged by that p.
    """
    formed = result.facts.get("cluster_forming", {}).get("p")
    own = threshold_map is None and voxel_thresh in {None, formed}
    if not own and level in {"size", "mass"}:
        msg = (
            f"the corrected p of clusters holds for those formed at p < {formed}; correct again "
            "with another voxel_thresh, or tabulate these clusters with level='none'"
        )
        raise UsageError(msg)
    return own


def _no_map(result: MetaResult, what: str) -> UsageError:
    return UsageError(f"no map of {what} in this result; there are: {', '.join(result.maps)}")


def gather(result: MetaResult, level: Level, *, own: bool) -> Evidence:
    """Collect the volumes; a cluster's p says nothing of clusters made at another threshold.

    Raises
    ------
    UsageError
        If a map that judges is missing.
    """
    clusters_count = own and level not in VOXELWISE
    p_size = _find(result, "size") if clusters_count else None
    p_mass = _find(result, "mass") if clusters_count else None
    if (level == "size" and p_size is None) or (level == "mass" and p_mass is None):
        raise _no_map(result, f"cluster-{level} FWE p")
    stat = result_map(result, "stat")
    if stat is None:
        raise _no_map(result, "the statistic")

    def volume(values: NDArray[Any] | None) -> NDArray[np.float64]:
        if values is None:
            return np.full(result.mask.shape, np.nan)
        return result.mask.volume(np.asarray(values, dtype=float), outside=np.nan)

    return Evidence(
        stat=volume(stat),
        z=volume(result_map(result, "z")),
        p_voxel_fwe=volume(_find(result, "voxel", "FWE")),
        p_voxel_fdr=volume(_find(result, "voxel", "FDR")),
        p_tfce=volume(_find(result, "tfce")),
        p_size=volume(p_size),
        p_mass=volume(p_mass),
        excess=volume(excess(result) if clusters_count else None),
    )


def excess(result: MetaResult) -> NDArray[np.float64] | None:
    """What each voxel of the mask adds to a cluster's mass, as the null counts it.

    Never negative where a voxel forms clusters, whatever its direction; None if it is not known.
    """
    forming = result.facts.get("cluster_forming", {})
    if "excess" in result.arrays:
        return np.asarray(result.arrays["excess"], dtype=float)
    if "mass_floor" in forming and "numbers" in result.arrays:
        numbers = result.arrays["numbers"] - forming["mass_floor"]
        return Scale(**result.facts["scale"]).mass(numbers)
    stat = result_map(result, "stat")
    if forming.get("statistic") is None or stat is None:
        return None
    height = np.abs(stat) if is_two_sided(result) else stat
    return np.asarray(height - forming["statistic"])
