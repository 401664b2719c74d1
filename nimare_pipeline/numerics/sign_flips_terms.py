"""Statistics that flips of signs are made of, for ``sign_flips.flip_plan``.

All take values with NaN where a group has no data, over the whole mask. Signs of whole groups are
turned: where a study gives several images, effects are those of the study (see
``combination.group_means``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri_exp

from nimare_pipeline.numerics.combination import (
    FisherScale,
    fisher_scale,
    fisher_weights,
    group_scores,
    satterthwaite,
)
from nimare_pipeline.numerics.coverage import bags
from nimare_pipeline.numerics.sign_flips import Curve, FlipTerms, Reestimated
from nimare_pipeline.numerics.sign_flips_sums import CONSERVATIVE, KNAPP_HARTUNG, WALD
from nimare_pipeline.numerics.student import t_logsf

_Floats = NDArray[np.float64]
_MOST_T = 1e100
_DOF_STEPS = 64
ERRORS = {
    "knapp-hartung": KNAPP_HARTUNG,
    "knapp-hartung-conservative": CONSERVATIVE,
    "wald": WALD,
}
"""Standard errors that random-effects statistics are offered with."""


@dataclass(frozen=True)
class TCurve:
    """Make z of t from ``t / sqrt(t**2 + dof)``, which is 0 to 1, times ``limit``."""

    dof: float
    limit: float = 1.0

    def __call__(self, sums: _Floats) -> _Floats:
        """Make z of shares."""
        share = np.minimum((sums / self.limit) ** 2, 1.0)
        with np.errstate(divide="ignore"):
            t = np.sqrt(self.dof * share / (1 - share))
        return np.maximum(-ndtri_exp(t_logsf(np.minimum(t, _MOST_T), self.dof)), 0.0)


@dataclass(frozen=True)
class Itself:
    """The sum is z."""

    limit: float = float("inf")

    def __call__(self, sums: _Floats) -> _Floats:
        """Leave it."""
        return sums


@dataclass(frozen=True)
class FisherCurve:
    """Make z of Fisher's X."""

    reference: FisherScale
    limit: float = float("inf")

    def __call__(self, sums: _Floats) -> _Floats:
        """Make z of X."""
        return np.maximum(-ndtri_exp(self.reference.logsf(sums)), 0.0)


def one_sample_t(y: _Floats) -> FlipTerms:
    """Student's t of the mean of the groups that have data: values scaled to unit length.

    Parameters
    ----------
    y : (n_groups, n_voxels) array
        NaN where a group has no data. Voxels with fewer than two have no statistic.
    """
    known = np.isfinite(y)
    terms = np.where(known, _exact(y), 0.0)
    length = np.sqrt((terms**2).sum(axis=0))
    terms /= np.where(length > 0, length, 1.0)
    n = np.where(length > 0, known.sum(axis=0), 0)
    family, curves = _families(n, lambda size: TCurve(size - 1.0, float(np.sqrt(size))))
    return FlipTerms(terms, family, curves)


def stouffer(
    z: _Floats,
    groups: NDArray[np.int64],
    *,
    sample_sizes: _Floats | None = None,
    correlation: _Floats | None = None,
) -> FlipTerms:
    """Stouffer's Z; groups are numbered from 0, and may have several images.

    Parameters
    ----------
    z : (n_images, n_voxels) array
        NaN where an image has no data.
    groups : (n_images,) int array
    sample_sizes, correlation
        As for ``combination.stouffer``.
    """

    def of(rows: NDArray[np.int64], values: _Floats) -> _Part | None:
        found = group_scores(
            values, groups[rows], sample_sizes=_at(sample_sizes, rows),
            correlation=None if correlation is None else correlation[np.ix_(rows, rows)],
        )  # fmt: skip
        if len(found.groups) < 2:
            return None
        share = found.weight / np.sqrt((found.weight**2).sum())
        return _Part(found.groups, share[:, None] * found.z, Itself())

    return _of_bags(z, groups, of)


def fisher(
    z: _Floats,
    groups: NDArray[np.int64],
    *,
    sample_sizes: _Floats | None = None,
    correlation: _Floats | None = None,
) -> FlipTerms:
    r"""Fisher's X: ``ln sf(s z)`` is its mean over both signs, plus s times half the difference.

    Parameters
    ----------
    z, groups, sample_sizes, correlation
        As for ``stouffer``.
    """

    def of(rows: NDArray[np.int64], values: _Floats) -> _Part | None:
        names, which = np.unique(groups[rows], return_inverse=True)
        if len(names) < 2:
            return None
        weights = fisher_weights(which, _at(sample_sizes, rows))
        own = None if correlation is None else correlation[np.ix_(rows, rows)]
        above, below = log_ndtr(-values), log_ndtr(values)
        terms = np.zeros((len(names), values.shape[1]))
        np.add.at(terms, which, -weights[:, None] * (above - below))
        offset = -(weights[:, None] * (above + below)).sum(axis=0)
        return _Part(names, terms, FisherCurve(fisher_scale(weights, which, own)), offset)

    return _of_bags(z, groups, of)


