"""Noise is significant as often as it may be, and intervals hold what they should."""

import pytest

from nimare_pipeline.meta import ibma
from tests.real.image_error_rate import ATTAINABLE, LEVELS, coverage, rates

N = 200
WITHIN = 0.031
"""Nineteen in twenty shares of 200 lie as near as this to .05."""


def test_noise_is_significant_in_one_of_twenty_data_sets():
    """Flips of Gaussian noise: no more than 5 % (+- 3.1) of data sets at any level.

    Sizes and masses of clusters are 0 in many flips, so that theirs may be fewer.
    """
    found = rates(N)
    assert abs(found["voxel"][0] - ATTAINABLE) <= WITHIN
    for level in LEVELS:
        assert found[level][0] <= ATTAINABLE + WITHIN, level


@pytest.mark.parametrize("k", [5, 10, 20])
@pytest.mark.parametrize(
    "estimator",
    [ibma.DerSimonianLaird(), ibma.VarianceBasedLikelihood(method="reml")],
    ids=["DL", "REML"],
)
def test_intervals_of_the_mean_and_of_tau2(estimator, k):
    """Knapp-Hartung and Q-profile intervals of 95 % hold the truth in 93 to 97 % of 8,000."""
    found = coverage(estimator, k)
    assert 0.93 <= found.est <= 0.97
    assert 0.93 <= found.tau2 <= 0.97
    assert 0.03 <= found.false_positives <= 0.07
