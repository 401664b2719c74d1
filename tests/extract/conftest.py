"""A server, and the patience to try it with."""

from collections.abc import Iterator

import pytest

from nimare_pipeline.extract import Retries
from tests.extract.server import Server, serving

QUICK = Retries(tries=3, wait_s=0.001, longest_wait_s=2.0, timeout_s=5.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is on this machine, whatever stands between it and others."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running
