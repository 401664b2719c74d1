"""A location that one outlying study cannot move."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.meta.estimator import check
from nimare_pipeline.meta.ibma.base import ImageEstimator, amounts, cited
from nimare_pipeline.meta.ibma.regression import Values
from nimare_pipeline.meta.ibma.sample import Rows, Sample
from nimare_pipeline.numerics import dependence
from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from nimare_pipeline.numerics.weighted_median import weighted_median

TAU2_METHOD: Method = "pm"
"""Variance between studies that the weights take: Paule & Mandel's."""


class WeightedMedian(ImageEstimator):
    """Weighted median of the studies' effects (Hartwig et al. 2020), tested by their signs.

    Weights are 1 / sqrt(varcope + tau2), tau2 that of Paule & Mandel. Images of one study are
    averaged first. It needs many studies: with fewer than six no 5 % level can be reached.
    """

    required: ClassVar[tuple[str, ...]] = ("beta", "varcope")
    citations: ClassVar[tuple[str, ...]] = ("hartwig2020", "paule1982")

    def __init__(
        self,
        *,
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        rho: float = dependence.RHO,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        self._take({name: parameters[name] for name in self._parameter_names()})
        check("rho", self.rho, "a number from 0 to 1", lambda value: 0 <= value <= 1)

    rho: float

    def alike(self, sample: Sample) -> NDArray[np.int64]:
        """All contrasts."""
        return np.zeros(len(sample.ids), dtype=np.int64)

    def fit_rows(self, rows: Rows) -> dict[Any, Values]:
        """Find the median of voxels."""
        y, v = rows.values["beta"], rows.values["varcope"]
        if rows.dependent:
            means = dependence.aggregate(y, v, rows.groups, rho=self.rho)
            y, v = means.y, means.v
        tau2 = estimate_tau2(TAU2_METHOD, y, v).value
        found = weighted_median(y, v, tau2)
        return {
            "z": found.z,
            "est": found.est,
            "se": found.se,
            "estLower": found.lower,
            "estUpper": found.upper,
            "tau2": tau2,
            "dof": np.full(y.shape[1], float(len(y) - 1)),
        }

    def facts(self, sample: Sample) -> dict[str, Any]:
        """What the weights take for the variance between studies."""
        del sample
        return {"tau2_method": TAU2_METHOD}

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        return (
            f"The weighted median was taken of the effects of {amounts(sample)} "
            f"{cited(self.citations)}."
        )
