"""Every statistic that flips are made of, against the statistic of the flipped data."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from nimare_pipeline.numerics import combination, sign_flips_terms
from nimare_pipeline.numerics.sign_flips import FlipPlan, FlipTerms, Reestimated, flip_plan
from nimare_pipeline.numerics.sign_flips_plan import UNIT, signs_of
from nimare_pipeline.numerics.sign_flips_tfce import FlipTFCEPlan, flip_tables

SHAPE = (7, 6, 5)
MASK = np.ones(SHAPE, dtype=bool)
GROUPS = np.array([0, 1, 1, 2, 3, 3, 3, 4, 5, 6])
SIZES = np.array([12.0, 15, 20, 25, 18, 30, 22, 16, 40, 9])
CORRELATION = np.where(GROUPS[:, None] == GROUPS[None, :], 0.4, 0) + 0.6 * np.eye(10)
N_FLIPS = 25


def z_images(seed: int = 3) -> NDArray[np.float64]:
    """Ten images of seven groups, with gaps."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(10, MASK.sum())) + 0.4
    z[2, :60] = np.nan
    z[7:9, 40:100] = np.nan
    z[1:, 7] = np.nan
    return z


def effects(seed: int = 3) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Effects of seven groups and their variances, with gaps."""
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.05, 0.6, size=(7, MASK.sum()))
    y = 0.2 + rng.normal(size=v.shape) * np.sqrt(v + 0.1)
    y[0, :50] = np.nan
    y[3:5, 30:90] = np.nan
    y[1:, 7] = np.nan
    return y, np.where(np.isnan(y), np.nan, v)


def plan_of(terms: FlipTerms | Reestimated, *, two_sided: bool = True) -> FlipPlan:
    """Plan of random flips."""
    return flip_plan(terms, MASK, n_iters=N_FLIPS, voxel_thresh=0.05, two_sided=two_sided)


def check(plan: FlipPlan, expected, *, n_groups: int = 7, within: float = 2e-5) -> None:  # type: ignore[no-untyped-def]
    """Every flip's map is what the statistic is of the flipped data; so are the largest."""
    found = plan.run(seed=5, first=0, n_iters=N_FLIPS, n_threads=2)
    for flip in range(N_FLIPS):
        signs = signs_of(5, flip, n_groups, exhaustive=False)
        whole = plan.whole_numbers(signs)
        for voxel in (0, 35, 45, 70, 95, 150, 209):
            z = expected(signs, voxel)
            assert whole[voxel] * UNIT == pytest.approx(z, abs=within)
        assert whole[7] == 0
        assert found["max_stat"][flip] == max(np.abs(whole).max(), 0)
    assert np.array_equal(plan.observed(), plan.whole_numbers(np.ones(n_groups, dtype=np.int64)))
    opposite = plan.whole_numbers(-np.ones(n_groups, dtype=np.int64))
    if plan.scalars[2]:
        assert np.array_equal(opposite, -plan.observed())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["stouffer", "fisher"])
def test_combination_of_flipped_images(name: str, *, weighted: bool) -> None:
    """z of all images of turned studies, with their dependence."""
    z = z_images()
    options = {"correlation": CORRELATION}
    if weighted:
        options["sample_sizes"] = SIZES
    plan = plan_of(getattr(sign_flips_terms, name)(z, GROUPS, **options))
    test = getattr(combination, name)

    def expected(signs: NDArray[np.int64], voxel: int) -> float:
        rows = np.isfinite(z[:, voxel])
        own = {"correlation": CORRELATION[np.ix_(rows, rows)]}
        if weighted:
            own["sample_sizes"] = SIZES[rows]
        values = (signs[GROUPS] * z[:, voxel])[rows, None]
        return float(test(values, groups=GROUPS[rows], **own).z[0])

    check(plan, expected, within=2e-4 if name == "fisher" else 2e-5)


def test_one_sided_fisher() -> None:
    """The positive tail alone; where it has no evidence z is 0."""
    z = z_images()
    plan = flip_plan(sign_flips_terms.fisher(z, GROUPS), MASK, n_iters=N_FLIPS, two_sided=False)
    found = plan.run(seed=5, first=0, n_iters=N_FLIPS)
    for flip in range(N_FLIPS):
        signs = signs_of(5, flip, 7, exhaustive=False)
        whole = plan.whole_numbers(signs)
        one = combination.fisher(
            (signs[GROUPS, None] * z)[:, 100:], groups=GROUPS, two_sided=False
        ).z
        assert whole[100:] * UNIT == pytest.approx(np.maximum(one, 0), abs=2e-4)
        assert found["max_stat"][flip] == whole.max()


