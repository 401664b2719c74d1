"""The whole command line run on Neurosynth: MKDAChi2 of a topic against the rest, to the report.

``python benchmarks/neurosynth_run.py PEER_PYTHON [ROUNDS]``. The peer has no such run. Every run is
a process of its own, so that its peak of memory is its own; compiled code is there before.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rows import HERE, Row, tell

NEUROSYNTH = HERE.parents[1] / "shared" / "data" / "neurosynth"
GROUP = 'action=label("19_action_actions_observation") > 0.05'
N_ITERS = 200

_RUN = """
import json, sys, time
from pathlib import Path
begin = time.perf_counter()
from nimare_pipeline.cli.main import main
code = main(sys.argv[1:])
text = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line) / 1024
print(json.dumps([code, time.perf_counter() - begin, peak]))
"""


def timed(threads: int) -> tuple[float, float]:
    """Seconds and peak (MB) of a run."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            NEUROSYNTH, Path(folder) / "out", "meta", "--group", GROUP, "--estimator", "MKDAChi2",
            "--n-iters", N_ITERS, "--nprocs", threads, "-q",
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _RUN, *map(str, words)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    code, seconds, peak = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise RuntimeError(done.stderr)
    return seconds, peak


def main() -> None:
    """One thread and two, alternating."""
    if not NEUROSYNTH.is_dir():
        print(f"{NEUROSYNTH.name} is not there: no row of a run on it")
        return
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    runs: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for number in range(rounds):
        for threads, done in runs.items():
            done.append(timed(threads))
        print(f"round {number + 1}: {[done[-1] for done in runs.values()]}", flush=True)
    one, two = (statistics.median(seconds for seconds, _ in done) for done in runs.values())
    peak = max(peak for done in runs.values() for _, peak in done)
    work = f"Whole command line run on Neurosynth, MKDAChi2 with {N_ITERS} permutations, report"
    tell(Row(work, one, two, None, "under 1 GB", None, "", peak, None))


if __name__ == "__main__":
    main()
