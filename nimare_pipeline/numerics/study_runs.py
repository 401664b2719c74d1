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
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.argsort(
    (np.uint64(1) << np.arange(64, dtype=np.uint64)) * _DE_BRUIJN >> np.uint64(58)
)
"""Place of the one bit of a word, by the upper six bits of its product with the number above."""


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
        if kept.all():
            return self
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
    sphere = (
        reach_voxels(radius_mm, affine),
        np.ascontiguousarray(affine[:3, :3]),
        radius_mm**2 * (1 + SNAP),
    )
    rank = np.concatenate([[0], np.cumsum(mask, dtype=np.int32)]).astype(np.int32)
    n_voxels = int(rank[-1])
    first = np.searchsorted(experiment, np.arange(n_experiments + 1)).astype(np.int64)
    shape = np.array(mask.shape, dtype=np.int64)
    half = sphere[0]
    rows = int((2 * half[0] + 2) * (2 * half[1] + 2))
    chunks = [
        first[begin : begin + _CHUNK + 1].copy() for begin in range(0, n_experiments, _CHUNK)
    ]
    free = [np.zeros(n_voxels // 64 + 1, dtype=np.uint64) for _ in range(max(1, n_threads))]
    n_runs = np.zeros(n_experiments, dtype=np.int64)

    def make(number: int) -> NDArray[np.int32]:
        span, words = chunks[number], free.pop()
        room = np.empty((2, int(span[-1] - span[0]) * rows), dtype=np.int32)
        counts = n_runs[number * _CHUNK : number * _CHUNK + len(span) - 1]
        n = _unite(ijk, span, sphere, rank, shape, words, room, counts)
        free.append(words)
        return room[:, :n].copy()

    # Each piece is copied and let go as it comes: the runs of a database would be in memory twice.
    start, stop, at = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32), 0
    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        for piece in pool.map(make, range(len(chunks))):
            end = at + piece.shape[1]
            if end > len(start):
                for array in (start, stop):
                    array.resize(end + end // 8, refcheck=False)
            start[at:end], stop[at:end] = piece
            at = end
    for array in (start, stop):
        array.resize(at, refcheck=False)
    indptr = np.concatenate([[0], np.cumsum(n_runs)]).astype(np.int64)
    return StudyRuns(start, stop, indptr, n_voxels)


@compiled
def _unite(ijk, first, sphere, rank, shape, words, room, counts):  # type: ignore[no-untyped-def]
    """Runs of a few experiments and how many each has; returns how many there are."""
    n = 0
    for number in range(len(first) - 1):
        _paint(ijk[first[number] : first[number + 1]], sphere, rank, shape, words)
        counts[number] = _take_runs(words, room[:, n:])
        n += counts[number]
    return n


@compiled
def _paint(centres, sphere, rank, shape, words):  # type: ignore[no-untyped-def]
    """Set the bits of the voxels of the mask that are within reach of any centre."""
    half, linear, radius2 = sphere
    depth2 = distance2_mm(linear, 0.0, 0.0, 1.0)
    for focus in range(len(centres)):
        x, y, z = centres[focus]
        for i in range(max(0, int(np.floor(x)) - half[0]), min(shape[0], int(x) + half[0] + 2)):
            for j in range(
                max(0, int(np.floor(y)) - half[1]), min(shape[1], int(y) + half[1] + 2)
            ):
                # Along the row the squared distance is a parabola: ``middle`` is its vertex. The
                # radius has a slack of SNAP, which is far more than what is rounded off here.
                middle = z - _along(linear, i - x, j - y) / depth2
                rest = radius2 - distance2_mm(linear, i - x, j - y, middle - z)
                if rest < 0:
                    continue
                reach = np.sqrt(rest / depth2)
                low = max(0, int(np.ceil(middle - reach)))
                high = min(shape[2] - 1, int(np.floor(middle + reach)))
                if low <= high:
                    row = (i * shape[1] + j) * shape[2]
                    # The voxels of the mask between two places of a row are neighbours in it.
                    _set_bits(words, np.int64(rank[row + low]), np.int64(rank[row + high + 1]))


@compiled
def _set_bits(words, start, stop):  # type: ignore[no-untyped-def]
    """Set bits start to stop - 1."""
    while start < stop:
        word = start >> 6
        end = min(stop, (word + 1) << 6)
        ones = ~np.uint64(0) >> np.uint64(64 - (end - start))
        words[word] |= ones << np.uint64(start & 63)
        start = end


@compiled
def _edges(words, word, before):  # type: ignore[no-untyped-def]
    """Bits that differ from the one before them, of which ``before`` is the last word's last."""
    return words[word] ^ (words[word] << np.uint64(1) | before)


@compiled
def _take_runs(words, runs):  # type: ignore[no-untyped-def]
    """First place of each run of ones, and the place after its last; the bits become 0 again."""
    n, before = 0, np.uint64(0)
    for word in range(len(words)):
        edges = _edges(words, word, before)
        before = words[word] >> np.uint64(63)
        words[word] = 0
        while edges:
            # Starts and ends take turns: the number of edges says which this is.
            lowest = edges & (~edges + np.uint64(1))
            place = _PLACES[(lowest * _DE_BRUIJN) >> np.uint64(58)]
            runs[n & 1, n >> 1] = (word << 6) + place
            edges ^= lowest
            n += 1
    return n >> 1


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
