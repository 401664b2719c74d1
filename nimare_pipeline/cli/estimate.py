"""What a run costs, roughly, for ``--dry-run``: measured on a 2 mm grid and an ordinary core."""

from dataclasses import dataclass

from nimare_pipeline.inference import has_tfce
from nimare_pipeline.settings import Analysis

_FIXED_S, _S_PER_FOCUS = 15, 30e-6
"""Imports, figures and report; reading, tables and copies of the foci."""
_MS_PER_ENHANCEMENT = 10.0
_BASE_MB, _MB_PER_THREAD, _KB_PER_FOCUS = 520, 10, 0.75


@dataclass(frozen=True)
class _Cost:
    """Of an estimator: an iteration, the same a focus, and memory of its maps a focus."""

    ms: float
    ms_per_focus: float
    map_kb_per_focus: float = 0.0


_ALE = _Cost(0.2, 0.0033, 20.0)
_COSTS = {
    "MKDADensity": _Cost(0.1, 0.0016, 6.0),
    "KDA": _Cost(0.1, 0.0016, 6.0),
    "ALESubtraction": _Cost(0.2, 0.0012, 20.0),
    "MKDAChi2": _Cost(0.2, 0.00009),
}


def estimate(
    analysis: Analysis, *, n_foci: int, n_redrawn: int, n_iters: int, n_threads: int
) -> tuple[float, float]:
    """Seconds and megabytes of an analysis.

    Parameters
    ----------
    analysis : Analysis
    n_foci : int
        That are used.
    n_redrawn : int
        Foci whose maps an iteration goes through: of MKDAChi2 those of the smaller group.
    n_iters : int
        Iterations that are not known yet.
    n_threads : int
    """
    cost = _COSTS.get(analysis.estimator.type, _ALE)
    each = cost.ms + cost.ms_per_focus * n_redrawn
    each += _MS_PER_ENHANCEMENT if has_tfce(analysis.corrector) else 0
    seconds = _FIXED_S + _S_PER_FOCUS * n_foci + n_iters * each / 1000 / n_threads
    a_focus = _KB_PER_FOCUS + cost.map_kb_per_focus
    return seconds, _BASE_MB + _MB_PER_THREAD * n_threads + a_focus * n_foci / 1000
