"""What every figure shares: colours, type, deterministic files. No pyplot: nothing stays open."""

import textwrap
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
"""A chart whose SVG is larger (thousands of points) becomes a PNG: the report stays small."""
PNG_DPI = 200

_STYLE: Any = {
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


def end_lines(direction: str, width: int) -> list[str]:
    """Lines of a direction (``pain > touch``) for an end of a colour bar, long names cut short."""
    first, _, second = direction.partition(" > ")
    if not second:
        return textwrap.wrap(direction, width)
    words = [f"{_short(first, width - 2)} >", _short(second, width)]
    return [" ".join(words)] if len(" ".join(words)) <= width else words


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


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


def whole_ticks(ax: Any) -> None:
    """Ticks at whole numbers only, on the upright axis."""
    from matplotlib.ticker import MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True))


def save_chart(figure: Any, folder: Path, key: str) -> Path:
    """Write lines and text as ``<key>.svg``, or as ``<key>.png`` where the SVG would be large.

    The same figure gives the same bytes: no dates, no random ids.
    """
    path = folder / f"{key}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    if path.stat().st_size <= MAX_SVG_BYTES:
        return path
    path.unlink()
    return save_picture(figure, folder, key)


def save_picture(figure: Any, folder: Path, key: str) -> Path:
    """Write a figure as ``<key>.png``, on white, with 32 levels a channel.

    The levels are not seen, and halve the file.
    """
    from matplotlib.image import imsave

    path = folder / f"{key}.png"
    figure.set_dpi(PNG_DPI)
    figure.set_facecolor("white")
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    reduced = np.minimum((pixels.astype(np.int16) + 4) // 8 * 8, 255).astype(np.uint8)
    no_software: Any = {"Software": None}
    imsave(path, reduced, metadata=no_software, pil_kwargs={"compress_level": 6})
    return path
