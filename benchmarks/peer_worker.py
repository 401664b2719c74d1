"""Runs in the peer's environment: times cluster FWE of one sample.

``peer_worker.py DATASET...``; protocol on standard input and output, one line each: ``DATASET
ESTIMATOR N`` in, ``TIMED seconds peak_rss_MB`` out.
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
from nimare.meta.cbma.ale import ALE  # noqa: E402
from nimare.meta.cbma.mkda import KDA, MKDADensity  # noqa: E402


# The package is not installed in this environment, so its own helper is out of reach.
def peak_mb() -> float:
    """Peak memory of this process."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line) / 1024


ESTIMATORS = {make.__name__: make for make in (ALE, MKDADensity, KDA)}
datasets = {path: Dataset(path) for path in sys.argv[1:]}
results = {}


def correct(path: str, name: str, n_iters: int) -> None:
    """Correct a result; the estimator is fitted once."""
    if (path, name) not in results:
        results[path, name] = ESTIMATORS[name]().fit(datasets[path])
        correct(path, name, 5)
    corrector = FWECorrector(method="montecarlo", n_iters=n_iters, n_cores=1)
    corrector.transform(results[path, name])


for path in datasets:
    correct(path, "ALE", 5)
print("ready", flush=True)
for line in sys.stdin:
    path, name, n_iters = line.split()
    correct(path, name, 1)
    begin = time.perf_counter()
    correct(path, name, int(n_iters))
    seconds = time.perf_counter() - begin
    print(f"TIMED {seconds} {peak_mb()}", flush=True)
