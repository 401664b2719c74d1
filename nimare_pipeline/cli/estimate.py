"""What a run costs, roughly, for ``--dry-run``: measured on a 2 mm grid and an ordinary core."""

from dataclasses import dataclass

from nimare_pipeline.inference import has_tfce
from nimare_pipeline.settings import Analysis

_FIXED_S, _S_PER_FOCUS = 15, 35e-6
"""Imports, figures and report; reading, tables and copies of the foci."""
_MS_PER_ENHANCEMENT = 10.0
_BASE_MB, _MB_PER_THREAD, _KB_PER_FOCUS = 720, 10, 0.35


@dataclass(frozen=True)
class _Cost:
    """Of an estimator: an iteration, the same a focus, and memory of its maps a focus."""

    ms: float
    ms_per_focus: float
    map_kb_per_focus: float = 0.0


_ALE = _Cost(0.2, 0.0033, 3.0)
_SPHERES = _Cost(0.1, 0.0016, 6.0)
_COSTS = {
    "MKDADensity": _SPHERES,
    "KDA": _SPHERES,
    "ALESubtraction": _Cost(0.2, 0.0012, 20.0),
    "MKDAChi2": _Cost(0.2, 0.00009),
}
_S_PER_IMAGE, _MB_PER_IMAGE = 0.1, 0.9
"""Reading and checking one image of a whole brain; what its values take."""
_MS_PER_FLIP, _MS_PER_FLIP_AGAIN = 0.03, 1.2
"""A flip of one study, and where the variance between studies is estimated again."""
_MS_PER_FLIP_ENHANCED = 100.0
_S_PER_FIT, _S_PER_LIKELIHOOD = 0.1, 0.4
"""A fit, for each study."""
_AGAIN = ("DerSimonianLaird", "Hedges")
_LIKELIHOODS = ("VarianceBasedLikelihood", "SampleSizeBasedLikelihood", "PauleMandel")
_COPIES = 2.0
"""Arrays as large as all images of an analysis that are there at once, beside what others take."""
_IMAGE_BASE_MB = 500
_OF_SMALLER = ("MKDAChi2",)
"""Whose iterations go through the foci of the smaller group alone."""


def estimate(
    analysis: Analysis, *, n_read: int, n_foci: int, n_smaller: int, n_iters: int, n_threads: int
) -> tuple[float, float]:
    """Seconds and megabytes of an analysis.

    Parameters
    ----------
    analysis : Analysis
    n_read : int
        Foci of the data, of which all are read and kept, whatever is selected.
    n_foci : int
        Those that are used.
    n_smaller : int
        Those of the smaller of two groups; without groups the same.
    n_iters : int
        Iterations that are not known yet.
    n_threads : int
    """
    kind = analysis.estimator.type
    cost = _COSTS.get(kind, _ALE)
    each = cost.ms + cost.ms_per_focus * (n_smaller if kind in _OF_SMALLER else n_foci)
    each += _MS_PER_ENHANCEMENT if has_tfce(analysis.corrector) else 0
    seconds = _FIXED_S + _S_PER_FOCUS * n_read + n_iters * each / 1000 / n_threads
    held_kb = _KB_PER_FOCUS * n_read + cost.map_kb_per_focus * n_foci
    return seconds, _BASE_MB + _MB_PER_THREAD * n_threads + held_kb / 1000


def estimate_images(
    analysis: Analysis, *, n_contrasts: int, n_images: int, n_iters: int, n_threads: int
) -> tuple[float, float]:
    """Seconds and megabytes of an analysis of images of a whole brain in 2 mm.

    Parameters
    ----------
    analysis : Analysis
    n_contrasts, n_images : int
        Those that are used.
    n_iters : int
        Flips of signs that are not known yet, of all there are.
    n_threads : int
    """
    kind = analysis.estimator.type
    fit = _S_PER_LIKELIHOOD if kind in _LIKELIHOODS else _S_PER_FIT
    each = n_contrasts * (_MS_PER_FLIP_AGAIN if kind in _AGAIN else _MS_PER_FLIP)
    each += _MS_PER_FLIP_ENHANCED if has_tfce(analysis.corrector) else 0
    flips = min(n_iters, 2**n_contrasts) * each / 1000
    seconds = _FIXED_S + n_images * _S_PER_IMAGE + n_contrasts * fit + flips / n_threads
    held = _IMAGE_BASE_MB + _COPIES * n_images * _MB_PER_IMAGE
    return seconds, max(held, _BASE_MB) + _MB_PER_THREAD * n_threads
