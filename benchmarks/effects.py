"""Random effects of 21 images of a whole brain: ours and PyMARE's (NiMARE's numerics) alternating.

``python benchmarks/effects.py PEER_PYTHON [ROUNDS]``. Both read the same effects and variances
from a file, and estimate tau2, the mean effect, its variance and what its test needs.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rows import Row, peak_mb, peer_of, tell

from nimare_pipeline.numerics.dependence import group_weights, grouped_tau2
from nimare_pipeline.numerics.robust_variance import robust_fit
from nimare_pipeline.numerics.tau2 import Method, estimate_tau2
from nimare_pipeline.numerics.weighted_fit import fit, infer

N_STUDIES, N_VOXELS = 21, 228_483
GROUPS = np.array([*range(18), 17, 17, 17])
GIGAHERTZ = 3.0
DIVISIONS = 0.5
"""Divisions of float64 that four lanes end in a cycle."""
POINTS = 22
"""Where the likelihood of such data is looked at, about: 14 of the scan, 8 between two of them."""


def main() -> None:
    """Time each model on both sides."""
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rng = np.random.default_rng(1)
    v = rng.uniform(0.2, 2.0, (N_STUDIES, N_VOXELS))
    y = rng.normal(0.2, np.sqrt(v + 0.3))
    design = np.column_stack([np.ones(N_STUDIES), np.arange(N_STUDIES, dtype=float)])
    ours: dict[str, tuple[str, Callable[[], Any]]] = {
        "dl": ("DerSimonian-Laird", lambda: model("dl", y, v)),
        "reml": ("REML", lambda: model("reml", y, v)),
        "reml-moderator": ("REML, one moderator", lambda: model("reml", y, v, design)),
        "dl-grouped": ("DerSimonian-Laird, one study of four images", lambda: grouped(y, v)),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "effects.npz"
        np.savez(path, y=y, v=v, design=design, groups=GROUPS)
        with peer_of(sys.argv[1], "peer_effects.py", str(path)) as peer:
            for name, (words, work) in ours.items():
                work()
                mine, theirs, peak = [], [], 0.0
                for number in range(rounds):
                    begin = time.perf_counter()
                    work()
                    mine.append(time.perf_counter() - begin)
                    seconds, peak = peer.time(name)
                    theirs.append(seconds)
                    print(f"{name}, round {number + 1}: {mine[-1]:.2f} s, {theirs[-1]:.2f} s")
                divisions = N_STUDIES * N_VOXELS * (POINTS if "reml" in name else 2)
                tell(
                    Row(
                        f"{words}, {N_STUDIES} studies, {N_VOXELS:,} voxels",
                        statistics.median(mine),
                        peer=statistics.median(theirs),
                        goal="3x" if name in ("dl", "reml") else "",
                        floor=divisions / DIVISIONS / (1e9 * GIGAHERTZ),
                        floor_is=f"{divisions:.2g} divisions, one in two cycles",
                        ours_mb=peak_mb(),
                        peer_mb=peak,
                    )
                )


def model(
    method: Method, y: NDArray[Any], v: NDArray[Any], design: NDArray[Any] | None = None
) -> Any:
    """Independent studies, Knapp and Hartung's error."""
    tau2 = estimate_tau2(method, y, v, design=design).value
    return infer(fit(y, v, tau2, design=design))


def grouped(y: NDArray[Any], v: NDArray[Any]) -> Any:
    """A study of several images, cluster-robust error."""
    tau2 = grouped_tau2("dl", y, v, GROUPS).value
    return robust_fit(y, group_weights(v, GROUPS, tau2), GROUPS).infer()


if __name__ == "__main__":
    main()
