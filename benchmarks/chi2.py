"""MKDAChi2, two groups of a few studies and a topic of Neurosynth: ours and NiMARE's alternating.

``python benchmarks/chi2.py PEER_PYTHON [ROUNDS]``. Each of the two sizes runs in a process of its
own, so that their peaks of memory are their own.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rows import HERE, Row, peak_mb, peer_of, tell
from scipy import sparse
from subtraction import LAIRD, N_LAIRD, both_groups

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.mkda_chi2 import MKDAChi2
from nimare_pipeline.numerics.chi2 import LabelPlan
from nimare_pipeline.spaces import template_mask
from nimare_pipeline.store import Store
from nimare_pipeline.tables import Tables

NEUROSYNTH = HERE.parents[1] / "shared" / "data" / "neurosynth"
TOPIC, ABOVE = 19, 0.05
"""971 of the 14,371 studies load so high on this topic of fifty."""
N_HALF = 7185
Group = tuple[Dataset, Dataset]


def main() -> None:
    """Run one size, or each in a process of its own."""
    words = sys.argv[1:]
    if words[-1] == "small":
        small(words[0], int(words[1]))
    elif words[-1] == "large":
        large(words[0], int(words[1]))
    else:
        for size, needed in (("small", LAIRD), ("large", NEUROSYNTH)):
            if not needed.exists():
                print(f"{needed.name} is not there: no row of MKDAChi2 of it")
                continue
            rounds = words[1] if len(words) > 1 else {"small": "5", "large": "3"}[size]
            subprocess.run([sys.executable, __file__, words[0], rounds, size], check=True)


def small(python: str, rounds: int, n_iters: int = 2000, peer_iters: int = 4) -> None:
    """21 pain studies and 16 of the Laird set."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.json"
        path.write_text(json.dumps(both_groups()), encoding="utf-8")
        data = Dataset(path)
        is_pain = np.array([name.startswith("pain") for name in data.ids])
        result = MKDAChi2().fit(data.slice(data.ids[is_pain]), data.slice(data.ids[~is_pain]))
        plan = FWECorrector(n_iters=n_iters).plan(result)
        with peer_of(python, "peer_chi2.py", str(path)) as peer:
            theirs, ours = [], []
            for number in range(rounds):
                ours.append(permutations(plan, n_iters, number))
                seconds, peak = peer.time("fwe", peer_iters)
                theirs.append(seconds / peer_iters)
                print(f"round {number + 1}: {shown(ours[-1])} {1e3 * theirs[-1]:.0f} ms")
    tell_permutation(f"21 vs {N_LAIRD}", plan, ours, theirs, "under 0.5 ms", peak)


def large(python: str, rounds: int, n_iters: int = 60, peer_iters: int = 2) -> None:
    """A topic of Neurosynth against the rest, and two halves of it."""
    data = neurosynth()
    is_topic = topic()
    groups = data.slice(data.ids[is_topic]), data.slice(data.ids[~is_topic])
    n = int(is_topic.sum())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "neurosynth.json"
        write_for_peer(data, is_topic, path)
        store = Store(Path(folder) / "store")
        begin = time.perf_counter()
        result = MKDAChi2().fit(*groups, store=store)
        print(f"first fit, which makes the runs: {time.perf_counter() - begin:.2f} s")
        plan = FWECorrector(n_iters=n_iters).plan(result)
        mine = peak_mb()
        with peer_of(python, "peer_chi2.py", str(path)) as peer:
            fits, their_fits, ours, theirs = [], [], [], []
            for number in range(rounds):
                fits.append(best_of_fits(groups, store))
                their_fits.append(peer.time("fit", 1)[0])
                ours.append(permutations(plan, n_iters, number))
                seconds, peak = peer.time("fwe", peer_iters)
                theirs.append(seconds / peer_iters)
                print(
                    f"round {number + 1}: fit {fits[-1]:.2f} {their_fits[-1]:.1f} s; "
                    f"permutation {shown(ours[-1])} {1e3 * theirs[-1]:.0f} ms",
                    flush=True,
                )
    fit, their_fit = statistics.median(fits), statistics.median(their_fits)
    work = f"MKDAChi2 fit, {n} Neurosynth studies against the rest, runs in the store"
    tell(Row(work, fit, None, their_fit, "20x", *floor_of_fit(plan), mine, peak))
    tell_permutation(f"{n} of {len(is_topic)}", plan, ours, theirs, "under 15 ms, 1 GB", peak)
    halves = np.arange(len(data.ids)) < N_HALF
    result = MKDAChi2().fit(data.slice(data.ids[halves]), data.slice(data.ids[~halves]))
    plan = FWECorrector(n_iters=n_iters).plan(result)
    ours = [permutations(plan, n_iters, number) for number in range(rounds)]
    tell_permutation(f"{N_HALF} of {len(is_topic)}", plan, ours, [], "under 60 ms", None)


