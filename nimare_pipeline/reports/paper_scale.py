"""Colour scales of the figures for a paper: from values to colours, and the range they span."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

N_COLORS = 64
"""Steps of a scale: more are not seen, and make larger files."""
# Dark for weak values; the strongest are still seen on white paper.
_HOT = ["#6b0f1a", "#b3261e", "#e4572e", "#f9a03f", "#ffd964"]
_COLD = ["#10295c", "#1d5fa6", "#3b93d0", "#6cc3e8", "#9de4f2"]
_EMPTY = 3.0
"""Highest value of a scale for a map that is 0 everywhere."""


@dataclass(frozen=True)
class Scale:
    """Range of values that a colour scale spans, the same on both sides of 0.

    Parameters
    ----------
    low : float
        Absolute value of the first colour; 0 begins at 0.
    high : float
        Absolute value of the last colour; beyond it all have this colour.
    two_sided : bool
        Negative values have colours too (blue); else only positive ones are drawn.
    clipped : bool
        There are values beyond ``high``.
    """

    low: float
    high: float
    two_sided: bool = False
    clipped: bool = False

    def from_zero(self) -> "Scale":
        """Scale that begins at 0, for maps without a threshold."""
        return replace(self, low=0.0)

    def colors(self, values: Array) -> Array:
        """RGB (..., 3) of values, 0 to 1; NaN and 0 as the first colour."""
        values = np.nan_to_num(np.asarray(values, dtype=float))
        share = (np.abs(values) - self.low) / max(self.high - self.low, 1e-9)
        step = np.clip((share * N_COLORS).astype(int), 0, N_COLORS - 1)
        hot, cold = _tables()
        return np.where((values < 0)[..., None], cold[step], hot[step])

    def shown(self, values: Array) -> NDArray[np.bool_]:
        """Whether a value is drawn: not 0, and of a side that has colours."""
        values = np.nan_to_num(np.asarray(values, dtype=float))
        return (values != 0) if self.two_sided else (values > 0)


@dataclass(frozen=True)
class Limits:
    """What an analysis asks of a scale.

    Parameters
    ----------
    floor : float or None
        Lowest absolute value that is significant; None if nothing is.
    peak : float
        Highest absolute value of the whole map, of the sides that are drawn.
    two_sided : bool
        Negative values are drawn.
    """

    floor: float | None
    peak: float
    two_sided: bool

    @classmethod
    def of(cls, values: Array, significant: Array, *, two_sided: bool) -> "Limits":
        """Find the limits of a map and of its significant part (0: not significant)."""
        drawn = Scale(0, 1, two_sided)
        inside = np.abs(significant[drawn.shown(significant)])
        whole = np.abs(np.nan_to_num(values)[drawn.shown(values)])
        return cls(
            float(inside.min()) if inside.size else None,
            float(whole.max()) if whole.size else 0.0,
            two_sided,
        )

    def scale(self, z_max: float | None = None, *, within: "Limits | None" = None) -> Scale:
        """Make the scale of these limits.

        Parameters
        ----------
        z_max : float, optional
            End of the scale; by default the next half above the highest value.
        within : Limits, optional
            Limits that the scale is made for, where it is shared by several maps.
        """
        wide = within or self
        high = z_max or max(float(np.ceil(wide.peak * 2) / 2), _EMPTY)
        low = np.floor((wide.floor or 0.0) * 100) / 100
        return Scale(float(low) if low < high else 0.0, high, wide.two_sided, self.peak > high)


def together(several: Iterable[Limits]) -> Limits:
    """Limits that hold the limits of several maps."""
    several = list(several)
    floors = [limits.floor for limits in several if limits.floor is not None]
    return Limits(
        min(floors, default=None),
        max((limits.peak for limits in several), default=0.0),
        any(limits.two_sided for limits in several),
    )


@cache
def _tables() -> tuple[Array, Array]:
    """Colours of the positive and of the negative side, low to high."""
    from matplotlib.colors import LinearSegmentedColormap

    steps = (np.arange(N_COLORS) + 0.5) / N_COLORS
    hot, cold = (LinearSegmentedColormap.from_list("side", each) for each in (_HOT, _COLD))
    return hot(steps)[:, :3], cold(steps)[:, :3]
