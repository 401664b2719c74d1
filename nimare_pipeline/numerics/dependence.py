r"""Several images of one study: how they share its weight, and the variance between studies.

Study j gives :math:`n_j` effects of the same participants, which are correlated by an unknown
amount; rho is assumed for it. Three schemes:

- "rescale": every effect of a study has the weight :math:`1 / (n_j (\bar v_j + \tau^2))`, so that
  more images do not buy more influence (correlated effects: Hedges, Tipton and Johnson 2010, doi
  10.1002/jrsm.5; Fisher and Tipton 2015, arXiv 1503.02220);
- "individual": every effect has its own weight :math:`1 / (v + \tau^2)`;
- "collapse": a study's effects are replaced by their mean, whose variance is
  :math:`[\sum v + \rho ((\sum \sqrt v)^2 - \sum v)] / n_j^2`, and studies are independent.

Under the first two the standard error comes from ``robust_variance``.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.tau2 import Method, Tau2, estimate_tau2
from nimare_pipeline.numerics.weighted_fit import (
    Array,
    blocks,
    check_effects,
    make_design,
)

Scheme = Literal["rescale", "individual", "collapse"]
RHO = 0.8
"""Correlation that is assumed between effects of the same participants."""
_HEAVY = 0.9
"""Share of the others' information beyond which what is left of it is computed from them."""
_ALONE = 1e-10
"""Smallest eigenvalue of the other studies' rows where they tell every coefficient."""
_SAME = 1e-10
"""Values of a column that differ less than this, relatively, are the same."""


@dataclass(frozen=True)
class Groups:
    """Which study each effect belongs to.

    Parameters
    ----------
    codes : (n_effects,) int array
        0, 1, ... in the order in which the studies appear.
    sizes : (n_groups,) int array
        Effects of each.
    """

    codes: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Studies."""
        return len(self.sizes)

    @property
    def indicator(self) -> Array:
        """(n_groups, n_effects), 1 where an effect belongs to a study."""
        return np.asarray(self.codes == np.arange(self.n)[:, None], dtype=np.float64)


def make_groups(labels: Any, k: int) -> Groups:
    """Number the studies of k effects, of any labels; each its own where it is None.

    Raises
    ------
    ValueError
        If there are not as many labels as effects.
    """
    if isinstance(labels, Groups):
        return labels
    labels = np.arange(k) if labels is None else np.asarray(labels)
    if labels.shape != (k,):
        msg = f"{k} effects need as many labels of their studies, not an array {labels.shape}"
        raise ValueError(msg)
    _, first, codes, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    rank = np.argsort(order)
    return Groups(rank[codes], sizes[order])


@dataclass(frozen=True)
class Aggregated:
    """One effect a study.

    Parameters
    ----------
    y, v : (n_groups, n_voxels) arrays
        Mean of its effects, and variance of the mean.
    design : (n_groups, n_coefficients) array
    """

    y: Array
    v: Array
    design: Array


def aggregate(y: Any, v: Any, groups: Any, *, rho: float = RHO, design: Any = None) -> Aggregated:
    """Replace the effects of each study by their mean.

    Raises
    ------
    ValueError
        If a column of the design differs within a study: its mean would answer another question.
    """
    y, v = check_effects(y, v)
    of = make_groups(groups, len(y))
    full = make_design(design, len(y))
    sizes = of.sizes[:, None]
    means = of.indicator @ full.matrix / sizes
    differs = np.abs(full.matrix - means[of.codes]) > _SAME * np.abs(full.matrix).max(axis=0)
    if differs.any():
        column = int(np.argmax(differs.any(axis=0)))
        msg = (
            f"column {column} of the design (counted from 0) differs between images of one study: "
            "the images cannot be collapsed"
        )
        raise ValueError(msg)
    total = of.indicator @ v
    shared = (of.indicator @ np.sqrt(v)) ** 2 - total
    variance = np.where(sizes > 1, (total + rho * shared) / sizes**2, total)
    return Aggregated(of.indicator @ y / sizes, variance, means)


def aggregate_sizes(sizes: Any, groups: Any, *, rho: float = RHO) -> Array:
    """Sample size that the mean of a study's effects is worth, (n_groups,)."""
    of = make_groups(groups, len(sizes))
    v = 1 / np.asarray(sizes, dtype=np.float64)[:, None]
    total = of.indicator @ v
    shared = (of.indicator @ np.sqrt(v)) ** 2 - total
    return np.asarray((of.sizes[:, None] ** 2 / (total + rho * shared))[:, 0])


