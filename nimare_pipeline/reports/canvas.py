"""What every figure shares: colours, type, deterministic files. No pyplot, so nothing is left open."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
BLUE = "#2f6690"
PALE_BLUE = "#a9c4d8"
ORANGE = "#d1600a"
RED = "#b3261e"

MAX_SVG_BYTES = 150_000
"""A figure whose SVG is larger (brains) is written as PNG instead, so that the report stays small."""
PNG_DPI = 200

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "nimare-pipeline",
    "savefig.facecolor": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of the report's figures, for the time of a ``with`` block."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def new_figure(width_in: float, height_in: float, **options: Any) -> Any:
    """Empty matplotlib Figure on its own Agg canvas, inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), **options)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, folder: Path, key: str) -> Path:
    """Write a figure as ``<key>.svg``, or as ``<key>.png`` where the SVG would be large.

    The same figure gives the same bytes: no dates, no random ids.
    """
    svg, png = folder / f"{key}.svg", folder / f"{key}.png"
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    if svg.stat().st_size <= MAX_SVG_BYTES:
        png.unlink(missing_ok=True)
        return svg
    svg.unlink()
    _save_png(figure, png)
    return png


def _save_png(figure: Any, path: Path) -> None:
    """Write a PNG on white with 32 levels a channel: not seen, and less than half the bytes."""
    from matplotlib.image import imsave

    figure.set_dpi(PNG_DPI)
    figure.set_facecolor("white")
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    reduced = np.minimum((pixels + 4) // 8 * 8, 255).astype(np.uint8)
    imsave(path, reduced, metadata={"Software": None}, pil_kwargs={"optimize": True})
