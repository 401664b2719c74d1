"""Flips of signs: draws, sums and maxima against plain reckoning."""

from dataclasses import fields

import numpy as np
import pytest
from nilearn.mass_univariate import permuted_ols
from numpy.typing import NDArray
from scipy import ndimage, stats

from nimare_pipeline.numerics import sign_flips, sign_flips_plan
from nimare_pipeline.numerics.pvalues import montecarlo_p
from nimare_pipeline.numerics.sign_flips_terms import one_sample_t
from nimare_pipeline.numerics.student import t_logsf

SHAPE = (12, 11, 10)


def scene(n: int = 9, seed: int = 5) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values of n groups in a mask with holes; some voxels lack some groups, one all but one."""
    rng = np.random.default_rng(seed)
    mask = rng.random(SHAPE) < 0.9
    y = rng.normal(size=(n, int(mask.sum()))) + 0.3
    y[0, :150] = np.nan
    y[1:3, 100:190] = np.nan
    y[1:, 5] = np.nan
    return y, mask


def brute_maxima(
    whole: NDArray[np.int64], mask: NDArray[np.bool_], threshold: int, *, two_sided: bool
) -> tuple[int, int, int]:
    """Largest z, cluster size and mass by scipy's labels."""
    volume = np.zeros(mask.shape, dtype=np.int64)
    volume[mask] = whole
    top, size, mass = 0, 0, 0
    for sign in (1, -1) if two_sided else (1,):
        one = sign * volume
        top = max(top, int(one.max()))
        labels, n = ndimage.label(one >= threshold)
        for number in range(1, n + 1):
            inside = one[labels == number]
            size, mass = max(size, len(inside)), max(mass, int((inside - threshold).sum()))
    return top, size, mass


@pytest.mark.parametrize("two_sided", [True, False])
def test_maxima_are_those_of_each_flip(*, two_sided: bool) -> None:
    """Largest z, cluster size and mass of every flip are those of the map it makes."""
    y, mask = scene()
    plan = sign_flips.flip_plan(
        one_sample_t(y), mask, n_iters=150, voxel_thresh=0.05, two_sided=two_sided
    )
    found = plan.run(seed=3, first=0, n_iters=150)
    threshold = sign_flips_plan.cluster_threshold(0.05, two_sided=two_sided)
    for flip in range(150):
        whole = plan.whole_numbers(sign_flips_plan.signs_of(3, flip, 9, exhaustive=False))
        expected = brute_maxima(whole, mask, threshold, two_sided=two_sided)
        assert tuple(int(found[name][flip]) for name in sign_flips_plan.MAXIMA) == expected
    assert found["max_size"].max() > 2
    assert found["max_mass"].max() > 0


def test_z_of_one_sample_t_is_scipys() -> None:
    """Whole numbers are z of the t-test of the groups that have data, to a few units."""
    y, mask = scene()
    plan = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=10)
    signs = sign_flips_plan.signs_of(0, 4, 9, exhaustive=False)
    for flip in (np.ones(9, dtype=np.int64), signs):
        z = plan.whole_numbers(flip) * sign_flips_plan.UNIT
        assert z[5] == 0
        for voxel in (0, 60, 120, 170, 400, 900):
            values = (flip * y[:, voxel])[np.isfinite(y[:, voxel])]
            test = stats.ttest_1samp(values, 0)
            expected = np.sign(test.statistic) * stats.norm.isf(test.pvalue / 2)
            assert z[voxel] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("t", [5.0, 20.0, 69.0, 200.0, 3000.0])
def test_z_of_very_large_t(t: float) -> None:
    """Where all values are nearly alike the table is still that of t."""
    n = 21
    rng = np.random.default_rng(1)
    noise = rng.normal(size=n)
    noise -= noise.mean()
    y = (t / np.sqrt(n) + noise / noise.std(ddof=1))[:, None]
    plan = sign_flips.flip_plan(one_sample_t(y), np.ones((1, 1, 1), bool), n_iters=10)
    expected = stats.norm.isf(np.exp(t_logsf(t, n - 1)))
    assert plan.observed()[0] * sign_flips_plan.UNIT == pytest.approx(expected, abs=1e-3)


def test_neither_threads_nor_chunks_nor_order_change_a_bit() -> None:
    """Maxima are the same integers, however the flips are divided and the studies ordered."""
    y, mask = scene(40)
    plan = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=301, voxel_thresh=0.05)
    whole = plan.run(seed=7, first=0, n_iters=301)
    for parts in ([(0, 301)], [(0, 1), (1, 130), (131, 170)], [(0, 150), (150, 151)]):
        for n_threads in (1, 2):
            runs = [plan.run(seed=7, first=a, n_iters=n, n_threads=n_threads) for a, n in parts]
            for name, values in whole.items():
                assert np.array_equal(np.concatenate([run[name] for run in runs]), values)
    order = np.random.default_rng(2).permutation(40)
    turned = sign_flips.flip_plan(one_sample_t(y[order]), mask, n_iters=301, voxel_thresh=0.05)
    for flip in range(5):
        signs = sign_flips_plan.signs_of(7, flip, 40, exhaustive=False)
        assert np.array_equal(plan.whole_numbers(signs), turned.whole_numbers(signs[order]))


