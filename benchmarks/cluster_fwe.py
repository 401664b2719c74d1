"""Cluster FWE: time of a Monte Carlo iteration, ours and NiMARE's alternating in one run.

``python benchmarks/cluster_fwe.py PEER_PYTHON [ROUNDS]`` writes ``benchmarks/RESULTS.md``.
"""

import datetime as dt
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.mkda import KDA, MKDADensity
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan, run_block
from nimare_pipeline.spaces import data_path

HERE = Path(__file__).parent
OUR_ITERS, PEER_ITERS = 400, 60
ESTIMATORS: dict[str, Callable[[], Any]] = {"ALE": ALE, "MKDADensity": MKDADensity, "KDA": KDA}


@dataclass
class Times:
    """Milliseconds an iteration, one of each a round."""

    ours: list[float] = field(default_factory=list)
    ours_two: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


def main() -> None:
    """Alternate the two for some rounds and write the table."""
    peer_python = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    (example,) = data_path("examples/pain").glob("*.json")
    dataset = Dataset(example)
    plans = {name: FWECorrector().plan(make().fit(dataset)) for name, make in ESTIMATORS.items()}
    for plan in plans.values():
        run_block(plan, seed=1, first=0, n_iters=10)
    times = {name: Times() for name in plans}
    peak = 0.0
    command = [peer_python, str(HERE / "peer_worker.py"), str(example)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as peer:
        wait_for(peer, "ready")
        assert peer.stdin is not None
        for number in range(rounds):
            for name, plan in plans.items():
                one = times[name]
                one.ours.append(ours_ms(plan, threads=1, first=number * OUR_ITERS))
                one.ours_two.append(ours_ms(plan, threads=2, first=number * OUR_ITERS))
                print(name, PEER_ITERS, file=peer.stdin, flush=True)
                _, seconds, peak_text = wait_for(peer, "TIMED").split()
                one.theirs.append(1e3 * float(seconds) / PEER_ITERS)
                peak = float(peak_text)
                last = (one.ours[-1], one.ours_two[-1], one.theirs[-1])
                print(f"round {number + 1}, {name}: " + " ".join(f"{ms:.2f}" for ms in last))
        peer.stdin.close()
    write(plans, times, peak, whole_job_s(example))


def ours_ms(plan: MonteCarloPlan, *, threads: int, first: int) -> float:
    """Milliseconds an iteration."""
    begin = time.perf_counter()
    run_block(plan, seed=42, first=first, n_iters=OUR_ITERS, n_threads=threads)
    return 1e3 * (time.perf_counter() - begin) / OUR_ITERS


def wait_for(peer: subprocess.Popen, word: str) -> str:  # type: ignore[type-arg]
    """Next line of the peer that begins with a word."""
    assert peer.stdout is not None
    for line in peer.stdout:
        if line.startswith(word):
            return line
    msg = "the peer's process ended"
    raise RuntimeError(msg)


def whole_job_s(example: Path, runs: int = 3) -> float:
    """Median wall time of the command line on the example, start to report, compiled before."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            out = str(Path(folder) / str(number))
            command = [sys.executable, "-m", "nimare_pipeline", str(example), out, "meta", "-q"]
            begin = time.perf_counter()
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def floor_ms(plan: MonteCarloPlan, gigahertz: float = 3.0) -> tuple[float, float]:
    """Vectors of eight integers that an iteration stores (millions), and the time of one a cycle.

    Each kernel segment is stored in the experiment's plane, in the sum, and wiped, or in the sum
    alone where an experiment has one focus; the mask's rows are copied from the template. Loads
    and arithmetic fit beside the stores.
    """
    width = int(plan.scalars[0])
    first, last = plan.kernel_plane[:-1], plan.kernel_plane[1:]
    segments = (plan.plane_start[last] - plan.plane_start[first])[plan.experiment_kernel]
    foci = np.diff(plan.experiment_start)
    times = np.where(foci == 1, 1, 3)
    stores = float((segments * foci * times).sum()) * width / 8 + float(plan.row_length.sum()) / 8
    return stores / 1e6, stores / (gigahertz * 1e9) * 1e3


def row(name: str, plan: MonteCarloPlan, times: Times) -> str:
    """Line of the table."""
    one, two, peer = map(statistics.median, (times.ours, times.ours_two, times.theirs))
    stores, floor = floor_ms(plan)
    cells = (
        f"{name} cluster FWE, 21 pain studies (267 foci), an iteration",
        f"{one:.2f} ms", f"{two:.2f} ms", f"{peer:.1f} ms", f"{peer / one:.1f}x",
        f"{one / two:.2f}x", f"{stores:.2f}", f"{floor:.2f} ms", f"{one / floor:.1f}x",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def write(
    plans: dict[str, MonteCarloPlan], times: dict[str, Times], peer_peak: float, job: float
) -> None:
    """The record."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    rows = "\n".join(row(name, plan, times[name]) for name, plan in plans.items())
    (HERE / "RESULTS.md").write_text(
        f"""# Benchmarks

Medians of {len(times["ALE"].ours)} alternating rounds in one run ({OUR_ITERS} of our iterations, {PEER_ITERS} of
the peer's a round), {dt.date.today().isoformat()}; made by `make bench`.
Machine: {cpu}, {os.cpu_count()} cores; Python {platform.python_version()}, numpy
{version("numpy")}, numba {version("numba")}; peer NiMARE 0.22.1 in an environment of its own, one
core. Ratios of medians are what to quote: the machine is shared.

| work | ours, 1 core | ours, 2 cores | NiMARE, 1 core | ratio 1:1 | two cores give | stores, millions | floor | ours to floor |
|---|---|---|---|---|---|---|---|---|
{rows}

Peak memory: ours {peak:.0f} MB (with the dataset, the nulls and the plans), NiMARE {peer_peak:.0f} MB.

The whole job for ALE on this example (command line, 10,000 iterations, figures, derivatives,
report, two cores, compiled before): {job:.0f} s.

Floor: the vectors of eight integers that an iteration must store, one a cycle at 3 GHz. What is
above it for ALE is mostly placing kernels, of which the larger value is kept within an experiment;
for MKDA and KDA, whose spheres are small, clearing and scanning the volume, and drawing the foci.
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
