"""The process environment of a run: set before Nipype or NumPy is imported, here only."""

import os
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from nimare_pipeline.cli import compiled

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""We thread over blocks ourselves; BLAS threads inside them would change sums and slow down."""


@contextmanager
def tamed(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Set what libraries read once, as they are imported, before anything can import them.

    Parameters
    ----------
    environ : mutable mapping
        The environment to prepare; the process's own by default, restored afterwards.
    """
    before = dict(environ)
    environ.update(dict.fromkeys(ONE_THREAD, "1"))
    # Arrow's own pool, which pandas wakes, begins by reserving a gigabyte.
    environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        yield
    finally:
        environ.clear()
        environ.update(before)


@contextmanager
def prepared(environ: MutableMapping[str, str] = os.environ, *, spare: str = "") -> Iterator[None]:
    """Keep the libraries from writing outside the run's own folders, and from calling anybody.

    Makes a private temporary folder for what insists on one (Nipype's configuration, a home that
    cannot be written, compiled code) and removes it afterwards; restores what was there before.

    Parameters
    ----------
    environ : mutable mapping
        The environment to prepare; the process's own by default.
    spare : str
        Folder to make the temporary one in (or in the nearest folder above that exists) where the
        system has no place for temporary files, as in a read-only container.
    """
    before = dict(environ)
    with tamed(environ), _private_folder(environ, spare) as folder:
        environ["NO_ET"] = environ["NIPYPE_NO_ET"] = "1"
        environ["NIPYPE_CONFIG_DIR"] = folder
        environ["MPLBACKEND"] = "Agg"
        if not any(environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
            # getpass.getuser() fails for a user id without a name, as containers run with.
            environ["LOGNAME"] = f"uid{os.getuid()}"
        if not _writable(environ.get("HOME", "")):
            environ["HOME"] = folder
            environ["XDG_CACHE_HOME"] = environ["XDG_CONFIG_HOME"] = folder
            environ.setdefault("MPLCONFIGDIR", folder)
        compiled.prepare(environ, folder)
        try:
            yield
        finally:
            environ.clear()
            environ.update(before)


@contextmanager
def _private_folder(environ: MutableMapping[str, str], spare: str) -> Iterator[str]:
    """Make a temporary folder where the system wants it, or else in the spare place.

    If there is no place at all its name is yielded and no folder made: what only looks works, and
    a run stops at its output folder with a message about that.
    """
    for place in (None, _nearest_folder(spare)):
        try:
            made = tempfile.TemporaryDirectory(
                prefix=".nimare-pipeline-" if place else "nimare-pipeline-",
                dir=place,
                ignore_cleanup_errors=True,
            )
        except OSError:
            continue
        if place:
            environ["TMPDIR"] = made.name
        with made as folder:
            yield folder
        return
    yield "/nonexistent/nimare-pipeline"


def _nearest_folder(path: str) -> str:
    """A folder, or the nearest one above it that exists."""
    return str(next(folder for folder in (Path(path), *Path(path).parents) if folder.is_dir()))


def _writable(folder: str) -> bool:
    """Whether a file can be made in a folder; permission bits do not tell (read-only, root)."""
    if not folder or not Path(folder).is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
