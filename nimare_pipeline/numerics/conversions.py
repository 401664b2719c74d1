r"""Statistics of a map into one another: z, t, p, effects and their variances.

Everything goes through natural logs of tail probabilities, so that t = 135 with 149 degrees of
freedom has a z, though its p is smaller than any float. Signs are kept, NaN stays NaN, and what is
not defined (a variance that is not positive, too few participants) gives NaN, never an error.

Equations
---------
.. math::

    d = t / \sqrt{n}, \quad g = J d, \quad J = 1 - 3 / (4 \nu - 1),

    \mathrm{var}(g) = \frac{\nu}{\nu - 2} \frac{1 + n d^2}{n} J^2 - d^2,

with :math:`\nu` degrees of freedom; :math:`n` is the number of participants of one sample, and
:math:`1 / (1/n_1 + 1/n_2)` for the difference of two (Hedges 1981, doi 10.3102/10769986006002107;
Bossier et al. 2019, doi 10.1101/865881).
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import (
    betainc,
    betaln,
    chdtrc,
    erf,
    erfinv,
    gammaln,
    log_ndtr,
    ndtri_exp,
    stdtr,
)

Tail = Literal["one", "two"]
Floats = NDArray[np.float64]

_LN2 = float(np.log(2))
_LN10 = float(np.log(10))
_FAR = -575.0
"""Natural log of the tail beyond which series replace functions whose values would underflow."""
_MOST_STEPS = 60
"""Of Newton's method, and terms of a series; both need less than a dozen."""
_LINEAR = 1e-8
"""Below this t and z are proportional, to all digits; and their squares may vanish."""
_STIRLING = 200.0
"""From here on four terms of Stirling's series give all digits."""
_CONVERGED = 1e-9
"""Last step of Newton's method in log t: what it leaves is the square of it."""


def z_to_logsf(z: ArrayLike, tail: Tail = "two") -> Floats:
    """Natural log of the upper tail of z, or of both tails beyond its size."""
    value = np.asarray(z, dtype=float)
    if tail == "one":
        return np.asarray(log_ndtr(-value))
    return np.asarray(np.minimum(log_ndtr(-np.abs(value)) + _LN2, 0.0))


def logsf_to_z(logsf: ArrayLike, tail: Tail = "two") -> Floats:
    """Inverse of :func:`z_to_logsf`; not negative for two tails, of both signs for one."""
    log_p = np.minimum(np.asarray(logsf, dtype=float), 0.0)
    if tail == "one":
        return np.asarray(-ndtri_exp(log_p))
    return np.asarray(np.maximum(-ndtri_exp(log_p - _LN2), 0.0))


def z_to_p(z: ArrayLike, tail: Tail = "two") -> Floats:
    """Tail probability of z; 0 below 5e-324, where :func:`z_to_logsf` goes on."""
    return np.asarray(np.exp(z_to_logsf(z, tail)))


