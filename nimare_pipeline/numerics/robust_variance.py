r"""Standard errors that hold however the images of a study are correlated.

Cluster-robust variance with the bias-reduced adjustment CR2 and Satterthwaite degrees of freedom
(Bell and McCaffrey 2002; Tipton 2015, doi 10.1037/met0000011; Pustejovsky and Tipton 2018, doi
10.1080/07350015.2016.1247004). With the weights taken for the inverse variances, effects and
design are divided by their standard deviations, and U are orthonormal columns of that design.
Study j has rows :math:`U_j`, :math:`G_j = U_j' U_j` and residuals :math:`e_j`; then

.. math:: s_j = (I - G_j)^{-1/2} U_j' e_j, \qquad V = \sum_j s_j s_j'

is the variance of the coefficients of U, unbiased if the weights are right. For a combination a
of them, :math:`b_j = G_j (I - G_j)^{-1/2} a`, :math:`d_j = a' G_j (I - G_j)^{-1} a`, it has

.. math:: \nu = |a|^4 / [\sum_j (d_j^2 - 2 d_j |b_j|^2) + \|\sum_j b_j b_j'\|^2]

degrees of freedom. Of an intercept alone all this has a closed form (see the tests). A study that
determines a combination all alone (an eigenvalue of :math:`G_j` of 1) leaves no residual to tell
its variance: then there is none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.dependence import Groups, check_n_groups, make_groups
from nimare_pipeline.numerics.weighted_fit import (
    Array,
    Design,
    Inference,
    blocks,
    cholesky,
    inverse_root,
    make_design,
    moments,
    ratio,
)

_ALONE = 1e-8
"""A study leaves less than this of a direction to the others: it determines it alone."""


@dataclass(frozen=True)
class RobustFit:
    """Weighted fit with cluster-robust variance, and the contrasts that were asked for.

    Parameters
    ----------
    coef : (n_coefficients, n_voxels) array
    cov : (n_coefficients, n_coefficients, n_voxels) array
        Robust covariance. A direction that one study determines alone adds nothing to it.
    contrasts : (n_contrasts, n_coefficients) array
    se, dof : (n_contrasts, n_voxels) arrays
        Of each contrast; NaN where a study determines it alone.
    q : (n_voxels,) array
        Weighted residual sum of squares.
    """

    coef: Array
    cov: Array
    contrasts: Array
    se: Array
    dof: Array
    q: Array

    def infer(self, contrast: int = 0) -> Inference:
        """Estimate, standard error and t of one of the contrasts."""
        est, se = self.contrasts[contrast] @ self.coef, self.se[contrast]
        return Inference(est, se, ratio(est, se), self.dof[contrast])


def robust_fit(
    y: Array, w: Array, groups: Any, *, design: Any = None, contrasts: Any = None
) -> RobustFit:
    """Weighted least squares with cluster-robust variance.

    Parameters
    ----------
    y, w : (n_effects, n_voxels) arrays
        Effects and their weights, all above 0, see ``dependence.group_weights``.
    groups : (n_effects,) array of labels
        Study of each effect.
    design : (n_effects, n_coefficients) array, optional
        The intercept by default.
    contrasts : (n_contrasts, n_coefficients) array, optional
        Combinations of coefficients to test; each coefficient by default.
    """
    full, of = make_design(design, len(y)), make_groups(groups, len(y))
    check_n_groups(of, full.p)
    n, p = y.shape[1], full.p
    wanted = np.eye(p) if contrasts is None else np.atleast_2d(np.asarray(contrasts, dtype=float))
    out = RobustFit(
        coef=np.empty((p, n)),
        cov=np.empty((p, p, n)),
        contrasts=wanted,
        se=np.empty((len(wanted), n)),
        dof=np.empty((len(wanted), n)),
        q=np.empty(n),
    )
    for at in blocks(n):
        _fill(out, at, y[:, at], np.sqrt(w[:, at]), full, of)
    return out


def _fill(out: RobustFit, at: slice, y: Array, root_w: Array, full: Design, of: Groups) -> None:
    """Fit one block of voxels."""
    inverted = inverse_root(cholesky(moments(full.basis, root_w**2)))
    # Orthonormal columns of the design divided by the standard deviations, (k, p, n).
    columns = np.einsum("ka,ban,kn->kbn", full.basis, inverted, root_w)
    gamma = np.einsum("kbn,kn->bn", columns, root_w * y)
    scaled = root_w * y
    residual = scaled - np.einsum("kbn,bn->kn", columns, gamma)
    rounding = 4 * full.k * np.finfo(float).eps * np.abs(scaled).max(axis=0)
    residual[:, np.abs(residual).max(axis=0) <= rounding] = 0.0
    back = np.einsum("ca,ban->cbn", np.linalg.inv(full.triangle), inverted)
    meat, terms, alone = _sum_studies(
        columns, residual, of, np.einsum("qc,cbn->qnb", out.contrasts, back)
    )
    out.coef[:, at] = np.einsum("cbn,bn->cn", back, gamma)
    out.q[at] = (residual**2).sum(axis=0)
    out.cov[:, :, at] = np.einsum("cbn,nbd,edn->cen", back, meat, back)
    variance = np.einsum("qc,cen,qe->qn", out.contrasts, out.cov[:, :, at], out.contrasts)
    out.se[:, at] = np.where(alone, np.nan, np.sqrt(np.maximum(variance, 0.0)))
    out.dof[:, at] = np.where(alone, np.nan, np.maximum(terms, 1.0))


def _sum_studies(
    columns: Array, residual: Array, of: Groups, a: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Variance of the orthonormal coefficients, degrees of freedom, and what has neither.

    ``a``, (n_contrasts, n_voxels, p), are the contrasts in terms of the orthonormal columns.
    """
    p, n = columns.shape[1:]
    meat, spread = np.zeros((n, p, p)), np.zeros((len(a), n, p, p))
    diagonal, alone = np.zeros(a.shape[:2]), np.zeros(a.shape[:2], dtype=bool)
    length = (a**2).sum(axis=2)
    for code in range(of.n):
        rows = np.flatnonzero(of.codes == code)
        value, vector = _eigen(np.einsum("kan,kbn->nab", columns[rows], columns[rows]))
        left = 1 - value
        whole = left < _ALONE
        root = np.where(whole, 0.0, 1 / np.sqrt(np.where(whole, 1.0, left)))
        # Everything in the eigenvectors of the study: scores, and the contrasts.
        score = np.einsum("nbi,kbn,kn->ni", vector, columns[rows], residual[rows]) * root
        score = np.einsum("nbi,ni->nb", vector, score)
        meat += score[:, :, None] * score[:, None, :]
        along = np.einsum("qnb,nbi->qni", a, vector)
        alone |= (along**2 * whole).sum(axis=2) > _ALONE * length
        b = along * value * root
        d = (along**2 * value * root**2).sum(axis=2)
        diagonal += d**2 - 2 * d * (b**2).sum(axis=2)
        b = np.einsum("nbi,qni->qnb", vector, b)
        spread += b[:, :, :, None] * b[:, :, None, :]
    below = diagonal + (spread**2).sum(axis=(2, 3))
    # Nothing is left to divide by where every study tells its part alone.
    dof = np.divide(length**2, below, out=np.full(below.shape, np.nan), where=below != 0)
    return meat, dof, alone


def _eigen(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors; at once where the matrix is a number."""
    if matrix.shape[-1] == 1:
        return matrix[:, :, 0], np.ones_like(matrix)
    value, vector = np.linalg.eigh(matrix)
    return value, vector
