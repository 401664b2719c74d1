"""Estimates of a dry run against runs that were measured."""

import pytest

from nimare_pipeline.cli.estimate import estimate, estimate_images
from nimare_pipeline.settings import Analysis, Component


def analysis(estimator: str, *, tfce: bool = False) -> Analysis:
    """Corrected by Monte Carlo."""
    corrector = Component("FWECorrector", {"method": "montecarlo", "tfce": tfce})
    return Analysis("a", "cbma", Component(estimator), corrector)


MEASURED = {
    "ALE, 21 pain studies": (("ALE", 267, 267, 267, 10_000), 21, 750),
    "MKDAChi2, two parts of Neurosynth": (("MKDAChi2", 507_891, 51_585, 15_000, 200), 30, 867),
    "MKDAChi2, a topic of Neurosynth": (("MKDAChi2", 507_891, 507_891, 38_857, 200), 34, 910),
}
"""Estimator, foci read, used, in the smaller group, iterations; seconds of two threads, MB."""


@pytest.mark.parametrize("name", MEASURED)
def test_it_is_near_what_was_measured(name: str) -> None:
    """Time within a third, memory within a fifth: a plan, no promise."""
    (estimator, n_read, n_foci, n_smaller, n_iters), seconds, megabytes = MEASURED[name]
    found = estimate(
        analysis(estimator), n_read=n_read, n_foci=n_foci, n_smaller=n_smaller, n_iters=n_iters,
        n_threads=2,
    )  # fmt: skip
    assert found[0] == pytest.approx(seconds, rel=1 / 3)
    assert found[1] == pytest.approx(megabytes, rel=1 / 5)


def test_what_it_depends_on() -> None:
    """Iterations, foci, threads and enhancement; only MKDAChi2 goes by the smaller group."""

    def seconds(estimator: str = "ALE", *, tfce: bool = False, **changed: int) -> float:
        known = {
            "n_read": 1000,
            "n_foci": 1000,
            "n_smaller": 1000,
            "n_iters": 1000,
            "n_threads": 1,
        }
        return estimate(analysis(estimator, tfce=tfce), **(known | changed))[0]

    assert seconds(n_iters=2000) > seconds() > seconds(n_threads=2)
    assert seconds(tfce=True) > seconds()
    assert seconds(n_read=1_000_000) > seconds()
    assert seconds(n_smaller=10) == seconds()
    assert seconds("MKDAChi2", n_smaller=10) < seconds("MKDAChi2")


def of_images(kind: str = "PermutedOLS", *, tfce: bool = False, **changed: int) -> list[float]:
    """Seconds and megabytes of 21 studies with two images each."""
    known = {"n_contrasts": 21, "n_images": 42, "n_iters": 500, "n_threads": 2}
    return list(estimate_images(analysis(kind, tfce=tfce), **(known | changed)))


def test_images_are_near_what_was_measured() -> None:
    """21 studies and 500 flips took 30 s and 750 MB on a busy machine; 60 studies 767 MB."""
    assert of_images() == [pytest.approx(30, rel=1 / 3), pytest.approx(750, rel=1 / 5)]
    sixty = of_images(n_contrasts=60, n_images=120, n_iters=200)
    assert sixty[1] == pytest.approx(767, rel=1 / 5)


def test_what_images_depend_on() -> None:
    """Images, flips, threads, enhancement; no more flips than there are."""
    assert of_images(n_iters=100_000) > of_images(n_iters=100_000, n_threads=4) > of_images()
    assert of_images(tfce=True) > of_images()
    assert of_images("DerSimonianLaird") > of_images()
    assert of_images("VarianceBasedLikelihood") > of_images()
    assert of_images(n_images=400)[1] > of_images()[1]
    assert of_images(n_contrasts=5, n_iters=10**9) == of_images(n_contrasts=5, n_iters=32)
