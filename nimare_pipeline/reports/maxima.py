"""Monte Carlo maxima of one analysis, beside what was observed, as panels to draw."""

from dataclasses import replace
from typing import Any

import numpy as np

from nimare_pipeline.directions import is_difference, is_pair
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.numerics.pvalues import montecarlo_threshold
from nimare_pipeline.reports import distributions
from nimare_pipeline.reports.figure_inputs import Array, Inputs

_MAXIMA = {
    "stat": "Largest statistic",
    "size": "Largest cluster (voxels)",
    "mass": "Largest cluster mass",
    "tfce": "Largest enhanced value",
}


def montecarlo_panels(inputs: Inputs) -> list[distributions.Maxima]:
    """Panels of the nulls that a result holds; none without."""
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


def _panels_of_images(inputs: Inputs) -> list[distributions.Maxima]:
    """Panels of a statistic of both signs, whose largest absolute value is judged."""
    arrays = inputs.result.arrays
    if "suprathreshold" not in arrays:
        return []
    sign = np.asarray(arrays["suprathreshold"])
    found = [_extents(inputs, sign == one, arrays["excess"]) for one in (1, -1)]
    sizes, masses = (np.concatenate(parts) for parts in zip(*found, strict=True))
    observed = (np.abs(inputs.z), sizes, masses, np.abs(_enhanced(inputs)))
    return _panels(inputs, "montecarlo_max_", observed, inputs.alpha)


def _panels_of_group(inputs: Inputs) -> list[distributions.Maxima]:
    """Panels of the first group by itself, whose statistic is its number of experiments."""
    arrays = inputs.result.arrays
    if not {"count_group1", "suprathreshold", "excess"} <= arrays.keys():
        return []
    above = np.asarray(arrays["suprathreshold"]) > 0
    sizes, masses = _extents(inputs, above, arrays["excess"])
    counted = arrays["count_group1"].astype(float)
    observed = (counted, sizes, masses, _enhanced(inputs))
    return _panels(inputs, "montecarlo_group1_max_", observed, inputs.alpha)


def _enhanced(inputs: Inputs) -> Array:
    """Threshold-free enhanced values of the result; empty where there are none."""
    name = MapSpec("tfce", group=inputs.result.facts.get("result_group")).name
    return inputs.result.maps.get(name, np.array([])).astype(float)


def _panels_of_tail(inputs: Inputs, tail: int) -> list[distributions.Maxima]:
    """Panels of the positive (0) or the negative (1) tail of a comparison."""
    arrays, sign = inputs.result.arrays, (1, -1)[tail]
    group = inputs.result.facts.get("result_group")
    name = ("positive", "negative")[tail]
    prefix = f"montecarlo_{name}_max_"
    if f"{prefix}stat" not in arrays:
        prefix = f"montecarlo_{group}_{name}_max_"
    heights = np.where(np.sign(inputs.z) == sign, inputs.heights, np.nan)
    recorded = np.asarray(arrays.get("suprathreshold", np.zeros(len(inputs.z)))) == sign
    sizes, masses = _extents(inputs, recorded, np.asarray(arrays.get("excess", recorded * 0.0)))
    enhanced = sign * _enhanced(inputs)
    panels = _panels(inputs, prefix, (heights, sizes, masses, enhanced), inputs.alpha / 2)
    return [replace(panel, side=inputs.ends[tail]) for panel in panels]


def _panels(
    inputs: Inputs, prefix: str, observed: tuple[Array, ...], alpha: float
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


def _observed_clusters(inputs: Inputs, stat: Array) -> tuple[Array, Array]:
    """Sizes (voxels) and masses of the clusters above the cluster-forming threshold."""
    forming = inputs.result.facts.get("cluster_forming")
    if not forming or forming["statistic"] is None:
        return np.array([]), np.array([])
    # Compared as whole numbers where they were: a float may fall short of its own rounding.
    recorded = inputs.result.arrays.get("suprathreshold")
    above = np.nan_to_num(stat) >= forming["statistic"] if recorded is None else recorded
    floor = forming.get("mass_above", forming["statistic"])
    return _extents(inputs, above, _mass_scale(inputs, stat) - _mass_scale(inputs, floor))


def _extents(inputs: Inputs, above: Array, excess: Array) -> tuple[Array, Array]:
    """Sizes and masses of the clusters of the voxels above a threshold."""
    from scipy.ndimage import label

    # SciPy's default neighbours share a face, as everywhere in the package.
    volume, n_clusters = label(inputs.result.mask.volume(above))
    members = volume[inputs.result.mask.inside]
    masses = np.bincount(members, weights=np.where(above, excess, 0), minlength=n_clusters + 1)
    return np.bincount(members, minlength=n_clusters + 1)[1:].astype(float), masses[1:]


def _mass_scale(inputs: Inputs, stat: Any) -> Any:
    """Scale on which the engine adds up mass: -log(1 - ALE) where it counts in logarithms."""
    scale = inputs.result.facts.get("scale", {})
    return -np.log1p(-np.minimum(stat, 1)) if scale.get("domain") == "log" else stat
