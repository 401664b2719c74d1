"""How many people an analysis rests on."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.dataset import Dataset


def participants(dataset: Dataset) -> dict[str, Any]:
    """Count the people of a dataset without counting anyone twice.

    Contrasts of one study may be on the same people, so that a study counts with its largest
    contrast only; the groups of a contrast are added up.

    Parameters
    ----------
    dataset : Dataset
        As analysed. Sample sizes that a policy filled in do not count.

    Returns
    -------
    dict
        ``n_participants`` (int; None if no contrast reports it), ``n_studies_with_n`` and
        ``n_contrasts_without_n``.
    """
    people = pd.Series(dataset.n_participants())
    largest = people.groupby(dataset.metadata["study_id"].to_numpy()).max().dropna()
    return {
        "n_participants": round(float(largest.sum())) if len(largest) else None,
        "n_studies_with_n": len(largest),
        "n_contrasts_without_n": int(people.isna().sum()),
    }


def people(dataset: Dataset) -> NDArray[np.float64]:
    """People of each contrast, all its groups together, also where a policy put them in.

    Returns
    -------
    (n_contrasts,) float array
        NaN where unknown.
    """
    sizes = dataset.metadata["sample_sizes"]
    return np.array([sum(one) if one else np.nan for one in sizes], dtype=float)
