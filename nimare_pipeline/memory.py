"""Memory that was let go goes back to the system, where the C library can be asked to."""

import ctypes
import gc


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
