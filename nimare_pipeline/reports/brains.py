"""Pictures of brains: slices on the MNI152 template, and the glass brain.

Slices are composed here, by looking up the nearest voxel, and not by nilearn's plotting, which
resamples volumes: it is faster, and the voxels stay the voxels of the analysis.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.reports import canvas, density

Array = NDArray[Any]
AXES = "xyz"
_IN_PLANE = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
_END_WIDTH = 11
"""Characters of a line at the end of a colour bar."""
_DOTS_WIDTH = 16
"""Characters of a line beside a glass brain."""
_HINT_AT = (0.885, 0.08)
"""Where the density of a glass brain is explained, in figure fractions."""
_GREY_LEVELS = 40
"""Grey levels of the background: more are not seen, and double the size of the file."""


@dataclass(frozen=True)
class Volume:
    """Values on a grid.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) float array
        Voxel indices to mm.
    """

    data: Array
    affine: NDArray[np.float64]

    def at(self, xyz: Array) -> Array:
        """Value of the voxel nearest to each point (..., 3) in mm; NaN beyond the grid."""
        inverse = np.linalg.inv(self.affine)
        ijk = np.floor(xyz @ inverse[:3, :3].T + inverse[:3, 3] + 0.5).astype(int)
        known = ((ijk >= 0) & (ijk < self.data.shape)).all(axis=-1)
        out = np.full(known.shape, np.nan)
        out[known] = self.data[tuple(ijk[known].T)]
        return out


@dataclass(frozen=True)
class Overlay:
    """What is laid over the background.

    Parameters
    ----------
    values : Volume
        Drawn where above 0; of both signs where not 0.
    vmax : float
        Value of the last colour; the first is ``vmin``.
    fade_below : float
        Values below it fade into the background; 0 draws all of them opaque.
    outline : Volume, optional
        Regions outlined, where above 0.
    two_sided : bool
        Negative values have colours of their own, the same way from 0.
    ends : tuple of str
        What positive and negative values mean, for the colour bar; empty without names.
    strength : Volume, optional
        What fades below ``fade_below``, by its size, in place of the values themselves.
    """

    values: Volume
    vmin: float
    vmax: float
    fade_below: float = 0.0
    outline: Volume | None = None
    two_sided: bool = False
    ends: tuple[str, ...] = ()
    strength: Volume | None = None

    def size(self, values: Array) -> Array:
        """How far values are from 0 on a side that is drawn."""
        return np.abs(values) if self.two_sided else values

    def colors(self, values: Array) -> Array:
        """RGBA (..., 4) of values."""
        scaled = (self.size(values) - self.vmin) / max(self.vmax - self.vmin, 1e-9)
        warm: Array = colormap()(np.clip(scaled, 0, 1))
        if not self.two_sided:
            return warm
        return np.where((values < 0)[..., None], cold_colormap()(np.clip(scaled, 0, 1)), warm)


@cache
def background() -> Volume:
    """T1 template that nilearn ships (MNI152NLin2009aSym, 1 mm), 0 to 1."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    return Volume(np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine))


@cache
def brain_box() -> NDArray[np.float64]:
    """Get the corners (2, 3) of the template's brain, mm."""
    template = background()
    ijk = np.argwhere(template.data > 0.1)
    corners = np.array([ijk.min(axis=0) - 2, ijk.max(axis=0) + 2])
    return np.sort(nib.affines.apply_affine(template.affine, corners), axis=0)


def colormap() -> Any:
    """Dark red to pale yellow, readable on grey and in grey."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = ["#6b0f1a", "#b3261e", "#e4572e", "#f9a03f", "#ffe08a", "#fff9db"]
    return LinearSegmentedColormap.from_list("heat", colors)


def cold_colormap() -> Any:
    """Dark blue to pale cyan, the counterpart of ``colormap`` for negative values.

    Warm and cold are told apart by all kinds of colour blindness.
    """
    from matplotlib.colors import LinearSegmentedColormap

    colors = ["#10295c", "#1d5fa6", "#3b93d0", "#6cc3e8", "#b5ecf7", "#effcff"]
    return LinearSegmentedColormap.from_list("cold", colors)


def diverging(overlay: Overlay) -> Any:
    """Colours of an overlay of both signs from -vmax to vmax; white where nothing is drawn."""
    from matplotlib.colors import ListedColormap

    values = np.linspace(-overlay.vmax, overlay.vmax, 256)
    colors = overlay.colors(values)
    colors[np.abs(values) < overlay.vmin] = 1.0
    return ListedColormap(colors)


def in_plane(axis: int) -> tuple[int, int]:
    """Axes of a plane across ``axis``: to the right, and up."""
    return _IN_PLANE[axis]


def plane(axis: int, at_mm: float) -> Array:
    """Points (height, width, 3) of a 1 mm grid across the brain; rows go up."""
    low, high = brain_box()
    across, up = _IN_PLANE[axis]
    grid = np.zeros((int(high[up] - low[up]) + 1, int(high[across] - low[across]) + 1, 3))
    grid[..., axis] = at_mm
    grid[..., across] = low[across] + np.arange(grid.shape[1])
    grid[..., up] = (low[up] + np.arange(grid.shape[0]))[:, None]
    return grid


def extent(axis: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a plane, mm, as ``imshow`` wants them."""
    low, high = brain_box()
    across, up = _IN_PLANE[axis]
    return low[across] - 0.5, high[across] + 0.5, low[up] - 0.5, high[up] + 0.5


