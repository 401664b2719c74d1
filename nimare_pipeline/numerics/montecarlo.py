"""Monte Carlo null of the largest statistic, cluster size and cluster mass, in integers.

Every iteration redraws each focus uniformly among its candidate voxels and keeps which experiment
it belongs to. Kernels are tables of -log(1 - MA) rounded once to integers; the loop takes minima
and sums of integers, so the order of foci, the number of threads and the chunking of iterations
cannot change a bit of the result.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.jit import compiled
from nimare_pipeline.numerics.rng import STREAM_FOCI, draw_indices

OUTSIDE_MASK = -(2**30)
"""Start value of voxels outside the mask: no sum of kernels lifts one above any threshold."""
LARGEST_SUM = 2**30
WIDTHS = (24, 32)
"""Rows of a kernel are cut into segments of one of these widths: a fixed number of steps is what
the compiler turns into vector instructions."""
_SLICE_SECONDS = 0.1
"""A compiled call lasts about this long, so that signals and progress are served in between."""


@dataclass(frozen=True)
class MonteCarloPlan:
    """Everything the loop reads, in padded voxel coordinates.

    Parameters
    ----------
    values : (n_segments * width,) int32 array
        Kernel rows in units of 2**-log_bits, zero padded.
    offsets : (n_segments,) int64 array
        First voxel of each segment relative to the focus.
    kernel_start : (n_kernels + 1,) int64 array
        Segments of each kernel.
    experiment_kernel : (n_experiments,) int64 array
    experiment_start : (n_experiments + 1,) int64 array
        Foci of each experiment.
    candidates : (n_candidates,) int64 array
        Voxels a focus may be drawn at: the mask, then outside voxels by distance from it.
    focus_start, focus_count : (n_foci,) int64 arrays
        Window of ``candidates`` of each focus.
    row_start, row_length : (n_rows,) int64 arrays
        Runs of voxels along the last axis that hold the mask.
    template : (sum of row_length,) int32 array
        0 in the mask, ``OUTSIDE_MASK`` elsewhere.
    scalars : (6,) int64 array
        width, strides of the first two axes, volume length, cluster-forming threshold, log_bits.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]
    kernel_start: NDArray[np.int64]
    experiment_kernel: NDArray[np.int64]
    experiment_start: NDArray[np.int64]
    candidates: NDArray[np.int64]
    focus_start: NDArray[np.int64]
    focus_count: NDArray[np.int64]
    row_start: NDArray[np.int64]
    row_length: NDArray[np.int64]
    template: NDArray[np.int32]
    scalars: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """SHA-256 of every array, its type and shape."""
        total = hashlib.sha256()
        for field in fields(self):
            array = getattr(self, field.name)
            total.update(json.dumps([field.name, array.dtype.str, array.shape]).encode())
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the arrays and their digest to one npz file."""
        path = Path(path)
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        digest = np.frombuffer(self.digest.encode(), dtype=np.uint8)
        with path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, digest=digest, **arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "MonteCarloPlan":
        """Read what ``save`` wrote and check its digest.

        Raises
        ------
        UsageError
            If the file was altered.
        """
        with np.load(path, allow_pickle=False) as archive:
            plan = cls(**{field.name: archive[field.name] for field in fields(cls)})
            recorded = archive["digest"].tobytes().decode()
        if plan.digest != recorded:
            msg = f"{path}: the Monte Carlo plan does not match its checksum; it was altered"
            raise ValueError(msg)
        return plan


def run_block(
    plan: MonteCarloPlan,
    *,
    seed: int,
    first: int,
    n_iters: int,
    n_threads: int = 1,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Null maxima of iterations ``first`` to ``first + n_iters - 1``.

    Parameters
    ----------
    plan : MonteCarloPlan
    seed : int
        0 to 2**64 - 1.
    first, n_iters : int
        Which iterations; each depends on its own number alone.
    n_threads : int
        Threads over iterations.
    should_stop : callable, optional
        Asked about ten times a second; True ends the block with ``InterruptedError``.
    progress : callable, optional
        Told the number of iterations done since it was last told.

    Returns
    -------
    dict of (n_iters,) int64 arrays
        ``max_stat`` (integer units), ``max_size`` (voxels), ``max_mass`` (integer units x voxels):
        the largest over the mask, 0 where there is no cluster.
    """
    out = np.zeros((3, n_iters), dtype=np.int64)
    arrays = tuple(getattr(plan, field.name) for field in fields(plan))
    _simulate_slice(arrays, _scratch(plan), seed, first, out[:, :0])  # compile once
    queue = _Slices(n_iters)

    def work() -> None:
        scratch = _scratch(plan)
        seconds_each = 0.0
        while (span := queue.take(seconds_each)) is not None:
            begin = time.perf_counter()
            part = out[:, span[0] : span[1]]
            _simulate_slice(arrays, scratch, seed, first + span[0], part)
            seconds_each = (time.perf_counter() - begin) / (span[1] - span[0])
            queue.finish(span[1] - span[0])

    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        workers = [pool.submit(work) for _ in range(max(1, n_threads))]
        try:
            _watch(workers, queue, should_stop, progress)
        except BaseException:
            queue.close()
            raise
        for worker in workers:
            worker.result()
    return {"max_stat": out[0], "max_size": out[1], "max_mass": out[2]}


