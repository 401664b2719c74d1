"""The compiled search for the likeliest tau2 where the design is one column, many voxels at once.

Nothing here chooses between maxima. The derivative of the likelihood is looked at in equal steps
of ``log(min v + t)``; where it says that there is one maximum, at 0 or above, that is found. What
has more is left to ``tau2_loop``, which compares them.
"""

import math

import numpy as np

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.tau2_loop import MOST_TURNS, STEP, TOLERANCE

LANES = 64
"""Voxels of one pass: all that is kept of them stays near, and the loops over them are vectors."""
_MOST_STEPS = 60
"""Of a scan; voxels of a wider range are left."""


@compiled
def _slopes(y, v, column, t, restricted, scratch, out):  # type: ignore[no-untyped-def]
    """Derivative of minus twice the log likelihood at t of every lane."""
    w, normal, right = scratch
    for lane in range(LANES):
        normal[lane], right[lane], out[lane] = 0.0, 0.0, 0.0
    for i in range(len(column)):
        x = column[i]
        for lane in range(LANES):
            weight = 1.0 / (v[i, lane] + t[lane])
            w[i, lane] = weight
            out[lane] += weight
            normal[lane] += weight * (x * x)
            right[lane] += weight * (x * y[i, lane])
    for lane in range(LANES):
        right[lane] /= normal[lane]
        normal[lane] = restricted / normal[lane]
    for i in range(len(column)):
        x = column[i]
        for lane in range(LANES):
            weighted = w[i, lane] * (y[i, lane] - x * right[lane])
            leverage = w[i, lane] * x
            out[lane] -= weighted * weighted + leverage * leverage * normal[lane]


@compiled
def _start(v, widest, count, t, least, factor):  # type: ignore[no-untyped-def]
    """Set t to 0 and the factor of one step of every lane; the number of steps."""
    steps = 2
    for lane in range(LANES):
        smallest = v[0, lane]
        for i in range(1, len(v)):
            smallest = min(smallest, v[i, lane])
        least[lane], t[lane], count[lane] = smallest, 0.0, 0
        factor[lane] = math.log1p(widest[lane] / smallest)
        if factor[lane] <= STEP * _MOST_STEPS:
            steps = max(steps, math.ceil(factor[lane] / STEP))
        else:
            count[lane] = 2  # left
    for lane in range(LANES):
        factor[lane] = math.exp(factor[lane] / steps)
    return steps


@compiled
def _count_maxima(data, widest, restricted, scratch, state, count, t):  # type: ignore[no-untyped-def]
    """Count the maxima of every lane; keep the ends of the last, and the derivative there."""
    y, v, column = data
    low, high, slope_low, slope_high = state
    least, factor, slope = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    before, last = np.empty(LANES), np.empty(LANES)
    steps = _start(v, widest, count, t, least, factor)
    _slopes(y, v, column, t, restricted, scratch, slope)
    for lane in range(LANES):
        low[lane], high[lane] = 0.0, 0.0
        count[lane] += slope[lane] >= 0
    for _ in range(steps):
        for lane in range(LANES):
            before[lane], last[lane] = slope[lane], t[lane]
            t[lane] = (least[lane] + t[lane]) * factor[lane] - least[lane]
        _slopes(y, v, column, t, restricted, scratch, slope)
        for lane in range(LANES):
            if before[lane] < 0 and slope[lane] >= 0:
                count[lane] += 1
                low[lane], high[lane] = last[lane], t[lane]
                slope_low[lane], slope_high[lane] = before[lane], slope[lane]


@compiled
def _propose(turn, state, moving, t):  # type: ignore[no-untyped-def]
    """Next t of the lanes that move: false position, every third time halving."""
    low, high, slope_low, slope_high = state
    for lane in range(LANES):
        if moving[lane]:
            share = slope_low[lane] / (slope_low[lane] - slope_high[lane])
            share = 0.5 if turn % 3 == 2 else share
            t[lane] = low[lane] + (high[lane] - low[lane]) * share


@compiled
def _narrow(slope, last, state, moving, t):  # type: ignore[no-untyped-def]
    """Move one end to t; the other counts half (Illinois), so that it moves soon.

    How many lanes still move.
    """
    low, high, slope_low, slope_high = state
    left = 0
    for lane in range(LANES):
        if not moving[lane]:
            continue
        if slope[lane] < 0:
            low[lane], slope_low[lane] = t[lane], slope[lane]
            slope_high[lane] /= 2
        else:
            high[lane], slope_high[lane] = t[lane], slope[lane]
            slope_low[lane] /= 2
        close = abs(t[lane] - last[lane]) <= TOLERANCE * t[lane]
        moving[lane] = not (close or slope[lane] == 0)
        left += moving[lane]
    return left


@compiled
def _close_in(data, restricted, scratch, state, count, t):  # type: ignore[no-untyped-def]
    """Search between the ends until no lane moves; what still does in the end is left."""
    y, v, column = data
    low, high, _, _ = state
    slope, last, moving = np.empty(LANES), np.empty(LANES), np.empty(LANES, dtype=np.bool_)
    left = 0
    for lane in range(LANES):
        t[lane] = low[lane]
        moving[lane] = count[lane] == 1 and high[lane] > low[lane]
        left += moving[lane]
    for turn in range(MOST_TURNS):
        if left == 0:
            return
        for lane in range(LANES):
            last[lane] = t[lane]
        _propose(turn, state, moving, t)
        _slopes(y, v, column, t, restricted, scratch, slope)
        left = _narrow(slope, last, state, moving, t)
    for lane in range(LANES):
        count[lane] += moving[lane]


@compiled
def maximise_where_one(y, v, column, widest, restricted, values, found):  # type: ignore[no-untyped-def]
    """tau2 of every voxel whose likelihood has one maximum.

    Parameters
    ----------
    y, v : (n_studies, n_voxels) arrays
    column : (n_studies,) array
        The design.
    widest : (n_voxels,) array
        No maximum lies above this.
    restricted : float
        1 for REML, 0 for ML.
    values : (n_voxels,) array, written
    found : (n_voxels,) bool array, written
    """
    k, n = y.shape
    block_y, block_v, block_widest = np.empty((k, LANES)), np.empty((k, LANES)), np.empty(LANES)
    data = (block_y, block_v, column)
    scratch = (np.empty((k, LANES)), np.empty(LANES), np.empty(LANES))
    state = (np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES))
    count, t = np.empty(LANES, dtype=np.int64), np.empty(LANES)
    for begin in range(0, n, LANES):
        for lane in range(LANES):
            voxel = min(begin + lane, n - 1)
            block_widest[lane] = widest[voxel]
            for i in range(k):
                block_y[i, lane], block_v[i, lane] = y[i, voxel], v[i, voxel]
        _count_maxima(data, block_widest, restricted, scratch, state, count, t)
        _close_in(data, restricted, scratch, state, count, t)
        for lane in range(min(LANES, n - begin)):
            values[begin + lane], found[begin + lane] = t[lane], count[lane] == 1
