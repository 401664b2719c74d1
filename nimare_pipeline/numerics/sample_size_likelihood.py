r"""Variance between studies and within them from effects and sample sizes alone.

The model (Sangnawakij, Boehning, Niwitpong, Adams, Stanton and Holling 2019, doi
10.1177/0962280217718867): one variance sigma2 of all participants, so that an effect of n of them
has the variance :math:`\tau^2 + \sigma^2 / n`. With :math:`\rho = \tau^2 / (\tau^2 + \sigma^2)`
and :math:`u = \rho + (1 - \rho) / n` the likelihood is maximised over rho in [0, 1]; the total
variance is then the weighted residual sum of squares over K (ML) or K - p (REML).

The weights at a given rho are those of all voxels: the likelihood is scanned in matrix products,
at equal steps of the logarithm of the largest sample's u, and all maxima of the scan are refined.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.tau2 import residual_q, rss
from nimare_pipeline.numerics.weighted_fit import (
    Array,
    Design,
    blocks,
    check_effects,
    make_design,
    moments,
)

_STEP = 0.1
_MOST_TURNS = 100
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class SampleSizeVariances:
    """Estimates of both variances.

    Parameters
    ----------
    tau2, sigma2 : (n_voxels,) arrays
        Between studies, and between participants.
    converged : (n_voxels,) bool array
    """

    tau2: Array
    sigma2: Array
    converged: NDArray[np.bool_]

    def of_effects(self, sizes: Any) -> Array:
        """Variance of every effect, tau2 + sigma2 / n, (n_studies, n_voxels): what a fit needs.

        Where all effects are equal both are 0; then 1 / n, which weighs them but is no variance.
        """
        inverse = 1 / np.asarray(sizes, dtype=np.float64)[:, None]
        total = self.tau2 + self.sigma2 * inverse
        return np.asarray(np.where(self.tau2 + self.sigma2 > 0, total, inverse))


def sample_size_variances(
    y: Any, sizes: Any, *, method: Literal["ml", "reml"] = "ml", design: Any = None
) -> SampleSizeVariances:
    """Estimate tau2 and sigma2 at every voxel.

    Parameters
    ----------
    y : (n_studies, n_voxels) array
        Effects.
    sizes : (n_studies,) array
        Sample sizes.
    method : "ml" or "reml"
    design : (n_studies, n_coefficients) array, optional
        The intercept by default.

    Raises
    ------
    ValueError
        If a size is not above 0, or all are equal: then only the sum of both variances shows.
    """
    sizes = _check_sizes(sizes, len(y))
    y, _ = check_effects(y, 1 / sizes[:, None])
    full = make_design(design, len(y))
    ratio, converged = np.empty(y.shape[1]), np.empty(y.shape[1], dtype=bool)
    total = np.empty(y.shape[1])
    for at in blocks(y.shape[1]):
        problem = _Problem(y[:, at], sizes, full, restricted=method == "reml")
        ratio[at], converged[at] = problem.solve()
        total[at] = np.where(problem.differs, problem.total(ratio[at]), 0.0)
    return SampleSizeVariances(total * ratio, total * (1 - ratio), converged)


def _check_sizes(sizes: Any, k: int) -> Array:
    sizes = np.asarray(sizes, dtype=np.float64)
    if sizes.shape != (k,) or not (np.isfinite(sizes).all() and (sizes > 0).all()):
        msg = f"{k} effects need as many sample sizes, all above 0 (got {sizes.tolist()})"
        raise ValueError(msg)
    if np.ptp(sizes) == 0:
        msg = (
            f"all sample sizes are {sizes[0]:g}: the variance between studies cannot be told from "
            "that within them; an estimator that reads variances can"
        )
        raise ValueError(msg)
    return sizes


@dataclass(frozen=True)
class _Problem:
    """The likelihood of rho over a block of voxels."""

    y: Array
    sizes: Array
    full: Design
    restricted: bool

    @property
    def n(self) -> int:
        """What the residual sum of squares is divided by."""
        return self.full.dof if self.restricted else self.full.k

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Where there are residuals, beyond rounding."""
        noise = (4 * self.full.k * np.finfo(float).eps) ** 2 * (self.y**2).sum(axis=0)
        return np.asarray(rss(self.y, self.full) > noise)

    def units(self, ratio: Array) -> Array:
        """U of every study."""
        return np.asarray(ratio + (1 - ratio) / self.sizes[:, None])

    def total(self, ratio: Array) -> Array:
        """tau2 + sigma2."""
        return residual_q(self.y, 1 / self.units(ratio), self.full.basis)[0] / self.n

    def scan(self, ratios: Array) -> Array:
        """Minus twice the log likelihood at ratios that all voxels share, up to a constant."""
        u = self.units(ratios)
        inside = np.einsum("ka,kr,kb->rab", self.full.basis, 1 / u, self.full.basis)
        value = np.log(u).sum(axis=0)
        if self.restricted:
            value = value + np.linalg.slogdet(inside)[1]
        out = np.empty((len(ratios), self.y.shape[1]))
        for i, w in enumerate((1 / u).T):
            # Q = r' W r with the residuals r = (I - X (X'WX)^-1 X'W) y.
            hat = self.full.basis @ np.linalg.solve(inside[i], self.full.basis.T * w)
            residual = self.y - hat @ self.y
            with np.errstate(divide="ignore"):
                out[i] = value[i] + self.n * np.log(w @ residual**2)
        return out

    def slope(self, ratio: Array, of: NDArray[np.intp]) -> Array:
        """Derivative at a ratio of each of some voxels."""
        rate = 1 - 1 / self.sizes[:, None]
        w = 1 / self.units(ratio)
        q, weighted, inverted = residual_q(self.y[:, of], w, self.full.basis)
        slope = (rate * w).sum(axis=0) - self.n * (rate * weighted**2).sum(axis=0) / q
        if self.restricted:
            squared = moments(self.full.basis, rate * w**2)
            slope -= np.einsum("abn,abn->n", inverted, squared)
        return np.asarray(slope)

    def value(self, ratio: Array, of: NDArray[np.intp]) -> Array:
        """Minus twice the log likelihood at a ratio of each of some voxels."""
        u = self.units(ratio)
        q, _, inverted = residual_q(self.y[:, of], 1 / u, self.full.basis)
        value = np.log(u).sum(axis=0) + self.n * np.log(q)
        if self.restricted:
            value -= np.linalg.slogdet(np.moveaxis(inverted, 2, 0))[1]
        return np.asarray(value)

    def solve(self) -> tuple[Array, NDArray[np.bool_]]:
        """The best ratio of every voxel; 0 where the residuals are."""
        ratio, converged = np.zeros(self.y.shape[1]), np.ones(self.y.shape[1], dtype=bool)
        some = np.flatnonzero(self.differs)
        if some.size:
            part = _Problem(self.y[:, some], self.sizes, self.full, self.restricted)
            ratio[some], converged[some] = part.search()
        return ratio, converged

    def search(self) -> tuple[Array, NDArray[np.bool_]]:
        """Scan, refine every maximum, and take the best."""
        least = 1 / self.sizes.max()
        # log u of the largest sample goes from log(1 / n) to 0 in equal steps.
        n_points = int(np.ceil(abs(np.log(least)) / _STEP)) + 3
        grid = (np.geomspace(least, 1, n_points) - least) / (1 - least)
        values = self.scan(grid)
        padded = np.pad(values, ((1, 1), (0, 0)), constant_values=np.inf)
        point, voxel = np.nonzero((values <= padded[:-2]) & (values <= padded[2:]))
        low, high = grid[np.maximum(point - 1, 0)], grid[np.minimum(point + 1, n_points - 1)]
        ratio, done = self.refine(voxel, low, high)
        order = np.lexsort((self.value(ratio, voxel), voxel))
        best = order[np.append(0, np.flatnonzero(np.diff(voxel[order])) + 1)]
        return ratio[best], done[best]

    def refine(
        self, voxel: NDArray[np.intp], low: Array, high: Array
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Where the derivative becomes positive: false position (Illinois), and halving."""
        slope_low, slope_high = self.slope(low, voxel), self.slope(high, voxel)
        t = np.where(slope_low >= 0, low, high)
        active = np.flatnonzero((slope_low < 0) & (slope_high > 0))
        for turn in range(_MOST_TURNS):
            if not active.size:
                break
            share = slope_low[active] / (slope_low[active] - slope_high[active])
            share = np.full_like(share, 0.5) if turn % 3 == 2 else share
            middle = low[active] + (high[active] - low[active]) * share
            slope = self.slope(middle, voxel[active])
            below = slope < 0
            slope_low[active] = np.where(below, slope, slope_low[active] / 2)
            slope_high[active] = np.where(below, slope_high[active] / 2, slope)
            low[active] = np.where(below, middle, low[active])
            high[active] = np.where(below, high[active], middle)
            moved = np.abs(middle - t[active])
            t[active] = middle
            active = active[(moved > _TOLERANCE) & (slope != 0)]
        done = np.ones(len(t), dtype=bool)
        done[active] = False
        return t, done
