"""Writing files so that no reader ever sees half of one, and saying clearly where that fails."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nimare_pipeline.errors import OutputError

_BROKEN_OFF = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""The place is right and the disk is not: an input/output error, not a wrong output folder."""


@contextmanager
def as_output_error(what: str) -> Iterator[None]:
    """Raise ``OutputError`` for a place that cannot be written.

    A full or broken disk stays the OSError it is.

    Parameters
    ----------
    what : str
        Begins the message: ``cannot write /out/README.md``.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError) or error.errno in _BROKEN_OFF:
            raise
        msg = f"{what}: {error.strerror or error}"
        raise OutputError(msg) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file aside and rename it; its folder is made.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    with as_output_error(f"cannot create the folder {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    with as_output_error(f"cannot write {path}"):
        try:
            aside.write_bytes(content)
            aside.replace(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
