"""Variance between studies: published figures, statsmodels, and grids of the likelihood."""

from typing import get_args

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from tests.numerics.effects import BETA, VARCOPE, bcg, random_effects

METHODS: tuple[Method, ...] = get_args(Method)


@pytest.mark.parametrize(
    ("method", "middle"), [("dl", 0.150773), ("he", 0.12576), ("ml", 0.104409), ("reml", 0.158768)]
)
def test_published_figures(method: Method, middle: float) -> None:
    """Above 0 at the middle voxel only."""
    tau2 = estimate_tau2(method, BETA, VARCOPE)
    np.testing.assert_allclose(tau2.value, [0, middle, 0], rtol=5e-6)
    assert tau2.converged.all()


@pytest.mark.parametrize(
    ("method", "plain", "latitude"),
    [
        ("dl", 0.308760, 0.063301),
        ("he", 0.328564, None),
        ("ml", 0.280028, None),
        ("reml", 0.313243, 0.076348),
        ("pm", 0.318068, None),
    ],
)
def test_vaccine_trials(method: Method, plain: float, latitude: float | None) -> None:
    """What metafor gives for the trials, and beside latitude."""
    y, v, design = bcg()
    assert estimate_tau2(method, y, v).value[0] == pytest.approx(plain, abs=6e-7)
    if latitude is not None:
        value = estimate_tau2(method, y, v, design=design).value[0]
        assert value == pytest.approx(latitude, abs=6e-7)


@pytest.mark.parametrize(("method", "theirs"), [("dl", "chi2"), ("pm", "iterated")])
def test_statsmodels_agrees_on_random_data(method: Method, theirs: str) -> None:
    """With variances over almost two orders, and tau2 of 0 among the estimates."""
    y, v = random_effects(9, 60, seed=11)
    with np.errstate(invalid="ignore"):  # of their tests, where their tau2 is below 0
        expected = [
            combine_effects(y[:, i], v[:, i], method_re=theirs, atol=1e-7, maxiter=1000).tau2
            for i in range(60)
        ]
    value = estimate_tau2(method, y, v).value
    np.testing.assert_allclose(value, np.maximum(expected, 0), rtol=1e-6, atol=1e-9)
    assert 10 < (value > 0).sum() < 60