def fixed_weights(y: _Floats, v: _Floats) -> FlipTerms:
    r"""Z of the mean with known variances: :math:`\sum y / v / \sqrt{\sum 1 / v}`.

    Parameters
    ----------
    y, v : (n_groups, n_voxels) arrays
        Effects and variances, that between studies included; NaN where a group has no data.
    """
    y, v = _exact(y), _exact(v)
    known = np.isfinite(y) & np.isfinite(v) & (v > 0)
    weight = np.where(known, 1 / np.where(known, v, 1.0), 0.0)
    total = np.sqrt(weight.sum(axis=0))
    terms = weight * np.where(known, y, 0.0) / np.where(total > 0, total, 1.0)
    family = np.where(known.sum(axis=0) < 2, -1, 0)
    return FlipTerms(terms, family, (Itself(),))


def robust_mean(y: _Floats, weight: _Floats) -> FlipTerms:
    r"""T of a weighted mean with cluster-robust (CR2) error and Satterthwaite's dof.

    With shares h, :math:`b = h^2 / (1 - h)` and y scaled so that :math:`\sum b y^2 = 1`, the
    error is :math:`1 - 2 \mu M + \mu^2 B` of :math:`\mu = \sum h y`, :math:`M = \sum b y`,
    :math:`B = \sum b`, which is :math:`1 + (\sqrt B \mu - M / \sqrt B)^2 - M^2 / B`.

    Parameters
    ----------
    y : (n_groups, n_voxels) array
        NaN where a group has no data.
    weight : (n_groups,) or (n_groups, n_voxels) array
        Of each group: its sample size, or what a model of fixed variance has.
    """
    y, weight = _exact(y), _exact(weight)
    known = np.isfinite(y)
    few = known.sum(axis=0) < 2
    weight = np.where(known, weight[:, None] if weight.ndim == 1 else weight, 0.0)
    share = np.where(few, 0.0, weight / np.where(few, 1.0, weight.sum(axis=0)))
    part = share**2 / (1 - share)
    filled = np.where(known, y, 0.0)
    length = np.sqrt((part * filled**2).sum(axis=0))
    filled = filled / np.where(length > 0, length, 1.0)
    root = np.sqrt(np.where(few, 1.0, part.sum(axis=0)))
    dof = _satterthwaite_steps(share)
    family, curves = _families(
        np.where(few | (length == 0), 0, dof), lambda one: TCurve(one / _DOF_STEPS)
    )
    kept = np.maximum(dof, _DOF_STEPS) / _DOF_STEPS
    second = part * filled / root
    first = share * filled
    return FlipTerms(
        first / np.sqrt(kept), family, curves,
        more=(root * first - second, second), form=(1.0, 1.0, -1.0),
    )  # fmt: skip


def _satterthwaite_steps(share: _Floats) -> NDArray[np.int64]:
    """Satterthwaite's degrees of freedom at each voxel, in steps that tables are made for."""
    columns, which = np.unique(share, axis=1, return_inverse=True)
    dof = np.array([satterthwaite(one) if one.any() else 1.0 for one in columns.T])
    return np.asarray(np.rint(dof * _DOF_STEPS).astype(np.int64)[which.ravel()])


def model_term(y: _Floats, design: _Floats, term: int) -> FlipTerms:
    r"""T of one term of a linear model, by Freedman and Lane (1983).

    Signs of the residuals of the model without the term are turned. With an orthonormal basis Q
    of the design whose first column is the term's own part, and residuals of unit length, t has
    the share :math:`L_0 / \sqrt{1 - \sum_{j > 0} L_j^2}`, :math:`L_j = \sum_g s_g Q_{gj} e_g`.

    Parameters
    ----------
    y : (n_groups, n_voxels) array
        NaN where a group has no data. Voxels whose groups do not determine the term, or leave no
        degree of freedom, have no statistic.
    design : (n_groups, p) array
    term : int
        Column of the design.
    """
    p = design.shape[1]
    sums = np.zeros((p, *y.shape))
    dof = np.zeros(y.shape[1], dtype=np.int64)
    others = np.delete(design, term, axis=1)
    for bag in bags(np.isfinite(y)):
        own, rest = _split(design[bag.rows, term], others[bag.rows])
        left = len(bag.rows) - 1 - rest.shape[1]
        if own is None or left < 1:
            continue
        values = _exact(y[np.ix_(bag.rows, bag.voxels)])
        residuals = values - rest @ (rest.T @ values)
        length = np.sqrt((residuals**2).sum(axis=0))
        # What is left of an exact fit by rounding is nothing.
        real = length > 1e-10 * np.sqrt((values**2).sum(axis=0))
        residuals = np.where(real, residuals / np.where(real, length, 1.0), 0.0)
        for at, column in enumerate((own, *rest.T)):
            sums[at][np.ix_(bag.rows, bag.voxels)] = column[:, None] * residuals
        dof[bag.voxels] = np.where(real, left, 0)
    family, curves = _families(dof, lambda one: TCurve(float(one)), least=1)
    return FlipTerms(
        sums[0], family, curves, more=tuple(sums[1:]), form=(0.0,) + (-1.0,) * (p - 1)
    )


