"""One request to a server: patient with what passes, clear about what does not."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from nimare_pipeline import __version__
from nimare_pipeline.errors import DataError, DownloadError, TemporaryDownloadError

if TYPE_CHECKING:
    from requests import Response, Session

AGENT = f"nimare-pipeline/{__version__}"
"""What we say we are."""
_PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""
_CHUNK = 2**16
_MOST_REDIRECTS = 10
_MOST_JSON = 2**28
"""Bytes of an answer that is held in memory."""
_MOST_ROUNDS = 1000
"""Connections for one file, however little each brings."""

_LOGGER = logging.getLogger("nimare_pipeline")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Retries:
    """How patient a download is.

    Parameters
    ----------
    tries : int
        Requests in a row that may fail without a byte gained.
    wait_s : float
        Seconds before the second try; twice as many before each further one. A server that
        names its own time (``Retry-After``) is obeyed.
    longest_wait_s : float
        Longest wait between two tries; a server that wants more ends the download.
    timeout_s : float
        Seconds without an answer, or without a byte, after which a connection counts as cut.
    """

    tries: int = 5
    wait_s: float = 1.0
    longest_wait_s: float = 120.0
    timeout_s: float = 30.0


class Passing(Exception):  # noqa: N818 - not an error yet
    """Something that may pass: a cut connection, a busy server.

    Parameters
    ----------
    reason : str
        What happened, in words.
    after_s : float or None
        Seconds the server wants to be left alone.
    gained : bool
        Whether bytes came before.
    """

    def __init__(self, reason: str, after_s: float | None = None, *, gained: bool = False) -> None:
        super().__init__(reason)
        self.after_s, self.gained = after_s, gained


def persist(attempt: Callable[[], _Result], url: str, retries: Retries) -> _Result:
    """Call ``attempt`` until it succeeds, as patiently as asked.

    Raises
    ------
    TemporaryDownloadError
        If it goes on raising ``Passing``.
    """
    failed = 0
    for _ in range(_MOST_ROUNDS):
        try:
            return attempt()
        except Passing as passing:
            failed = 1 if passing.gained else failed + 1
            if failed >= retries.tries:
                times = "once" if failed == 1 else f"{failed} times"
                msg = f"{url}: {passing}, tried {times}; try again later, it goes on from there"
                raise TemporaryDownloadError(msg) from passing
            _wait(url, passing, failed, retries)
    msg = f"{url}: the connection was cut {_MOST_ROUNDS} times"
    raise TemporaryDownloadError(msg)


def _wait(url: str, passing: Passing, failed: int, retries: Retries) -> None:
    wait_s = min(retries.wait_s * 2.0 ** (failed - 1), retries.longest_wait_s)
    if passing.after_s is not None:
        wait_s = passing.after_s
    if wait_s > retries.longest_wait_s:
        msg = f"{url}: {passing}; the server asks to come back in {wait_s:.0f} s"
        raise TemporaryDownloadError(msg) from passing
    _LOGGER.warning("%s: %s; again in %.3g s", url, passing, wait_s)
    time.sleep(wait_s)


@contextmanager
def answer(
    url: str, retries: Retries, headers: Mapping[str, str] | None = None, *, also: int = 0
) -> Iterator["Response"]:
    """Answer to one request, its body still to be read with :func:`chunks`.

    Parameters
    ----------
    url : str
    retries : Retries
        Of which only the timeout counts here.
    headers : dict, optional
        Further headers.
    also : int
        Status that is no error either.

    Raises
    ------
    Passing
        If another try may succeed.
    DownloadError
        If not.
    """
    import requests

    session = requests.Session()
    session.auth = _no_password
    sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})}
    with session:
        try:
            response = _followed(session, url, sent, retries.timeout_s)
        except requests.exceptions.SSLError as error:
            msg = f"{url}: no safe connection ({_cause(error)})"
            raise DownloadError(msg) from error
        except (requests.ConnectionError, requests.Timeout) as error:
            msg = f"no connection ({_cause(error)})"
            raise Passing(msg) from error
        except (requests.RequestException, ValueError) as error:
            msg = f"{url}: not an address of data: {error}"
            raise DownloadError(msg) from error
        with response:
            _judge(url, response, also)
            yield response


def _followed(
    session: "Session", url: str, headers: Mapping[str, str], timeout_s: float
) -> "Response":
    """Answer at the end of all redirects, whose own bodies are not read.

    Raises
    ------
    DownloadError
        If there is no end, or they lead from a safe connection to one that is not.
    """
    here = url
    for _ in range(_MOST_REDIRECTS):
        response = session.get(
            here, headers=headers, stream=True, timeout=timeout_s, allow_redirects=False
        )
        target = session.get_redirect_target(response)
        if target is None:
            return response
        response.close()
        there = urljoin(here, target)
        if here.startswith("https:") and there.startswith("http:"):
            msg = f"{url}: the server sends to an address without encryption, {there}"
            raise DownloadError(msg)
        here = there
    msg = f"{url}: the server sends from address to address without end"
    raise DownloadError(msg)


def _no_password(request: Any) -> Any:
    """Keep requests from looking for a password in the user's files."""
    return request


def _judge(url: str, response: "Response", also: int) -> None:
    status = response.status_code
    if status in _PASSING:
        msg = f"the server answers {status} {response.reason}".rstrip()
        raise Passing(msg, _retry_after(response.headers.get("Retry-After", "")))
    if status in (200, 206, also):
        return
    said = {404: "there is no such file or record", 410: "it was taken away"}
    msg = f"{url}: {said.get(status, 'the server refuses')} ({status} {response.reason})"
    if response.url != url:
        msg += f", sent on to {response.url}"
    raise DownloadError(msg)


def _retry_after(text: str) -> float | None:
    """Seconds of a ``Retry-After``, which is a number or a date."""
    if text.strip().isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def chunks(response: "Response") -> Iterator[bytes]:
    """Bytes of a body as they come, undecoded.

    Raises
    ------
    Passing
        If the connection is cut.
    """
    import urllib3

    while True:
        try:
            chunk = response.raw.read(_CHUNK, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            cause = "" if "IncompleteRead" in str(error) else f" ({_cause(error)})"
            msg = f"the connection was cut{cause}"
            raise Passing(msg) from error
        if not chunk:
            return
        yield chunk


def _cause(error: BaseException) -> str:
    """What is at the bottom of an error of requests, in a few words."""
    while True:
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if not isinstance(inner, BaseException) or inner is error:
            break
        error = inner
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def get_json(url: str, retries: Retries) -> Any:
    """Answer that is JSON.

    Raises
    ------
    DownloadError, TemporaryDownloadError
        If there is none.
    DataError
        If it is not JSON.
    """
    return parse(persist(lambda: _body(url, retries), url, retries), url)


def parse(body: bytes, name: str) -> Any:
    """Content of JSON.

    Raises
    ------
    DataError
        If it is something else.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        page = body.lstrip()[:1] == b"<"
        what = "a web page, not data; does a login page stand between?" if page else f"{error}"
        msg = f"{name}: the answer is not JSON: {what}"
        raise DataError(msg) from error


def _body(url: str, retries: Retries) -> bytes:
    body = bytearray()
    with answer(url, retries) as response:
        for chunk in chunks(response):
            body += chunk
            if len(body) > _MOST_JSON:
                msg = f"{url}: the answer is over {_MOST_JSON >> 20} MB"
                raise DataError(msg)
    return bytes(body)


def content_length(response: "Response") -> int | None:
    """Bytes of the body as the server says."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None