def best_of_fits(groups: Group, store: Store) -> float:
    """Seconds of the middle one of three fits."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        MKDAChi2().fit(*groups, store=store)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def permutations(plan: Any, n_iters: int, number: int) -> tuple[float, float]:
    """Seconds a permutation with one thread and with two."""
    times = []
    for threads in (1, 2):
        begin = time.perf_counter()
        plan.run(seed=42, first=number * n_iters, n_iters=n_iters, n_threads=threads)
        times.append((time.perf_counter() - begin) / n_iters)
    return times[0], times[1]


def shown(times: tuple[float, float]) -> str:
    """Milliseconds of both."""
    return " ".join(f"{1e3 * one:.3f}" for one in times)


def tell_permutation(
    groups: str,
    plan: Any,
    ours: list[tuple[float, float]],
    theirs: list[float],
    goal: str,
    peak: float | None,
) -> None:
    """Row of a permutation with its maxima and clusters."""
    one, two = np.median(np.array(ours), axis=0)
    tell(
        Row(
            f"MKDAChi2 FWE, {groups}, a permutation", float(one), float(two),
            statistics.median(theirs) if theirs else None, goal, *floor_of(plan),
            peak_mb(), peak,
        )
    )  # fmt: skip


def floor_of(plan: LabelPlan, gigahertz: float = 3.0) -> tuple[float, str]:
    """Steps at run ends, one a cycle, and a running sum over voxels, one a cycle."""
    n, k = int(plan.scalars[0]), int(plan.scalars[1])
    steps, voxels = 2 * len(plan.run_start) * k / n, len(plan.place)
    counted = (
        f"{steps / 1e6:.2f} million run ends and a sum over {voxels / 1e6:.2f} million voxels"
    )
    return (steps + voxels) / (gigahertz * 1e9), counted


def floor_of_fit(plan: LabelPlan, gigabytes: float = 1.0) -> tuple[float, str]:
    """Bytes that are read from the store and proved, at the speed of SHA-256."""
    n_bytes = plan.run_start.nbytes + plan.run_stop.nbytes
    return n_bytes / (gigabytes * 1e9), f"{n_bytes / 1e6:.0f} MB of runs at 1 GB/s (SHA-256)"


def neurosynth() -> Dataset:
    """All studies, one contrast each, called MNI whatever they are: it is time that is measured."""
    foci = pd.read_csv(found("coordinates.tsv.gz"), sep="\t", usecols=["id", "x", "y", "z"])
    studies = pd.read_csv(found("metadata.tsv.gz"), sep="\t", usecols=["id"])
    ids = named(studies["id"])
    coordinates = named(foci["id"]).assign(
        **{axis: foci[axis].astype(float) for axis in "xyz"}, space="MNI", original_space="MNI"
    )
    metadata = ids.assign(original_space="MNI", space_transform=None, sample_sizes=None)
    tables = Tables(coordinates, metadata, ids, ids, ids)
    return Dataset.from_tables(tables, template_mask(), "mni152_2mm")


def named(numbers: pd.Series) -> pd.DataFrame:
    """Columns of ids."""
    study = numbers.astype(str).astype(object)
    contrast = pd.Series(["1"] * len(study), dtype=object)
    return pd.DataFrame({"id": study + "-1", "study_id": study, "contrast_id": contrast})


def topic() -> np.ndarray:
    """Which studies are about the topic."""
    weights = sparse.load_npz(found("LDA50_source-abstract_type-weight_features.npz"))
    return np.asarray(weights.toarray()[:, TOPIC] > ABOVE)


def found(end: str) -> Path:
    """The one file with that end."""
    (path,) = NEUROSYNTH.glob(f"*version-7_*{end}")
    return path


def write_for_peer(data: Dataset, is_topic: np.ndarray, path: Path) -> None:
    """Write the same studies in the peer's format, those of the topic called pain."""

    def studies() -> Iterator[tuple[str, dict[str, Any]]]:
        foci = dict(iter(data.coordinates.groupby("id")[["x", "y", "z"]]))
        for name, mine in zip(data.ids, is_topic, strict=True):
            coords = {axis: foci[name][axis].tolist() for axis in "xyz"}
            contrast = {"coords": {"space": "MNI", **coords}, "metadata": {"sample_sizes": [20]}}
            yield f"{'pain' if mine else 'rest'}{name}", {"contrasts": {"1": contrast}}

    path.write_text(json.dumps(dict(studies())), encoding="utf-8")


if __name__ == "__main__":
    main()
