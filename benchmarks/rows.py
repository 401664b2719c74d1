"""What the benchmarks share: rows of the record, and a peer that works in another process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
_MARK = "ROW "


@dataclass(frozen=True)
class Row:
    """One line of the record; times in seconds, memory in MB, None where there is none.

    Parameters
    ----------
    work : str
        What was done.
    ours, ours_two : float
        Median with one thread and with two.
    peer : float
        Median of the peer, one core.
    goal : str
        What was aimed at.
    floor : float
        Time that the counted floor takes, and ``floor_is`` what was counted.
    ours_mb, peer_mb : float
        Peak memory of the process.
    """

    work: str
    ours: float
    ours_two: float | None = None
    peer: float | None = None
    goal: str = ""
    floor: float | None = None
    floor_is: str = ""
    ours_mb: float | None = None
    peer_mb: float | None = None


def peak_mb() -> float:
    """Peak memory of this process; ``ru_maxrss`` would count what the parent had before it."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def tell(row: Row) -> None:
    """Print a row for ``make_results.py``."""
    print(_MARK + json.dumps(asdict(row)), flush=True)


def rows_of(script: str, *words: str) -> list[Row]:
    """Run a benchmark and gather its rows; what else it prints passes through."""
    rows = []
    command = [sys.executable, str(HERE / script), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(_MARK):
                rows.append(Row(**json.loads(line.removeprefix(_MARK))))
            else:
                print(line, end="", flush=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return rows


class Peer:
    """The peer in its own process: a line of words in, seconds and peak memory (MB) out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._wait_for("ready")

    def time(self, *words: object) -> tuple[float, float]:
        """Let it do something; its answer begins with TIMED."""
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)
        _, seconds, peak = self._wait_for("TIMED").split()
        return float(seconds), float(peak)

    def _wait_for(self, word: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(word):
                return line
        msg = "the peer's process ended"
        raise RuntimeError(msg)


@contextmanager
def peer_of(python: str, worker: str, *words: str) -> Iterator[Peer]:
    """Start a worker with the peer's Python."""
    with subprocess.Popen(
        [python, str(HERE / worker), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        yield Peer(process)
        process.stdin.close()
