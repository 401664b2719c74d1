"""Runs in the peer's environment: times MKDAChi2.

``peer_chi2.py DATASET``, the first group being what begins with ``pain``; protocol on standard
input and output, one line each: ``fit N`` or ``fwe N`` in, ``TIMED seconds peak_rss_MB`` out.
What a correction takes beside its permutations is taken off.
"""

import logging
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

from pathlib import Path  # noqa: E402

from nimare.correct import FWECorrector  # noqa: E402
from nimare.dataset import Dataset  # noqa: E402
from nimare.meta.cbma.mkda import MKDAChi2  # noqa: E402


# The package is not installed in this environment, so its own helper is out of reach.
def peak_mb() -> float:
    """Peak memory of this process."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line) / 1024


dataset = Dataset(sys.argv[1])
ids = list(dataset.ids)
groups = [
    dataset.slice([name for name in ids if name.startswith("pain") is is_pain])
    for is_pain in (True, False)
]
result = MKDAChi2().fit(*groups)


def fit(n: int) -> float:
    """Seconds of n fits."""
    begin = time.perf_counter()
    for _ in range(n):
        MKDAChi2().fit(*groups)
    return time.perf_counter() - begin


def correct(n_iters: int) -> float:
    """Seconds of a correction."""
    begin = time.perf_counter()
    corrector = FWECorrector(method="montecarlo", n_iters=n_iters, n_cores=1)
    corrector.transform(result)
    return time.perf_counter() - begin


correct(1)
print("ready", flush=True)
for line in sys.stdin:
    what, n = line.split()
    seconds = fit(int(n)) if what == "fit" else correct(int(n) + 1) - correct(1)
    print(f"TIMED {seconds} {peak_mb()}", flush=True)
