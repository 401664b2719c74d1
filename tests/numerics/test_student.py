"""The tail of Student's t, in log space."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gammaln

from nimare_pipeline.numerics.student import t_logsf


def test_tail_is_scipys_where_it_does_not_underflow() -> None:
    """Both sides of 0, few and many degrees of freedom, also fractions of one."""
    t, dof = np.meshgrid([-5.0, -0.1, 0.0, 0.3, 2.0, 9.0, 30.0], [1.0, 4.5, 20.0, 300.0])
    assert t_logsf(t, dof) == pytest.approx(stats.t.logsf(t, dof), rel=1e-9)


@pytest.mark.parametrize(("t", "dof"), [(150.0, 199), (1e20, 19), (1e80, 4.5), (90.0, 1500)])
def test_tail_goes_on_where_p_underflows(t: float, dof: float) -> None:
    """It is the integral of the density, taken out of its largest value."""

    def ratio(step: float) -> float:
        # Density at t exp(step), times the change of variable, over the density at t.
        gap = np.log1p((t / np.sqrt(dof) * np.exp(step)) ** 2) - np.log1p(t**2 / dof)
        return float(np.exp(step - (dof + 1) / 2 * gap))

    area, _ = integrate.quad(ratio, 0, 40 / dof, epsabs=0, epsrel=1e-12, limit=200)
    density = (
        gammaln((dof + 1) / 2) - gammaln(dof / 2) - np.log(dof * np.pi) / 2
        - (dof + 1) / 2 * np.log1p((t / np.sqrt(dof)) ** 2)
    )  # fmt: skip
    expected = density + np.log(t) + np.log(area)
    assert expected < -430
    assert t_logsf(t, dof) == pytest.approx(expected, rel=1e-10)


def test_nothing_known_stays_so() -> None:
    """NaN is NaN, and infinity has no tail."""
    assert np.isnan(t_logsf(np.nan, 5))
    assert t_logsf(np.inf, 5) == -np.inf
