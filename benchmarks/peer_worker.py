"""Runs in the peer's environment: times cluster FWE each time an estimator and a number come in.

Protocol on standard input and output, one line each: ``ESTIMATOR N`` in, ``TIMED seconds
peak_rss_MB`` out.
"""

import logging
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

from nimare.correct import FWECorrector  # noqa: E402
from nimare.dataset import Dataset  # noqa: E402
from nimare.meta.cbma.ale import ALE  # noqa: E402
from nimare.meta.cbma.mkda import KDA, MKDADensity  # noqa: E402

dataset = Dataset(sys.argv[1])
results = {make.__name__: make().fit(dataset) for make in (ALE, MKDADensity, KDA)}
for result in results.values():
    FWECorrector(method="montecarlo", n_iters=5, n_cores=1).transform(result)
print("ready", flush=True)
for line in sys.stdin:
    name, n_iters = line.split()
    begin = time.perf_counter()
    FWECorrector(method="montecarlo", n_iters=int(n_iters), n_cores=1).transform(results[name])
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"TIMED {seconds} {peak}", flush=True)
