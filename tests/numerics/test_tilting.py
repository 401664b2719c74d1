"""Tilted variables and their sum, against plain convolution."""

import numpy as np
import pytest

from nimare_pipeline.numerics.tilting import Terms

THETA = 0.03


def variables(n: int, largest: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        support = np.union1d(0, rng.integers(0, largest, 9))
        probability = rng.random(len(support))
        found.append((support, probability / probability.sum()))
    return found


def tilted_one_by_one(pmfs: list, theta: float) -> tuple[np.ndarray, float]:  # type: ignore[type-arg]
    total, log_mgf = np.ones(1), 0.0
    for support, probability in pmfs:
        weight = probability * np.exp(theta * support)
        log_mgf += np.log(weight.sum())
        dense = np.zeros(support.max() + 1)
        dense[support] = weight / weight.sum()
        total = np.convolve(total, dense)
    return total, log_mgf


@pytest.mark.parametrize("n", [1, 2, 5, 64, 101])
def test_pmf_of_the_sum(n: int) -> None:
    """Long beside the support of a term, so that terms are joined in pairs, odd ones, too."""
    pmfs = variables(n, 40)
    expected, log_mgf = tilted_one_by_one(pmfs, THETA)
    tilted = Terms.of(pmfs).tilted(THETA)
    found = tilted.pmf(len(expected) + 100)
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-15 * n)
    assert tilted.log_mgf == pytest.approx(log_mgf, rel=1e-12)


def test_pmf_of_a_short_length_wraps_around() -> None:
    """What is beyond the length is found at its remainder."""
    pmfs = variables(6, 50, seed=1)
    expected, _ = tilted_one_by_one(pmfs, THETA)
    wrapped = np.zeros(64)
    np.add.at(wrapped, np.arange(len(expected)) % 64, expected)
    np.testing.assert_allclose(Terms.of(pmfs).tilted(THETA).pmf(64), wrapped, atol=1e-14)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few terms at a time give the pmf of all at once."""
    terms = Terms.of(variables(23, 30, seed=2))
    whole = terms.tilted(THETA).pmf(900)
    monkeypatch.setattr("nimare_pipeline.numerics.tilting._MOST_VALUES", 100)
    np.testing.assert_allclose(terms.tilted(THETA).pmf(900), whole, atol=1e-15)


def test_moments() -> None:
    """Mean and standard deviation are those of the pmf."""
    pmfs = variables(12, 30, seed=3)
    pmf, _ = tilted_one_by_one(pmfs, THETA)
    k = np.arange(len(pmf))
    mean = pmf @ k
    sd = (pmf @ (k - mean) ** 2) ** 0.5
    terms = Terms.of(pmfs)
    np.testing.assert_allclose(terms.tilted(THETA).moments(), (mean, sd), rtol=1e-12)
    assert terms.largest == len(pmf) - 1


def test_no_variable_is_always_nothing() -> None:
    """The sum of none is 0."""
    terms = Terms.of([])
    assert terms.largest == 0
    assert terms.tilted(1.0).moments() == (0.0, 0.0)
