"""``nimare-pipeline fetch``: words in, files and an exit code out."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import main
from nimare_pipeline.extract import checksums, requesting
from tests.extract.server import Page, Server, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(requesting.time, "sleep", lambda _s: None)
    with serving() as running:
        yield running


ATLAS = ("cogat_aliases.csv", "cogat_relationships.csv")


@pytest.fixture
def atlas(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    sums = {name: f"sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in ATLAS}
    monkeypatch.setattr(checksums, "known", lambda _name: sums)
    server.pages = {f"/{name}": Page(name.encode()) for name in ATLAS}
    return server


def fetch(server: Server, *words: object) -> int:
    return main(["fetch", *map(str, words), "--base-url", server.url])


def test_files_are_told(atlas: Server, tmp_path: Path, capsys) -> None:
    """Every file is a line, the last line says where they are."""
    assert fetch(atlas, "cognitive-atlas", tmp_path) == 0
    folder = tmp_path / "cognitive_atlas"
    assert capsys.readouterr().out.splitlines() == [
        *(str(folder / name) for name in ATLAS),
        f"SUCCESS (exit 0): cognitive-atlas is complete; see {folder}",
    ]


def test_the_cache_is_the_place(atlas: Server, tmp_path: Path, monkeypatch) -> None:
    """Without DIR the files come into the user's cache; with ``--overwrite`` again."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch(atlas, "cognitive-atlas") == 0
    assert (tmp_path / ".cache/nimare-pipeline/cognitive_atlas" / ATLAS[0]).is_file()
    assert fetch(atlas, "cognitive-atlas") == 0
    assert len(atlas.requests) == 2
    assert fetch(atlas, "cognitive-atlas", "--overwrite") == 0
    assert len(atlas.requests) == 4


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        ([404], 69, "there is no such file or record (404 Not Found)"),
        ([503] * 9, 75, "the server answers 503 Service Unavailable, tried 5 times"),
        ([429] * 9, 75, "the server answers 429 Too Many Requests, tried 5 times"),
    ],
)
def test_what_servers_refuse(trouble, code, said, atlas, tmp_path, capsys) -> None:
    """What passes is 75, what does not is 69; the last line says what the server said."""
    atlas.pages[f"/{ATLAS[1]}"].trouble = trouble
    assert fetch(atlas, "cognitive-atlas", tmp_path) == code
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"FAILED (exit {code}): {atlas.url}/{ATLAS[1]}: {said}")


def test_what_is_not_right_is_65(atlas: Server, tmp_path: Path, capsys) -> None:
    """A file with a wrong checksum is bad data."""
    atlas.pages[f"/{ATLAS[0]}"].body = b"other"
    assert fetch(atlas, "cognitive-atlas", tmp_path) == 65
    assert "the checksum is wrong" in capsys.readouterr().out


def test_a_place_that_cannot_be_is_73(atlas: Server, tmp_path: Path, capsys) -> None:
    """A file where the folder should be is an output that cannot be made."""
    (tmp_path / "file").write_text("x")
    assert fetch(atlas, "cognitive-atlas", tmp_path / "file") == 73
    assert "cannot create the folder" in capsys.readouterr().out


def test_a_collection(server: Server, tmp_path: Path, capsys) -> None:
    """The word after neurovault is the number of the collection."""
    empty = {"count": 0, "next": None, "results": []}
    server.pages = {
        "/api/collections/5/?format=json": Page(b"{}"),
        "/api/collections/5/images/?format=json&limit=100": Page(json.dumps(empty).encode()),
    }
    assert fetch(server, "neurovault", 5, tmp_path) == 0
    folder = tmp_path / "neurovault/collection_5"
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"see {folder}")


def test_a_studyset_with_its_annotation(server: Server, tmp_path: Path, capsys) -> None:
    """The word after neurostore is a studyset; an annotation is an option."""
    server.pages = {
        "/api/studysets/abc?nested=true": Page(b'{"studies": []}'),
        "/api/annotations/n1": Page(b'{"notes": []}'),
    }
    assert fetch(server, "neurostore", "abc", tmp_path, "--annotation", "n1") == 0
    folder = tmp_path / "neurostore/abc"
    assert capsys.readouterr().out.splitlines()[:2] == [
        str(folder / "studyset.json"),
        str(folder / "annotation.json"),
    ]


def test_labels_are_chosen(server: Server, tmp_path: Path, monkeypatch) -> None:
    """Version and sets of labels come to the function."""
    table = gzip.compress(b"id\n")
    sums = {}
    for name in checksums.known("neurosynth"):
        body = b"PK" if name.endswith(".npz") else table if name.endswith(".gz") else b"pain\n"
        server.pages[f"/{name}"] = Page(body)
        sums[name] = f"sha256:{hashlib.sha256(body).hexdigest()}"
    monkeypatch.setattr(checksums, "known", lambda _name: sums)
    words = ["--data-version", "6", "--vocab", "LDA50", "--vocab", "terms", "--source", "abstract"]
    assert fetch(server, "neurosynth", tmp_path, *words, "--type", "weight") == 0
    names = sorted(path.name for path in (tmp_path / "neurosynth").glob("data-*"))
    assert len(names) == 6
    assert all("version-6" in name for name in names)
    assert not any("terms" in name for name in names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: NAME; usage"),
        (["neurosinth"], "fetch knows no data called 'neurosinth'; did you mean neurosynth?"),
        (["zzz"], "fetch knows no data called 'zzz'. It knows neurosynth, neuroquery"),
        (["neurovault"], "fetch neurovault needs the ID of what to fetch"),
        (["neurovault", "x"], "a collection of NeuroVault has a number, such as 1425, not 'x'"),
        (["nidm-pain", "a", "b"], "fetch nidm-pain has too many words: b"),
        (["nidm-pain", "--vocab", "terms"], "--vocab does not go with nidm-pain"),
        (["neuroquery", "--old-layout"], "--old-layout does not go with neuroquery"),
        (["neurosynth", "--vocab", "x"], "vocab of neurosynth cannot be 'x'; there is terms"),
        (["nidm-pain", "--base-url", "x"], "base_url is 'x'; it must be an address"),
        (["neurostore", "../x"], "'../x' is no identifier or version"),
    ],
)
def test_wrong_words(words: list[str], said: str, tmp_path, monkeypatch, capsys) -> None:
    """Wrong words are 64, with what would be right, and nothing is asked or written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["fetch", *words]) == 64
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"FAILED (exit 64): {said}")
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_there_is(capsys) -> None:
    """Help names every kind of data, in 80 columns."""
    assert main(["fetch", "--help"]) == 0
    shown = capsys.readouterr().out
    for name in ("neurosynth", "neuroquery", "neurostore-release", "neurostore ID",
                 "neurovault ID", "nidm-pain", "cognitive-atlas"):  # fmt: skip
        assert f"fetch {name}" in shown
    assert max(map(len, shown.splitlines())) <= 80
