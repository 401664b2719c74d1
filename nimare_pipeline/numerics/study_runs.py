"""Spheres of experiments as runs of voxels, for databases whose maps would not fit in memory.

Within an experiment spheres are united, as in MKDA. A map is a list of runs [start, stop) over the
voxels of the mask in C order; a run may go on from one row of the volume to the next, because the
voxels between are not in the mask. Of 14,371 studies with 507,891 foci and spheres of 10 mm the
165 million voxels are 23 million runs.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.gaussian import distance2_mm, reach_voxels
from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.ma import SNAP, voxelize

_CHUNK = 128
"""Experiments whose runs are made at a time."""


@dataclass(frozen=True)
class StudyRuns:
    """Runs of all experiments.

    Parameters
    ----------
    start, stop : (n_runs,) int32 arrays
        First voxel, and voxel after the last; ascending and apart within an experiment.
    indptr : (n_experiments + 1,) int64 array
        Runs of each experiment.
    n_voxels : int
        Voxels of the mask.
    """

    start: NDArray[np.int32]
    stop: NDArray[np.int32]
    indptr: NDArray[np.int64]
    n_voxels: int

    def counts(self, members: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of some experiments have each voxel, (n_voxels,).

        Parameters
        ----------
        members : (n_experiments,) bool array
        """
        steps = np.zeros(self.n_voxels + 1, dtype=np.int32)
        _add_members(np.flatnonzero(members), self.start, self.stop, self.indptr, steps)
        return np.cumsum(steps[:-1]).astype(np.int64)

    def compact(self, kept: NDArray[np.bool_]) -> "StudyRuns":
        """Runs over some of the voxels alone, among which must be all that any run holds.

        Parameters
        ----------
        kept : (n_voxels,) bool array
        """
        place = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
        return StudyRuns(place[self.start], place[self.stop], self.indptr, int(kept.sum()))


