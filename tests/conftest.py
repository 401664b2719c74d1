"""Fixtures that several floors share."""

import os
from pathlib import Path

import pytest

# As the program does, before NumPy is there: workers with two threads each get in their way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the checkout; tests that need it say so when it is not there."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("REAL DATA NOT FOUND beside the checkout: this oracle was not run")
    return folder
