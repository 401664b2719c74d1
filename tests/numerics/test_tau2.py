"""Variance between studies: published figures, statsmodels, and grids of the likelihood."""

from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.stats.meta_analysis import combine_effects

from nimare_pipeline.numerics.heterogeneity import heterogeneity
from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from tests.numerics.effects import BETA, VARCOPE, Array, bcg, random_effects

METHODS: tuple[Method, ...] = get_args(Method)


@pytest.mark.parametrize(
    ("method", "middle"), [("dl", 0.150773), ("he", 0.12576), ("ml", 0.104409), ("reml", 0.158768)]
)
def test_published_figures(method: Method, middle: float) -> None:
    """Above 0 at the middle voxel only."""
    tau2 = estimate_tau2(method, BETA, VARCOPE)
    np.testing.assert_allclose(tau2.value, [0, middle, 0], rtol=5e-6)
    assert tau2.converged.all()


@pytest.mark.parametrize(
    ("method", "plain", "latitude"),
    [
        ("dl", 0.308760, 0.063301),
        ("he", 0.328564, None),
        ("ml", 0.280028, None),
        ("reml", 0.313243, 0.076348),
        ("pm", 0.318068, None),
    ],
)
def test_vaccine_trials(method: Method, plain: float, latitude: float | None) -> None:
    """What metafor gives for the trials, and beside latitude."""
    y, v, design = bcg()
    assert estimate_tau2(method, y, v).value[0] == pytest.approx(plain, abs=6e-7)
    if latitude is not None:
        value = estimate_tau2(method, y, v, design=design).value[0]
        assert value == pytest.approx(latitude, abs=6e-7)


@pytest.mark.parametrize(("method", "theirs"), [("dl", "chi2"), ("pm", "iterated")])
def test_statsmodels_agrees_on_random_data(method: Method, theirs: str) -> None:
    """With variances over almost two orders, and tau2 of 0 among the estimates."""
    y, v = random_effects(9, 60, seed=11)
    with np.errstate(invalid="ignore"):  # of their tests, where their tau2 is below 0
        expected = [
            combine_effects(y[:, i], v[:, i], method_re=theirs, atol=1e-7, maxiter=1000).tau2
            for i in range(60)
        ]
    value = estimate_tau2(method, y, v).value
    np.testing.assert_allclose(value, np.maximum(expected, 0), rtol=1e-6, atol=1e-9)
    assert 10 < (value > 0).sum() < 60


def deviance(y: Array, v: Array, design: Array, t: Array, *, restricted: bool) -> Array:
    """Minus twice the log likelihood of one voxel at many tau2, with matrices written out."""
    w = 1 / (v + t[:, None])
    normal = np.einsum("ka,tk,kb->tab", design, w, design)
    coef = np.linalg.solve(normal, ((w * y) @ design)[:, :, None])[:, :, 0]
    value = np.log(v + t[:, None]).sum(axis=1) + (w * (y - coef @ design.T) ** 2).sum(axis=1)
    return np.asarray(value + (np.linalg.slogdet(normal)[1] if restricted else 0.0))


def lowest_of_grid(y: Array, v: Array, design: Array, *, restricted: bool) -> tuple[float, int]:
    """The lowest deviance of a fine grid, and how many dents the curve has."""
    top = np.log1p(100 * (y**2).sum() / v.min())
    grid = v.min() * np.expm1(np.linspace(0, top, 3000))
    values = deviance(y, v, design, grid, restricted=restricted)
    inner = (values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])
    return float(values.min()), int(inner.sum()) + int(values[0] < values[1])


DESIGNS = (np.ones((8, 1)), np.column_stack([np.ones(8), np.arange(8.0) % 3]))


def two_maxima(n: int) -> tuple[Array, Array]:
    """Six exact studies that agree, two inexact ones far off: a curve of two dents."""
    rng = np.random.default_rng(12)
    y, v = 0.2 * rng.normal(size=(8, n)), np.exp(rng.uniform(-1, 1, (8, n)))
    y[6:] = rng.uniform(-150, 150, (2, n))
    v[6:] *= 100
    return y, v