def p_to_z(p: ArrayLike, tail: Tail = "two") -> Floats:
    """Size of z of p, without a sign for two tails.

    p = 0 gives infinity, as no p that small has a z of its own; what is no p gives NaN.
    """
    value = np.asarray(p, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        logsf = np.where((value >= 0) & (value <= 1), np.log(value), np.nan)
    return logsf_to_z(logsf, tail)


def p_to_signed_z(p: ArrayLike, sign: ArrayLike) -> Floats:
    """Signed z of a two-tailed p, with the sign of another map (of its t, for example)."""
    signs = np.sign(np.asarray(sign, dtype=float))
    return np.where(signs == 0, np.nan, signs * p_to_z(p))


def logp_to_z(logp: ArrayLike, tail: Tail = "two") -> Floats:
    """Size of z of -log10 p, as maps called ``logp`` hold it."""
    return logsf_to_z(-_LN10 * np.asarray(logp, dtype=float), tail)


def z_to_logp(z: ArrayLike, tail: Tail = "two") -> Floats:
    """-log10 p of z."""
    return np.abs(z_to_logsf(z, tail)) / _LN10


def t_to_logsf(t: ArrayLike, dof: ArrayLike, tail: Tail = "two") -> Floats:
    """Natural log of the upper tail of t, or of both tails beyond its size; NaN for dof <= 0."""
    value, nu, shape = _pairs(t, dof)
    upper = _upper_t(np.abs(value), nu)
    if tail == "two":
        return np.minimum(upper + _LN2, 0.0).reshape(shape)
    return np.where(value >= 0, upper, np.log1p(-np.exp(upper))).reshape(shape)


def t_to_z(t: ArrayLike, dof: ArrayLike) -> Floats:
    """Give the z that has the tail probability, and the sign, of t (Hughett 2008).

    Parameters
    ----------
    t : array-like
    dof : array-like
        Degrees of freedom, broadcast against ``t``; NaN where not positive.

    References
    ----------
    Hughett (2008), Accurate computation of the F-to-z and t-to-z transforms for large arguments,
    Journal of Statistical Software 23, code snippet 1.
    """
    value, nu, shape = _pairs(t, dof)
    size = np.abs(value)
    # Near 0 the tail is .5 less something small, which its log has lost: take the middle there.
    with np.errstate(invalid="ignore", over="ignore"):
        middle = betainc(0.5, nu / 2, size**2 / (nu + size**2))
        z = np.sqrt(2) * erfinv(middle)
    linear = (size < _LINEAR) & (nu > 0) & np.isfinite(nu)
    z[linear] = size[linear] / _slope_at_0(nu[linear])
    tail = ~linear & ~(middle < 0.5)
    z[tail] = -ndtri_exp(_upper_t(size[tail], nu[tail]))
    z[np.isposinf(nu)] = size[np.isposinf(nu)]
    return np.where(nu > 0, np.sign(value) * z, np.nan).reshape(shape)


def z_to_t(z: ArrayLike, dof: ArrayLike) -> Floats:
    """Give the t that has the tail probability, and the sign, of z: inverse of :func:`t_to_z`.

    Infinite where t is larger than any float, which few degrees of freedom soon make it.
    """
    z, dof, shape = _pairs(z, dof)
    size = np.abs(z)
    t = np.where(np.isnan(z) | ~(dof > 0), np.nan, size)  # infinite z, or dof, give the same t
    plain = np.isfinite(t) & np.isfinite(dof)
    linear = plain & (size < _LINEAR)
    t[linear] *= _slope_at_0(dof[linear])
    plain &= ~linear
    t[plain] = _t_of_z(size[plain], dof[plain])
    return np.asarray(np.sign(z) * t).reshape(shape)


def chi2_to_logsf(chi2: ArrayLike, dof: ArrayLike = 1) -> Floats:
    """Natural log of P(X >= chi2) of a chi-squared variable; NaN below 0 and for dof <= 0."""
    chi2, dof, shape = _pairs(chi2, dof)
    valid = (chi2 >= 0) & (dof > 0)
    x, nu = np.where(valid, chi2, np.nan), np.where(valid, dof, np.nan)
    with np.errstate(divide="ignore"):
        logsf = np.log(chdtrc(nu, x))
    far = valid & ((logsf < _FAR) | np.isneginf(logsf)) & np.isfinite(x)
    logsf[far] = _log_upper_gamma(nu[far] / 2, x[far] / 2)
    one = valid & (nu == 1)
    logsf[one] = z_to_logsf(np.sqrt(x[one]))
    return np.asarray(logsf).reshape(shape)


def t_to_d(t: ArrayLike, n: ArrayLike) -> Floats:
    """Cohen's d of t; ``n`` participants, see :func:`effective_n` for two samples."""
    return np.asarray(t, dtype=float) / np.sqrt(positive(n))


def d_to_t(d: ArrayLike, n: ArrayLike) -> Floats:
    """Give t of Cohen's d, the inverse of :func:`t_to_d`."""
    return np.asarray(d, dtype=float) * np.sqrt(positive(n))


def d_to_g(d: ArrayLike, dof: ArrayLike) -> Floats:
    """Hedges' g of d: J d; NaN below 2 degrees of freedom, where d has no mean."""
    return np.asarray(d, dtype=float) * small_sample_factor(dof)


def g_to_d(g: ArrayLike, dof: ArrayLike) -> Floats:
    """Cohen's d of g, the inverse of :func:`d_to_g`."""
    return np.asarray(g, dtype=float) / small_sample_factor(dof)


def small_sample_factor(dof: ArrayLike) -> Floats:
    """J = 1 - 3 / (4 dof - 1), by which d is too large (Hedges 1981); NaN for dof < 2."""
    nu = np.asarray(dof, dtype=float)
    return np.asarray(1 - 3 / (4 * np.where(nu >= 2, nu, np.nan) - 1))


def g_variance(d: ArrayLike, n: ArrayLike, dof: ArrayLike) -> Floats:
    """Sampling variance of Hedges' g, from d; NaN for 2 degrees of freedom or less."""
    effect, people, nu = np.asarray(d, dtype=float), positive(n), np.asarray(dof, dtype=float)
    nu = np.where(nu > 2, nu, np.nan)
    of_d = nu / (nu - 2) * (1 + people * effect**2) / people
    return np.asarray(of_d * small_sample_factor(nu) ** 2 - effect**2)


def effective_n(n1: ArrayLike, n2: ArrayLike) -> Floats:
    """1 / (1/n1 + 1/n2): what takes the place of n in the difference of two samples."""
    return np.asarray(1 / (1 / positive(n1) + 1 / positive(n2)))


def se_to_varcope(se: ArrayLike) -> Floats:
    """Squared standard error; NaN where it is not positive."""
    return positive(se) ** 2


def varcope_to_se(varcope: ArrayLike) -> Floats:
    """Standard error of an effect from its variance; NaN where it is not positive."""
    return np.sqrt(positive(varcope))


def sd_to_varcope(sd: ArrayLike, n: ArrayLike) -> Floats:
    """Variance of the mean of ``n`` values with a standard deviation: sd^2 / n."""
    return np.asarray(positive(sd) ** 2 / positive(n))


def varcope_to_sd(varcope: ArrayLike, n: ArrayLike) -> Floats:
    """Standard deviation of ``n`` values from the variance of their mean."""
    return np.asarray(np.sqrt(positive(varcope) * positive(n)))


def sample_variance_to_varcope(variance: ArrayLike, n: ArrayLike) -> Floats:
    """Variance of the mean of ``n`` values from their variance."""
    return np.asarray(positive(variance) / positive(n))


def t_and_varcope_to_beta(t: ArrayLike, varcope: ArrayLike) -> Floats:
    """Effect: t times its standard error."""
    return np.asarray(np.asarray(t, dtype=float) * varcope_to_se(varcope))


def beta_and_varcope_to_t(beta: ArrayLike, varcope: ArrayLike) -> Floats:
    """t: the effect over its standard error."""
    return np.asarray(np.asarray(beta, dtype=float) / varcope_to_se(varcope))


def t_and_beta_to_varcope(t: ArrayLike, beta: ArrayLike) -> Floats:
    """Variance of an effect: (beta / t)^2; NaN where either is 0 or their signs differ."""
    stat, effect = np.asarray(t, dtype=float), np.asarray(beta, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        varcope = (effect / stat) ** 2
    return np.where((stat * np.sign(effect) > 0) & (varcope > 0), varcope, np.nan)


def _slope_at_0(nu: Floats) -> Floats:
    """dt/dz at 0: the ratio of the two densities."""
    return np.asarray(np.exp(_log_beta(nu / 2) + 0.5 * np.log(nu / (2 * np.pi))))


def _log_beta(a: Floats) -> Floats:
    """Log of B(a, 1/2); for large a by Stirling's series, as two gammaln leave few digits."""
    b = np.maximum(a, _STIRLING)
    ratio = np.log(b) / 2 - 1 / (8 * b) + 1 / (192 * b**3) - 1 / (640 * b**5)
    return np.where(a < _STIRLING, betaln(a, 0.5), np.log(np.pi) / 2 - ratio)


def _pairs(x: ArrayLike, dof: ArrayLike) -> tuple[Floats, Floats, tuple[int, ...]]:
    """Values and degrees of freedom side by side, flat, and the shape of the result."""
    values, nu = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(dof, dtype=float))
    return values.ravel(), nu.ravel(), values.shape


def positive(values: ArrayLike) -> Floats:
    """Values that are above 0, NaN in place of others."""
    given = np.asarray(values, dtype=float)
    return np.where(given > 0, given, np.nan)


def _upper_t(t: Floats, dof: Floats) -> Floats:
    """Natural log of P(T >= t), t >= 0."""
    valid = dof > 0
    nu = np.where(valid, dof, np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        logsf = np.log(stdtr(nu, -t))
    far = valid & ~(logsf > _FAR) & np.isfinite(t) & np.isfinite(nu)
    if far.any():
        logsf[far] = _far_t(np.log(t[far]), nu[far])
    return np.asarray(logsf)


def _far_t(log_t: Floats, nu: Floats) -> Floats:
    r"""Natural log of P(T >= t) far out, from log t.

    .5 I_x(nu/2, 1/2), x = nu / (nu + t^2), is
    x^(nu/2) (1-x)^(-1/2) / (nu B(nu/2, 1/2)) 2F1(1/2, 1; nu/2 + 1; -nu / t^2)
    (DLMF 8.17.8 and 15.8.1); its series alternates, and each term is an n-th of the one before.
    """
    a = nu / 2
    log_ratio = 2 * log_t - np.log(nu)  # of t^2 / nu
    inverse = np.exp(-log_ratio)
    term, total = np.ones_like(nu), np.ones_like(nu)
    for k in range(_MOST_STEPS):
        factor = (0.5 + k) / (a + 1 + k) * inverse
        # Far out all factors are below 1; where they are not, the sum stops at its smallest term.
        term = np.where(factor < 1, -term * factor, 0.0)
        total += term
        if (np.abs(term) < 1e-17).all():
            break
    log_x = -np.logaddexp(0.0, log_ratio)
    log_rest = np.logaddexp(0.0, -log_ratio)
    return np.asarray(a * log_x + 0.5 * log_rest - np.log(nu) - _log_beta(a) + np.log(total))


def _t_of_z(z: Floats, nu: Floats) -> Floats:
    """Give the t with the tail probability of z > 0, by Newton's method on log t.

    Near 0 the probability of the middle is matched, further out the log of the tail. It starts
    from z ~ (8 nu + 1) / (8 nu + 3) sqrt(nu log(1 + t^2 / nu)) (Wallace 1959).
    """
    w = (z * (8 * nu + 3) / (8 * nu + 1)) ** 2 / nu
    # log(expm1(w)), which overflows for large w and is then w.
    log_t = 0.5 * (np.log(nu) + w + np.log(-np.expm1(-w)))
    log_density = -_log_beta(nu / 2) - 0.5 * np.log(nu)
    middle = erf(z / np.sqrt(2))
    near = middle < 0.5
    target = np.where(near, np.log(middle), log_ndtr(-z))
    left = np.arange(len(z))
    for _ in range(_MOST_STEPS):
        now, n, is_near = log_t[left], nu[left], near[left]
        reached = _log_middle_or_tail(now, n, is_near)
        log_pdf = log_density[left] - (n + 1) / 2 * np.logaddexp(0.0, 2 * now - np.log(n))
        slope = np.exp(now + log_pdf - reached) * np.where(is_near, 2.0, -1.0)
        step = np.nan_to_num((target[left] - reached) / slope)
        log_t[left] += step
        left = left[np.abs(step) > _CONVERGED]
        if not len(left):
            break
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log_t))


