"""Checksums of files: those that are known, and those written down when a file came."""

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from nimare_pipeline.errors import UsageError
from nimare_pipeline.writing import write_file

SUMS = ".SHA256SUMS"
"""File in which downloads are written down, in the form that ``sha256sum --check`` reads."""
_BLOCK = 2**20


@cache
def known(name: str) -> dict[str, str]:
    """Files of a database and the checksum of each: object names of git."""
    place = resources.files("nimare_pipeline.data").joinpath("downloads", f"{name}.txt")
    lines = place.read_text(encoding="utf-8").splitlines()
    return {file: f"git:{sha}" for sha, file in (line.split("  ") for line in lines)}


def digest(path: Path, kind: str) -> str:
    """Checksum of a file, ``kind:hexadecimal``.

    ``git`` is the name that git gives a file: the SHA-1 of ``blob``, its length and its content.

    Raises
    ------
    UsageError
        For an unknown kind.
    """
    if kind == "sha256":
        running = hashlib.sha256()
    elif kind == "git":
        running = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        msg = f"unknown kind of checksum {kind!r}; sha256 or git"
        raise UsageError(msg)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            running.update(block)
    return f"{kind}:{running.hexdigest()}"


def fits(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum."""
    return digest(path, checksum.partition(":")[0]) == checksum.lower()


def written_down(path: Path) -> str:
    """Checksum a file had when it was downloaded; empty if nobody wrote it down."""
    found = _read(path.with_name(SUMS)).get(path.name)
    return f"sha256:{found}" if found else ""


def write_down(path: Path, checksum: str) -> None:
    """Add a file's checksum to those in its folder.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    sums = path.with_name(SUMS)
    _write(sums, {**_read(sums), path.name: checksum.partition(":")[2]})


def _read(sums: Path) -> dict[str, str]:
    try:
        lines = sums.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = [line.split("  ", 1) for line in lines]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def forget(path: Path) -> None:
    """Take a file that is no longer there out of the list."""
    sums = path.with_name(SUMS)
    found = _read(sums)
    if found.pop(path.name, None) is None:
        return
    if found:
        _write(sums, found)
    else:
        sums.unlink(missing_ok=True)


def _write(sums: Path, found: dict[str, str]) -> None:
    lines = [f"{found[name]}  {name}\n" for name in sorted(found)]
    write_file(sums, "".join(lines).encode())
