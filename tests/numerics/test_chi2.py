"""Chi-square of two groups, and the permutation of their labels, against plain reckoning."""

from itertools import combinations

import numpy as np
import pytest
from scipy import ndimage, stats

from nimare_pipeline.numerics import chi2
from nimare_pipeline.numerics.permute import members
from nimare_pipeline.numerics.study_runs import StudyRuns, study_runs
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE

SHAPE = (13, 12, 11)


def scene(n: int, seed: int = 5) -> tuple[StudyRuns, np.ndarray, np.ndarray]:
    """Spheres of n experiments in a mask with holes; also as a table."""
    rng = np.random.default_rng(seed)
    mask = rng.random(SHAPE) < 0.9
    xyz = rng.uniform(0, 24, size=(3 * n, 3))
    experiment = np.repeat(np.arange(n), 3)
    runs = study_runs(xyz, experiment, n, 6.0, mask, np.diag([2.0, 2, 2, 1]))
    table = np.array([runs.counts(np.arange(n) == number) for number in range(n)])
    return runs, table, mask


@pytest.mark.parametrize(("n1", "n2"), [(8, 5), (5, 8)])
def test_association_is_the_chi_square_of_the_table(n1: int, n2: int) -> None:
    """Value, sign and p of every 2 by 2 table are scipy's; without a margin there is none."""
    for a in range(n1 + 1):
        for b in range(n2 + 1):
            z = float(chi2.association_z(np.array([a]), np.array([b]), n1, n2)[0])
            if a + b in {0, n1 + n2}:
                assert np.isnan(z)
                continue
            test = stats.chi2_contingency([[a, b], [n1 - a, n2 - b]], correction=False)
            assert z**2 == pytest.approx(test.statistic, abs=1e-12)
            assert np.sign(np.round(z, 12)) == np.sign(a * n2 - b * n1)
            logsf = chi2.two_sided_logsf(np.array([z]))[0]
            assert np.exp(logsf) == pytest.approx(test.pvalue, rel=1e-10)


def test_p_of_the_strongest_voxels() -> None:
    """Log p goes on where p underflows: chi-square of 10,000 by its asymptotic series."""
    z = 100.0
    series = -(z**2) / 2 - np.log(z) - np.log(2 * np.pi) / 2 + np.log(2) + np.log1p(-1 / z**2)
    assert chi2.two_sided_logsf(np.array([z]))[0] == pytest.approx(series, abs=1e-7)


def test_uniformity_is_the_chi_square_of_one_count() -> None:
    """It compares the count and its complement with their means over the mask."""
    a = np.array([0, 3, 1, 2, 4])
    expected = [stats.chisquare([x, 6 - x], [2, 4]).statistic for x in a]
    z = chi2.uniformity_z(a, 6)
    assert z**2 == pytest.approx(expected)
    assert np.sign(z).tolist() == [-1, 1, -1, 0, 1]


@pytest.mark.parametrize("a", [[0, 0, 0], [6, 6, 6]])
def test_uniformity_without_variation(a: list[int]) -> None:
    """Where no experiment or every one reports everywhere, there is nothing to compare."""
    assert np.isnan(chi2.uniformity_z(np.array(a), 6)).all()


def test_critical_z() -> None:
    """The usual value."""
    assert chi2.critical_z(0.05) == pytest.approx(1.959963984540054)


def plainly(table, first, mask, threshold: float):  # type: ignore[no-untyped-def]
    """Largest statistic, cluster size and mass of both tails, from the table of reports."""
    a, b = table[first].sum(axis=0), np.delete(table, first, axis=0).sum(axis=0)
    z = np.nan_to_num(chi2.association_z(a, b, len(first), len(table) - len(first)))
    whole = chi2.whole_numbers(a, b, len(first), len(table) - len(first))
    assert whole * chi2.UNIT == pytest.approx(z, abs=1e-4)
    found = {}
    for tail, sign in (("positive", 1), ("negative", -1)):
        above = np.zeros(mask.shape, dtype=bool)
        above[mask] = sign * whole >= threshold
        labels, n = ndimage.label(above)
        mine = labels[mask]
        found[f"{tail}_max_stat"] = max(0, int((sign * whole).max()))
        found[f"{tail}_max_size"] = max(((mine == i).sum() for i in range(1, n + 1)), default=0)
        found[f"{tail}_max_mass"] = max(
            ((sign * whole - threshold)[mine == i].sum() for i in range(1, n + 1)), default=0
        )
    return found


