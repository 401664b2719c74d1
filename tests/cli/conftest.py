"""The command line as a user calls it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import main
from tests.cli.program import EXAMPLE, TWO_BLOCKS, Ended, call, undrawn


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Call the program in this process: no second start, for what ends before any computing."""

    def call_here(*words: object) -> Ended:
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call_here


@pytest.fixture(name="undrawn")
def _undrawn() -> Iterator[None]:
    """No figures in runs within this process."""
    with undrawn():
        yield


@pytest.fixture(scope="session")
def example_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """One run on the shipped example, for all tests that only look at what it left."""
    out = tmp_path_factory.mktemp("example") / "out"
    return out, call(EXAMPLE, out, "meta", *TWO_BLOCKS)
