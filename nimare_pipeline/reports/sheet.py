"""A page of a paper to draw on: one picture at printing resolution, lines and text over it.

The picture has exactly the pixels of the printed page, so nothing is resampled: in the PNG it is
the page, in the SVG it is one embedded image. Text stays text in the SVG, for journals that set
it again in their own type.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.reports import canvas

Array = NDArray[Any]

DPI = 300
WIDTH_MM = 180.0
"""Full width of a page in most journals."""
TEXT_PT = 7.0
_MM_PER_INCH = 25.4
_FONTS = "'DejaVu Sans', Verdana, Arial, Helvetica, sans-serif"
"""Fonts of SVG text: the one of the PNG, then what other machines have, none of it wider."""


@dataclass(frozen=True)
class Box:
    """Rectangle on a page, in pixels from its top left corner."""

    left: int
    top: int
    width: int
    height: int


class Sheet:
    """A white page, 180 mm wide.

    Parameters
    ----------
    height_mm : float

    Attributes
    ----------
    pixels : (height, width, 3) float array
        The picture, 0 to 1, rows from the top; written into before ``finish``.
    ax : matplotlib Axes
        Over the whole page, in mm from its top left corner.
    figure : matplotlib Figure
    """

    def __init__(self, height_mm: float) -> None:
        self.height = round(height_mm / _MM_PER_INCH * DPI)
        self.width = round(WIDTH_MM / _MM_PER_INCH * DPI)
        self.pixels: Array = np.ones((self.height, self.width, 3))
        self.figure = canvas.new_figure(self.width / DPI, self.height / DPI, dpi=DPI)
        self.ax = self.figure.add_axes((0, 0, 1, 1))
        self.ax.set_axis_off()
        self.ax.set_xlim(0, to_mm(self.width))
        self.ax.set_ylim(to_mm(self.height), 0)

    def axes(self, box: Box) -> Any:
        """Axes without frame over a box."""
        top = 1 - box.top / self.height
        shares = (
            box.left / self.width,
            top - box.height / self.height,
            box.width / self.width,
            box.height / self.height,
        )
        ax = self.figure.add_axes(shares)
        ax.set_axis_off()
        return ax

    def put(self, box: Box, picture: Array) -> None:
        """Put a picture (height, width, 3) of a box's size into the page."""
        self.pixels[box.top : box.top + box.height, box.left : box.left + box.width] = picture

    def write(self, x_mm: float, y_mm: float, text: str, **style: Any) -> None:
        """Write text at a place; left of it and above its base line, unless ``style`` differs."""
        self.ax.text(
            x_mm,
            y_mm,
            text,
            **{"fontsize": TEXT_PT, "va": "baseline", "parse_math": False, **style},
        )

    def finish(self) -> tuple[bytes, bytes]:
        """SVG and PNG of the page."""
        picture = np.round(self.pixels * 255).astype(np.uint8)
        png = self._png(picture)
        self.ax.imshow(
            picture,
            interpolation="none",
            extent=(0, to_mm(self.width), to_mm(self.height), 0),
            aspect="auto",
            zorder=-1,
        )
        stream = io.BytesIO()
        nothing = {"Date": None, "Creator": None}
        self.figure.savefig(stream, format="svg", facecolor="white", metadata=nothing)
        fonts = _FONTS.encode()
        return stream.getvalue().replace(b"'DejaVu Sans', sans-serif", fonts), png

    def _png(self, picture: Array) -> bytes:
        """Lay lines and text, drawn alone, over the picture: faster than to draw both."""
        from PIL import Image

        self.figure.set_facecolor((1, 1, 1, 0))
        self.figure.canvas.draw()
        drawn = np.asarray(self.figure.canvas.buffer_rgba()).astype(np.uint16)
        opacity = drawn[..., 3:]
        page = (drawn[..., :3] * opacity + picture * (255 - opacity) + 127) // 255
        stream = io.BytesIO()
        made = Image.fromarray(page.astype(np.uint8))
        made.save(stream, "png", dpi=(DPI, DPI), compress_level=6)
        return stream.getvalue()


def to_mm(pixels: float) -> float:
    """Pixels of a page in mm."""
    return pixels / DPI * _MM_PER_INCH


def to_pixels(mm: float) -> int:
    """Millimetres of a page in whole pixels."""
    return round(mm / _MM_PER_INCH * DPI)
