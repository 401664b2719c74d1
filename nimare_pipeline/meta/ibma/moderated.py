"""What estimators that take moderators share: a formula, and contrasts that tell it apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.ibma.flips import FlippedEstimator
from nimare_pipeline.meta.ibma.sample import Sample
from nimare_pipeline.moderators import Design, design
from nimare_pipeline.numerics.coverage import Bag
from nimare_pipeline.numerics.weighted_fit import make_design
from nimare_pipeline.tables import ID_COLUMNS

PLAIN = "~ 1"
"""Formula without moderators."""


class ModeratedEstimator(FlippedEstimator):
    """Estimator of a mean effect, or of its dependence on moderators.

    formula : str
        Right side of a formula of columns of metadata and annotations, for example
        ``~ 1 + age + C(modality)``; ``sample_size`` is a column of every dataset, as in
        selections.
    term : str, optional
        Column of the formula whose coefficient is the result; the intercept by default.
    """

    formula: str
    term: str | None

    def _take(self, parameters: Mapping[str, Any]) -> None:
        super()._take(parameters)
        for name, value in (("formula", self.formula), ("term", self.term)):
            if not isinstance(value, str) and (name, value) != ("term", None):
                msg = f"{name} is {value!r}; expected text such as '~ 1 + age' and 'age'"
                raise UsageError(msg)

    def design(self, dataset: Dataset) -> Design:
        """Moderators of the contrasts of a dataset."""
        annotations = dataset.annotations.drop(columns=list(ID_COLUMNS), errors="ignore")
        table = dataset.metadata.loc[:, ~dataset.metadata.columns.isin(annotations.columns)]
        columns = pd.concat([table, annotations], axis=1)
        if "sample_size" not in columns:
            columns = columns.assign(sample_size=dataset.sample_sizes())
        return design(self.formula, columns, self.term)

    def covers(self, sample: Sample, bag: Bag) -> bool:
        """Whether contrasts tell the coefficients of the design apart."""
        if not super().covers(sample, bag):
            return False
        if sample.design is None or sample.design.is_plain:
            return True
        matrix = sample.design.only(bag.rows)
        if len(np.unique(sample.groups[bag.rows])) <= matrix.shape[1]:
            return False
        try:
            make_design(matrix, len(matrix))
        except ValueError:  # what the fit itself would call collinear
            return False
        return True

    def begin(self, sample: Sample, bag: Bag) -> Any:
        """Design of the contrasts of a bag."""
        return None if sample.design is None else sample.design.of(bag.rows)

    def term_facts(self, sample: Sample) -> dict[str, Any]:
        """Moderators, if there are any."""
        moderators = sample.design
        if moderators is None or moderators.is_plain:
            return {}
        labels = moderators.labels
        return {
            "formula": self.formula,
            "terms": dict(zip(labels, moderators.columns, strict=True)),
            "result_group": labels[moderators.result],
        }


def moderators_of(sample: Sample) -> NDArray[np.float64]:
    """Design matrix of the contrasts; ones where there is none."""
    return np.ones((len(sample.ids), 1)) if sample.design is None else sample.design.matrix
