"""Threshold-free cluster enhancement of a one-sample result: heights from its own null."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.judging import Maps, MonteCarlo, corrected_maps
from nimare_pipeline.numerics.nulls import MOST_BINS, Null
from nimare_pipeline.numerics.pvalues import montecarlo_p, z_from_logsf
from nimare_pipeline.numerics.tfce import TFCETables, number_levels, tfce, tfce_tables
from nimare_pipeline.numerics.value_counts import FINEST_BIN_BITS
from nimare_pipeline.results import MetaResult
from nimare_pipeline.scale import Scale

_BEYOND = 4
"""Heights are known up to so many times the largest observed number: no draw goes that far."""
_STEPS_BEYOND = 4096
_SLOPE_SHARE = 8
"""The tail beyond an exact null falls as the last 1/8 of what is known of it."""


@dataclass(frozen=True)
class Enhancement:
    """How a result is enhanced.

    Parameters
    ----------
    tables : TFCETables
    shift : int
    support : int64 array
        As ``number_levels`` takes them.
    """

    tables: TFCETables
    shift: int
    support: NDArray[np.int64]

    @classmethod
    def of(
        cls, result: MetaResult, null: Null, scale: Scale, largest: int, choices: MonteCarlo
    ) -> "Enhancement":
        """Tables of a result.

        Parameters
        ----------
        result : MetaResult
        null, scale : Null, Scale
            Those of the result.
        largest : int
            Largest number there can be.
        choices : MonteCarlo
        """
        observed = int(result.arrays["numbers"].max())
        last = min(largest, _BEYOND * max(observed, 1))
        shift, support = 0, np.zeros(0, dtype=np.int64)
        if null.support is not None:
            numbers = support = _extended(null.support.astype(np.int64), last)
        else:
            bits = max(round(-np.log2(scale.unit)) - FINEST_BIN_BITS, 0)
            shift = bits if null.domain == "stat" else round(np.log2(null.step))
            while last >> shift > MOST_BINS:
                shift += 1
            numbers = np.arange((last >> shift) + 2, dtype=np.int64) << shift
        values = scale.statistic(numbers) if null.domain == "stat" else numbers
        heights = np.maximum.accumulate(z_from_logsf(log_p_beyond(null, values)))
        return cls(
            tfce_tables(
                heights,
                result.mask.n_voxels,
                result.mask.voxel_volume_mm3,
                extent_power=choices.tfce_extent,
                height_power=choices.tfce_height,
            ),
            shift,
            support,
        )

    def judge(
        self, result: MetaResult, null: NDArray[np.int64], choices: MonteCarlo
    ) -> tuple[Maps, dict[str, Any]]:
        """Enhanced map and its corrected p, and what the record says of it."""
        levels = number_levels(
            result.arrays["numbers"], self.shift, self.support, len(self.tables.height)
        )
        enhanced = tfce(levels, result.mask.inside, self.tables)
        logsf = np.log(montecarlo_p(enhanced, null))
        maps: Maps = {MapSpec("tfce"): np.float64(self.tables.unit) * enhanced}
        maps |= corrected_maps(logsf, correction="FWE", method="montecarlo", level="tfce")
        return maps, {
            "extent_power": choices.tfce_extent,
            "height_power": choices.tfce_height,
        }


def _extended(support: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Values of a discrete statistic, with steps from the largest observed one on."""
    end = int(support[-1])
    step = max((last - end) // _STEPS_BEYOND, 1)
    return np.append(support, np.arange(end + step, last + step, step, dtype=np.int64))


def log_p_beyond(null: Null, values: NDArray[Any]) -> NDArray[np.float64]:
    """Natural log of p, also beyond the observed values, where an exact null ends.

    There log p goes on falling as steeply as at the end. A sum of independent terms has a tail
    that falls ever more steeply, so that this is rather too likely than too unlikely.
    """
    log_p = null.log_p(values)
    grid = null.grid
    if null.method != "approximate" or len(grid) < 2:
        return log_p
    before = -2 if null.support is not None else len(grid) - 1 - max(len(grid) // _SLOPE_SHARE, 1)
    slope = (null.logsf[-1] - null.logsf[before]) / (grid[-1] - grid[before])
    return np.where(values > grid[-1], null.logsf[-1] + slope * (values - grid[-1]), log_p)
