"""How several images of one study share its weight."""

from fractions import Fraction

import numpy as np
import pytest

from nimare_pipeline.numerics.dependence import (
    aggregate,
    aggregate_sizes,
    group_weights,
    grouped_tau2,
    make_groups,
)
from nimare_pipeline.numerics.tau2 import estimate_tau2
from tests.numerics.effects import random_effects

GROUPS = np.array(["b", "a", "b", "c", "a", "b"])


def test_groups_are_numbered_as_they_appear() -> None:
    """Labels of any kind; each effect its own study without."""
    groups = make_groups(GROUPS, 6)
    np.testing.assert_array_equal(groups.codes, [0, 1, 0, 2, 1, 0])
    np.testing.assert_array_equal(groups.sizes, [3, 2, 1])
    np.testing.assert_array_equal(make_groups(None, 3).codes, [0, 1, 2])
    with pytest.raises(ValueError, match="5 effects need as many labels"):
        make_groups(GROUPS, 5)


def test_mean_of_correlated_effects() -> None:
    """Its variance is that of a sum with the assumed correlation, here by a covariance matrix."""
    y, v = random_effects(6, 4, seed=31)
    means = aggregate(y, v, GROUPS, rho=0.6)
    for code, label in enumerate("bac"):
        rows = label == GROUPS
        np.testing.assert_allclose(means.y[code], y[rows].mean(axis=0))
        sd, n = np.sqrt(v[rows]), rows.sum()
        correlation = np.where(np.eye(n, dtype=bool), 1.0, 0.6)
        expected = np.einsum("in,ij,jn->n", sd, correlation, sd) / n**2
        np.testing.assert_allclose(means.v[code], expected)


def test_alone_in_a_study_nothing_changes() -> None:
    """Whatever correlation is assumed."""
    y, v = random_effects(5, 4, seed=32)
    means = aggregate(y, v, None, rho=0.9)
    np.testing.assert_array_equal(means.y, y)
    np.testing.assert_array_equal(means.v, v)
    np.testing.assert_allclose(aggregate_sizes([10, 20], None), [10, 20])
    np.testing.assert_allclose(group_weights(v, None, 0.3), 1 / (v + 0.3))
    np.testing.assert_allclose(
        grouped_tau2("dl", y, v, None).value, estimate_tau2("dl", y, v).value, atol=1e-12
    )


def test_size_of_a_mean_lies_between_one_image_and_all() -> None:
    """Fully correlated images are worth one, independent ones their sum."""
    sizes = np.array([20, 20, 30])
    same = np.array([0, 0, 1])
    np.testing.assert_allclose(aggregate_sizes(sizes, same, rho=1.0), [20, 30])
    np.testing.assert_allclose(aggregate_sizes(sizes, same, rho=0.0), [40, 30])
    # k^2 / [sum 1/n + rho ((sum 1/sqrt n)^2 - sum 1/n)] = 4 / (0.1 + 0.8 * 0.1)
    np.testing.assert_allclose(aggregate_sizes(sizes, same, rho=0.8), [4 / 0.18, 30])


def test_copies_of_an_image_buy_no_weight() -> None:
    """Rescaled, a study weighs the same however often its image is there."""
    y, v = random_effects(5, 6, seed=33)
    rows = [0, 1, 2, 2, 2, 3, 4, 4]
    weights = group_weights(v[rows], rows, 0.1)
    np.testing.assert_allclose(weights[2:5].sum(axis=0), 1 / (v[2] + 0.1))
    individual = group_weights(v[rows], rows, 0.1, scheme="individual")
    np.testing.assert_allclose(individual, 1 / (v[rows] + 0.1))
    for method in ("he", "reml"):
        copied = grouped_tau2(method, y[rows], v[rows], rows, rho=1.0)
        np.testing.assert_allclose(copied.value, estimate_tau2(method, y, v).value, atol=1e-9)


