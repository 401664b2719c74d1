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
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.simulate import simulate, simulate_counts

_SLICE_SECONDS = 0.1
"""A compiled call lasts about this long, so that signals and progress are served in between."""
_POLL_SECONDS = 0.02
"""So often progress is told and a stop asked about, in the calling thread."""


@dataclass(frozen=True)
class MonteCarloPlan:
    """Everything the loop reads, in padded voxel coordinates.

    Parameters
    ----------
    values : (n_segments * width,) int32 array
        Kernel rows as whole numbers of the statistic's unit, zero padded.
    offsets : (n_segments,) int64 array
        First voxel of each segment relative to the focus, within its plane.
    plane_start : (n_planes of all kernels + 1,) int64 array
        Segments of each plane of each kernel, planes along the first axis.
    kernel_plane : (n_kernels + 1,) int64 array
        Planes of each kernel in ``plane_start``; their number is odd, the focus in the middle.
    experiment_kernel : (n_experiments,) int64 array
    experiment_start : (n_experiments + 1,) int64 array
        Foci of each experiment.
    candidates : (n_candidates,) int64 array
        Voxels a focus may be drawn at: the mask, then outside voxels by distance from it.
    focus_start, focus_count : (n_foci,) int64 arrays
        Window of ``candidates`` of each focus.
    row_start, row_length : (n_rows,) int64 arrays
        Runs of voxels along the last axis that hold the mask, ascending.
    mask_plane, mask_row : (n_mask_planes,), (n_mask_planes + 1,) int64 arrays
        Planes that hold the mask, and the runs of each.
    template : (sum of row_length,) int32 array
        0 in the mask, ``OUTSIDE_MASK`` elsewhere.
    scalars : (6,) int64 array
        width, strides of the first two axes, volume length, cluster-forming threshold, and the
        value whose excess is summed to cluster mass.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]
    plane_start: NDArray[np.int64]
    kernel_plane: NDArray[np.int64]
    experiment_kernel: NDArray[np.int64]
    experiment_start: NDArray[np.int64]
    candidates: NDArray[np.int64]
    focus_start: NDArray[np.int64]
    focus_count: NDArray[np.int64]
    row_start: NDArray[np.int64]
    row_length: NDArray[np.int64]
    mask_plane: NDArray[np.int64]
    mask_row: NDArray[np.int64]
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
    arrays = _arrays(plan)
    _simulate_slice(arrays, _scratch(plan), seed, first, out[:, :0])  # compile once

    def make_work() -> Callable[[int, int], None]:
        scratch = _scratch(plan)

        def work(begin: int, end: int) -> None:
            _simulate_slice(arrays, scratch, seed, first + begin, out[:, begin:end])

        return work

    _run_slices(make_work, n_iters, n_threads, should_stop, progress)
    return {"max_stat": out[0], "max_size": out[1], "max_mass": out[2]}


def count_block(
    plan: MonteCarloPlan,
    *,
    seed: int,
    first: int,
    n_iters: int,
    shift: int,
    n_bins: int,
    n_threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.int64]:
    """Histogram of the statistic over all voxels of a run of iterations.

    Parameters
    ----------
    plan, seed, first, n_iters, n_threads, progress
        As for ``run_block``; the draws are others, so that a null of maxima is independent.
    shift : int
        Bin i holds values that round to ``i * 2**shift``, half up.
    n_bins : int
        Values past the end go to the last bin.

    Returns
    -------
    (n_bins,) int64 array
        Sums to ``n_iters`` times the voxels of the mask.
    """
    arrays = _arrays(plan)
    parts: list[NDArray[np.int64]] = []
    _count_slice(arrays, _scratch(plan), (seed, first, 0, shift), np.zeros(n_bins, np.int64))

    def make_work() -> Callable[[int, int], None]:
        scratch, counts = _scratch(plan), np.zeros(n_bins, dtype=np.int64)
        parts.append(counts)

        def work(begin: int, end: int) -> None:
            _count_slice(arrays, scratch, (seed, first + begin, end - begin, shift), counts)

        return work

    _run_slices(make_work, n_iters, n_threads, None, progress)
    return np.sum(parts, axis=0, dtype=np.int64)


def _arrays(plan: MonteCarloPlan) -> tuple[NDArray[Any], ...]:
    return tuple(getattr(plan, field.name) for field in fields(plan))


def _run_slices(
    make_work: Callable[[], Callable[[int, int], None]],
    n_iters: int,
    n_threads: int,
    should_stop: Callable[[], bool] | None,
    progress: Callable[[int], None] | None,
) -> None:
    """Hand short runs of iterations to threads, each with memory of its own."""
    queue = _Slices(n_iters, max(1, n_threads))

    def serve() -> None:
        work = make_work()
        seconds_each = 0.0
        while (span := queue.take(seconds_each)) is not None:
            begin = time.perf_counter()
            work(*span)
            seconds_each = (time.perf_counter() - begin) / (span[1] - span[0])
            queue.finish(span[1] - span[0])

    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        workers = [pool.submit(serve) for _ in range(max(1, n_threads))]
        try:
            _watch(workers, queue, should_stop, progress)
        except BaseException:
            queue.close()
            raise
        for worker in workers:
            worker.result()


class _Slices:
    """Hands out short runs of iterations to threads, shorter ones towards the end.

    So no thread is left with a long run while the others have nothing more to do.
    """

    def __init__(self, n_iters: int, n_threads: int) -> None:
        self._lock = threading.Lock()
        self._n_threads = n_threads
        self._next, self._end, self._done = 0, n_iters, 0

    def take(self, seconds_each: float) -> tuple[int, int] | None:
        size = int(_SLICE_SECONDS / seconds_each) if seconds_each > 0 else 1
        with self._lock:
            if self._next >= self._end:
                return None
            size = max(1, min(size, (self._end - self._next) // (2 * self._n_threads)))
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
        running = wait(workers, timeout=_POLL_SECONDS).not_done
        if progress is not None and (done := queue.done()) > told:
            progress(done - told)
            told = done
        if not running:
            return
        if should_stop is not None and should_stop():
            msg = "the Monte Carlo block was stopped"
            raise InterruptedError(msg)


def _scratch(plan: MonteCarloPlan) -> tuple[NDArray[Any], ...]:
    """Memory of one thread: two planes, a volume of labels, lists of suprathreshold voxels."""
    width, plane, _, length, *_ = (int(number) for number in plan.scalars)
    n_mask = len(plan.template)
    return (
        np.zeros(plane + width, dtype=np.int32),
        np.zeros(plane + width, dtype=np.int32),
        np.zeros(length, dtype=np.int32),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(n_mask, dtype=np.int32),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(n_mask, dtype=np.int64),
        np.zeros(max(len(plan.focus_start), 1), dtype=np.int64),
        np.zeros(max(len(plan.focus_start), 1), dtype=np.int64),
    )


def _simulate_slice(
    arrays: tuple[NDArray[Any], ...],
    scratch: tuple[NDArray[Any], ...],
    seed: int,
    first: int,
    out: NDArray[np.int64],
) -> None:
    simulate(np.uint64(seed), np.int64(first), arrays, scratch, out)


def _count_slice(
    arrays: tuple[NDArray[Any], ...],
    scratch: tuple[NDArray[Any], ...],
    which: tuple[int, int, int, int],
    counts: NDArray[np.int64],
) -> None:
    seed, first, n_iters, shift = which
    simulate_counts(
        np.uint64(seed),
        np.int64(first),
        np.int64(n_iters),
        np.int64(shift),
        arrays,
        scratch,
        counts,
    )
