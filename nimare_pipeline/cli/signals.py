"""Ctrl-C and SIGTERM: the run ends at the next quarter second and can be resumed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nimare_pipeline.cli.exit_codes import Terminated


@contextmanager
def graceful() -> Iterator[None]:
    """Turn SIGTERM into ``Terminated``, as Python turns SIGINT into ``KeyboardInterrupt``.

    Neither is an ``Exception``, so Nipype does not mistake them for a failed node. After the first
    signal a second one acts as it would without us: nobody has to wait for a run that hangs.
    """
    previous = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, _raise_terminated)
    signal.signal(signal.SIGINT, _raise_interrupted)
    try:
        yield
    finally:
        for sig, handler in previous.items():
            signal.signal(sig, handler)


def _raise_terminated(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated


def _raise_interrupted(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