@pytest.mark.parametrize("columns", [1, 2])
def test_moment_estimator_of_correlated_effects_is_unbiased(columns: int) -> None:
    """Over simulated studies whose effects are correlated as assumed."""
    rng = np.random.default_rng(34)
    groups = np.repeat(np.arange(12), [1, 3, 2, 1, 4, 1, 2, 2, 1, 3, 1, 1])
    n, k = 40000, len(groups)
    v = np.repeat(rng.uniform(0.2, 1, 12), np.bincount(groups))
    shared, own = rng.normal(size=(12, n))[groups], rng.normal(size=(k, n))
    error = np.sqrt(v)[:, None] * (np.sqrt(0.8) * shared + np.sqrt(0.2) * own)
    y = 1 + error + np.sqrt(2.0) * rng.normal(size=(12, n))[groups]
    design = np.column_stack([np.ones(k), np.arange(k) % 3])[:, :columns]
    value = grouped_tau2("dl", y, np.tile(v[:, None], n), groups, design=design).value
    # tau2 is far from 0 here, so that cutting at 0 biases nothing.
    assert value.mean() == pytest.approx(2.0, abs=4 * value.std() / np.sqrt(n))


def test_moderators_within_a_study_cannot_be_collapsed() -> None:
    """The moment estimator of correlated effects takes them, the others name the column."""
    y, v = random_effects(6, 3, seed=35)
    design = np.column_stack([np.ones(6), np.arange(6.0)])
    message = r"column 1 of the design .* differs between images of one study"
    with pytest.raises(ValueError, match=message):
        aggregate(y, v, GROUPS, design=design)
    with pytest.raises(ValueError, match=message):
        grouped_tau2("reml", y, v, GROUPS, design=design)
    assert (grouped_tau2("dl", y, v, GROUPS, design=design).value >= 0).all()


@pytest.mark.parametrize("ratio", [1, 10**6, 10**9])
@pytest.mark.parametrize(
    "moderator", [None, (21, 21, 35, 28, 28, 28, 52, 44, 31)], ids=["mean", "moderator"]
)
def test_a_study_that_outweighs_the_others_costs_no_digits(
    ratio: int, moderator: tuple[int, ...] | None
) -> None:
    """tau2 of correlated effects against the published formula in exact fractions."""
    studies, size = list("aabcccdef"), int(ratio**0.5)
    y = [3, 4, *(size * one for one in (5, -4, 2, -7, 6, 1, 3))]
    v = [1, 2, *(ratio * (i + 1) for i in range(7))]
    x = [[1] if moderator is None else [1, moderator[i]] for i in range(9)]
    expected = float(_exact_tau2(y, v, studies, x, Fraction(4, 5)))
    assert expected > 0
    columns = (np.array(one, dtype=float)[:, None] for one in (y, v))
    found = grouped_tau2("dl", *columns, studies, rho=0.8, design=np.array(x, dtype=float))
    np.testing.assert_allclose(found.value, expected, rtol=2e-8)


def _exact_tau2(
    y: list[int], v: list[int], studies: list[str], x: list[list[int]], rho: Fraction
) -> Fraction:
    """Hedges, Tipton and Johnson (2010), their equation for tau2, without rounding."""
    p, every = range(len(x[0])), range(len(y))
    rows = {one: [i for i in every if studies[i] == one] for one in studies}
    w = {one: 1 / sum(Fraction(v[i]) for i in members) for one, members in rows.items()}
    own = [w[one] for one in studies]
    m = [[sum(own[i] * x[i][a] * x[i][b] for i in every) for b in p] for a in p]
    if len(p) == 1:
        inverted = [[1 / m[0][0]]]
    else:
        det = m[0][0] * m[1][1] - m[0][1] ** 2
        inverted = [[m[1][1] / det, -m[0][1] / det], [-m[0][1] / det, m[0][0] / det]]
    right = [sum(own[i] * x[i][a] * y[i] for i in every) for a in p]
    beta = [sum(inverted[a][b] * right[b] for b in p) for a in p]
    q = sum(own[i] * (y[i] - sum(x[i][a] * beta[a] for a in p)) ** 2 for i in every)
    above, below = q - len(rows), Fraction(0)
    for one, members in rows.items():
        k = len(members)
        # Traces of the inverse times X'X, and times X'JX.
        plain = sum(inverted[a][b] * x[i][a] * x[i][b] for i in members for a in p for b in p)
        sums = [sum(x[i][a] for i in members) for a in p]
        crossed = sum(inverted[a][b] * sums[a] * sums[b] for a in p for b in p)
        above += w[one] / k * (plain + rho * (crossed - plain))
        below += k * w[one] - w[one] ** 2 * crossed
    return max(above / below, Fraction(0))