def compose(points: Array, overlay: Overlay | None) -> Array:
    """RGBA picture (height, width, 4) of a plane: template, and the overlay on it."""
    grey = np.nan_to_num(background().at(points))
    level = np.round(grey * _GREY_LEVELS) / _GREY_LEVELS
    picture = np.repeat((0.12 + 0.78 * level)[..., None], 4, axis=-1)
    picture[..., 3] = np.clip(grey / 0.12, 0, 1).round(1)
    if overlay is not None:
        values = np.nan_to_num(overlay.values.at(points))
        color, size = overlay.colors(values), overlay.size(values)
        fade = max(overlay.fade_below, 1e-9)
        strength = size
        if overlay.strength is not None:
            strength = np.abs(np.nan_to_num(overlay.strength.at(points)))
        opacity = np.where(size > 0, np.clip(strength / fade, 0, 1) ** 1.5, 0.0)[..., None]
        picture[..., :3] = opacity * color[..., :3] + (1 - opacity) * picture[..., :3]
        picture[..., 3] = np.maximum(picture[..., 3], opacity[..., 0])
    return picture


def draw_plane(ax: Any, axis: int, at_mm: float, overlay: Overlay | None) -> None:
    """Draw one slice into axes, in mm."""
    points = plane(axis, at_mm)
    ax.imshow(
        compose(points, overlay),
        origin="lower",
        extent=extent(axis),
        interpolation="bilinear",
        aspect="equal",
    )
    if overlay is not None and overlay.outline is not None:
        region = np.nan_to_num(overlay.outline.at(points)) > 0
        if region.any():
            across, up = _IN_PLANE[axis]
            ax.contour(
                points[0, :, across],
                points[:, 0, up],
                region.astype(float),
                levels=[0.5],
                colors="black",
                linewidths=0.7,
            )
    ax.set_axis_off()


