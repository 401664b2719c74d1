"""What a run ends with: the codes of the BIDS execution specification, and three of our own.

Launchers and schedulers act on these numbers, so they are written down in one table: an error
class is here or it is a defect (1).
"""

import errno
from enum import IntEnum

from nimare_pipeline.errors import (
    DataError,
    DownloadError,
    EmptySelectionError,
    InterruptedRun,
    ModelError,
    NoInputError,
    OutputError,
    PipelineError,
    TemporaryDownloadError,
    UsageError,
)


class ExitCode(IntEnum):
    """Exit status of ``nimare-pipeline``."""

    OK = 0
    DEFECT = 1
    """Anything unforeseen: please report it."""
    PARTIAL = 3
    """Some analyses failed, the others are complete."""
    REPORT_FAILED = 4
    """Every map is written, the report could not be made."""
    NOT_BIDS = 16
    """``validate``: the studies are sound, but the folder is no valid BIDS dataset."""
    UNKNOWN_LEVEL = 17
    EMPTY_SELECTION = 18
    USAGE = 64
    BAD_DATA = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    """A server does not give what was asked for."""
    CANNOT_CREATE = 73
    IO_ERROR = 74
    TEMPORARY = 75
    """Ended from outside (SIGTERM, no memory, folder in use): running again resumes."""
    INTERRUPTED = 130
    """Ctrl-C: running again resumes."""


class UnknownLevelError(UsageError):
    """The third argument is no analysis level of this app."""


class BusyError(InterruptedRun):
    """Another run is writing into the same output folder."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, as an exception that ``except Exception`` lets pass."""


TABLE: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (UnknownLevelError, ExitCode.UNKNOWN_LEVEL),
    (EmptySelectionError, ExitCode.EMPTY_SELECTION),
    (NoInputError, ExitCode.NO_INPUT),
    (OutputError, ExitCode.CANNOT_CREATE),
    (TemporaryDownloadError, ExitCode.TEMPORARY),
    (DownloadError, ExitCode.UNAVAILABLE),
    (UsageError, ExitCode.USAGE),
    (DataError, ExitCode.BAD_DATA),
    (InterruptedRun, ExitCode.TEMPORARY),
    (MemoryError, ExitCode.TEMPORARY),
    (Terminated, ExitCode.TEMPORARY),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (OSError, ExitCode.IO_ERROR),
)
"""Error class to exit code; the first match counts, so the narrower class stands first."""


def code_of(error: BaseException) -> ExitCode:
    """Exit code of an error."""
    return next((code for known, code in TABLE if isinstance(error, known)), ExitCode.DEFECT)


def reason_of(error: BaseException) -> str:
    """One line that says what went wrong, in words."""
    if isinstance(error, Terminated):
        return "stopped by SIGTERM; run the same command again, it resumes"
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C; run the same command again, it resumes"
    if isinstance(error, MemoryError):
        return "out of memory; run again with fewer --nprocs, it resumes"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"no space left on the disk of {error.filename or 'the output or work folder'}"
    if isinstance(error, DataError | ModelError) and error.problems:
        return _with_first_problem(error)
    kind = type(error).__name__
    first = str(error).strip().partition("\n")[0] or kind
    return f"{kind}: {first}" if code_of(error) is ExitCode.DEFECT else first


def details_of(error: BaseException) -> str:
    """Say what went wrong in full: every problem of the data, a line each."""
    return (str(error) if isinstance(error, PipelineError) else "") or reason_of(error)


def _with_first_problem(error: DataError | ModelError) -> str:
    """First line of an error, the first thing wrong, and how many more there are."""
    wrong = [p for p in error.problems if p.level == "error"] or list(error.problems)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"{str(error).partition(chr(10))[0]}: {wrong[0]}{more}"
