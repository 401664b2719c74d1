"""Figures that only an analysis of images has: coverage, estimates, differences of studies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nimare_pipeline.maps import MapSpec
from nimare_pipeline.reports import brains, canvas, distributions
from nimare_pipeline.reports.figure_inputs import N_CUTS, Array, Inputs
from nimare_pipeline.reports.tables import imputed, truth

FADE_BELOW = 3.0
"""Below this, z fades away in pictures of whole maps."""
_END = 99.5
"""Percentile of the voxels at which scales of estimates end: single voxels would stretch them."""
MAX_TERMS = 8
_LEFT_OUT = 3
"""Percent of the voxels below the first and above the last slice."""
_NEAREST_MM = 4.0


def draw_sample_sizes(inputs: Inputs) -> Any:
    """Histogram of the sample sizes of the contrasts that were analysed."""
    if not {"included", "sample_size"} <= set(inputs.contrasts.columns):
        return None
    included = inputs.contrasts[truth(inputs.contrasts["included"])]
    sizes = included.loc[~imputed(included), "sample_size"]
    values = pd.to_numeric(sizes, errors="coerce").dropna().to_numpy(dtype=float)
    if not values.size:
        return None
    return distributions.counts({"Participants per contrast": values}, of="contrasts")


def draw_coverage(inputs: Inputs) -> Any:
    """Axial slices with the number of studies; None where it is the same everywhere."""
    n = _map(inputs, "n")
    if n is None or not (n > 0).any() or np.ptp(n) == 0:
        return None
    low = float(n[n > 0].min())
    # Nothing is less than one study less than the fewest: the first colour is seen.
    return _mosaic(inputs, n, _Scale(low - 1, float(n.max()), "studies", whole=True))


def draw_effect(inputs: Inputs) -> Any:
    """Axial slices with the estimates."""
    est = _map(inputs, "est")
    if est is None or not np.any(est):
        return None
    scale = _Scale(0, _end(np.abs(est)), "effect", two_sided=True)
    return _mosaic(
        inputs, est, scale, everywhere=False, fade=FADE_BELOW, strength=np.abs(inputs.z)
    )


def draw_i2(inputs: Inputs) -> Any:
    """Axial slices with I2."""
    i2 = _map(inputs, "i2")
    if i2 is None or _map(inputs, "tau2") is None or not (i2 > 0).any():
        return None
    return _mosaic(inputs, i2, _Scale(0, 100.0, "I² (%)"))


def draw_tau(inputs: Inputs) -> Any:
    """Axial slices with the standard deviation of effects between studies."""
    tau2 = _map(inputs, "tau2")
    if tau2 is None or not (tau2 > 0).any():
        return None
    tau = np.sqrt(np.maximum(tau2, 0))
    return _mosaic(inputs, tau, _Scale(0, _end(tau), "τ"))


def draw_prediction(inputs: Inputs) -> Any:
    """Axial slices with the end of the prediction interval nearest to 0, where 0 is outside."""
    low, high = _map(inputs, "predictionLower"), _map(inputs, "predictionUpper")
    if low is None or high is None:
        return None
    nearest = np.where(low > 0, low, np.where(high < 0, high, 0.0))
    if not nearest.any():
        return None
    scale = _Scale(0, _end(np.abs(nearest)), "nearest end", two_sided=True)
    return _mosaic(inputs, nearest, scale, outline=False)


def draw_heterogeneity(inputs: Inputs) -> Any:
    """Histograms over voxels of I2, tau and p of Q; None where there is none of them."""
    analysed = _map(inputs, "n")
    if analysed is None:
        return None
    i2, tau2, q_p = (_raw(inputs, name) for name in ("i2", "tau2", "qP"))
    panels = {}
    if i2 is not None and tau2 is not None:
        panels["I² (%)"] = i2
    if tau2 is not None:
        panels["τ"] = np.sqrt(np.maximum(tau2, 0))
    if q_p is not None:
        panels["p of Q"] = q_p
    finite = {title: values[np.isfinite(values)] for title, values in panels.items()}
    finite = {title: values for title, values in finite.items() if values.size}
    return distributions.of_voxels(finite) if finite else None


def term_drawings(facts: Any) -> dict[str, Callable[[Inputs], Any]]:
    """Drawings of the coefficients of a meta-regression that are not the result, by key."""
    terms = list(facts.get("terms") or {})[:MAX_TERMS]
    return {
        f"term{number}_mosaic": _term(name)
        for number, name in enumerate(terms)
        if name != facts.get("result_group")
    }


def _term(name: str) -> Callable[[Inputs], Any]:
    def draw(inputs: Inputs) -> Any:
        spec = MapSpec("z", group=name)  # names of maps do not tell the tail
        if spec.name not in inputs.result.maps:
            return None
        z = np.nan_to_num(inputs.result.maps[spec.name].astype(float), posinf=40.0, neginf=-40.0)
        end = max(float(np.ceil(np.abs(z).max(initial=0) * 2) / 2), 3.5)
        scale = _Scale(0, end, "z", two_sided=True)
        return _mosaic(inputs, z, scale, fade=FADE_BELOW, outline=False)

    return draw


DRAWINGS: dict[str, Callable[[Inputs], Any]] = {
    "sample_sizes": draw_sample_sizes,
    "coverage_mosaic": draw_coverage,
    "effect_mosaic": draw_effect,
    "i2_mosaic": draw_i2,
    "tau_mosaic": draw_tau,
    "prediction_mosaic": draw_prediction,
    "heterogeneity": draw_heterogeneity,
}


def _raw(inputs: Inputs, statistic: str) -> Array | None:
    """Uncorrected map of a statistic: that of the result's term, else the one of all terms."""
    maps = inputs.result.maps
    names = [
        MapSpec(statistic, group=group).name
        for group in dict.fromkeys((inputs.result.facts.get("result_group"), None))
    ]
    found = next((maps[name] for name in names if name in maps), None)
    return None if found is None else np.asarray(found, dtype=float)


