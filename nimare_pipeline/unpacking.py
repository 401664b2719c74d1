"""Packed files within bounds: a small one may unpack to more than any memory holds."""

import errno
import gzip
import math
import os
import struct
import warnings
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 2**31
"""Of all members of an archive, unpacked; more only where the file itself is that large."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    OverflowError,
)
"""What zipfile, json and numpy raise when a byte of a file is wrong: nearly anything."""


def is_of_system(error: BaseException) -> bool:
    """Whether a disk or its rights are to blame, not the bytes (a place that is none: EINVAL)."""
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


_PIECE = 2**20


def gunzip(body: bytes | IO[bytes], most: int) -> bytes:
    """Unpack a gzip file.

    Raises
    ------
    ValueError
        If it holds more than ``most`` bytes.
    EOFError, OSError, zlib.error
        If it is damaged.
    """
    stream = BytesIO(body) if isinstance(body, bytes) else body
    with gzip.GzipFile(fileobj=stream) as packed:
        found = read_up_to(packed, most + 1)
    if len(found) > most:
        raise ValueError(f"more than {most / 2**20:,.0f} MB when it is unpacked")
    return found


class Readable(Protocol):
    """Stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Next bytes, no more than so many."""


def read_up_to(stream: Readable, most: int) -> bytes:
    """Read a stream to its end, or to so many bytes.

    Python's buffered streams take room for all that is asked for before they read a byte.
    """
    found = BytesIO()
    while found.tell() < most and (piece := stream.read(min(_PIECE, most - found.tell()))):
        found.write(piece)
    return found.getvalue()


def check_size(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse a zip file that unpacks to too much, by its directory, which zipfile keeps to.

    Parameters
    ----------
    archive : ZipFile
    size : int
        Of the file.

    Raises
    ------
    ValueError
    """
    said = sum(member.file_size for member in archive.infolist())
    if said > max(MOST_BYTES, size):
        raise ValueError(
            f"it unpacks to {said / 2**20:,.0f} MB, up to {MOST_BYTES >> 20:,} are read"
        )


def read_npz(path: str | Path) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file by name; pickled objects in it are never read.

    Raises
    ------
    ValueError
        If it unpacks to too much; if an array claims to be larger than its bytes, or holds
        objects.
    OSError, EOFError, KeyError, NotImplementedError, zlib.error, zipfile.BadZipFile
        If it is damaged.
    """
    # The file is opened here: numpy leaves it open where it fails.
    with Path(path).open("rb") as stream:
        stream.read(1)  # zipfile calls a file that cannot be read one that is no archive
        return _arrays(stream)


def _arrays(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(stream) as archive:
        check_size(archive, os.fstat(stream.fileno()).st_size)
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        found = {}
        for member in members:
            with archive.open(member) as content:
                array = read_npy(content, member.file_size)
            found[member.filename.removesuffix(".npy")] = array
        return found


def read_npy(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Array of an npy file of ``size`` bytes.

    Raises
    ------
    ValueError
        If it is none, holds objects, or claims another size than it has: numpy would take as much
        memory as it claims.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        shape, dtype = _header(stream)
    if dtype.hasobject:
        raise ValueError("pickled objects, which are not read (allow_pickle)")
    claimed, there = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if claimed != there:
        raise ValueError(f"an array of {claimed:,} bytes that are {there:,}")
    stream.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.lib.format.read_array(stream, allow_pickle=False)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        # Version 3 differs in names of fields only, which no array here has.
        raise ValueError(f"npy version {version}; 1 and 2 are read")
    try:
        shape, _, dtype = readers[version](stream)
    except (TypeError, RecursionError, MemoryError, TokenError) as error:  # of brackets
        raise ValueError(f"no header of an array: {error}") from error
    if any(n < 0 for n in shape):
        raise ValueError(f"an array of the shape {shape}")
    return shape, dtype
