"""Forest and funnel plots of the peaks of an image-based analysis, from its tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nimare_pipeline.reports import canvas

MOST_PEAKS = 3
"""Peaks that are drawn: the first of the table."""
MOST_STUDIES = 60
"""Studies that a forest plot shows; of more, those with the largest weights."""
_NAME_LETTERS = 34
_ROW_IN = 0.19
_NORMAL = 1.959964


def draw_peaks(
    studies: pd.DataFrame, pooled: pd.DataFrame, *, out_dir: str | Path
) -> dict[str, Path]:
    """Draw a forest plot of each of the first peaks, and a funnel plot where there are errors.

    Parameters
    ----------
    studies, pooled : DataFrame
        Columns as in ``derivative_tables.DIAGNOSTICS`` and ``derivative_tables.POOLED``.
    out_dir : path
        Folder for the figures; created.

    Returns
    -------
    dict of str to Path
        ``forest1``, ``funnel1``, ... to files; a funnel of fewer than three studies with a
        standard error is left out.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Path] = {}
    with canvas.style():
        for number, peak in enumerate(pooled.head(MOST_PEAKS).to_dict("records"), start=1):
            rows = studies[studies["peak"] == peak["peak"]]
            for kind, draw in (("forest", forest), ("funnel", funnel)):
                figure = draw(rows, peak)
                if figure is not None:
                    key = f"{kind}{number}"
                    paths[key] = canvas.save_chart(figure, folder, key)
    return paths


def forest(rows: pd.DataFrame, peak: dict[Any, Any]) -> Any:
    """Effects of the contrasts at a peak with their intervals, and what they say together.

    Parameters
    ----------
    rows : DataFrame
        Contrasts at the peak.
    peak : dict
        Row of the table of peaks.
    """
    rows = rows[np.isfinite(rows["effect"].to_numpy(dtype=float))]
    if not len(rows):
        return None
    n_all = len(rows)
    if n_all > MOST_STUDIES:
        kept = rows["weight"].fillna(0).sort_values(ascending=False, kind="stable").index
        rows = rows.loc[kept[:MOST_STUDIES].sort_values()]
    has_pooled = _is_mean(peak)
    n_lines = len(rows) + (2 if has_pooled else 0)
    figure = canvas.new_figure(9.0, 1.2 + _ROW_IN * n_lines, layout="constrained")
    ax, texts = figure.subplots(1, 2, width_ratios=[1.0, 0.6], sharey=True)
    at = np.arange(len(rows), 0, -1, dtype=float) + (1.0 if has_pooled else -1.0)
    _study_rows(ax, rows, at)
    ax.axvline(0, color=canvas.MUTED, linewidth=0.8, zorder=1)
    if has_pooled:
        _pooled_row(ax, peak)
    bottom = (-0.3 if has_pooled else at[-1]) - 0.8
    ax.set_ylim(bottom, at[0] + 1.6)
    _names(ax, rows, at, has_pooled=has_pooled)
    _texts(texts, rows, at, peak, has_pooled=has_pooled)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(_unit(peak))
    ax.set_title(
        _title(peak) + (f"; {len(rows)} of {n_all} contrasts" if len(rows) < n_all else "")
    )
    return figure


def legend_of(rows: pd.DataFrame, peak: dict[Any, Any], what: str) -> str:
    """What the marks of a forest plot mean, of those that it has.

    Parameters
    ----------
    rows, peak
        As for ``forest``.
    what : str
        Kind of a contrast's value: effect or z.
    """
    marks = [f"{what} of each contrast"]
    if np.isfinite(rows["lower"].to_numpy(dtype=float)).any():
        marks[0] += " with its 95 % interval"
    marks[0] += "; a larger square weighs more."
    if peak["term"]:
        marks.append(
            "The values are not adjusted for moderators, and their mean is no coefficient."
        )
    if _is_mean(peak):
        known = [np.isfinite(peak[name]) for name in ("lower", "prediction_lower")]
        marks.append(
            "Diamond: pooled effect"
            + (" with its confidence interval" if known[0] else "")
            + ("; line through it: prediction interval." if known[1] else ".")
        )
    marks.append("Orange: influential contrasts, and z that would miss the threshold without one.")
    return " ".join(marks)


