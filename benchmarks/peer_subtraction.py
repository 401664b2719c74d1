"""Runs in the peer's environment: times ALESubtraction.

``peer_subtraction.py DATASET``; protocol on standard input and output, one line each: ``N`` in,
``TIMED seconds peak_rss_MB`` out. What ``fit`` takes beside its permutations is taken off.
"""

import logging
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

from nimare.dataset import Dataset  # noqa: E402
from nimare.meta.cbma.ale import ALESubtraction  # noqa: E402


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


def seconds(n_iters: int) -> float:
    """Time of a fit."""
    begin = time.perf_counter()
    ALESubtraction(n_iters=n_iters, n_cores=1).fit(*groups)
    return time.perf_counter() - begin


few = 5
seconds(few)
print("ready", flush=True)
for line in sys.stdin:
    n = int(line)
    print(f"TIMED {seconds(n + few) - seconds(few)} {peak_mb()}", flush=True)
