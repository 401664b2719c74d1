"""Random effects from sample sizes alone, where studies give no variance."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.ibma.base import ImageEstimator
from nimare_pipeline.meta.ibma.moderated import PLAIN
from nimare_pipeline.meta.ibma.regression import (
    LIKELIHOODS,
    SCHEMES,
    RegressionEstimator,
    Values,
    maps_of_terms,
)
from nimare_pipeline.meta.ibma.sample import Rows, Sample, numbered
from nimare_pipeline.numerics import dependence, weighted_fit
from nimare_pipeline.numerics.coverage import Bag
from nimare_pipeline.numerics.robust_variance import robust_fit
from nimare_pipeline.numerics.sample_size_likelihood import sample_size_variances


class SampleSizeBasedLikelihood(RegressionEstimator):
    """Random effects of effects without variances: one variance of all participants is assumed.

    An effect of n people has the variance tau2 + sigma2 / n (Sangnawakij et al. 2019), so that
    sample sizes must differ.

    Parameters
    ----------
    method : "ml" or "reml"
        Maximum or restricted maximum likelihood of both variances.
    """

    required: ClassVar[tuple[str, ...]] = ("beta",)
    citations: ClassVar[tuple[str, ...]] = ("sangnawakij2019",)
    model = "Random effects with one variance of all participants"
    method: Literal["ml", "reml"]

    def __init__(  # noqa: PLR0913 - keywords of one method
        self,
        *,
        method: Literal["ml", "reml"] = "ml",
        aggressive_mask: bool = False,
        min_studies: int = defaults.MIN_STUDIES,
        groupby: Any = None,
        formula: str = PLAIN,
        term: str | None = None,
        weight_scheme: str = SCHEMES[0],
        rho: float = dependence.RHO,
        small_sample_correction: str | None = None,
        mask: Any = None,
        n_cores: int = defaults.N_CORES,
    ) -> None:
        parameters = dict(locals())
        if method not in LIKELIHOODS:
            msg = f"method {method!r} is unknown; there are: {', '.join(LIKELIHOODS)}"
            raise UsageError(msg)
        self._take({name: parameters[name] for name in self._parameter_names()})

    @property
    def tau2_method(self) -> str:  # type: ignore[override]
        """Which likelihood."""
        return self.method

    def needs_sample_sizes(self) -> bool:
        """Sample sizes stand for the variances."""
        return True

    def covers(self, sample: Sample, bag: Bag) -> bool:
        """Whether the sample sizes of contrasts differ, as they must."""
        sizes = sample.sample_sizes[bag.rows]
        if len(np.unique(sample.sample_sizes)) < 2:
            msg = (
                "SampleSizeBasedLikelihood tells variances apart by sample sizes, and all are "
                f"{sizes[0]:g}; PermutedOLS does without"
            )
            raise DataError(msg)
        return super().covers(sample, bag) and len(np.unique(sizes)) > 1

    def alike(self, sample: Sample) -> NDArray[np.int64]:
        """Contrasts with the same moderators and sample size."""
        return numbered(super().alike(sample), sample.sample_sizes)

    def z_rows(self, rows: Rows, group: str | None = None) -> Values:
        """Z of the result at voxels."""
        return ImageEstimator.z_rows(self, rows, group)

    def fit_rows(self, rows: Rows) -> dict[Any, Values]:
        """Fit voxels."""
        y, sizes, matrix = rows.values["beta"], rows.sample_sizes, rows.state.matrix
        groups = rows.groups if rows.dependent else None
        means, own, reduced = y, sizes, matrix
        if groups is not None:
            ones = np.broadcast_to(1 / sizes[:, None], y.shape)
            found = dependence.aggregate(y, ones, groups, rho=self.rho, design=matrix)
            means, reduced = found.y, found.design
            own = dependence.aggregate_sizes(sizes, groups, rho=self.rho)
        variances = sample_size_variances(means, own, method=self.method, design=reduced)
        if self.weight_scheme == "collapse":
            y, sizes, matrix, groups = means, own, reduced, None
        # Without variance of participants weights would be infinite where tau2 is 0, too.
        v = np.maximum(variances.sigma2 / sizes[:, None], np.finfo(float).tiny)
        columns = range(matrix.shape[1])
        if groups is None:
            fitted = weighted_fit.fit(y, v, variances.tau2, design=matrix)
            tested = [weighted_fit.infer(fitted, i, correction=self.correction) for i in columns]
            dof = np.full(y.shape[1], float(len(y) - matrix.shape[1]))
        else:
            scheme = self.weight_scheme
            weights = dependence.group_weights(v, groups, variances.tau2, scheme=scheme)
            robust = robust_fit(y, weights, groups, design=matrix)
            tested = [robust.infer(column) for column in columns]
            dof = tested[rows.state.result].dof
        return {
            **maps_of_terms(tested, rows.state),
            "tau2": variances.tau2,
            "sigma2": variances.sigma2,
            "dof": dof,
        }
