r"""Variance between studies, tau2, at every voxel; any design.

With weights :math:`w_i = 1 / (v_i + \tau^2)` and P their projection on the residuals,
:math:`Q(\tau^2) = y' P y`. Estimators:

- DerSimonian and Laird (1986), "dl": Q(0) equals its expectation;
- Hedges (1983), "he": the residual sum of squares of the unweighted fit does;
- Paule and Mandel (1982), "pm": Q(tau2) = K - p;
- maximum likelihood, "ml", and restricted, "reml": the *global* maximum over tau2 >= 0.

In a basis of the error contrasts :math:`Q(t) = \sum_j u_j^2 / (d_j + t)`, d at least the smallest
v and :math:`\sum u^2` the residual sum of squares of the unweighted fit, RSS. Hence 1 / Q is
concave and Newton's method on it rises to the root without ever passing it; and neither likelihood
has a stationary point above RSS. It may have several below: the likelihood is scanned at equal
steps of log(min v + t), in which it cannot change faster than its one-study terms, and every local
maximum of the scan is refined.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.tau2_lanes import maximise_where_one
from nimare_pipeline.numerics.tau2_loop import maximise
from nimare_pipeline.numerics.weighted_fit import (
    Array,
    Design,
    blocks,
    check_effects,
    inverse,
    make_design,
    moments,
    solve,
)

Method = Literal["dl", "he", "ml", "reml", "pm"]
_MOST_STEPS = 100
_TOLERANCE = 1e-10
_HEAVY = 0.9
"""Hat value from which what is left to 1 is computed from the other studies."""
_ALONE = 1e-10
"""Smallest eigenvalue of the other studies' rows where they tell every coefficient."""


@dataclass(frozen=True)
class Tau2:
    """Estimates of the variance between studies.

    Parameters
    ----------
    value : (n_voxels,) array
        At least 0; NaN where the squares of effects overflow.
    converged : (n_voxels,) bool array
        The iterations ended before their bound; always so where there are none.
    """

    value: Array
    converged: NDArray[np.bool_]


def estimate_tau2(method: Method, y: Any, v: Any, *, design: Any = None) -> Tau2:
    """Variance between studies.

    Parameters
    ----------
    method : "dl", "he", "ml", "reml" or "pm"
    y, v : (n_studies, n_voxels) arrays
        Effects and their variances.
    design : (n_studies, n_coefficients) array or ``Design``, optional
        The intercept by default.
    """
    if method not in METHODS:
        msg = f"{method!r} is no estimator of tau2; there are {', '.join(METHODS)}"
        raise ValueError(msg)
    y, v = check_effects(y, v)
    full = make_design(design, len(y))
    value, converged = np.empty(y.shape[1]), np.ones(y.shape[1], dtype=bool)
    for at in blocks(y.shape[1]):
        value[at], converged[at] = METHODS[method](y[:, at], v[:, at], full)
    return Tau2(value, converged)


def residual_q(y: Array, w: Array, basis: Array) -> tuple[Array, Array, Array]:
    """Q, the weighted residuals, and the inverse of the normal matrix in the basis."""
    gamma, inverted = solve(basis, w * y, w)
    residual = y - basis @ gamma
    weighted = w * residual
    return np.einsum("kn,kn->n", weighted, residual), weighted, inverted


def residual_trace(w: Array, basis: Array, inverted: Array) -> Array:
    r"""Trace of P, :math:`\sum w_i (1 - h_i)` with the hat values h, at every voxel.

    Where a study outweighs all others its h is 1 but for what rounding has lost. There
    :math:`1 - h_i = 1 / (1 + w_i x_i' M_{(i)}^{-1} x_i)`, M of the others alone, loses nothing.

    Parameters
    ----------
    w : (n_studies, n_voxels) array
    basis : (n_studies, n_coefficients) array
        Orthonormal columns.
    inverted : (n_coefficients, n_coefficients, n_voxels) array
        Inverse of the normal matrix.
    """
    k, p = basis.shape
    squares = (basis[:, :, None] * basis[:, None, :]).reshape(k, p * p)
    hat = w * (squares @ inverted.reshape(p * p, -1))
    part = w * (1 - hat)
    heavy = hat > _HEAVY
    for row in np.flatnonzero(heavy.any(axis=1)):
        at, others = heavy[row], np.delete(basis, row, axis=0)
        if np.linalg.eigvalsh(others.T @ others)[0] < _ALONE:
            part[row, at] = 0.0  # it tells a coefficient alone, and has no residual
            continue
        rest = inverse(moments(others, np.delete(w[:, at], row, axis=0)))
        own = np.einsum("a,abn,b->n", basis[row], rest, basis[row])
        part[row, at] = w[row, at] / (1 + w[row, at] * own)
    return np.asarray(part.sum(axis=0))


