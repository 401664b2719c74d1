"""Foci of a database on the glass brain: how many lie behind each spot, where dots are a blot."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOST_DOTS = 10_000
"""Foci up to which each is a dot."""
HINT = "deeper colour:\nmore foci (square root)"
_BIN_MM = 2.0
_REACH_MM = 121.0
"""Foci are counted so far from the origin, along each axis: the template ends before."""
_VIEWS = {"l": (1, 2), "r": (1, 2), "x": (1, 2), "y": (0, 2), "z": (0, 1)}
"""Axes of a view, by nilearn's letters: to the right, and up."""


def lay(display: Any, xyz: Array, color: str, opacity: float) -> None:
    """Lay the density of some foci over every view of a glass brain.

    Parameters
    ----------
    display : nilearn display
    xyz : (n, 3) array
        mm.
    color : str
    opacity : float
        Of the densest spot of a view; others follow the square root of their number.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.image import AxesImage

    for view, drawn in display.axes.items():
        counts = np.sqrt(counted(xyz, view).T)
        picture = np.empty((*counts.shape, 4))
        picture[..., :3] = to_rgb(color)
        picture[..., 3] = opacity * counts / max(counts.max(), 1e-9)
        # Not imshow, which would change the limits and the aspect of the view.
        image = AxesImage(
            drawn.ax,
            extent=(-_REACH_MM, _REACH_MM, -_REACH_MM, _REACH_MM),
            origin="lower",
            interpolation="nearest",
        )
        image.set_data(picture)
        drawn.ax.add_image(image)


def counted(xyz: Array, view: str) -> Array:
    """Foci behind each spot of 2 mm of a view, (n, n): to the right, and up.

    The views from the left and from the right show their own side; the middle is in both.
    """
    if view in "lr":
        xyz = xyz[xyz[:, 0] <= 0] if view == "l" else xyz[xyz[:, 0] >= 0]
    # The spots are centred at even mm, where most foci are.
    edges = np.arange(-_REACH_MM, _REACH_MM + 1, _BIN_MM)
    right, up = _VIEWS[view]
    return np.histogram2d(xyz[:, right], xyz[:, up], bins=(edges, edges))[0]
