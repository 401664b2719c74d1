"""Random effects from sample sizes alone, where studies give no variance."""

from typing import Any, ClassVar

import numpy as np

from nimare_pipeline import defaults
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.meta.ibma.base import Rows, Sample
from nimare_pipeline.meta.ibma.regression import (
    LIKELIHOODS,
    PLAIN,
    SCHEMES,
    RegressionEstimator,
    Values,
    maps_of_terms,
)
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
    method: str

    def __init__(  # noqa: PLR0913 - keywords of one method
        self,
        *,
        method: str = LIKELIHOODS[0],
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

    def fit_rows(self, rows: Rows) -> dict[Any, Values]:
        """Fit voxels."""
        y, sizes, matrix = rows.values["beta"], rows.sample_sizes, rows.state.matrix
        groups = rows.groups if rows.dependent else None
        if groups is not None:
            one = np.broadcast_to(1 / sizes[:, None], y.shape)
            means = dependence.aggregate(y, one, groups, rho=self.rho, design=matrix)
            own = dependence.aggregate_sizes(sizes, groups, rho=self.rho)
            found = sample_size_variances(
                means.y,
                own,
                method=self.method,
                design=means.design,  # type: ignore[arg-type]
            )
            if self.weight_scheme == "collapse":
                y, sizes, matrix, groups = means.y, own, means.design, None
        else:
            found = sample_size_variances(y, sizes, method=self.method, design=matrix)  # type: ignore[arg-type]
        v = found.sigma2 / sizes[:, None]
        # Without variance of participants weights would be infinite where tau2 is 0, too.
        v = np.maximum(v, np.finfo(float).tiny)
        columns = range(matrix.shape[1])
        if groups is None:
            fitted = weighted_fit.fit(y, v, found.tau2, design=matrix)
            tested = [
                weighted_fit.infer(fitted, one, correction=self.correction) for one in columns
            ]
            dof = np.full(y.shape[1], float(len(y) - matrix.shape[1]))
        else:
            weights = dependence.group_weights(v, groups, found.tau2, scheme=self.weight_scheme)
            robust = robust_fit(y, weights, groups, design=matrix)
            tested = [robust.infer(one) for one in columns]
            dof = tested[rows.state.result].dof
        return {
            **maps_of_terms(tested, rows.state),
            "tau2": found.tau2,
            "sigma2": found.sigma2,
            "dof": dof,
        }