def test_fixed_weights_of_flipped_effects() -> None:
    """z of the weighted mean."""
    y, v = effects()

    def expected(signs: NDArray[np.int64], voxel: int) -> float:
        weight = 1 / v[:, voxel]
        return float(np.nansum(weight * signs * y[:, voxel]) / np.sqrt(np.nansum(weight)))

    check(plan_of(sign_flips_terms.fixed_weights(y, v)), expected)


@pytest.mark.parametrize("of_voxels", [False, True])
def test_robust_mean_of_flipped_effects(*, of_voxels: bool) -> None:
    """z of the t of a weighted mean with its cluster-robust error; dof to a sixty-fourth."""
    y, v = effects()
    weight = 1 / v if of_voxels else SIZES[:7]

    def expected(signs: NDArray[np.int64], voxel: int) -> float:
        rows = np.isfinite(y[:, voxel])
        own = (weight[:, voxel] if of_voxels else weight)[rows]
        return float(
            combination.one_sample_t((signs * y[:, voxel])[rows, None], sample_sizes=own).z[0]
        )

    check(plan_of(sign_flips_terms.robust_mean(y, weight)), expected, within=0.01)


def test_equal_weights_are_the_plain_t() -> None:
    """The cluster-robust error of an unweighted mean is the usual one."""
    y, _ = effects()
    plain = plan_of(sign_flips_terms.one_sample_t(y))
    robust = plan_of(sign_flips_terms.robust_mean(y, np.ones(7)))
    signs = signs_of(1, 3, 7, exhaustive=False)
    assert robust.whole_numbers(signs) * UNIT == pytest.approx(
        plain.whole_numbers(signs) * UNIT, abs=2e-5
    )


@pytest.mark.parametrize("term", [0, 1])
def test_a_term_of_a_model_by_freedman_and_lane(term: int) -> None:
    """t of the term where residuals without it are turned and the model is fitted anew."""
    rng = np.random.default_rng(6)
    y = rng.normal(size=(12, MASK.sum()))
    y[0, :50] = np.nan
    y[1:, 7] = np.nan
    design = np.column_stack([np.ones(12), rng.normal(size=12), rng.normal(size=12)])
    plan = plan_of(sign_flips_terms.model_term(y, design, term))

    def expected(signs: NDArray[np.int64], voxel: int) -> float:
        rows = np.isfinite(y[:, voxel])
        x, values = design[rows], y[rows, voxel]
        reduced = np.delete(x, term, axis=1)
        fitted = reduced @ np.linalg.lstsq(reduced, values, rcond=None)[0]
        turned = fitted + signs[rows] * (values - fitted)
        beta = np.linalg.lstsq(x, turned, rcond=None)[0]
        dof = len(values) - 3
        error = ((turned - x @ beta) ** 2).sum() / dof * np.linalg.inv(x.T @ x)[term, term]
        t = beta[term] / np.sqrt(error)
        return float(np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), dof)))

    check(plan, expected, n_groups=12)


def brute_random_effects(
    y: NDArray[np.float64], v: NDArray[np.float64], tau2: str, error: str
) -> float:
    """z of the random-effects mean of one voxel."""
    k, weight = len(y), 1 / v
    if tau2 == "dl":
        mean = (weight * y).sum() / weight.sum()
        q = (weight * (y - mean) ** 2).sum()
        between = (q - (k - 1)) / (weight.sum() - (weight**2).sum() / weight.sum())
    else:
        between = (((y - y.mean()) ** 2).sum() - (1 - 1 / k) * v.sum()) / (k - 1)
    weight = 1 / (v + max(between, 0))
    mean = (weight * y).sum() / weight.sum()
    if error == "wald":
        return float(mean * np.sqrt(weight.sum()))
    q = (weight * (y - mean) ** 2).sum() / (k - 1)
    if error == "knapp-hartung-conservative":
        q = max(q, 1)
    t = mean / np.sqrt(q / weight.sum())
    return float(np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), k - 1)))


@pytest.mark.parametrize("error", sign_flips_terms.ERRORS)
@pytest.mark.parametrize("tau2", ["dl", "he"])
def test_random_effects_with_tau2_of_every_flip(tau2: str, error: str) -> None:
    """The variance between studies is that of the flipped effects."""
    y, v = effects()
    plan = plan_of(sign_flips_terms.random_effects(y, v, tau2=tau2, error=error))

    def expected(signs: NDArray[np.int64], voxel: int) -> float:
        rows = np.isfinite(y[:, voxel])
        return brute_random_effects((signs * y[:, voxel])[rows], v[rows, voxel], tau2, error)

    check(plan, expected)


