"""Files damaged at random, and what a reader may do with them: read them, or refuse in words."""

import gzip
import io
import signal
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from nimare_pipeline.errors import PipelineError

Files = Mapping[str, bytes]

LONGEST_S = 20
"""Wall time that one small file may take on a machine that is busy."""
ODD = (
    b"", b" ", b"\0", b"\n", b"\r", b"\r\n", b"\t", b"\t\t\t", b",", b'"', b"'", b"\\",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80",
    b"\x1b[2J", b"\x85",
    b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"-0", b"1e-400", b"9" * 30, b"9" * 400,
    b"9" * 5000, b"1_0", b"0x1", b"1,5", b"n/a", b"None", b"null", b"true", b"[]", b"{}", b"[[[[",
    b"]", b"}", b"(" * 300, b"../../x", b"/etc/passwd", b"<script>", b"&amp;", b"%s{0}", b"=1+1",
    b"-1", b"0", b"2", b"99999999", b"id", b"x", b"__proto__", b"\xd9\xa1", b"\xc2\xb2",
    b"a" * 3000,
)  # fmt: skip
"""What is put in places: signs of every format, numbers at the edges, texts that are none."""


def bounded(n: int) -> Callable[[Any], Any]:
    """Settings of a fuzz test: the same ``n`` cases each time, and no time limit on one."""
    checks = [
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ]
    return settings(
        max_examples=n,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=checks,
    )


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """Content with one to three pieces taken out, doubled, moved, overwritten or put in."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        end = min(len(body), at + draw(st.sampled_from([0, 1, 1, 2, 4, 8, 64, 10**9])))
        piece = body[at:end]
        kind = draw(st.integers(0, 4))
        if kind == 0:  # in the place of what stood there, or between
            body = body[:at] + draw(st.sampled_from(ODD)) + body[end:]
        elif kind == 1:
            body = body[:at] + piece * draw(st.integers(0, 3)) + body[end:]
        elif kind == 2:
            rest = body[:at] + body[end:]
            to = draw(st.integers(0, len(rest)))
            body = rest[:to] + piece + rest[to:]
        elif kind == 3:
            bits = draw(st.integers(1, 255))
            body = (
                body[:at] + bytes(byte ^ bits for byte in piece[:8]) + body[at + len(piece[:8]) :]
            )
        else:
            body = body[:at] + draw(st.binary(max_size=6)) + body[end:]
    return body


@st.composite
def damaged_sets(draw: st.DrawFn, files: Files) -> dict[str, bytes]:
    """Files of one dataset of which one is damaged, missing, or has the content of another.

    What is packed is damaged inside as often as outside.
    """
    found = dict(files)
    name = draw(st.sampled_from(sorted(files)))
    how = draw(st.integers(0, 11))
    if how == 0 and len(files) > 1:
        del found[name]
    elif how == 1 and len(files) > 1:
        found[name] = files[draw(st.sampled_from(sorted(files)))]
    elif how % 2 and found[name][:2] == b"\x1f\x8b":
        found[name] = gzip.compress(draw(damaged(gzip.decompress(files[name]))), 1, mtime=0)
    elif how % 2 and found[name][:4] == b"PK\x03\x04":
        found[name] = draw(damaged_archives(files[name]))
    else:
        found[name] = draw(damaged(files[name]))
    return found


@st.composite
def damaged_archives(draw: st.DrawFn, body: bytes) -> bytes:
    """Zip file, whole as such, in which one member is damaged, missing, or another's."""
    members = unzipped(body)
    name = draw(st.sampled_from(sorted(members)))
    other = draw(st.sampled_from(sorted(members)))
    change = draw(st.sampled_from(["damage", "damage", "damage", "without", "swap"]))
    if change == "damage":
        members[name] = draw(damaged(members[name]))
    elif change == "without":
        del members[name]
    else:
        members[name], members[other] = members[other], members[name]
    return zipped(members)


def unzipped(body: bytes) -> dict[str, bytes]:
    """Members of a zip file."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Files) -> bytes:
    """Zip file of members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def zeros(n_bytes: int) -> Iterator[bytes]:
    """Pieces of a gzip file that unpacks to so many zeros, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(2**20)
    for _ in range(n_bytes // len(piece)):
        yield packer.compress(piece)
    yield packer.flush()


def put(folder: Path, files: Files) -> Path:
    """Make a folder hold these files and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        old.unlink()
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def read_or_refused(
    call: Callable[[], Any], *, names: Sequence[str] = (), folder: Path | None = None
) -> Any:
    """What a reader gives, or None where it refuses in words that name one of ``names``.

    Any exception but the package's own goes through and fails the test, as does a warning; so
    does a reader that takes too long, or leaves or changes anything in ``folder``.
    """
    before = state(folder)
    with within_time():
        try:
            found = call()
        except PipelineError as error:
            found, said = None, str(error)
            assert said.strip(), "an error without words"
            assert not names or any(name in said for name in names), said
            assert "\x1b" not in said, repr(said)
    assert state(folder) == before
    return found


def state(folder: Path | None) -> dict[str, tuple[int, int]]:
    """Every file below a folder, its size and when it was written."""
    if folder is None:
        return {}
    stats = {str(path): path.lstat() for path in folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


@contextmanager
def within_time(seconds: float = LONGEST_S) -> Iterator[None]:
    """End what takes longer, with an error: a loop without end would stop the whole suite."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        msg = f"not done after {seconds} s"
        raise AssertionError(msg)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
