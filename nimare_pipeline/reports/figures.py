"""The figures of one analysis, from its result and its tables."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.numerics.pvalues import montecarlo_threshold
from nimare_pipeline.reports import brains, canvas, distributions
from nimare_pipeline.reports import region as regions
from nimare_pipeline.reports.tables import imputed, truth
from nimare_pipeline.results import MetaResult

Array = NDArray[Any]
N_CUTS = 14
MAX_PEAKS = 4
PICTURES = frozenset(
    {"foci", "region", "result_mosaic", "result_ortho", "result_glass", "z_mosaic"}
)
"""Figures of brains, written as PNG; the others are charts."""


@dataclass(frozen=True)
class _Inputs:
    """What the drawing functions draw from; see ``draw_all``."""

    result: MetaResult
    contrasts: pd.DataFrame
    coordinates: pd.DataFrame
    labels: Array
    alpha: float

    @cached_property
    def z(self) -> Array:
        """Uncorrected z over the mask, finite."""
        return np.nan_to_num(self.result.maps["z"].astype(float), posinf=40.0, neginf=0.0)

    @cached_property
    def z_significant(self) -> Array:
        """Uncorrected z inside the significant clusters, 0 elsewhere."""
        return np.where(self.labels > 0, self.z, 0.0)

    @cached_property
    def xyz(self) -> NDArray[np.float64]:
        """Centres of the voxels of the mask, mm."""
        mask = self.result.mask
        return np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]

    @cached_property
    def z_max(self) -> float:
        """Last value of the colour scale, the same in all brain figures of the analysis."""
        return max(float(np.ceil(self.z.max() * 2) / 2), 3.5) if self.z.size else 3.5

    def volume(self, values: Array) -> brains.Volume:
        """Masked vector as a volume."""
        return brains.Volume(self.result.mask.volume(values), self.result.mask.affine)

    def cuts(self) -> list[float]:
        """Heights of the axial slices, mm: over the significant clusters, or the whole brain."""
        heights = (
            self.xyz[self.labels > 0, 2] if (self.labels > 0).any() else np.array([-44.0, 70.0])
        )
        low, high = float(heights.min()), float(heights.max())
        missing = max(0.0, 4.0 * (N_CUTS - 1) - (high - low)) / 2
        return [float(round(cut)) for cut in np.linspace(low - missing, high + missing, N_CUTS)]


def draw_all(
    result: MetaResult,
    *,
    contrasts: pd.DataFrame,
    coordinates: pd.DataFrame,
    labels: Array,
    alpha: float = defaults.ALPHA,
    out_dir: str | Path,
) -> dict[str, Path]:
    """Draw every figure that the result allows.

    Parameters
    ----------
    result : MetaResult
        Corrected result. Its maps ``z`` and ``stat``, its arrays ``null_stat``, ``null_logsf`` and
        ``montecarlo_max_*`` and its facts are drawn.
    contrasts, coordinates : DataFrame
        Of the cohort; columns ``included``, ``sample_size``, ``n_foci``, and ``x``, ``y``, ``z``,
        ``inside``, ``used``.
    labels : (n_voxels,) int array
        Number of the significant cluster of each voxel, 0 outside: ``ClusterTable.label_map``.
    alpha : float
        Level of the corrected inference.
    out_dir : path
        Folder for the figures; created.

    Returns
    -------
    dict of str to Path
        Key to file: PNG for brains, SVG for charts (PNG where large). In order: ``foci``,
        ``sample_sizes``, ``result_mosaic``, ``result_ortho``, ``result_glass``, ``z_mosaic``,
        ``null_uncorrected``, ``null_montecarlo``. A figure without data has no key: the three of
        the result where nothing is significant, the nulls where the result holds none.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    inputs = _Inputs(result, contrasts, coordinates, np.asarray(labels), alpha)
    paths = {}
    with canvas.style():
        for key, draw in DRAWINGS.items():
            figure = draw(inputs)
            if figure is not None:
                save = canvas.save_picture if key in PICTURES else canvas.save_chart
                paths[key] = save(figure, folder, key)
    return paths


def draw_foci(inputs: _Inputs) -> Any:
    """Glass brain of the foci as used, those outside the mask in another colour."""
    foci = inputs.coordinates
    xyz = foci[["x", "y", "z"]].to_numpy(dtype=float)
    if not len(xyz):
        return None
    return brains.glass_foci(xyz, truth(foci["inside"]).to_numpy())


def draw_region(inputs: _Inputs) -> Any:
    """Cuts through the region of a coactivation model, with the foci in it."""
    region = inputs.result.arrays.get("region")
    if region is None:
        return None
    volume = inputs.volume(region.astype(np.uint8))
    used = inputs.coordinates[truth(inputs.coordinates["used"])]
    xyz = used[["x", "y", "z"]].to_numpy(dtype=float)
    inside = np.nan_to_num(volume.at(xyz)) > 0
    centre = inputs.xyz[region.astype(bool)].mean(axis=0)
    return regions.draw(volume, centre, xyz[inside])


def draw_sample_sizes(inputs: _Inputs) -> Any:
    """Histograms of sample sizes and of foci an experiment, over the included experiments."""
    included = inputs.contrasts[truth(inputs.contrasts["included"])]
    columns = {
        "Participants per experiment": _numbers(included.loc[~imputed(included), "sample_size"]),
        "Foci per experiment": _numbers(included["n_foci"]),
    }
    if not any(values.size for values in columns.values()):
        return None
    return distributions.counts(columns)


