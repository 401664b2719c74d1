"""Runs of spheres hold the voxels that sphere by sphere counting finds."""

import numpy as np
import pytest

from nimare_pipeline.numerics.ma import sphere_counts
from nimare_pipeline.numerics.study_runs import study_runs

AFFINES = {
    "2 mm": np.diag([2.0, 2, 2, 1]),
    "x to the left, oblong": np.diag([-3.0, 2, 4, 1]),
    "sheared": np.array([[2.0, 0.3, 0.1, -9], [0.2, 2.5, 2, 3], [1, 2, 3, 1], [0, 0, 0, 1]]),
}


def scene(name: str):  # type: ignore[no-untyped-def]
    """Foci of nine experiments, one of them without any, and a mask with holes."""
    affine = AFFINES[name]
    rng = np.random.default_rng(3)
    shape = (17, 19, 15)
    mask = rng.random(shape) < 0.8
    experiment = np.sort(rng.choice([0, 1, 2, 4, 5, 6, 7, 8], size=60))
    ijk = rng.uniform(-2, 19, size=(60, 3))
    ijk[::3] = np.rint(ijk[::3])
    xyz = ijk @ affine[:3, :3].T + affine[:3, 3]
    return xyz, experiment, mask, affine


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("rule", ["exact", "half-even"])
@pytest.mark.parametrize("radius", [4.0, 9.0])
def test_voxels_are_those_of_the_spheres(name: str, rule: str, radius: float) -> None:
    """Each experiment alone, and all of them, on any grid and in any part of the mask."""
    xyz, experiment, mask, affine = scene(name)
    runs = study_runs(xyz, experiment, 9, radius, mask, affine, rule)
    dense = sphere_counts(xyz, experiment, 9, radius, mask, affine, rule).toarray() > 0
    for number in range(9):
        assert (runs.counts(np.arange(9) == number) == dense[number]).all()
    assert (runs.counts(np.ones(9, dtype=bool)) == dense.sum(axis=0)).all()
    assert dense.any(axis=1).tolist() == [number != 3 for number in range(9)]


def test_runs_are_apart_and_ascending() -> None:
    """Runs that touch are one."""
    xyz, experiment, mask, affine = scene("2 mm")
    runs = study_runs(xyz, experiment, 9, 9.0, mask, affine)
    for number in range(9):
        span = slice(*runs.indptr[number : number + 2])
        assert (runs.stop[span] > runs.start[span]).all()
        assert (runs.start[span][1:] > runs.stop[span][:-1]).all()


def test_threads_change_nothing(monkeypatch) -> None:
    """However many threads and experiments at a time, the runs are the same."""
    xyz, experiment, mask, affine = scene("2 mm")
    one = study_runs(xyz, experiment, 9, 9.0, mask, affine)
    monkeypatch.setattr("nimare_pipeline.numerics.study_runs._CHUNK", 2)
    two = study_runs(xyz, experiment, 9, 9.0, mask, affine, n_threads=2)
    for name in ("start", "stop", "indptr"):
        assert (getattr(one, name) == getattr(two, name)).all()


def test_compact_leaves_out_voxels_that_no_run_holds() -> None:
    """Counts over the voxels that are kept are the same."""
    xyz, experiment, mask, affine = scene("2 mm")
    runs = study_runs(xyz, experiment, 9, 4.0, mask, affine)
    everyone = np.ones(9, dtype=bool)
    total = runs.counts(everyone)
    few = runs.compact(total > 0)
    assert 0 < few.n_voxels < runs.n_voxels
    assert (few.counts(everyone) == total[total > 0]).all()


def test_no_foci() -> None:
    """A database without foci has no runs."""
    runs = study_runs(
        np.zeros((0, 3)), np.zeros(0, dtype=int), 2, 9.0, np.ones((3, 3, 3), bool), np.eye(4)
    )
    assert (len(runs.start), runs.indptr.tolist()) == (0, [0, 0, 0])
    assert (runs.counts(np.ones(2, dtype=bool)) == 0).all()


def test_runs_are_as_long_as_they_are() -> None:
    """Arrays grow as experiments come, and end with their runs."""
    xyz, experiment, mask, affine = scene("2 mm")
    runs = study_runs(xyz, experiment, 9, 4.0, mask, affine)
    assert len(runs.start) == len(runs.stop) == runs.indptr[-1] > 0


def test_runs_over_all_voxels_are_not_copied() -> None:
    """Of a database every voxel is reported, and its runs are hundreds of megabytes."""
    xyz, experiment, mask, affine = scene("2 mm")
    runs = study_runs(xyz, experiment, 9, 9.0, mask, affine)
    assert runs.compact(np.ones(runs.n_voxels, dtype=bool)) is runs
