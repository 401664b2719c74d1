"""Random foci are significant as often as they may be: 1,000 datasets, minutes of computing."""

import pytest

from tests.real.error_rate import LEVELS, METHODS, Rates, error_rates

N = 1000
WITHIN = 0.014
"""Nineteen in twenty shares of 1,000 lie as near as this to .05."""


@pytest.fixture(scope="module", params=METHODS)
def rates(request: pytest.FixtureRequest) -> dict[tuple[str, str], Rates]:
    """Error rates by policy and level, of each estimator."""
    return {(found.policy, found.level): found for found in error_rates(request.param, N)}


@pytest.mark.parametrize("level", LEVELS)
def test_nominal_level(rates: dict[tuple[str, str], Rates], level: str) -> None:
    """With outside foci redrawn at their own distance 5 +- 1.4 % of datasets have p < .05.

    A count has no critical value of just 5 %: then it is the level that it can have.
    """
    found = rates["distance", level]
    assert abs(found.rate - found.attainable) <= WITHIN


@pytest.mark.parametrize("level", LEVELS)
def test_smallest_p_is_uniform(rates: dict[tuple[str, str], Rates], level: str) -> None:
    """The smallest p of a dataset is as likely anywhere between 0 and 1."""
    assert rates["distance", level].uniform_p > 0.01


@pytest.mark.parametrize("level", LEVELS)
def test_redrawing_inside_is_conservative(rates: dict[tuple[str, str], Rates], level: str) -> None:
    """With outside foci redrawn inside fewer datasets are significant, and p is not uniform.

    A count may have the same critical value with both.
    """
    inside, distance = rates["inside", level], rates["distance", level]
    assert inside.rate <= distance.rate
    assert inside.critical >= distance.critical
    assert inside.uniform_p < 1e-6
