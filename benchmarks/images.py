"""Image-based estimators from files to maps: ours and NiMARE's on the same images, alternating.

``python benchmarks/images.py PEER_PYTHON [ROUNDS] [N_STUDIES]``. Each fit reads its images. The
peer flips signs fewer times, and what it takes for one is multiplied; ``sign_flips.py`` compares
the loops themselves with nilearn's. A last row is 200 studies, ours alone, for time and memory.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import Row, peak_mb, peer_of, tell

from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.generate import create_image_dataset
from nimare_pipeline.registry import get_estimator
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component
from nimare_pipeline.spaces import template_mask

KINDS = ("beta", "varcope", "z")
FITS = {
    "DerSimonianLaird": ({}, "DerSimonian-Laird"),
    "VarianceBasedLikelihood": ({"method": "reml"}, "REML"),
}
N_FLIPS = 10_000
PEER_FLIPS = (10, 310)
MANY = 200


def main() -> None:
    """Time fits from files, then flips with clusters; and 200 studies by themselves."""
    if sys.argv[-1] == "many":
        many_studies()
        return
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    n_studies = int(sys.argv[3]) if len(sys.argv) > 3 else 21
    with tempfile.TemporaryDirectory() as folder:
        dataset, _ = create_image_dataset(folder, n_studies=n_studies, kinds=KINDS)
        mask = template_mask()
        mask.as_image().to_filename(Path(folder) / "mask.nii.gz")
        with peer_of(sys.argv[1], "peer_images.py", folder, str(n_studies)) as peer:
            for name, (args, words) in FITS.items():
                one, two, theirs, peak = [], [], [], 0.0
                for number in range(rounds + 1):
                    times = [fit(name, args, dataset, threads)[0] for threads in (1, 2)]
                    seconds, peak = peer.time(name, 0)
                    print(f"{words}, round {number}: {times[0]:.2f} s, {seconds:.2f} s")
                    if number:  # compiled, and files in memory
                        one.append(times[0])
                        two.append(times[1])
                        theirs.append(seconds)
                work = f"{words}, from files of {n_studies} studies to maps"
                tell(row(work, one, two, theirs, peak, "3x"))
            flipped(dataset, peer, rounds)
    subprocess.run([sys.executable, __file__, "-", "many"], check=True)


def flipped(dataset: Dataset, peer: Any, rounds: int) -> None:
    """10,000 flips with voxels and clusters; the peer's from the difference of two short runs."""
    one, two, theirs, peak = [], [], [], 0.0
    _, result = fit("PermutedOLS", {"image": "z"}, dataset, 2)
    correct(result, 10, 2)
    for _ in range(rounds):
        one.append(correct(result, N_FLIPS, 1))
        two.append(correct(result, N_FLIPS, 2))
        (few, _), (more, peak) = (peer.time("PermutedOLS", n) for n in PEER_FLIPS)
        theirs.append((more - few) / (PEER_FLIPS[1] - PEER_FLIPS[0]) * N_FLIPS)
        print(f"PermutedOLS: {one[-1]:.1f} s, {theirs[-1]:.0f} s")
    work = f"PermutedOLS, {N_FLIPS:,} flips of {len(dataset.ids)} studies (peer: scaled)"
    tell(row(work, one, two, theirs, peak, ""))


def fit(
    name: str, args: dict[str, Any], dataset: Dataset, threads: int
) -> tuple[float, MetaResult]:
    """Seconds of reading and fitting, and the result."""
    estimator = get_estimator(Component(name, {**args, "n_cores": threads}))
    begin = time.perf_counter()
    result = estimator.fit(dataset)
    return time.perf_counter() - begin, result


def correct(result: MetaResult, n_iters: int, threads: int) -> float:
    """Seconds of a correction."""
    begin = time.perf_counter()
    FWECorrector(n_iters=n_iters, n_cores=threads).transform(result)
    return time.perf_counter() - begin


def row(
    work: str, one: list[float], two: list[float], peer: list[float], peer_mb: float, goal: str
) -> Row:
    """Medians."""
    ours, both, theirs = (statistics.median(times) for times in (one, two, peer))
    return Row(work, ours, both, theirs, goal, None, "", peak_mb(), peer_mb)


def many_studies() -> None:
    """200 studies, effects and variances, in a process of its own: for the peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        dataset, _ = create_image_dataset(folder, n_studies=MANY)
        seconds, _ = fit("DerSimonianLaird", {}, dataset, 1)
        work = f"DerSimonian-Laird, from files of {MANY} studies to maps"
        tell(Row(work, seconds, None, None, "under 3 GB", None, "", peak_mb(), None))


if __name__ == "__main__":
    main()