class _Slices:
    """Hands out short runs of iterations to threads."""

    def __init__(self, n_iters: int) -> None:
        self._lock = threading.Lock()
        self._next, self._end, self._done = 0, n_iters, 0

    def take(self, seconds_each: float) -> tuple[int, int] | None:
        size = max(1, int(_SLICE_SECONDS / seconds_each)) if seconds_each > 0 else 1
        with self._lock:
            if self._next >= self._end:
                return None
            begin, self._next = self._next, min(self._next + size, self._end)
            return begin, self._next

    def finish(self, count: int) -> None:
        with self._lock:
            self._done += count

    def done(self) -> int:
        with self._lock:
            return self._done

    def close(self) -> None:
        with self._lock:
            self._next = self._end


def _watch(
    workers: Sequence[Any],
    queue: _Slices,
    should_stop: Callable[[], bool] | None,
    progress: Callable[[int], None] | None,
) -> None:
    """Wait for the workers in the calling thread, where signals arrive."""
    told = 0
    while True:
        running = not all(worker.done() for worker in workers)
        if progress is not None and (done := queue.done()) > told:
            progress(done - told)
            told = done
        if not running:
            return
        if should_stop is not None and should_stop():
            msg = "the Monte Carlo block was stopped"
            raise InterruptedError(msg)
        time.sleep(0.02)


def _scratch(plan: MonteCarloPlan) -> tuple[NDArray[Any], ...]:
    """Memory of one thread: two volumes and the lists of suprathreshold voxels."""
    length, n_mask = int(plan.scalars[3]), len(plan.template)
    return (
        np.zeros(length, dtype=np.int32),
        np.zeros(length, dtype=np.int32),
        np.zeros(n_mask + 1, dtype=np.int64),
        np.zeros(n_mask + 1, dtype=np.int32),
        np.zeros(n_mask + 1, dtype=np.int64),
        np.zeros(n_mask + 1, dtype=np.int64),
        np.zeros(max(len(plan.focus_start), 1), dtype=np.int64),
    )


def _simulate_slice(
    arrays: tuple[NDArray[Any], ...],
    scratch: tuple[NDArray[Any], ...],
    seed: int,
    first: int,
    out: NDArray[np.int64],
) -> None:
    _simulate(np.uint64(seed), np.int64(first), arrays, scratch, out)


@compiled
def _clear_statistic(total, row_start, row_length, template):  # type: ignore[no-untyped-def]
    at = 0
    for row in range(len(row_start)):
        start, length = row_start[row], row_length[row]
        total[start : start + length] = template[at : at + length]
        at += length


@compiled
def _suprathreshold(total, row_start, row_length, threshold, voxels):  # type: ignore[no-untyped-def]
    """Largest value over the mask, and the voxels at or above the threshold in ascending order."""
    largest = np.int32(OUTSIDE_MASK)
    n = 0
    for row in range(len(row_start)):
        start, stop = row_start[row], row_start[row] + row_length[row]
        top = np.int32(OUTSIDE_MASK)
        for voxel in range(start, stop):
            top = max(top, total[voxel])
        largest = max(largest, top)
        if top >= threshold:
            for voxel in range(start, stop):
                if total[voxel] >= threshold:
                    voxels[n] = voxel
                    n += 1
    return largest, n


