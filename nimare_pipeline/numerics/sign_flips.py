r"""Inference by flips of signs, for statistics that are affine in the signs.

If errors are symmetric about 0 and there is no effect, the data are as likely with the signs of
any study turned over. A statistic is *affine in the signs* if it is, at each voxel, a monotone
function of

.. math:: o + \sum_g s_g a_g, \qquad s_g = \pm 1

over groups g of dependent images (one image each, where studies have one). One-sample t is: with
y of unit length, :math:`u = \sum s_g y_g` gives :math:`t = u \sqrt{(n - 1) / (n - u^2)}`.

The terms a are rounded once to whole numbers, so that sums are exact whatever their order; the
functions are tables that turn them into z, one for each number of groups, so that the largest z
can be sought over voxels that have different numbers of studies.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.sign_flips_loop import CELLS, PARTS, cut
from nimare_pipeline.numerics.sign_flips_plan import UNIT, FlipPlan, cluster_threshold
from nimare_pipeline.numerics.sign_flips_sums import SCORE, SHARE, WALD, WIDTH

__all__ = ["UNIT", "FlipPlan", "FlipTerms", "Reestimated", "cluster_threshold", "flip_plan"]
MOST_Z = 1000.0
"""Larger z are not told apart."""
_NO_OFFSET = np.zeros((0, WIDTH), dtype=np.int32)
_NO_EFFECTS = np.zeros((0, 3, WIDTH))
_SUM_BITS = 29
_LARGEST_SUM = 2.0**12


class Curve(Protocol):
    """Makes z of a sum: not descending, and never NaN."""

    @property
    def limit(self) -> float:
        """Largest sum that there can be."""

    def __call__(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn sums, none of them below 0, into z."""


@dataclass(frozen=True)
class FlipTerms:
    r"""A statistic whose z is a function of sums that are affine in the signs.

    The argument of the curve is ``offset + sum``, or with ``form`` the root of a share,

    .. math:: L_0 / \sqrt{1 + f_0 L_0^2 + \sum_j f_j L_j^2}, \qquad L_j = \sum_g s_g a_{jg}.

    Parameters
    ----------
    terms : (n_groups, n_voxels) array
        What each group adds; 0 where it has no data.
    family : (n_voxels,) int array
        Which of ``curves`` makes z at each voxel; -1 where there is no statistic.
    curves : tuple of Curve
    offset : (n_voxels,) array, optional
        Added to the sum on either side: ``offset + sum`` on the positive, ``offset - sum`` on the
        negative side.
    more : tuple of (n_groups, n_voxels) arrays
        Terms of the other sums.
    form : tuple of float
        Factors of the squares; one more than ``more`` has arrays, or none.
    """

    terms: NDArray[np.float64]
    family: NDArray[np.int64]
    curves: tuple[Curve, ...]
    offset: NDArray[np.float64] | None = None
    more: tuple[NDArray[np.float64], ...] = ()
    form: tuple[float, ...] = ()


@dataclass(frozen=True)
class Reestimated:
    """A random-effects statistic whose variance between studies is estimated again at every flip.

    Parameters
    ----------
    weighted : bool
        The variance, ``max(0, a - b S**2)``, depends on the sum S of s y / v; else of s y.
    a, b : (n_voxels,) arrays
    y, v : (n_groups, n_voxels) arrays
        Effects, 0 where there are none, and their variances, infinite there.
    error : int
        ``KNAPP_HARTUNG``, ``CONSERVATIVE`` or ``WALD``.
    family, curves
        As in ``FlipTerms``; z of t from the root of its share of variance, or of z itself.
    """

    weighted: bool
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    y: NDArray[np.float64]
    v: NDArray[np.float64]
    error: int
    family: NDArray[np.int64]
    curves: tuple[Curve, ...]


