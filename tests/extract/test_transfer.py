"""Downloading one file: resumed, checked, never half done."""

import hashlib
import json
import logging
import resource
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import requests

from nimare_pipeline.errors import (
    DataError,
    DownloadError,
    OutputError,
    TemporaryDownloadError,
    UsageError,
)
from nimare_pipeline.extract import Retries, checksums, places, transfer
from nimare_pipeline.extract.requesting import AGENT, _followed, get_json
from nimare_pipeline.extract.transfer import download
from tests.extract.conftest import QUICK
from tests.extract.server import DATE, Page, Server

BODY = bytes(range(256)) * 40
SHA = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


def left(folder: Path) -> list[str]:
    """Names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes(server: Server, tmp_path: Path) -> None:
    """It is on the disk as it is on the server, and its checksum is written down beside it."""
    server.pages["/data.bin"] = Page(BODY)
    target = tmp_path / "new" / "data.bin"
    assert download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert left(target.parent) == [".SHA256SUMS", "data.bin"]
    sums = (target.parent / ".SHA256SUMS").read_text()
    assert sums == f"{SHA.removeprefix('sha256:')}  data.bin\n"


def test_we_say_who_we_are(server: Server, tmp_path: Path) -> None:
    """Requests name the program, and ask for the file as it is."""
    server.pages["/data.bin"] = Page(BODY)
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    ((_, headers),) = server.requests
    assert headers["User-Agent"] == AGENT
    assert AGENT.startswith("nimare-pipeline/")
    assert headers["Accept-Encoding"] == "identity"


def test_passwords_of_the_user_stay_at_home(server: Server, tmp_path: Path, monkeypatch) -> None:
    """The password file of the user is not looked into."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.pages["/data.bin"] = Page(BODY)
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert "Authorization" not in server.requests[0][1]


def test_what_is_there_is_kept(server: Server, tmp_path: Path) -> None:
    """Nobody is asked for a file that is there and right."""
    target = tmp_path / "data.bin"
    target.write_bytes(BODY)
    assert not download(f"{server.url}/data.bin", target, checksum=SHA, retries=QUICK)
    assert server.requests == []


def test_overwrite_downloads_again(server: Server, tmp_path: Path) -> None:
    """With ``overwrite`` a file that is there is replaced."""
    target = tmp_path / "data.bin"
    target.write_bytes(b"old")
    server.pages["/data.bin"] = Page(BODY)
    assert download(f"{server.url}/data.bin", target, overwrite=True, retries=QUICK)
    assert target.read_bytes() == BODY


def test_a_damaged_file_is_downloaded_again(server: Server, tmp_path: Path, caplog) -> None:
    """A file that changed since it came, and has no known checksum, is told and replaced."""
    server.pages["/data.bin"] = Page(BODY)
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, retries=QUICK)
    target.write_bytes(BODY[:-1])
    assert download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert f"{target} is damaged, or was changed: it is downloaded again" in caplog.text


def test_a_cut_connection_goes_on(server: Server, tmp_path: Path, caplog) -> None:
    """After a cut only the rest is asked for, if it is of the same file."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000", "cut 3000"])
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", "bytes=4000-", "bytes=7000-"]
    assert server.requests[1][1]["If-Range"] == '"v1"'
    said = f"{server.url}/data.bin: the connection was cut after 4,000 of 10,240 bytes; again in "
    assert f"{said}0.001 s" in caplog.text


def test_a_later_call_goes_on(server: Server, tmp_path: Path) -> None:
    """What a download left that gave up is gone on with by the next one."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"])
    target = tmp_path / "data.bin"
    with pytest.raises(TemporaryDownloadError, match="tried once; try again later, it goes on"):
        download(f"{server.url}/data.bin", target, retries=Retries(tries=1))
    assert left(tmp_path) == [".data.bin.part", ".data.bin.part.json"]
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", "bytes=4000-"]
    assert left(tmp_path) == [".SHA256SUMS", "data.bin"]


