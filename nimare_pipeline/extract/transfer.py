"""One file from a server to the disk: resumed where it stopped, checked, never seen half done."""

import fcntl
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.errors import DataError, TemporaryDownloadError
from nimare_pipeline.extract import checksums
from nimare_pipeline.extract.requesting import Passing, Retries, answer, chunks, persist
from nimare_pipeline.extract.requesting import content_length as length_of
from nimare_pipeline.writing import as_output_error

if TYPE_CHECKING:
    from requests import Response

_LOG_EVERY_S = 10.0
_BEGINS = {".gz": b"\x1f\x8b", ".npz": b"PK", ".zip": b"PK"}
"""First bytes of what a name promises: web pages come in place of files."""
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d+)-\d+|\*)/(\d+|\*)\s*")
_NOT_SATISFIABLE = 416

_LOGGER = logging.getLogger("nimare_pipeline")


def download(
    url: str,
    target: Path,
    *,
    checksum: str = "",
    overwrite: bool = False,
    retries: Retries | None = None,
    check: Callable[[Path], object] | None = None,
) -> bool:
    """Have a file of a server on the disk; whether it had to be downloaded.

    A file that is there is kept if it is right: it fits its checksum, or the one written down
    when it was downloaded. What a cut download left is gone on with, if the server still has the
    same file.

    Parameters
    ----------
    url : str
    target : Path
        Its folder is made.
    checksum : str
        ``sha256:…`` or ``git:…``, the file's content must fit it.
    overwrite : bool
        Download also what is there.
    retries : Retries, optional
    check : callable, optional
        Gets the path of the complete file before it is put in place; raises if it is wrong.

    Raises
    ------
    DownloadError, TemporaryDownloadError
        If the server does not give it.
    DataError
        If what came is something else.
    OutputError
        If the place cannot be written.
    """
    if not overwrite and _is_right(target, checksum):
        return False
    with _Part.opened(target) as part:
        _fill(part, url, checksum, retries or Retries())
        with _removing(part):
            _refuse_other(part.path, target.name, url)
            if check:
                check(part.path)
        checksums.write_down(target, checksums.digest(part.path, "sha256"))
        part.put(target)
    return True


@contextmanager
def used_up(archive: Path) -> Iterator[None]:
    """Remove an archive once it is unpacked, or cannot be; not where the disk is to blame."""
    try:
        yield
    except DataError:
        checksums.forget(archive)
        archive.unlink(missing_ok=True)
        raise
    checksums.forget(archive)
    archive.unlink(missing_ok=True)


def _is_right(target: Path, checksum: str) -> bool:
    """Whether a file is there and is what it must be, as far as can be known."""
    if not target.is_file():
        return False
    wanted = checksum or checksums.written_down(target)
    if not wanted or checksums.fits(target, wanted):
        return True
    _LOGGER.warning("%s is damaged, or was changed: it is downloaded again", target)
    return False


def _fill(part: "_Part", url: str, checksum: str, retries: Retries) -> None:
    """Bring the whole file into the part; once more from the start if the sum is wrong."""
    began_empty = not part.size
    with _progress(part.name, part.size) as shown:
        persist(lambda: _attempt(part, url, retries, shown, anyway=bool(checksum)), url, retries)
        if not checksum or checksums.fits(part.path, checksum):
            return
        if not began_empty:
            # What an earlier download left may have been of another file.
            part.clear()
            persist(lambda: _attempt(part, url, retries, shown, anyway=True), url, retries)
    with _removing(part):
        if not checksums.fits(part.path, checksum):
            kind, _, wanted = checksum.partition(":")
            got = checksums.digest(part.path, kind)
            msg = (
                f"{url}: the checksum is wrong: {got} in place of {kind}:{wanted}; "
                "the file was removed"
            )
            raise DataError(msg)


def _attempt(
    part: "_Part", url: str, retries: Retries, shown: Callable[[int, int], None], *, anyway: bool
) -> None:
    """One request for what is missing."""
    have = part.resumable(url, anyway=anyway)
    accepted = _NOT_SATISFIABLE if have else 0
    with answer(url, retries, part.headers(have), also=accepted) as response:
        start, total = _range(response)
        if response.status_code == _NOT_SATISFIABLE:
            if total == have:
                return
            part.clear()
            msg = "the server has another file than before"
            raise Passing(msg)
        if response.status_code == 206 and (start, total) != (have, part.total if have else total):
            part.distrust()
            msg = "the server sends something else than the rest of the file"
            raise Passing(msg)
        part.begin(url, start, total, _validator(response))
        try:
            for chunk in chunks(response):
                part.write(chunk)
                shown(part.size, total or 0)
        except Passing as cut:
            raise Passing(_cut(part, total, str(cut)), gained=part.grew()) from cut
    if total is not None and part.size != total:
        raise Passing(_cut(part, total), gained=part.grew())


def _cut(part: "_Part", total: int | None, how: str = "the connection was cut") -> str:
    of = "" if total is None else f" of {total:,}"
    return f"{how} after {part.size:,}{of} bytes"


