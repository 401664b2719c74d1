r"""Combination of z over studies: Stouffer's, Fisher's, and the t-test of their effects.

Images of one study share people; how far they are correlated without an effect is given as a
matrix. Two-sided tests are *concordant* (Winkler et al. 2016): both directed tests are made and
the smaller p is doubled, so that studies of opposite signs speak against each other. All tails are
in log space.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, gammaln, log_ndtr, logsumexp, ndtri_exp

from nimare_pipeline.numerics.student import t_logsf

_CANCELLED = 1e-12
_TINY = 1e-280
_MOST_STEPS = 500
_LN2 = float(np.log(2))
_ALMOST_ONE = 10.0
"""For a z this far below 0, -ln p and 1 - p are the same number."""


@dataclass(frozen=True)
class Combined:
    """A test at each voxel.

    Parameters
    ----------
    z : (n_voxels,) array
        Two-sided: with the sign of the better tail, 0 where neither has p below .5. One-sided:
        large where the positive tail is small.
    stat : (n_voxels,) array
        The test's own statistic: Stouffer's Z, Fisher's X of the better tail, t.
    dof : float
        Degrees of freedom: independent groups less 1, or Satterthwaite's.
    dropped : tuple of int
        Groups whose images cancel each other, and say nothing.
    """

    z: NDArray[np.float64]
    stat: NDArray[np.float64]
    dof: float
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True)
class GroupScores:
    """One z for each group of dependent images, and its weight.

    Parameters
    ----------
    z : (n_groups, n_voxels) array
    weight : (n_groups,) array
    groups : (n_groups,) int array
        Which groups these are.
    dropped : tuple of int
        Groups whose images cancel each other.
    """

    z: NDArray[np.float64]
    weight: NDArray[np.float64]
    groups: NDArray[np.int64]
    dropped: tuple[int, ...]


def group_scores(
    z: NDArray[np.float64],
    groups: NDArray[np.integer],
    *,
    sample_sizes: NDArray[np.float64] | None = None,
    correlation: NDArray[np.float64] | None = None,
) -> GroupScores:
    """Mean z of each group over its standard deviation; the weight is the root of the mean N.

    Parameters
    ----------
    z : (n_images, n_voxels) array
        Without gaps.
    groups : (n_images,) int array
    sample_sizes : (n_images,) array, optional
        Groups weigh alike without.
    correlation : (n_images, n_images) array, optional
        See ``null_correlation``; images are independent without.
    """
    scores, weights, kept, dropped = [], [], [], []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        own = np.eye(len(rows)) if correlation is None else correlation[np.ix_(rows, rows)]
        variance = float(own.sum()) / len(rows) ** 2
        if variance <= _CANCELLED:
            dropped.append(int(group))
            continue
        scores.append(z[rows].mean(axis=0) / np.sqrt(variance))
        weights.append(1.0 if sample_sizes is None else np.sqrt(sample_sizes[rows].mean()))
        kept.append(int(group))
    return GroupScores(
        np.reshape(scores, (len(scores), z.shape[1])),
        np.array(weights),
        np.array(kept, dtype=np.int64),
        tuple(dropped),
    )


def stouffer(
    z: NDArray[np.float64],
    *,
    groups: NDArray[np.integer] | None = None,
    sample_sizes: NDArray[np.float64] | None = None,
    correlation: NDArray[np.float64] | None = None,
    two_sided: bool = True,
) -> Combined:
    r"""Stouffer's test, :math:`Z = \sum w z / \sqrt{\sum w^2}` over groups (Zaykin 2011).

    Parameters
    ----------
    z : (n_images, n_voxels) array
        Without gaps.
    groups : (n_images,) int array, optional
        Every image is its own group without.
    sample_sizes, correlation
        As for ``group_scores``.
    two_sided : bool
    """
    del two_sided  # Z is symmetric: both tests have the same z
    groups = np.arange(len(z)) if groups is None else groups
    found = group_scores(z, groups, sample_sizes=sample_sizes, correlation=correlation)
    share = found.weight / np.sqrt((found.weight**2).sum())
    combined = np.asarray((share[:, None] * found.z).sum(axis=0))
    return Combined(combined, combined, len(found.weight) - 1, found.dropped)


@dataclass(frozen=True)
class FisherScale:
    """Reference of a weighted sum of dependent -2 ln p: ``scale`` times chi-square.

    Parameters
    ----------
    scale, dof : float
        See ``fisher``.
    """

    scale: float
    dof: float

    def logsf(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural log of the upper tail."""
        return chi2_logsf(x / self.scale, self.dof)