def flip_plan(
    statistic: FlipTerms | Reestimated,
    mask: NDArray[np.bool_],
    *,
    n_iters: int,
    voxel_thresh: float = 0.001,
    two_sided: bool = True,
) -> FlipPlan:
    """Arrays of the loop.

    Parameters
    ----------
    statistic : FlipTerms or Reestimated
        Over the mask, in C order.
    mask : (X, Y, Z) bool array
    n_iters : int
        Flips asked for; all are gone through where there are no more.
    voxel_thresh : float
        Cluster-forming p, two-sided or one-sided as the test is.
    two_sided : bool
        Both signs are looked at, each with clusters of its own; else the positive one.
    """
    order, family = _blocks(statistic.family, len(statistic.curves))
    if isinstance(statistic, Reestimated):
        n_groups, whole = len(statistic.y), _of_effects(statistic, order)
    else:
        n_groups, whole = len(statistic.terms), _of_terms(statistic, order)
    curve, scale = _tables(statistic.curves, family, whole)
    root = whole.root
    padded = tuple(side + 2 for side in mask.shape)
    places = np.asarray(np.ravel_multi_index(tuple(np.argwhere(mask).T + 1), padded), np.int32)
    threshold = cluster_threshold(voxel_thresh, two_sided=two_sided)
    return FlipPlan(
        terms=whole.terms,
        offset=whole.offset,
        family=family,
        place=_lanes(places, order),
        scale=scale,
        curve=curve,
        least=_least(threshold, scale, curve, root=root),
        voxel=order.astype(np.int32),
        scalars=np.array(
            [
                n_groups, n_groups < 63 and 2**n_groups <= n_iters, two_sided, threshold, root,
                padded[2], padded[1] * padded[2], int(np.prod(padded)), mask.sum(),
            ],
            dtype=np.int64,
        ),
        effects=whole.effects,
        form=whole.form,
    )  # fmt: skip


