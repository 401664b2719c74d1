"""Progress of long loops: a bar with the time left on a terminal, a line now and then in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("nimare_pipeline")
_LOG_EVERY_S = 10.0


@contextmanager
def iterations(
    n_iters: int, what: str = "Monte Carlo", *, bar: bool | None = None
) -> Iterator[Callable[[int], None]]:
    """Report how many iterations are done, and how long the rest will take.

    Parameters
    ----------
    n_iters : int
        Iterations to come.
    what : str
        What to call them.
    bar : bool, optional
        Draw a bar on stderr; by default when stderr is a terminal. Otherwise one line is logged
        at most every 10 s.

    Yields
    ------
    callable
        Call it with the number of iterations done since the last call.
    """
    if sys.stderr.isatty() if bar is None else bar:
        from tqdm import tqdm

        with tqdm(total=n_iters, desc=what, unit="it", file=sys.stderr, leave=False) as shown:
            yield shown.update
    else:
        yield _LogLines(n_iters, what)


class _LogLines:
    """Callable that counts iterations and logs where they stand."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done = total, what, 0
        self.last = time.monotonic()
        self.first: tuple[float, int] | None = None

    def __call__(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if self.first is None:
            # The rate counts from here: before it the loop may have been compiled.
            self.first = now, self.done
            return
        if now - self.last < _LOG_EVERY_S or self.done >= self.total:
            return
        self.last = now
        began, before = self.first
        left_s = (now - began) * (self.total - self.done) / (self.done - before)
        _LOGGER.info(
            "%s: %d of %d iterations, about %.0f s left",
            self.what,
            self.done,
            self.total,
            left_s,
        )
