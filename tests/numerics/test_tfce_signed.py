"""Enhancement of statistics of both signs and its nulls by permutation, against plain loops."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from nimare_pipeline.montecarlo import load_plan
from nimare_pipeline.numerics import chi2
from nimare_pipeline.numerics.chi2_tfce import LabelTFCEPlan, chi2_tables, signed_levels
from nimare_pipeline.numerics.permutation_z import score_table, sum_moments
from nimare_pipeline.numerics.permute import members
from nimare_pipeline.numerics.subtraction_loop import NEGATIVE, POSITIVE
from nimare_pipeline.numerics.subtraction_tfce import SubtractionTFCEPlan
from nimare_pipeline.numerics.tfce import tfce_tables
from nimare_pipeline.numerics.tfce_signed import signed_tfce
from tests.by_labels import signed_by_labels
from tests.numerics.test_chi2 import scene
from tests.numerics.test_subtraction import Case, each

MM3 = 8.0
POWERS = {"extent_power": 0.5, "height_power": 2.0}
PLAIN = ("stat", "size", "mass")


def test_each_sign_is_enhanced_by_itself() -> None:
    """Values are those of labelling at every height, and have the sign of their level."""
    rng = np.random.default_rng(2)
    mask = rng.random((9, 8, 7)) < 0.9
    levels = rng.integers(-9, 10, int(mask.sum()))
    z = np.arange(10) * 0.3
    tables = tfce_tables(z, int(mask.sum()), MM3, **POWERS)
    found = signed_tfce(levels, mask, tables) * tables.unit
    np.testing.assert_allclose(found, signed_by_labels(levels * 0.3, mask, MM3), rtol=1e-6)
    assert (np.sign(found) == np.sign(levels)).all()


def label_plans(n: int, n1: int, **powers: float) -> tuple[Any, LabelTFCEPlan, Any, Any]:
    """Permutation of labels without and with enhancement, table of reports, and mask."""
    runs, table, mask = scene(n)
    plain = chi2.label_plan(runs, np.arange(n) < n1, mask, n_iters=30, voxel_thresh=0.2)
    tables, shift = chi2_tables(n, int(mask.sum()), MM3, **(POWERS | powers))
    return plain, LabelTFCEPlan.of(plain, tables, shift), table, mask


@pytest.mark.parametrize(("n", "n1"), [(15, 6), (15, 9)])
@pytest.mark.parametrize("powers", [(0.5, 2.0), (1.0, 1.5)])
def test_chi_square_of_permuted_labels(n: int, n1: int, powers: tuple[float, float]) -> None:
    """Each permutation's largest values are those of its own chi-square, whichever is smaller."""
    e, h = powers
    plain, plan, table, mask = label_plans(n, n1, extent_power=e, height_power=h)
    null = plan.run(seed=9, first=100, n_iters=12)
    unit = tfce_unit(plan)
    k = min(n1, n - n1)
    for number in range(12):
        small = members(9, 100 + number, n, k, exhaustive=False)
        first = small if k == n1 else np.setdiff1d(np.arange(n), small)
        a, b = table[first].sum(axis=0), np.delete(table, first, axis=0).sum(axis=0)
        z = np.nan_to_num(chi2.association_z(a, b, n1, n - n1))
        wanted = signed_by_labels(np.round(z, 4), mask, MM3, e, h)
        found = [int(null[f"{tail}_max_tfce"][number]) * unit for tail in ("positive", "negative")]
        assert found == pytest.approx([wanted.max(), -wanted.min()], rel=2e-4)
    assert len(np.unique(null["negative_max_tfce"])) > 5
    untouched = plain.run(seed=9, first=100, n_iters=12)
    assert all((null[name] == values).all() for name, values in untouched.items())


def tfce_unit(plan: LabelTFCEPlan) -> float:
    """What a step of the maxima is worth: tables are powers of 2 apart from the integral."""
    whole = int(plan.extent[-1]) * int(plan.height[-1])
    z = float((len(plan.height) - 1) << int(plan.shift[0])) * chi2.UNIT
    power = _height_power(plan)
    extent = ((len(plan.extent) - 1) * MM3) ** _extent_power(plan)
    return extent * z ** (power + 1) / (power + 1) / whole