def mosaic(cuts: Sequence[float], overlay: Overlay, *, label: str) -> Any:
    """Figure of axial slices, seven a row, neurological convention, with a colour bar."""
    columns = 7
    rows = -(-len(cuts) // columns)
    figure = canvas.new_figure(10.6, 1.72 * rows + 0.1)
    width = 0.915 / columns
    for index, cut in enumerate(cuts):
        row, column = divmod(index, columns)
        ax = figure.add_axes((column * width, 1 - (row + 1) / rows, width * 0.96, 0.9 / rows))
        draw_plane(ax, 2, cut, overlay)
        ax.set_title(
            f"{AXES[2]} = {signed(cut)}", fontsize=8, fontweight="normal", loc="center", pad=1
        )
        if index == 0:
            _side_labels(ax)
    add_colorbar(figure, (0.94, 0.22, 0.011, 0.56), overlay, label)
    return figure


def ortho(peaks: Sequence[tuple[str, Array]], overlay: Overlay, *, label: str) -> Any:
    """Figure of three cuts through each peak (title, xyz in mm), two peaks a row."""
    columns = min(len(peaks), 2)
    rows = -(-len(peaks) // columns)
    figure = canvas.new_figure(10.6, 2.25 * rows)
    share = 0.915 / columns if columns > 1 else 0.56
    for index, (title, xyz) in enumerate(peaks):
        row, column = divmod(index, columns)
        _ortho_panel(
            figure, (column * share, 1 - (row + 1) / rows, share, 1 / rows), xyz, overlay, title
        )
    add_colorbar(figure, (0.94 if columns > 1 else 0.6, 0.25, 0.011, 0.5), overlay, label)
    return figure


def _ortho_panel(
    figure: Any, box: tuple[float, float, float, float], xyz: Array, overlay: Overlay, title: str
) -> None:
    left, bottom, width, height = box
    spans = [extent(axis)[1] - extent(axis)[0] for axis in range(3)]
    start = left
    for axis in range(3):
        share = width * 0.97 * spans[axis] / sum(spans)
        ax = figure.add_axes((start, bottom + 0.02 * height, share * 0.97, height * 0.80))
        start += share
        draw_plane(ax, axis, xyz[axis], overlay)
        across, up = _IN_PLANE[axis]
        ax.axvline(xyz[across], color="white", linewidth=0.5, alpha=0.8)
        ax.axhline(xyz[up], color="white", linewidth=0.5, alpha=0.8)
        ax.set_xlim(extent(axis)[:2])
        ax.set_ylim(extent(axis)[2:])
        ax.set_title(
            f"{AXES[axis]} = {signed(xyz[axis])}",
            fontsize=8,
            fontweight="normal",
            loc="center",
            pad=1,
        )
        if axis > 0:
            _side_labels(ax)
    figure.text(
        left + 0.004, bottom + height * 0.985, title, fontsize=9, fontweight="bold", va="top"
    )


def add_colorbar(
    figure: Any, box: tuple[float, float, float, float], overlay: Overlay, label: str
) -> None:
    """Colour bar of an overlay, in figure fractions."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    ax = figure.add_axes(box)
    if overlay.two_sided:
        scale = ScalarMappable(Normalize(-overlay.vmax, overlay.vmax), diverging(overlay))
    else:
        scale = ScalarMappable(Normalize(overlay.vmin, overlay.vmax), colormap())
    bar = figure.colorbar(scale, cax=ax)
    bar.outline.set_visible(False)
    bar.set_label(label)
    bar.ax.tick_params(length=2)
    _, bottom, _, height = box
    places = ((bottom + height, "bottom", 0.02), (bottom, "top", -0.02))
    for text, (y, align, gap) in zip(overlay.ends, places, strict=False):
        lines = "\n".join(canvas.end_lines(text, _END_WIDTH))
        figure.text(0.997, y + gap, lines, fontsize=7.5, fontweight="bold", ha="right", va=align)


@dataclass(frozen=True)
class Dots:
    """Foci that look alike: ``members`` (n,) bool of all foci, and what is said of them."""

    name: str
    members: Array
    color: str
    size: float = 9
    opacity: float = 0.65


def glass_foci(xyz: Array, inside: Array) -> Any:
    """Glass brain with a dot a focus: (n, 3) mm, and whether each lies inside the mask."""
    return glass_dots(
        xyz,
        [
            Dots("inside the mask", inside, canvas.BLUE),
            Dots("outside", ~inside, canvas.ORANGE, 14, 0.95),
        ],
    )


def glass_dots(xyz: Array, groups: Sequence[Dots]) -> Any:
    """Glass brain with a dot a focus, (n, 3) mm, and the number of each group.

    Of very many foci the density is drawn, the smaller groups over the larger ones.
    """
    figure, display = _glass()
    if len(xyz) > density.MOST_DOTS:
        for dots in sorted(groups, key=lambda dots: -dots.members.sum()):
            density.lay(display, xyz[dots.members], dots.color, dots.opacity)
        figure.text(*_HINT_AT, density.HINT, fontsize=7, color=canvas.MUTED, va="center")
    for row, dots in enumerate(groups):
        if dots.members.any() and len(xyz) <= density.MOST_DOTS:
            display.add_markers(
                xyz[dots.members],
                marker_color=dots.color,
                marker_size=dots.size,
                alpha=dots.opacity,
                linewidths=0,
            )
        # The count goes under the dot of its colour, right of the last brain.
        y = 0.66 - 0.24 * row
        figure.text(0.885, y, "\N{BLACK CIRCLE}", color=dots.color, fontsize=12, va="center")
        wrapped = [textwrap.wrap(line, _DOTS_WIDTH) for line in dots.name.splitlines()]
        lines = [f"{dots.members.sum()} foci", *(part for line in wrapped for part in line)]
        figure.text(0.905, y, "\n".join(lines), fontsize=8.5, va="center")
    return figure


def glass_map(image: nib.Nifti1Image, overlay: Overlay, *, label: str) -> Any:
    """Glass brain with the value furthest from 0 along each line of sight; 0 is nothing."""
    figure, display = _glass(signed=overlay.two_sided)
    if overlay.two_sided:
        colors, lowest = diverging(overlay), -overlay.vmax
    else:
        colors, lowest = colormap(), overlay.vmin
    display.add_overlay(image, threshold=1e-6, cmap=colors, vmin=lowest, vmax=overlay.vmax)
    add_colorbar(figure, (0.9, 0.22, 0.011, 0.56), overlay, label)
    return figure


def _glass(*, signed: bool = False) -> tuple[Any, Any]:
    from nilearn.plotting import plot_glass_brain

    figure = canvas.new_figure(10.6, 2.5)
    display = plot_glass_brain(
        None,
        display_mode="lyrz",
        figure=figure,
        axes=(0, 0, 0.88, 1),
        annotate=True,
        alpha=0.5,
        plot_abs=not signed,
    )
    return figure, display


def _side_labels(ax: Any) -> None:
    for x, text in ((0.02, "L"), (0.98, "R")):
        ax.text(
            x,
            0.98,
            text,
            transform=ax.transAxes,
            fontsize=8,
            color=canvas.MUTED,
            va="top",
            ha="left" if text == "L" else "right",
        )


def signed(mm: float) -> str:
    """Coordinate as people write it: a true minus sign, whole mm where it is whole."""
    text = f"{abs(mm):.1f}".removesuffix(".0")
    return f"\N{MINUS SIGN}{text}" if mm < 0 and text != "0" else text