def _log_middle_or_tail(log_t: Floats, nu: Floats, near: NDArray[np.bool_]) -> Floats:
    """Log P(|T| < t) where near, log P(T >= t) elsewhere."""
    found = np.empty_like(log_t)
    square = np.exp(2 * log_t[near])
    found[near] = np.log(betainc(0.5, nu[near] / 2, square / (nu[near] + square)))
    far = ~near
    with np.errstate(over="ignore"):
        t = np.exp(log_t[far])
    tail = _upper_t(t, nu[far])
    beyond = np.isposinf(t)
    tail[beyond] = _far_t(log_t[far][beyond], nu[far][beyond])
    found[far] = tail
    return found


def _log_upper_gamma(a: Floats, x: Floats) -> Floats:
    """Natural log of Q(a, x) far out, by the continued fraction of Lentz (DLMF 8.9.2)."""
    tiny = 1e-300
    b = x + 1 - a
    c = np.full_like(x, 1 / tiny)
    d = 1 / b
    h = d.copy()
    for k in range(1, 500):
        an = -k * (k - a)
        b = b + 2
        d = an * d + b
        d = 1 / np.where(np.abs(d) < tiny, tiny, d)
        c = b + an / c
        c = np.where(np.abs(c) < tiny, tiny, c)
        delta = d * c
        h = h * delta
        if (np.abs(delta - 1) < 1e-15).all():
            break
    return np.asarray(-x + a * np.log(x) - gammaln(a) + np.log(h))