def group_weights(v: Array, groups: Any, tau2: Any = 0.0, *, scheme: Scheme = "rescale") -> Array:
    """Weight of every effect under a scheme that keeps them apart, (n_effects, n_voxels)."""
    if scheme == "individual":
        return np.asarray(1 / (v + tau2))
    of = make_groups(groups, len(v))
    total = of.indicator @ v + of.sizes[:, None] * np.asarray(tau2)
    return np.asarray(1 / total[of.codes])


def grouped_tau2(
    method: Method,
    y: Any,
    v: Any,
    groups: Any,
    *,
    scheme: Scheme = "rescale",
    rho: float = RHO,
    design: Any = None,
) -> Tau2:
    """Variance between studies where some have several effects.

    "individual" takes all effects for independent. "rescale" with DerSimonian and Laird is the
    moment estimator of correlated effects; all else is estimated from the means of the studies.
    """
    y, v = check_effects(y, v)
    if scheme == "individual":
        return estimate_tau2(method, y, v, design=design)
    if scheme == "rescale" and method == "dl":
        return _correlated_effects(y, v, groups, rho, design)
    means = aggregate(y, v, groups, rho=rho, design=design)
    return estimate_tau2(method, means.y, means.v, design=means.design)


def _correlated_effects(y: Array, v: Array, groups: Any, rho: float, design: Any) -> Tau2:
    """Hedges, Tipton and Johnson's estimator, for any design."""
    of, full = make_groups(groups, len(y)), make_design(design, len(y))
    check_n_groups(of, full.p)
    # Per study, of the orthonormal columns: X'X, and X'J X from their sums.
    sums = of.indicator @ full.basis
    within = np.einsum("gk,ka,kb->gab", of.indicator, full.basis, full.basis)
    crossed = np.einsum("ga,gb->gab", sums, sums)
    value = np.empty(y.shape[1])
    for at in blocks(y.shape[1]):
        w = 1 / (of.indicator @ v[:, at])
        rows = w[of.codes]
        inverted = np.linalg.inv(np.einsum("gn,gab->nab", w, within))
        gamma = np.einsum("nab,bn->an", inverted, full.basis.T @ (rows * y[:, at]))
        q = (rows * (y[:, at] - full.basis @ gamma) ** 2).sum(axis=0)
        shared = within + rho * (crossed - within)
        expected = _trace(inverted, w / of.sizes[:, None], shared)
        scale = _residual_part(w, sums, inverted, full.basis, of).sum(axis=0)
        value[at] = np.maximum((q - of.n + expected) / scale, 0.0)
    return Tau2(value, np.ones(len(value), dtype=bool))


def _residual_part(w: Array, sums: Array, inverted: Array, basis: Array, of: Groups) -> Array:
    r"""What each study adds to the factor of tau2, :math:`w n - w^2 s' M^{-1} s`, (n_groups, n).

    With U the rows of a study and s their sum, this is :math:`w 1' (I - w U M^{-1} U') 1`. Where
    the study outweighs all others that is nearly 0, and :math:`w 1' (I + w U M_{(g)}^{-1} U')^{-1}
    1`, M of the others alone, loses no digits to the difference.
    """
    own = np.einsum("ga,nab,gb->gn", sums, inverted, sums)
    sizes = of.sizes[:, None]
    part = w * (sizes - w * own)
    heavy = w * own > _HEAVY * sizes
    for group in np.flatnonzero(heavy.any(axis=1)):
        at, rows = heavy[group], np.flatnonzero(of.codes == group)
        others = np.delete(basis, rows, axis=0)
        if np.linalg.eigvalsh(others.T @ others)[0] < _ALONE:
            continue
        weights = np.delete(w[of.codes][:, at], rows, axis=0)
        rest = np.linalg.inv(np.einsum("kn,ka,kb->nab", weights, others, others))
        inner = np.einsum("ia,nab,jb->nij", basis[rows], rest, basis[rows])
        inner = np.eye(len(rows)) + w[group, at][:, None, None] * inner
        solved = np.linalg.solve(inner, np.ones((len(inner), len(rows), 1)))
        part[group, at] = w[group, at] * solved.sum(axis=(1, 2))
    return np.asarray(part)


def _trace(inverted: Array, w: Array, matrices: Array) -> Array:
    """Trace of the inverse times the weighted sum of the studies' matrices, at every voxel."""
    return np.asarray(np.einsum("nab,nab->n", inverted, np.einsum("gn,gab->nab", w, matrices)))


def check_n_groups(groups: Groups, p: int) -> None:
    """Raise ``ValueError`` unless there are more studies than coefficients."""
    if groups.n <= p:
        msg = f"{groups.n} independent study(ies) are too few for {p} coefficient(s)"
        raise ValueError(msg)