def test_a_server_that_sends_less_than_asked(server: Server, tmp_path: Path) -> None:
    """A part that is shorter than asked for is no end of the file."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"], at_most=5000)
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", "bytes=4000-", "bytes=9000-"]


def test_going_in_circles_is_no_progress(server: Server, tmp_path: Path) -> None:
    """Bytes that came before are no gain: a server that always ends early is left."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"] * 9, ranges=False)
    with pytest.raises(TemporaryDownloadError, match="tried 3 times"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert len(server.requests) == 3


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    """A server that sends the whole file for a part of it is taken at its word."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"], ranges=False)
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", "bytes=4000-"]


def test_without_a_mark_nothing_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    """Where neither server nor checksum tell whether a file is the same, it begins anew."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"], tag="")
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", ""]


def test_a_checksum_is_mark_enough(server: Server, tmp_path: Path) -> None:
    """With a known checksum the rest is asked for all the same."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"], tag="")
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, checksum=SHA, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", "bytes=4000-"]


def test_a_date_is_a_mark(server: Server, tmp_path: Path) -> None:
    """A server without tags tells by the date of the file whether it is the same."""
    page = Page(BODY, trouble=["cut 4000"], tag="", headers={"Last-Modified": DATE})
    server.pages["/data.bin"] = page
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert server.requests[1][1]["If-Range"] == DATE


def test_a_file_that_changed_meanwhile_is_whole(server: Server, tmp_path: Path) -> None:
    """Two halves of two files are never put together."""
    server.pages["/data.bin"] = Page(b"a" * 5000, trouble=["cut 3000"])
    target = tmp_path / "data.bin"
    with pytest.raises(TemporaryDownloadError):
        download(f"{server.url}/data.bin", target, retries=Retries(tries=1))
    server.pages["/data.bin"] = Page(b"b" * 5000, tag='"v2"')
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == b"b" * 5000


@pytest.mark.parametrize("told", ["bytes 0-9/99999", "bytes 4000-10239/77", "nonsense", ""])
def test_a_wrong_part_is_not_used(told: str, server: Server, tmp_path: Path) -> None:
    """A server that sends another part than was asked for is asked for the whole."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 4000"], wrong_range=told or "bytes */*")
    target = tmp_path / "data.bin"
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == ["", "bytes=4000-", ""]


def test_a_part_that_is_whole_needs_no_more(server: Server, tmp_path: Path) -> None:
    """A download that was stopped after its last byte is put in place."""
    server.pages["/data.bin"] = Page(BODY)
    target = tmp_path / "data.bin"
    notes = {"url": f"{server.url}/data.bin", "validator": '"v1"', "total": len(BODY)}
    (tmp_path / ".data.bin.part").write_bytes(BODY)
    (tmp_path / ".data.bin.part.json").write_text(json.dumps(notes))
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY)}-"]


@pytest.mark.parametrize("notes", ["", "{", "[]", '{"url": 3}'])
def test_damaged_notes_start_again(notes: str, server: Server, tmp_path: Path) -> None:
    """A part of which nothing is known is not used."""
    server.pages["/data.bin"] = Page(BODY)
    (tmp_path / ".data.bin.part").write_bytes(b"something")
    (tmp_path / ".data.bin.part.json").write_text(notes)
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_a_wrong_checksum_is_one_error(server: Server, tmp_path: Path) -> None:
    """The file is removed, and the error names both sums."""
    server.pages["/data.bin"] = Page(b"other")
    got = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DataError) as raised:
        download(f"{server.url}/data.bin", tmp_path / "data.bin", checksum=SHA, retries=QUICK)
    assert str(raised.value) == (
        f"{server.url}/data.bin: the checksum is wrong: sha256:{got} in place of {SHA}; "
        "the file was removed"
    )
    assert left(tmp_path) == []
    assert len(server.requests) == 1


