"""Run every benchmark and write ``benchmarks/RESULTS.md``: ``make_results.py PEER_PYTHON``."""

import datetime as dt
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from rows import HERE, Row, rows_of

from nimare_pipeline.spaces import data_path

SCRIPTS = (
    "cluster_fwe.py",
    "subtraction.py",
    "chi2.py",
    "neurosynth_read.py",
    "neurosynth_run.py",
    "tfce.py",
    "sign_flips.py",
    "effects.py",
    "images.py",
)


def main() -> None:
    """Run the scripts one after the other, each with its own peer beside it."""
    rows = [row for script in SCRIPTS for row in rows_of(script, sys.argv[1])]
    write(rows, whole_job_s())


def whole_job_s(runs: int = 3) -> float:
    """Median wall time of the command line on the example, start to report, compiled before."""
    seconds = []
    example = str(data_path("examples/pain"))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            out = str(Path(folder) / str(number))
            command = [sys.executable, "-m", "nimare_pipeline", example, out, "meta", "-q"]
            begin = time.perf_counter()
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def write(rows: list[Row], job: float) -> None:
    """Write the record."""
    lines = "\n".join(line(row) for row in rows)
    floors = "\n".join(
        f"- {row.work}: {row.floor_is}, {duration(row.floor)}; ours takes "
        f"{row.ours / row.floor:.1f} times that."
        for row in rows
        if row.floor
    )
    (HERE / "RESULTS.md").write_text(
        f"""# Benchmarks

Ours and the peer's, alternating in one run on the same data, medians; {dt.date.today().isoformat()},
made by `make bench`. Machine: {cpu()}, {os.cpu_count()} cores; Python
{platform.python_version()}, numpy {version("numpy")}, numba {version("numba")}; peer NiMARE 0.22.1 in an environment of its
own, one core; nilearn's `permuted_ols` of flips of 21 images, and PyMARE, which NiMARE calls, of
random effects that are not read from files. Ratios of medians are what to quote: the machine is
shared. Memory is the peak of the process that did the work of a row's script.

| work | ours, 1 core | ours, 2 cores | peer, 1 core | ratio 1:1 | goal | two cores give | memory, ours / peer |
|---|---|---|---|---|---|---|---|
{lines}

The whole job for ALE on the example (command line, 10,000 iterations, figures, derivatives, report,
two cores, compiled before): {job:.0f} s.

## Floors

Counted operations at one a cycle and 3 GHz, or counted bytes at the speed that is named:

{floors}

Predictions and what came of them are in `NOTES.md`.
""",
        encoding="utf-8",
    )


def line(row: Row) -> str:
    """Line of the table."""
    two = row.ours / row.ours_two if row.ours_two else None
    cells = (
        row.work,
        duration(row.ours),
        duration(row.ours_two),
        duration(row.peer),
        f"{row.peer / row.ours:.1f}x" if row.peer else "-",
        row.goal,
        f"{two:.2f}x" if two else "-",
        " / ".join(f"{mb:.0f} MB" if mb else "-" for mb in (row.ours_mb, row.peer_mb)),
    )
    return f"| {' | '.join(cells)} |"


def duration(seconds: float | None) -> str:
    """Time in the unit it is read in."""
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{1e3 * seconds:.2f} ms"
    if seconds < 1:
        return f"{1e3 * seconds:.3g} ms"
    return f"{seconds:.3g} s"


def cpu() -> str:
    """Name of the processor."""
    return next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )


if __name__ == "__main__":
    main()
