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

from nimare_pipeline.numerics.weighted_fit import (
    Array,
    Design,
    blocks,
    check_effects,
    cholesky,
    make_design,
    moments,
    solve,
)

Method = Literal["dl", "he", "ml", "reml", "pm"]
_STEP = 0.4
"""Of the scan, in log(min v + tau2)."""
_MOST_POINTS = 200
_MOST_STEPS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Tau2:
    """Estimates of the variance between studies.

    Parameters
    ----------
    value : (n_voxels,) array
        At least 0.
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
    y, v = check_effects(y, v)
    full = make_design(design, len(y))
    value, converged = np.empty(y.shape[1]), np.ones(y.shape[1], dtype=bool)
    for at in blocks(y.shape[1]):
        value[at], converged[at] = METHODS[method](y[:, at], v[:, at], full)
    return Tau2(value, converged)


def residual_q(y: Array, w: Array, basis: Array) -> tuple[Array, Array, Array]:
    """Q, the weighted residuals, and the inverse of the normal matrix in the basis."""
    gamma, inverted = solve(basis, y, w)
    residual = y - basis @ gamma
    weighted = w * residual
    return (weighted * residual).sum(axis=0), weighted, inverted


def _dersimonian_laird(y: Array, v: Array, full: Design) -> tuple[Array, Any]:
    w = 1 / v
    q, _, inverted = residual_q(y, w, full.basis)
    trace = w.sum(axis=0) - np.einsum("abn,abn->n", inverted, moments(full.basis, w**2))
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
        step = (q / target[active] - 1) * q / (weighted**2).sum(axis=0)
        step = np.where(q > target[active], step, 0.0)
        t[active] += step
        active = active[step > _TOLERANCE * t[active]]
        if not active.size:
            break
    converged = np.ones(y.shape[1], dtype=bool)
    converged[active] = False
    return t, converged


@dataclass(frozen=True)
class _Likelihood:
    """Minus twice the log likelihood of tau2, up to a constant, and its derivative."""

    y: Array
    v: Array
    full: Design
    restricted: bool

    def at(self, t: Array, of: NDArray[np.intp] | None = None) -> tuple[Array, Array]:
        """Value and derivative at t, of some voxels."""
        y, v = (self.y, self.v) if of is None else (self.y[:, of], self.v[:, of])
        total = v + t
        w = 1 / total
        q, weighted, inverted = residual_q(y, w, self.full.basis)
        value = np.log(total).sum(axis=0) + q
        slope = w.sum(axis=0) - (weighted**2).sum(axis=0)
        if self.restricted:
            root = cholesky(moments(self.full.basis, w))
            value += 2 * np.log(np.einsum("aan->an", root)).sum(axis=0)
            slope -= np.einsum("abn,abn->n", inverted, moments(self.full.basis, w**2))
        return value, slope


def _likelihood(y: Array, v: Array, full: Design, *, restricted: bool) -> tuple[Array, Any]:
    target = _Likelihood(y, v, full, restricted)
    least, span = v.min(axis=0), rss(y, full)
    width = np.log1p(span / least)
    n_points = int(np.clip(np.ceil(width.max() / _STEP) + 1, 3, _MOST_POINTS))
    grid = least * np.expm1(width * np.linspace(0, 1, n_points)[:, None])
    values = np.array([target.at(t)[0] for t in grid])
    padded = np.pad(values, ((1, 1), (0, 0)), constant_values=np.inf)
    point, voxel = np.nonzero((values <= padded[:-2]) & (values <= padded[2:]))
    low, high = (
        grid[np.maximum(point - 1, 0), voxel],
        grid[np.minimum(point + 1, n_points - 1), voxel],
    )
    t, done = _refine(target, voxel, low, high)
    value, _ = target.at(t, voxel)
    # The last of a voxel's candidates in order of falling value is its best.
    order = np.lexsort((-t, -value, voxel))
    best = order[np.append(np.flatnonzero(np.diff(voxel[order])), len(order) - 1)]
    return t[best], done[best]


def _refine(
    target: _Likelihood, voxel: NDArray[np.intp], low: Array, high: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Root of the derivative between two points: false position, and halving where it is slow."""
    low, high = low.copy(), high.copy()
    slope_low, slope_high = target.at(low, voxel)[1], target.at(high, voxel)[1]
    at_low = slope_low >= 0
    t = np.where(at_low, low, high)
    active = np.flatnonzero(~at_low & (slope_high > 0))
    done = np.ones(len(t), dtype=bool)
    for turn in range(_MOST_STEPS):
        if not active.size:
            break
        a, b, fa, fb = low[active], high[active], slope_low[active], slope_high[active]
        middle = a + (b - a) * (0.5 if turn % 3 == 2 else fa / (fa - fb))
        slope = target.at(middle, voxel[active])[1]
        below = slope < 0
        # Illinois: the end that stays counts half, so that it moves at the next turn but one.
        slope_low[active] = np.where(below, slope, fa / 2)
        slope_high[active] = np.where(below, fb / 2, slope)
        low[active], high[active] = np.where(below, middle, a), np.where(below, b, middle)
        moved = np.abs(middle - t[active])
        t[active] = middle
        active = active[(moved > _TOLERANCE * middle) & (slope != 0)]
    done[active] = False
    return t, done


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
