"""Runs in the peer's environment: times ALE cluster FWE each time a number of iterations comes in.

Protocol on standard input and output, one line each: ``N`` in, ``seconds peak_rss_MB`` out.
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

result = ALE(null_method="approximate").fit(Dataset(sys.argv[1]))
FWECorrector(method="montecarlo", n_iters=5, n_cores=1).transform(result)
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    FWECorrector(method="montecarlo", n_iters=int(line), n_cores=1).transform(result)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"TIMED {seconds} {peak}", flush=True)
