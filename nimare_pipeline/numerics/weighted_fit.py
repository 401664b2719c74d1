r"""Weighted least squares of effects at every voxel, with known or estimated variances.

The model at a voxel is :math:`y_i = x_i \beta + u_i + e_i`, with :math:`\mathrm{var}(e_i) = v_i`
known and :math:`\mathrm{var}(u_i) = \tau^2`; the weights are :math:`w_i = 1 / (v_i + \tau^2)`. The
standard error is that of known variances (Wald; referred to the normal), or Knapp and Hartung's
(2003, doi 10.1002/sim.1482), which scales it by the weighted residuals:
:math:`q = \sum w_i (y_i - x_i \hat\beta)^2 / (K - p)`, referred to t on K - p degrees of freedom;
conservative: max(1, q) in place of q.

The columns of the design are made orthonormal once, so that the normal equations of any voxel are
as well conditioned as its weights allow; coefficients come back in terms of the columns as given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048
"""Voxels that are computed together: some tens of studies of them fit the cache of one core."""
_COLLINEAR = 1e-8
"""A column that is so small, relative to itself, outside the span of those before adds nothing."""

Array = NDArray[np.float64]
Correction = Literal["knapp-hartung", "knapp-hartung-conservative", "wald"]


@dataclass(frozen=True)
class Design:
    """A design matrix whose columns are independent, and its orthonormal columns.

    Parameters
    ----------
    matrix : (n_studies, n_columns) array
    basis : (n_studies, n_columns) array
        ``matrix == basis @ triangle``.
    triangle : (n_columns, n_columns) array
    """

    matrix: Array
    basis: Array
    triangle: Array

    @property
    def k(self) -> int:
        """Studies (rows)."""
        return self.matrix.shape[0]

    @property
    def p(self) -> int:
        """Coefficients (columns)."""
        return self.matrix.shape[1]

    @property
    def dof(self) -> int:
        """Degrees of freedom of the residuals."""
        return self.k - self.p


def make_design(design: Any, k: int) -> Design:
    """Check a design matrix of k rows; the intercept alone where it is None.

    Raises
    ------
    ValueError
        If it has another number of rows, values that are not finite, columns that depend on each
        other, or no fewer columns than rows.
    """
    if isinstance(design, Design):
        design = design.matrix
    matrix = np.ones((k, 1)) if design is None else np.array(design, dtype=np.float64, ndmin=2)
    if matrix.ndim != 2 or matrix.shape[0] != k:
        msg = f"the design has shape {matrix.shape}; it needs one row for each of {k} images"
        raise ValueError(msg)
    if not np.isfinite(matrix).all():
        rows = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
        msg = f"the design has values that are not finite in row(s) {_listed(rows)}"
        raise ValueError(msg)
    p = matrix.shape[1]
    if not 0 < p < k:
        msg = f"{k} image(s) are too few for {p} coefficient(s): at least {p + 1} are needed"
        raise ValueError(msg)
    basis, triangle = np.linalg.qr(matrix)
    own, norm = np.abs(np.diag(triangle)), np.linalg.norm(matrix, axis=0)
    dependent = np.flatnonzero(own <= _COLLINEAR * norm)
    if dependent.size:
        msg = (
            f"the design is collinear: column(s) {_listed(dependent)} (counted from 0) are zero "
            "or combinations of the columns before"
        )
        raise ValueError(msg)
    return Design(matrix, np.ascontiguousarray(basis), triangle)


def _listed(numbers: NDArray[Any], most: int = 5) -> str:
    text = ", ".join(str(int(number)) for number in numbers[:most])
    return text + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


def check_effects(y: Any, v: Any) -> tuple[Array, Array]:
    """Effects and their variances as (n_studies, n_voxels) arrays of float64.

    Raises
    ------
    ValueError
        If the shapes do not agree, a value is not finite, or a variance is not above 0.
    """
    y = np.asarray(y, dtype=np.float64)
    if y.ndim != 2:
        msg = f"effects have {y.ndim} dimension(s); (n_studies, n_voxels) is needed"
        raise ValueError(msg)
    v = np.asarray(v, dtype=np.float64)
    if v.shape not in (y.shape, (y.shape[0], 1), (1, y.shape[1])):
        msg = f"variances have shape {v.shape}, effects {y.shape}"
        raise ValueError(msg)
    # A sum is finite only where every summand is, or where they cancel out of range: then look.
    if not np.isfinite(y.sum()) and not np.isfinite(y).all():
        study = int(np.argmin(np.isfinite(y).all(axis=1)))
        msg = f"the effects of row {study} are not finite everywhere"
        raise ValueError(msg)
    if v.size and not (v.min() > 0 and np.isfinite(v.max())):
        wrong = ~((v > 0) & np.isfinite(v))
        study = int(np.argmax(wrong.any(axis=1)))
        value = v[study][int(np.argmax(wrong[study]))]
        msg = f"the variances of row {study} are not above 0 and finite everywhere ({value:g})"
        raise ValueError(msg)
    return y, np.broadcast_to(v, y.shape)


def moments(basis: Array, w: Array) -> Array:
    """Normal matrix ``basis.T @ diag(w) @ basis`` of every voxel, (p, p, n_voxels)."""
    p = basis.shape[1]
    rows, columns = np.tril_indices(p)
    products = (basis[:, rows] * basis[:, columns]).T @ w
    out = np.empty((p, p, w.shape[1]))
    out[rows, columns] = products
    out[columns, rows] = products
    return out


def cholesky(matrix: Array) -> Array:
    """Lower triangular root of the (p, p) matrix of every voxel."""
    p = matrix.shape[0]
    root = np.zeros_like(matrix)
    for j in range(p):
        root[j, j] = np.sqrt(matrix[j, j] - (root[j, :j] ** 2).sum(axis=0))
        for i in range(j + 1, p):
            rest = matrix[i, j] - (root[i, :j] * root[j, :j]).sum(axis=0)
            root[i, j] = rest / root[j, j]
    return root


def inverse_root(root: Array) -> Array:
    """Inverse of a lower triangular root, by forward substitution."""
    p = root.shape[0]
    out = np.zeros_like(root)
    for j in range(p):
        out[j, j] = 1 / root[j, j]
        for i in range(j + 1, p):
            out[i, j] = -(root[i, j:i] * out[j:i, j]).sum(axis=0) / root[i, i]
    return out


def inverse(matrix: Array) -> Array:
    """Inverse of the symmetric positive (p, p) matrix of every voxel."""
    if matrix.shape[0] == 1:
        return 1 / matrix
    root = inverse_root(cholesky(matrix))
    return np.asarray(np.einsum("kan,kbn->abn", root, root))


def solve(basis: Array, weighted: Array, w: Array) -> tuple[Array, Array]:
    """Coefficients of the basis, (p, n), and the inverse of the normal matrix, (p, p, n).

    ``weighted`` are the effects times their weights.
    """
    inverted = inverse(moments(basis, w))
    return np.einsum("abn,bn->an", inverted, basis.T @ weighted), inverted


@dataclass(frozen=True)
class WeightedFit:
    """Coefficients of every voxel and what their tests need.

    Parameters
    ----------
    coef : (n_coefficients, n_voxels) array
    cov : (n_coefficients, n_coefficients, n_voxels) array
        Covariance where the weights are the inverse of known variances.
    q : (n_voxels,) array
        Weighted residual sum of squares.
    dof : int
        K - p.
    exact : (n_voxels,) bool array
        The residuals are 0 up to rounding: they tell nothing about an error.
    """

    coef: Array
    cov: Array
    q: Array
    dof: int
    exact: NDArray[np.bool_]

    @property
    def se(self) -> Array:
        """Standard errors of known variances, (n_coefficients, n_voxels)."""
        return np.asarray(np.sqrt(np.einsum("aan->an", self.cov)))


@dataclass(frozen=True)
class Inference:
    """A coefficient, or a combination of them, at every voxel.

    Parameters
    ----------
    est, se, statistic : (n_voxels,) arrays
        Estimate, standard error and their ratio; NaN where the standard error is 0.
    dof : (n_voxels,) array
        Degrees of freedom of t; infinite where the statistic is normal.
    """

    est: Array
    se: Array
    statistic: Array
    dof: Array


def fit(y: Any, v: Any, tau2: Any = 0.0, *, design: Any = None) -> WeightedFit:
    """Weighted least squares with weights 1 / (v + tau2).

    Parameters
    ----------
    y, v : (n_studies, n_voxels) arrays
        Effects and their variances.
    tau2 : float or (n_voxels,) array
        Variance between studies.
    design : (n_studies, n_coefficients) array or ``Design``, optional
        The intercept by default.
    """
    y, v = check_effects(y, v)
    tau2 = np.broadcast_to(np.asarray(tau2, dtype=np.float64), y.shape[1:])
    return _fit(y, lambda at: 1 / (v[:, at] + tau2[at]), make_design(design, len(y)))


def fit_weights(y: Array, w: Array, *, design: Any = None) -> WeightedFit:
    """Weighted least squares with given weights, (n_studies, n_voxels), all above 0."""
    return _fit(y, lambda at: w[:, at], make_design(design, len(y)))


def _fit(y: Array, weights: Callable[[slice], Array], full: Design) -> WeightedFit:
    """Fit blocks of voxels, with weights that are made block by block."""
    n, p = y.shape[1], full.p
    coef, cov, q = np.empty((p, n)), np.empty((p, p, n)), np.empty(n)
    exact = np.empty(n, dtype=bool)
    back = np.linalg.inv(full.triangle)
    rounding = (4 * full.k * np.finfo(float).eps) ** 2
    for at in blocks(n):
        w = weights(at)
        weighted = w * y[:, at]
        gamma, inverted = solve(full.basis, weighted, w)
        residual = y[:, at] - full.basis @ gamma
        q[at] = np.einsum("kn,kn,kn->n", w, residual, residual)
        exact[at] = q[at] <= rounding * np.einsum("kn,kn->n", weighted, y[:, at])
        coef[:, at] = back @ gamma
        cov[:, :, at] = np.einsum("ac,cdn,bd->abn", back, inverted, back)
    q[exact] = 0.0
    return WeightedFit(coef, cov, q, full.dof, exact)


def infer(
    fitted: WeightedFit, contrast: Any = 0, *, correction: Correction = "knapp-hartung"
) -> Inference:
    """Estimate, standard error and test of a coefficient or a combination of coefficients.

    Parameters
    ----------
    fitted : WeightedFit
    contrast : int or (n_coefficients,) array
        Which coefficient, or how much of each.
    correction : "knapp-hartung", "knapp-hartung-conservative" or "wald"
    """
    p = fitted.coef.shape[0]
    weights = np.eye(p)[contrast] if np.ndim(contrast) == 0 else np.asarray(contrast, dtype=float)
    est = weights @ fitted.coef
    variance = np.einsum("a,abn,b->n", weights, fitted.cov, weights)
    dof = np.full(est.shape, np.inf if correction == "wald" else float(fitted.dof))
    se = np.sqrt(variance * scale(fitted, correction))
    return Inference(est, se, ratio(est, se), dof)


def scale(fitted: WeightedFit, correction: Correction) -> Array:
    """Factor of the covariance: 1, Knapp and Hartung's q, or that but never below 1."""
    q = fitted.q / fitted.dof
    if correction == "wald":
        return np.ones_like(q)
    return q if correction == "knapp-hartung" else np.maximum(q, 1.0)


def ratio(est: Array, se: Array) -> Array:
    """Estimate by standard error; NaN where the latter is 0."""
    return np.divide(est, se, out=np.full(est.shape, np.nan), where=se > 0)


def blocks(n: int, size: int = BLOCK) -> list[slice]:
    """Runs of voxels that are computed together."""
    return [slice(begin, min(begin + size, n)) for begin in range(0, n, size)]
