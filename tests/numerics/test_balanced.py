"""Balanced differences and subsets of a group: the compiled loops against plain numpy."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import sparse

from nimare_pipeline.numerics.balanced import (
    BalancedFociPlan,
    SubsetPlan,
    labels_plan,
    subset_null,
)
from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.numerics.permute import members
from nimare_pipeline.numerics.rng import STREAM_FOCI
from nimare_pipeline.numerics.subtraction import exp_tables, exponentials
from tests.numerics.test_montecarlo import design, plan_of, sum_plainly, world
from tests.numerics.test_subtraction import BITS, Case

WEIGHTS = {"first smaller": (9, 3), "second smaller": (9, 6), "equal": (8, 4)}


def ale(sums: np.ndarray) -> np.ndarray:
    """exp(-L) by the tables, in units of 2**-30."""
    out = np.zeros(sums.size, dtype=np.int64)
    exponentials(np.ravel(sums), *exp_tables(2**26, BITS), out)
    return out.reshape(sums.shape)


def weighted(case: Case, share: float) -> np.ndarray:
    """Terms of contrasts that count less."""
    ma = -np.expm1(-case.terms / 2.0**BITS)
    return np.rint(-np.log1p(-share * ma) * 2.0**BITS).astype(np.int64)


@pytest.mark.parametrize("sizes", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("n_iters", [20, 500], ids=["random", "exhaustive"])
def test_permuted_maxima_equal_the_plain_loop(sizes: tuple[int, int], n_iters: int) -> None:
    """Each contrast is weighted by the group it is put in; the largest of both signs are kept."""
    case = Case(*sizes)
    k = min(case.n_first, case.n - case.n_first)
    terms = [weighted(case, k / n) for n in (case.n_first, case.n - case.n_first)]
    plan = labels_plan(
        (sparse.csr_array(terms[0]), sparse.csr_array(terms[1])),
        case.is_first,
        case.mask,
        log_bits=BITS,
        n_iters=n_iters,
    )
    n = min(plan.iterations(n_iters), 40)
    found = plan.run(seed=3, first=0, n_iters=n, n_threads=2)
    for i in range(n):
        one = case.division(3, i, exhaustive=plan.exhaustive)
        d = ale(terms[1][~one].sum(axis=0)) - ale(terms[0][one].sum(axis=0))
        assert found["positive_max_stat"][i] == max(d.max(), 0)
        assert found["negative_max_stat"][i] == max(-d.min(), 0)


@pytest.mark.parametrize("n_first", [0, 2, 5])
def test_redrawn_maxima_equal_the_plain_loop(n_first: int) -> None:
    """The foci of each group are summed apart, and the largest difference of each sign is kept."""
    plain = plan_of()
    kernels = list(design(world()).kernels)
    nothing = [*kernels, np.zeros_like(kernels[0])]
    plan = BalancedFociPlan.of(plain, n_first, 2**26, BITS)
    found = plan.run(seed=7, first=5, n_iters=15, n_threads=2)
    is_first = np.arange(len(plain.experiment_kernel)) < n_first
    for i in range(15):
        sums = []
        for mine in (is_first, ~is_first):
            kernel_of = np.where(mine, plain.experiment_kernel, len(kernels))
            alone = replace(plain, experiment_kernel=kernel_of)
            total, mask = sum_plainly(alone, nothing, (7, STREAM_FOCI), 5 + i)
            sums.append(total[mask])
        d = ale(sums[1]) - ale(sums[0])
        assert found["positive_max_stat"][i] == max(d.max(), 0)
        assert found["negative_max_stat"][i] == max(-d.min(), 0)


def test_surviving_clusters_are_counted_as_plainly() -> None:
    """A voxel counts in each subset in which its cluster exceeds the size."""
    case, taken, cutoff = Case(9, 9), 4, 6
    layout = case.lay_out(1)
    threshold = int(np.quantile(case.terms[:taken].sum(axis=0), 0.75))
    plan = SubsetPlan.of(layout.plan, taken, threshold, cutoff)
    found = layout.over_mask(plan.run(seed=2, first=10, n_iters=40, n_threads=2)["surviving"])
    expected = np.zeros(int(case.mask.sum()), dtype=np.int64)
    for i in range(40):
        above = np.zeros(case.mask.shape, dtype=bool)
        subset = members(2, 10 + i, 9, taken, exhaustive=False)
        above[case.mask] = case.terms[subset].sum(axis=0) >= threshold
        labels, n = label(above)
        sizes = np.bincount(labels.ravel(), minlength=n + 1)
        sizes[0] = 0
        expected += (sizes > cutoff)[labels[case.mask]]
    np.testing.assert_array_equal(found, expected)
    assert found.max() > 0
    assert len(np.unique(found)) > 5


def test_null_of_a_subset_is_the_mean_over_contrasts() -> None:
    """P of a sum of two draws, each from the values of a random contrast at a random voxel."""
    terms = np.array([[0, 64, 128, 0], [64, 64, 0, 0], [0, 0, 0, 256]])
    null = subset_null(sparse.csr_array(terms), 2, 26)
    values = terms.ravel() // 64
    sums = (values[:, None] + values[None, :]).ravel()
    for k in range(9):
        expected = (sums >= k).mean()
        found = np.exp(null.log_p(np.array([64.0 * k])))[0]
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_closed_form_is_the_average_over_subsets() -> None:
    """Contrasts that enter one by one give the mean over all subsets but for a known term.

    Two contrasts are together in a subset a little less often than if they entered one by one:
    the closed form is lower by that share of the sum of all pairs, here up to .3 % of the ALE.
    """
    ma = np.random.default_rng(0).random((9, 50)) ** 3 * 0.03
    n, m = 9, 5
    subsets = [list(one) for one in combinations(range(n), m)]
    average = np.mean([1 - np.prod(1 - ma[one], axis=0) for one in subsets], axis=0)
    closed = 1 - np.prod(1 - m / n * ma, axis=0)
    pairs = (ma.sum(axis=0) ** 2 - (ma**2).sum(axis=0)) / 2
    term = pairs * m / n * (1 - m / n) / (n - 1)
    np.testing.assert_allclose(average - closed, term, rtol=0.1)
    assert ((average - closed) / average).max() < 0.003
