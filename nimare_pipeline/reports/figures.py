"""The figures of one analysis, from its result and its tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nimare_pipeline import defaults
from nimare_pipeline.cluster_evidence import shown_spec
from nimare_pipeline.directions import group_names, is_of_images, is_pair
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.pooling import by_experiment
from nimare_pipeline.reports import brains, canvas, distributions, image_figures
from nimare_pipeline.reports import region as regions
from nimare_pipeline.reports.figure_inputs import Array, Inputs
from nimare_pipeline.reports.maxima import montecarlo_panels
from nimare_pipeline.reports.tables import imputed, truth
from nimare_pipeline.results import MetaResult

_GROUP_COLORS = ("#b3261e", "#1d5fa6")
"""Of the first and of the second group, from the scales of their directions."""
FADE_BELOW = 3.0
"""Below this, z fades away in pictures of whole maps: highlighted, not hidden."""
FADE_CORRECTED = 1.0
"""The same of corrected z, of which most is 0."""
MAX_PEAKS = 4
PICTURES = frozenset(
    {"foci", "region", "result_mosaic", "result_ortho", "result_glass", "z_mosaic"}
)
"""Figures of brains, written as PNG; the others are charts."""


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
    inputs = Inputs(result, contrasts, coordinates, np.asarray(labels), alpha)
    paths = {}
    with canvas.style():
        for key, draw in _drawings(result).items():
            figure = draw(inputs)
            if figure is not None:
                is_picture = key in PICTURES or key.endswith("_mosaic")
                save = canvas.save_picture if is_picture else canvas.save_chart
                paths[key] = save(figure, folder, key)
    return paths


def draw_foci(inputs: Inputs) -> Any:
    """Glass brain of the foci as used, those outside the mask in another colour."""
    foci = inputs.coordinates
    xyz = foci[["x", "y", "z"]].to_numpy(dtype=float)
    if not len(xyz):
        return None
    if is_pair(inputs.result.facts) and "group" in inputs.contrasts:
        return brains.glass_dots(xyz, _dots_of_groups(inputs))
    return brains.glass_foci(xyz, truth(foci["inside"]).to_numpy())


def draw_region(inputs: Inputs) -> Any:
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


def draw_sample_sizes(inputs: Inputs) -> Any:
    """Histograms of sample sizes and of foci an experiment, over the included experiments."""
    included = by_experiment(inputs.contrasts[truth(inputs.contrasts["included"])])
    columns = {
        "Participants per experiment": _numbers(included.loc[~imputed(included), "sample_size"]),
        "Foci per experiment": _numbers(included["n_foci"]),
    }
    if not any(values.size for values in columns.values()):
        return None
    return distributions.counts(columns)


def draw_result_mosaic(inputs: Inputs) -> Any:
    """Axial slices with the uncorrected z inside the significant clusters."""
    if not (inputs.labels > 0).any():
        return None
    return brains.mosaic(inputs.cuts(), _result_overlay(inputs), label="z")


def draw_result_ortho(inputs: Inputs) -> Any:
    """Three cuts through the peaks of the first clusters of each direction."""
    peaks = []
    for cluster in _first_clusters(inputs):
        peak = np.flatnonzero(inputs.labels == cluster)
        voxel = peak[np.argmax(inputs.heights[peak])]
        z = inputs.z[voxel]
        side = f" ({inputs.ends[int(z < 0)]})" if inputs.ends else ""
        title = f"Cluster {cluster}{side}, peak z = {z:.2f}".replace("-", "\N{MINUS SIGN}")
        peaks.append((title, inputs.xyz[voxel]))
    return brains.ortho(peaks, _result_overlay(inputs), label="z") if peaks else None


def draw_result_glass(inputs: Inputs) -> Any:
    """Glass brain of the significant clusters."""
    if not (inputs.labels > 0).any():
        return None
    image = inputs.result.mask.image(inputs.z_significant.astype(np.float32))
    return brains.glass_map(image, _result_overlay(inputs), label="z")


def draw_z_mosaic(inputs: Inputs) -> Any:
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


def draw_null_uncorrected(inputs: Inputs) -> Any:
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


def draw_null_montecarlo(inputs: Inputs) -> Any:
    """Histograms of the Monte Carlo maxima with thresholds and what was observed."""
    panels = montecarlo_panels(inputs)
    return distributions.montecarlo(panels, inputs.alpha) if panels else None


DRAWINGS: dict[str, Callable[[Inputs], Any]] = {
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


_OF_FOCI = frozenset({"region", "foci", "sample_sizes", "null_uncorrected"})
"""Figures that an analysis of images does not have, or has in another form."""


def _drawings(result: MetaResult) -> dict[str, Callable[[Inputs], Any]]:
    """What is drawn of a result, by key."""
    if not is_of_images(result.facts):
        return DRAWINGS
    shared = {key: draw for key, draw in DRAWINGS.items() if key not in _OF_FOCI}
    return {**shared, **image_figures.DRAWINGS, **image_figures.term_drawings(result.facts)}


def fade_below(spec: MapSpec | None) -> float:
    """Where the z of a map begins to fade away in pictures of all of it."""
    return FADE_CORRECTED if spec is not None and spec.correction else FADE_BELOW


def _first_clusters(inputs: Inputs) -> list[int]:
    """Numbers of the clusters that are shown: the first ones of each sign."""
    numbers = np.unique(inputs.labels[inputs.labels > 0])
    negative = [n for n in numbers if np.median(inputs.z[inputs.labels == n]) < 0]
    positive = [n for n in numbers if n not in negative]
    n_positive = max(MAX_PEAKS - len(negative), MAX_PEAKS // 2)
    shown = positive[:n_positive]
    return [*shown, *negative[: MAX_PEAKS - len(shown)]]


def _dots_of_groups(inputs: Inputs) -> list[brains.Dots]:
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


def _result_overlay(inputs: Inputs) -> brains.Overlay:
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
