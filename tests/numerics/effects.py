"""Published figures and small data sets that the tests of effect-size models share."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIZES = np.array([12, 15, 20, 25, 18, 30, 22, 16])
BETA = np.array(
    [
        [1.352633, 0.368412, -0.676206],
        [0.602412, 0.815258, -0.860502],
        [1.672042, -0.184123, -1.709143],
        [1.104039, -0.393699, -0.934038],
        [1.109435, 1.554545, -0.985863],
        [0.743147, 0.228161, -1.325567],
        [1.176669, -0.230712, -1.632141],
        [0.238271, 0.678277, -1.368143],
    ]
)
VARCOPE = np.array(
    [
        [0.157939, 0.140118, 0.158779],
        [0.353599, 0.341647, 0.146281],
        [0.409382, 0.451349, 0.217631],
        [0.219275, 0.42608, 0.370856],
        [0.141431, 0.205507, 0.402963],
        [0.167257, 0.294859, 0.466568],
        [0.302613, 0.284839, 0.235638],
        [0.213912, 0.238984, 0.225893],
    ]
)
T = np.array(
    [
        [3.403573, 0.984209, -1.697004],
        [1.013067, 1.394782, -2.24987],
        [2.613261, -0.274064, -3.663687],
        [2.357707, -0.603141, -1.533775],
        [2.950047, 3.429178, -1.553045],
        [1.817116, 0.420179, -1.940638],
        [2.139, -0.432285, -3.362289],
        [0.515173, 1.387468, -2.878592],
    ]
)
"""Eight images at three voxels, on which other software gives the figures of the tests."""
STUDIES = np.array([1, 2, 3, 4, 5, 6, 6, 6])
"""Where several images of a study are to be told apart from several studies."""


def effect_sizes() -> tuple[Array, Array]:
    """Hedges' g of the t values and its variance, as one sample of those sizes has them."""
    n = SIZES[:, None].astype(float)
    d, correction = T / np.sqrt(n), 1 - 3 / (4 * (n - 1) - 1)
    variance = (n - 1) * (1 + n * d**2) * correction**2 / (n * (n - 3)) - d**2
    return correction * d, variance


# Trials of a vaccine against tuberculosis (Colditz et al. 1994): cases and others, of the
# vaccinated and of the controls, and latitude. The figures of R's metafor are for these.
_TRIALS = np.array(
    [
        [4, 119, 11, 128, 44],
        [6, 300, 29, 274, 55],
        [3, 228, 11, 209, 42],
        [62, 13536, 248, 12619, 52],
        [33, 5036, 47, 5761, 13],
        [180, 1361, 372, 1079, 44],
        [8, 2537, 10, 619, 19],
        [505, 87886, 499, 87892, 13],
        [29, 7470, 45, 7232, 27],
        [17, 1699, 65, 1600, 42],
        [186, 50448, 141, 27197, 18],
        [5, 2493, 3, 2338, 33],
        [27, 16886, 29, 17825, 33],
    ],
    dtype=float,
)


def bcg() -> tuple[Array, Array, Array]:
    """Log relative risks and their variances, (13, 1), and the design with latitude, (13, 2)."""
    cases, others, control_cases, control_others, latitude = _TRIALS.T
    treated, control = cases + others, control_cases + control_others
    y = np.log(cases / treated) - np.log(control_cases / control)
    v = 1 / cases - 1 / treated + 1 / control_cases - 1 / control
    return y[:, None], v[:, None], np.column_stack([np.ones(13), latitude])


def random_effects(
    k: int, n: int, seed: int, tau: float = 0.5, spread: float = 2.0
) -> tuple[Array, Array]:
    """Effects and variances of k studies at n voxels; variances differ by exp(spread)."""
    rng = np.random.default_rng(seed)
    v = np.exp(rng.uniform(-spread, spread, (k, n)))
    return rng.normal(0.3, np.sqrt(v + tau**2)), v
