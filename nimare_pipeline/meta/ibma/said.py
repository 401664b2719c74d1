"""Facts of an analysis of images that a reader has to know before believing its result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nimare_pipeline.meta.ibma.sample import Sample

LARGE_I2 = 75.0
"""I2 in percent from which heterogeneity is called large (Higgins et al. 2003)."""
Q_LEVEL = 0.05
"""Uncorrected p of Q below which studies differ at a voxel."""
_SCANNER = ("varcope", "beta")
"""Kinds of images whose unit a study chooses; the first that there is tells the units."""


def dependence(sample: "Sample") -> dict[str, Any]:
    """How many studies give several images."""
    _, sizes = np.unique(sample.groups, return_counts=True)
    return {
        "n_groups_with_several": int((sizes > 1).sum()),
        "n_images_of_these": int(sizes[sizes > 1].sum()),
        "dependence": "several images of a study" if (sizes > 1).any() else "none",
    }


def coverage(n: NDArray[np.float64], sample: "Sample") -> dict[str, int]:
    """How many of the voxels that were analysed every study covers.

    Parameters
    ----------
    n : (n_voxels,) array
        Studies at each voxel; 0 where nothing was analysed.
    sample : Sample
    """
    n_groups = len(np.unique(sample.groups))
    return {"n_voxels_of_all_studies": int((n == n_groups).sum())}


def heterogeneity(maps: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """How much studies differ over the voxels; only what there are maps of.

    I2 says something where tau2 was estimated; where it is assumed, the test of Q does.

    Parameters
    ----------
    maps : dict of str to (n_voxels,) array
        Statistic to map; NaN where nothing was analysed.
    """
    facts = {}
    i2 = _known(maps.get("i2"))
    if i2.size and "tau2" in maps:
        facts["share_of_large_i2"] = float((i2 > LARGE_I2).mean())
        facts["median_i2"] = float(np.median(i2))
    q_p = _known(maps.get("qP"))
    if q_p.size:
        facts["share_of_significant_q"] = float((q_p < Q_LEVEL).mean())
    return facts


def _known(values: NDArray[np.float64] | None) -> NDArray[np.float64]:
    return np.array([]) if values is None else values[np.isfinite(values)]


def spread_of_units(sample: "Sample") -> dict[str, Any]:
    """How far apart the units of the contrasts' images lie.

    A standard error grows with 1 / sqrt(n), so that sqrt(varcope * n), the standard deviation of
    a participant, is compared where sample sizes are known; else the size of the effects is.

    Returns
    -------
    dict
        ``unit_ratio``: the largest of the contrasts' medians over voxels by the smallest one;
        ``unit_of``: what was compared; ``unit_smallest``, ``unit_largest``: whose they are.
        Nothing where images have no unit, or less than two contrasts have values.
    """
    kind = next((name for name in _SCANNER if name in sample.images), None)
    if kind is None:
        return {}
    medians = np.array([_median(row) for row in sample.images[kind]])
    what = "size of effects"
    if kind == "varcope":
        sizes = sample.effective_sizes
        known = bool(np.isfinite(sizes).all())
        medians = np.sqrt(medians * (sizes if known else 1.0))
        what = "standard deviation of participants" if known else "standard error"
    order = np.flatnonzero(np.isfinite(medians) & (medians > 0))
    if len(order) < 2:
        return {}
    order = order[np.argsort(medians[order], kind="stable")]
    low, high = int(order[0]), int(order[-1])
    return {
        "unit_of": what,
        "unit_ratio": float(medians[high] / medians[low]),
        "unit_smallest": sample.ids[low],
        "unit_largest": sample.ids[high],
    }


def _median(row: NDArray[np.float32]) -> float:
    known = np.abs(row[np.isfinite(row)].astype(np.float64))
    return float(np.median(known)) if known.size else float("nan")