def test_a_wrong_beginning_is_given_up(server: Server, tmp_path: Path) -> None:
    """If what an earlier download left spoils the sum, the file is downloaded whole."""
    server.pages["/data.bin"] = Page(BODY)
    notes = {"url": f"{server.url}/data.bin", "validator": '"v1"', "total": len(BODY)}
    (tmp_path / ".data.bin.part").write_bytes(b"?" * 100)
    (tmp_path / ".data.bin.part.json").write_text(json.dumps(notes))
    download(f"{server.url}/data.bin", tmp_path / "data.bin", checksum=SHA, retries=QUICK)
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert server.ranges == ["bytes=100-", ""]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int, server: Server, tmp_path: Path) -> None:
    """What passes is waited for."""
    server.pages["/data.bin"] = Page(BODY, trouble=[status, status])
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert len(server.requests) == 3


def test_patience_ends(server: Server, tmp_path: Path) -> None:
    """After as many tries as asked the error says what the server answers."""
    server.pages["/data.bin"] = Page(BODY, trouble=[503] * 9)
    with pytest.raises(TemporaryDownloadError) as raised:
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert str(raised.value) == (
        f"{server.url}/data.bin: the server answers 503 Service Unavailable, tried 3 times; "
        "try again later, it goes on from there"
    )
    assert len(server.requests) == 3
    assert left(tmp_path) == []


def test_a_trickle_is_progress(server: Server, tmp_path: Path) -> None:
    """Tries count only if no byte came."""
    server.pages["/data.bin"] = Page(BODY, trouble=["cut 1000"] * 9)
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert (tmp_path / "data.bin").read_bytes() == BODY
    assert len(server.requests) == 10


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(form: str, server: Server, tmp_path: Path) -> None:
    """The server says when it may be asked again, in seconds or by a date."""
    says = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    server.pages["/data.bin"] = Page(BODY, trouble=[429], headers={"Retry-After": says})
    began = time.monotonic()
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert 0.9 <= time.monotonic() - began < 5


def test_too_long_a_wait_ends(server: Server, tmp_path: Path) -> None:
    """A server that wants to be left alone for long is left alone, with a message."""
    page = Page(BODY, trouble=[429], headers={"Retry-After": "86400"})
    server.pages["/data.bin"] = page
    with pytest.raises(TemporaryDownloadError, match="asks to come back in 86400 s"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "there is no such file or record (404 Not Found)"),
        (410, "it was taken away (410 Gone)"),
        (403, "the server refuses (403 Forbidden)"),
        (204, "the server refuses (204 No Content)"),
        (416, "the server refuses (416 Requested Range Not Satisfiable)"),
    ],
)
def test_a_refusal_is_final(status: int, said: str, server: Server, tmp_path: Path) -> None:
    """What does not pass is not asked for again."""
    server.pages["/data.bin"] = Page(b"" if status == 204 else b"no", status)
    with pytest.raises(DownloadError) as raised:
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert str(raised.value) == f"{server.url}/data.bin: {said}"
    assert not isinstance(raised.value, TemporaryDownloadError)
    assert len(server.requests) == 1
    assert left(tmp_path) == []


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    """A file that moved is found."""
    server.pages["/old"] = Page(status=302, headers={"Location": "/new"})
    server.pages["/new"] = Page(BODY)
    download(f"{server.url}/old", tmp_path / "data.bin", retries=QUICK)
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_redirects_without_end_end(server: Server, tmp_path: Path) -> None:
    """Addresses that lead to each other are one error."""
    server.pages["/a"] = Page(status=302, headers={"Location": "/b"})
    server.pages["/b"] = Page(status=302, headers={"Location": "/a"})
    with pytest.raises(DownloadError, match="from address to address without end"):
        download(f"{server.url}/a", tmp_path / "data.bin", retries=QUICK)


def test_a_safe_connection_stays_safe(server: Server) -> None:
    """A server on a safe connection cannot send us to one that is not."""

    class Safe(requests.Session):
        """The server of this test, as if it spoke through a safe connection."""

        def get(self, url: str, **options: object) -> requests.Response:
            return super().get(url.replace("https:", "http:"), **options)

    server.pages["/a"] = Page(status=302, headers={"Location": f"{server.url}/b"})
    with Safe() as session:
        with pytest.raises(DownloadError, match="sends to an address without encryption, http:"):
            _followed(session, f"{server.url}/a".replace("http:", "https:"), {}, 5)
    assert server.paths == ["/a"]


