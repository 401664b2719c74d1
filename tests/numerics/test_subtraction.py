"""Permutation of labels between two groups: against plain loops in numpy."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.numerics.permute import members
from nimare_pipeline.numerics.subtraction import (
    HISTOGRAM_SHIFT,
    UNIT,
    UNREACHED,
    count_block,
    exp_tables,
    integer_differences,
    pooled_threshold,
)
from nimare_pipeline.numerics.subtraction_layout import Layout, lay_out

BITS = 26


class Case:
    """Random activation of some experiments over a mask with holes, on a grid of odd sides."""

    def __init__(self, n: int, n_first: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.mask = rng.random((9, 11, 13)) < 0.8
        n_voxels = int(self.mask.sum())
        ma = rng.random((n, n_voxels)) ** 4 * 0.1
        ma[rng.random((n, n_voxels)) < 0.4] = 0
        self.terms = np.rint(-np.log1p(-ma) * 2.0**BITS).astype(np.int64)
        self.is_first = np.arange(n) < n_first
        self.n, self.n_first = n, n_first
        self.k = min(n_first, n - n_first)

    def lay_out(self, n_iters: int, **more: Any) -> Layout:
        """Layout of the case."""
        return lay_out(
            sparse.csr_array(self.terms), self.is_first, self.mask,
            log_bits=BITS, n_iters=n_iters, **more,
        )  # fmt: skip

    def differences(self, is_first: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Difference of ALE under a division, by the same tables."""
        total, part = self.terms.sum(axis=0), self.terms[is_first].sum(axis=0)
        tables = exp_tables(int(total.max()), BITS)
        return integer_differences(part, total, tables, first=True)

    def division(self, seed: int, iteration: int, *, exhaustive: bool) -> NDArray[np.bool_]:
        """Who is in group 1 in one permutation: the smaller group is drawn."""
        drawn = members(seed, iteration, self.n, self.k, exhaustive=exhaustive)
        chosen = np.isin(np.arange(self.n), drawn)
        return chosen if 2 * self.n_first <= self.n else ~chosen


CASES = {"first smaller": (9, 3), "second smaller": (9, 6), "equal": (8, 4)}
each = pytest.mark.parametrize("sizes", CASES.values(), ids=CASES)


@each
def test_differences_are_those_of_ale(sizes: tuple[int, int]) -> None:
    """Whole numbers of a difference are exp(-L2) - exp(-L1), to 4e-9."""
    case = Case(*sizes)
    one, two = (
        case.terms[mine].sum(axis=0) / 2.0**BITS for mine in (case.is_first, ~case.is_first)
    )
    found = case.differences(case.is_first) * UNIT
    np.testing.assert_allclose(found, np.exp(-two) - np.exp(-one), rtol=0, atol=4e-9)


