"""NeuroStore: releases and studysets."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from nimare_pipeline import extract
from nimare_pipeline.errors import DataError, DownloadError, UsageError
from nimare_pipeline.io import convert_nimads_to_dataset
from tests.extract.conftest import QUICK
from tests.extract.server import Page, Server

INDEX = "/api/neurostore-studyset-releases/"
STUDYSET = {
    "id": "abc",
    "name": "few",
    "studies": [
        {
            "id": "s1",
            "name": "One",
            "analyses": [
                {
                    "id": "a1",
                    "name": "A",
                    "conditions": [],
                    "images": [],
                    "points": [{"coordinates": [1, 2, 3], "space": "MNI", "values": []}],
                }
            ],
        }
    ],
}


def tar(files: dict[str, bytes], *odd: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            packed.addfile(info, io.BytesIO(body))
        for info in odd:
            packed.addfile(info)
    return stream.getvalue()


def release(server: Server, version: str, body: bytes, **more: object) -> dict[str, object]:
    """Put a release on the server; what its index tells of it."""
    path = f"{INDEX}{version}/download"
    server.pages[path] = Page(body)
    sha = hashlib.sha256(body).hexdigest()
    told = {
        "version": version,
        "release_type": "monthly",
        "built_at": version,
        "download_path": f"https://elsewhere.example.org{path}",
        "archive_checksum": sha,
    }
    return {**told, **more}  # fmt: skip


def index(server: Server, *releases: object) -> None:
    server.pages[INDEX] = Page(json.dumps({"results": list(releases)}).encode(), tag="")


def fetch(server: Server, folder: Path, version: str = "latest", **options: object) -> Path:
    found = extract.fetch_neurostore(
        version, folder, base_url=server.url, retries=QUICK, **options
    )
    return Path(found)


GOOD = {"release-1/studyset.json": b"{}", "release-1/studies.parquet": b"PAR1"}


def test_the_latest_release(server: Server, tmp_path: Path) -> None:
    """The newest with a date is unpacked into a folder of its version; the archive goes."""
    index(
        server,
        release(server, "2026-07", tar(GOOD)),
        release(server, "2026-09", tar(GOOD)),
        release(server, "nightly", tar(GOOD), release_type="nightly", built_at="2026-10"),
    )
    folder = fetch(server, tmp_path)
    assert folder == tmp_path / "neurostore/2026-09/release-1"
    assert (folder / "studies.parquet").read_bytes() == b"PAR1"
    names = sorted(path.name for path in (tmp_path / "neurostore").iterdir())
    assert names == ["2026-09", "2026-09.sha256"]
    assert server.paths == [INDEX, f"{INDEX}2026-09/download"]


def test_a_release_that_is_there(server: Server, tmp_path: Path) -> None:
    """A version by its name needs no network once it is there."""
    index(server, release(server, "2026-09", tar(GOOD)))
    first = fetch(server, tmp_path, "2026-09")
    server.requests.clear()
    assert fetch(server, tmp_path, "2026-09") == first
    assert server.requests == []
    fetch(server, tmp_path)
    assert server.paths == [INDEX]


def test_a_nightly_release_moves(server: Server, tmp_path: Path) -> None:
    """``nightly`` is downloaded again when its checksum is another."""
    index(server, release(server, "nightly", tar(GOOD), release_type="nightly"))
    fetch(server, tmp_path, "nightly")
    newer = {**GOOD, "release-1/studies.parquet": b"PAR1 more"}
    index(server, release(server, "nightly", tar(newer), release_type="nightly"))
    folder = fetch(server, tmp_path, "nightly")
    assert (folder / "studies.parquet").read_bytes() == b"PAR1 more"


def test_an_unknown_release(server: Server, tmp_path: Path) -> None:
    """A version that is not there is refused with those that are."""
    index(server, release(server, "2026-09", tar(GOOD)), release(server, "2026-07", tar(GOOD)))
    with pytest.raises(UsageError) as raised:
        fetch(server, tmp_path, "2020-01")
    assert str(raised.value) == (
        "NeuroStore has no release '2020-01'; it has 2026-07, 2026-09, or 'latest'"
    )


def test_a_wrong_checksum(server: Server, tmp_path: Path) -> None:
    """An archive that is not the one the index tells of is not unpacked."""
    index(server, release(server, "2026-09", tar(GOOD), archive_checksum="0" * 64))
    with pytest.raises(DataError, match="the checksum is wrong"):
        fetch(server, tmp_path)
    assert list((tmp_path / "neurostore").iterdir()) == []


@pytest.mark.parametrize(
    "answer", [[], {}, {"results": []}, {"results": [{"version": "../x"}]}, {"results": [3]}, 5]
)
def test_odd_indexes(answer: object, server: Server, tmp_path: Path) -> None:
    """An index without releases, or with a version that is a path, is one error."""
    server.pages[INDEX] = Page(json.dumps(answer).encode())
    with pytest.raises(
        DataError, match=r"no releases in the answer|no version that can be a name"
    ):
        fetch(server, tmp_path)


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("evil")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (tar({**GOOD, "../evil": b"x"}), "a file that would lie outside"),
        (tar({**GOOD, "/evil": b"x"}), "a file that would lie outside"),
        (tar(GOOD, link(tarfile.SYMTYPE)), "a link or a device, 'evil'"),
        (tar(GOOD, link(tarfile.LNKTYPE)), "a link or a device, 'evil'"),
        (tar(GOOD, link(tarfile.FIFOTYPE)), "a link or a device, 'evil'"),
        (tar({"a": b"x"}), r"there is no studyset\.json in this release"),
        (tar({"a": bytes(2**27)}), "unpacks to more than is sane"),
        (tar(GOOD)[:-20], r"2026-09\.tar\.gz came damaged"),
        (b"\x1f\x8bnonsense", "came damaged"),
        (gzip.compress(b"nonsense"), "cannot be unpacked"),
    ],
    ids=[
        "outside",
        "absolute",
        "symlink",
        "hardlink",
        "pipe",
        "empty",
        "bomb",
        "cut",
        "no-gzip",
        "no-tar",
    ],
)
def test_hostile_releases(body: bytes, said: str, server: Server, tmp_path: Path) -> None:
    """Nothing lands outside the folder, and nothing of a bad release stays."""
    index(server, release(server, "2026-09", body))
    with pytest.raises(DataError, match=said):
        fetch(server, tmp_path)
    assert list((tmp_path / "neurostore").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["neurostore"]


def studyset(server: Server, folder: Path, *ids: str, **options: object) -> dict[str, str]:
    return extract.fetch_neurostore_studyset(
        *ids, data_dir=folder, base_url=server.url, retries=QUICK, **options
    )


def test_a_studyset_is_what_the_reader_takes(server: Server, tmp_path: Path) -> None:
    """The file that comes becomes a Dataset; a second call asks for nothing."""
    body = json.dumps(STUDYSET).encode()
    server.pages["/api/studysets/abc?nested=true"] = Page(body)
    found = studyset(server, tmp_path, "abc")
    assert found == {"studyset": str(tmp_path / "neurostore/abc/studyset.json")}
    assert len(convert_nimads_to_dataset(found["studyset"]).coordinates) == 1
    studyset(server, tmp_path, "abc")
    assert len(server.requests) == 1


def test_an_annotation_comes_too(server: Server, tmp_path: Path) -> None:
    """An annotation that is named lies beside its studyset."""
    note = {"id": "n1", "notes": [{"analysis": "a1", "note": {"in": True}}], "note_keys": {}}
    server.pages["/api/studysets/abc?nested=true"] = Page(json.dumps(STUDYSET).encode())
    server.pages["/api/annotations/n1"] = Page(json.dumps(note).encode())
    found = studyset(server, tmp_path, "abc", "n1")
    assert json.loads(Path(found["annotation"]).read_text()) == note


@pytest.mark.parametrize("body", [b"[]", b'{"studies": 3}', b'{"detail": "no"}', b"<html>", b""])
def test_no_studyset(body: bytes, server: Server, tmp_path: Path) -> None:
    """An answer that is no studyset is one error, and no file."""
    server.pages["/api/studysets/abc?nested=true"] = Page(body)
    with pytest.raises(DataError, match=r"no list of studies|is not JSON|but nothing"):
        studyset(server, tmp_path, "abc")
    assert list((tmp_path / "neurostore/abc").iterdir()) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "a?x=1", ".x", "x" * 101])
def test_an_identifier_is_one(name: str, server: Server, tmp_path: Path) -> None:
    """What is no identifier never becomes an address or a path."""
    with pytest.raises(UsageError, match="is no identifier or version"):
        studyset(server, tmp_path, name)
    with pytest.raises(UsageError, match="is no identifier or version"):
        studyset(server, tmp_path, "abc", name)
    assert server.requests == []


def test_a_studyset_that_is_not_there(server: Server, tmp_path: Path) -> None:
    """An identifier nobody has is the server's refusal."""
    with pytest.raises(DownloadError, match="there is no such file or record"):
        studyset(server, tmp_path, "abc")
