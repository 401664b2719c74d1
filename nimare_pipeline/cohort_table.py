"""What one analysis works on, and the table that says so of every contrast."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nimare_pipeline import spaces
from nimare_pipeline.contrast import is_missing
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import (
    COORDINATE_SOURCE,
    ID_COLUMNS,
    INCLUDE,
    INCLUDE_REASON,
    SAMPLE_SIZE_FILLED,
)

KERNEL_FWHM = "kernel_fwhm"
"""Metadata column: width in mm of the kernel of a contrast without sample size."""
NOT_SELECTED = "not selected"
"""Reason of a contrast that the analysis' selection does not name."""
NO_FOCUS = "no focus in the region"
"""Reason of a contrast that was searched, and has no focus in the region."""
NOT_CHOSEN = (NOT_SELECTED, NO_FOCUS)
"""Reasons that are no exclusion: the analysis never meant these contrasts."""

_CARRIED = {
    "study_name": "study_name",
    "contrast_name": "contrast_name",
    COORDINATE_SOURCE: COORDINATE_SOURCE,
    "original_space": "original_space",
    "space_transform": "space_transform",
    "source_file": "file",
    "source_line": "line",
}
OF_FOCI = ("n_foci", "n_foci_inside", "n_foci_outside", "original_space", "space_transform")
"""Columns of contrasts that say nothing of an analysis of images."""


@dataclass(frozen=True)
class Cohort:
    """What one analysis works on.

    Parameters
    ----------
    dataset : Dataset
        Experiments and foci that are used, and nothing else: contrasts, or what ``pool`` made of
        them.
    contrasts : DataFrame
        Every contrast that was read: ids, ``included``, ``reason`` (empty if included),
        ``sample_size`` (as used; NaN if unknown), ``sample_size_filled`` (bool: the file gives
        none, so that ``missing_n`` decided), ``n_foci``, ``n_foci_inside``, ``n_foci_outside``,
        ``original_space``, ``space_transform``; where known ``study_name``, ``contrast_name``,
        ``file`` and ``line``; of type ``pair`` the ``group``, by its name; ``kernel_fwhm``
        (mm) if the analysis gives some contrasts a fixed kernel; and if contrasts are pooled
        ``pooled_into``, the id of the experiment, and ``pooled_sample_size`` of it.
    coordinates : DataFrame
        Every focus of the contrasts that the selection names: ids, x, y, z (MNI, mm),
        ``original_space``, ``inside`` (its voxel is in the mask), ``used``; if contrasts are
        pooled ``pooled_into``, and ``repeated`` of foci that stand in an experiment before.
    problems : tuple of Problem
        What was decided, for log and report.
    """

    dataset: Dataset
    contrasts: pd.DataFrame
    coordinates: pd.DataFrame
    problems: tuple[Problem, ...] = ()


def barred(metadata: pd.DataFrame) -> list[str]:
    """Why each contrast is not to be used, as the data themselves say; empty if they do not."""
    nothing = [None] * len(metadata)
    flags, reasons = (
        metadata[name].tolist() if name in metadata else nothing
        for name in (INCLUDE, INCLUDE_REASON)
    )
    said = ["" if is_missing(reason) else f": {reason}" for reason in reasons]
    return [
        f"include is false{why}" if flag is False else ""
        for flag, why in zip(flags, said, strict=True)
    ]


def foci_table(dataset: Dataset, outside: str) -> pd.DataFrame:
    """Every focus of a dataset: whether its voxel is in the mask, and whether it is used."""
    columns = [*ID_COLUMNS, "x", "y", "z", "original_space"]
    foci = dataset.coordinates[columns].copy()
    foci["inside"] = spaces.contains(dataset.mask, foci[["x", "y", "z"]].to_numpy(dtype=float))
    foci["used"] = foci["inside"] if outside == "drop" else True
    foci["used"] = foci["used"].astype(bool)
    return foci


def contrasts_table(dataset: Dataset, foci: pd.DataFrame) -> pd.DataFrame:
    """Every contrast of a dataset, with its numbers of foci; all of them included so far."""
    metadata = dataset.metadata
    table = metadata[list(ID_COLUMNS)].copy()
    table["included"], table["reason"], table["sample_size"] = True, "", np.nan
    table[SAMPLE_SIZE_FILLED] = False
    inside = foci.groupby("id")["inside"].agg(["size", "sum"])
    counts = inside.reindex(table["id"]).fillna(0).astype(np.int64)
    table["n_foci"] = counts["size"].to_numpy()
    table["n_foci_inside"] = counts["sum"].to_numpy()
    table["n_foci_outside"] = table["n_foci"] - table["n_foci_inside"]
    for name, called in _CARRIED.items():
        if name in metadata:
            table[called] = metadata[name]
    return table
