"""Brains of the figures for a paper: a mosaic of axial slices, and the glass brain."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.reports import brains, canvas
from nimare_pipeline.reports.paper_scale import Scale
from nimare_pipeline.reports.render import MINUS
from nimare_pipeline.reports.sheet import WIDTH_MM, Box, Sheet, to_mm, to_pixels

Array = NDArray[Any]

COLUMNS = 7
_GREYS = 40
_BAR_MM = 16.0
"""What the colour bar takes up at the right of the page."""
_HEAD_MM = 3.6
_LINE_MM = 3.2
_MARGIN_MM = 1.5
_WRAP = 130
"""Characters of a line of the legend: they fit the page in a font a tenth wider than ours, too."""
_TICK_PT = 6.5
_END_MM = 2.7
_END_WIDTH = 10
"""Height of a line that names an end of the colour bar, and its characters."""
_VIEWS = {"l": 0, "y": 1, "r": 0, "z": 2}
"""Views of the glass brain, by nilearn's letters, and the axis each looks along."""
_MIRRORED = "l"
"""Seen from the left, the front is on the left."""
_GLASS_STEP_MM = 1.0
_GAP_MM = 3.0
_LINE_SHARE = 0.35
"""Lines of nilearn's drawing are made for larger pictures."""
_GREY_MATTER = 0.6
"""Shade of grey matter in the template, which the colour bar of a fading map lies on."""


@dataclass(frozen=True)
class Layer:
    """A map to draw.

    Parameters
    ----------
    values : Volume
        0 is not drawn.
    scale : Scale
    legend : str
        Text below the picture.
    fade_below : float
        Absolute values below it fade away; 0 draws all of them opaque.
    outline : Volume, optional
        Regions outlined, where not 0.
    ends : tuple of str
        What positive and negative values mean, for the colour bar; empty without names.
    """

    values: brains.Volume
    scale: Scale
    legend: str = ""
    fade_below: float = 0.0
    outline: brains.Volume | None = None
    ends: tuple[str, ...] = ()

    def over(self, values: Array, under: Array) -> Array:
        """RGB (..., 3) of values laid over a picture (..., 3)."""
        opacity = np.where(self.scale.shown(values), 1.0, 0.0)
        if self.fade_below:
            share = np.abs(np.nan_to_num(values)) / self.fade_below
            # Few levels of opacity: no more are seen, and the files are a third of the size.
            opacity *= np.round(np.clip(share, 0, 1) ** 1.5 * 16) / 16
        opacity = opacity[..., None]
        mixed: Array = opacity * self.scale.colors(values) + (1 - opacity) * under
        return mixed


