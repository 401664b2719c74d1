"""Statistics of images turned into each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtri_exp


def t_to_z(t: Any, dof: Any) -> NDArray[np.float64]:
    """Turn t into z with the tail probability of t."""
    t = np.asarray(t, dtype=float)
    z = np.maximum(-ndtri_exp(stats.t.logsf(np.abs(t), dof)), 0)
    return np.asarray(np.sign(t) * z)


def t_to_d(t: Any, n: Any) -> NDArray[np.float64]:
    """Standardised mean of n people."""
    return np.asarray(t / np.sqrt(n))


def d_to_g(d: Any, n: Any) -> NDArray[np.float64]:
    """Hedges' g."""
    return np.asarray((1 - 3 / (4 * (n - 1) - 1)) * d)


def g_variance(d: Any, n: Any) -> NDArray[np.float64]:
    """Variance of Hedges' g."""
    j = 1 - 3 / (4 * (n - 1) - 1)
    return np.asarray((n - 1) * (1 + n * d**2) * j**2 / (n * (n - 3)) - d**2)
