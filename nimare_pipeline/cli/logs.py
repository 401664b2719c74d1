"""Logging of a run, configured here only: short lines on stderr, everything in ``run.log``."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nimare_pipeline.printable import printable

OURS = "nimare_pipeline"
LOGGER = logging.getLogger(OURS)

_FILE_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


@contextmanager
def console(verbosity: int) -> Iterator[None]:
    """Show our messages on stderr, and those of other packages from ``-vv`` on.

    Parameters
    ----------
    verbosity : int
        -1 warnings and errors only, 0 progress, 1 details, 2 details of Nipype too.
    """
    shown = _console_handler(verbosity)
    root = logging.getLogger()
    level = LOGGER.level
    LOGGER.setLevel(logging.DEBUG)
    root.addHandler(shown)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.removeHandler(shown)
        LOGGER.setLevel(level)


@contextmanager
def file(path: Path) -> Iterator[None]:
    """Write every message, also of Nipype and of Python's warnings, to a file."""
    written = _file_handler(path)
    root = logging.getLogger()
    root.addHandler(written)
    try:
        yield
    finally:
        root.removeHandler(written)
        written.close()


def redirect_nipype() -> None:
    """Take the handlers away that Nipype gave itself on import: its lines go where ours go."""
    logger = logging.getLogger("nipype")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def in_worker(verbosity: int, path: str) -> None:
    """Log from a worker process, for as long as it lives, as the run itself does.

    Parameters
    ----------
    verbosity : int
        As of ``console``.
    path : str
        Log file of the run: lines are added to it, whole lines at a time.
    """
    # Makes its handlers on import: they must be there before they can be taken away.
    import nipype  # noqa: F401

    redirect_nipype()
    LOGGER.setLevel(logging.DEBUG)
    logging.captureWarnings(capture=True)
    for handler in (_console_handler(verbosity), _file_handler(Path(path))):
        logging.getLogger().addHandler(handler)


def _console_handler(verbosity: int) -> logging.Handler:
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(_ConsoleFormatter())
    shown.setLevel({-1: logging.WARNING, 0: logging.INFO}.get(verbosity, logging.DEBUG))
    shown.addFilter(lambda record: verbosity >= 2 or record.name.partition(".")[0] == OURS)
    return shown


def _file_handler(path: Path) -> logging.Handler:
    written = logging.FileHandler(path, encoding="utf-8")
    written.setFormatter(_FileFormatter(_FILE_FORMAT))
    return written


class _FileFormatter(logging.Formatter):
    """The log is read in a terminal, too."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _ConsoleFormatter(logging.Formatter):
    """``message`` for progress, ``WARNING: message`` for the rest."""

    def format(self, record: logging.LogRecord) -> str:
        text = printable(super().format(record))
        return text if record.levelno == logging.INFO else f"{record.levelname}: {text}"