def mosaic(cuts: Sequence[float], layer: Layer) -> tuple[bytes, bytes]:
    """Draw axial slices, seven a row, in neurological convention; SVG and PNG.

    Parameters
    ----------
    cuts : sequence of float
        Heights, mm.
    layer : Layer
    """
    left, right, bottom, top = brains.extent(2)
    slice_mm = (WIDTH_MM - _BAR_MM) / COLUMNS
    rows = -(-len(cuts) // COLUMNS)
    row_mm = slice_mm * (top - bottom) / (right - left) + _HEAD_MM
    lines = textwrap.wrap(layer.legend, _WRAP)
    sheet = Sheet(rows * row_mm + _legend_mm(lines))
    for index, cut in enumerate(cuts):
        row, column = divmod(index, COLUMNS)
        box = Box(
            to_pixels(column * slice_mm),
            to_pixels(row * row_mm + _HEAD_MM),
            to_pixels(slice_mm),
            to_pixels(row_mm - _HEAD_MM),
        )
        _slice(sheet, box, cut, layer)
        middle, head = to_mm(box.left) + slice_mm / 2, row * row_mm + _HEAD_MM - 0.9
        sheet.write(middle, head, f"z = {brains.signed(cut)}", ha="center")
        if column == 0:
            _sides(sheet, box)
    _colorbar(sheet, rows * row_mm, layer, under=_GREY_MATTER)
    _write_legend(sheet, rows * row_mm, lines)
    return sheet.finish()


def _slice(sheet: Sheet, box: Box, cut: float, layer: Layer) -> None:
    left, right, bottom, top = brains.extent(2)
    points = np.empty((box.height, box.width, 3))
    points[..., 0] = left + (np.arange(box.width) + 0.5) / box.width * (right - left)
    points[..., 1] = (top - (np.arange(box.height) + 0.5) / box.height * (top - bottom))[:, None]
    points[..., 2] = cut
    sheet.put(box, layer.over(layer.values.at(points), template(points)))
    if layer.outline is not None:
        _contour(sheet, box, np.nan_to_num(layer.outline.at(points)) != 0)


def _contour(sheet: Sheet, box: Box, region: NDArray[np.bool_]) -> None:
    """Draw a line around a region, given at the pixels of a box."""
    if region.any():
        ax = sheet.axes(box)
        ax.contour(region[::-1].astype(float), levels=[0.5], colors="black", linewidths=0.6)


def template(points: Array) -> Array:
    """RGB (..., 3) of the template on white at points (..., 3) in mm, interpolated."""
    from scipy.ndimage import map_coordinates

    volume = brains.background()
    inverse = np.linalg.inv(volume.affine)
    ijk = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    grey = map_coordinates(volume.data, ijk, order=1, mode="constant", cval=0.0)
    shade = 0.12 + 0.78 * grey
    # The template fades into the white page where it ends.
    cover = np.clip(grey / 0.12, 0, 1)
    level = np.round((cover * shade + 1 - cover) * _GREYS) / _GREYS
    return np.repeat(level[..., None], 3, axis=-1)


def glass(layer: Layer) -> tuple[bytes, bytes]:
    """Draw the value furthest from 0 along each line of sight, in four views; SVG and PNG."""
    drawings = {view: _drawing(view) for view in _VIEWS}
    wide = sum(drawing.size[0] for drawing in drawings.values())
    scale = (WIDTH_MM - _BAR_MM - _GAP_MM * (len(drawings) - 1)) / wide
    tallest = max(drawing.size[1] for drawing in drawings.values()) * scale
    lines = textwrap.wrap(layer.legend, _WRAP)
    sheet = Sheet(tallest + _legend_mm(lines))
    sampled = [_sampled(volume) for volume in (layer.values, layer.outline) if volume is not None]
    start = 0.0
    for view, drawing in drawings.items():
        width, height = (mm * scale for mm in drawing.size)
        box = Box(
            to_pixels(start),
            to_pixels((tallest - height) / 2),
            to_pixels(width),
            to_pixels(height),
        )
        start += width + _GAP_MM
        _view(sheet, box, view, drawing, layer, sampled)
    _colorbar(sheet, tallest, layer, under=1.0)
    _write_legend(sheet, tallest, lines)
    return sheet.finish()


def _view(
    sheet: Sheet, box: Box, view: str, drawing: "_Drawing", layer: Layer, sampled: Sequence[Array]
) -> None:
    """Draw one view of the glass brain: the projection, lines over it, and its sides.

    ``sampled`` holds the values and, where there is one, the outline of the layer.
    """
    values, *regions = (
        _to_page(project(volume, view, layer.scale), view, drawing, box) for volume in sampled
    )
    sheet.put(box, layer.over(values, np.ones((*values.shape, 3))))
    for region in regions:
        _contour(sheet, box, region != 0)
    ax = sheet.axes(box)
    sides = drawing.left, drawing.right
    ax.set_xlim(sides[::-1] if view == _MIRRORED else sides)
    ax.set_ylim(drawing.bottom, drawing.top)
    for path, color, width in drawing.paths:
        ax.add_artist(_patch(path, color, width))  # add_patch looks for limits, slowly
    if view in "yz":
        _sides(sheet, box)
    else:
        name = "left" if view == "l" else "right"
        sheet.write(to_mm(box.left + box.width / 2), to_mm(box.top) - 0.5, name, ha="center")


def _to_page(picture: Array, view: str, drawing: "_Drawing", box: Box) -> Array:
    """Nearest values of a projection (to the right, up) at the pixels of a box; 0 beyond it."""
    across, up = brains.in_plane(_VIEWS[view])
    low = brains.brain_box()[0]
    width, height = drawing.size
    u = drawing.left + (np.arange(box.width) + 0.5) / box.width * width
    v = drawing.top - (np.arange(box.height) + 0.5) / box.height * height
    i = np.floor((u - low[across]) / _GLASS_STEP_MM + 0.5).astype(int)
    j = np.floor((v - low[up]) / _GLASS_STEP_MM + 0.5).astype(int)
    i_known, j_known = (i >= 0) & (i < picture.shape[0]), (j >= 0) & (j < picture.shape[1])
    page = np.zeros((box.height, box.width))
    page[np.ix_(j_known, i_known)] = picture.T[np.ix_(j[j_known], i[i_known])]
    return page[:, ::-1] if view == _MIRRORED else page


def project(volume: Array, view: str, scale: Scale) -> Array:
    """Value furthest from 0 along each line of sight; of one hemisphere in views from a side."""
    axis = _VIEWS[view]
    x = brains.brain_box()[0][0] + np.arange(volume.shape[0]) * _GLASS_STEP_MM
    if view in "lr":
        volume = volume[x <= 0] if view == "l" else volume[x >= 0]
    size = np.abs(volume) if scale.two_sided else np.maximum(volume, 0)
    furthest = np.expand_dims(size.argmax(axis=axis), axis)
    picture: Array = np.take_along_axis(volume, furthest, axis).squeeze(axis)
    return np.where(scale.shown(picture), picture, 0.0)


def _sampled(values: brains.Volume) -> Array:
    """Nearest values on a grid of 1 mm over the template's brain."""
    low, high = brains.brain_box()
    step = _GLASS_STEP_MM
    axes = [np.arange(start, end + step / 2, step) for start, end in zip(low, high, strict=True)]
    out = np.zeros(tuple(map(len, axes)), dtype=np.float32)
    ijk = np.argwhere(values.data != 0)
    if not len(ijk):
        return out
    # Only where there is something: the voxels between the outermost, and half a voxel around.
    ends = np.array([ijk.min(axis=0) - 1, ijk.max(axis=0) + 1])
    corners = np.array(list(product(*ends.T))) @ values.affine[:3, :3].T + values.affine[:3, 3]
    within = [
        np.flatnonzero((axis >= least) & (axis <= most))
        for axis, least, most in zip(axes, corners.min(0), corners.max(0), strict=True)
    ]
    for index in within[0]:  # a plane at a time: the points of all take 100 MB
        grid = np.meshgrid([axes[0][index]], axes[1][within[1]], axes[2][within[2]], indexing="ij")
        plane = np.nan_to_num(values.at(np.stack(grid, axis=-1)[0]))
        out[np.ix_([index], within[1], within[2])] = plane
    return out


@dataclass(frozen=True)
class _Drawing:
    """Lines of one view of the glass brain, and what they span, mm."""

    left: float
    right: float
    bottom: float
    top: float
    paths: tuple[tuple[Any, Any, float], ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, mm of the brain."""
        return self.right - self.left, self.top - self.bottom


@cache
def _drawing(view: str) -> _Drawing:
    """Draw a view as nilearn does, its many lines joined by colour and width."""
    from matplotlib.path import Path
    from nilearn.plotting.glass_brain import plot_brain_schematics

    ax = canvas.new_figure(1, 1).add_axes((0, 0, 1, 1))
    bounds = plot_brain_schematics(ax, view)
    styles: dict[tuple[Any, float], list[Any]] = {}
    for patch in ax.patches:
        place = patch.get_transform() - ax.transData
        style = tuple(patch.get_edgecolor()), round(patch.get_linewidth(), 2)
        styles.setdefault(style, []).append(place.transform_path(patch.get_path()))
    # Grey before black: the folds lie behind the outline.
    ordered = sorted(styles.items(), key=lambda item: -sum(item[0][0][:3]))
    paths = tuple(
        (Path.make_compound_path(*members), color, width * _LINE_SHARE)
        for (color, width), members in ordered
    )
    left, right, bottom, top = map(float, bounds)
    return _Drawing(left, right, bottom, top, paths)


def _patch(path: Any, color: Any, width: float) -> Any:
    from matplotlib.patches import PathPatch

    return PathPatch(path, facecolor="none", edgecolor=color, linewidth=width)


def _sides(sheet: Sheet, box: Box) -> None:
    for side, text in ((0.0, "L"), (1.0, "R")):
        x = to_mm(box.left) + 0.6 + side * (to_mm(box.width) - 1.2)
        sheet.write(
            x, to_mm(box.top) + 2.4, text, color=canvas.MUTED, ha="right" if side else "left"
        )


def _colorbar(sheet: Sheet, height_mm: float, layer: Layer, *, under: float) -> None:
    """Colour bar at the right of a picture, drawn as the values are: a gap where none is drawn."""
    scale = layer.scale
    ends = [canvas.end_lines(text, _END_WIDTH) for text in layer.ends]
    lines = max(map(len, ends), default=0)
    tall = min(height_mm * 0.7, 34.0, height_mm - 2 * (lines + 1) * _END_MM - 2)
    box = Box(
        to_pixels(WIDTH_MM - _BAR_MM + 2.2),
        to_pixels((height_mm - tall) / 2),
        to_pixels(2.6),
        to_pixels(tall),
    )
    lowest = -scale.high if scale.two_sided else scale.low
    values = np.linspace(scale.high, lowest, box.height)
    drawn = layer.over(values, np.full((box.height, 3), under))
    drawn[np.abs(values) < scale.low] = 1.0
    sheet.put(box, np.repeat(drawn[:, None], box.width, axis=1))
    right, top = to_mm(box.left + box.width), to_mm(box.top)
    for value, text in ticks(scale):
        y = top + (scale.high - value) / (scale.high - lowest) * tall
        sheet.ax.plot([right, right + 0.7], [y, y], color=canvas.INK, linewidth=0.5)
        sheet.write(right + 1.2, y, text, fontsize=_TICK_PT, va="center")
    left = to_mm(box.left)
    sheet.write(left, top - 1.6, "z value")
    for said, start in zip(ends, (top - 1.6 - lines * _END_MM, top + tall + 1), strict=False):
        for index, line in enumerate(said):
            y = start + (index + 0.8) * _END_MM - (0.8 * _END_MM if start < top else 0)
            sheet.write(left, y, line, fontsize=_TICK_PT, fontweight="bold")


def ticks(scale: Scale) -> list[tuple[float, str]]:
    """Values and texts at a colour bar: both ends, and whole numbers between them."""
    step = max(1, round((scale.high - scale.low) / 4))
    inner = [
        float(value)
        for value in range(0, int(scale.high) + 1, step)
        if scale.low + 0.5 * step < value < scale.high - 0.5 * step
    ]
    positive = [scale.low, *inner, scale.high]
    beyond = "≥ " if scale.clipped else ""
    marks = [(value, f"{value:.3g}") for value in positive[:-1]]
    marks.append((scale.high, f"{beyond}{scale.high:.3g}"))
    if not scale.two_sided:
        return marks
    below = beyond.replace("≥", "≤")
    negative = [(-value, f"{MINUS}{value:.3g}") for value in positive[:-1] if value]
    return [*marks, *negative, (-scale.high, f"{below}{MINUS}{scale.high:.3g}")]


def _legend_mm(lines: Sequence[str]) -> float:
    """Height of the legend, with what is free above and below it."""
    return _MARGIN_MM + len(lines) * _LINE_MM + _MARGIN_MM / 2


def _write_legend(sheet: Sheet, top_mm: float, lines: Sequence[str]) -> None:
    for index, line in enumerate(lines):
        sheet.write(0.6, top_mm + _MARGIN_MM + (index + 0.8) * _LINE_MM, line)