def test_an_unsafe_connection_is_refused(server: Server, tmp_path: Path) -> None:
    """A server that does not speak as its address says is not asked again."""
    url = f"{server.url}/data.bin".replace("http:", "https:")
    with pytest.raises(DownloadError, match="no safe connection") as raised:
        download(url, tmp_path / "data.bin", retries=QUICK)
    assert not isinstance(raised.value, TemporaryDownloadError)


def test_where_a_refusal_came_from(server: Server, tmp_path: Path) -> None:
    """An error after a redirect names both addresses."""
    server.pages["/a"] = Page(status=302, headers={"Location": "/b"})
    with pytest.raises(DownloadError, match=rf"/a: there is no .*, sent on to {server.url}/b$"):
        download(f"{server.url}/a", tmp_path / "data.bin", retries=QUICK)


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/x", "http://[::1/x"])
def test_only_the_web_is_followed(place: str, server: Server, tmp_path: Path) -> None:
    """A server cannot send us to files of this machine."""
    server.pages["/a"] = Page(status=302, headers={"Location": place})
    with pytest.raises(DownloadError, match="not an address of data"):
        download(f"{server.url}/a", tmp_path / "data.bin", retries=QUICK)
    assert left(tmp_path) == []


def test_nobody_at_home(tmp_path: Path, server: Server) -> None:
    """No server at an address is said in words, as what may pass."""
    url = "http://127.0.0.1:1/data.bin"
    with pytest.raises(TemporaryDownloadError, match=r"no connection \(Connection refused\)"):
        download(url, tmp_path / "data.bin", retries=QUICK)


def test_a_silent_server_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    """No answer in time counts as no connection."""
    server.on_request = lambda _path: time.sleep(0.6)
    quick = Retries(tries=1, timeout_s=0.2)
    with pytest.raises(TemporaryDownloadError, match=r"no connection \(.*time.*out"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=quick)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("x.tsv.gz", b"<!DOCTYPE html>", "a web page; does a login page stand between?"),
        ("x.npz", b"hello there, this is long", "b'hello there,'"),
        ("x.zip", b"", "nothing"),
    ],
)
def test_something_else_is_not_kept(
    name: str, body: bytes, said: str, server: Server, tmp_path: Path
) -> None:
    """A web page in place of a file is seen by its first bytes."""
    server.pages["/x"] = Page(body)
    with pytest.raises(DataError) as raised:
        download(f"{server.url}/x", tmp_path / name, retries=QUICK)
    assert str(raised.value) == (
        f"{server.url}/x: what came is not {name}, but {said}; it was removed"
    )
    assert left(tmp_path) == []


def test_a_length_that_is_not_told(server: Server, tmp_path: Path) -> None:
    """A body that ends with the connection is taken."""
    server.pages["/data.bin"] = Page(BODY, length=False)
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert (tmp_path / "data.bin").read_bytes() == BODY


def test_a_length_that_is_too_long(server: Server, tmp_path: Path) -> None:
    """A server that promises more than it sends never gives a file."""
    page = Page(BODY, headers={"Content-Length": str(len(BODY) + 5)}, ranges=False)
    page.trouble = ["all"] * 9
    server.pages["/data.bin"] = page
    with pytest.raises(TemporaryDownloadError, match="was cut"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=Retries(1, 0.001))
    assert not (tmp_path / "data.bin").exists()


