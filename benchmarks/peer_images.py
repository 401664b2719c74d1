"""Runs in the peer's environment: times image-based estimators on the same files.

``peer_images.py FOLDER N_STUDIES``; protocol on standard input and output, one line each:
``ESTIMATOR N_FLIPS`` in, ``TIMED seconds peak_rss_MB`` out. Flips are of PermutedOLS alone.
"""

import logging
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

from nimare.correct import FWECorrector  # noqa: E402
from nimare.dataset import Dataset  # noqa: E402
from nimare.meta.ibma import (  # noqa: E402
    DerSimonianLaird,
    PermutedOLS,
    VarianceBasedLikelihood,
)


# The package is not installed in this environment, so its own helper is out of reach.
def peak_mb() -> float:
    """Peak memory of this process."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line) / 1024


def described(folder: Path, n_studies: int) -> dict:
    """Studies with their images, in the peer's layout."""
    found = {}
    for number in range(n_studies):
        study = f"study-{number + 1:02d}"
        images = {
            kind: str(folder / f"{study}_stat-{kind}_statmap.nii.gz")
            for kind in ("beta", "varcope", "z")
        }
        nowhere = {"space": "MNI", "x": [0.0], "y": [0.0], "z": [0.0]}
        contrast = {"images": images, "metadata": {"sample_sizes": [20]}, "coords": nowhere}
        found[study] = {"contrasts": {"1": contrast}}
    return found


dataset = Dataset(
    described(Path(sys.argv[1]), int(sys.argv[2])),
    target="mni152_2mm",
    mask=str(Path(sys.argv[1]) / "mask.nii.gz"),
)
ESTIMATORS = {
    "DerSimonianLaird": DerSimonianLaird,
    "VarianceBasedLikelihood": lambda: VarianceBasedLikelihood(method="REML"),
    "PermutedOLS": PermutedOLS,
}
print("ready", flush=True)
for line in sys.stdin:
    name, n_flips = line.split()
    begin = time.perf_counter()
    result = ESTIMATORS[name]().fit(dataset)
    if int(n_flips):
        begin = time.perf_counter()
        FWECorrector(method="montecarlo", n_iters=int(n_flips), n_cores=1).transform(result)
    print(f"TIMED {time.perf_counter() - begin} {peak_mb()}", flush=True)
