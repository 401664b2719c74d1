"""A packed table is unpacked to a limit only."""

import resource
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _native_rows
from tests.hostile import within_time, zeros


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 256 MB of zeros in 256 kB no more is unpacked than may be read."""
    monkeypatch.setattr(_native_rows, "_MOST_BYTES", 2**24)
    (tmp_path / "coordinates.tsv").write_text("study_id\tx\ty\tz\ns\t1\t2\t3\n")
    io.read(tmp_path / "coordinates.tsv")  # what is imported is no part of the measure
    (tmp_path / "coordinates.tsv").unlink()
    (tmp_path / "coordinates.tsv.gz").write_bytes(b"".join(zeros(2**28)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with within_time(), pytest.raises(DataError) as error:
        io.read(tmp_path / "coordinates.tsv.gz")
    assert "coordinates.tsv.gz: cannot be read: more than 16 MB when it is unp" in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000
