"""Combination tests against published figures, NiMARE and simulation."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_ndtr

from nimare_pipeline.numerics import combination
from nimare_pipeline.numerics.null_correlation import null_correlation

REFERENCE = Path(__file__).parents[1] / "reference" / "nimare_combination.npz"
Z = np.array(
    [
        [1.235858, -0.505845, 0.813494],
        [-0.097751, 1.152624, -0.452816],
        [2.791152, -2.666672, -1.918188],
        [0.666042, 0.490324, -3.356364],
        [0.956734, 0.005871, -1.545613],
        [1.366763, 0.331721, -0.622899],
        [1.762542, 0.533819, -1.11142],
        [1.581693, -1.885544, -0.547797],
    ]
)
BETA = np.array(
    [
        [1.352633, 0.368412, -0.676206],
        [0.602412, 0.815258, -0.860502],
        [1.672042, -0.184123, -1.709143],
        [1.104039, -0.393699, -0.934038],
        [1.109435, 1.554545, -0.985863],
        [0.743147, 0.228161, -1.325567],
        [1.176669, -0.230712, -1.632141],
        [0.238271, 0.678277, -1.368143],
    ]
)
SIZES = np.array([12, 15, 20, 25, 18, 30, 22, 16.0])


def p_of(test: combination.Combined, *, two_sided: bool) -> np.ndarray:
    """p of a z as the estimators make it."""
    z = test.z
    return np.minimum(2 * stats.norm.sf(np.abs(z)), 1) if two_sided else stats.norm.sf(z)


def test_stouffer_has_the_figures_of_nimare() -> None:
    """z and p of eight images, unweighted, by sample size, and one-sided."""
    plain = combination.stouffer(Z)
    assert plain.z == pytest.approx([3.62853, -0.899334, -3.09062], rel=5e-6)
    assert p_of(plain, two_sided=True) == pytest.approx([0.000285039, 0.368475, 0.00199737], 1e-5)
    assert plain.dof == 7
    weighted = combination.stouffer(Z, sample_sizes=SIZES)
    assert weighted.z == pytest.approx([3.64796, -0.792282, -3.31504], rel=5e-6)
    one = combination.stouffer(Z, two_sided=False)
    assert p_of(one, two_sided=False) == pytest.approx([0.00014252, 0.815763, 0.999001], rel=1e-5)


def test_fisher_has_the_figures_of_nimare() -> None:
    """z and p of eight images, two-sided and one-sided."""
    plain = combination.fisher(Z)
    assert plain.z == pytest.approx([3.26127, -1.41735, -3.19294], rel=5e-6)
    assert p_of(plain, two_sided=True) == pytest.approx([0.00110915, 0.156381, 0.00140833], 1e-5)
    one = combination.fisher(Z, two_sided=False)
    assert p_of(one, two_sided=False) == pytest.approx([0.000554575, 0.66471, 0.990961], rel=1e-5)
    assert one.stat == pytest.approx(stats.combine_pvalues(stats.norm.sf(Z)).statistic)


def test_one_sample_t_has_the_figures_of_nimare() -> None:
    """t, z and degrees of freedom, unweighted, by sample size, and of dependent images."""
    plain = combination.one_sample_t(BETA)
    assert plain.stat == pytest.approx([6.24745, 1.54049, -8.90197], rel=5e-6)
    assert plain.z == pytest.approx([3.52393, 1.38081, -4.07607], rel=5e-6)
    weighted = combination.one_sample_t(BETA, sample_sizes=SIZES)
    assert weighted.stat == pytest.approx([6.84826, 1.21523, -9.93362], rel=5e-6)
    assert weighted.z == pytest.approx([3.57583, 1.11025, -4.11787], rel=5e-6)
    assert weighted.dof == pytest.approx(6.44796, rel=1e-6)
    alike = combination.one_sample_t(BETA, sample_sizes=np.full(8, 3.0))
    assert alike.dof == pytest.approx(plain.dof, rel=1e-12)
    assert alike.z == pytest.approx(plain.z, rel=1e-12)
    grouped = combination.one_sample_t(BETA, groups=np.array([0, 1, 2, 3, 4, 5, 5, 5]))
    assert grouped.stat == pytest.approx([6.76588, 1.37513, -6.89422], rel=5e-6)
    assert grouped.dof == 5


@pytest.mark.parametrize(
    "name",
    ["stouffer", "stouffer_n", "stouffer_one", "fisher", "fisher_n", "fisher_one", "ols", "ols_n"],
)
def test_dependent_images_have_the_maps_of_nimare(name: str) -> None:
    """Eleven images of seven studies: z, p and degrees of freedom at 512 voxels."""
    with np.load(REFERENCE) as reference:
        known = dict(reference)
    kind, _, how = name.partition("_")
    z, groups = known["z"].astype(float), known["groups"]
    options = {} if how != "n" else {"sample_sizes": known["sizes"].astype(float)}
    if kind != "ols":
        options["correlation"] = null_correlation(z, groups)
    tests = {"stouffer": combination.stouffer, "fisher": combination.fisher}
    test = tests.get(kind, combination.one_sample_t)
    found = test(z, groups=groups, two_sided=how != "one", **options)
    assert found.z == pytest.approx(known[f"full_{name}_z"], rel=1e-5, abs=1e-6)
    assert p_of(found, two_sided=how != "one") == pytest.approx(known[f"full_{name}_p"], rel=1e-5)
    assert found.dof == pytest.approx(known[f"full_{name}_dof"][0], rel=1e-6)


@pytest.mark.parametrize("test", [combination.stouffer, combination.fisher])
def test_dependence_keeps_the_error_rate(test) -> None:  # type: ignore[no-untyped-def]
    """Without an effect, images that correlate .7 within studies give p < .05 in 5 %."""
    rng = np.random.default_rng(8)
    groups = np.array([0, 0, 0, 1, 1, 2, 3, 4])
    n = 40_000
    shared, own = rng.normal(size=(5, n)), rng.normal(size=(8, n))
    z = np.sqrt(0.7) * shared[groups] + np.sqrt(0.3) * own
    correlation = null_correlation(z, groups)
    rates = [
        (p_of(test(z, groups=groups, correlation=one), two_sided=True) < 0.05).mean()
        for one in (correlation, None)
    ]
    assert rates[0] == pytest.approx(0.05, abs=0.006)
    assert rates[1] > 0.06


def test_tails_do_not_underflow() -> None:
    """z of 40 in every study: Stouffer's is exact, Fisher's follows the tail of chi-square."""
    z = np.full((6, 1), 40.0) * [[1.0]]
    assert combination.stouffer(z).z[0] == pytest.approx(40 * np.sqrt(6))
    fisher = combination.fisher(z)
    # chi-square with 12 degrees of freedom has a closed tail: a Poisson sum.
    half = -6 * log_ndtr(-40.0)
    terms = np.arange(6) * np.log(half) - np.cumsum(np.log(np.maximum(np.arange(6), 1)))
    logsf = -half + np.logaddexp.reduce(terms)
    assert log_ndtr(-fisher.z[0]) == pytest.approx(logsf, rel=1e-10)
    opposite = combination.fisher(-z)
    assert opposite.z[0] == -fisher.z[0]
    t = combination.one_sample_t(np.linspace(1, 1.0001, 200)[:, None])
    assert np.isfinite(t.z[0])
    assert t.z[0] > 37


@pytest.mark.parametrize(
    ("k", "each"), [(9, -2.5), (4, -6.0), (3, -9.99), (3, -10.01), (6, -40.0)]
)
def test_one_sided_fisher_of_negative_z_is_finite(k: int, each: float) -> None:
    """Where p is 1 in all digits z follows the lower tail of chi-square, a Poisson sum too."""
    found = combination.fisher(np.full((k, 1), each), two_sided=False).z[0]
    # Half of X is k times -ln(1 - q), and that is q itself where q is no number any more.
    log_q = log_ndtr(each)
    log_half = np.log(k) + (np.log(-np.log1p(-np.exp(log_q))) if log_q > -700 else log_q)
    half = np.exp(log_half)
    # P(Poisson(half) >= k): the first term, and what the others add to it.
    ratios = np.cumprod(half / (k + np.arange(1.0, 40)))
    log_p = k * log_half - half - np.log(np.arange(1, k + 1)).sum() + np.log1p(ratios.sum())
    assert log_ndtr(found) == pytest.approx(log_p, rel=1e-8)


def test_one_sided_fisher_is_continuous_where_the_tails_meet() -> None:
    """One study: Fisher's test is its own z, of either sign and any size."""
    z = np.array([[-40.0, -12.0, -8.3, -3.0, -1e-3, 0.0, 1e-3, 3.0, 12.0, 40.0]])
    found = combination.fisher(z, two_sided=False)
    np.testing.assert_allclose(found.z, z[0], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dof", [1.0, 3.7, 40.0])
def test_tail_of_chi_square(dof: float) -> None:
    """It is scipy's where that has digits, and both ways agree where they meet."""
    x = np.array([0.0, 0.5, dof, 3 * dof, 200.0, 900.0, 1250.0])
    found = combination.chi2_logsf(x, dof)
    known = stats.chi2.sf(x, dof)
    assert found == pytest.approx(np.log(known), rel=1e-11, abs=1e-14)
    steps = np.diff(combination.chi2_logsf(np.linspace(1200, 1500, 301), dof))
    assert np.all(np.abs(np.diff(steps)) < 1e-4)


def test_opposite_tails_that_are_both_likely() -> None:
    """A single z of 0 has z 0 and p 1, whichever test."""
    z = np.zeros((3, 1))
    assert combination.fisher(z).z[0] == 0
    assert combination.stouffer(z).z[0] == 0


def test_groups_that_cancel_are_named() -> None:
    """Two images that are each other's negative say nothing, and do not break the test."""
    z = np.vstack([Z, -Z[7]])
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 7, 7])
    correlation = np.eye(9)
    correlation[7, 8] = correlation[8, 7] = -1
    found = combination.stouffer(z, groups=groups, correlation=correlation)
    assert found.dropped == (7,)
    assert found.z == pytest.approx(combination.stouffer(Z[:7]).z)
    assert found.dof == 6
