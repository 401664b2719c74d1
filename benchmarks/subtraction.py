"""ALESubtraction of 21 against 16 contrasts: time of a permutation, ours and NiMARE's alternating.

``python benchmarks/subtraction.py PEER_PYTHON [ROUNDS]``. Ours is both passes over the
permutations: counts and pooled null (``fit``), then the maxima (``FWECorrector``). The peer's is
its ``fit``, which leaves the null of the voxel maximum too, but of no cluster.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rows import HERE, Row, peak_mb, peer_of, tell

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.ale_subtraction import ALESubtraction
from nimare_pipeline.numerics.subtraction import SubtractionPlan, count_block
from nimare_pipeline.numerics.subtraction_loop import WIDTH
from nimare_pipeline.spaces import data_path

LAIRD = HERE.parents[1] / "shared" / "data" / "nimare_json" / "neurosynth_laird_studies.json"
OUR_ITERS, PEER_ITERS = 400, 60
N_LAIRD = 16


def main() -> None:
    """Alternate rounds of both, each round on one core and ours on two as well."""
    if not LAIRD.is_file():
        print(f"{LAIRD.name} is not there: no row of ALESubtraction")
        return
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.json"
        path.write_text(json.dumps(both_groups()), encoding="utf-8")
        data = Dataset(path)
        ids = list(data.ids)
        first = [name for name in ids if name.startswith("pain")]
        second = [name for name in ids if not name.startswith("pain")]
        groups = data.slice(first), data.slice(second)
        result = ALESubtraction(n_iters=OUR_ITERS).fit(*groups)
        plan = FWECorrector(n_iters=OUR_ITERS).plan(result)
        assert isinstance(plan, SubtractionPlan)
        plan.run(seed=1, first=0, n_iters=10)
        passes: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
        theirs, peak = [], 0.0
        with peer_of(sys.argv[1], "peer_subtraction.py", str(path)) as peer:
            for number in range(rounds):
                for threads, times in passes.items():
                    times.append(seconds_each(plan, threads=threads, first=number * OUR_ITERS))
                seconds, peak = peer.time(PEER_ITERS)
                theirs.append(seconds / PEER_ITERS)
                shown = [f"{1e3 * one:.3f}" for times in passes.values() for one in times[-1]]
                print(f"round {number + 1}: {' '.join(shown)} {1e3 * theirs[-1]:.1f} ms")
    report(plan, passes, statistics.median(theirs), peak)


def both_groups() -> dict[str, Any]:
    """The example and 16 studies of the Laird set, all with the same sample size.

    Spaces that are not known are called MNI: it is time that is measured.
    """
    (pain,) = data_path("examples/pain").glob("*.json")
    studies = {f"pain{name}": study for name, study in json.loads(pain.read_bytes()).items()}
    laird = json.loads(LAIRD.read_bytes())
    studies |= {name: laird[name] for name in sorted(laird)[:N_LAIRD]}
    for study in studies.values():
        for contrast in study["contrasts"].values():
            contrast["metadata"] = {"sample_sizes": [20]}
            contrast["images"] = {}
            coords = contrast["coords"]
            coords["space"] = "TAL" if coords["space"] == "TAL" else "MNI"
    return studies


def seconds_each(plan: SubtractionPlan, *, threads: int, first: int) -> tuple[float, float]:
    """Seconds a permutation of each pass."""
    times = []
    for work in (
        lambda: count_block(plan, seed=42, first=first, n_iters=OUR_ITERS, n_threads=threads),
        lambda: plan.run(seed=42, first=first, n_iters=OUR_ITERS, n_threads=threads),
    ):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) / OUR_ITERS)
    return times[0], times[1]


def report(
    plan: SubtractionPlan,
    passes: dict[int, list[tuple[float, float]]],
    theirs: float,
    peak: float,
) -> None:
    """Rows of both passes together, and of each."""
    one, two = (np.median(np.array(times), axis=0) for times in passes.values())
    loads, floor = floor_of(plan)
    counted = f"{loads / 1e6:.2f} million loads of eight integers"
    work = f"ALESubtraction 21 vs {N_LAIRD}, a permutation"
    tell(
        Row(
            f"{work}, both passes", float(one.sum()), float(two.sum()), theirs,
            "15x", 2 * floor, f"twice {counted}", peak_mb(), peak,
        )
    )  # fmt: skip
    tell(
        Row(
            f"{work}, counts and pooled null",
            float(one[0]),
            float(two[0]),
            None,
            "",
            floor,
            counted,
        )
    )
    tell(
        Row(f"{work}, maxima and clusters", float(one[1]), float(two[1]), None, "", floor, counted)
    )


def floor_of(plan: SubtractionPlan, gigahertz: float = 3.0) -> tuple[float, float]:
    """Vectors of eight integers that a permutation must load, and the seconds of two a cycle.

    The rows of the smaller group that reach a tile, on the average, and the tile's totals.
    """
    n, k = int(plan.scalars[0]), int(plan.scalars[1])
    n_tiles, n_rows = len(plan.tile_start) - 1, len(plan.experiment)
    loads = (n_rows * k / n + n_tiles) * WIDTH / 8
    return loads, loads / (2 * gigahertz * 1e9)


if __name__ == "__main__":
    main()