def test_little_room_for_clusters_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nearly every voxel forms clusters, batches become smaller and maxima stay."""
    y, mask = scene()
    plan = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=300, voxel_thresh=0.9)
    expected = plan.run(seed=2, first=0, n_iters=300)
    assert expected["max_size"].min() > 100
    monkeypatch.setattr(sign_flips_plan, "_ROOM", 0)
    found = plan.run(seed=2, first=0, n_iters=300)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_order_of_studies_when_all_flips_are_made() -> None:
    """The maxima of all flips are the same multiset, whatever the order of the studies."""
    y, mask = scene(6)
    order = [3, 5, 0, 1, 4, 2]
    plans = [
        sign_flips.flip_plan(one_sample_t(one), mask, n_iters=64, voxel_thresh=0.05)
        for one in (y, y[order])
    ]
    first, second = (plan.run(seed=0, first=0, n_iters=64) for plan in plans)
    for name in sign_flips_plan.MAXIMA:
        assert np.array_equal(np.sort(first[name]), np.sort(second[name]))


def test_few_studies_have_all_their_flips_gone_through() -> None:
    """With 2**n flips or more asked for, every pattern of signs comes once, the identity first."""
    y, mask = scene(6)
    plan = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=64)
    assert plan.exhaustive
    assert plan.iterations(10_000) == 64
    patterns = {
        tuple(sign_flips_plan.signs_of(9, i, 6, exhaustive=True).tolist()) for i in range(64)
    }
    assert len(patterns) == 64
    found = plan.run(seed=1, first=0, n_iters=64)["max_stat"]
    assert found[0] == np.abs(plan.observed()).max()
    assert np.array_equal(found, found[::-1])
    fewer = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=63)
    assert not fewer.exhaustive
    assert fewer.iterations(63) == 63


def test_signs_are_fair_and_keyed_by_the_flip() -> None:
    """Each group is turned in half of the flips, two groups agree in half; seeds differ."""
    n = 300
    signs = np.array([sign_flips_plan.signs_of(1, i, n, exhaustive=False) for i in range(2000)])
    assert np.abs(signs.mean(axis=0)).max() < 0.11
    agree = signs.T @ signs / len(signs) - np.eye(n)
    assert np.abs(agree).max() < 0.13
    assert not np.array_equal(signs[0], sign_flips_plan.signs_of(2, 0, n, exhaustive=False))


def test_a_saved_plan_runs_as_before(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Plans are written, read and run by any process."""
    y, mask = scene()
    plan = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=20)
    loaded = sign_flips_plan.FlipPlan.load(plan.save(tmp_path / "plan.npz"))
    for field in fields(plan):
        assert np.array_equal(getattr(plan, field.name), getattr(loaded, field.name))
    first, second = (one.run(seed=0, first=0, n_iters=20) for one in (plan, loaded))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_fwe_p_is_that_of_nilearn() -> None:
    """All 2**8 flips give the p that nilearn's random flips come to; t is the same."""
    rng = np.random.default_rng(11)
    y = rng.normal(size=(8, 60)) + np.linspace(0, 1.5, 60)
    mask = np.ones((3, 4, 5), dtype=bool)
    plan = sign_flips.flip_plan(one_sample_t(y), mask, n_iters=256)
    null = plan.run(seed=0, first=0, n_iters=256)["max_stat"]
    p = montecarlo_p(np.abs(plan.observed()), null, exhaustive=True)
    n = 20_000
    theirs = permuted_ols(
        np.ones((8, 1)), y, model_intercept=False, n_perm=n, random_state=1, output_type="dict"
    )
    assert theirs["t"][0] == pytest.approx(stats.ttest_1samp(y, 0).statistic)
    off = np.abs(10 ** -theirs["logp_max_t"][0] - p)
    assert (off < 4.5 * np.sqrt(p * (1 - p) / n) + 2 / n).all()
    assert p.min() < 0.02
    assert len(np.unique(p)) > 20


def test_p_of_the_strongest_of_few_studies_is_one_in_all_flips() -> None:
    """Where all studies agree only the identity and its opposite are as large."""
    y = np.full((5, 12), 1.0) + np.linspace(0, 0.1, 60).reshape(5, 12)
    plan = sign_flips.flip_plan(one_sample_t(y), np.ones((3, 2, 2), bool), n_iters=32)
    null = plan.run(seed=0, first=0, n_iters=32)["max_stat"]
    assert montecarlo_p(np.abs(plan.observed()).max(), null, exhaustive=True) == 2 / 32
    one = sign_flips.flip_plan(
        one_sample_t(y), np.ones((3, 2, 2), bool), n_iters=32, two_sided=False
    )
    null = one.run(seed=0, first=0, n_iters=32)["max_stat"]
    assert montecarlo_p(one.observed().max(), null, exhaustive=True) == 1 / 32