def test_a_folder_that_cannot_be(server: Server, tmp_path: Path) -> None:
    """A file where the folder should be is an error of the place, before anything is asked."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot create the folder"):
        download(f"{server.url}/x", tmp_path / "file" / "data.bin", retries=QUICK)
    assert server.requests == []


def test_a_link_in_the_way_is_not_followed(server: Server, tmp_path: Path) -> None:
    """A link where the part would be written is not written through."""
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".data.bin.part").symlink_to(tmp_path / "victim")
    server.pages["/data.bin"] = Page(BODY)
    with pytest.raises(OutputError, match="cannot write"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_disk_that_takes_no_more(server: Server, tmp_path: Path) -> None:
    """It is an error of the disk that names the file, and what came is gone on with later."""
    server.pages["/data.bin"] = Page(BODY)
    target = tmp_path / "data.bin"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            download(f"{server.url}/data.bin", target, retries=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == str(tmp_path / ".data.bin.part")
    assert not isinstance(raised.value, OutputError | DownloadError)
    assert len(server.requests) == 1
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert target.read_bytes() == BODY
    assert server.ranges[1] == "bytes=4096-"


def test_two_at_once(server: Server, tmp_path: Path) -> None:
    """A second process that wants the same file is told so, and writes nothing."""
    target, said = tmp_path / "data.bin", []

    def again(_path: str) -> None:
        with pytest.raises(TemporaryDownloadError) as raised:
            download(f"{server.url}/data.bin", target, retries=QUICK)
        said.append(str(raised.value))

    server.on_request = again
    server.pages["/data.bin"] = Page(BODY)
    download(f"{server.url}/data.bin", target, retries=QUICK)
    assert said == [f"{target} is being downloaded by another process"]
    assert target.read_bytes() == BODY


def test_progress_in_a_log(server: Server, tmp_path: Path, monkeypatch, caplog) -> None:
    """Without a terminal a line tells now and then how far it is."""
    monkeypatch.setattr(transfer, "_LOG_EVERY_S", 0.0)
    server.pages["/data.bin"] = Page(bytes(3_000_000))
    with caplog.at_level(logging.INFO, "nimare_pipeline"):
        download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert "data.bin: 3.0 of 3.0 MB" in caplog.text


def test_progress_on_a_terminal(server: Server, tmp_path: Path, monkeypatch, capsys) -> None:
    """On a terminal a bar counts the bytes."""
    monkeypatch.setattr(transfer.sys.stderr, "isatty", lambda: True, raising=False)
    server.pages["/data.bin"] = Page(bytes(3_000_000))
    download(f"{server.url}/data.bin", tmp_path / "data.bin", retries=QUICK)
    assert "data.bin:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "a web page, not data; does a login page stand between?"),
        (b'{"a": ', "Expecting value: line 1 column 7"),
        (b"[" * 1_000_000, "recursion"),
        (b"\xff\xfe\x00", "codec"),
    ],
)
def test_an_answer_that_is_no_json(body: bytes, said: str, server: Server) -> None:
    """An answer that cannot be read is one error that names its address."""
    server.pages["/api"] = Page(body)
    with pytest.raises(DataError, match="the answer is not JSON") as raised:
        get_json(f"{server.url}/api", QUICK)
    assert str(raised.value).startswith(f"{server.url}/api: ")
    assert said in str(raised.value)


def test_a_cut_answer_is_asked_for_again(server: Server) -> None:
    """Half an answer is no answer."""
    server.pages["/api"] = Page(b'{"a": 1}', trouble=["cut 4", 500])
    assert get_json(f"{server.url}/api", QUICK) == {"a": 1}


@pytest.mark.parametrize("text", ["", "neurovault.org", "ftp://x", "file:///x", "http://[", "//x"])
def test_a_base_is_an_address(text: str) -> None:
    """What is no address of the web is refused before anything is asked."""
    with pytest.raises(UsageError, match="it must be an address"):
        places.base_of(text)


def test_the_cache_is_in_the_home(tmp_path: Path, monkeypatch) -> None:
    """Where no folder is named, downloads come into the user's cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.folder_of("neurosynth", None) == tmp_path / ".cache/nimare-pipeline/neurosynth"
    assert places.folder_of("neurosynth", "~/x") == tmp_path / "x/neurosynth"


def test_names_of_git(tmp_path: Path) -> None:
    """The checksum of repositories is the one that git gives an empty file, and ``hello``."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert checksums.digest(path, "git") == "git:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    path.write_bytes(b"hello\n")
    assert checksums.digest(path, "git") == "git:ce013625030ba8dba906f756967f9e9ca394464a"
    with pytest.raises(UsageError, match="unknown kind of checksum 'md5'"):
        checksums.digest(path, "md5")
