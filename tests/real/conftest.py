"""Everything in this folder needs a real tool: ``make test-real`` runs it."""

from pathlib import Path

import pytest

from tests.cli.program import EXAMPLE, call

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder ``real``."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a run on the shipped example, with more than a token null."""
    out = tmp_path_factory.mktemp("real") / "out"
    ended = call(EXAMPLE, out, "meta", "--n-iters", "500")
    assert ended.code == 0, ended.err
    return out
