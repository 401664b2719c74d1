"""Picture of the region that the contrasts of a coactivation model were chosen by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.reports import brains, canvas

NEAR_MM = 4.0
"""Foci at most this far from a slice are drawn on it."""


def draw(region: brains.Volume, centre: NDArray[np.float64], xyz: NDArray[np.float64]) -> Any:
    """Three cuts through a region with the foci in it.

    Parameters
    ----------
    region : Volume
        Above 0 inside.
    centre : (3,) array
        Where to cut, mm.
    xyz : (n, 3) array
        Foci inside, mm.

    Returns
    -------
    matplotlib Figure
    """
    figure = canvas.new_figure(10.6, 2.7)
    left = 0.0
    spans = [brains.extent(axis)[1] - brains.extent(axis)[0] for axis in range(3)]
    for axis in range(3):
        width = 0.74 * spans[axis] / sum(spans)
        ax = figure.add_axes((left, 0.02, width * 0.97, 0.84))
        left += width
        brains.draw_plane(ax, axis, centre[axis], None)
        _draw_region(ax, axis, centre[axis], region)
        across, up = brains.in_plane(axis)
        near = np.abs(xyz[:, axis] - centre[axis]) <= NEAR_MM
        ax.scatter(xyz[near, across], xyz[near, up], s=7, color=canvas.ORANGE, linewidths=0)
        ax.set_xlim(brains.extent(axis)[:2])
        ax.set_ylim(brains.extent(axis)[2:])
        place = f"{brains.AXES[axis]} = {brains.signed(centre[axis])}"
        ax.set_title(place, fontsize=8, fontweight="normal", loc="center", pad=1)
    foci = "focus" if len(xyz) == 1 else "foci"
    for y, color, mark, text in (
        (0.62, canvas.BLUE, "\N{BLACK SQUARE}", "the region"),
        (
            0.42,
            canvas.ORANGE,
            "\N{BLACK CIRCLE}",
            f"{len(xyz):,} {foci} inside,\nthose near the cut",
        ),
    ):
        figure.text(0.78, y, mark, color=color, fontsize=12, va="center")
        figure.text(0.80, y, text, fontsize=8.5, va="center")
    return figure


def _draw_region(ax: Any, axis: int, at_mm: float, region: brains.Volume) -> None:
    points = brains.plane(axis, at_mm)
    inside = np.nan_to_num(region.at(points)) > 0
    if not inside.any():
        return
    across, up = brains.in_plane(axis)
    grid = points[0, :, across], points[:, 0, up], inside.astype(float)
    ax.contourf(*grid, levels=[0.5, 1.5], colors=[canvas.BLUE], alpha=0.45)
    ax.contour(*grid, levels=[0.5], colors=[canvas.BLUE], linewidths=1.2)
