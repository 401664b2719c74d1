"""What the maps of an analysis of images say at the peaks of its clusters."""

from typing import Any

import numpy as np
from nibabel.affines import apply_affine

from nimare_pipeline.derivative_tables import IMAGE_CLUSTERS
from nimare_pipeline.results import MetaResult

STATISTICS = {
    "est": "est",
    "estLower": "est_lower",
    "estUpper": "est_upper",
    "se": "se",
    "tau2": "tau2",
    "i2": "i2",
    "n": "n",
}
"""Statistics that are quoted, and their columns."""


def add_estimates(rows: list[dict[str, Any]], result: MetaResult) -> tuple[str, ...]:
    """Put estimate, error and heterogeneity at its peak into each row.

    Parameters
    ----------
    rows : list of dict
        Peaks, ``x``, ``y``, ``z`` in mm; changed in place.
    result : MetaResult
        Of images.

    Returns
    -------
    tuple of str
        Columns that a table of such rows has: those of maps that there are.
    """
    group = result.facts.get("result_group")
    maps = {column: _map(result, name, group) for name, column in STATISTICS.items()}
    maps = {column: values for column, values in maps.items() if values is not None}
    to_voxels = np.linalg.inv(result.mask.affine)
    volumes = {
        column: result.mask.volume(np.asarray(values, dtype=float), outside=np.nan)
        for column, values in (maps if rows else {}).items()
    }
    for row in rows:
        ijk = apply_affine(to_voxels, [row["x"], row["y"], row["z"]]).round().astype(int)
        row |= {column: float(volume[tuple(ijk)]) for column, volume in volumes.items()}
    absent = set(STATISTICS.values()) - set(maps)
    if _map(result, "stat", group) is None:
        absent.add("stat")  # it would be z once more
    return tuple(name for name in IMAGE_CLUSTERS if name not in absent)


def _map(result: MetaResult, statistic: str, group: str | None) -> Any:
    """Map of a statistic: that of the result's term, else one that all terms share."""
    specs = result.specs.values()
    for wanted in dict.fromkeys((group, None)):
        for spec in specs:
            if (spec.statistic, spec.group, spec.correction) == (statistic, wanted, None):
                return result.maps[spec.name]
    return None