def _blocks(
    family: NDArray[np.int64], n_families: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxel of each lane of each block (-1: none), and the family of each block."""
    orders, kinds = [], []
    for kind in range(n_families):
        members = np.flatnonzero(family == kind)
        n_blocks = -(-len(members) // WIDTH)
        order = np.full(n_blocks * WIDTH, -1, dtype=np.int64)
        order[: len(members)] = members
        orders.append(order.reshape(n_blocks, WIDTH))
        kinds.append(np.full(n_blocks, kind, dtype=np.int64))
    empty = np.zeros((0, WIDTH), dtype=np.int64)
    return np.concatenate([empty, *orders]), np.concatenate([np.zeros(0, np.int64), *kinds])


def _lanes(values: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """Values of the voxels in their lanes, 0 in those that are filled up."""
    return np.where(order >= 0, values[..., order], np.zeros((), values.dtype))


@dataclass(frozen=True)
class _Whole:
    """A statistic in lanes: arrays of the plan, and the argument of the curve in its unit.

    ``largest`` (n_blocks, WIDTH) bounds the argument where the curve has no limit.
    """

    terms: NDArray[np.int32]
    offset: NDArray[np.int32]
    effects: NDArray[np.float64]
    form: NDArray[np.float64]
    unit: float
    largest: NDArray[np.float64]
    root: bool = False


def _of_terms(statistic: FlipTerms, order: NDArray[np.int64]) -> _Whole:
    """Terms as whole numbers of a unit, a power of two, in which no sum overflows."""
    every = (statistic.terms, *statistic.more)
    size = np.max([_sum_of_sizes(one) for one in every], axis=0)
    if statistic.offset is not None:
        size = size + np.abs(statistic.offset)
    size = np.where(statistic.family >= 0, size, 0.0)
    # A voxel of absurdly large numbers must not cost all others their precision.
    shrink = np.where(size > _LARGEST_SUM, _LARGEST_SUM / np.maximum(size, _LARGEST_SUM), 1.0)
    largest = float(np.minimum(size, _LARGEST_SUM).max(initial=0))
    bits = _SUM_BITS - (int(np.ceil(np.log2(largest))) if largest > 0 else 0)
    factor = np.ldexp(shrink, bits)
    n_groups = len(statistic.terms)
    terms = np.zeros((len(order), len(every) * n_groups, WIDTH), dtype=np.int32)
    for at, row in enumerate(row for one in every for row in one):
        terms[:, at] = _lanes(np.rint(row * factor), order)
    unit = 2.0**-bits
    if statistic.form:
        form = np.array([unit**-2, *statistic.form])
        return _Whole(terms, _NO_OFFSET, _NO_EFFECTS, form, 1 / SHARE, np.ones(order.shape))
    offset = _NO_OFFSET
    if statistic.offset is not None:
        offset = _lanes(np.rint(statistic.offset * factor), order).astype(np.int32)
    # Rounding may add half a unit for every group.
    bound = _lanes(size * shrink + n_groups * unit, order)
    root = statistic.offset is not None
    return _Whole(terms, offset, _NO_EFFECTS, np.zeros(0), unit, bound, root)


def _sum_of_sizes(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of absolute values, row by row: no second array as large as the terms."""
    total = np.zeros(terms.shape[1])
    for row in terms:
        total += np.abs(row)
    return total


def _of_effects(statistic: Reestimated, order: NDArray[np.int64]) -> _Whole:
    n_groups = len(statistic.y)
    effects = np.zeros((len(order), 3 * n_groups + 3, WIDTH))
    dof = np.isfinite(statistic.v).sum(axis=0) - 1.0
    pairs = zip(statistic.y, statistic.v, strict=True)
    # Row by row: a third array as large as these two would be seen in the peak of memory.
    first = (y / v if statistic.weighted else y for y, v in pairs)
    for at, row in enumerate(
        chain(first, statistic.y, statistic.v, (statistic.a, statistic.b, dof))
    ):
        effects[:, at] = _lanes(row, order)
    effects[:, 2 * n_groups : 3 * n_groups][
        np.broadcast_to((order < 0)[:, None], (len(order), n_groups, WIDTH))
    ] = np.inf
    unit, largest = (1 / SCORE, 1000.0) if statistic.error == WALD else (1 / SHARE, 1.0)
    return _Whole(
        np.zeros((len(order), 0, WIDTH), np.int32), _NO_OFFSET, effects,
        np.array([float(statistic.error)]), unit, np.full(order.shape, largest),
    )  # fmt: skip


def _tables(
    curves: tuple[Curve, ...], family: NDArray[np.int64], whole: _Whole
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Curves at the ends of the cells, and cells for each whole number of a sum (or its root)."""
    cells = np.arange(CELLS + 1, dtype=np.float64) / CELLS
    rest = 16.0 ** -np.arange(PARTS, dtype=np.float64)[:, None]
    places = 1 - rest * (1 - cells)
    curve = np.zeros((len(curves), *places.shape))
    scale = np.zeros(len(curves))
    for kind, function in enumerate(curves):
        top = min(float(whole.largest[family == kind].max(initial=0)), function.limit)
        top = top or whole.unit
        z = function(top * places**2 if whole.root else top * places)
        curve[kind] = np.minimum(np.maximum(z, 0), MOST_Z) / UNIT
        largest = top / whole.unit
        scale[kind] = CELLS / (np.sqrt(largest) if whole.root else largest)
    return curve, scale


def _least(
    threshold: int, scale: NDArray[np.float64], curve: NDArray[np.float64], *, root: bool
) -> NDArray[np.int64]:
    """Smallest sum of each family whose z reaches a threshold; what no sum is, if none does."""
    out = np.zeros(len(scale), dtype=np.int64)
    for kind in range(len(scale)):
        low, high = 0, 2**31 - 1
        while low < high:
            middle = (low + high) // 2
            if cut(np.int64(middle), np.int64(kind), scale, curve, root) >= threshold:
                high = middle
            else:
                low = middle + 1
        out[kind] = max(low, 1)
    return out
