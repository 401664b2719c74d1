"""A server on this machine that answers as it is told, also as servers should not."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATE = formatdate(1_600_000_000, usegmt=True)


@dataclass
class Page:
    """What lies at an address.

    Parameters
    ----------
    body : bytes
    status : int
        Of the answer, if it is no file.
    headers : dict
        Further headers.
    trouble : list
        What goes wrong, one for each request from the first: a status, or ``cut N`` (the
        connection ends after N bytes of what was asked for).
    ranges : bool
        Whether parts can be asked for.
    tag : str
        ETag.
    length : bool
        Whether the length is told.
    wrong_range : str
        Content-Range that is told in place of the true one.
    at_most : int
        Bytes of one part, however many were asked for.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    trouble: list[int | str] = field(default_factory=list)
    ranges: bool = True
    tag: str = '"v1"'
    length: bool = True
    wrong_range: str = ""
    at_most: int = 2**30


class Server:
    """Pages by path and query, and every request that came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.default = Page(status=404)
        """At every other address."""
        self.on_request: Callable[[str], None] = lambda _path: None

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    @property
    def ranges(self) -> list[str]:
        """Parts that were asked for."""
        return [headers.get("Range", "") for _, headers in self.requests]


class _Web(ThreadingHTTPServer):
    daemon_threads = True
    ours: Server

    def handle_error(self, *_words: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Web

    def do_GET(self) -> None:
        ours = self.server.ours
        ours.requests.append((self.path, dict(self.headers)))
        ours.on_request(self.path)
        page = ours.pages.get(self.path, ours.default)
        trouble = page.trouble.pop(0) if page.trouble else ""
        if isinstance(trouble, int):
            page = Page(b"busy", trouble, page.headers)
        self._answer(page, str(trouble))
        if isinstance(trouble, str) and trouble:
            self.close_connection = True
            self.connection.shutdown(2)

    def _answer(self, page: Page, trouble: str) -> None:
        status, body, headers = page.status, page.body, dict(page.headers)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", page.tag) == page.tag
        if status == 200 and asked and page.ranges and same:
            start, whole = int(asked[1]), len(body)
            status, body = (206, body[start:][: page.at_most]) if start < whole else (416, b"")
            told = f"bytes {start}-{start + len(body) - 1}/{whole}" if body else f"bytes */{whole}"
            headers["Content-Range"] = page.wrong_range or told
        if page.tag and status in (200, 206):
            headers["ETag"] = page.tag
        if page.length:
            headers.setdefault("Content-Length", str(len(body)))
        else:
            headers["Connection"] = "close"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        cut = re.fullmatch(r"cut (\d+)", trouble)
        self.wfile.write(body[: int(cut[1])] if cut else body)
        self.wfile.flush()

    def log_message(self, *_words: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server on a free port of the loopback device."""
    with _Web(("127.0.0.1", 0), _Handler) as web:
        web.ours = Server(f"http://127.0.0.1:{web.server_address[1]}")
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield web.ours
        finally:
            web.shutdown()
            thread.join()