def _split(own: _Floats, others: _Floats) -> tuple[_Floats | None, _Floats]:
    """Unit vector of a column's own part (None if it has none), and a basis of the others."""
    left, size, _ = np.linalg.svd(others, full_matrices=False)
    basis = left[:, size > 1e-10 * max(float(size.max(initial=0)), 1e-300)]
    rest = own - basis @ (basis.T @ own)
    length = float(np.sqrt((rest**2).sum()))
    if length <= 1e-8 * float(np.sqrt((own**2).sum())):
        return None, basis
    return rest / length, basis


def random_effects(y: _Floats, v: _Floats, *, tau2: str = "dl", error: str) -> Reestimated:
    r"""Random-effects mean with tau2 by DerSimonian and Laird, or by Hedges, at every flip.

    With :math:`S = \sum s y / v` the former is :math:`\max(0, A - B S^2)`,
    :math:`A = (\sum y^2 / v - (K - 1)) / D`, :math:`B = 1 / (D \sum 1 / v)`,
    :math:`D = \sum 1 / v - \sum v^{-2} / \sum 1 / v`; the latter is with :math:`S = \sum s y`.

    Parameters
    ----------
    y, v : (n_groups, n_voxels) arrays
        Effects and variances; NaN where a group has no data.
    tau2 : "dl" or "he"
    error : str
        One of ``ERRORS``.
    """
    y, v = _exact(y), _exact(v)
    known = np.isfinite(y) & np.isfinite(v) & (v > 0)
    n = known.sum(axis=0)
    some = n > 1
    y = np.where(known, y, 0.0)
    variance = np.where(known, v, np.inf)
    k = np.where(some, n, 2).astype(float)
    if tau2 == "dl":
        weight = 1 / variance
        total = np.where(some, weight.sum(axis=0), 1.0)
        # Sum of w (1 - w / total), of which the largest weight's rest is added up, not left over.
        largest = np.arange(len(weight))[:, None] == weight.argmax(axis=0)
        others = np.where(largest, 0.0, weight)
        rest = np.where(largest, others.sum(axis=0), total - weight)
        spread = np.where(some, (weight * rest).sum(axis=0) / total, 1.0)
        a = ((weight * y**2).sum(axis=0) - (k - 1)) / spread
        b = 1 / (spread * total)
    else:
        mean = np.where(known, v, 0.0).sum(axis=0) / k
        a = ((y**2).sum(axis=0) - (k - 1) * mean) / (k - 1)
        b = 1 / (k * (k - 1))
    kind = ERRORS[error]
    if kind == WALD:
        family, curves = np.where(some, 0, -1), (Itself(),)
        return Reestimated(tau2 == "dl", a, b, y, variance, kind, family, curves)
    family, of_t = _families(np.where(some, n, 0), lambda size: TCurve(size - 1.0))
    return Reestimated(tau2 == "dl", a, b, y, variance, kind, family, of_t)


def _families(
    numbers: NDArray[np.int64], make: Callable[[int], Curve], *, least: int = 2
) -> tuple[NDArray[np.int64], tuple[Curve, ...]]:
    """Family of each voxel by a number (-1 below the least), and the curve of each family."""
    kinds, family = np.unique(numbers, return_inverse=True)
    few = int(np.searchsorted(kinds, least))
    return np.maximum(family - few, -1), tuple(make(int(kind)) for kind in kinds[few:])


def _exact(values: NDArray[np.floating]) -> _Floats:
    """Values of images, which come in single precision, for reckoning."""
    return np.asarray(values, dtype=np.float64)


def _at(values: _Floats | None, rows: NDArray[np.int64]) -> _Floats | None:
    return None if values is None else values[rows]


@dataclass(frozen=True)
class _Part:
    """Terms of the voxels of a bag: of which groups, and what makes z of their sum."""

    groups: NDArray[np.int64]
    terms: _Floats
    curve: Curve
    offset: _Floats | None = None


def _of_bags(
    values: _Floats,
    groups: NDArray[np.int64],
    of: Callable[[NDArray[np.int64], _Floats], _Part | None],
) -> FlipTerms:
    """Put together the terms of all bags; bags of the same curve are one family."""
    n_voxels = values.shape[1]
    terms = np.zeros((int(groups.max(initial=-1)) + 1, n_voxels))
    offset: _Floats | None = None
    family = np.full(n_voxels, -1, dtype=np.int64)
    curves: dict[Curve, int] = {}
    for rows, voxels in _covered(values):
        part = of(rows, _exact(values[np.ix_(rows, voxels)]))
        if part is None:
            continue
        terms[np.ix_(part.groups, voxels)] = part.terms
        family[voxels] = curves.setdefault(part.curve, len(curves))
        if part.offset is not None:
            offset = np.zeros(n_voxels) if offset is None else offset
            offset[voxels] = part.offset
    return FlipTerms(terms, family, tuple(curves), offset)


def _covered(values: _Floats) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return ((bag.rows, bag.voxels) for bag in bags(np.isfinite(values)))
