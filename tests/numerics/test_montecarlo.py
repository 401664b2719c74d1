"""The compiled Monte Carlo loop against the same loop written plainly with numpy and scipy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.numerics.clusters import label
from nimare_pipeline.numerics.gaussian import density_kernel
from nimare_pipeline.numerics.ma import sphere_kernel, to_voxels
from nimare_pipeline.numerics.montecarlo import (
    MonteCarloPlan,
    count_block,
    exceedance_block,
    run_block,
)
from nimare_pipeline.numerics.plan import (
    SHELL_VOXELS,
    FociDesign,
    integer_log,
    largest_bits,
    make_plan,
)
from nimare_pipeline.numerics.rng import STREAM_FOCI, STREAM_NULL, draw_indices
from nimare_pipeline.numerics.simulate import WIDTHS

BITS = 26
SHAPE = (26, 22, 24)


GRIDS = [(3.0, 3.0, 3.0), (2.0, 3.0, 4.0), (1.5, 1.5, 1.5)]
"""Voxel sizes, mm: between them every width of segment is used."""


def brain() -> np.ndarray:
    """An ellipsoid with a hole, touching one side of the grid."""
    ijk = np.indices(SHAPE).reshape(3, -1).T
    inside = (((ijk - [12, 9, 11]) / [11, 10, 9]) ** 2).sum(axis=1) < 1
    hole = (((ijk - [12, 9, 11]) / [3, 2, 2]) ** 2).sum(axis=1) < 1
    return (inside & ~hole).reshape(SHAPE)


def world(*zooms: float) -> np.ndarray:
    affine = np.diag([*(zooms or (3.0, 3.0, 3.0)), 1.0])
    affine[:3, 3] = -40, -30, -33
    return affine


def design(affine: np.ndarray, seed: int = 0, outside: int = 3) -> FociDesign:
    """Five experiments of 1 to 6 foci, two kernels, some foci outside the mask."""
    rng = np.random.default_rng(seed)
    sizes = [6, 1, 4, 3, 5]
    mask = brain()
    voxels = np.argwhere(mask)[rng.integers(0, mask.sum(), sum(sizes))].astype(float)
    voxels[:outside] = [[-1, 9, 11], [12, 9, 23.5], [25, 21, 0]][:outside]
    xyz = voxels @ affine[:3, :3].T + affine[:3, 3]
    kernels = [integer_log(density_kernel(w, affine), BITS).astype(np.int32) for w in (9.5, 12.0)]
    return FociDesign(
        xyz, np.repeat(np.arange(len(sizes)), sizes), kernels, np.array([0, 1, 0, 0, 1])
    )


def plan_of(affine: np.ndarray | None = None, **options) -> MonteCarloPlan:  # type: ignore[no-untyped-def]
    affine = world() if affine is None else affine
    options = {"threshold": 400_000, "mass_floor": 400_000, "null_outside": "distance"} | options
    return make_plan(design(affine), brain(), affine, **options)


def sum_plainly(plan: MonteCarloPlan, kernels, draw, iteration: int):  # type: ignore[no-untyped-def]
    """Sum of one iteration in whole volumes, and the mask."""
    seed, stream = draw
    _, stride_x, stride_y, length, *_ = (int(s) for s in plan.scalars)
    shape = (length // stride_x, stride_x // stride_y, stride_y)
    drawn = np.zeros(len(plan.focus_start), dtype=np.int64)
    draw_indices(np.uint64(seed), stream, iteration, plan.focus_count, drawn)
    total = np.zeros(shape, dtype=np.int64)
    for experiment, kernel_number in enumerate(plan.experiment_kernel):
        one = np.zeros(shape, dtype=np.int64)
        kernel = kernels[kernel_number]
        half = [side // 2 for side in kernel.shape]
        for focus in range(*plan.experiment_start[experiment : experiment + 2]):
            voxel = plan.candidates[plan.focus_start[focus] + drawn[focus]]
            ijk = np.unravel_index(voxel, shape)
            box = tuple(slice(i - h, i + h + 1) for i, h in zip(ijk, half, strict=True))
            one[box] = np.maximum(one[box], kernel)
        total += one
    mask = np.zeros(length, dtype=bool)
    mask[plan.candidates[: brain().sum()]] = True
    return total, mask.reshape(shape)


def plain(plan: MonteCarloPlan, kernels, seed: int, iteration: int):  # type: ignore[no-untyped-def]
    """One iteration with whole volumes: place, maximum, sum, threshold, label."""
    threshold, floor = (int(s) for s in plan.scalars[4:])
    total, mask = sum_plainly(plan, kernels, (seed, STREAM_FOCI), iteration)
    labels, n = label(mask & (total >= threshold))
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    masses = [int((total - floor)[labels == i + 1].sum()) for i in range(n)]
    return total[mask].max(), max(sizes, default=0), max(masses, default=0)


@pytest.mark.parametrize("affine", [world(*zooms) for zooms in GRIDS], ids=str)
@pytest.mark.parametrize("null_outside", ["distance", "inside"])
def test_engine_equals_the_plain_loop(affine: np.ndarray, null_outside: str) -> None:
    """Largest statistic, size and mass of 25 iterations are the same integers."""
    plan = plan_of(affine, null_outside=null_outside, threshold=90_000, mass_floor=80_000)
    kernels = design(affine).kernels
    null = run_block(plan, seed=42, first=100, n_iters=25)
    expected = np.array([plain(plan, kernels, 42, 100 + i) for i in range(25)]).T
    for name, values in zip(("max_stat", "max_size", "max_mass"), expected, strict=True):
        np.testing.assert_array_equal(null[name], values, err_msg=name)
    assert len(np.unique(null["max_size"])) > 5


def spheres(affine: np.ndarray) -> FociDesign:
    """The same foci in spheres of two weights; every focus of the first 6 is alone."""
    foci = design(affine)
    sphere = sphere_kernel(8.0, affine)
    experiment = np.concatenate([np.arange(6), 6 + foci.experiment[6:]])
    return FociDesign(
        foci.xyz,
        np.unique(experiment, return_inverse=True)[1],
        [(weight * sphere).astype(np.int32) for weight in (3, 5)],
        np.arange(len(np.unique(experiment))) % 2,
    )


@pytest.mark.parametrize("affine", [world(*zooms) for zooms in GRIDS], ids=str)
def test_engine_equals_the_plain_loop_for_spheres(affine: np.ndarray) -> None:
    """Weighted counts, with foci that are alone in their experiment, which are only added."""
    foci = spheres(affine)
    plan = make_plan(foci, brain(), affine, threshold=8, mass_floor=7, null_outside="distance")
    null = run_block(plan, seed=7, first=5, n_iters=20)
    expected = np.array([plain(plan, foci.kernels, 7, 5 + i) for i in range(20)]).T
    for name, values in zip(("max_stat", "max_size", "max_mass"), expected, strict=True):
        np.testing.assert_array_equal(null[name], values, err_msg=name)
    assert len(np.unique(null["max_mass"])) > 3


@pytest.mark.parametrize(("make", "shift"), [(spheres, 0), (design, 10)], ids=["counts", "ale"])
def test_counts_equal_the_plain_loop(make, shift: int) -> None:  # type: ignore[no-untyped-def]
    """Histogram over all voxels of 8 iterations, in one thread or two; the last bin is open."""
    affine, n_bins = world(), 12 if shift == 0 else 500
    foci = make(affine)
    plan = make_plan(foci, brain(), affine, threshold=1, mass_floor=0, null_outside="distance")
    expected = np.zeros(n_bins, dtype=np.int64)
    for iteration in range(3, 11):
        total, mask = sum_plainly(plan, foci.kernels, (9, STREAM_NULL), iteration)
        bins = np.minimum((total[mask] + ((1 << shift) >> 1)) >> shift, n_bins - 1)
        expected += np.bincount(bins, minlength=n_bins)
    for threads in (1, 2):
        found = count_block(
            plan, seed=9, first=3, n_iters=8, shift=shift, n_bins=n_bins, n_threads=threads
        )
        np.testing.assert_array_equal(found, expected)
    assert expected.sum() == 8 * brain().sum()
    assert (expected > 0).sum() > 5


def test_every_segment_width_is_used_and_agrees() -> None:
    """Kernels with longer rows take the wider loops; all of them are checked above."""
    widths = {int(plan_of(world(*z)).scalars[0]) for z in GRIDS}
    assert widths == set(WIDTHS)


def test_threads_and_blocks_change_no_bit() -> None:
    """Iterations 0-59 at once, in two threads, or as four blocks: the same arrays."""
    plan = plan_of()
    whole = run_block(plan, seed=1, first=0, n_iters=60)
    threaded = run_block(plan, seed=1, first=0, n_iters=60, n_threads=2)
    parts = [run_block(plan, seed=1, first=f, n_iters=15) for f in (0, 15, 30, 45)]
    for name, values in whole.items():
        np.testing.assert_array_equal(threaded[name], values)
        np.testing.assert_array_equal(np.concatenate([p[name] for p in parts]), values)


def test_order_of_foci_within_an_experiment_does_not_matter() -> None:
    """The same places in another order give the same integers; swapped experiments do not."""
    plan = plan_of()
    start = plan.focus_start + plan.focus_count // 2
    fixed = replace(plan, focus_start=start, focus_count=np.ones_like(start))
    turned = start.copy()
    for first, last in zip(plan.experiment_start[:-1], plan.experiment_start[1:], strict=True):
        turned[first:last] = turned[first:last][::-1]
    others = {
        "turned": replace(fixed, focus_start=turned),
        "moved": replace(fixed, focus_start=np.roll(start, 3) + np.arange(len(start))),
    }
    nulls = {
        name: run_block(each, seed=3, first=0, n_iters=1)
        for name, each in {"fixed": fixed, **others}.items()
    }
    assert (turned != start).any()
    assert nulls["turned"] == nulls["fixed"]
    assert nulls["moved"] != nulls["fixed"]


def test_another_seed_is_another_null() -> None:
    """Seeds 1 and 2 differ; the same seed repeats."""
    plan = plan_of()
    one, same, two = (run_block(plan, seed=s, first=0, n_iters=20)["max_stat"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != two).any()


def test_no_cluster_gives_zero_size_and_mass() -> None:
    """A threshold that nothing reaches leaves size and mass 0, and the maximum as it is."""
    low, high = plan_of(), plan_of(threshold=2**29)
    null = run_block(high, seed=0, first=0, n_iters=5)
    assert not null["max_size"].any()
    assert not null["max_mass"].any()
    np.testing.assert_array_equal(
        null["max_stat"], run_block(low, seed=0, first=0, n_iters=5)["max_stat"]
    )


def test_outside_foci_are_redrawn_at_their_distance_from_the_mask() -> None:
    """Candidates of an outside focus lie outside, within 0.75 voxel of its own distance."""
    affine = world()
    plan = plan_of(affine)
    mask_voxels = np.argwhere(brain())
    n_inside = len(mask_voxels)
    mm = mask_voxels @ affine[:3, :3].T + affine[:3, 3]
    _, stride_x, stride_y, length, *_ = (int(s) for s in plan.scalars)
    shape = (length // stride_x, stride_x // stride_y, stride_y)
    # The padded grid's origin follows from where it puts the first mask voxel.
    shift = np.array(np.unravel_index(plan.candidates[0], shape)) - mask_voxels[0]
    for focus in (0, 1):
        own = np.sqrt(((mm - design(affine).xyz[focus]) ** 2).sum(axis=1)).min()
        start, count = plan.focus_start[focus], plan.focus_count[focus]
        assert start >= n_inside
        ijk = np.array(np.unravel_index(plan.candidates[start : start + count], shape)).T - shift
        points = ijk @ affine[:3, :3].T + affine[:3, 3]
        distance = np.array([np.sqrt(((mm - p) ** 2).sum(axis=1)).min() for p in points])
        assert np.abs(distance - own).max() <= SHELL_VOXELS * 3 + 1e-9
        assert count > 100
    inside = plan.focus_start == 0
    assert inside.sum() == 16
    assert (plan.focus_count[inside] == n_inside).all()


def test_foci_too_far_to_reach_the_mask_are_left_out() -> None:
    """The third outside focus is beyond any kernel: it adds nothing, observed or drawn."""
    assert len(plan_of().focus_start) == len(design(world()).xyz) - 1
    assert len(plan_of(null_outside="inside").focus_start) == len(design(world()).xyz)


def test_plan_survives_the_disk_and_notices_alteration(tmp_path: Path) -> None:
    """A loaded plan has the same digest; one with another number in it is refused."""
    plan = plan_of()
    loaded = MonteCarloPlan.load(plan.save(tmp_path / "plan.npz"))
    assert loaded.digest == plan.digest
    arrays = dict(np.load(tmp_path / "plan.npz"))
    arrays["values"][40] += 1
    np.savez(tmp_path / "plan.npz", **arrays)
    with pytest.raises(ValueError, match="does not match its checksum"):
        MonteCarloPlan.load(tmp_path / "plan.npz")


def test_digest_tells_plans_apart() -> None:
    """Another threshold or policy is another plan."""
    plans = [plan_of(), plan_of(threshold=400_001), plan_of(null_outside="inside")]
    assert len({plan.digest for plan in plans}) == 3


def test_a_block_can_be_stopped() -> None:
    """should_stop ends the block with an error instead of a short result."""
    with pytest.raises(InterruptedError, match="was stopped"):
        run_block(plan_of(), seed=0, first=0, n_iters=10**6, should_stop=lambda: True)


def test_progress_adds_up_to_the_iterations() -> None:
    """What progress is told sums to n_iters."""
    told: list[int] = []
    run_block(plan_of(), seed=0, first=0, n_iters=77, n_threads=2, progress=told.append)
    assert sum(told) == 77


def test_units_shrink_before_integers_overflow() -> None:
    """5,000 experiments with narrow kernels take fewer bits, so that their sum still fits."""
    bound = 5000 * -np.log1p(-0.02)
    assert largest_bits(bound, 5000, BITS) == 23
    assert bound * 2**23 + 5000 < 2**30 <= bound * 2**24 + 5000
    assert largest_bits(0.5, 50, BITS) == BITS


def test_kernels_that_could_overflow_are_refused() -> None:
    """A plan whose kernels could add up beyond the integers does not get made."""
    affine = world()
    big = replace(design(affine), kernels=[np.full((3, 3, 3), 2**29, dtype=np.int32)] * 2)
    with pytest.raises(ValueError, match="could exceed the engine's integers"):
        make_plan(big, brain(), affine, threshold=1, mass_floor=1, null_outside="inside")


def test_foci_at_voxel_centres_are_on_the_integer_tables() -> None:
    """The observed integers equal the engine's table when a focus is at a voxel centre."""
    affine = world()
    kernel = integer_log(density_kernel(9.5, affine), BITS)
    assert kernel.max() == integer_log(np.array([density_kernel(9.5, affine).max()]), BITS)[0]
    assert to_voxels(np.array([affine[:3, 3]]), affine).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("zooms", [(6, 1, 6), (8, 1, 8), (1, 1, 10), (5, 2, 2), (2, 2, 2)])
