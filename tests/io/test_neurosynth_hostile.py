"""Hostile files of databases: bombs, claims of sizes, pickles, and rows that do not fit."""

import pickle
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hostile import within_time, zeros, zipped
from tests.io.test_neurosynth import METADATA, PREFIX, folder, refused, write
from tests.test_unpacking import npy

__all__ = ["folder"]
FEATURES = f"{PREFIX}_vocab-terms_source-abstract_type-tfidf_features.npz"
MATRIX: Mapping[str, Any] = {
    "data": np.ones(1),
    "indices": np.array([0]),
    "indptr": np.array([0, 1, 1, 1, 1]),
    "row": np.array([0]),
    "col": np.array([0]),
    "shape": np.array([4, 3]),
}


def put_matrix(folder: Path, kind: str, **changed: Any) -> None:
    """Write features as scipy does, with some of their arrays changed."""
    names = ("row", "col") if kind == "coo" else ("indices", "indptr")
    arrays = MATRIX | changed
    kept = {name: arrays[name] for name in ("data", "shape", *names)}
    np.savez(folder / FEATURES, format=np.array(kind.encode()), **kept)


def peak() -> int:
    """Most memory that this process ever held, kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("csr", {"shape": np.array([4, 10**12])}, "1,000,000,000,000 columns, but"),
        (
            "coo",
            {"shape": np.array([10**12, 3])},
            "1,000,000,000,000 rows, but the metadata have",
        ),
        ("coo", {"row": np.array([9])}, "no sparse matrix: "),
        ("csr", {"indices": np.array([7])}, "no sparse matrix: "),
        ("csr", {"indices": np.array([-7])}, "no sparse matrix: "),
        ("csr", {"indptr": np.array([0, 3, 1, 1, 1])}, "no sparse matrix: "),
        ("csr", {"indices": np.array([0.5])}, "indices are no whole numbers"),
        ("csr", {"shape": np.array([4])}, "no sparse matrix: 1 dimensions"),
        ("csr", {"data": np.array(["x"])}, "no sparse matrix: could not convert string"),
        ("bsr", {}, "no sparse matrix: the format 'bsr'"),
        ("dia", {}, "no sparse matrix: the format 'dia'"),
    ],
)
def test_features_that_are_none(
    folder: Path, kind: str, changed: Mapping[str, Any], message: str
) -> None:
    """Sizes, places and kinds are checked before a matrix is made of them."""
    put_matrix(folder, kind, **changed)
    with within_time():
        (problem,) = refused(folder)
    assert problem.startswith(f"{FEATURES}: ")
    assert message in problem


@pytest.mark.parametrize("kind", ["csr", "coo"])
def test_features_of_either_kind(folder: Path, kind: str) -> None:
    """What the test above changes is read as it stands."""
    from tests.io.test_neurosynth import read

    put_matrix(folder, kind)
    assert read(folder).label("terms_abstract_tfidf__pain").tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (npy((2**40,)), "an array of 8,796,093,022,208 bytes that are 0"),
        (npy((1,), pickle.dumps([1]), "|O"), "holds pickled objects, which are not read"),
    ],
)
def test_features_that_claim_more_than_they_have(folder: Path, body: bytes, message: str) -> None:
    """Nothing is allocated for a claim, and no object is made."""
    (folder / FEATURES).write_bytes(zipped({"data.npy": body}))
    (problem,) = refused(folder)
    assert message in problem


def test_bombs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is unpacked to its limit only, whether it has lines or not."""
    from nimare_pipeline.io import _neurosynth_tables

    monkeypatch.setattr(_neurosynth_tables, "MOST_BYTES", 2**24)
    path = folder / f"{PREFIX}_metadata.tsv.gz"
    path.write_bytes(b"".join(zeros(2**28)))
    before = peak()
    with within_time():
        (problem,) = refused(folder)
    assert "more than 16 MB when it is unpacked" in problem
    assert peak() - before < 150_000


def test_more_cells_than_memory(folder: Path) -> None:
    """Short rows below a wide header are counted before they are filled up."""
    header = "id\t" + "\t".join(map(str, range(30_000)))
    write(folder, "metadata", header + "\n11" * 4000)
    before = peak()
    (problem,) = refused(folder)
    assert "4,001 rows of 30,001 columns are too many" in problem
    assert peak() - before < 50_000
    write(folder, "metadata", "id" + "\t" * 200_000 + "\n")
    (problem,) = refused(folder)
    assert "more than 100,000 columns" in problem


def test_rows_longer_than_the_header(folder: Path) -> None:
    """A tab at the end of every row would move all cells by one column."""
    head, *rows = METADATA.splitlines()
    write(folder, "metadata", "\n".join([head, *(f"{row}\t" for row in rows)]) + "\n")
    (problem,) = refused(folder)
    assert "rows have more cells than the header" in problem


def test_a_flood_of_words_is_counted(folder: Path) -> None:
    """Of ten thousand words where numbers should be, twenty are told."""
    write(folder, "coordinates", "id\tx\ty\tz\n" + "11\t1\tword\t2\n" * 10_000)
    problems = refused(folder)
    assert len(problems) == 21
    assert problems[-1].endswith("and 9,980 problems more of this kind")
