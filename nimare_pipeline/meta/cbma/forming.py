"""What a result of one sample carries for its correction: null, scale, threshold that forms."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.meta.kernel import ExperimentFoci
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.nulls import Null
from nimare_pipeline.numerics.plan import make_plan
from nimare_pipeline.numerics.simulate import LARGEST_SUM
from nimare_pipeline.results import MetaResult
from nimare_pipeline.scale import Scale


def null_grid(null: Null, scale: Scale) -> NDArray[np.float64]:
    """Statistic at each bin of a null."""
    return null.grid if null.domain == "stat" else scale.statistic(null.grid)


def null_of(result: MetaResult) -> Null:
    """The null a result was judged by."""
    facts, arrays = result.facts, result.arrays
    return Null(
        facts["null_method"],
        facts["null_step"],
        arrays["null_logsf"],
        facts["null_domain"],
        arrays.get("null_support"),
    )


def scale_of(result: MetaResult) -> Scale:
    """How the statistic of a result is counted."""
    return Scale(**result.facts["scale"])


def cluster_forming(result: MetaResult, voxel_thresh: float) -> tuple[int, dict[str, Any]]:
    """Smallest number with p < ``voxel_thresh``, and what it means.

    Returns
    -------
    threshold : int
        In the whole numbers of the result's scale; beyond any sum if nothing is that unlikely.
    facts : dict
        ``p`` asked for, ``statistic`` (the threshold), ``integer`` (the same as a whole number),
        ``achieved_p`` (well below ``p`` where the statistic is discrete), ``mass_floor`` and
        ``mass_above`` (mass sums what exceeds this, as a whole number and a statistic). Where no
        value is that unlikely no cluster forms, and ``statistic`` and ``mass_above`` are None.

    Notes
    -----
    Mass is the excess over the threshold where the statistic is continuous. Where it is discrete
    that would give voxels at the threshold no mass at all, so it is the excess over the largest
    value that is not significant.
    """
    null, scale = null_of(result), scale_of(result)
    smallest, achieved = null.smallest_significant(voxel_thresh)
    if null.domain == "stat":
        smallest = scale.number(min(smallest, 1.0))
    threshold = floor = LARGEST_SUM
    forms = bool(np.isfinite(smallest))
    if forms:
        threshold = floor = int(np.ceil(smallest))
        if null.support is not None:
            floor = int(null.largest_insignificant(voxel_thresh))
    return threshold, {
        "p": voxel_thresh,
        "statistic": float(scale.statistic(threshold)) if forms else None,
        "integer": threshold,
        "achieved_p": achieved,
        "mass_floor": floor,
        "mass_above": float(scale.statistic(floor)) if forms else None,
    }


def montecarlo_plan(
    result: MetaResult, *, threshold: int, mass_floor: int | None = None, null_outside: str
) -> MonteCarloPlan:
    """What the Monte Carlo engine needs to redraw the foci of a result.

    Parameters
    ----------
    result : MetaResult
    threshold : int
        Smallest number that forms clusters.
    mass_floor : int, optional
        Mass sums what exceeds this; the threshold by default.
    null_outside : str
        See ``FWECorrector``.
    """
    from nimare_pipeline.registry import get_estimator

    arrays = result.arrays
    foci = ExperimentFoci(result.ids, arrays["foci_xyz"], arrays["foci_experiment"])
    design, _ = get_estimator(result.estimator).design(foci, arrays, result.mask)
    return make_plan(
        design,
        result.mask.inside,
        result.mask.affine,
        threshold=threshold,
        mass_floor=threshold if mass_floor is None else mass_floor,
        null_outside=null_outside,
    )