@pytest.mark.parametrize(("n", "n1"), [(15, 6), (15, 9)])
def test_permutations_are_those_of_plain_reckoning(n: int, n1: int) -> None:
    """Each permutation's maxima, whichever group is the smaller one."""
    runs, table, mask = scene(n)
    is_first = np.arange(n) < n1
    plan = chi2.label_plan(runs, is_first, mask, n_iters=40, voxel_thresh=0.2)
    null = plan.run(seed=9, first=100, n_iters=40)
    k = min(n1, n - n1)
    sizes = []
    for number in range(40):
        small = members(9, 100 + number, n, k, exhaustive=False)
        first = small if k == n1 else np.setdiff1d(np.arange(n), small)
        expected = plainly(table, first, mask, chi2.cluster_threshold(0.2))
        assert {name: null[name][number] for name in expected} == expected
        sizes.append(expected["negative_max_size"])
    assert len(set(sizes)) > 5


def test_few_permutations_are_gone_through() -> None:
    """All divisions of six experiments into two and four, the observed one among them."""
    runs, table, mask = scene(6)
    is_first = np.isin(np.arange(6), [1, 4])
    plan = chi2.label_plan(runs, is_first, mask, n_iters=10_000, voxel_thresh=0.3)
    assert plan.exhaustive
    assert plan.iterations(10_000) == 15
    null = plan.run(seed=9, first=0, n_iters=15)
    for number, first in enumerate(combinations(range(6), 2)):
        expected = plainly(table, np.array(first), mask, chi2.cluster_threshold(0.3))
        assert {name: null[name][number] for name in expected} == expected


def test_threads_and_parts_change_nothing() -> None:
    """A permutation depends on its own number alone."""
    runs, _, mask = scene(20)
    plan = chi2.label_plan(runs, np.arange(20) < 7, mask, n_iters=60, voxel_thresh=0.1)
    whole = plan.run(seed=1, first=0, n_iters=60)
    threaded = plan.run(seed=1, first=0, n_iters=60, n_threads=2)
    parts = [plan.run(seed=1, first=first, n_iters=20) for first in (0, 20, 40)]
    for name, values in whole.items():
        assert (values == threaded[name]).all()
        assert (values == np.concatenate([part[name] for part in parts])).all()
    assert (whole["positive_max_stat"] != plan.run(seed=2, first=0, n_iters=60)[
        "positive_max_stat"
    ]).any()  # fmt: skip


@pytest.mark.parametrize("n1", [6, 9])
def test_signs_that_are_not_tested_do_not_count(n1: int) -> None:
    """The null of a sign is over the voxels that are tested for it, whatever was observed."""
    runs, table, mask = scene(15)
    tested = np.random.default_rng(2).integers(0, 4, table.shape[1]).astype(np.int8)
    plan = chi2.label_plan(runs, np.arange(15) < n1, mask, n_iters=20, tested=tested)
    null = plan.run(seed=9, first=0, n_iters=20)
    for number in range(20):
        small = members(9, number, 15, 6, exhaustive=False)
        first = small if n1 == 6 else np.setdiff1d(np.arange(15), small)
        a, b = table[first].sum(axis=0), np.delete(table, first, axis=0).sum(axis=0)
        whole = chi2.whole_numbers(a, b, n1, 15 - n1)
        above, below = whole[tested & POSITIVE > 0], whole[tested & NEGATIVE > 0]
        assert null["positive_max_stat"][number] == max(0, above.max())
        assert null["negative_max_stat"][number] == max(0, -below.min())


def test_plan_is_read_as_it_was_written(tmp_path) -> None:
    """And a file that was altered is refused, whatever it holds."""
    runs, _, mask = scene(15)
    plan = chi2.label_plan(runs, np.arange(15) < 6, mask, n_iters=20)
    loaded = chi2.LabelPlan.load(plan.save(tmp_path / "plan.npz"))
    assert loaded.digest == plan.digest