def _dersimonian_laird(y: Array, v: Array, full: Design) -> tuple[Array, Any]:
    w = 1 / v
    q, _, inverted = residual_q(y, w, full.basis)
    trace = residual_trace(w, full.basis, inverted)
    return np.maximum((q - full.dof) / trace, 0.0), True


def _hedges(y: Array, v: Array, full: Design) -> tuple[Array, Any]:
    leverage = (full.basis**2).sum(axis=1)
    expected = (1 - leverage) @ v
    return np.maximum((rss(y, full) - expected) / full.dof, 0.0), True


def rss(y: Array, full: Design) -> Array:
    """Residual sum of squares of the unweighted fit."""
    residual = y - full.basis @ (full.basis.T @ y)
    return np.asarray((residual**2).sum(axis=0))


def _paule_mandel(y: Array, v: Array, full: Design) -> tuple[Array, Any]:
    return solve_q(y, v, full, np.full(y.shape[1], float(full.dof)))


def solve_q(y: Array, v: Array, full: Design, target: Array) -> tuple[Array, NDArray[np.bool_]]:
    """tau2 at which Q equals a target; 0 where Q is below it at 0. And whether it was reached."""
    t, active = np.zeros(y.shape[1]), np.arange(y.shape[1])
    for _ in range(_MOST_STEPS):
        w = 1 / (v[:, active] + t[active])
        q, weighted, _ = residual_q(y[:, active], w, full.basis)
        # Newton's step on 1 / Q: dQ/dt is minus the sum of squared weighted residuals.
        step, above = np.zeros(len(active)), q > target[active]
        np.divide(
            (q / target[active] - 1) * q,
            np.einsum("kn,kn->n", weighted, weighted),
            out=step,
            where=above,
        )
        t[active] += step
        active = active[step > _TOLERANCE * t[active]]
        if not active.size:
            break
    converged = np.ones(y.shape[1], dtype=bool)
    converged[active] = False
    return t, converged


def _likelihood(y: Array, v: Array, full: Design, *, restricted: bool) -> tuple[Array, Any]:
    value, converged = np.empty(y.shape[1]), np.zeros(y.shape[1], dtype=bool)
    widest = rss(y, full)
    if full.p == 1:
        column = full.basis[:, 0].copy()
        # Compiled code differs for arrays that may not be written: one kind of it will do.
        arrays = (np.require(values, requirements=("C", "W")) for values in (y, v))
        maximise_where_one(*arrays, column, widest, float(restricted), value, converged)
    left = np.flatnonzero(~converged)
    if left.size:
        by_voxel = (np.ascontiguousarray(values[:, left].T) for values in (y, v))
        some, done = np.empty(left.size), np.empty(left.size, dtype=bool)
        maximise(*by_voxel, full.basis, widest[left], restricted, some, done)
        value[left], converged[left] = some, done
    return value, converged


def _maximum_likelihood(y: Array, v: Array, full: Design) -> tuple[Array, Any]:
    return _likelihood(y, v, full, restricted=False)


def _restricted_likelihood(y: Array, v: Array, full: Design) -> tuple[Array, Any]:
    return _likelihood(y, v, full, restricted=True)


METHODS: Mapping[str, Callable[[Array, Array, Design], tuple[Array, Any]]] = MappingProxyType(
    {
        "dl": _dersimonian_laird,
        "he": _hedges,
        "ml": _maximum_likelihood,
        "reml": _restricted_likelihood,
        "pm": _paule_mandel,
    }
)
