"""Neurosynth, NeuroQuery and the Cognitive Atlas, from a server on this machine."""

import csv
import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from nimare_pipeline import extract
from nimare_pipeline.errors import DataError, DownloadError, UsageError
from nimare_pipeline.extract import checksums
from nimare_pipeline.extract.databases import entities
from nimare_pipeline.io import convert_neurosynth_to_dataset
from tests.extract.conftest import QUICK
from tests.extract.server import Page, Server

COORDINATES = (
    "id\ttable_id\ttable_num\tpeak_id\tx\ty\tz\n11\t1\t1\t\t1\t2.5\t3\n12\t1\t1\t\t-4\t5\t6\n"
)
METADATA = (
    "id\tdoi\tspace\ttitle\tauthors\tyear\tjournal\n"
    "11\t\tMNI\tOne \"word\"\tA, B\t1999\tJ\n12\t10.1/x\tTAL\tTwo\tC\t2001\tK\n"
)  # fmt: skip
TERMS = ("pain", "working memory")
VALUES = np.array([[0.25, 0.0], [0.0, 1 / 3]])


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def matrix(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    sparse.save_npz(stream, sparse.csr_matrix(values))
    return stream.getvalue()


def content(name: str) -> bytes:
    """A small file in place of one of that name."""
    made = {
        "coordinates.tsv.gz": packed(COORDINATES),
        "metadata.tsv.gz": packed(METADATA),
        "features.npz": matrix(VALUES),
        "vocabulary.txt": "".join(f"{term}\n" for term in TERMS).encode(),
    }
    return made.get(entities(name)["suffix"], b"{}\n")


@pytest.fixture
def mirror(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Small files under the names of both databases, and their checksums."""
    for name in ("neurosynth", "neuroquery"):
        small = {}
        for file in checksums.known(name):
            body = content(file)
            server.pages[f"/{name}/{file}"] = Page(body)
            small[file] = f"sha256:{hashlib.sha256(body).hexdigest()}"
        monkeypatch.setitem(KNOWN, name, small)
    monkeypatch.setattr(checksums, "known", KNOWN.__getitem__)
    return server


KNOWN: dict[str, dict[str, str]] = {}


def fetch(server: Server, folder: Path, **options: object) -> list[dict]:
    base = f"{server.url}/neurosynth"
    return extract.fetch_neurosynth(folder, base_url=base, retries=QUICK, **options)


def test_neurosynth_is_what_the_reader_takes(mirror: Server, tmp_path: Path) -> None:
    """The files that are told become a Dataset with foci and labels."""
    (files,) = fetch(mirror, tmp_path, source="abstract", vocab="terms")
    stem = f"{tmp_path}/neurosynth/data-neurosynth_version-7"
    assert files == {
        "coordinates": f"{stem}_coordinates.tsv.gz",
        "metadata": f"{stem}_metadata.tsv.gz",
        "features": [
            {
                "features": f"{stem}_vocab-terms_source-abstract_type-tfidf_features.npz",
                "vocabulary": f"{stem}_vocab-terms_vocabulary.txt",
            }
        ],
    }
    dataset = convert_neurosynth_to_dataset(
        files["coordinates"], files["metadata"], files["features"]
    )
    assert dataset.ids.tolist() == ["11-1", "12-1"]
    assert len(dataset.coordinates) == 2
    assert len(mirror.requests) == 4


def test_everything_of_a_version(mirror: Server, tmp_path: Path) -> None:
    """Without a choice all sets of labels of the newest version come, with what explains them."""
    (files,) = fetch(mirror, tmp_path)
    vocabs = [entities(Path(one["features"]).name)["vocab"] for one in files["features"]]
    assert sorted(vocabs) == ["LDA100", "LDA200", "LDA400", "LDA50", "terms"]
    by_vocab = dict(zip(vocabs, files["features"], strict=True))
    assert set(by_vocab["LDA50"]) == {"features", "vocabulary", "keys", "metadata"}
    assert all(Path(file).is_file() for one in files["features"] for file in one.values())
    assert len(mirror.requests) == 2 + 2 + 4 * 4


def test_several_versions(mirror: Server, tmp_path: Path) -> None:
    """Each version is a database of its own."""
    databases = fetch(mirror, tmp_path, version=["3", "6"], vocab=["terms", "LDA50"])
    versions = [entities(Path(one["coordinates"]).name)["version"] for one in databases]
    assert versions == ["3", "6"]
    assert [len(one["features"]) for one in databases] == [1, 2]


def test_twice_is_once(mirror: Server, tmp_path: Path) -> None:
    """A second call asks for nothing, and says the same."""
    first = fetch(mirror, tmp_path, vocab="terms")
    n = len(mirror.requests)
    assert fetch(mirror, tmp_path, vocab="terms") == first
    assert len(mirror.requests) == n
    fetch(mirror, tmp_path, vocab="terms", overwrite=True)
    assert len(mirror.requests) == 2 * n


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"version": "8"}, "version of neurosynth cannot be '8'; there is 3, 4, 5, 6, 7"),
        ({"vocab": "words"}, "vocab of neurosynth cannot be 'words'; there is terms, LDA100"),
        ({"vocab": []}, "vocab of neurosynth cannot be nothing; there is terms"),
        (
            {"version": "3", "vocab": "LDA50"},
            "neurosynth has no labels with version 3, vocab LDA50; there is abstract terms tfidf;",
        ),
    ],
)
def test_what_does_not_exist(choice: dict, said: str, mirror: Server, tmp_path: Path) -> None:
    """A choice of nothing is refused with what there is, before anything is asked."""
    with pytest.raises(UsageError) as raised:
        fetch(mirror, tmp_path, **choice)
    assert str(raised.value).startswith(said)
    assert mirror.requests == []


def test_a_missing_file_is_told(mirror: Server, tmp_path: Path) -> None:
    """A file that the server has not is one error; what came before stays for the next time."""
    del mirror.pages["/neurosynth/data-neurosynth_version-7_vocab-terms_vocabulary.txt"]
    with pytest.raises(DownloadError, match=r"terms_vocabulary\.txt: there is no such file"):
        fetch(mirror, tmp_path, vocab="terms")
    assert (tmp_path / "neurosynth/data-neurosynth_version-7_coordinates.tsv.gz").is_file()


def test_a_changed_file_is_refused(mirror: Server, tmp_path: Path) -> None:
    """A file that is not the one of the known checksum is not kept."""
    name = "data-neurosynth_version-7_metadata.tsv.gz"
    mirror.pages[f"/neurosynth/{name}"] = Page(packed("other"))
    with pytest.raises(DataError, match="the checksum is wrong"):
        fetch(mirror, tmp_path, vocab="terms")
    assert not (tmp_path / "neurosynth" / name).exists()


def test_the_old_layout(mirror: Server, tmp_path: Path) -> None:
    """``unpack`` writes both files of before 2021, which hold the same studies and numbers."""
    (files,) = fetch(mirror, tmp_path, unpack=True)
    assert [entities(Path(f["features"]).name)["vocab"] for f in files["features"]] == ["terms"]
    with (tmp_path / "database.txt").open(newline="") as stream:
        rows = list(csv.reader(stream, dialect="excel-tab"))
    assert rows[0] == ["id", "x", "y", "z", "doi", "space", "title", "authors", "year", "journal"]
    assert rows[1] == ["11", "1", "2.5", "3", "", "MNI", 'One "word"', "A, B", "1999", "J"]
    new = convert_neurosynth_to_dataset(
        files["coordinates"], files["metadata"], files["features"], feature_groups=["a"]
    )
    old = convert_neurosynth_to_dataset(
        tmp_path / "database.txt", tmp_path / "features.txt", feature_groups="a"
    )
    assert old.coordinates[["id", "x", "y", "z"]].equals(new.coordinates[["id", "x", "y", "z"]])
    assert sorted(old.get_labels()) == sorted(new.get_labels()) == [f"a__{t}" for t in TERMS]
    for label in new.get_labels():
        assert old.label(label).tolist() == new.label(label).tolist()


def test_old_files_of_the_user_stay(mirror: Server, tmp_path: Path) -> None:
    """A ``database.txt`` that is there is replaced only with ``overwrite``."""
    (tmp_path / "database.txt").write_text("mine")
    fetch(mirror, tmp_path, unpack=True)
    assert (tmp_path / "database.txt").read_text() == "mine"
    fetch(mirror, tmp_path, unpack=True, overwrite=True)
    assert (tmp_path / "database.txt").read_text().startswith("id\tx\ty\tz")


@pytest.mark.parametrize("choice", [{"vocab": "LDA50"}, {"version": ["6", "7"]}])
def test_the_old_layout_is_of_terms(choice: dict, mirror: Server, tmp_path: Path) -> None:
    """The old layout has no place for topics or several versions."""
    with pytest.raises(UsageError, match="unpack=True writes the terms of one version"):
        fetch(mirror, tmp_path, unpack=True, **choice)


def test_neuroquery(mirror: Server, tmp_path: Path) -> None:
    """NeuroQuery has sources of its own."""
    (files,) = extract.fetch_neuroquery(
        tmp_path,
        vocab="neuroquery7547",
        source=["title", "keywords"],
        base_url=f"{mirror.url}/neuroquery/",
        retries=QUICK,
    )
    assert [entities(Path(f["features"]).name)["source"] for f in files["features"]] == [
        "keywords",
        "title",
    ]
    assert len(mirror.requests) == 5
    assert Path(files["coordinates"]).parent == tmp_path / "neuroquery"


def test_cognitive_atlas(server: Server, tmp_path: Path, monkeypatch) -> None:
    """Both tables come, under the names the field has for them."""
    bodies = {"cogat_aliases.csv": b"id,name\n", "cogat_relationships.csv": b"input,output\n"}
    server.pages = {f"/{name}": Page(body) for name, body in bodies.items()}
    sums = {n: f"sha256:{hashlib.sha256(b).hexdigest()}" for n, b in bodies.items()}
    monkeypatch.setattr(checksums, "known", lambda _name: sums)
    found = extract.download_cognitive_atlas(tmp_path, base_url=server.url, retries=QUICK)
    assert found == {
        "ids": str(tmp_path / "cognitive_atlas/cogat_aliases.csv"),
        "relationships": str(tmp_path / "cognitive_atlas/cogat_relationships.csv"),
    }
    assert Path(found["ids"]).read_bytes() == b"id,name\n"


def test_every_known_file_has_a_name_that_says_what_it_is() -> None:
    """The lists that ship are complete: each set of labels has its vocabulary, each its tables."""
    for name, n_sets in (("neurosynth", 3 + 2 * 5), ("neuroquery", 9)):
        files = checksums.known(name)
        sets = [file for file in files if file.endswith("_features.npz")]
        assert len(sets) == n_sets
        for file in sets:
            assert f"{file[: file.index('_source-')]}_vocabulary.txt" in files
            version = entities(file)["version"]
            for table in ("coordinates", "metadata"):
                assert f"data-{name}_version-{version}_{table}.tsv.gz" in files
        assert all(len(value) == len("git:") + 40 for value in files.values())


def test_known_checksums_are_those_of_the_real_files(shared_data: Path) -> None:
    """Files of the databases that lie beside the checkout have the checksums that ship."""
    checked = 0
    for name, folder in (
        ("neurosynth", "neurosynth"),
        ("neuroquery", "neuroquery/data"),
        ("cognitive_atlas", "cognitive_atlas/cognitive_atlas"),
    ):
        for file, checksum in checksums.known(name).items():
            path = shared_data / folder / file
            if path.is_file():
                assert checksums.fits(path, checksum), file
                checked += 1
    assert checked >= 15


def test_the_real_neurosynth_from_a_server(
    server: Server, tmp_path: Path, shared_data: Path
) -> None:
    """Real files, with one connection cut, are what the reader takes."""
    for path in (shared_data / "neurosynth").iterdir():
        server.pages[f"/{path.name}"] = Page(path.read_bytes())
    stem = "data-neurosynth_version-7"
    server.pages[f"/{stem}_coordinates.tsv.gz"].trouble = ["cut 1000000"]
    (files,) = extract.fetch_neurosynth(
        tmp_path, vocab="LDA50", base_url=server.url, retries=QUICK
    )
    dataset = convert_neurosynth_to_dataset(
        files["coordinates"], files["metadata"], files["features"]
    )
    assert (len(dataset.ids), len(dataset.coordinates)) == (14371, 507891)
    assert server.ranges[1] == "bytes=1000000-"
