"""Weighted median of studies: by hand, by enumeration of signs, and with an outlier."""

import itertools

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.tau2 import estimate_tau2
from nimare_pipeline.numerics.weighted_fit import fit
from nimare_pipeline.numerics.weighted_median import sign_z, weighted_median
from tests.numerics.effects import random_effects


def test_equal_variances_give_the_median() -> None:
    """Of an odd and of an even number of studies."""
    for k in (7, 8):
        y, v = random_effects(k, 40, seed=61)
        np.testing.assert_allclose(weighted_median(y, np.ones_like(v)).est, np.median(y, axis=0))


def test_median_minimises_the_weighted_distances() -> None:
    """No study is a better place, as weights of 1 / sqrt(v + tau2) see it."""
    y, v = random_effects(6, 40, seed=62)
    est = weighted_median(y, v, 0.2).est
    w = 1 / np.sqrt(v + 0.2)
    places = np.concatenate([est[None], y])
    cost = (w * np.abs(y - places[:, None])).sum(axis=1)
    assert (cost[0] <= cost[1:].min(axis=0) * (1 + 1e-12)).all()


@pytest.mark.parametrize("k", [2, 3, 5, 8, 11])
def test_p_is_that_of_all_signs(k: int) -> None:
    """Of every flip: that of the sign test for equal weights, and the level is kept for others."""
    rng = np.random.default_rng(63)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=k))).T
    for spread in (0.0, 0.5, 1.0):
        w = np.exp(rng.uniform(-spread, spread, k))
        total = np.abs(w @ signs)
        exact = (total[None] >= total[:, None] - 1e-9).mean(axis=1)
        p = 2 * stats.norm.sf(np.abs(sign_z(signs, np.tile(w[:, None], signs.shape[1]))))
        if spread == 0:
            assert (p >= 0.96 * exact).all()
            assert (p <= np.where(exact < 0.02, 3, 1.2) * exact).all()
        assert (p <= 0.05).mean() <= 0.05
        assert (p <= 0.01).mean() <= 0.01
        assert p.min() >= 2.0 ** (1 - k) - 1e-15


@pytest.mark.parametrize("k", [9, 10])
def test_interval_holds_what_is_not_rejected(k: int) -> None:
    """Just inside its ends the test does not reject at 5 %, just outside it does."""
    y, v = random_effects(k, 50, seed=64)
    found = weighted_median(y, v, 0.1)
    w = 1 / np.sqrt(v + 0.1)
    assert np.isfinite(found.lower).mean() > 0.5
    for end, outwards in ((found.lower, -1e-9), (found.upper, 1e-9)):
        some = np.isfinite(end)
        inside, outside = (np.abs(sign_z(y - (end + s * outwards), w)) for s in (-1, 1))
        assert (inside[some] <= 1.959964).all()
        assert (outside[some] > 1.959963).all()


def test_interval_and_test_are_honest() -> None:
    """Simulated: the interval covers in 95 %, and z is beyond 1.96 in 5 %, or more cautious."""
    for k in (6, 21):
        y, v = random_effects(k, 4000, seed=65, tau=1.0)
        tau2 = estimate_tau2("pm", y, v).value
        found = weighted_median(y - 0.3, v, tau2)
        covered = (found.lower <= 0) & (found.upper >= 0)
        assert 0.945 < covered.mean() <= 1
        assert (np.abs(found.z) > 1.959964).mean() < 0.055
        within = np.abs(found.est) <= found.se
        assert 0.6 < within.mean() < 0.85


def test_one_outlier_does_not_move_it() -> None:
    """However far it is and however exact it says it is; the mean goes where it wants."""
    y, v = random_effects(9, 100, seed=66)
    others = y[1:]
    for size in (1e3, 1e9):
        for variance in (1e-8, 1.0):
            y[0], v[0] = size, variance
            tau2 = estimate_tau2("pm", y, v).value
            found = weighted_median(y, v, tau2)
            assert (found.est <= others.max(axis=0)).all()
            assert (found.est >= others.min(axis=0)).all()
            np.testing.assert_array_less(found.se, np.ptp(others, axis=0))
            assert (fit(y, v, tau2).coef[0] > 0.1 * size).all()


def test_few_studies_have_no_ends() -> None:
    """Two have no standard error, five no 95 % interval, one is refused."""
    y, v = random_effects(5, 3, seed=67)
    found = weighted_median(y, v)
    assert np.isfinite(found.se).all()
    assert (found.lower == -np.inf).all()
    assert (found.upper == np.inf).all()
    assert (weighted_median(y[:2], v[:2]).se == np.inf).all()
    with pytest.raises(ValueError, match="1 study is too few for a median"):
        weighted_median(y[:1], v[:1])
