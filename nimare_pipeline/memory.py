"""Memory that was let go goes back to the system, where the C library can be asked to."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


def give_back() -> None:
    """Hand freed memory back to the system.

    What one step of a run has freed stays with the process otherwise, in pieces between what
    still lives: of a database hundreds of megabytes, that the next step cannot always use. It
    takes some milliseconds, and does nothing where the C library is not glibc.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def given_back() -> Iterator[None]:
    """Hand back what a step has freed, however it ends.

    Garbage is looked for among what the step has made, not among the objects of all the imported
    libraries: that would take a fifth of a second after each of a dozen steps.
    """
    gc.freeze()
    try:
        yield
    finally:
        give_back()
        gc.unfreeze()