def test_neither_threads_nor_chunks_change_random_effects() -> None:
    """Maxima are the same, however the flips are divided; TFCE is that of each flip."""
    y, v = effects()
    terms = sign_flips_terms.random_effects(y, v, error="knapp-hartung")
    plain = plan_of(terms)
    plan = FlipTFCEPlan.of(plain, *flip_tables(plain, 8.0, extent_power=0.5, height_power=2))
    whole = plan.run(seed=7, first=0, n_iters=40)
    parts = [plan.run(seed=7, first=a, n_iters=n, n_threads=2) for a, n in ((0, 13), (13, 27))]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), values)
    signs = signs_of(7, 17, 7, exhaustive=False)
    enhanced = plan.enhanced(plan.whole_numbers(signs), MASK)
    assert np.abs(enhanced).max() == whole["max_tfce"][17]


def test_absurd_values_do_not_cost_the_others_their_precision() -> None:
    """A voxel with a variance of 1e-30 has a large z, and all else is as before."""
    y, v = effects()
    spoilt = v.copy()
    spoilt[:, 120] = 1e-30
    plans = [plan_of(sign_flips_terms.fixed_weights(y, one)) for one in (v, spoilt)]
    first, second = (plan.observed() * UNIT for plan in plans)
    others = np.arange(len(first)) != 120
    assert second[others] == pytest.approx(first[others], abs=1e-3)
    assert abs(second[120]) > 100


@pytest.mark.parametrize("known", ["fixed", "random"])
def test_a_variance_of_zero_is_no_data(known: str) -> None:
    """It would have all the weight; the group is left out there."""
    y, v = effects()
    v[2, 150] = 0
    rest = np.arange(7) != 2
    weight = 1 / v[rest, 150]
    if known == "random":
        terms = sign_flips_terms.random_effects(y, v, error="wald")
        expected = brute_random_effects(y[rest, 150], v[rest, 150], "dl", "wald")
        assert plan_of(terms).observed()[150] * UNIT == pytest.approx(expected, abs=1e-5)
    else:
        found = plan_of(sign_flips_terms.fixed_weights(y, v)).observed()[150] * UNIT
        expected = (weight * y[rest, 150]).sum() / np.sqrt(weight.sum())
        assert found == pytest.approx(expected, abs=1e-5)


def test_images_in_single_precision_lose_nothing() -> None:
    """Terms of float32 images are those of the same numbers in float64."""
    z = z_images().astype(np.float32)
    y, v = (one.astype(np.float32) for one in effects())
    rest = {"correlation": CORRELATION}
    made = sign_flips_terms
    pairs = [
        [made.fisher(one, GROUPS, **rest) for one in (z, z.astype(float))],
        [made.stouffer(one, GROUPS, **rest) for one in (z, z.astype(float))],
        [made.one_sample_t(one) for one in (y, y.astype(float))],
        [made.robust_mean(one, SIZES[:7]) for one in (y, y.astype(float))],
        [made.fixed_weights(*both) for both in ((y, v), (y.astype(float), v.astype(float)))],
        [
            made.random_effects(*both, error="wald")
            for both in ((y, v), (y.astype(float), v.astype(float)))
        ],
        [made.model_term(one, np.ones((7, 1)), 0) for one in (y, y.astype(float))],
    ]
    for single, double in pairs:
        assert np.array_equal(plan_of(single).observed(), plan_of(double).observed())


def test_a_study_that_outweighs_the_others_costs_no_digits() -> None:
    """A and B of tau2 against exact fractions, where one variance is 1e12 times smaller."""
    y, v = [3, 5_000_000, -4_000_000, 2_000_000], [1, 10**12, 2 * 10**12, 3 * 10**12]
    w = [Fraction(1, one) for one in v]
    spread = sum(w) - sum(one**2 for one in w) / sum(w)
    a = (sum(c * e**2 for c, e in zip(w, y, strict=True)) - 3) / spread
    columns = (np.array(one, dtype=float)[:, None] for one in (y, v))
    found = sign_flips_terms.random_effects(*columns, tau2="dl", error="wald")
    np.testing.assert_allclose(found.a, float(a), rtol=1e-12)
    np.testing.assert_allclose(found.b, float(1 / (spread * sum(w))), rtol=1e-12)
