"""Cluster FWE of one sample: time of a Monte Carlo iteration, ours and NiMARE's alternating.

``python benchmarks/cluster_fwe.py PEER_PYTHON [ROUNDS]``
"""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rows import Row, peak_mb, peer_of, tell

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.io import convert_sleuth_to_dataset, nimare_json
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.mkda import KDA, MKDADensity
from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.spaces import data_path

OUR_ITERS, PEER_ITERS = 400, 60


@dataclass
class Times:
    """Seconds an iteration, one of each a round."""

    ours: list[float] = field(default_factory=list)
    ours_two: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


def main() -> None:
    """Alternate rounds of both, each round on one core and ours on two as well."""
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    (pain,) = data_path("examples/pain").glob("*.json")
    enge = convert_sleuth_to_dataset(data_path("selftest") / "enge2021" / "all.txt")
    works = {
        "ALE pain": ("ALE cluster FWE, 21 pain studies (267 foci), an iteration", "30x"),
        "MKDADensity pain": ("MKDADensity cluster FWE, pain, an iteration", "40x"),
        "KDA pain": ("KDA cluster FWE, pain, an iteration", "40x"),
        "ALE enge": ("ALE cluster FWE, Enge 50 experiments (687 foci), an iteration", "25x"),
    }
    makers = {"ALE": ALE, "MKDADensity": MKDADensity, "KDA": KDA}
    datasets = {"pain": Dataset(pain), "enge": enge}
    plans = {}
    for work in works:
        estimator, data = work.split()
        plans[work] = FWECorrector().plan(makers[estimator]().fit(datasets[data]))
        plans[work].run(seed=1, first=0, n_iters=10)
    times = {work: Times() for work in works}
    peak = 0.0
    with tempfile.TemporaryDirectory() as folder:
        sources = {name: Path(folder) / f"{name}.json" for name in datasets}
        for name, path in sources.items():
            path.write_bytes(nimare_json.to_bytes(datasets[name]))
        with peer_of(sys.argv[1], "peer_worker.py", *map(str, sources.values())) as peer:
            for number in range(rounds):
                for work, plan in plans.items():
                    estimator, data = work.split()
                    one = times[work]
                    one.ours.append(seconds_each(plan, threads=1, first=number * OUR_ITERS))
                    one.ours_two.append(seconds_each(plan, threads=2, first=number * OUR_ITERS))
                    seconds, peak = peer.time(sources[data], estimator, PEER_ITERS)
                    one.theirs.append(seconds / PEER_ITERS)
                    last = (one.ours[-1], one.ours_two[-1], one.theirs[-1])
                    shown = " ".join(f"{1e3 * value:.2f}" for value in last)
                    print(f"round {number + 1}, {work}: {shown} ms", flush=True)
    for work, (text, goal) in works.items():
        one = times[work]
        stores, floor = floor_of(plans[work])
        tell(
            Row(
                text,
                *map(statistics.median, (one.ours, one.ours_two, one.theirs)),
                goal,
                floor,
                f"{stores / 1e6:.2f} million stores of eight integers",
                peak_mb(),
                peak,
            )
        )


def seconds_each(plan: ArrayPlan, *, threads: int, first: int) -> float:
    """Seconds an iteration."""
    begin = time.perf_counter()
    plan.run(seed=42, first=first, n_iters=OUR_ITERS, n_threads=threads)
    return (time.perf_counter() - begin) / OUR_ITERS


def floor_of(plan: ArrayPlan, gigahertz: float = 3.0) -> tuple[float, float]:
    """Vectors of eight integers that an iteration stores, and the seconds of one a cycle.

    Each kernel segment is stored in the experiment's plane, in the sum, and wiped, or in the sum
    alone where an experiment has one focus; the mask's rows are cleared. Loads and arithmetic fit
    beside the stores.
    """
    width = int(plan.scalars[0])
    first, last = plan.kernel_plane[:-1], plan.kernel_plane[1:]
    segments = (plan.plane_start[last] - plan.plane_start[first])[plan.experiment_kernel]
    foci = np.diff(plan.experiment_start)
    times = np.where(foci == 1, 1, 3)
    cleared = float((plan.row_stop - plan.row_start).sum()) / 8
    stores = float((segments * foci * times).sum()) * width / 8 + cleared
    return stores, stores / (gigahertz * 1e9)


if __name__ == "__main__":
    main()
