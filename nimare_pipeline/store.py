"""The store of dear results: what was computed once is found again by what went into it.

A key is the digest of everything a result depends on: content of the input, parameters and the
source text of ``nimare_pipeline.numerics``. Paths and times are no part of it, so a moved store
still serves and changed code never meets old results. A file is one header line (format, key,
digest of key and body) and an npz body; it is written aside and renamed, so readers and other
writers never see half of one. A file that does not prove itself is computed again, with a line
in the log: a damaged store costs time, never a result.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_FORMAT = b"nimare-pipeline-store-1"
_HEADER_BYTES = 1024
_PIECE_BYTES = 1 << 20
_LOGGER = logging.getLogger("nimare_pipeline")


class Store:
    """Folder of results, addressed by what they were computed from.

    Several processes and machines may use one folder at the same time: whoever computes a result
    first or last writes the same bytes.

    Parameters
    ----------
    folder : path
        Created when the first result is written.

    Attributes
    ----------
    computed, found : int
        Results computed, and results read back, by this object.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.computed = 0
        self.found = 0

    def memo(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Look a result up, and compute and store it if it is not there or damaged.

        A store that cannot be written (disk full, no permission) is warned about, and the result
        is returned all the same.

        Parameters
        ----------
        key : str
            What ``nimare_pipeline.store.key`` returned.
        compute : callable
            Returns named arrays; object arrays are refused.

        Returns
        -------
        dict of str to array
            Equal, dtype and shape included, whether computed or found.

        Raises
        ------
        TypeError
            If ``compute`` returns something that is not made of plain numbers or text.
        """
        path = self.path(key)
        stored = _read(path, key)
        if stored is not None:
            self.found += 1
            return stored
        values = {name: np.asarray(array) for name, array in compute().items()}
        self.computed += 1
        _write(path, key, values)
        return values

    def path(self, key: str) -> Path:
        """File of a key, whether it exists or not."""
        return self.folder / f"{key}.result"


def key(**parts: Any) -> str:
    """Digest of what a result depends on, together with the source of the numerics.

    Parameters
    ----------
    **parts
        Arrays (by dtype, shape and content) and JSON values (str, int, float, bool, None, and
        lists and dicts of them). Everything the result depends on must be here.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        For an object array or a value that JSON has no exact text for.
    ValueError
        For NaN or infinity among the JSON values.

    Examples
    --------
    >>> key(what="block", seed=1) == key(seed=1, what="block")
    True
    >>> key(what="block", seed=1) == key(what="block", seed=2)
    False
    """
    digest = hashlib.sha256(numerics_digest().encode())
    for name in sorted(parts):
        _update(digest, name.encode())
        value = parts[name]
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                msg = f"part {name!r} of a key is an object array: its content has no exact digest"
                raise TypeError(msg)
            _update(digest, f"array {value.dtype.str} {value.shape}".encode())
            _update(digest, np.ascontiguousarray(value).tobytes())
        else:
            text = json.dumps(value, sort_keys=True, allow_nan=False, default=_plain)
            _update(digest, f"json {text}".encode())
    return digest.hexdigest()


@cache
def numerics_digest() -> str:
    """Digest of the source text of ``nimare_pipeline.numerics``: changed code computes again."""
    folder = Path(__file__).parent / "numerics"
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        _update(digest, path.relative_to(folder).as_posix().encode())
        _update(digest, path.read_bytes())
    return digest.hexdigest()


def write_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write named arrays to an npz file without pickled objects."""
    path = Path(path)
    _refuse_objects(arrays)
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    return path


def read_arrays(path: str | Path) -> Arrays:
    """Read what ``write_arrays`` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    msg = f"a key is made of arrays and JSON values, not {type(value).__name__}"
    raise TypeError(msg)


def _update(digest: Any, content: bytes) -> None:
    # The length goes first: otherwise ("ab", "c") and ("a", "bc") would share a digest.
    digest.update(f"{len(content)} ".encode())
    digest.update(content)


def _refuse_objects(arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype.hasobject:
            msg = f"array {name!r} holds Python objects; only numbers and text can be stored"
            raise TypeError(msg)


def _header(key: str, digest: str) -> bytes:
    return b" ".join([_FORMAT, key.encode(), digest.encode()]) + b"\n"


def _read(path: Path, key: str) -> Arrays | None:
    """Return the content of a file that proves itself, None (and a line in the log) otherwise."""
    try:
        with path.open("rb") as stream:
            if not _proves_itself(stream, key):
                _LOGGER.warning("the stored result %s is damaged: computing it again", path)
                return None
            with np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        return None
    except OSError as error:
        _LOGGER.warning("cannot read the stored result %s (%s): computing it again", path, error)
        return None


def _proves_itself(stream: BinaryIO, key: str) -> bool:
    """Whether header and body belong together; the stream is left where the body begins.

    The body is read in pieces: the spheres of a database are hundreds of megabytes.
    """
    digest = hashlib.sha256(key.encode())
    found = stream.readline(_HEADER_BYTES)
    while piece := stream.read(_PIECE_BYTES):
        digest.update(piece)
    stream.seek(len(found))
    return found == _header(key, digest.hexdigest())


def _write(path: Path, key: str, values: Arrays) -> None:
    _refuse_objects(values)
    # A name of its own for every writer, in the same folder: rename is atomic only there.
    aside = path.with_name(f".{path.stem[:16]}-{os.getpid()}-{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_aside(aside, key, values)
        aside.replace(path)
    except OSError as error:
        _LOGGER.warning("cannot store a result in %s (%s): going on without", path.parent, error)
    finally:
        # Also after Ctrl-C; gone already if it was renamed.
        _remove(aside)


def _write_aside(path: Path, key: str, values: Arrays) -> None:
    # Ctrl-C can strike between opening a file and entering its context manager. A file object
    # would be closed with a warning then, whenever it is collected; a bare descriptor is not.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        body = _Body(descriptor, hashlib.sha256(key.encode()))
        header = _header(key, body.digest.hexdigest())
        _write_all(descriptor, header)
        np.savez(body, allow_pickle=False, **values)
        # As long as the one before it, which stood in for it until the digest was known.
        os.pwrite(descriptor, _header(key, body.digest.hexdigest()), 0)
    finally:
        os.close(descriptor)


class _Body(io.RawIOBase):
    """What zipfile writes to: a descriptor that the digest is taken of as it is written."""

    def __init__(self, descriptor: int, digest: Any) -> None:
        super().__init__()
        self._descriptor, self.digest = descriptor, digest

    def writable(self) -> bool:
        """Say that it can be written; nothing says that it could be gone back in."""
        return True

    def write(self, content: Any) -> int:
        """Write all of it."""
        self.digest.update(content)
        return _write_all(self._descriptor, content)


def _write_all(descriptor: int, content: Any) -> int:
    left = memoryview(content).cast("B")
    n_bytes = len(left)
    while left:
        left = left[os.write(descriptor, left) :]
    return n_bytes


def _remove(path: Path) -> None:
    # Where it could not be written, or the folder is none, there is nothing to remove.
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