def _study_rows(ax: Any, rows: pd.DataFrame, at: Any) -> None:
    effect, weight = (rows[name].to_numpy(dtype=float) for name in ("effect", "weight"))
    lower, upper = (rows[name].to_numpy(dtype=float) for name in ("lower", "upper"))
    influential = rows["influential"].fillna(value=False).to_numpy(dtype=bool)
    colors = np.where(influential, canvas.ORANGE, canvas.BLUE)
    ax.hlines(at, lower, upper, color=colors, linewidth=1.2, zorder=2)
    known = np.where(np.isfinite(weight), weight, 0.0)
    size = 8 + 70 * known / max(float(known.max()), 1e-12)
    ax.scatter(effect, at, s=size, marker="s", c=colors, linewidths=0, zorder=3)


def _pooled_row(ax: Any, peak: dict[Any, Any]) -> None:
    """Diamond of the pooled effect and its interval; the prediction interval as a line."""
    est, lower, upper = peak["est"], peak["lower"], peak["upper"]
    y = _POOLED_AT
    if np.isfinite(peak["prediction_lower"]):
        ends = [peak["prediction_lower"], peak["prediction_upper"]]
        ax.plot(ends, [y, y], color=canvas.RED, linewidth=1.0, zorder=2)
        ax.plot(ends, [y, y], "|", color=canvas.RED, markersize=6, zorder=2)
    if np.isfinite(lower):
        ax.fill([lower, est, upper, est], [y, y + 0.35, y, y - 0.35], color=canvas.RED, zorder=3)
    else:
        ax.plot([est], [y], "D", color=canvas.RED, markersize=6, zorder=3)
    ax.axvline(est, color=canvas.RED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)


def _names(ax: Any, rows: pd.DataFrame, at: Any, *, has_pooled: bool) -> None:
    names = [_short(str(name)) for name in rows["id"]]
    pooled = [(_POOLED_AT, "pooled")] if has_pooled else []
    lines = [*zip(at, names, strict=True), *pooled]
    ax.set_yticks([line for line, _ in lines], [name for _, name in lines])
    ax.tick_params(axis="y", length=0)


_COLUMNS = ((0.56, "effect [95 %]"), (0.74, "weight"), (1.0, "z without"))
"""Where the texts beside a forest plot end, and what they are called."""
_POOLED_AT = 0.3


def _texts(
    ax: Any, rows: pd.DataFrame, at: Any, peak: dict[Any, Any], *, has_pooled: bool
) -> None:
    """Effect with its interval, weight, and z of the peak without the study."""
    ax.set_axis_off()
    placed: Any = {
        "transform": ax.get_yaxis_transform(), "fontsize": 8, "va": "center", "ha": "right"
    }  # fmt: skip
    headers = [header for _, header in _COLUMNS]
    if rows["se"].isna().all():
        headers[0] = "value"
    for (place, _), header in zip(_COLUMNS, headers, strict=True):
        ax.text(place, at[0] + 1.1, header, color=canvas.MUTED, **placed)
    effect_at, weight_at, z_at = (place for place, _ in _COLUMNS)
    for y, row in zip(at, rows.to_dict("records"), strict=True):
        interval = _interval(row["effect"], row["lower"], row["upper"])
        ax.text(effect_at, y, interval, **placed)
        if np.isfinite(row["weight"]):
            ax.text(weight_at, y, f"{row['weight']:.1f} %", **placed)
        stays = pd.notna(row["stays"]) and bool(row["stays"])
        color = canvas.INK if stays else canvas.ORANGE
        ax.text(z_at, y, _number(row["z_without"], 2), color=color, **placed)
    if has_pooled:
        interval = _interval(peak["est"], peak["lower"], peak["upper"])
        ax.text(effect_at, _POOLED_AT, interval, color=canvas.RED, **placed)
        ax.text(z_at, _POOLED_AT, f"all: {_number(peak['z_stat'], 2)}", color=canvas.RED, **placed)


