"""The figures of one analysis, from its result and its tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.cluster_evidence import is_two_sided, shown_spec
from nimare_pipeline.directions import directions, group_names, is_difference, is_pair
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.numerics.pvalues import montecarlo_threshold
from nimare_pipeline.pooling import by_experiment
from nimare_pipeline.reports import brains, canvas, distributions
from nimare_pipeline.reports import region as regions
from nimare_pipeline.reports.tables import imputed, truth
from nimare_pipeline.results import MetaResult

Array = NDArray[Any]
_MAXIMA = {
    "stat": "Largest statistic",
    "size": "Largest cluster (voxels)",
    "mass": "Largest cluster mass",
    "tfce": "Largest enhanced value",
}
_GROUP_COLORS = ("#b3261e", "#1d5fa6")
"""Of the first and of the second group, from the scales of their directions."""
N_CUTS = 14
FADE_BELOW = 3.0
"""Below this, z fades away in pictures of whole maps: highlighted, not hidden."""
FADE_CORRECTED = 1.0
"""The same of corrected z, of which most is 0."""
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
        """Uncorrected z over the mask, finite; corrected z where there is no other."""
        spec = shown_spec(self.result) or MapSpec("z")
        z = self.result.maps[spec.name].astype(float)
        return np.nan_to_num(z, posinf=40.0, neginf=-40.0 if self.two_sided else 0.0)

    @cached_property
    def two_sided(self) -> bool:
        """Whether values of both signs are drawn."""
        return is_two_sided(self.result)

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """What positive and negative values mean; empty without groups."""
        sides = directions(self.result.facts)
        return () if sides is None else sides.both

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
        size = np.abs(self.z) if self.two_sided else self.z
        return max(float(np.ceil(size.max() * 2) / 2), 3.5) if size.size else 3.5

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
    if is_pair(inputs.result.facts) and "group" in inputs.contrasts:
        return brains.glass_dots(xyz, _dots_of_groups(inputs))
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
    included = by_experiment(inputs.contrasts[truth(inputs.contrasts["included"])])
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
    """Three cuts through the peaks of the first clusters of each direction."""
    peaks = []
    height = _height(inputs)
    for cluster in _first_clusters(inputs):
        peak = np.flatnonzero(inputs.labels == cluster)
        voxel = peak[np.argmax(height[peak])]
        z = inputs.z[voxel]
        side = f" ({inputs.ends[int(z < 0)]})" if inputs.ends else ""
        title = f"Cluster {cluster}{side}, peak z = {z:.2f}".replace("-", "\N{MINUS SIGN}")
        peaks.append((title, inputs.xyz[voxel]))
    return brains.ortho(peaks, _result_overlay(inputs), label="z") if peaks else None


def draw_result_glass(inputs: _Inputs) -> Any:
    """Glass brain of the significant clusters."""
    if not (inputs.labels > 0).any():
        return None
    image = inputs.result.mask.image(inputs.z_significant.astype(np.float32))
    return brains.glass_map(image, _result_overlay(inputs), label="z")


def draw_z_mosaic(inputs: _Inputs) -> Any:
    """Axial slices of the whole uncorrected z map, weak z fading out; clusters outlined."""
    overlay = brains.Overlay(
        inputs.volume(inputs.z if inputs.two_sided else np.maximum(inputs.z, 0)),
        vmin=0,
        vmax=inputs.z_max,
        fade_below=fade_below(shown_spec(inputs.result)),
        outline=inputs.volume(inputs.labels),
        two_sided=inputs.two_sided,
        ends=inputs.ends,
    )
    spec = shown_spec(inputs.result)
    kind = "corrected" if spec is not None and spec.correction else "uncorrected"
    return brains.mosaic(inputs.cuts(), overlay, label=f"z ({kind})")


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


def fade_below(spec: MapSpec | None) -> float:
    """Where the z of a map begins to fade away in pictures of all of it."""
    return FADE_CORRECTED if spec is not None and spec.correction else FADE_BELOW


def _height(inputs: _Inputs) -> Array:
    """What peaks are found by: the statistic, of a comparison how far it is from 0; else z.

    Counted p has a smallest value, so that many voxels can share the highest z.
    """
    group = inputs.result.facts.get("result_group")
    stat = inputs.result.maps.get(MapSpec("stat", group=group).name)
    if stat is None:
        return np.abs(inputs.z) if inputs.two_sided else inputs.z
    return np.where(inputs.z < 0, -stat, stat) if inputs.two_sided else stat


def _first_clusters(inputs: _Inputs) -> list[int]:
    """Numbers of the clusters that are shown: the first ones of each sign."""
    numbers = np.unique(inputs.labels[inputs.labels > 0])
    negative = [n for n in numbers if np.median(inputs.z[inputs.labels == n]) < 0]
    positive = [n for n in numbers if n not in negative]
    n_positive = max(MAX_PEAKS - len(negative), MAX_PEAKS // 2)
    shown = positive[:n_positive]
    return [*shown, *negative[: MAX_PEAKS - len(shown)]]


def _dots_of_groups(inputs: _Inputs) -> list[brains.Dots]:
    """Foci by their group, in the colours of its direction."""
    owner = inputs.contrasts.set_index("id")["group"]
    group = inputs.coordinates["id"].map(owner)
    outside = ~truth(inputs.coordinates["inside"])
    dots = []
    for name, color in zip(group_names(inputs.result.facts), _GROUP_COLORS, strict=True):
        members = (group == name).to_numpy()
        n_outside = int((members & outside).sum())
        said = f"{name}\n({n_outside} outside)" if n_outside else name
        dots.append(brains.Dots(said, members, color, 11, 0.7))
    return dots


def _montecarlo_panels(inputs: _Inputs) -> list[distributions.Maxima]:
    if is_difference(inputs.result.facts):
        return [panel for tail in (0, 1) for panel in _panels_of_tail(inputs, tail)]
    if is_pair(inputs.result.facts):
        return _panels_of_group(inputs)
    if "stat" not in inputs.result.maps:
        return _panels_of_images(inputs)
    stat = inputs.result.maps["stat"].astype(float)
    sizes, masses = _observed_clusters(inputs, stat)
    observed = (stat, sizes, masses, _enhanced(inputs))
    return _panels(inputs, "montecarlo_max_", observed, inputs.alpha)


def _panels_of_images(inputs: _Inputs) -> list[distributions.Maxima]:
    """Panels of a statistic of both signs, whose largest absolute value is judged."""
    arrays = inputs.result.arrays
    if "suprathreshold" not in arrays:
        return []
    sign = np.asarray(arrays["suprathreshold"])
    found = [_extents(inputs, sign == one, arrays["excess"]) for one in (1, -1)]
    sizes, masses = (np.concatenate(parts) for parts in zip(*found, strict=True))
    observed = (np.abs(inputs.z), sizes, masses, np.abs(_enhanced(inputs)))
    return _panels(inputs, "montecarlo_max_", observed, inputs.alpha)


def _panels_of_group(inputs: _Inputs) -> list[distributions.Maxima]:
    """Panels of the first group by itself, whose statistic is its number of experiments."""
    arrays = inputs.result.arrays
    if not {"count_group1", "suprathreshold", "excess"} <= arrays.keys():
        return []
    above = np.asarray(arrays["suprathreshold"]) > 0
    sizes, masses = _extents(inputs, above, arrays["excess"])
    counted = arrays["count_group1"].astype(float)
    observed = (counted, sizes, masses, _enhanced(inputs))
    return _panels(inputs, "montecarlo_group1_max_", observed, inputs.alpha)


def _enhanced(inputs: _Inputs) -> Array:
    """Threshold-free enhanced values of the result; empty where there are none."""
    name = MapSpec("tfce", group=inputs.result.facts.get("result_group")).name
    return inputs.result.maps.get(name, np.array([])).astype(float)


def _panels_of_tail(inputs: _Inputs, tail: int) -> list[distributions.Maxima]:
    """Panels of the positive (0) or the negative (1) tail of a comparison."""
    arrays, sign = inputs.result.arrays, (1, -1)[tail]
    group = inputs.result.facts.get("result_group")
    name = ("positive", "negative")[tail]
    prefix = f"montecarlo_{name}_max_"
    if f"{prefix}stat" not in arrays:
        prefix = f"montecarlo_{group}_{name}_max_"
    height = np.where(np.sign(inputs.z) == sign, _height(inputs), np.nan)
    recorded = np.asarray(arrays.get("suprathreshold", np.zeros(len(inputs.z)))) == sign
    sizes, masses = _extents(inputs, recorded, np.asarray(arrays.get("excess", recorded * 0.0)))
    enhanced = sign * _enhanced(inputs)
    panels = _panels(inputs, prefix, (height, sizes, masses, enhanced), inputs.alpha / 2)
    return [replace(panel, side=inputs.ends[tail]) for panel in panels]


def _panels(
    inputs: _Inputs, prefix: str, observed: tuple[Array, ...], alpha: float
) -> list[distributions.Maxima]:
    """Panels of statistic, size, mass and enhanced value, of those nulls that there are."""
    arrays, forming = inputs.result.arrays, inputs.result.facts.get("cluster_forming") or {}
    none_forms = "statistic" in forming and forming["statistic"] is None
    rows = zip(_MAXIMA.items(), observed, strict=False)
    return [
        distributions.Maxima(
            title,
            np.asarray(arrays[prefix + name], dtype=float),
            name == "size",
            np.inf
            if none_forms and name in {"size", "mass"}
            else montecarlo_threshold(arrays[prefix + name], alpha),
            float(np.nanmax(values)) if np.isfinite(values).any() else None,
        )
        for (name, title), values in rows
        if prefix + name in arrays
    ]


def _observed_clusters(inputs: _Inputs, stat: Array) -> tuple[Array, Array]:
    """Sizes (voxels) and masses of the clusters above the cluster-forming threshold."""
    forming = inputs.result.facts.get("cluster_forming")
    if not forming or forming["statistic"] is None:
        return np.array([]), np.array([])
    # Compared as whole numbers where they were: a float may fall short of its own rounding.
    recorded = inputs.result.arrays.get("suprathreshold")
    above = np.nan_to_num(stat) >= forming["statistic"] if recorded is None else recorded
    floor = forming.get("mass_above", forming["statistic"])
    return _extents(inputs, above, _mass_scale(inputs, stat) - _mass_scale(inputs, floor))


def _extents(inputs: _Inputs, above: Array, excess: Array) -> tuple[Array, Array]:
    """Sizes and masses of the clusters of the voxels above a threshold."""
    from scipy.ndimage import label

    # SciPy's default neighbours share a face, as everywhere in the package.
    volume, n_clusters = label(inputs.result.mask.volume(above))
    members = volume[inputs.result.mask.inside]
    masses = np.bincount(members, weights=np.where(above, excess, 0), minlength=n_clusters + 1)
    return np.bincount(members, minlength=n_clusters + 1)[1:].astype(float), masses[1:]


def _mass_scale(inputs: _Inputs, stat: Any) -> Any:
    """Scale on which the engine adds up mass: -log(1 - ALE) where it counts in logarithms."""
    scale = inputs.result.facts.get("scale", {})
    return -np.log1p(-np.minimum(stat, 1)) if scale.get("domain") == "log" else stat


def _result_overlay(inputs: _Inputs) -> brains.Overlay:
    values = inputs.z_significant
    size = np.abs(values) if inputs.two_sided else values
    least = size[size > 0].min()
    return brains.Overlay(
        inputs.volume(values),
        # What an image rounds down would lie below the scale, and not be drawn.
        vmin=float(min(least, np.float32(least))),
        vmax=inputs.z_max,
        two_sided=inputs.two_sided,
        ends=inputs.ends,
    )


def _numbers(column: pd.Series) -> Array:
    return pd.to_numeric(column, errors="coerce").dropna().to_numpy(dtype=float)
