"""What an image-based analysis leaves beside its maps: the images that it made, and the checks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.derivative_names import Place
from nimare_pipeline.image_writing import labels_of
from nimare_pipeline.images import ImageStack

_MEANINGS = {
    "z": "z",
    "t": "t",
    "p": "p (two-sided)",
    "beta": "effect",
    "varcope": "variance of the effect",
    "se": "standard error of the effect",
    "sd": "standard deviation of participants",
    "d": "Cohen's d",
    "g": "Hedges' g",
    "g_var": "variance of Hedges' g",
}


@dataclass(frozen=True)
class StudyImages:
    """Images of the studies of an analysis, as its derivatives keep them.

    Parameters
    ----------
    checks : DataFrame
        A row each image: what is in it, and the verdict.
    stack : ImageStack
        With ``made``, whose images are written.
    labels : dict of str to (str, str)
        Id of a contrast to the labels of its study and contrast.
    """

    checks: pd.DataFrame
    stack: ImageStack
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, checks: pd.DataFrame, stack: ImageStack, dataset: Dataset) -> "StudyImages":
        """Of a dataset's contrasts, by labels that no two of them share."""
        return cls(checks, stack, labels_of(dataset))

    def made(self, place: Place) -> Iterator[tuple[str, NDArray[np.float32], dict[str, Any]]]:
        """Path, values over the mask and sidecar of each image that was made."""
        row_of = {name: row for row, name in enumerate(self.stack.ids)}
        for kind, names in self.stack.made.items():
            for name in names:
                values = self.stack.values[kind][row_of[name]]
                if name not in self.labels or not np.isfinite(values).any():
                    continue
                study, contrast = self.labels[name]
                meaning = f"{_MEANINGS[kind]} of contrast {name}"
                about = {
                    "Description": f"{meaning}, computed from its other images",
                    "StatisticType": kind,
                    "Units": "arbitrary",
                    "Contrast": name,
                }
                yield place.study_map(study, contrast, kind), values, about
