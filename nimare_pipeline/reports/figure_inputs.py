"""What the figures of one analysis are drawn from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.cluster_evidence import is_two_sided, shown_spec
from nimare_pipeline.directions import directions
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.reports import brains
from nimare_pipeline.results import MetaResult

Array = NDArray[Any]
N_CUTS = 14


@dataclass(frozen=True)
class Inputs:
    """Result, tables, clusters and level, and what is shown of them; ``figures.draw_all``."""

    result: MetaResult
    contrasts: pd.DataFrame
    coordinates: pd.DataFrame
    labels: Array
    alpha: float

    @cached_property
    def z(self) -> Array:
        """Uncorrected z over the mask, finite; corrected z where there is no other."""
        spec = shown_spec(self.result) or MapSpec("z")
        z = self.result.maps[spec.name].astype(float)
        return np.nan_to_num(z, posinf=40.0, neginf=-40.0 if self.two_sided else 0.0)

    @cached_property
    def two_sided(self) -> bool:
        """Whether values of both signs are drawn."""
        return is_two_sided(self.result)

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """What positive and negative values mean; empty without groups."""
        sides = directions(self.result.facts)
        return () if sides is None else sides.both

    @cached_property
    def z_significant(self) -> Array:
        """Uncorrected z inside the significant clusters, 0 elsewhere."""
        return np.where(self.labels > 0, self.z, 0.0)

    @cached_property
    def heights(self) -> Array:
        """What peaks are found by: the statistic, of a comparison how far it is from 0; else z.

        Counted p has a smallest value, so that many voxels can share the highest z.
        """
        group = self.result.facts.get("result_group")
        stat = self.result.maps.get(MapSpec("stat", group=group).name)
        if stat is None:
            return np.abs(self.z) if self.two_sided else self.z
        return np.where(self.z < 0, -stat, stat) if self.two_sided else stat

    @cached_property
    def xyz(self) -> NDArray[np.float64]:
        """Centres of the voxels of the mask, mm."""
        mask = self.result.mask
        return np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]

    @cached_property
    def z_max(self) -> float:
        """Last value of the colour scale, the same in all brain figures of the analysis."""
        size = np.abs(self.z) if self.two_sided else self.z
        return max(float(np.ceil(size.max() * 2) / 2), 3.5) if size.size else 3.5

    def volume(self, values: Array) -> brains.Volume:
        """Masked vector as a volume."""
        return brains.Volume(self.result.mask.volume(values), self.result.mask.affine)

    def cuts(self) -> list[float]:
        """Heights of the axial slices, mm: over the significant clusters, or the whole brain."""
        heights = (
            self.xyz[self.labels > 0, 2] if (self.labels > 0).any() else np.array([-44.0, 70.0])
        )
        low, high = float(heights.min()), float(heights.max())
        missing = max(0.0, 4.0 * (N_CUTS - 1) - (high - low)) / 2
        return [float(round(cut)) for cut in np.linspace(low - missing, high + missing, N_CUTS)]
