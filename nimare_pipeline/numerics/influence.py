r"""What a weighted fit owes to single studies, at every voxel.

A study is left out with all of its images. With the weights kept, the fit without study g follows
from the whole one: with M the normal matrix, :math:`M_g = X_g' W_g X_g` and residuals e,

.. math::
    \hat\beta_{(g)} = \hat\beta - (M - M_g)^{-1} s_g, \quad s_g = X_g' W_g e_g, \quad
    q_{(g)} = q - e_g' W_g e_g - s_g' (M - M_g)^{-1} s_g.

Where the variance between studies is estimated it changes too, and the fit is made anew. The
measures of influence are those of Viechtbauer and Cheung (2010, doi 10.1002/jrsm.11).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtr

from nimare_pipeline.numerics.dependence import make_groups
from nimare_pipeline.numerics.weighted_fit import (
    Array,
    WeightedFit,
    blocks,
    fit_weights,
    inverse,
    make_design,
    moments,
    solve,
)

Rows = NDArray[np.int64]
Refit = Callable[[Rows], tuple[Array, Array]]
"""Rows that are kept, to the variances within studies (of all rows) and between them."""
Weigh = Callable[[Array, Array, Rows], Array]
"""Variances within (of rows), between, and which rows they are, to weights of those rows."""

_ALONE = 1e-10
"""What is left of a column without a study, relative to before, where it told it alone."""


@dataclass(frozen=True)
class LeftOut:
    """Weighted fits without each of the studies, the weights of the others kept.

    Parameters
    ----------
    coef : (n_groups, n_coefficients, n_voxels) array
    cov : (n_groups, n_coefficients, n_coefficients, n_voxels) array
        Where the weights are the inverse of known variances.
    q : (n_groups, n_voxels) array
        Weighted residual sums of squares.
    dof : (n_groups,) int array
        Images that are left, less coefficients.

    NaN where the others do not tell the coefficients, or tell them without a residual.
    """

    coef: Array
    cov: Array
    q: Array
    dof: NDArray[np.int64]

    def without(self, group: int) -> WeightedFit:
        """The fit without one study."""
        q = self.q[group]
        return WeightedFit(self.coef[group], self.cov[group], q, int(self.dof[group]), q <= 0)


def leave_out(y: Array, w: Array, *, groups: Any = None, design: Any = None) -> LeftOut:
    """Weighted fits without each study in turn, none of them made anew.

    Parameters
    ----------
    y, w : (n_images, n_voxels) arrays
        Effects and weights, all above 0.
    groups : (n_images,) array of labels, optional
        Images of a study are left out together; each image is its own study by default.
    design : (n_images, n_coefficients) array or ``Design``, optional
        The intercept by default.
    """
    full, of = make_design(design, len(y)), make_groups(groups, len(y))
    n, p = y.shape[1], full.p
    dof = full.dof - of.sizes
    out = LeftOut(
        np.full((of.n, p, n), np.nan),
        np.full((of.n, p, p, n), np.nan),
        np.full((of.n, n), np.nan),
        dof,
    )
    back = np.linalg.inv(full.triangle)
    members = [np.flatnonzero(of.codes == code) for code in range(of.n)]
    told = [dof[code] > 0 and _told(full.basis, rows) for code, rows in enumerate(members)]
    for at in blocks(n):
        gamma, _ = solve(full.basis, w[:, at] * y[:, at], w[:, at])
        residual = y[:, at] - full.basis @ gamma
        weighted = w[:, at] * residual
        q = np.einsum("kn,kn->n", weighted, residual)
        matrix = moments(full.basis, w[:, at])
        for code, rows in enumerate(members):
            if not told[code]:
                continue
            own = full.basis[rows]
            score = own.T @ weighted[rows]
            inverted = inverse(matrix - moments(own, w[rows, at]))
            change = np.einsum("abn,bn->an", inverted, score)
            out.coef[code][:, at] = back @ (gamma - change)
            out.cov[code][:, :, at] = np.einsum("ac,cdn,bd->abn", back, inverted, back)
            own_q = np.einsum("kn,kn->n", weighted[rows], residual[rows])
            left = q - own_q - np.einsum("an,an->n", score, change)
            out.q[code, at] = np.maximum(left, 0.0)
    return out


def _told(basis: Array, rows: Rows) -> bool:
    """Whether the coefficients can be told without some rows."""
    rest = np.delete(basis, rows, axis=0)
    return bool(np.linalg.eigvalsh(rest.T @ rest)[0] > _ALONE)


@dataclass(frozen=True)
class Influence:
    r"""How much each study counts at each voxel, after Viechtbauer and Cheung (2010).

    Parameters
    ----------
    weight : (n_images, n_voxels) array
        Share of an image in the sum of weights, percent.
    hat : (n_images, n_voxels) array
        Diagonal of the hat matrix.
    residual : (n_images, n_voxels) array
        Effect less what the other studies predict for it, over its standard deviation: the
        externally standardised (deleted) residual.
    dffits : (n_images, n_voxels) array
        Change of the prediction by the study, over its standard deviation without it.
    cook : (n_images, n_voxels) array
        Cook's distance: squared change of all coefficients, in the metric of their covariance.
    coef : (n_images, n_coefficients, n_voxels) array
        Coefficients without the study of the image.
    tau2 : (n_images, n_voxels) array
        Variance between studies without it.
    influential : (n_images, n_voxels) bool array
        |DFFITS| above :math:`3 \sqrt{p / (K - p)}`, Cook's distance beyond the median of
        chi-square on p degrees of freedom, or a hat value above 3 p / K.
    """

    weight: Array
    hat: Array
    residual: Array
    dffits: Array
    cook: Array
    coef: Array
    tau2: Array
    influential: NDArray[np.bool_]


def inverse_variance(v: Array, tau2: Array, rows: Rows) -> Array:
    """Weights of independent studies."""
    del rows
    return np.asarray(1 / (v + tau2))


def influence(
    y: Array,
    refit: Refit,
    *,
    weigh: Weigh = inverse_variance,
    groups: Any = None,
    design: Any = None,
) -> Influence:
    """Influence of every study, each left out with all of its images and the rest fitted anew.

    Covariances are those of known variances, for weights of any kind.

    Parameters
    ----------
    y : (n_images, n_voxels) array
        Effects.
    refit : callable
        Rows that are kept, to the variances of all rows, (n_images, n_voxels), and tau2,
        (n_voxels,). It is called with every row first.
    weigh : callable
        Variances of some rows, tau2 and those rows to weights.
    groups, design
        As for ``leave_out``.
    """
    full, of = make_design(design, len(y)), make_groups(groups, len(y))
    everyone = np.arange(len(y))
    v, tau2 = refit(everyone)
    w = weigh(v, tau2, everyone)
    whole = fit_weights(y, w, design=full)
    metric = moments(full.matrix, w)
    hat = w * np.einsum("ka,abn,kb->kn", full.matrix, whole.cov, full.matrix)
    shape = y.shape
    residual, dffits, cook, tau2s = (np.full(shape, np.nan) for _ in range(4))
    coef = np.full((len(y), full.p, shape[1]), np.nan)
    for code in range(of.n):
        rows, kept = np.flatnonzero(of.codes == code), np.flatnonzero(of.codes != code)
        if len(kept) <= full.p or not _told(full.basis, rows):
            continue
        v_out, tau2_out = refit(kept)
        w_out = weigh(v_out[kept], tau2_out, kept)
        out = fit_weights(y[kept], w_out, design=full.matrix[kept])
        own = full.matrix[rows]
        total = v_out[rows] + tau2_out
        uncertain = np.einsum("ka,abn,kb->kn", own, out.cov, own)
        change = whole.coef - out.coef
        residual[rows] = (y[rows] - own @ out.coef) / np.sqrt(total + uncertain)
        dffits[rows] = own @ change / np.sqrt(hat[rows] * total)
        cook[rows] = np.einsum("an,abn,bn->n", change, metric, change)
        tau2s[rows], coef[rows] = tau2_out, out.coef
    return Influence(
        100 * w / w.sum(axis=0), hat, residual, dffits, cook, coef, tau2s,
        _influential(hat, dffits, cook, full.k, full.p),
    )  # fmt: skip


def _influential(hat: Array, dffits: Array, cook: Array, k: int, p: int) -> NDArray[np.bool_]:
    known = np.isfinite(cook)
    far = np.abs(np.where(known, dffits, 0.0)) > 3 * np.sqrt(p / (k - p))
    moved = chdtrc(p, np.where(known, cook, 0.0)) < 0.5
    return np.asarray(far | moved | (hat > 3 * p / k))


@dataclass(frozen=True)
class Asymmetry:
    """Egger's regression at each voxel, (n_voxels,) arrays.

    Parameters
    ----------
    slope, se : arrays
        Change of the effect with its standard error, and the standard error of that; the slope is
        Egger's intercept of effect / se on 1 / se.
    t, p : arrays
        Test of it on ``dof`` degrees of freedom, two-sided.
    limit : array
        Effect at a standard error of 0.
    dof : int
    """

    slope: Array
    se: Array
    t: Array
    p: Array
    limit: Array
    dof: int


def egger(y: Array, v: Array) -> Asymmetry:
    """Egger's test of funnel asymmetry (1997, doi 10.1136/bmj.315.7109.629).

    Weighted least squares of effects on their standard errors with weights 1 / v, whose error is
    that of the residuals. NaN where all standard errors are the same, or fewer than three studies.

    Parameters
    ----------
    y, v : (n_studies, n_voxels) arrays
        Effects of independent studies and their variances.
    """
    k, n = y.shape
    slope, limit, error = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    if k > 2:
        # Only ratios of weights matter; so scaled they are at most 1.
        w, se = v.min(axis=0) / v, np.sqrt(v)
        total = w.sum(axis=0)
        centre, mean = (w * se).sum(axis=0) / total, (w * y).sum(axis=0) / total
        spread = (w * (se - centre) ** 2).sum(axis=0)
        told = spread > _ALONE * (w * v).sum(axis=0)
        found = (w * (se - centre) * (y - mean)).sum(axis=0)[told] / spread[told]
        slope[told], limit[told] = found, mean[told] - found * centre[told]
        residual = y[:, told] - limit[told] - slope[told] * se[:, told]
        error[told] = np.sqrt((w[:, told] * residual**2).sum(axis=0) / (k - 2) / spread[told])
    t = np.divide(slope, error, out=np.full(n, np.nan), where=error > 0)
    return Asymmetry(
        slope, error, t, np.asarray(2 * stdtr(max(k - 2, 1), -np.abs(t))), limit, k - 2
    )
