"""Weights of contrasts in a multilevel kernel density analysis.

As the CANlab toolbox has them (Wager et al. 2007, doi 10.1093/scan/nsm015; Wager et al. 2009, doi
10.1016/j.neuroimage.2008.10.061): the square root of the sample size, discounted for fixed-effects
analyses, which do not generalise to the population.
"""

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem, UsageError

FIXED_EFFECTS = frozenset({"fixed", "ffx", "fixed effects", "fixed effect"})
"""What a metadata field says of a fixed-effects analysis, in small letters without hyphens."""


def sample_size_weights(
    dataset: Dataset, *, inference_field: str | None, fixed_effects_discount: float
) -> NDArray[np.float64]:
    """Weight of each contrast, (n_contrasts,): ``w_c = d_c sqrt(N_c)``, scaled to a mean of 1.

    Parameters
    ----------
    dataset : Dataset
    inference_field : str or None
        Metadata field that says whether a contrast was a fixed- or a random-effects analysis;
        None takes all for random.
    fixed_effects_discount : float
        ``d_c`` of fixed-effects analyses; 1 for the others.

    Raises
    ------
    DataError
        If a contrast has no sample size.
    UsageError
        If there is no such metadata field.
    """
    sizes = dataset.sample_sizes()
    unknown = np.isnan(sizes)
    if unknown.any():
        msg = "weights by sample size need one for every contrast"
        raise DataError(
            msg,
            [
                Problem("error", "no sample size", where=f"contrast {name}",
                        suggestion="add it, exclude the contrast, or take weighting=None")
                for name in dataset.ids[unknown]
            ],
        )  # fmt: skip
    weights = np.sqrt(sizes)
    if inference_field is not None:
        weights[_fixed(dataset, inference_field)] *= fixed_effects_discount
    # Equal weights are exactly 1, so that they count as no weights do.
    return weights / weights.mean() if np.ptp(weights) > 0 else np.ones(len(weights))


def effective_number(weights: NDArray[np.float64]) -> float:
    """Kish's effective number of contrasts, ``(sum w)^2 / sum w^2``."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _fixed(dataset: Dataset, field: str) -> NDArray[np.bool_]:
    metadata = dataset.metadata
    if field not in metadata:
        msg = f"no metadata field {field!r} to tell fixed effects by; there are: " + listed(
            [str(name) for name in metadata.columns]
        )
        raise UsageError(msg)
    said = [str(value).strip().lower().replace("-", " ") for value in metadata[field]]
    return np.array([value.replace("_", " ") in FIXED_EFFECTS for value in said], dtype=bool)