@each
def test_counts_equal_the_plain_loop(sizes: tuple[int, int]) -> None:
    """Counts at every voxel and the pooled histogram are those of a loop over permutations."""
    case, n_iters = Case(*sizes), 40
    layout = case.lay_out(n_iters)
    assert not layout.plan.exhaustive
    counts = count_block(layout.plan, seed=5, first=3, n_iters=n_iters, n_threads=2)
    null = np.array(
        [case.differences(case.division(5, 3 + i, exhaustive=False)) for i in range(n_iters)]
    )
    observed = case.differences(case.is_first)
    np.testing.assert_array_equal(
        layout.over_mask(counts["at_least"]), (null >= observed).sum(axis=0)
    )
    np.testing.assert_array_equal(
        layout.over_mask(counts["at_most"]), (null <= observed).sum(axis=0)
    )
    # Differences below an eighth of the largest activation are left out.
    floor = (int(case.terms.max()) // 8) << (30 - BITS)
    for tail, values in (("positive", null[null > 0]), ("negative", -null[null < 0])):
        first = (floor >> HISTOGRAM_SHIFT) + 1
        assert counts["bins"].min() >= first
        found = np.zeros(int(values.max() >> HISTOGRAM_SHIFT) + 3, dtype=np.int64)
        np.add.at(found, counts["bins"][counts[tail] > 0], counts[tail][counts[tail] > 0])
        found = np.cumsum(found[::-1])[::-1]
        ordered = np.sort(values >> HISTOGRAM_SHIFT)
        above, below = (
            len(values) - np.searchsorted(ordered, np.arange(len(found)) + step)
            for step in (1, -1)
        )
        # Bins are found in float32: a difference may fall into the next one.
        assert (above <= found)[first:].all()
        assert (found <= below)[first + 1 :].all()
        assert found[first] > 0.2 * len(values)


@each
def test_counts_of_all_divisions_are_enumerated(sizes: tuple[int, int]) -> None:
    """With as many permutations as there are divisions, each division counts once."""
    case = Case(*sizes)
    groups = [np.isin(np.arange(case.n), one) for one in combinations(range(case.n), case.n_first)]
    null = np.array([case.differences(one) for one in groups])
    layout = case.lay_out(len(groups))
    assert layout.plan.exhaustive
    assert layout.plan.iterations(10**6) == len(groups)
    counts = count_block(layout.plan, seed=0, first=0, n_iters=len(groups))
    observed = case.differences(case.is_first)
    np.testing.assert_array_equal(
        layout.over_mask(counts["at_least"]), (null >= observed).sum(axis=0)
    )
    np.testing.assert_array_equal(
        layout.over_mask(counts["at_most"]), (null <= observed).sum(axis=0)
    )


def plain_maxima(
    values: NDArray[np.int64], mask: NDArray[np.bool_], threshold: int
) -> tuple[int, int, int]:
    """Largest value, cluster size and cluster mass of one tail."""
    above = np.zeros(mask.shape, dtype=bool)
    above[mask] = values >= threshold
    labels, n = label(above)
    own = labels[mask]
    sizes = [int((own == one).sum()) for one in range(1, n + 1)]
    masses = [int((values - threshold)[own == one].sum()) for one in range(1, n + 1)]
    return max(int(values.max()), 0), max(sizes, default=0), max(masses, default=0)


@each
@pytest.mark.parametrize("bits", [[3], [0, 1, 2, 3, 3, 3]], ids=["two-sided", "directional"])
def test_maxima_equal_the_plain_loop(sizes: tuple[int, int], bits: list[int]) -> None:
    """Statistic, size and mass of each tail are those of plain labelling, bit for bit."""
    case, n_iters = Case(*sizes), 40
    tested = np.random.default_rng(1).choice(bits, int(case.mask.sum())).astype(np.int8)
    spread = np.abs(case.differences(case.is_first))
    thresholds = int(np.quantile(spread, 0.5)), int(np.quantile(spread, 0.6))
    plan = case.lay_out(n_iters, tested=tested, thresholds=thresholds).plan
    found = plan.run(seed=5, first=7, n_iters=n_iters, n_threads=2)
    for i in range(n_iters):
        null = case.differences(case.division(5, 7 + i, exhaustive=False))
        for tail, sign, bit, threshold in (
            ("positive", 1, 1, thresholds[0]), ("negative", -1, 2, thresholds[1]),
        ):  # fmt: skip
            values = np.where(tested & bit, sign * null, -1)
            expected = plain_maxima(values, case.mask, threshold)
            mine = tuple(int(found[f"{tail}_max_{name}"][i]) for name in ("stat", "size", "mass"))
            assert mine == expected


@each
@pytest.mark.parametrize(("scale", "shares"), [(1.0, (2, 2)), (0.01, (0.3, 0.5))])
def test_no_tile_is_passed_over_that_has_a_maximum(
    sizes: tuple[int, int], scale: float, shares: tuple[float, float]
) -> None:
    """Where each tile has activation of one experiment, all its differences have one sign."""
    case, n_iters = Case(*sizes), 40
    case.mask = np.ones((16, 16, 12), dtype=bool)
    x, y, z = np.argwhere(case.mask).T
    tile = (x // 8 + 2 * (y // 8) + 4 * (z // 4)) % case.n
    ma = np.random.default_rng(2).random(len(tile)) * 0.1 * scale
    own = np.rint(-np.log1p(-ma) * 2.0**BITS).astype(np.int64)
    case.terms = own * (tile == np.arange(case.n)[:, None])
    biggest = int(np.abs(case.differences(case.is_first)).max())
    thresholds = int(shares[0] * biggest), int(shares[1] * biggest)
    found = case.lay_out(n_iters, thresholds=thresholds).plan.run(
        seed=5, first=7, n_iters=n_iters, n_threads=2
    )
    for i in range(n_iters):
        null = case.differences(case.division(5, 7 + i, exhaustive=False))
        for tail, sign, threshold in zip(
            ("positive", "negative"), (1, -1), thresholds, strict=True
        ):
            expected = plain_maxima(sign * null, case.mask, threshold)
            mine = tuple(int(found[f"{tail}_max_{name}"][i]) for name in ("stat", "size", "mass"))
            assert mine == expected


@each
def test_a_voxel_at_the_threshold_forms_a_cluster(sizes: tuple[int, int]) -> None:
    """The largest difference of all divisions, as threshold, is reached by one voxel, mass 0."""
    case = Case(*sizes)
    n = case.lay_out(10**6).plan.iterations(10**6)
    free = case.lay_out(n).plan.run(seed=0, first=0, n_iters=n)
    tops = free["positive_max_stat"].max(), free["negative_max_stat"].max()
    found = case.lay_out(n, thresholds=tops).plan.run(seed=0, first=0, n_iters=n)
    for tail, top in zip(("positive", "negative"), tops, strict=True):
        reached = found[f"{tail}_max_stat"] == top
        np.testing.assert_array_equal(found[f"{tail}_max_size"], reached.astype(int))
        assert reached.sum() == 1
        assert found[f"{tail}_max_mass"].max() == 0


def test_threads_and_chunks_change_no_bit() -> None:
    """One thread or two, one run of permutations or three: the same numbers."""
    plan = Case(12, 5).lay_out(50, thresholds=(2**22, 2**22)).plan
    whole = plan.run(seed=1, first=0, n_iters=50)
    parts = [
        plan.run(seed=1, first=first, n_iters=n, n_threads=2)
        for first, n in ((0, 1), (1, 32), (33, 17))
    ]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]))
    assert (whole["positive_max_stat"] > 0).all()


def test_pooled_threshold_is_the_smallest_that_few_reach() -> None:
    """The threshold is the lower end of a bin; its (b + 1) / (n + 1) is below the level."""
    bins, counts = np.array([0, 3, 4, 9]), np.array([80, 15, 4, 1])
    n = 999
    assert pooled_threshold(bins, counts, n, 0.0061) == (4 << HISTOGRAM_SHIFT, 0.006)
    assert pooled_threshold(bins, counts, n, 0.006) == (9 << HISTOGRAM_SHIFT, 0.002)
    assert pooled_threshold(bins, counts, n, 0.002) == (10 << HISTOGRAM_SHIFT, 0.001)
    assert pooled_threshold(bins, counts, n, 0.001) == (UNREACHED, 0.0)
    assert pooled_threshold(bins[:0], counts[:0], n, 0.01) == (UNREACHED, 0.0)
