"""What each study says at a voxel, as the estimator sees it: effect, error, weight, influence.

Estimators that weigh effects by their variances have measures of influence; so has the t test,
whose variance is that of the effects. Combinations of z have weights alone.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.meta.ibma.base import ImageEstimator, Rows
from nimare_pipeline.meta.ibma.combination import CombinationEstimator, Fishers
from nimare_pipeline.meta.ibma.permuted import PermutedOLS
from nimare_pipeline.meta.ibma.regression import RegressionEstimator
from nimare_pipeline.meta.ibma.robust import TAU2_METHOD, WeightedMedian
from nimare_pipeline.meta.ibma.sample_size import SampleSizeBasedLikelihood
from nimare_pipeline.numerics import dependence
from nimare_pipeline.numerics.combination import fisher_weights, group_means, mean_shares
from nimare_pipeline.numerics.influence import Influence, influence
from nimare_pipeline.numerics.sample_size_likelihood import sample_size_variances
from nimare_pipeline.numerics.tau2 import estimate_tau2

Values = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Contrasts at voxels, (n_contrasts, n_voxels) arrays.

    Parameters
    ----------
    effect : array
        What is combined.
    se : array
        Its standard error; NaN where none is known.
    weight : array
        Share of the contrast, percent.
    measures : dict of str to array
        ``hat``, ``residual``, ``dffits``, ``cook``, ``influential``, of estimators that have them.
    means, variances : (n_groups, n_voxels) array, optional
        One effect a study, for tests that need independent ones; None without variances.
    """

    effect: Values
    se: Values
    weight: Values
    measures: dict[str, Values] = field(default_factory=dict)
    means: Values | None = None
    variances: Values | None = None


def parts(estimator: ImageEstimator, rows: Rows) -> Parts:
    """What each contrast says at voxels."""
    if isinstance(estimator, RegressionEstimator):
        return _regression(estimator, rows)
    if isinstance(estimator, CombinationEstimator):
        return _combination(estimator, rows)
    if isinstance(estimator, PermutedOLS):
        return _t_test(estimator, rows)
    if isinstance(estimator, WeightedMedian):
        return _median(estimator, rows)
    values = next(iter(rows.values.values()))
    nothing = np.full(values.shape, np.nan)
    return Parts(values, nothing, nothing)


def _regression(estimator: RegressionEstimator, rows: Rows) -> Parts:
    fit = _Weighted(estimator, rows)
    everyone = np.arange(len(fit.y))
    found = influence(fit.y, fit.refit, weigh=fit.weigh, groups=fit.groups, design=fit.matrix)
    v = fit.own_variances()
    means, variances = (fit.y, fit.refit(everyone)[0])
    if fit.groups is not None:
        shared = dependence.aggregate(fit.y, v, fit.groups, rho=estimator.rho)
        means, variances = shared.y, shared.v
    return Parts(
        fit.own,
        np.sqrt(v),
        found.weight[fit.row] / fit.share[:, None],
        _measures(found, fit.row),
        means,
        variances,
    )


class _Weighted:
    """Weighted fit of some rows, by the rules of an estimator, as ``influence`` asks for it."""

    def __init__(self, estimator: RegressionEstimator, rows: Rows) -> None:
        self.estimator, self.sizes = estimator, rows.sample_sizes
        self.matrix: Any = rows.state.matrix
        self.by_size = isinstance(estimator, SampleSizeBasedLikelihood)
        if self.by_size:
            self.y = rows.values["beta"]
            self.v = np.broadcast_to(1 / rows.sample_sizes[:, None], self.y.shape)
        else:
            self.y, self.v = estimator.effects(rows)
        self.own, self.own_v = self.y, self.v
        self.groups = rows.groups if rows.dependent else None
        self.row: Numbers = np.arange(len(self.y))
        self.share = np.ones(len(self.y))
        if rows.dependent and estimator.weight_scheme == "collapse":
            self._collapse(rows)

    def _collapse(self, rows: Rows) -> None:
        rho, of = self.estimator.rho, dependence.make_groups(rows.groups, len(self.y))
        self.sizes = dependence.aggregate_sizes(self.sizes, rows.groups, rho=rho)
        found = dependence.aggregate(self.y, self.v, rows.groups, rho=rho, design=self.matrix)
        self.y, self.v, self.matrix = found.y, found.v, found.design
        self.groups, self.row, self.share = None, of.codes, of.sizes[of.codes].astype(float)

    def refit(self, kept: Numbers) -> tuple[Values, Values]:
        """Variances within and between studies, as the kept rows tell them."""
        estimator, y, matrix = self.estimator, self.y[kept], self.matrix[kept]
        if self.by_size:
            return self._refit_by_size(kept)
        if estimator.tau2_method is None:
            return self.v, np.full(y.shape[1], estimator.given_tau2())
        if self.groups is None:
            found = estimate_tau2(estimator.tau2_method, y, self.v[kept], design=matrix)
        else:
            found = dependence.grouped_tau2(
                estimator.tau2_method, y, self.v[kept], self.groups[kept],
                scheme=estimator.weight_scheme, rho=estimator.rho, design=matrix,
            )  # fmt: skip
        return self.v, found.value

    def _refit_by_size(self, kept: Numbers) -> tuple[Values, Values]:
        y, sizes, matrix = self.y[kept], self.sizes[kept], self.matrix[kept]
        if self.groups is not None:
            groups, rho = self.groups[kept], self.estimator.rho
            ones = np.broadcast_to(1 / sizes[:, None], y.shape)
            found = dependence.aggregate(y, ones, groups, rho=rho, design=matrix)
            sizes = dependence.aggregate_sizes(sizes, groups, rho=rho)
            y, matrix = found.y, found.design
        if np.ptp(sizes) == 0:  # what one study told apart cannot be told without it
            return np.full(self.y.shape, np.nan), np.full(y.shape[1], np.nan)
        method: Any = self.estimator.tau2_method
        told = sample_size_variances(y, sizes, method=method, design=matrix)
        v = np.maximum(told.sigma2 / self.sizes[:, None], np.finfo(float).tiny)
        return v, told.tau2

    def own_variances(self) -> Values:
        """Variance of the effect of each contrast."""
        if not self.by_size:
            return np.asarray(self.own_v)
        v, _ = self.refit(np.arange(len(self.y)))
        # sigma2 / N of the rows that are fitted, to that of each contrast.
        return np.asarray(v[0] * self.sizes[0] * self.own_v)

    def weigh(self, v: Values, tau2: Values, rows: Numbers) -> Values:
        """Weights of rows."""
        if self.groups is None:
            return np.asarray(1 / (v + tau2))
        scheme = self.estimator.weight_scheme
        return dependence.group_weights(v, self.groups[rows], tau2, scheme=scheme)


