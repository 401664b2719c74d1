"""Packed files within bounds."""

import gzip
import io
import pickle
import resource
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.unpacking import gunzip, read_npz, read_up_to
from tests.hostile import zeros, zipped

HUGE = 2**40


def npy(shape: tuple[int, ...], body: bytes = b"", descr: str = "<f8") -> bytes:
    """An npy file that claims a shape."""
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + body


def npz(path: Path, **members: bytes) -> Path:
    """An npz file of npy files."""
    path.write_bytes(zipped({f"{name}.npy": body for name, body in members.items()}))
    return path


def peak() -> int:
    """Most memory that this process ever held, kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_arrays_come_back(tmp_path: Path) -> None:
    """All types that numbers and texts have, in either order, with and without packing."""
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.array(["x", "äö"]),
        "c/d": np.asfortranarray(np.ones((2, 2), bool)),
        "e": np.array(3),
        "f": np.zeros((0, 4), np.int16),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = read_npz(tmp_path / "a.npz")
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (npy((HUGE,)), "an array of 8,796,093,022,208 bytes that are 0"),
        (npy((3,), bytes(8)), "an array of 24 bytes that are 8"),
        (npy((1,), bytes(16)), "an array of 8 bytes that are 16"),
        (npy((2,), pickle.dumps([1, 2]), "|O"), "pickled objects, which are not read"),
        (npy((-1,)), r"an array of the shape \(-1,\)"),
        (b"\x93NUMPY\x03\x00" + bytes(20), r"npy version \(3, 0\); 1 and 2 are read"),
        (b"\x93NUMPY\x01\x00\xff\x7f" + b"-" * 0x7FFF, "header"),
        (b"{}", "magic|EOF"),
    ],
)
def test_claims_are_checked_before_memory_is_taken(
    tmp_path: Path, body: bytes, message: str
) -> None:
    """An array that is not as large as its file, holds objects, or is none, is refused."""
    before = peak()
    with pytest.raises(ValueError, match=message):
        read_npz(npz(tmp_path / "a.npz", data=body))
    assert peak() - before < 50_000


def test_zip_bombs_are_refused_by_their_directory(tmp_path: Path) -> None:
    """Members that are 3 GB together are not unpacked."""
    body = zipped({f"{number}.npy": bytes(2**20) for number in range(2)})
    small, large = ((n).to_bytes(4, "little") for n in (2**20, 3 * 2**29))
    path = tmp_path / "a.npz"
    path.write_bytes(body.replace(small, large))
    with pytest.raises(ValueError, match=r"it unpacks to 3,072 MB, up to 2,048 are read"):
        read_npz(path)


def test_gzip_bombs_are_read_to_the_limit() -> None:
    """A gigabyte of zeros costs no more than what may be read."""
    packed = b"".join(zeros(2**28))
    before = peak()
    with pytest.raises(ValueError, match="more than 16 MB when it is unpacked"):
        gunzip(packed, 2**24)
    assert peak() - before < 100_000
    assert gunzip(gzip.compress(b"abc"), 3) == b"abc"


class Asked(io.BytesIO):
    """Stream that remembers how much was asked for at once."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        self.most = max(self.most, size or 0)
        return super().read(size)


@pytest.mark.parametrize(("size", "most"), [(0, 5), (4, 5), (5, 5), (2**22 + 3, 2**40)])
def test_streams_are_not_asked_for_all_at_once(size: int, most: int) -> None:
    """Room is taken for what is there, not for all that may be there."""
    body = np.random.default_rng(1).bytes(size)
    stream = Asked(body)
    assert read_up_to(stream, most) == body
    assert stream.most <= 2**20


def test_no_more_is_read_than_asked_for() -> None:
    """One byte more than the bound tells that there is more."""
    assert read_up_to(io.BytesIO(b"abcdef"), 4) == b"abcd"
