"""Threshold-free cluster enhancement of the pain example: time of an iteration. No peer has it.

``python benchmarks/tfce.py PEER_PYTHON [ROUNDS]``; the peer is not asked.
"""

import statistics
import sys
import time

import numpy as np
from rows import Row, peak_mb, tell

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.forming import null_of
from nimare_pipeline.results import MetaResult
from nimare_pipeline.spaces import data_path

N_ITERS = 100
GIGAHERTZ = 3.0
OPERATIONS = 13
"""A voxel: three passes of a counting sort, six neighbours looked at, one join of four steps."""


def main() -> None:
    """Alternate rounds on one core and on two."""
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    (path,) = data_path("examples/pain").glob("*.json")
    result = ALE().fit(Dataset(path))
    plan = FWECorrector(n_iters=N_ITERS, tfce=True).plan(result)
    plan.run(seed=1, first=0, n_iters=2)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for threads, times in seconds.items():
            begin = time.perf_counter()
            plan.run(seed=42, first=number * N_ITERS, n_iters=N_ITERS, n_threads=threads)
            times.append((time.perf_counter() - begin) / N_ITERS)
        print(f"round {number + 1}: {' '.join(f'{1e3 * t[-1]:.2f}' for t in seconds.values())} ms")
    voxels = enhanced_voxels(result)
    operations = OPERATIONS * voxels
    tell(
        Row(
            "TFCE of ALE, 21 pain studies, an iteration",
            statistics.median(seconds[1]), statistics.median(seconds[2]), None, "",
            operations / (GIGAHERTZ * 1e9),
            f"{operations / 1e6:.1f} million operations on {voxels / 1e3:.0f} thousand voxels",
            peak_mb(), None,
        )
    )  # fmt: skip


def enhanced_voxels(result: MetaResult) -> float:
    """Voxels of the mask whose z is above 0, on the average of the null."""
    p = np.exp(null_of(result).logsf)
    return float(p[p < 0.5][0] * result.mask.n_voxels)


if __name__ == "__main__":
    main()