def funnel(rows: pd.DataFrame, peak: dict[Any, Any]) -> Any:
    """Standard errors of the contrasts at a peak against their effects, and Egger's line.

    Parameters
    ----------
    rows, peak
        As for ``forest``.
    """
    effect, se = (rows[name].to_numpy(dtype=float) for name in ("effect", "se"))
    known = np.isfinite(effect) & np.isfinite(se) & (se > 0)
    if known.sum() < 3 or not _is_mean(peak) or pd.isna(peak["egger_k"]):
        return None
    effect, se = effect[known], se[known]
    influential = rows["influential"].fillna(value=False).to_numpy(dtype=bool)[known]
    figure = canvas.new_figure(9.0, 3.6, layout="constrained")
    ax = figure.subplots()
    deepest = 1.08 * float(se.max())
    half = _NORMAL * deepest
    ax.fill(
        [peak["est"] - half, peak["est"], peak["est"] + half], [deepest, 0, deepest],
        color=canvas.GRID, alpha=0.6, zorder=0,
        label="95 % of studies, without heterogeneity",
    )  # fmt: skip
    ax.axvline(peak["est"], color=canvas.RED, linewidth=1.0, label="pooled effect")
    ax.axvline(0, color=canvas.MUTED, linewidth=0.8)
    if np.isfinite(peak["egger_slope"]):
        depth = np.array([0.0, deepest])
        ax.plot(
            peak["egger_limit"] + peak["egger_slope"] * depth, depth,
            color=canvas.INK, linewidth=1.0, linestyle=(0, (4, 2)), label=_egger_words(peak),
        )  # fmt: skip
    for chosen, color in ((~influential, canvas.BLUE), (influential, canvas.ORANGE)):
        label = "influential" if color == canvas.ORANGE and chosen.any() else None
        ax.plot(
            effect[chosen], se[chosen], "o", color=color, markersize=5, alpha=0.85, label=label
        )
    ax.set_ylim(deepest, 0)
    ax.set_xlabel(_unit(peak))
    ax.set_ylabel("standard error")
    ax.set_title(_title(peak))
    figure.legend(loc="outside right upper")
    return figure


def _egger_words(peak: dict[Any, Any]) -> str:
    few = " (few studies)" if peak["egger_note"] else ""
    return f"Egger's regression, p = {peak['egger_p']:.3g}{few}"


def _is_mean(peak: dict[Any, Any]) -> bool:
    """Whether the pooled effect is one of the kind that the studies have: no slope."""
    return bool(np.isfinite(peak["est"])) and not peak["term"]


def _title(peak: dict[Any, Any]) -> str:
    where = ", ".join(_number(peak[axis], 0) for axis in "xyz")
    missing = pd.isna(peak["cluster"])
    name = "Strongest voxel" if missing else f"Cluster {peak['cluster']}"
    of = f" of {peak['term']}" if peak["term"] else ""
    return f"{name}, peak ({where}) mm, z{of} = {_number(peak['z_stat'], 2)}"


def _unit(peak: dict[Any, Any]) -> str:
    return "effect" if pd.notna(peak["egger_k"]) else "value of the contrast"


def _interval(value: float, lower: float, upper: float) -> str:
    if np.isnan(lower):
        return _number(value, 2)
    largest = max(abs(lower), abs(upper))
    texts = [_number(one, 2, largest) for one in (value, lower, upper)]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def _number(value: float, digits: int, largest: float | None = None) -> str:
    """Number for a picture; small and large ones, or those beside such, by significant digits."""
    if not np.isfinite(value):
        return "n/a"
    size = abs(value) if largest is None else largest
    plain = digits == 0 or 0.01 <= size < 1e4 or size == 0
    text = f"{value:.{digits}f}" if plain else f"{value:.{digits + 1}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS - 1]}…"
