"""Pictures of distributions: sample sizes, the uncorrected null, the Monte Carlo maxima."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.reports import canvas

Array = NDArray[Any]
_SIDE_WIDTH = 24
"""Characters of a line beside a row of histograms."""
_DASHES = (0, (4, 2))
_LOWEST_LOG10 = -400.0
"""Where probabilities too small for any picture are drawn."""


@dataclass(frozen=True)
class Maxima:
    """One kind of Monte Carlo maximum.

    Parameters
    ----------
    title : str
    null : (n_iters,) array
        Largest value of each iteration.
    whole : bool
        Whether values are counts.
    threshold : float
        Values above it are significant; infinite if none can be.
    observed : float, optional
        Largest value of the data.
    side : str
        Direction that it is of; panels of one direction stand in one row.
    """

    title: str
    null: Array
    whole: bool
    threshold: float
    observed: float | None
    side: str = ""


def counts(columns: Mapping[str, Array], *, of: str = "experiments") -> Any:
    """Figure of one histogram a column (title to values), with a tick for each experiment."""
    figure = canvas.new_figure(9.0, 2.5, layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(columns)))
    for ax, (title, values) in zip(axes, columns.items(), strict=True):
        _count_histogram(ax, values, title, of)
    return figure


_ABREAST = 3
"""Histograms that a row has room for."""


def of_voxels(columns: Mapping[str, Array]) -> Any:
    """Figure of one histogram a column (title to values), over voxels, with the median."""
    # One as wide as the page would be as tall as it, too.
    places = max(_ABREAST, len(columns))
    figure = canvas.new_figure(3.2 * places + 0.4, 2.5, layout="constrained")
    axes = figure.subplots(1, places)
    for ax in axes[len(columns) :]:
        ax.set_axis_off()
    for ax, (title, values) in zip(axes, columns.items(), strict=False):
        ax.set_title(title)
        # What few voxels reach would squeeze all others into one bar.
        end = float(np.percentile(values, 99.9))
        ax.hist(
            np.minimum(values, end), bins=40, color=canvas.PALE_BLUE,
            edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        median = float(np.median(values))
        _threshold_line(ax, median, f"median {median:.3g}")
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.legend(loc="upper right")
    axes[0].set_ylabel("voxels")
    return figure


def uncorrected(
    grid: Array,
    log_tail: Array,
    observed: Array,
    *,
    estimator: str,
    forming: Mapping[str, Any] | None,
) -> Any:
    """Figure of the null of the statistic beside the observed voxels, with the threshold.

    Parameters
    ----------
    grid, log_tail : (n_bins,) arrays
        Statistic, and natural logarithm of P(X >= statistic).
    observed : (n_voxels,) array
        Statistic over the mask.
    estimator : str
        What the statistic is called.
    forming : dict, optional
        Cluster-forming ``p`` and ``statistic`` (None if nothing is that unlikely).
    """
    log10_tail = np.maximum(log_tail.astype(float) / np.log(10), _LOWEST_LOG10)
    ordered = np.sort(observed[np.isfinite(observed)].astype(float))[::-1]
    top = float(ordered[0])
    at_top = float(np.interp(top, grid, log10_tail))
    figure = canvas.new_figure(9.0, 3.3, layout="constrained")
    ax = figure.subplots()
    shown = grid <= top * 1.04
    ax.plot(
        grid[shown],
        log10_tail[shown],
        color=canvas.INK,
        linewidth=1.6,
        label=f"null: P({estimator} ≥ x)",
    )
    # Every voxel of the tail, and ever fewer of the many below, make a smooth line.
    keep = np.unique(np.geomspace(1, ordered.size, 400).astype(int) - 1)
    ax.plot(
        ordered[keep],
        np.log10((keep + 1) / ordered.size),
        color=canvas.BLUE,
        linewidth=1.6,
        label="observed: share of voxels ≥ x",
    )
    if forming and forming["statistic"] is not None:
        label = f"cluster-forming threshold, p < {forming['p']:g}"
        _threshold_line(ax, forming["statistic"], label)
    ax.plot(
        [top],
        [at_top],
        "o",
        color=canvas.ORANGE,
        markersize=6,
        clip_on=False,
        label=f"observed maximum {top:.4g}",
    )
    ax.set_xlim(0, top * 1.06)
    ax.set_ylim(min(at_top * 1.08, -5), 0.15)
    ax.yaxis.set_major_formatter(_power_of_ten)
    ax.set_xlabel(f"{estimator} statistic")
    ax.set_ylabel("probability (log scale)")
    ax.grid(axis="y", color=canvas.GRID, linewidth=0.7)
    ax.legend(loc="upper right")
    return figure


def montecarlo(panels: Sequence[Maxima], alpha: float) -> Any:
    """Figure of one histogram a kind of maximum, with thresholds and what was observed."""
    n_rows = len({panel.side for panel in panels})
    n_columns = -(-len(panels) // n_rows)
    figure = canvas.new_figure(10.0, 0.4 + 2.5 * n_rows, layout="constrained")
    axes = np.atleast_1d(figure.subplots(n_rows, n_columns)).ravel()
    for index, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
        _maxima_histogram(ax, panel, alpha)
        if index % n_columns == 0:
            ax.set_ylabel("\n".join(canvas.end_lines(panel.side, _SIDE_WIDTH)))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def _count_histogram(ax: Any, values: Array, title: str, of: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title)
    if not values.size:
        ax.text(0.5, 0.5, "not known", transform=ax.transAxes, ha="center", color=canvas.MUTED)
        ax.set_axis_off()
        return
    step = max(1, int(np.ceil((values.max() - values.min() + 1) / 24)))
    edges = np.arange(np.floor(values.min()), values.max() + step + 1, step) - 0.5
    ax.hist(values, bins=edges, color=canvas.PALE_BLUE, edgecolor="white", linewidth=0.6)
    median = float(np.median(values))
    _threshold_line(ax, median, f"median {median:g}")
    ax.plot(
        values,
        np.full(values.size, -0.035),
        "|",
        color=canvas.INK,
        markersize=5,
        alpha=0.7,
        transform=ax.get_xaxis_transform(),
        clip_on=False,
    )
    ax.tick_params(axis="x", pad=7)
    ax.set_ylabel(of)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.legend(loc="upper right")


def _maxima_histogram(ax: Any, panel: Maxima, alpha: float) -> None:
    low, high = panel.null.min(), panel.null.max()
    width = (high - low) / 40 or 1.0
    if panel.whole:
        # Bins that hold unequal numbers of integers would look like a comb.
        low, width = low - 0.5, np.ceil(width)
    ax.hist(
        panel.null,
        bins=np.arange(low, high + 1.001 * width, width),
        color=canvas.PALE_BLUE,
        edgecolor="none",
        label="Monte Carlo maxima",
    )
    if np.isfinite(panel.threshold):
        _threshold_line(ax, panel.threshold, f"threshold at FWE p < {alpha:g}")
        high = max(high, panel.threshold)
    if panel.observed is not None:
        _mark_observed(ax, panel.observed, edge=high * 1.25)
    ax.set_title(panel.title)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _mark_observed(ax: Any, observed: float, *, edge: float) -> None:
    """Mark a value; far beyond the null, where it would squeeze the histogram, at the edge."""
    beyond = observed > edge
    at = min(observed, edge)
    ax.plot(
        [at],
        [0],
        ">" if beyond else "v",
        color=canvas.ORANGE,
        markersize=8,
        clip_on=False,
        zorder=5,
        label="observed maximum",
        transform=ax.get_xaxis_transform(),
    )
    ax.annotate(
        f"{observed:.4g}",
        (at, 0.07),
        ha="right" if beyond else "center",
        xycoords=ax.get_xaxis_transform(),
        color=canvas.ORANGE,
        fontsize=8,
    )
    ax.set_xlim(right=edge * 1.02)


def _threshold_line(ax: Any, at: float, label: str) -> None:
    ax.axvline(at, color=canvas.RED, linewidth=1.2, linestyle=_DASHES, label=label)


def _power_of_ten(exponent: float, _position: int | None = None) -> str:
    return "1" if exponent == 0 else f"$10^{{{exponent:g}}}$"
