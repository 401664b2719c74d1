"""Permutations of group labels."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.numerics.permute import members, n_divisions


@pytest.mark.parametrize(("n", "k"), [(1, 1), (4, 2), (6, 3), (7, 1), (7, 6), (9, 4)])
def test_all_combinations_in_lexicographic_order(n: int, k: int) -> None:
    """Ranks give what itertools gives."""
    found = [tuple(members(0, i, n, k, exhaustive=True)) for i in range(comb(n, k))]
    assert found == list(combinations(range(n), k))


def test_large_groups_are_not_enumerated() -> None:
    """All combinations are gone through only where there are no more than asked for."""
    assert n_divisions(6, 3, 20) == (20, True)
    assert n_divisions(6, 3, 19) == (19, False)
    assert n_divisions(14_371, 971, 500) == (500, False)


def test_every_combination_is_as_likely() -> None:
    """20,000 draws of 3 of 6 fall on the 20 combinations as dice would."""
    drawn = [tuple(members(7, i, 6, 3, exhaustive=False)) for i in range(20_000)]
    counts = [drawn.count(one) for one in combinations(range(6), 3)]
    assert sum(counts) == 20_000
    assert stats.chisquare(counts).pvalue > 0.001


def test_a_draw_depends_on_seed_and_iteration_alone() -> None:
    """The same address gives the same group, another one another."""
    one = members(1, 5, 40, 20, exhaustive=False)
    assert (one == members(1, 5, 40, 20, exhaustive=False)).all()
    assert (one != members(2, 5, 40, 20, exhaustive=False)).any()
    assert (one != members(1, 6, 40, 20, exhaustive=False)).any()
    assert len(np.unique(one)) == 20