def _height_power(plan: LabelTFCEPlan) -> float:
    last = len(plan.height) - 1
    return float(np.log2(plan.height[last // 2 * 2] / plan.height[last // 2]) - 1)


def _extent_power(plan: LabelTFCEPlan) -> float:
    last = len(plan.extent) - 1
    return float(np.log2(plan.extent[last // 2 * 2] / plan.extent[last // 2]))


def test_levels_of_many_experiments_are_bounded() -> None:
    """The tables reach to the largest chi-square there can be, in at most half a million steps."""
    tables, shift = chi2_tables(14371, 100, MM3, **POWERS)
    assert len(tables.height) <= 2**19 + 2
    top = int(np.sqrt(14371) / chi2.UNIT)
    found = signed_levels(np.array([-top, top, 3 * top]), shift, len(tables.height))
    assert (found[:2] << shift) * chi2.UNIT == pytest.approx([-119.88, 119.88], abs=0.01)
    assert found[2] == len(tables.height) - 1


@pytest.mark.parametrize("kind", ["chi2", "subtraction"])
def test_threads_parts_and_files_change_nothing(kind: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A permutation depends on its own number alone, also from a plan that was saved."""
    plan = label_plans(20, 7)[1] if kind == "chi2" else enhanced(Case(9, 3), 60)[0]
    whole = plan.run(seed=1, first=0, n_iters=60)
    threaded = load_plan(plan.save(tmp_path / "plan.npz")).run(
        seed=1, first=0, n_iters=60, n_threads=2
    )
    parts = [plan.run(seed=1, first=first, n_iters=20) for first in (0, 20, 40)]
    for name, values in whole.items():
        assert (values == threaded[name]).all()
        assert (values == np.concatenate([part[name] for part in parts])).all()


def enhanced(case: Case, n_iters: int, **more: Any) -> tuple[SubtractionTFCEPlan, Any]:
    """Plan of a subtraction with enhancement, and its layout."""
    layout = case.lay_out(n_iters, **more)
    terms = sparse.csr_array(case.terms)
    return SubtractionTFCEPlan.of(layout, terms, MM3, **POWERS), layout


def z_by_moments(case: Case, is_first: Any) -> Any:
    """z of the first group's sum of each voxel, from moments, in numpy."""
    small = is_first if 2 * case.n_first <= case.n else ~is_first
    mean, sd, skewness = sum_moments(sparse.csr_array(case.terms), case.k)
    table = score_table(skewness, case.n)
    weight = np.float32(1 / np.where(sd > 0, sd * table.step, np.inf))
    apart = np.float32(case.terms[small].sum(axis=0)) - np.float32(mean)
    bins = np.trunc(apart * weight).astype(int)
    level = table.level[table.klass, bins + table.level.shape[1] // 2]
    return (1 if 2 * case.n_first <= case.n else -1) * level / 1024


@each
def test_differences_of_permuted_labels(sizes: tuple[int, int]) -> None:
    """Each permutation's largest values are those of the z of its own sums."""
    case = Case(*sizes)
    plan, layout = enhanced(case, 12)
    null = plan.run(seed=9, first=100, n_iters=12)
    for number in range(12):
        is_first = case.division(9, 100 + number, exhaustive=False)
        wanted = signed_by_labels(z_by_moments(case, is_first), case.mask, MM3)
        found = [null[f"{t}_max_tfce"][number] * plan.unit[0] for t in ("positive", "negative")]
        assert found == pytest.approx([wanted.max(), -wanted.min()], rel=1e-6)
    untouched = layout.plan.run(seed=9, first=100, n_iters=12)
    assert all((null[name] == values).all() for name, values in untouched.items())
    observed = layout.over_mask(plan.observed_levels()) / 1024
    np.testing.assert_array_equal(observed, z_by_moments(case, case.is_first))


def test_all_divisions_are_gone_through() -> None:
    """An exhaustive null holds the observed division once."""
    case = Case(6, 2)
    plan, layout = enhanced(case, 1000)
    assert plan.exhaustive
    null = plan.run(seed=1, first=0, n_iters=plan.iterations(1000))
    levels = layout.over_mask(plan.observed_levels())
    observed = signed_tfce(levels, case.mask, plan.tables)
    assert len(null["positive_max_tfce"]) == 15
    # The observed first group is experiments 0 and 1: the first combination.
    assert null["positive_max_tfce"][0] == observed.max()
    assert null["negative_max_tfce"][0] == -observed.min()


def test_directions_that_are_not_tested_do_not_count() -> None:
    """Heights of a direction are kept in the voxels alone that are tested for it."""
    case = Case(9, 3)
    rng = np.random.default_rng(8)
    tested = rng.integers(0, 4, int(case.mask.sum())).astype(np.int8)
    plan, _ = enhanced(case, 6, tested=tested)
    null = plan.run(seed=4, first=0, n_iters=6)
    for number in range(6):
        z = z_by_moments(case, case.division(4, number, exhaustive=False))
        z = np.where(np.where(z > 0, tested & POSITIVE, tested & NEGATIVE) > 0, z, 0)
        wanted = signed_by_labels(z, case.mask, MM3)
        found = [null[f"{t}_max_tfce"][number] * plan.unit[0] for t in ("positive", "negative")]
        assert found == pytest.approx([wanted.max(), -wanted.min()], rel=1e-6)