def _range(response: "Response") -> tuple[int, int | None]:
    """Where the body begins in the file (-1: nobody knows), and how long the file is."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code == 200:
        return 0, length_of(response)
    if response.status_code == _NOT_SATISFIABLE:
        return 0, int(found[2]) if found and found[2].isdecimal() else None
    if found is None or found[1] is None:
        return -1, None
    return int(found[1]), int(found[2]) if found[2].isdecimal() else None


def _validator(response: "Response") -> str:
    """What tells this file from an earlier one of the same address."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _refuse_other(path: Path, name: str, url: str) -> None:
    begins = _BEGINS.get(Path(name).suffix.lower(), b"")
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(begins) and head:
        return
    page = head.lstrip()[:1] == b"<"
    what = "a web page; does a login page stand between?" if page else f"{head[:12]!r}"
    if not head:
        what = "nothing"
    msg = f"{url}: what came is not {name}, but {what}; it was removed"
    raise DataError(msg)


@contextmanager
def _removing(part: "_Part") -> Iterator[None]:
    """Leave nothing of a file that turns out to be wrong."""
    try:
        yield
    except Exception:
        part.clear()
        part.remove()
        raise


class _Part:
    """The file as far as it came, beside where it will lie, held by one process."""

    def __init__(self, target: Path, stream: FileIO) -> None:
        self.name = target.name
        self.path = _beside(target)
        self._notes = self.path.with_name(f"{self.path.name}.json")
        self._stream = stream
        self.size = stream.seek(0, os.SEEK_END)
        self._most, self._in_parts = self.size, True
        self._url, self._validator, self.total = self._read_notes()

    @classmethod
    @contextmanager
    def opened(cls, target: Path) -> Iterator["_Part"]:
        with as_output_error(f"cannot create the folder {target.parent}"):
            target.parent.mkdir(parents=True, exist_ok=True)
        path = _beside(target)
        with as_output_error(f"cannot write {target}"):
            number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            stream = os.fdopen(number, "r+b", buffering=0)
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = f"{target} is being downloaded by another process"
                raise TemporaryDownloadError(msg) from error
            part = cls(target, stream)
            try:
                yield part
            finally:
                if not part.size:
                    part.remove()

    def _read_notes(self) -> tuple[str, str, int | None]:
        try:
            notes = json.loads(self._notes.read_bytes())
            url, validator, total = notes["url"], notes["validator"], notes["total"]
        except (OSError, ValueError, KeyError, TypeError):
            return "", "", None
        return str(url), str(validator), total if isinstance(total, int) else None

    def resumable(self, url: str, *, anyway: bool) -> int:
        """Bytes to go on from: none if nothing tells whether the file is still the same."""
        if not self._in_parts or url != self._url or not (self._validator or anyway):
            self.clear()
        return self.size

    def headers(self, have: int) -> dict[str, str]:
        if not have:
            return {}
        condition = {"If-Range": self._validator} if self._validator else {}
        return {"Range": f"bytes={have}-", **condition}

    def begin(self, url: str, start: int, total: int | None, validator: str) -> None:
        """Write on from a place."""
        self._stream.seek(start)
        self._stream.truncate()
        self.size = start
        if (url, validator, total) != (self._url, self._validator, self.total):
            self._url, self._validator, self.total = url, validator, total
            notes = {"url": url, "validator": validator, "total": total}
            with as_output_error(f"cannot write {self._notes}"):
                self._notes.write_text(json.dumps(notes), encoding="utf-8")

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            try:
                written = self._stream.write(rest)
            except OSError as error:
                error.filename = str(self.path)
                raise
            self.size += written
            rest = rest[written:]

    def grew(self) -> bool:
        """Whether there is more than there ever was."""
        before, self._most = self._most, max(self._most, self.size)
        return self.size > before

    def distrust(self) -> None:
        """Begin anew, and ask for no parts any more."""
        self._in_parts = False
        self.clear()

    def clear(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self.size, self.total = 0, None

    def put(self, target: Path) -> None:
        """Put the complete file in its place."""
        os.fsync(self._stream.fileno())
        with as_output_error(f"cannot write {target}"):
            self.path.replace(target)
        self._notes.unlink(missing_ok=True)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


@contextmanager
def _progress(name: str, have: int) -> Iterator[Callable[[int, int], None]]:
    """Show bytes that are there, of how many: a bar on a terminal, else a line now and then."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(
            initial=have, desc=name, unit="B", unit_scale=True, file=sys.stderr, leave=False
        ) as bar:

            def show(size: int, total: int) -> None:
                bar.total = total or None
                bar.update(size - bar.n)

            yield show
        return
    last = time.monotonic()

    def tell(size: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOG_EVERY_S:
            last = time.monotonic()
            of = f" of {total / 1e6:.1f}" if total else ""
            _LOGGER.info("%s: %.1f%s MB", name, size / 1e6, of)

    yield tell