def study_runs(
    xyz: NDArray[np.float64],
    experiment: NDArray[np.int64],
    n_experiments: int,
    radius_mm: float,
    mask: NDArray[np.bool_],
    affine: NDArray[np.float64],
    voxelization: str = "exact",
    n_threads: int = 1,
) -> StudyRuns:
    """Runs of the voxels within a radius of any focus of each experiment, the radius included.

    Parameters
    ----------
    xyz : (n_foci, 3) array
        mm.
    experiment : (n_foci,) array
        Index of each focus' experiment, ascending.
    n_experiments : int
    radius_mm : float
    mask : (X, Y, Z) bool array
    affine : (4, 4) array
    voxelization : str
        See :func:`nimare_pipeline.numerics.ma.voxelize`.
    n_threads : int
        Threads over experiments.

    Returns
    -------
    StudyRuns
        The voxels are those of :func:`nimare_pipeline.numerics.ma.sphere_counts`.
    """
    ijk = voxelize(xyz, affine, voxelization)
    linear = np.ascontiguousarray(affine[:3, :3])
    half = reach_voxels(radius_mm, affine)
    radius2 = radius_mm**2 * (1 + SNAP)
    index = np.full(mask.shape, -1, dtype=np.int32)
    index[mask] = np.arange(int(mask.sum()), dtype=np.int32)
    first = np.searchsorted(experiment, np.arange(n_experiments + 1)).astype(np.int64)
    rows = int((2 * half[0] + 2) * (2 * half[1] + 2))
    most = int(np.diff(first).max(initial=0)) * rows
    sphere = (half, linear, radius2)
    chunks = [
        (begin, min(begin + _CHUNK, n_experiments)) for begin in range(0, n_experiments, _CHUNK)
    ]

    def make(part: list[tuple[int, int]]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        keys = np.empty(most, dtype=np.int64)
        found = []
        for begin, end in part:
            room = np.empty(int(first[end] - first[begin]) * rows, dtype=np.int64)
            counts = np.zeros(end - begin, dtype=np.int64)
            n = _unite(ijk, first[begin : end + 1], sphere, index, keys, room, counts)
            found.append((room[:n].copy(), counts))
        return found

    parts = [chunks[thread :: max(1, n_threads)] for thread in range(max(1, n_threads))]
    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        made = list(pool.map(make, parts))
    ordered = [made[number % len(parts)][number // len(parts)] for number in range(len(chunks))]
    counts = np.concatenate([np.zeros(1, dtype=np.int64), *(one[1] for one in ordered)])
    indptr = np.cumsum(counts)
    start, stop = (np.empty(int(indptr[-1]), dtype=np.int32) for _ in range(2))
    at = 0
    del made
    # What is copied is let go: the runs of a database would be in memory twice.
    ordered.reverse()
    while ordered:
        runs, _ = ordered.pop()
        start[at : at + len(runs)] = runs >> 32
        stop[at : at + len(runs)] = runs & 0xFFFFFFFF
        at += len(runs)
    return StudyRuns(start, stop, indptr, int(mask.sum()))


@compiled
def _unite(ijk, first, sphere, index, keys, room, counts):  # type: ignore[no-untyped-def]
    """Runs of a few experiments, as start << 32 | stop; returns how many there are."""
    half, linear, radius2 = sphere
    n = 0
    for number in range(len(first) - 1):
        n_keys = 0
        for focus in range(first[number], first[number + 1]):
            n_keys = _sphere_runs(ijk[focus], half, linear, radius2, index, keys, n_keys)
        keys[:n_keys].sort()
        begin = n
        for i in range(n_keys):
            start, stop = keys[i] >> 32, keys[i] & 0xFFFFFFFF
            if n > begin and start <= (room[n - 1] & 0xFFFFFFFF):
                last = room[n - 1] & 0xFFFFFFFF
                room[n - 1] = (room[n - 1] >> 32) << 32 | max(last, stop)
            else:
                room[n] = keys[i]
                n += 1
        counts[number] = n - begin
    return n


@compiled
def _sphere_runs(centre, half, linear, radius2, index, keys, n):  # type: ignore[no-untyped-def]
    """Append one run for each row along the last axis that the sphere shares with the mask."""
    x, y, z = centre
    depth2 = distance2_mm(linear, 0.0, 0.0, 1.0)
    for i in range(max(0, int(np.floor(x)) - half[0]), min(index.shape[0], int(x) + half[0] + 2)):
        for j in range(
            max(0, int(np.floor(y)) - half[1]), min(index.shape[1], int(y) + half[1] + 2)
        ):
            # The row comes nearest to the centre at ``middle``: which of its voxels are within
            # reach follows, give or take one that the exact test below decides.
            middle = z - _along(linear, i - x, j - y) / depth2
            rest = radius2 - distance2_mm(linear, i - x, j - y, middle - z)
            if rest < 0:
                continue
            reach = np.sqrt(rest / depth2)
            start, stop = np.int64(-1), np.int64(-1)
            for k in range(
                max(0, int(np.floor(middle - reach))),
                min(index.shape[2], int(np.floor(middle + reach)) + 2),
            ):
                voxel = index[i, j, k]
                if voxel < 0 or distance2_mm(linear, i - x, j - y, k - z) > radius2:
                    continue
                if start < 0:
                    start = np.int64(voxel)
                stop = np.int64(voxel) + 1
            if start >= 0:
                keys[n] = start << 32 | stop
                n += 1
    return n


@compiled
def _along(linear, i, j):  # type: ignore[no-untyped-def]
    """Scalar product, in mm, of an offset along the first two axes with the third axis."""
    total = 0.0
    for axis in range(3):
        total += (linear[axis, 0] * i + linear[axis, 1] * j) * linear[axis, 2]
    return total


@compiled
def add_runs(member, start, stop, indptr, steps):  # type: ignore[no-untyped-def]
    """Mark where the runs of one experiment begin (+1) and where they have ended (-1)."""
    for run in range(indptr[member], indptr[member + 1]):
        steps[start[run]] += 1
        steps[stop[run]] -= 1


@compiled
def _add_members(members, start, stop, indptr, steps):  # type: ignore[no-untyped-def]
    for member in members:
        add_runs(member, start, stop, indptr, steps)