def test_kernels_fit_around_every_candidate(zooms: tuple[float, float, float]) -> None:
    """However fine an axis is, no segment of a kernel leaves its plane, wherever a focus goes."""
    affine = world(*zooms)
    kernel = integer_log(density_kernel(12.0, affine), 20).astype(np.int32)
    wide = replace(design(affine), kernels=[kernel] * 2)
    plan = make_plan(wide, brain(), affine, threshold=1, mass_floor=1, null_outside="distance")
    width, plane = int(plan.scalars[0]), int(plan.scalars[1])
    windows = zip(plan.focus_start, plan.focus_count, strict=True)
    used = np.concatenate([plan.candidates[s : s + n] for s, n in windows]) % plane
    assert used.min() + plan.offsets.min() >= 0
    assert used.max() + plan.offsets.max() + width <= plane + width


def test_outside_candidates_of_a_sheared_grid_are_at_the_true_distance() -> None:
    """Where axes are not at right angles the distance from the mask is still that in mm."""
    affine = world()
    affine[0, 1] = 1.8
    plan = plan_of(affine)
    mask_voxels = np.argwhere(brain())
    mm = mask_voxels @ affine[:3, :3].T + affine[:3, 3]
    own = np.sqrt(((mm - design(affine).xyz[0]) ** 2).sum(axis=1)).min()
    _, stride_x, stride_y, length, *_ = (int(s) for s in plan.scalars)
    shape = (length // stride_x, stride_x // stride_y, stride_y)
    shift = np.array(np.unravel_index(plan.candidates[0], shape)) - mask_voxels[0]
    window = plan.candidates[plan.focus_start[0] :][: plan.focus_count[0]]
    points = (np.array(np.unravel_index(window, shape)).T - shift) @ affine[:3, :3].T
    distance = [np.sqrt(((mm - p - affine[:3, 3]) ** 2).sum(axis=1)).min() for p in points]
    assert np.abs(np.array(distance) - own).max() <= SHELL_VOXELS * 3 + 1e-9


def pool_of(affine: np.ndarray) -> np.ndarray:
    """Foci in a corner of the mask, one of them three times, one outside, one far away."""
    ijk = np.array([[8, 9, 11], [8, 9, 11], [8, 9, 11], [7.2, 8, 9], [-1, 9, 11], [400, 0, 0]])
    return ijk @ affine[:3, :3].T + affine[:3, 3]


def test_foci_are_drawn_from_the_pool() -> None:
    """Candidates are the pool's voxels, each as often as it is there, unless too far away."""
    affine = world()
    plan = plan_of(affine, pool=pool_of(affine))
    assert len(plan.candidates) == 5
    assert np.unique(plan.candidates, return_counts=True)[1].tolist() == [1, 1, 3]
    assert (plan.focus_start == 0).all()
    assert (plan.focus_count == 5).all()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_exceedances_are_counted_voxel_by_voxel(n_threads: int) -> None:
    """Against histograms of one iteration each: their sum over voxels, and every voxel's own."""
    affine = world()
    plan = plan_of(affine, pool=pool_of(affine))
    n = int(brain().sum())
    for value in (1, 2**20, 2**24):
        observed = np.full(n, value, dtype=np.int64)
        found = exceedance_block(plan, observed, seed=5, first=3, n_iters=20, n_threads=n_threads)
        bins = count_block(plan, seed=5, first=3, n_iters=20, shift=0, n_bins=value + 1)
        assert found.sum() == bins[value]
    # What is at least 0 is so in every iteration, whichever voxel.
    mixed = np.where(np.arange(n) % 3, 2**24, 0)
    again = exceedance_block(plan, mixed, seed=5, first=3, n_iters=20, n_threads=n_threads)
    np.testing.assert_array_equal(again, np.where(np.arange(n) % 3, found, 20))
