"""Lays sums of modelled activation out in tiles, for the loops of the subtraction."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.numerics.permute import binomials, n_divisions
from nimare_pipeline.numerics.subtraction import UNREACHED, SubtractionPlan, exp_tables
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE, WIDTH

_BRICK = (8, 8, 4)
"""Voxels that make a tile: near each other, so that few experiments reach it."""
_NO_TABLE = np.zeros((1, 1), dtype=np.int64)


@dataclass(frozen=True)
class Layout:
    """Sums of both groups over the voxels that are tested, and the way back to the mask.

    Parameters
    ----------
    plan : SubtractionPlan
        Without cluster-forming thresholds.
    lane : (n_voxels,) int64 array
        Lane of each voxel of the mask; -1 where it is not tested.
    """

    plan: SubtractionPlan
    lane: NDArray[np.int64]

    def over_mask(self, values: NDArray[Any], missing: int = 0) -> NDArray[np.int64]:
        """Values of lanes as values over the mask."""
        return np.where(self.lane >= 0, values[self.lane], missing).astype(np.int64)

    def to_lanes(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values over the mask as values of lanes, 0 where these are filled up."""
        out = np.zeros(len(self.plan.total), dtype=values.dtype)
        kept = self.lane >= 0
        out[self.lane[kept]] = values[kept]
        return out


def lay_out(
    terms: sparse.csr_array,
    is_first: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    *,
    log_bits: int,
    n_iters: int,
    tested: NDArray[np.int8] | None = None,
    thresholds: tuple[int, int] = (UNREACHED, UNREACHED),
) -> Layout:
    """Arrays of the loops.

    Parameters
    ----------
    terms : (n_experiments, n_voxels) CSR array of int
        -log(1 - MA) in units of 2**-log_bits.
    is_first : (n_experiments,) bool array
        Experiments of group 1.
    mask : (X, Y, Z) bool array
    log_bits : int
    n_iters : int
        Permutations asked for.
    tested : (n_voxels,) int8 array, optional
        Bits ``POSITIVE`` and ``NEGATIVE``; both everywhere by default.
    thresholds : tuple of int
        Smallest difference that forms clusters, of each tail, as positive numbers.
    """
    n, n_first = len(is_first), int(is_first.sum())
    first_is_smaller = 2 * n_first <= n
    k = n_first if first_is_smaller else n - n_first
    if tested is None:
        tested = np.full(terms.shape[1], POSITIVE | NEGATIVE, dtype=np.int8)
    total = _column_sums(terms)
    part = _column_sums(terms[np.flatnonzero(is_first == first_is_smaller)])
    order = _tile_order(mask, np.flatnonzero(tested), total)
    lane = np.full(terms.shape[1], -1, dtype=np.int64)
    lane[order] = np.arange(len(order))
    n_lanes = -(-len(order) // WIDTH) * WIDTH
    rows, tile_start, experiment = tile_rows(terms, lane, n_lanes)
    _, exhaustive = n_divisions(n, k, n_iters)
    padded = tuple(side + 2 for side in mask.shape)
    places = np.asarray(np.ravel_multi_index(tuple(np.argwhere(mask).T + 1), padded))
    upper, lower = exp_tables(int(total.max()), log_bits)
    plan = SubtractionPlan(
        rows=rows,
        tile_start=tile_start,
        experiment=experiment,
        total=_lanes(total[order], n_lanes, np.int32),
        observed=_lanes(part[order], n_lanes, np.int32),
        tested=_lanes(tested[order], n_lanes, np.int8),
        voxel=_lanes(places[order], n_lanes, np.int32),
        upper=upper,
        lower=lower,
        binomials=binomials(n, k) if exhaustive else _NO_TABLE,
        scalars=np.array(
            [
                n, k, first_is_smaller, exhaustive, *thresholds,
                padded[2], padded[1] * padded[2], int(np.prod(padded)), log_bits,
            ],
            dtype=np.int64,
        ),
    )  # fmt: skip
    return Layout(plan, lane)


def _column_sums(terms: sparse.csr_array) -> NDArray[np.int64]:
    # Sums of integers below 2**53 are exact in float64.
    return np.bincount(terms.indices, weights=terms.data, minlength=terms.shape[1]).astype(
        np.int64
    )


def _lanes(values: NDArray[Any], n_lanes: int, kind: Any) -> NDArray[Any]:
    out = np.zeros(n_lanes, dtype=kind)
    out[: len(values)] = values
    return out


def _tile_order(
    mask: NDArray[np.bool_], voxels: NDArray[np.int64], total: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Voxels brick by brick, then tiles with the largest sums first.

    Where the sums are large the largest differences are likely; when these are known, most of
    the other tiles need not be looked through.
    """
    ijk = np.argwhere(mask)[voxels]
    brick = (ijk // _BRICK).T
    order = voxels[np.lexsort((*ijk.T[::-1], *brick[::-1]))]
    starts = np.arange(0, len(order), WIDTH)
    # The last tile may be a short one and must stay the last.
    whole = starts[: len(order) // WIDTH]
    if not len(whole):
        return order
    peaks = total[order[: len(whole) * WIDTH]].reshape(-1, WIDTH).max(axis=1)
    first = whole[np.argsort(-peaks, kind="stable")]
    lanes = (first[:, None] + np.arange(WIDTH)).ravel()
    return order[np.concatenate([lanes, np.arange(len(lanes), len(order))])]


def tile_rows(
    terms: sparse.csr_array, lane: NDArray[np.int64], n_lanes: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Terms of each experiment over each tile it reaches, tile by tile."""
    n, n_tiles = terms.shape[0], n_lanes // WIDTH
    reached = np.zeros((n_tiles, n), dtype=bool)
    spans = [slice(terms.indptr[e], terms.indptr[e + 1]) for e in range(n)]
    for e, span in enumerate(spans):
        mine = lane[terms.indices[span]]
        reached[mine[(mine >= 0) & (terms.data[span] > 0)] // WIDTH, e] = True
    number = np.cumsum(reached.ravel()).reshape(reached.shape) - 1
    rows = np.zeros(int(reached.sum()) * WIDTH, dtype=np.int32)
    for e, span in enumerate(spans):
        mine, values = lane[terms.indices[span]], terms.data[span]
        kept = (mine >= 0) & (values > 0)
        at = mine[kept]
        rows[number[at // WIDTH, e] * WIDTH + at % WIDTH] = values[kept]
    tile_start = np.concatenate([[0], np.cumsum(reached.sum(axis=1))]).astype(np.int64)
    return rows, tile_start, np.nonzero(reached)[1].astype(np.int64)