@pytest.mark.parametrize("method", ["ml", "reml"])
@pytest.mark.parametrize("design", DESIGNS, ids=["intercept", "moderator"])
def test_likelihood_is_the_highest_there_is(method: Method, design: Array) -> None:
    """No point of a fine grid is better, also where the curve has two maxima."""
    y, v = two_maxima(200)
    tau2 = estimate_tau2(method, y, v, design=design)
    assert tau2.converged.all()
    dents = 0
    for i in range(200):
        restricted = method == "reml"
        lowest, n = lowest_of_grid(y[:, i], v[:, i], design, restricted=restricted)
        at = tau2.value[i : i + 1]
        ours = deviance(y[:, i], v[:, i], design, at, restricted=restricted)
        assert ours[0] <= lowest + 1e-9
        dents += n > 1
    assert dents > 20
    assert 20 < (tau2.value > 100).sum() < 180


@pytest.mark.parametrize("method", ["ml", "reml"])
def test_both_searches_find_the_same(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many voxels at once where there is one maximum, else one by one: as if all were."""
    y, v = (
        np.concatenate(parts, axis=1)
        for parts in zip(two_maxima(50), random_effects(8, 950, seed=18), strict=True)
    )
    v[0, 400:420] = 1e-25  # a range too wide for the first
    found = estimate_tau2(method, y, v)
    left = []

    def leave_all(*arguments: NDArray[Any]) -> None:
        arguments[-1][:] = False
        left.append(len(arguments[-1]))

    monkeypatch.setattr("nimare_pipeline.numerics.tau2.maximise_where_one", leave_all)
    one_by_one = estimate_tau2(method, y, v)
    assert sum(left) == 1000
    np.testing.assert_allclose(found.value, one_by_one.value, rtol=1e-8, atol=1e-12)
    assert found.converged.all()


@pytest.mark.parametrize("design", [None, DESIGNS[1]], ids=["intercept", "moderator"])
def test_moments_meet_their_expectations(design: Array | None) -> None:
    """Where tau2 is above 0: Q has the expectation of its estimator, computed with matrices."""
    y, v = random_effects(8, 40, seed=13, tau=2.0)
    x = np.ones((8, 1)) if design is None else design
    dof = 8 - x.shape[1]
    values = {m: estimate_tau2(m, y, v, design=design).value for m in ("dl", "he", "pm")}
    for i in range(40):
        variance = np.diag(v[:, i])
        for method, value in values.items():
            if value[i] == 0:
                continue
            w = {"dl": 1 / v[:, i], "he": np.ones(8), "pm": 1 / (v[:, i] + value[i])}[method]
            w = np.diag(w)
            p = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
            expected = np.trace(p @ (variance + value[i] * np.eye(8)))
            assert y[:, i] @ p @ y[:, i] == pytest.approx(expected, rel=1e-8)
            assert method != "pm" or expected == pytest.approx(dof)
    assert all((value > 0).sum() > 20 for value in values.values())


@pytest.mark.parametrize("method", METHODS)
def test_unit_of_the_effects_does_not_matter(method: Method) -> None:
    """Percent signal change or 1e-15 of it: tau2 goes with the square of the unit."""
    y, v = random_effects(6, 50, seed=14)
    value = estimate_tau2(method, y, v).value
    for unit in (1e-12, 1e12):
        scaled = estimate_tau2(method, y * unit, v * unit**2)
        np.testing.assert_allclose(scaled.value / unit**2, value, rtol=1e-7, atol=1e-7)
        assert scaled.converged.all()


@pytest.mark.parametrize("method", METHODS)
def test_location_and_moderator_do_not_matter(method: Method) -> None:
    """What the design explains adds no variance between studies."""
    y, v = random_effects(6, 50, seed=15)
    design = np.column_stack([np.ones(6), [3.0, 1, 4, 1, 5, 9]])
    moved = y + design @ np.array([[100.0], [-7.0]])
    np.testing.assert_allclose(
        estimate_tau2(method, moved, v, design=design).value,
        estimate_tau2(method, y, v, design=design).value,
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("method", METHODS)
def test_equal_effects_have_no_variance_between_them(method: Method) -> None:
    """Two or many equal effects, and no voxel at all."""
    for k in (2, 30):
        tau2 = estimate_tau2(method, np.full((k, 3), 0.1), np.full((k, 3), 0.2))
        np.testing.assert_allclose(tau2.value, 0, atol=1e-30)
        assert tau2.converged.all()
    assert estimate_tau2(method, np.empty((3, 0)), np.empty((3, 0))).value.shape == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_one_study_of_no_error_beside_many(method: Method) -> None:
    """Variances over sixteen orders of magnitude end in a number, within the bound of turns."""
    y, v = random_effects(8, 20, seed=16)
    v[0] = 1e-14
    tau2 = estimate_tau2(method, y, v)
    assert np.isfinite(tau2.value).all()
    assert (tau2.value >= 0).all()
    assert tau2.converged.all()


@pytest.mark.parametrize("method", ["ml", "reml"])
def test_effects_out_of_all_range_have_no_tau2(method: Method) -> None:
    """Their squares overflow: no number, and not converged; other voxels are as before."""
    y, v = random_effects(5, 3, seed=19)
    y[2, 1] = 1e200
    with np.errstate(over="ignore"):
        tau2 = estimate_tau2(method, y, v)
    np.testing.assert_array_equal(tau2.converged, [True, False, True])
    np.testing.assert_array_equal(np.isnan(tau2.value), [False, True, False])


def test_one_column_of_variances_serves_all_voxels() -> None:
    """As of sample sizes, which are the same everywhere."""
    y, v = random_effects(5, 3, seed=20)
    column = v[:, :1]
    for method in METHODS:
        found = estimate_tau2(method, y, column).value
        expected = estimate_tau2(method, y, np.tile(column, 3)).value
        np.testing.assert_array_equal(found, expected)


def test_unknown_method_is_refused() -> None:
    """With the names that there are."""
    with pytest.raises(ValueError, match=r"'eb' is no estimator of tau2; .* dl, he, ml, reml, pm"):
        estimate_tau2("eb", np.ones((3, 1)), np.ones((3, 1)))  # type: ignore[arg-type]


def test_iterations_that_do_not_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one step allowed, only voxels whose tau2 is 0 have converged."""
    monkeypatch.setattr("nimare_pipeline.numerics.tau2._MOST_STEPS", 1)
    y, v = random_effects(6, 50, seed=17)
    tau2 = estimate_tau2("pm", y, v)
    np.testing.assert_array_equal(tau2.converged, tau2.value == 0)


@pytest.mark.parametrize("ratio", [10**6, 10**9])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("heavy", [[0], [0, 3]])
def test_studies_that_outweigh_the_others_cost_no_digits(
    ratio: int, columns: int, heavy: list[int]
) -> None:
    """tau2 of DerSimonian and Laird, I2 and H2 against exact fractions, variances up to 1e9 apart.

    tr P is a difference of numbers as large as the largest weight, and no larger than the others.
    """
    size = int(ratio**0.5)
    y = [3 if i in heavy else value * size for i, value in enumerate([3, 5, -4, 2, -7, 6, 1])]
    v = [1 if i in heavy else ratio * (i + 1) for i in range(7)]
    x = [[1, age][:columns] for age in (21, 35, 28, 52, 44, 31, 39)]
    q, trace = _exact_q_and_trace(y, v, x)
    dof = 7 - columns
    expected = float(max((q - dof) / trace, Fraction(0)))
    assert expected > 0
    given = np.array(y, dtype=float)[:, None], np.array(v, dtype=float)[:, None]
    design = np.array(x, dtype=float)
    tau2 = estimate_tau2("dl", *given, design=design).value
    np.testing.assert_allclose(tau2, expected, rtol=2e-8)
    found = heterogeneity(*given, tau2, design=design)
    np.testing.assert_allclose(found.typical, float(dof / trace), rtol=2e-8)
    np.testing.assert_allclose(found.i2, float(100 * (q - dof) / q), rtol=2e-8)


def _exact_q_and_trace(
    y: list[int], v: list[int], x: list[list[int]]
) -> tuple[Fraction, Fraction]:
    """Q and tr P of a fit with weights 1 / v and one or two columns, without rounding."""
    w = [Fraction(1, one) for one in v]
    p = len(x[0])
    m = [
        [sum(c * r[a] * r[b] for c, r in zip(w, x, strict=True)) for b in range(p)]
        for a in range(p)
    ]
    if p == 1:
        inverted = [[1 / m[0][0]]]
    else:
        det = m[0][0] * m[1][1] - m[0][1] ** 2
        inverted = [[m[1][1] / det, -m[0][1] / det], [-m[0][1] / det, m[0][0] / det]]
    right = [sum(c * r[a] * e for c, r, e in zip(w, x, y, strict=True)) for a in range(p)]
    beta = [sum(inverted[a][b] * right[b] for b in range(p)) for a in range(p)]
    q, trace = Fraction(0), Fraction(0)
    for c, r, e in zip(w, x, y, strict=True):
        q += c * (e - sum(r[a] * beta[a] for a in range(p))) ** 2
        hat = c * sum(r[a] * inverted[a][b] * r[b] for a in range(p) for b in range(p))
        trace += c * (1 - hat)
    return q, trace