def _map(inputs: Inputs, statistic: str) -> Array | None:
    """The same, 0 where it has no finite value."""
    found = _raw(inputs, statistic)
    return None if found is None else np.nan_to_num(found, posinf=0.0, neginf=0.0)


def _end(sizes: Array) -> float:
    """End of a scale of sizes, most of which are below; never 0."""
    known = sizes[sizes > 0]
    return float(np.percentile(known, _END)) if known.size else 1.0


@dataclass(frozen=True)
class _Scale:
    """How values become colours: ends, sides, label; ``whole`` for numbers of something."""

    vmin: float
    vmax: float
    label: str
    two_sided: bool = False
    whole: bool = False


def _mosaic(
    inputs: Inputs,
    values: Array,
    scale: _Scale,
    *,
    everywhere: bool = True,
    fade: float = 0.0,
    strength: Array | None = None,
    outline: bool = True,
) -> Any:
    """Axial slices through all that was analysed (``everywhere``), or through the result."""
    overlay = brains.Overlay(
        inputs.volume(values),
        vmin=scale.vmin,
        vmax=scale.vmax,
        fade_below=fade,
        outline=inputs.volume(inputs.labels) if outline else None,
        two_sided=scale.two_sided,
        strength=None if strength is None else inputs.volume(strength),
    )
    cuts = _cuts(inputs) if everywhere else inputs.cuts()
    figure = brains.mosaic(cuts, overlay, label="")
    # Above the bar, where long ticks do not push it out of the picture.
    figure.axes[-1].set_title(scale.label, fontsize=8, fontweight="normal", loc="center", pad=6)
    if scale.whole:
        canvas.whole_ticks(figure.axes[-1])
    return figure


def _cuts(inputs: Inputs) -> list[float]:
    """Heights of slices, mm: over the voxels that were analysed."""
    n = _map(inputs, "n")
    heights = inputs.xyz[:, 2] if n is None or not n.any() else inputs.xyz[n > 0, 2]
    low, high = np.percentile(heights, _LEFT_OUT), np.percentile(heights, 100 - _LEFT_OUT)
    missing = max(0.0, _NEAREST_MM * (N_CUTS - 1) - (high - low)) / 2
    return [float(round(cut)) for cut in np.linspace(low - missing, high + missing, N_CUTS)]
