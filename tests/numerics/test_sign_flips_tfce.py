"""TFCE under flips of signs: every maximum is that of the enhanced map of the flip."""

import numpy as np
import pytest

from nimare_pipeline.numerics import sign_flips, sign_flips_plan
from nimare_pipeline.numerics.sign_flips_terms import one_sample_t
from nimare_pipeline.numerics.sign_flips_tfce import FlipTFCEPlan, flip_tables
from tests.numerics.test_sign_flips import scene


def plans(*, two_sided: bool, n_iters: int = 30) -> tuple[sign_flips_plan.FlipPlan, FlipTFCEPlan]:
    """A plan and the same with the enhancement."""
    y, mask = scene()
    plain = sign_flips.flip_plan(
        one_sample_t(y), mask, n_iters=n_iters, voxel_thresh=0.05, two_sided=two_sided
    )
    tables, shift = flip_tables(plain, 8.0, extent_power=0.5, height_power=2)
    return plain, FlipTFCEPlan.of(plain, tables, shift)


@pytest.mark.parametrize("two_sided", [True, False])
def test_maxima_are_those_of_each_flip(*, two_sided: bool) -> None:
    """The largest TFCE of every flip is that of its map; all else is as without enhancement."""
    plain, plan = plans(two_sided=two_sided)
    _, mask = scene()
    found = plan.run(seed=3, first=0, n_iters=30, n_threads=2)
    for name, values in plain.run(seed=3, first=0, n_iters=30).items():
        assert np.array_equal(values, found[name])
    for flip in range(30):
        whole = plan.whole_numbers(sign_flips_plan.signs_of(3, flip, 9, exhaustive=False))
        enhanced = plan.enhanced(whole, mask)
        top = np.abs(enhanced).max() if two_sided else enhanced.max()
        assert found["max_tfce"][flip] == top


def test_the_tables_reach_the_largest_z_that_any_flip_has() -> None:
    """No flip has a level beyond the last: all 2**9 of them are gone through."""
    _, plan = plans(two_sided=True, n_iters=512)
    largest = int(plan.run(seed=0, first=0, n_iters=512)["max_stat"].max())
    assert plan.exhaustive
    assert largest >> int(plan.shift[0]) < len(plan.height)
    shorter = len(plan.height) * 0.4
    assert largest >> int(plan.shift[0]) > shorter


def test_a_saved_plan_runs_as_before(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Plans with the enhancement are written, read and run by any process."""
    _, plan = plans(two_sided=True)
    loaded = FlipTFCEPlan.load(plan.save(tmp_path / "plan.npz"))
    first, second = (one.run(seed=0, first=2, n_iters=3) for one in (plan, loaded))
    assert all(np.array_equal(first[name], second[name]) for name in first)