def _measures(found: Influence, row: Numbers) -> dict[str, Values]:
    names = ("hat", "residual", "dffits", "cook", "influential")
    return {name: np.asarray(getattr(found, name), dtype=float)[row] for name in names}


def _combination(estimator: CombinationEstimator, rows: Rows) -> Parts:
    z, groups = rows.values["z"], rows.groups
    sizes = rows.sample_sizes if estimator.use_sample_size else None
    weight = fisher_weights(groups, sizes)
    if not isinstance(estimator, Fishers):
        in_group = np.bincount(groups)[groups]
        weight = np.sqrt(weight * in_group) / in_group
    share = np.broadcast_to((100 * weight / weight.sum())[:, None], z.shape)
    return Parts(z, np.ones_like(z), np.asarray(share))


def _t_test(estimator: PermutedOLS, rows: Rows) -> Parts:
    """The t test is a weighted fit whose variance is that of the effects, by sample size if so."""
    values, groups = rows.values[estimator.image], rows.groups
    sizes = rows.sample_sizes if estimator.use_sample_size else None
    means = group_means(values, groups)
    q = (mean_shares(groups, sizes) * len(means))[:, None]
    matrix = _of_studies(rows.state.matrix, groups)

    def refit(kept: Numbers) -> tuple[Values, Values]:
        y, w, x = means[kept], q[kept], matrix[kept]
        # Singular where a study alone told a coefficient: such fits are not used.
        inverted = np.linalg.pinv(np.einsum("ka,kb->ab", w * x, x))
        coef = inverted @ np.einsum("ka,kn->an", w * x, y)
        scale = (w * (y - np.einsum("ka,an->kn", x, coef)) ** 2).sum(axis=0)
        v = np.maximum(scale / (len(kept) - x.shape[1]), np.finfo(float).tiny) / q
        return v, np.zeros(means.shape[1])

    in_group = np.bincount(groups)[groups][:, None]
    if len(means) < matrix.shape[1] + 2:
        share = np.broadcast_to(100 * q / q.sum(), means.shape)[groups] / in_group
        return Parts(values, np.full(values.shape, np.nan), share)
    found = influence(means, refit, design=matrix)
    return Parts(
        values,
        np.full(values.shape, np.nan),
        found.weight[groups] / in_group,
        _measures(found, groups),
    )


def _of_studies(matrix: Values, groups: Numbers) -> Values:
    """Moderators of studies, (n_groups, n_coefficients): those of their images, all alike."""
    return np.stack([matrix[groups == code].mean(axis=0) for code in range(groups.max() + 1)])


def _median(estimator: WeightedMedian, rows: Rows) -> Parts:
    y, v = rows.values["beta"], rows.values["varcope"]
    means = dependence.aggregate(y, v, rows.groups, rho=estimator.rho)
    of = dependence.make_groups(rows.groups, len(y))
    tau2 = estimate_tau2(TAU2_METHOD, means.y, means.v).value
    weight = 1 / np.sqrt(means.v + tau2)
    share = 100 * weight / weight.sum(axis=0)
    in_group = of.sizes[of.codes][:, None]
    return Parts(y, np.sqrt(v), share[of.codes] / in_group, {}, means.y, means.v)
