"""Checks of images before any fit, and what becomes of those that fail them."""

from collections.abc import Sequence

import pandas as pd

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.images import ImageStack, LoadedImages


def check_images(loaded: LoadedImages, dataset: Dataset) -> tuple[pd.DataFrame, list[Problem]]:
    """One row an image: which it is, whether it is accepted, and why not."""
    del dataset
    rows = [{"id": f.id, "kind": f.kind, "accepted": True, "reason": ""} for f in loaded.facts]
    rows += [
        {"id": name, "kind": kind, "accepted": False, "reason": problem.message}
        for name, kind, problem in loaded.failed
    ]
    return pd.DataFrame(rows, columns=["id", "kind", "accepted", "reason"]), []


def accept_images(
    stack: ImageStack, checks: pd.DataFrame, problems: Sequence[Problem], *, policy: str
) -> ImageStack:
    """Stack without the images that the checks refuse; or an error that names them all."""
    if policy == "error" and not checks["accepted"].all():
        msg = "images cannot be used; --on-bad-image exclude goes on without them"
        raise DataError(msg, problems)
    bad = checks.loc[~checks["accepted"], ["id", "kind"]].itertuples(index=False)
    return stack.without([(str(name), str(kind)) for name, kind in bad])
