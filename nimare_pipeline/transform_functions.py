"""Conversions of single maps under the names that the field knows them by.

Thin: the equations are in :mod:`nimare_pipeline.numerics.conversions`. ``nlogp`` is the natural
log of p, ``tail`` is ``"two"`` or ``"one"``, and ``sample_sizes`` lists the groups of a study.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nimare_pipeline.errors import UsageError
from nimare_pipeline.numerics import conversions as conv

TAILS = ("one", "two")

Floats = NDArray[np.float64]


def sample_sizes_to_dof(sample_sizes: Sequence[float]) -> float:
    """Degrees of freedom: all participants less the number of groups."""
    return float(sum(sample_sizes)) - len(sample_sizes)


def sample_sizes_to_sample_size(sample_sizes: Sequence[float]) -> float:
    """Participants of all groups."""
    return float(sum(sample_sizes))


def sd_to_varcope(sd: ArrayLike, sample_size: float) -> Floats:
    """Variance of a mean from the standard deviation of the values."""
    return conv.sd_to_varcope(sd, sample_size)


def se_to_varcope(se: ArrayLike) -> Floats:
    """Variance of an effect from its standard error."""
    return conv.se_to_varcope(se)


def samplevar_dataset_to_varcope(samplevar_dataset: ArrayLike, sample_size: float) -> Floats:
    """Variance of a mean from the variance of the values."""
    return conv.sample_variance_to_varcope(samplevar_dataset, sample_size)


def t_and_varcope_to_beta(t: ArrayLike, varcope: ArrayLike) -> Floats:
    """Effect from its t and variance."""
    return conv.t_and_varcope_to_beta(t, varcope)


def t_and_beta_to_varcope(t: ArrayLike, beta: ArrayLike) -> Floats:
    """Variance of an effect from it and its t; NaN where either is 0."""
    return conv.t_and_beta_to_varcope(t, beta)


def z_to_p(z: ArrayLike, tail: str = "two") -> Floats:
    """P of z."""
    return conv.z_to_p(z, _tail(tail))


def p_to_z(p: ArrayLike, tail: str = "two") -> Floats:
    """Size of z of p, without a sign.

    With one tail p above .5 gives 0: there is no evidence on the other side.
    """
    return np.asarray(np.maximum(conv.p_to_z(p, _tail(tail)), 0.0))


def z_to_nlogp(z: ArrayLike, tail: str = "two") -> Floats:
    """Natural log of p of z."""
    return conv.z_to_logsf(z, _tail(tail))


def nlogp_to_z(nlogp: ArrayLike, tail: str = "two") -> Floats:
    """Size of z of the natural log of p; see :func:`p_to_z`."""
    return np.asarray(np.maximum(conv.logsf_to_z(nlogp, _tail(tail)), 0.0))


def t_to_nlogp(t: ArrayLike, dof: ArrayLike, tail: str = "two") -> Floats:
    """Natural log of p of t."""
    return conv.t_to_logsf(t, dof, _tail(tail))


def t_to_z(t_values: ArrayLike, dof: ArrayLike) -> Floats:
    """Z with the tail probability and the sign of t."""
    return conv.t_to_z(t_values, dof)


def z_to_t(z_values: ArrayLike, dof: ArrayLike) -> Floats:
    """T with the tail probability and the sign of z."""
    return conv.z_to_t(z_values, dof)


def chi2_to_nlogp(chi2: ArrayLike, dof: ArrayLike = 1) -> Floats:
    """Natural log of p of chi-squared."""
    return conv.chi2_to_logsf(chi2, dof)


def t_to_d(t: ArrayLike, sample_sizes: Any) -> Floats:
    """Cohen's d of the t of one sample, of as many participants as all groups have."""
    return conv.t_to_d(t, np.sum(np.asarray(sample_sizes, dtype=float)))


def d_to_g(d: ArrayLike, n: ArrayLike) -> Floats:
    """Hedges' g of the d of one sample of ``n``."""
    return conv.d_to_g(d, np.asarray(n, dtype=float) - 1)


def d_to_g_variance(d: ArrayLike, n: ArrayLike) -> Floats:
    """Sampling variance of Hedges' g of the d of one sample of ``n``."""
    return conv.g_variance(d, n, np.asarray(n, dtype=float) - 1)


def _tail(tail: str) -> conv.Tail:
    if tail == "one":
        return "one"
    if tail == "two":
        return "two"
    msg = f"unknown tail {tail!r}; accepted are: {', '.join(TAILS)}"
    raise UsageError(msg)
