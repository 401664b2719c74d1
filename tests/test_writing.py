"""Files are whole or not there, and a place that cannot be written is told from a full disk."""

import errno
import os
from pathlib import Path

import pytest

from nimare_pipeline.errors import OutputError
from nimare_pipeline.writing import as_output_error, write_file


def test_write_file_makes_the_folder(tmp_path):
    """The folder need not be there; nothing but the file is left in it."""
    write_file(tmp_path / "a/b/c.txt", b"x")
    assert [p.name for p in (tmp_path / "a/b").iterdir()] == ["c.txt"]
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"x"


def test_write_file_keeps_the_old_one_when_it_fails(tmp_path, monkeypatch):
    """A disk that is full leaves the old file whole, and nothing aside; it is no OutputError."""
    path = tmp_path / "c.txt"
    write_file(path, b"old")
    half = Path.write_bytes

    def fill_the_disk(self, content):
        half(self, content[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        write_file(path, b"new")
    assert not isinstance(caught.value, OutputError)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"c.txt": b"old"}


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST])
def test_a_place_that_cannot_be_written_is_an_output_error(code):
    """Permissions, a read-only disk, a file in the way."""
    with (
        pytest.raises(OutputError, match=f"cannot write x: {os.strerror(code)}"),
        as_output_error("cannot write x"),
    ):
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_broken_disk_stays_what_it_is(code):
    """Its error number decides the exit code."""
    with pytest.raises(OSError, match=os.strerror(code)) as caught, as_output_error("x"):
        raise OSError(code, os.strerror(code))
    assert caught.value.errno == code
