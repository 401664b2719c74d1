"""What the sentences say of where foci come from."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nimare_pipeline import foci_policy
from nimare_pipeline.pooling import experiments
from nimare_pipeline.reports.tables import truth
from nimare_pipeline.tables import COORDINATE_SOURCE, FROM_IMAGE


def context(contrasts: pd.DataFrame | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """How many experiments have peaks of images as foci, and which peaks those are."""
    made = options.get(foci_policy.KEY)
    if made is None or contrasts is None or COORDINATE_SOURCE not in contrasts:
        return {"n_of_images": 0, "peaks": ""}
    kept = contrasts[truth(contrasts["included"])]
    ids = experiments(kept)[kept[COORDINATE_SOURCE] == FROM_IMAGE]
    return {"n_of_images": ids.nunique(), "peaks": foci_policy.peaks_in_words(made)}
