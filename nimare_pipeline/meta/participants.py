"""How many people an analysis rests on."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.dataset import Dataset

FILLED = "sample_size_filled"
"""Metadata column: the sample size was not reported but put in by a policy (bool)."""


def participants(dataset: Dataset) -> dict[str, Any]:
    """Count the people of a dataset without counting anyone twice.

    Contrasts of one study may be on the same people, so that a study counts with its largest
    contrast only; the groups of a contrast are added up.

    Parameters
    ----------
    dataset : Dataset
        As analysed. Sample sizes in contrasts marked in the metadata column
        ``sample_size_filled`` are imputed and do not count.

    Returns
    -------
    dict
        ``n_participants`` (int; None if no contrast reports it), ``n_studies_with_n`` and
        ``n_contrasts_without_n``.
    """
    people = pd.Series(_reported(dataset))
    largest = people.groupby(dataset.metadata["study_id"].to_numpy()).max().dropna()
    return {
        "n_participants": round(float(largest.sum())) if len(largest) else None,
        "n_studies_with_n": len(largest),
        "n_contrasts_without_n": int(people.isna().sum()),
    }


def _reported(dataset: Dataset) -> NDArray[np.float64]:
    """People of each contrast, NaN where the file does not say, (n_contrasts,)."""
    metadata = dataset.metadata
    people = [sum(sizes) if sizes else np.nan for sizes in metadata["sample_sizes"]]
    # eq: a contrast merged from elsewhere may have no mark.
    filled = metadata[FILLED].eq(True) if FILLED in metadata else np.zeros(len(people), dtype=bool)
    return np.where(filled, np.nan, np.array(people, dtype=float))
