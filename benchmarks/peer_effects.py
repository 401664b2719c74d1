"""Runs in the peer's environment: times PyMARE's estimators, which NiMARE's image-based ones call.

``peer_effects.py EFFECTS.npz``; protocol on standard input and output, one line each: a model in,
``TIMED seconds peak_rss_MB`` out.
"""

import sys
import time
import warnings

warnings.filterwarnings("ignore")

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from pymare import Dataset  # noqa: E402
from pymare.estimators import (  # noqa: E402
    DerSimonianLaird,
    VarianceBasedLikelihoodEstimator,
)


# The package is not installed in this environment, so its own helper is out of reach.
def peak_mb() -> float:
    """Peak memory of this process."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line) / 1024


with np.load(sys.argv[1]) as arrays:
    y, v, design, groups = (arrays[name] for name in ("y", "v", "design", "groups"))


def fit(model: str) -> None:
    """One fit, without p and z, which ours leaves to another step as well."""
    estimator = VarianceBasedLikelihoodEstimator("REML") if "reml" in model else DerSimonianLaird()
    options = {"g": groups} if "grouped" in model else {}
    if "moderator" in model:
        options = {"X": design, "add_intercept": False}
    estimator.fit_dataset(Dataset(y=y, v=v, **options))


fit("dl")
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    fit(line.strip())
    seconds = time.perf_counter() - begin
    print(f"TIMED {seconds} {peak_mb()}", flush=True)