@compiled
def _root(parent, a):  # type: ignore[no-untyped-def]
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@compiled
def _largest_cluster(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    total, label, strides, threshold, voxels, n, parent, size, mass
):
    """Size and mass of the largest clusters of voxels that share faces (union-find)."""
    for a in range(n):
        voxel = voxels[a]
        parent[a] = a
        label[voxel] = a + 1
        # Voxels come in ascending order: three of the six neighbours are known already.
        for stride in strides:
            other = label[voxel - stride]
            if other > 0:
                b, c = _root(parent, a), _root(parent, other - 1)
                if b < c:
                    parent[c] = b
                else:
                    parent[b] = c
        size[a] = 0
        mass[a] = 0
    largest_size = np.int64(0)
    largest_mass = np.int64(0)
    for a in range(n):
        voxel = voxels[a]
        label[voxel] = 0
        b = _root(parent, a)
        size[b] += 1
        mass[b] += total[voxel] - threshold
        largest_size = max(largest_size, size[b])
        largest_mass = max(largest_mass, mass[b])
    return largest_size, largest_mass


def _make_place(width: int) -> Callable[..., Any]:
    """Adds a kernel to the sum as far as it exceeds its experiment's other foci, and undoes that.

    The width is a constant of the compiled code. A closure over anything but a number would keep
    Numba from finding what it compiled before.
    """

    @compiled
    def place(total, one, values, offsets, begin, end, focus):  # type: ignore[no-untyped-def]
        for segment in range(begin, end):
            at = np.uint64(focus + offsets[segment])
            source = np.uint64(segment * width)
            for step in range(np.uint64(width)):
                before = one[at + step]
                after = max(before, values[source + step])
                total[at + step] += after - before
                one[at + step] = after

    return place


def _make_wipe(width: int) -> Callable[..., Any]:
    """Sets a kernel's segments of the experiment's volume back to 0."""

    @compiled
    def wipe(one, offsets, begin, end, focus):  # type: ignore[no-untyped-def]
        for segment in range(begin, end):
            at = np.uint64(focus + offsets[segment])
            for step in range(np.uint64(width)):
                one[at + step] = 0

    return wipe


_NARROW, _WIDE = WIDTHS
_place_narrow, _wipe_narrow = _make_place(_NARROW), _make_wipe(_NARROW)
_place_wide, _wipe_wide = _make_place(_WIDE), _make_wipe(_WIDE)


@compiled
def _sum_experiment(  # type: ignore[no-untyped-def]
    total, one, values, offsets, begin, end, voxels, width
):
    """Add one experiment's modelled activation to the sum and leave its own volume all 0."""
    if width == _NARROW:
        for focus in range(len(voxels)):
            _place_narrow(total, one, values, offsets, begin, end, voxels[focus])
        for focus in range(len(voxels)):
            _wipe_narrow(one, offsets, begin, end, voxels[focus])
    else:
        for focus in range(len(voxels)):
            _place_wide(total, one, values, offsets, begin, end, voxels[focus])
        for focus in range(len(voxels)):
            _wipe_wide(one, offsets, begin, end, voxels[focus])


@compiled
def _simulate(seed, first, arrays, scratch, out):  # type: ignore[no-untyped-def]
    """The loop over iterations."""
    values, offsets, kernel_start, experiment_kernel, experiment_start, candidates = arrays[:6]
    focus_start, focus_count, row_start, row_length, template, scalars = arrays[6:]
    total, one, voxels, parent, size, mass, drawn = scratch
    strides = (np.int64(1), scalars[2], scalars[1])
    width, threshold = scalars[0], scalars[4]
    for iteration in range(out.shape[1]):
        draw_indices(seed, STREAM_FOCI, first + iteration, focus_count, drawn)
        for focus in range(len(focus_start)):
            drawn[focus] = candidates[focus_start[focus] + drawn[focus]]
        _clear_statistic(total, row_start, row_length, template)
        for experiment in range(len(experiment_kernel)):
            kernel = experiment_kernel[experiment]
            own = drawn[experiment_start[experiment] : experiment_start[experiment + 1]]
            begin, end = kernel_start[kernel], kernel_start[kernel + 1]
            _sum_experiment(total, one, values, offsets, begin, end, own, width)
        largest, n = _suprathreshold(total, row_start, row_length, threshold, voxels)
        # ``one`` is all 0 again: it serves as the label volume, and is left so.
        out[0, iteration] = largest
        out[1, iteration], out[2, iteration] = _largest_cluster(
            total, one, strides, threshold, voxels, n, parent, size, mass
        )
