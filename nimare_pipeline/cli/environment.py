"""The process environment of a run: set before Nipype or NumPy is imported, here only."""

import os
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""We thread over blocks ourselves; BLAS threads inside them would change sums and slow down."""


@contextmanager
def prepared(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Keep the libraries from writing outside the run's own folders, and from calling anybody.

    Makes a private temporary folder for what insists on one (Nipype's configuration, a home that
    cannot be written) and removes it afterwards; restores what was there before.

    Parameters
    ----------
    environ : mutable mapping
        The environment to prepare; the process's own by default.
    """
    before = dict(environ)
    with tempfile.TemporaryDirectory(
        prefix="nimare-pipeline-", ignore_cleanup_errors=True
    ) as folder:
        environ.update(dict.fromkeys(ONE_THREAD, "1"))
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
        try:
            yield
        finally:
            environ.clear()
            environ.update(before)


def _writable(folder: str) -> bool:
    """Whether a file can be made in a folder; permission bits do not tell (read-only, root)."""
    if not folder or not Path(folder).is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
