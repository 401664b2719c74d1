"""How tests call the program and look at what it leaves."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "nimare_pipeline" / "data" / "examples" / "pain"
FEW = ("--n-iters", "20")
"""So few iterations that a run is quick; nothing is inferred from them here."""
TWO_BLOCKS = ("--n-iters", "1000")
"""Enough iterations for a run to be interrupted after the first stored block."""


@dataclass(frozen=True)
class Ended:
    """What a call of the program left."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The last line on stdout."""
        return self.out.splitlines()[-1] if self.out else ""


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "nimare_pipeline", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """Environment in which this checkout is what runs."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def call(*words: object, **more: str) -> Ended:
    """Call the program and wait for it."""
    ended = subprocess.run(
        command(*words),
        capture_output=True, text=True, check=False, env=environment(**more),
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def call_inside(*words: object) -> Ended:
    """Call the program in this process, for fixtures of a module: nothing is imported again."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return Ended(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def undrawn(*, but_peaks: bool = False) -> Iterator[None]:
    """No figures, within this process: they take most of a run, and few tests look at them.

    Those of single peaks of images are left out, too, unless a test looks at them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nimare_pipeline.reports.figures.DRAWINGS", {})
        patch.setattr("nimare_pipeline.reports.image_figures.DRAWINGS", {})
        patch.setattr("nimare_pipeline.reports.image_figures.MAX_TERMS", 0)
        patch.setattr("nimare_pipeline.reports.paper.VIEWS", ())
        if not but_peaks:
            patch.setattr("nimare_pipeline.reports.forest.MOST_PEAKS", 0)
        yield


def interrupt(number: signal.Signals, out: Path, *words: object, after: str = "") -> Ended:
    """Call the program, wait until a file that matches ``after`` is in OUT, send it a signal."""
    process = subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not any(out.glob(after)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    return Ended(process.returncode, stdout, stderr)


def status_of(out: Path) -> dict[str, object]:
    """status.json of the latest run."""
    path = max(out.glob("logs/*/status.json"))
    return json.loads(path.read_text())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder of results that does not speak of the run itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0].startswith("tpl-")
    }
