"""What a finite number of iterations leaves open: intervals of thresholds and of corrected p."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import cluster_evidence
from nimare_pipeline.inference import Level
from nimare_pipeline.numerics.intervals import quantile_interval, share_interval
from nimare_pipeline.results import MetaResult

COLUMNS: Mapping[str, Level] = {
    "p_voxel_fwe": "voxel",
    "p_tfce_fwe": "tfce",
    "p_size_fwe": "size",
    "p_mass_fwe": "mass",
}
"""Columns of the table of clusters that may be Monte Carlo p, and the level they judge."""
ENDS = ("low", "high")
_MAXIMA = {"voxel": "max_stat", "size_voxels": "max_size", "mass": "max_mass", "tfce": "max_tfce"}
_TAILS = ("positive", "negative")

Intervals = dict[str, dict[str, list[float | None]]]


def threshold_intervals(
    thresholds: Mapping[str, Mapping[str, float | None]], arrays: Mapping[str, NDArray[Any]]
) -> Intervals:
    """Intervals of critical values, where they have one.

    Parameters
    ----------
    thresholds : dict of dict
        Measure (``voxel``, ``size_voxels_positive``, ...) and level to critical value.
    arrays : dict of array
        Null maxima in the unit of the thresholds, ``montecarlo_<name>``.

    Returns
    -------
    dict of dict of [low, high]
        The same keys. None is an end that lies beyond all iterations; a threshold that is None
        has no interval.
    """
    found: Intervals = {}
    for measure, levels in thresholds.items():
        null, share = _null_of(measure, arrays)
        if null is not None:
            found[measure] = {
                level: [
                    end if np.isfinite(end) else None
                    for end in quantile_interval(null, float(level) * share)
                ]
                for level, value in levels.items()
                if value is not None
            }
    return found


def _null_of(
    measure: str, arrays: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any] | None, float]:
    """Maxima that a measure is judged by, and the share of a level that is theirs."""
    kind = next((kind for kind in _MAXIMA if measure.startswith(kind)), "")
    of = measure[len(kind) :].removeprefix("_")
    name = "_".join(filter(None, ("montecarlo", of, _MAXIMA.get(kind, ""))))
    return arrays.get(name), 0.5 if of.endswith(_TAILS) else 1.0


def add_intervals(rows: Sequence[dict[str, Any]], result: MetaResult) -> None:
    """Put the interval of each Monte Carlo p into the rows of a table of clusters.

    Parameters
    ----------
    rows : sequence of dict
        Gets ``<column>_low`` and ``<column>_high`` where ``<column>`` is a Monte Carlo p. An
        exhaustive permutation test has no such error, and no interval.
    result : MetaResult
        That the rows are of.
    """
    facts = result.facts.get("montecarlo") or {}
    if not facts.get("n_iters") or facts.get("exhaustive"):
        return
    for column, level in COLUMNS.items():
        spec = cluster_evidence.corrected_p(result, level, "FWE")
        if spec is None or spec.method != "montecarlo":
            continue
        tails = 2 if spec.tail == "two-sided" else 1
        for row in rows:
            p = row.get(column)
            if p is not None and np.isfinite(p):
                ends = p_interval(p, facts["n_iters"], tails=tails)
                row |= {f"{column}_{end}": value for end, value in zip(ENDS, ends, strict=True)}


def p_interval(p: float, n_iters: int, *, tails: int = 1) -> tuple[float, float]:
    """Clopper-Pearson interval of a p that is (b + 1) / (n_iters + 1) times the tails, at most 1.

    Parameters
    ----------
    p : float
    n_iters : int
    tails : int
        2 where p is twice that of the observed tail.
    """
    b = np.rint(p / tails * (n_iters + 1) - 1)
    low, high = share_interval(np.asarray(b), n_iters)
    return min(1.0, tails * float(low)), min(1.0, tails * float(high))
