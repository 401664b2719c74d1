"""The output folder of a run: made, locked for one run at a time, and tidied afterwards."""

import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nimare_pipeline.cli.exit_codes import BusyError
from nimare_pipeline.errors import NoInputError, OutputError
from nimare_pipeline.io.ours import is_results
from nimare_pipeline.settings import Settings

TOP_LEVEL = (
    "dataset_description.json",
    "README.md",
    "descriptions.tsv",
    "descriptions.json",
    ".bidsignore",
    "report.html",
)
"""What every run writes at the top of its output folder, whatever the analyses are called."""

_LOGGER = logging.getLogger("nimare_pipeline")


@dataclass(frozen=True)
class RunFolders:
    """Where a run writes.

    Parameters
    ----------
    output : Path
        ``OUT_DIR``.
    logs : Path
        ``OUT_DIR/logs/<run_uuid>``: log, settings, status, graph, crash files.
    stage : Path
        Where analyses are written before they are swapped in; on the disk of ``output``, so that
        swapping is a rename.
    work : Path
        Store and Nipype's folders.
    """

    output: Path
    logs: Path
    stage: Path
    work: Path


@contextmanager
def opened(settings: Settings) -> Iterator[RunFolders]:
    """Make the folders of a run and hold the lock of its output folder.

    Raises
    ------
    OutputError
        If a folder cannot be made or written.
    BusyError
        If another run is writing into the same output folder.
    """
    output = Path(settings.output_dir)
    hidden = output / ".work"
    folders = RunFolders(
        output=output,
        logs=output / "logs" / settings.run_uuid,
        stage=hidden / "stage",
        work=Path(settings.work_dir),
    )
    refuse_foreign(output)
    _make(output)
    _make(hidden)
    with _locked(hidden / "lock"):
        shutil.rmtree(folders.stage, ignore_errors=True)
        for folder in (folders.logs, folders.stage, folders.work):
            _make(folder)
        yield folders
        shutil.rmtree(folders.stage, ignore_errors=True)


def refuse_foreign(output: Path) -> None:
    """Raise ``OutputError`` if writing results into a folder would overwrite what is not ours."""
    if is_ours(output):
        return
    taken = [name for name in TOP_LEVEL if (output / name).exists()]
    if taken:
        msg = (
            f"{output} holds {', '.join(taken)} that nimare-pipeline did not write; "
            "give an empty or a new folder as OUT_DIR"
        )
        raise OutputError(msg)


def is_ours(output: Path) -> bool:
    """Whether a folder is one of our results, by its dataset_description.json."""
    return is_results(output)


def require_ours(output: Path) -> None:
    """Raise ``NoInputError`` if a folder holds no results of ours."""
    if not is_ours(output):
        msg = f"{output} holds no results of nimare-pipeline to report on"
        raise NoInputError(msg)


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold the lock of a folder with results, and leave no trace of it.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    BusyError
        If a run is writing into it.
    """
    hidden = output / ".work"
    _make(hidden)
    with _locked(hidden / "lock"):
        yield
        _remove_empty(hidden)


def remove_work(settings: Settings) -> None:
    """Remove what only a run that goes on needs, unless the user asked to keep it."""
    if not settings.keep_work:
        shutil.rmtree(settings.work_dir, ignore_errors=True)
    remove_empty(settings)


def remove_empty(settings: Settings) -> None:
    """Remove ``OUT_DIR/.work`` if there is nothing in it that a run could resume from."""
    _remove_empty(Path(settings.output_dir) / ".work")


def _remove_empty(hidden: Path) -> None:
    if hidden.is_dir() and {path.name for path in hidden.iterdir()} <= {"lock", "stage"}:
        shutil.rmtree(hidden, ignore_errors=True)


def _make(folder: Path) -> None:
    """Make a folder and prove that a file can be written in it (permission bits do not tell)."""
    probe = folder / f".write-test-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        msg = (
            f"cannot write to the folder {folder}: {error.strerror or error}; "
            f"give a folder that user id {os.getuid()} may write to"
        )
        raise OutputError(msg) from error


def foresee(folder: Path) -> None:
    """Raise what ``_make`` would, as far as it can be told without writing.

    Raises
    ------
    OutputError
        If a file is in the way, or the folder that exists may not be written.
    """
    folder = folder.resolve()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        msg = f"cannot write to the folder {folder}: {there} is a file; give another folder"
        raise OutputError(msg)
    if not os.access(there, os.W_OK | os.X_OK):
        msg = (
            f"cannot write to the folder {folder}: {os.strerror(errno.EACCES)}; "
            f"give a folder that user id {os.getuid()} may write to"
        )
        raise OutputError(msg)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock; the system lets go of it when the process ends, however it ends."""
    try:
        stream = path.open("a")
    except OSError as error:
        msg = f"cannot open the lock {path}: {error.strerror}; remove it if no run is going on"
        raise OutputError(msg) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"another run is writing into {path.parents[1]}; wait, or give another OUT_DIR"
            raise BusyError(msg) from None
        except OSError as error:
            # Some network disks have no locks: better to run than to refuse.
            _LOGGER.warning("%s cannot be locked (%s): start one run at a time", path, error)
        yield
