"""The compiled search for the maximum of the likelihood of tau2, voxel by voxel.

Minus twice the log likelihood is ``sum(log(v + t)) + Q(t)``, restricted: plus the log determinant
of the normal matrix. It is looked at in equal steps of ``log(min v + t)``; every place that is no
higher than its neighbours is made exact by the sign of the derivative, and the lowest wins.
"""

import math

import numpy as np

from nimare_pipeline.numerics.jit import compiled

STEP = 0.4
"""Of the scan, in log(min v + t)."""
MOST_POINTS = 256
MOST_TURNS = 100
TOLERANCE = 1e-10
_LOGS = 4
"""Numbers whose product is taken before its logarithm; it is finite for all of float32's range."""


@compiled
def _normal_matrix(y, v, basis, t, w, matrix, gamma):  # type: ignore[no-untyped-def]
    """Weights, normal matrix (lower half) and its right side; sums of log totals and weights."""
    k, p = basis.shape
    for a in range(p):
        gamma[a] = 0.0
        for b in range(a + 1):
            matrix[a, b] = 0.0
    logs, product, trace = 0.0, 1.0, 0.0
    for i in range(k):
        total = v[i] + t
        product *= total
        if i % _LOGS == _LOGS - 1:
            logs += math.log(product)
            product = 1.0
        w[i] = 1.0 / total
        trace += w[i]
        for a in range(p):
            weighted = w[i] * basis[i, a]
            gamma[a] += weighted * y[i]
            for b in range(a + 1):
                matrix[a, b] += weighted * basis[i, b]
    return logs + math.log(product), trace


@compiled
def _solve(matrix, gamma):  # type: ignore[no-untyped-def]
    """Make the matrix its lower root and the right side the solution; the log determinant."""
    p = len(gamma)
    logs = 0.0
    for a in range(p):
        for b in range(a + 1):
            rest = matrix[a, b]
            for c in range(b):
                rest -= matrix[a, c] * matrix[b, c]
            matrix[a, b] = math.sqrt(rest) if a == b else rest / matrix[b, b]
        logs += math.log(matrix[a, a])
        for c in range(a):
            gamma[a] -= matrix[a, c] * gamma[c]
        gamma[a] /= matrix[a, a]
    for a in range(p - 1, -1, -1):
        for c in range(a + 1, p):
            gamma[a] -= matrix[c, a] * gamma[c]
        gamma[a] /= matrix[a, a]
    return 2 * logs


@compiled
def _leverage(basis, i, matrix, row):  # type: ignore[no-untyped-def]
    """``b' M^-1 b`` of row i, M given by its root."""
    total = 0.0
    for a in range(len(row)):
        rest = basis[i, a]
        for c in range(a):
            rest -= matrix[a, c] * row[c]
        row[a] = rest / matrix[a, a]
        total += row[a] * row[a]
    return total


@compiled
def evaluate(y, v, basis, t, restricted, scratch):  # type: ignore[no-untyped-def]
    """Minus twice the log likelihood at t, and its derivative."""
    w, matrix, gamma, row = scratch
    k, p = basis.shape
    value, slope = _normal_matrix(y, v, basis, t, w, matrix, gamma)
    determinant = _solve(matrix, gamma)
    if restricted:
        value += determinant
    for i in range(k):
        residual = y[i]
        for a in range(p):
            residual -= basis[i, a] * gamma[a]
        weighted = w[i] * residual
        value += weighted * residual
        slope -= weighted * weighted
        if restricted:
            slope -= w[i] * w[i] * _leverage(basis, i, matrix, row)
    return value, slope


@compiled
def _exact(y, v, basis, low, high, restricted, scratch):  # type: ignore[no-untyped-def]
    """Where between two points the derivative becomes positive; whether that was found in time."""
    _, slope_low = evaluate(y, v, basis, low, restricted, scratch)
    _, slope_high = evaluate(y, v, basis, high, restricted, scratch)
    if slope_low >= 0:
        return low, True
    if slope_high <= 0:
        return high, True
    t = low
    for turn in range(MOST_TURNS):
        last = t
        # False position; every third time halving, so that it always ends.
        share = 0.5 if turn % 3 == 2 else slope_low / (slope_low - slope_high)
        t = low + (high - low) * share
        _, slope = evaluate(y, v, basis, t, restricted, scratch)
        if slope == 0 or abs(t - last) <= TOLERANCE * t:
            return t, True
        # The end that stays counts half (Illinois), so that it moves soon.
        if slope < 0:
            low, slope_low, slope_high = t, slope, slope_high / 2
        else:
            high, slope_high, slope_low = t, slope, slope_low / 2
    return t, False


@compiled
def _scan(y, v, basis, grid, restricted, scratch, values):  # type: ignore[no-untyped-def]
    """The likelihood at the points of the grid."""
    least, step, n_points = grid
    for point in range(n_points):
        t = least * math.expm1(step * point)
        values[point], _ = evaluate(y, v, basis, t, restricted, scratch)


@compiled
def maximise(ys, vs, basis, widest, restricted, values, converged):  # type: ignore[no-untyped-def]
    """tau2 of the highest likelihood of every voxel.

    Parameters
    ----------
    ys, vs : (n_voxels, n_studies) arrays
    basis : (n_studies, n_coefficients) array
        Orthonormal columns.
    widest : (n_voxels,) array
        No maximum lies above this.
    restricted : bool
    values : (n_voxels,) array, written
    converged : (n_voxels,) bool array, written
    """
    k, p = basis.shape
    scratch = (np.empty(k), np.empty((p, p)), np.empty(p), np.empty(p))
    scanned = np.empty(MOST_POINTS)
    for voxel in range(len(ys)):
        y, v = ys[voxel], vs[voxel]
        least = v[0]
        for i in range(1, k):
            least = min(least, v[i])
        width = math.log1p(widest[voxel] / least)
        n_points = min(max(3, math.ceil(width / STEP) + 1), MOST_POINTS)
        step = width / (n_points - 1)
        _scan(y, v, basis, (least, step, n_points), restricted, scratch, scanned)
        best, values[voxel], converged[voxel] = np.inf, np.nan, False
        for point in range(n_points):
            left, right = max(point - 1, 0), min(point + 1, n_points - 1)
            if scanned[point] > scanned[left] or scanned[point] > scanned[right]:
                continue
            low, high = least * math.expm1(step * left), least * math.expm1(step * right)
            t, done = _exact(y, v, basis, low, high, restricted, scratch)
            value, _ = evaluate(y, v, basis, t, restricted, scratch)
            if value < best:
                best, values[voxel], converged[voxel] = value, t, done