def draw_result_mosaic(inputs: _Inputs) -> Any:
    """Axial slices with the uncorrected z inside the significant clusters."""
    if not (inputs.labels > 0).any():
        return None
    return brains.mosaic(inputs.cuts(), _result_overlay(inputs), label="z")


def draw_result_ortho(inputs: _Inputs) -> Any:
    """Three cuts through the peaks of the first clusters."""
    peaks = []
    for cluster in np.unique(inputs.labels[inputs.labels > 0])[:MAX_PEAKS]:
        peak = np.flatnonzero(inputs.labels == cluster)
        voxel = peak[np.argmax(inputs.z[peak])]
        peaks.append((f"Cluster {cluster}, peak z = {inputs.z[voxel]:.2f}", inputs.xyz[voxel]))
    return brains.ortho(peaks, _result_overlay(inputs), label="z") if peaks else None


def draw_result_glass(inputs: _Inputs) -> Any:
    """Glass brain of the significant clusters."""
    if not (inputs.labels > 0).any():
        return None
    image = inputs.result.mask.image(inputs.z_significant.astype(np.float32))
    return brains.glass_map(image, _result_overlay(inputs), label="z")


def draw_z_mosaic(inputs: _Inputs) -> Any:
    """Axial slices of the whole uncorrected z map, fading out below z = 3; clusters outlined."""
    overlay = brains.Overlay(
        inputs.volume(np.maximum(inputs.z, 0)),
        vmin=0,
        vmax=inputs.z_max,
        fade_below=3.0,
        outline=inputs.volume(inputs.labels),
    )
    return brains.mosaic(inputs.cuts(), overlay, label="z (uncorrected)")


def draw_null_uncorrected(inputs: _Inputs) -> Any:
    """Null of the statistic beside the observed voxels, with the cluster-forming threshold."""
    arrays = inputs.result.arrays
    if "null_stat" not in arrays or "null_logsf" not in arrays:
        return None
    return distributions.uncorrected(
        arrays["null_stat"],
        arrays["null_logsf"],
        inputs.result.maps["stat"],
        estimator=inputs.result.estimator.type,
        forming=inputs.result.facts.get("cluster_forming"),
    )


def draw_null_montecarlo(inputs: _Inputs) -> Any:
    """Histograms of the Monte Carlo maxima with thresholds and what was observed."""
    panels = _montecarlo_panels(inputs)
    return distributions.montecarlo(panels, inputs.alpha) if panels else None


DRAWINGS: dict[str, Callable[[_Inputs], Any]] = {
    "region": draw_region,
    "foci": draw_foci,
    "sample_sizes": draw_sample_sizes,
    "result_mosaic": draw_result_mosaic,
    "result_ortho": draw_result_ortho,
    "result_glass": draw_result_glass,
    "z_mosaic": draw_z_mosaic,
    "null_uncorrected": draw_null_uncorrected,
    "null_montecarlo": draw_null_montecarlo,
}


def _montecarlo_panels(inputs: _Inputs) -> list[distributions.Maxima]:
    arrays, forming = inputs.result.arrays, inputs.result.facts.get("cluster_forming") or {}
    none_forms = "statistic" in forming and forming["statistic"] is None
    stat = inputs.result.maps["stat"].astype(float)
    sizes, masses = _observed_clusters(inputs, stat)
    rows = (
        ("Largest statistic", "montecarlo_max_stat", stat),
        ("Largest cluster (voxels)", "montecarlo_max_size", sizes),
        ("Largest cluster mass", "montecarlo_max_mass", masses),
    )
    return [
        distributions.Maxima(
            title,
            np.asarray(arrays[key], dtype=float),
            key == "montecarlo_max_size",
            np.inf
            if none_forms and key != "montecarlo_max_stat"
            else montecarlo_threshold(arrays[key], inputs.alpha),
            float(np.nanmax(values)) if values.size else None,
        )
        for title, key, values in rows
        if key in arrays
    ]


def _observed_clusters(inputs: _Inputs, stat: Array) -> tuple[Array, Array]:
    """Sizes (voxels) and masses of the clusters above the cluster-forming threshold."""
    from scipy.ndimage import label

    forming = inputs.result.facts.get("cluster_forming")
    if not forming or forming["statistic"] is None:
        return np.array([]), np.array([])
    # Compared as whole numbers where they were: a float may fall short of its own rounding.
    recorded = inputs.result.arrays.get("suprathreshold")
    above = np.nan_to_num(stat) >= forming["statistic"] if recorded is None else recorded
    # SciPy's default neighbours share a face, as everywhere in the package.
    volume, n_clusters = label(inputs.result.mask.volume(above))
    members = volume[inputs.result.mask.inside]
    floor = forming.get("mass_above", forming["statistic"])
    excess = np.where(above, _mass_scale(inputs, stat) - _mass_scale(inputs, floor), 0)
    masses = np.bincount(members, weights=excess, minlength=n_clusters + 1)
    return np.bincount(members, minlength=n_clusters + 1)[1:].astype(float), masses[1:]


def _mass_scale(inputs: _Inputs, stat: Any) -> Any:
    """Scale on which the engine adds up mass: -log(1 - ALE) where it counts in logarithms."""
    scale = inputs.result.facts.get("scale", {})
    return -np.log1p(-np.minimum(stat, 1)) if scale.get("domain") == "log" else stat


def _result_overlay(inputs: _Inputs) -> brains.Overlay:
    values = inputs.z_significant
    return brains.Overlay(
        inputs.volume(values), vmin=float(values[values > 0].min()), vmax=inputs.z_max
    )


def _numbers(column: pd.Series) -> Array:
    return pd.to_numeric(column, errors="coerce").dropna().to_numpy(dtype=float)
