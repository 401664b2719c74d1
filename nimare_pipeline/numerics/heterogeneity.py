r"""How much the effects of studies differ, and what moderators explain of it.

With P the projection on the residuals at weights 1 / v, the *typical variance* within studies is
:math:`s^2 = (K - p) / \mathrm{tr} P` (Higgins and Thompson 2002, doi 10.1002/sim.1186; of an
intercept alone :math:`(K - 1) \sum w / ((\sum w)^2 - \sum w^2)`). Then

- :math:`I^2 = 100 \tau^2 / (\tau^2 + s^2)`, percent, and :math:`H^2 = (\tau^2 + s^2) / s^2`, both
  of whichever tau2 is given. With DerSimonian and Laird's they are the forms in Q,
  :math:`100 (Q - (K - p)) / Q` and :math:`Q / (K - p)`, where Q is larger than K - p.
- The interval of tau2 is the Q profile's (Viechtbauer 2007, doi 10.1002/sim.2514): all tau2 at
  which the generalised Q lies between quantiles of chi-square. It need not hold an estimate that
  is not Paule and Mandel's. Where no tau2 is in it (studies agree better than chance allows) it is
  0 to 0.
- The prediction interval of a new study's effect is :math:`\hat\mu \pm t_{K - p - 1}
  \sqrt{\tau^2 + \mathrm{se}^2}` (Higgins, Thompson and Spiegelhalter 2009, doi
  10.1111/j.1467-985X.2008.00552.x; K - 2 with an intercept alone).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, ndtri, stdtrit

from nimare_pipeline.numerics.tau2 import residual_q, residual_trace, solve_q
from nimare_pipeline.numerics.weighted_fit import (
    Array,
    Correction,
    Inference,
    WeightedFit,
    blocks,
    check_effects,
    make_design,
    scale,
)

LEVEL = 0.95
"""Coverage of intervals."""


@dataclass(frozen=True)
class Heterogeneity:
    """What Q and tau2 say at every voxel, (n_voxels,) arrays.

    Parameters
    ----------
    q, q_p : arrays
        Cochran's Q, its residual form with moderators, and its p from chi-square.
    dof : int
        K - p, of Q.
    i2 : array
        Percent of the variance of effects that is between studies.
    h2 : array
        Variance of effects as a multiple of the typical variance within studies.
    typical : array
        That typical variance.
    """

    q: Array
    q_p: Array
    dof: int
    i2: Array
    h2: Array
    typical: Array


def heterogeneity(y: Any, v: Any, tau2: Any, *, design: Any = None) -> Heterogeneity:
    """Q, its p, I2 and H2.

    Parameters
    ----------
    y, v : (n_studies, n_voxels) arrays
        Effects and their variances.
    tau2 : float or (n_voxels,) array
        Variance between studies, of any estimator.
    design : (n_studies, n_coefficients) array, optional
        The intercept by default.
    """
    y, v = check_effects(y, v)
    full = make_design(design, len(y))
    q, trace = np.empty(y.shape[1]), np.empty(y.shape[1])
    for at in blocks(y.shape[1]):
        w = 1 / v[:, at]
        q[at], _, inverted = residual_q(y[:, at], w, full.basis)
        trace[at] = residual_trace(w, full.basis, inverted)
    typical = full.dof / trace
    total = tau2 + typical
    return Heterogeneity(
        q=q,
        q_p=np.asarray(chdtrc(full.dof, q)),
        dof=full.dof,
        i2=100 * tau2 / total,
        h2=total / typical,
        typical=typical,
    )


def tau2_interval(
    y: Any, v: Any, *, design: Any = None, level: float = LEVEL
) -> tuple[Array, Array]:
    """Ends of the Q profile interval of tau2."""
    y, v = check_effects(y, v)
    full = make_design(design, len(y))
    tail = (1 - level) / 2
    ends = np.empty((2, y.shape[1]))
    for at in blocks(y.shape[1]):
        for end, upper_tail in enumerate((tail, 1 - tail)):
            target = np.full(y[:, at].shape[1], float(chdtri(full.dof, upper_tail)))
            ends[end, at], _ = solve_q(y[:, at], v[:, at], full, target)
    return ends[0], ends[1]


def interval(tested: Inference, *, level: float = LEVEL) -> tuple[Array, Array]:
    """Ends of the interval of an estimate, from t or the normal."""
    half = _quantile(tested.dof, level) * tested.se
    return tested.est - half, tested.est + half


def prediction_interval(
    tested: Inference, tau2: Any, dof: int, *, level: float = LEVEL
) -> tuple[Array, Array]:
    """Where the true effect of a new study lies.

    Parameters
    ----------
    tested : Inference
        The mean effect, with whichever standard error.
    tau2 : float or (n_voxels,) array
    dof : int
        K - p; t on one degree less is used. NaN where that leaves none.
    """
    if dof < 2:
        nothing = np.full(tested.est.shape, np.nan)
        return nothing, nothing.copy()
    half = _quantile(np.float64(dof - 1), level) * np.sqrt(tau2 + tested.se**2)
    return tested.est - half, tested.est + half


def _quantile(dof: Any, level: float) -> Array:
    upper = (1 + level) / 2
    finite = np.isfinite(dof)
    return np.where(finite, stdtrit(np.where(finite, dof, 1.0), upper), ndtri(upper))


@dataclass(frozen=True)
class Omnibus:
    """Test of several coefficients at once.

    Parameters
    ----------
    statistic, p : (n_voxels,) arrays
        Chi-square (QM), or F where the error comes from the residuals.
    dof : int
        Coefficients.
    dof_error : float
        Of F; infinite for chi-square.
    """

    statistic: Array
    p: Array
    dof: int
    dof_error: float


def omnibus(
    fitted: WeightedFit, columns: Any, *, correction: Correction = "knapp-hartung"
) -> Omnibus:
    """Test that the coefficients of some columns are all 0.

    Parameters
    ----------
    fitted : WeightedFit
    columns : sequence of int
        The moderators' columns, without the intercept's.
    correction : "knapp-hartung", "knapp-hartung-conservative" or "wald"
        Wald: chi-square. Else F, the covariance scaled by the residuals.

    Raises
    ------
    ValueError
        If no column is named.
    """
    columns = np.asarray(columns, dtype=int)
    m = columns.size
    if not m:
        msg = "there is no moderator to test: the design has the intercept alone"
        raise ValueError(msg)
    coef, cov = fitted.coef[columns].T, fitted.cov[np.ix_(columns, columns)]
    solved = np.linalg.solve(np.moveaxis(cov, 2, 0), coef[:, :, None])[:, :, 0]
    qm = (coef * solved).sum(axis=1)
    if correction == "wald":
        return Omnibus(qm, np.asarray(chdtrc(m, qm)), m, np.inf)
    factor = scale(fitted, correction)
    f = np.divide(qm / m, factor, out=np.full(qm.shape, np.nan), where=factor > 0)
    return Omnibus(f, np.asarray(fdtrc(m, fitted.dof, f)), m, float(fitted.dof))


def explained(tau2_without: Array, tau2_with: Array) -> Array:
    """R2, percent of tau2 that moderators explain; never below 0, NaN where there is no tau2."""
    share = np.divide(
        tau2_without - tau2_with,
        tau2_without,
        out=np.full(np.shape(tau2_without), np.nan),
        where=tau2_without > 0,
    )
    return np.asarray(100 * np.maximum(share, 0.0))
