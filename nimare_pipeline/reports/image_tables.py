"""Tables of the report of an analysis of images."""

from typing import Any

import pandas as pd

from nimare_pipeline import derivative_tables
from nimare_pipeline.reports import image_texts, render, tables
from nimare_pipeline.reports.tables import Head, Table

_VERDICTS = {"accept": "used", "warn": "used with a remark", "reject": "refused"}


def _text(value: Any) -> str:
    return render.NOT_KNOWN if render.is_missing(value) else str(value)


def _file(value: Any) -> str:
    return "" if render.is_missing(value) else str(value).replace("\\", "/").rpartition("/")[2]


def _decimals(digits: int, factor: float = 1.0) -> Any:
    def write(value: Any) -> str:
        if render.is_missing(value):
            return render.NOT_KNOWN
        return f"{factor * value:.{digits}f}".replace("-", render.MINUS)

    return write


IMAGES = {
    "id": Head("Contrast", _text, numeric=False),
    "kind": Head("Kind", lambda kind: image_texts.KINDS.get(kind, _text(kind)), numeric=False),
    "level": Head("Verdict", lambda level: _VERDICTS.get(level, _text(level)), numeric=False),
    "reason": Head("Reason", _text, numeric=False),
    "coverage": Head("Coverage, %", _decimals(1), "Of the voxels of the mask"),
    "smallest": Head("Smallest", lambda value: render.number(value, 3)),
    "largest": Head("Largest", lambda value: render.number(value, 3)),
    "n_zero": Head("Zeros"),
    "n_nan": Head("Not finite"),
    "voxel_size_mm": Head("Voxel, mm", _text, numeric=False),
    "orientation": Head("Axes", _text, numeric=False),
    "grid": Head("Grid", _text, numeric=False),
    "most_correlated": Head("Most like", _text, numeric=False),
    "correlation": Head("r", _decimals(2)),
    "file": Head("File", _file, numeric=False),
}
CONTRASTS = {
    **{
        name: head
        for name, head in tables.CONTRASTS.items()
        if name in {"study_id", "contrast_id", "sample_size", "file", "line", "included", "reason"}
    },
    "images": Head("Images", _text, numeric=False),
}
CLUSTERS = {
    **{name: head for name, head in tables.CLUSTERS.items() if name != "n_experiments"},
    "est": Head("Effect", lambda value: render.number(value, 3)),
    "interval": Head("95 % CI", _text, "Confidence interval of the effect", numeric=False),
    "se": Head("SE", lambda value: render.number(value, 3)),
    "tau2": Head("τ²", lambda value: render.number(value, 3)),
    "i2": Head("I², %", _decimals(0)),
    "n": Head("Studies"),
}


def images_table(images: pd.DataFrame) -> Table:
    """Images with their checks, those refused and those with a remark first."""
    order = images["level"].map({"reject": 0, "warn": 1}).fillna(2)
    shown = images.loc[order.sort_values(kind="stable").index]
    classes = ["out" if level == "reject" else "" for level in shown["level"]]
    return tables.make(
        tables.without_empty(shown), IMAGES, derivative_tables.IMAGES, classes=classes
    )


def levels(images: pd.DataFrame) -> list[tuple[str, int]]:
    """How many images have which verdict that occurs, in words."""
    if "level" not in images or images.empty:
        return []
    counts = images["level"].value_counts()
    return [(words, int(counts[level])) for level, words in _VERDICTS.items() if level in counts]


def contrasts_table(contrasts: pd.DataFrame) -> Table:
    """Contrasts found, with what became of them."""
    return tables.contrasts_table(contrasts, heads=CONTRASTS)


def clusters_table(clusters: pd.DataFrame) -> Table:
    """Peaks and sub-peaks with estimate, error and heterogeneity at each."""
    first = ~clusters["cluster"].duplicated()
    if {"est_lower", "est_upper"} <= set(clusters.columns):
        ends = zip(clusters["est_lower"], clusters["est_upper"], strict=True)
        clusters = clusters.assign(interval=[_interval(low, high) for low, high in ends])
    return tables.make(
        tables.without_empty(clusters),
        CLUSTERS,
        derivative_tables.IMAGE_CLUSTERS,
        classes=["" if main else "sub" for main in first],
    )


def _interval(low: Any, high: Any) -> str:
    if render.is_missing(low) or render.is_missing(high):
        return ""
    return f"{render.number(low, 3)} to {render.number(high, 3)}"


POOLED = {
    "peak": Head("Peak", _text, numeric=False),
    "x": tables.CLUSTERS["x"],
    "y": tables.CLUSTERS["y"],
    "z": tables.CLUSTERS["z"],
    "n": Head("Studies"),
    "z_stat": Head("z value", _decimals(2)),
    "est": Head("Effect", lambda value: render.number(value, 3)),
    "interval": Head("95 % CI", _text, numeric=False),
    "n_stays": Head("Stays without"),
    "weakest_z": Head("Weakest z", _decimals(2)),
    "weakest_without": Head("without", _text, numeric=False),
    "egger_slope": Head("Egger's slope", lambda value: render.number(value, 3)),
    "egger_p": Head("p", render.p_value),
    "egger_note": Head("Remark", _text, numeric=False),
}


def pooled_table(pooled: pd.DataFrame) -> Table:
    """What studies say together at each peak, and without single ones."""
    described = getattr(derivative_tables, "POOLED", {})
    if {"lower", "upper"} <= set(pooled.columns):
        ends = zip(pooled["lower"], pooled["upper"], strict=True)
        pooled = pooled.assign(interval=[_interval(low, high) for low, high in ends])
    return tables.make(tables.without_empty(pooled), POOLED, described)


def influential(studies: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Peaks and the contrasts that are influential at each; only peaks that have some."""
    if not {"peak", "id", "influential"} <= set(studies.columns):
        return []
    chosen = studies[tables.truth(studies["influential"])]
    grouped = chosen.groupby("peak", sort=False)["id"]
    return [(str(peak), [str(one) for one in ids]) for peak, ids in grouped]
