"""Clusters of a result: where they are, how sure they are, and which experiments are in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from nimare_pipeline import cluster_evidence, defaults, derivative_tables
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cluster_evidence import Evidence
from nimare_pipeline.directions import GROUPS, Directions, directions, is_of_images
from nimare_pipeline.errors import UsageError
from nimare_pipeline.image_peaks import add_estimates
from nimare_pipeline.inference import Level
from nimare_pipeline.montecarlo_error import add_intervals
from nimare_pipeline.numerics import clusters as numerics
from nimare_pipeline.pooling import experiments
from nimare_pipeline.results import MetaResult


@dataclass(frozen=True)
class ClusterTable:
    """Clusters of a result.

    Parameters
    ----------
    clusters : DataFrame
        A row for each peak, the cluster's main one first; columns ``derivative_tables.CLUSTERS``,
        of a comparison of groups ``derivative_tables.PAIR_CLUSTERS``.
    label_map : (n_voxels,) int32 array
        Number of the cluster over the mask, 0 outside.
    level : "size", "mass", "voxel", "tfce" or "none"
        What made a cluster significant.
    alpha : float
        At which level.
    """

    clusters: pd.DataFrame
    label_map: NDArray[np.int32]
    level: Level = "size"
    alpha: float = defaults.ALPHA


def cluster_table(
    result: MetaResult,
    *,
    alpha: float = defaults.ALPHA,
    level: Level = "size",
    foci: pd.DataFrame | None = None,
    threshold_map: NDArray[np.bool_] | None = None,
    voxel_thresh: float | None = None,
    peak_distance_mm: float = defaults.PEAK_DISTANCE_MM,
) -> ClusterTable:
    """Tabulate the significant clusters of a result.

    Clusters are the components (faces) of the suprathreshold voxels: those of ``threshold_map``,
    else of the result's own array ``suprathreshold``, else those with uncorrected p below
    ``voxel_thresh``. Of a comparison of groups, voxels of both directions are never in one
    cluster; those of the first group's direction come first.

    Parameters
    ----------
    result : MetaResult
        With maps stat, z, p and, unless ``level`` is "none", the corrected p; of groups, those of
        the fact ``result_group``.
    alpha : float
        Level of significance: a cluster stays if its corrected p is below.
    level : "size", "mass", "voxel", "tfce" or "none"
        Which corrected p: of the cluster's size or mass; "voxel" and "tfce" make clusters of
        the voxels whose own corrected p (FWE or FDR) is below alpha; "none" keeps every cluster.
    foci : DataFrame, optional
        Columns id, study_id, x, y, z (mm) and optionally used (bool), to say which experiments
        have foci inside. Without it those columns are missing, not 0.
    threshold_map : (n_voxels,) bool array, optional
        Suprathreshold voxels.
    voxel_thresh : float, optional
        Cluster-forming p; default the one recorded in the result.
    peak_distance_mm : float
        Sub-peaks are at least this far apart, mm.

    Returns
    -------
    ClusterTable

    Raises
    ------
    UsageError
        For a value out of range, or a result without the map that is asked for.

    Notes
    -----
    z comes from the uncorrected map, because a corrected cluster map is constant over a cluster.
    Foci belong to the voxel floor(ijk + 0.5), as everywhere in the package.
    """
    _check(alpha, level, foci, voxel_thresh)
    own = cluster_evidence.is_own_threshold(result, level, threshold_map, voxel_thresh)
    chosen = cluster_evidence.suprathreshold(result, level, alpha, threshold_map, voxel_thresh)
    above = result.mask.volume(chosen, outside=0)
    evidence = cluster_evidence.gather(result, level, own=own)
    labels = _significant(above, evidence, level, alpha)
    height = evidence.height(above < 0)
    peaks = numerics.local_maxima(height, labels, peak_distance_mm, result.mask.affine)
    labels, peaks = _number_by_size(labels, peaks, above)
    sides = directions(result.facts)
    inside = _foci_inside(foci, labels, result)
    columns = derivative_tables.cluster_columns(result.facts)
    rows = [
        row
        for number in range(1, labels.max(initial=0) + 1)
        for row in _rows(number, labels, peaks, evidence, result.mask, inside)
    ]
    add_intervals(rows, result)
    if is_of_images(result.facts):
        there = add_estimates(rows, result)
        columns = {name: columns[name] for name in columns if name in there}
    if sides is not None:
        _say_directions(rows, above, result.mask, sides)
    table = derivative_tables.typed(pd.DataFrame(rows, columns=list(columns)), columns)
    return ClusterTable(table, labels[result.mask.inside], level, alpha)


def _check(
    alpha: float, level: str, foci: pd.DataFrame | None, voxel_thresh: float | None
) -> None:
    for name, value in (("alpha", alpha), ("voxel_thresh", voxel_thresh)):
        if value is not None and not 0 < value < 1:
            msg = f"{name} is a level between 0 and 1, not {value}"
            raise UsageError(msg)
    if level not in get_args(Level):
        msg = f"level is one of {', '.join(get_args(Level))}, not {level!r}"
        raise UsageError(msg)
    missing = [] if foci is None else {"id", "study_id", "x", "y", "z"}.difference(foci.columns)
    if missing:
        msg = f"foci need the columns id, study_id, x, y, z; missing: {', '.join(sorted(missing))}"
        raise UsageError(msg)


def _significant(
    above: NDArray[np.int8], evidence: Evidence, level: Level, alpha: float
) -> NDArray[np.int32]:
    """Labels of the components that stay, still in C order; those of each sign apart."""
    labels = np.zeros(above.shape, dtype=np.int32)
    for sign in (1, -1):
        mine = (above == sign) & np.isfinite(evidence.stat)
        found, _ = numerics.label(mine, defaults.CONNECTIVITY)
        labels[mine] = found[mine] + labels.max(initial=0)
    if level in {"size", "mass"}:
        p = evidence.p_size if level == "size" else evidence.p_mass
        labels[~(p < alpha)] = 0
    return labels


def _number_by_size(
    labels: NDArray[np.int32], peaks: numerics.Peaks, above: NDArray[np.int8]
) -> tuple[NDArray[np.int32], numerics.Peaks]:
    """Renumber clusters from 1 by direction, size, then peak (largest first), then place."""
    kept, first = np.unique(peaks.cluster, return_index=True)
    sizes = numerics.cluster_sizes(labels, int(labels.max(initial=0)))[kept - 1]
    sign = above[tuple(peaks.ijk[first].T)]
    order = np.lexsort((kept, -peaks.stat[first], -sizes, -sign))
    number = np.zeros(labels.max(initial=0) + 1, dtype=np.int32)
    number[kept[order]] = np.arange(1, len(kept) + 1)
    return number[labels], numerics.Peaks(
        number[peaks.cluster].astype(np.int64), peaks.ijk, peaks.stat
    )


def _foci_inside(
    foci: pd.DataFrame | None, labels: NDArray[np.int32], result: MetaResult
) -> pd.DataFrame | None:
    """Foci in clusters: cluster, id, study_id, label of the group; in the order of the input."""
    if foci is None:
        return None
    mask = result.mask
    if "used" in foci:
        foci = foci[foci["used"].astype(bool)]
    foci = foci.assign(id=experiments(foci))
    xyz = foci[["x", "y", "z"]].to_numpy(dtype=float)
    ijk = np.floor(apply_affine(np.linalg.inv(mask.affine), xyz) + 0.5).astype(np.int64)
    on_grid = ((ijk >= 0) & (ijk < mask.shape)).all(axis=1)
    cluster = np.zeros(len(foci), dtype=np.int32)
    cluster[on_grid] = labels[tuple(ijk[on_grid].T)]
    groups = result.arrays.get("group", ())
    member = {name: GROUPS[group - 1] for name, group in zip(result.ids, groups, strict=False)}
    inside = foci[["id", "study_id"]].assign(cluster=cluster, group=foci["id"].map(member))
    return inside[inside["cluster"] > 0]


def _rows(
    number: int,
    labels: NDArray[np.int32],
    peaks: numerics.Peaks,
    evidence: Evidence,
    mask: BrainMask,
    inside: pd.DataFrame | None,
) -> list[dict[str, Any]]:
    mine = peaks.cluster == number
    rows = [
        {"cluster": number, "peak": f"{number}{_letters(rank)}", **_peak(ijk, evidence, mask)}
        for rank, ijk in enumerate(peaks.ijk[mine])
    ]
    voxels = np.argwhere(labels == number)
    rows[0] |= _extent(voxels, peaks.ijk[mine][0], evidence, mask)
    rows[0] |= _centres(voxels, evidence, mask)
    if inside is not None:
        foci = inside[inside["cluster"] == number]
        experiments = foci["id"].astype(str).unique()
        rows[0] |= {
            "n_experiments": len(experiments),
            "n_studies": foci["study_id"].nunique(),
            "experiments": "; ".join(experiments),
            **{
                f"n_experiments_{group}": foci.loc[foci["group"] == group, "id"].nunique()
                for group in GROUPS
            },
        }
    return rows


def _say_directions(
    rows: list[dict[str, Any]], above: NDArray[np.int8], mask: BrainMask, sides: Directions
) -> None:
    """Put the direction of its peak into each row."""
    to_voxels = np.linalg.inv(mask.affine)
    for row in rows:
        ijk = apply_affine(to_voxels, [row["x"], row["y"], row["z"]]).round().astype(int)
        row["direction"] = sides.of(int(above[tuple(ijk)]))


def _letters(rank: int) -> str:
    """Count as spreadsheets name columns: nothing for the main peak, then a, b, ... z, aa, ab."""
    letters = ""
    while rank > 0:
        rank, letter = divmod(rank - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


def _peak(ijk: NDArray[np.int64], evidence: Evidence, mask: BrainMask) -> dict[str, Any]:
    voxel = tuple(ijk)
    xyz = apply_affine(mask.affine, ijk)
    return {
        **_named("", xyz),
        "side": _side(xyz[0], mask),
        "stat": evidence.stat[voxel],
        "z_stat": evidence.z[voxel],
        "p_voxel_fwe": evidence.p_voxel_fwe[voxel],
        "p_voxel_fdr": evidence.p_voxel_fdr[voxel],
        "p_tfce_fwe": evidence.p_tfce[voxel],
    }


def _side(x: float, mask: BrainMask) -> str:
    """Left is negative; a voxel that holds x = 0 in its interior is on the midline."""
    if abs(x) < np.abs(mask.affine[0, :3]).max() / 2:
        return "midline"
    return "left" if x < 0 else "right"


def _extent(
    voxels: NDArray[np.int64], peak: NDArray[np.int64], evidence: Evidence, mask: BrainMask
) -> dict[str, Any]:
    return {
        "n_voxels": len(voxels),
        # A determinant says 7.999999999999998 of 2 mm voxels.
        "volume_mm3": round(len(voxels) * mask.voxel_volume_mm3, 6),
        "p_size_fwe": evidence.p_size[tuple(peak)],
        "p_mass_fwe": evidence.p_mass[tuple(peak)],
        "mass": float(evidence.excess[tuple(voxels.T)].sum()),
    }


def _centres(voxels: NDArray[np.int64], evidence: Evidence, mask: BrainMask) -> dict[str, Any]:
    xyz = apply_affine(mask.affine, voxels)
    weights = evidence.stat[tuple(voxels.T)]
    weights = -weights if (weights < 0).all() else weights
    # Weights of both signs, or all 0, have no centre.
    weighted = np.full(3, np.nan)
    if (weights >= 0).all() and weights.any():
        weighted = np.average(xyz, axis=0, weights=weights)
    row: dict[str, Any] = {}
    for prefix, centre in (("", xyz.mean(axis=0)), ("w", weighted)):
        nearest = _nearest_if_outside(centre, voxels, xyz, mask)
        row |= _named(f"{prefix}com_", centre)
        row[f"{prefix}centre_outside"] = None if np.isnan(centre).any() else nearest is not None
        row |= _named(
            f"{prefix}nearest_inside_", np.full(3, np.nan) if nearest is None else nearest
        )
    return row


def _nearest_if_outside(
    centre: NDArray[np.float64],
    voxels: NDArray[np.int64],
    xyz: NDArray[np.float64],
    mask: BrainMask,
) -> NDArray[np.float64] | None:
    """Return the voxel nearest to a centre that is outside the cluster (first in C order)."""
    if np.isnan(centre).any():
        return None
    ijk = np.floor(apply_affine(np.linalg.inv(mask.affine), centre) + 0.5)
    if (voxels == ijk).all(axis=1).any():
        return None
    # Rounded, so that distances equal in exact arithmetic tie and the first voxel wins.
    return xyz[np.round(np.linalg.norm(xyz - centre, axis=1), 9).argmin()]


def _named(prefix: str, xyz: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
    return {f"{prefix}{axis}": float(value) for axis, value in zip("xyz", xyz, strict=True)}