def fisher_weights(
    groups: NDArray[np.integer], sample_sizes: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Weight of each image: its group's mean N (or 1), divided among the group's images."""
    weights = np.zeros(len(groups))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        own = 1.0 if sample_sizes is None else float(sample_sizes[rows].mean())
        weights[rows] = own / len(rows)
    return weights


def fisher_scale(
    weights: NDArray[np.float64],
    groups: NDArray[np.integer],
    correlation: NDArray[np.float64] | None = None,
) -> FisherScale:
    r"""Match mean and variance of the weighted sum (Brown 1975; Kost & McDermott 2002).

    :math:`E = 2 \sum w`, :math:`V = 4 \sum w^2 + 2 \sum_{i<j} w_i w_j \kappa(\rho_{ij})` over
    pairs of one group, :math:`\kappa = 3.263 \rho + .710 \rho^2 + .027 \rho^3`; scale V / 2E and
    2 E^2 / V degrees of freedom.
    """
    mean, variance = 2 * float(weights.sum()), 4 * float((weights**2).sum())
    if correlation is not None:
        same = (groups[:, None] == groups[None, :]) & ~np.eye(len(groups), dtype=bool)
        rho = np.where(same, correlation, 0.0)
        kappa = rho * (3.263 + rho * (0.710 + rho * 0.027))
        variance += float((weights[:, None] * weights[None, :] * kappa).sum())
    return FisherScale(variance / (2 * mean), 2 * mean**2 / variance)


def fisher(
    z: NDArray[np.float64],
    *,
    groups: NDArray[np.integer] | None = None,
    sample_sizes: NDArray[np.float64] | None = None,
    correlation: NDArray[np.float64] | None = None,
    two_sided: bool = True,
) -> Combined:
    r"""Fisher's test, :math:`X = -2 \sum w \ln p` of one-sided p, referred to scaled chi-square.

    Parameters
    ----------
    z, groups, sample_sizes, correlation, two_sided
        As for ``stouffer``; weights are N, not its root.
    """
    groups = np.arange(len(z)) if groups is None else groups
    weights = fisher_weights(groups, sample_sizes)
    reference = fisher_scale(weights, groups, correlation)
    dof = len(np.unique(groups)) - 1
    above = -2 * (weights[:, None] * log_ndtr(-z)).sum(axis=0)
    if not two_sided:
        return Combined(_signed_z(above, _log_sum(weights, z), reference), above, dof)
    below = -2 * (weights[:, None] * log_ndtr(z)).sum(axis=0)
    stat = np.maximum(above, below)
    size = np.maximum(-ndtri_exp(reference.logsf(stat)), 0.0)
    return Combined(np.where(above >= below, size, -size), stat, dof)


def _log_sum(weights: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural log of X, also where each -ln p is smaller than any float."""
    below = log_ndtr(np.minimum(z, -_ALMOST_ONE))
    # -ln(1 - q) is q itself where q is tiny; its log does not underflow.
    minus = np.where(z < -_ALMOST_ONE, below, np.log(-log_ndtr(-np.maximum(z, -_ALMOST_ONE))))
    return np.asarray(_LN2 + logsumexp(minus + np.log(weights)[:, None], axis=0))


def _signed_z(
    x: NDArray[np.float64], log_x: NDArray[np.float64], reference: FisherScale
) -> NDArray[np.float64]:
    """One-sided z of X: below 0 by the lower tail, as the upper one is then 1 in all digits."""
    logsf = reference.logsf(x)
    lower = chi2_logcdf(log_x - np.log(reference.scale), reference.dof)
    return np.asarray(np.where(logsf > -_LN2, ndtri_exp(lower), -ndtri_exp(logsf)))


def chi2_logcdf(log_x: NDArray[np.float64], dof: float) -> NDArray[np.float64]:
    """Natural log of the lower tail of chi-square, from the log of x; not for large x.

    Where the tail underflows by its series, of which then the first terms count.
    """
    a, log_y = dof / 2, np.asarray(log_x, dtype=float) - _LN2
    y = np.exp(log_y)
    tail = np.asarray(gammainc(a, y))
    with np.errstate(divide="ignore"):
        out = np.asarray(np.log(tail))
    near = tail < _TINY
    term = total = np.ones_like(y[near])
    for step in range(1, _MOST_STEPS):
        term = term * y[near] / (a + step)
        total = total + term
        if (term <= 1e-17 * total).all():
            break
    out[near] = a * log_y[near] - y[near] - gammaln(a + 1) + np.log(total)
    return out


def chi2_logsf(x: NDArray[np.float64], dof: float) -> NDArray[np.float64]:
    """Natural log of the upper tail of chi-square, far beyond where p underflows.

    Far out by the continued fraction of the incomplete gamma function (Lentz's method).
    """
    a, y = dof / 2, np.asarray(x, dtype=float) / 2
    tail = np.asarray(gammaincc(a, np.maximum(y, 0.0)))
    with np.errstate(divide="ignore"):
        out = np.asarray(np.log(tail))
    far = (tail < _TINY) & np.isfinite(y)
    out[far] = a * np.log(y[far]) - y[far] - gammaln(a) + np.log(_upper_fraction(a, y[far]))
    return out


def _upper_fraction(a: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gamma(a, y) over y**a exp(-y), for y well above a."""
    b = y + 1 - a
    d = 1 / b
    c = np.full_like(b, 1e300)
    value = d.copy()
    for step in range(1, _MOST_STEPS):
        factor = -step * (step - a)
        b = b + 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        change = c * d
        value *= change
        if (np.abs(change - 1) < 1e-15).all():
            break
    return value


def group_means(y: NDArray[np.float64], groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean of each group's images, (n_groups, n_voxels) in the order of the groups."""
    return np.array([y[groups == group].mean(axis=0) for group in np.unique(groups)])


def one_sample_t(
    y: NDArray[np.float64],
    *,
    groups: NDArray[np.integer] | None = None,
    sample_sizes: NDArray[np.float64] | None = None,
    two_sided: bool = True,
) -> Combined:
    r"""T of the mean of the groups' means.

    With sample sizes q (the mean N of each group) the mean is weighted by :math:`h = q / \sum q`,
    its variance is the cluster-robust :math:`\sum h^2 (y - \hat\mu)^2 / (1 - h)` (CR2, Bell &
    McCaffrey 2002) and the degrees of freedom are Satterthwaite's (Tipton 2015).

    Parameters
    ----------
    y : (n_images, n_voxels) array
        Without gaps.
    groups : (n_images,) int array, optional
    sample_sizes : (n_images,) array, optional
    two_sided : bool

    Returns
    -------
    Combined
        NaN where all groups have the same mean: without variance there is no t.
    """
    del two_sided  # t is symmetric: both tests have the same z
    groups = np.arange(len(y)) if groups is None else groups
    means = group_means(y, groups)
    share = mean_shares(groups, sample_sizes)
    # Equal shares have one less than there are of them, but for rounding.
    dof = len(share) - 1.0 if sample_sizes is None else satterthwaite(share)
    mean = (share[:, None] * means).sum(axis=0)
    spread = ((share**2 / (1 - share))[:, None] * (means - mean) ** 2).sum(axis=0)
    # What rounding leaves of equal values is no variance: t would be 1e16 out of nothing.
    rounding = (4 * len(share) * np.finfo(float).eps) ** 2
    known = spread > rounding * mean**2
    t = np.divide(mean, np.sqrt(spread), out=np.full(mean.shape, np.nan), where=known)
    z = np.sign(t) * np.maximum(-ndtri_exp(t_logsf(np.abs(t), dof)), 0.0)
    return Combined(np.asarray(z), t, dof)


def mean_shares(
    groups: NDArray[np.integer], sample_sizes: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Share of each group in the mean: alike, or as its mean sample size."""
    names = np.unique(groups)
    if sample_sizes is None:
        return np.full(len(names), 1 / len(names))
    size = np.array([sample_sizes[groups == name].mean() for name in names])
    return np.asarray(size / size.sum())


def satterthwaite(share: NDArray[np.float64]) -> float:
    """Degrees of freedom of the CR2 variance of a mean with those shares, at least 1."""
    part = share**2 / (1 - share)
    first = ((part / (1 - share)) * (1 - 2 * share)).sum()
    return float(max(1 / (first + part.sum() ** 2), 1.0))
