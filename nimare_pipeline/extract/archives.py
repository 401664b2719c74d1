"""Unpacking what came from a server: nothing lands outside the folder, nothing fills the disk."""

import gzip
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from nimare_pipeline.errors import DataError, OutputError
from nimare_pipeline.writing import as_output_error

_BLOCK = 2**20
_EACH_BYTE = 200
"""Bytes that one packed byte may become."""
_AT_LEAST = 2**26
_MOST_FILES = 100_000


@dataclass
class Budget:
    """What unpacking may still use; packs within packs draw on the same.

    Parameters
    ----------
    n_bytes, n_files : int
        What is left.
    """

    n_bytes: int
    n_files: int = _MOST_FILES

    @classmethod
    def of(cls, archive: Path) -> "Budget":
        """Make the budget of an archive from its size."""
        return cls(archive.stat().st_size * _EACH_BYTE + _AT_LEAST)

    def take(self, name: str, *, n_bytes: int = 0, n_files: int = 0) -> None:
        """Use some of it.

        Raises
        ------
        DataError
            If nothing is left.
        """
        self.n_bytes -= n_bytes
        self.n_files -= n_files
        if self.n_bytes < 0 or self.n_files < 0:
            msg = f"{name} unpacks to more than is sane: nothing of it was kept"
            raise DataError(msg)


def unpack_zip(archive: Path, folder: Path, budget: Budget) -> list[Path]:
    """Unpack a zip file; paths of its files.

    Raises
    ------
    DataError
        If it is damaged, has a file that would lie outside the folder, or is too large.
    """
    with _readable(archive), zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        budget.take(archive.name, n_files=len(members))
        placed = [(member, _place(folder, member.filename, archive)) for member in members]
        for member, place in placed:
            if stat.S_ISLNK(member.external_attr >> 16):
                _refuse(archive, member.filename, "a link")
            with packed.open(member) as stream:
                _write(stream, place, archive, budget)
    return [place for _, place in placed]


def unpack_tar(archive: Path, folder: Path, budget: Budget) -> list[Path]:
    """Unpack a tar file, packed or not; paths of its files.

    Raises
    ------
    DataError
        If it is damaged, has links or devices, a file that would lie outside the folder, or is
        too large.
    """
    placed = []
    with _readable(archive), tarfile.open(archive) as packed:
        for member in packed:
            if member.isdir():
                continue
            budget.take(archive.name, n_files=1)
            stream = packed.extractfile(member) if member.isfile() else None
            place = _place(folder, member.name, archive)
            if stream is None:
                _refuse(archive, member.name, "a link or a device")
            _write(stream, place, archive, budget)
            placed.append(place)
    return placed


def refuse_damaged(path: Path) -> None:
    """Refuse a gzip file that is cut or damaged; other files pass.

    Readers of tar files take one that is cut for one that ends.

    Raises
    ------
    DataError
    """
    with path.open("rb") as stream:
        if stream.read(2) != b"\x1f\x8b":
            return
    try:
        with gzip.open(path) as stream:
            while stream.read(_BLOCK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        msg = f"{path.name.removeprefix('.').removesuffix('.part')} came damaged: {error}"
        raise DataError(msg) from error


@contextmanager
def made_whole(folder: Path, is_ours: Callable[[Path], object]) -> Iterator[Path]:
    """Make a temporary folder that takes the place of ``folder`` if all goes well.

    Parameters
    ----------
    folder : Path
    is_ours : callable
        Whether a folder that is there was made by us, and may be replaced.

    Raises
    ------
    OutputError
        If the folder holds something else, or cannot be made or put in place.
    """
    if folder.exists() and not is_ours(folder) and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} holds something else; name another folder, or move it away"
        raise OutputError(msg)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    with as_output_error(f"cannot create the folder {folder}"):
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    try:
        yield aside
        with as_output_error(f"cannot replace {folder}"):
            if folder.exists():
                folder.rename(old)
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Say in words that an archive is damaged."""
    try:
        yield
    except (
        zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError,
        RuntimeError, UnicodeDecodeError,
    ) as error:  # fmt: skip
        # RuntimeError: a password is asked for.
        msg = f"{archive.name} cannot be unpacked: {error}"
        raise DataError(msg) from error


def _place(folder: Path, name: str, archive: Path) -> Path:
    """Where a file of an archive goes."""
    parts = PurePosixPath(name.replace("\\", "/"))
    odd = not name or "\0" in name or ":" in parts.parts[0]
    if odd or parts.is_absolute() or ".." in parts.parts:
        _refuse(archive, name, "a file that would lie outside the folder")
    return folder.joinpath(*parts.parts)


def _refuse(archive: Path, name: str, what: str) -> NoReturn:
    msg = f"{archive.name} holds {what}, {name!r}: nothing of it was kept"
    raise DataError(msg)


def _write(stream: IO[bytes], place: Path, archive: Path, budget: Budget) -> None:
    if place.exists():
        _refuse(archive, place.name, "a file twice")
    with as_output_error(f"cannot write {place}"):
        place.parent.mkdir(parents=True, exist_ok=True)
        written = place.open("xb")
    with written:
        while block := stream.read(_BLOCK):
            budget.take(archive.name, n_bytes=len(block))
            written.write(block)
