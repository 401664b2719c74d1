"""Neurosynth's database to a Dataset, and ALE of a topic of it: ours and NiMARE's.

``python benchmarks/neurosynth_read.py PEER_PYTHON [ROUNDS]``. Every run is a process of its own,
so that its peak of memory is its own; ours and the peer's alternate.
"""

import json
import statistics
import subprocess
import sys

from rows import HERE, Row, tell

NEUROSYNTH = HERE.parents[1] / "shared" / "data" / "neurosynth"
WIDTH_MM = 10
"""Kernel width of both: the database has no sample sizes."""

_COMMON = """
import json, logging, sys, time
from glob import glob
from pathlib import Path
logging.disable(logging.CRITICAL)
folder, width, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
(coordinates,) = glob(folder + "/*_coordinates.tsv.gz")
(metadata,) = glob(folder + "/*_metadata.tsv.gz")
(features,) = glob(folder + "/*LDA50*_features.npz")
(vocabulary,) = glob(folder + "/*LDA50*_vocabulary.txt")
sets = [{"features": features, "vocabulary": vocabulary}]

def peak():
    text = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line) / 1024
"""
_OURS = """
from nimare_pipeline.io import convert_neurosynth_to_dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.kernel import ExperimentFoci
import pandas
begin = time.perf_counter()
data = convert_neurosynth_to_dataset(coordinates, metadata, annotations_files=sets)
read, read_mb = time.perf_counter() - begin, peak()
topic = data.select('label("19_action_actions_observation") > 0.05')
small = data.slice(list(topic.ids[:3]))
ALE(kernel__fwhm=width).fit(small)  # compiled before
begin = time.perf_counter()
ALE(kernel__fwhm=width, n_cores=threads).fit(topic)
told = [read, read_mb, time.perf_counter() - begin, peak(), len(topic.ids)]
foci = ExperimentFoci.of(topic)
counts = ALE(kernel__fwhm=width).modelled(topic, foci, topic.mask, threads).counts
print(json.dumps([*told, int(counts.low.sum() + counts.high.sum())]))
"""
_PEER = """
import warnings
warnings.filterwarnings("ignore")
from nimare.io import convert_neurosynth_to_dataset
from nimare.meta.cbma.ale import ALE
begin = time.perf_counter()
data = convert_neurosynth_to_dataset(coordinates, metadata, annotations_files=sets)
read, read_mb = time.perf_counter() - begin, peak()
(name,) = [c for c in data.annotations.columns if "19_action_actions_observation" in c]
topic = data.slice(data.annotations.loc[data.annotations[name] > 0.05, "id"].tolist())
begin = time.perf_counter()
ALE(kernel__fwhm=width, null_method="approximate").fit(topic)
print(json.dumps([read, read_mb, time.perf_counter() - begin, peak(), len(topic.ids)]))
"""


def timed(python: str, code: str, threads: int = 1) -> list[float]:
    """Seconds and peak (MB) of reading, the same of the fit, and studies of the topic.

    Of ours also the values of modelled activation that are added up.
    """
    words = [python, "-W", "ignore", "-c", _COMMON + code, str(NEUROSYNTH), str(WIDTH_MM)]
    done = subprocess.run([*words, str(threads)], check=True, capture_output=True, text=True)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Alternate; the peer's round takes more than a minute, so it has fewer."""
    if not NEUROSYNTH.is_dir():
        print(f"{NEUROSYNTH.name} is not there: no row of reading it")
        return
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    one, two, theirs = [], [], []
    for number in range(rounds):
        one.append(timed(sys.executable, _OURS))
        two.append(timed(sys.executable, _OURS, threads=2))
        if number < max(1, rounds - 1):
            theirs.append(timed(sys.argv[1], _PEER))
        shown = (one[-1], two[-1], theirs[-1])
        print(f"round {number + 1}: {[[round(v, 2) for v in values] for values in shown]}")
    medians = [
        [statistics.median(column) for column in zip(*times, strict=True)]
        for times in (one, two, theirs)
    ]
    ours, both, peer = medians
    n = int(ours[4])
    tell(
        Row(
            "Neurosynth v7 (14,371 studies, 507,891 foci) to Dataset", ours[0], None, peer[0],
            "under 3 s, 1 GB", None, "", ours[1], peer[1],
        )
    )  # fmt: skip
    tell(
        Row(
            f"Neurosynth ALE fit, a topic of {n} studies", ours[2], both[2], peer[2],
            "10x", 2 * ours[5] / 3e9, f"{ours[5] / 1e6:.0f} million values added to two sums",
            ours[3], peer[3],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
