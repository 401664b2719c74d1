"""Runs of iterations handed to threads, while the calling thread serves signals and progress."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

_SLICE_SECONDS = 0.1
"""A compiled call lasts about this long, so that signals and progress are served in between."""
_POLL_SECONDS = 0.02
"""So often progress is told and a stop asked about, in the calling thread."""

Work = Callable[[int, int], None]
"""Does iterations begin to end - 1."""


def run_slices(
    make_work: Callable[[], Work],
    n_iters: int,
    n_threads: int,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Hand short runs of iterations to threads, each with memory of its own.

    Parameters
    ----------
    make_work : callable
        Called once in each thread; what it returns holds that thread's memory.
    n_iters : int
    n_threads : int
    should_stop : callable, optional
        Asked about fifty times a second; True ends the work with ``InterruptedError``.
    progress : callable, optional
        Told the number of iterations done since it was last told.
    """
    queue = _Slices(n_iters, max(1, n_threads))

    def serve() -> None:
        work = make_work()
        seconds_each = 0.0
        while (span := queue.take(seconds_each)) is not None:
            begin = time.perf_counter()
            work(*span)
            seconds_each = (time.perf_counter() - begin) / (span[1] - span[0])
            queue.finish(span[1] - span[0])

    pool = ThreadPoolExecutor(max(1, n_threads))
    try:
        workers = [pool.submit(serve) for _ in range(max(1, n_threads))]
        _watch(workers, queue, should_stop, progress)
        for worker in workers:
            worker.result()
    finally:
        queue.close()
        _end(pool)


def _end(pool: ThreadPoolExecutor) -> None:
    """Wait until every thread has ended, also when a signal strikes while it is waited for."""
    try:
        pool.shutdown()
    except BaseException:
        pool.shutdown()
        raise


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
