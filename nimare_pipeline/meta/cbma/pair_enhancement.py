"""Threshold-free cluster enhancement of comparisons of two groups: what the heights are."""

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.maps import MapSpec
from nimare_pipeline.meta.judging import (
    EnhancedSigned,
    Maps,
    MonteCarlo,
    corrected_maps,
    critical_values,
)
from nimare_pipeline.numerics.chi2_tfce import chi2_tables, signed_levels
from nimare_pipeline.numerics.pvalues import montecarlo_p
from nimare_pipeline.numerics.tfce import TFCETables, tfce, tfce_tables
from nimare_pipeline.numerics.tfce_signed import signed_tfce
from nimare_pipeline.results import MetaResult


def association_tables(result: MetaResult, choices: MonteCarlo) -> tuple[TFCETables, int]:
    """Tables of the chi-square of association, and the bits of z that a level drops."""
    return chi2_tables(
        len(result.arrays["group"]),
        result.mask.n_voxels,
        result.mask.voxel_volume_mm3,
        extent_power=choices.tfce_extent,
        height_power=choices.tfce_height,
    )


def enhanced_association(
    result: MetaResult,
    numbers: NDArray[np.int64],
    undefined: NDArray[np.bool_],
    choices: MonteCarlo,
) -> EnhancedSigned:
    """Enhance the signed root of chi-square, in whole numbers."""
    tables, shift = association_tables(result, choices)
    levels = signed_levels(numbers, shift, len(tables.height))
    return EnhancedSigned(signed_tfce(levels, result.mask.inside, tables), tables.unit, undefined)


def count_tables(
    counts: NDArray[np.int64], n: int, result: MetaResult, choices: MonteCarlo
) -> TFCETables:
    """Tables of one group's count: its z of uniformity where it is above the mean, else 0.

    The mean is the observed one, also where counts are redrawn: heights are one function of the
    count.
    """
    mean = float(counts.mean())
    z = np.zeros(n + 1)
    if 0 < mean < n:
        z = np.maximum((np.arange(n + 1) - mean) * np.sqrt(n / (mean * (n - mean))), 0)
    return tfce_tables(
        z,
        result.mask.n_voxels,
        result.mask.voxel_volume_mm3,
        extent_power=choices.tfce_extent,
        height_power=choices.tfce_height,
    )


def judge_count(
    counts: NDArray[np.int64],
    tables: TFCETables,
    null: NDArray[np.int64],
    mask: NDArray[np.bool_],
    *,
    groups: tuple[str, ...],
) -> tuple[Maps, NDArray[np.float64], dict[str, float | None]]:
    """Judge one group's enhanced count: maps under each of its names, null, critical values."""
    enhanced, unit = tfce(counts, mask, tables), np.float64(tables.unit)
    logsf = np.log(montecarlo_p(enhanced, null))
    maps: Maps = {}
    for group in groups:
        maps[MapSpec("tfce", group=group)] = unit * enhanced
        maps |= corrected_maps(
            logsf, correction="FWE", method="montecarlo", level="tfce", group=group
        )
    return maps, unit * null, critical_values(null, lambda v: v * tables.unit)
