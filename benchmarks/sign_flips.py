"""Sign flips of 21 images of a whole brain: ours and nilearn's ``permuted_ols`` alternating.

``python benchmarks/sign_flips.py PEER_PYTHON [ROUNDS]``; the peer is in our own environment. Both
make the largest statistic of a flip over the same voxels of the same images of smooth noise, at
the same number of threads.
"""

import statistics
import subprocess
import sys
import time

import numpy as np
from nilearn.mass_univariate import permuted_ols
from numpy.typing import NDArray
from rows import Row, peak_mb, tell
from scipy import ndimage

from nimare_pipeline.numerics.sign_flips import FlipPlan, flip_plan
from nimare_pipeline.numerics.sign_flips_sums import WIDTH
from nimare_pipeline.numerics.sign_flips_terms import one_sample_t, random_effects
from nimare_pipeline.numerics.sign_flips_tfce import FlipTFCEPlan, flip_tables
from nimare_pipeline.spaces import template_mask

GIGAHERTZ = 3.0
LANES = 8
"""32-bit numbers that an instruction takes."""
NEVER = 1e-300
"""A cluster-forming threshold that no voxel reaches: the largest z alone is sought."""
_PEER_ITERS = 40


def main() -> None:
    """Time the voxels, then clusters and the rest; and the memory of 200 studies by itself."""
    if sys.argv[-1] == "200":
        many_studies()
        return
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    inside = template_mask().inside
    y = smooth_noise(21, inside)
    terms = one_sample_t(y)
    plans = {
        "voxels": flip_plan(terms, inside, n_iters=10_000, voxel_thresh=NEVER),
        "clusters": flip_plan(terms, inside, n_iters=10_000),
    }
    plans["TFCE"] = FlipTFCEPlan.of(
        plans["clusters"],
        *flip_tables(plans["clusters"], 8.0, extent_power=0.5, height_power=2.0),
    )
    effects = random_effects(y, np.full(y.shape, 0.5), error="knapp-hartung")
    plans["tau2"] = flip_plan(effects, inside, n_iters=10_000)
    ours = alternate(plans, y, rounds)
    n_voxels = int(inside.sum())
    whole = f"21 images, {n_voxels} voxels, a flip"
    tell(row_of("voxels", f"PermutedOLS FWE of voxels, {whole}", ours, "60x", *floor_of(plans)))
    tell(row_of("clusters", f"PermutedOLS FWE of voxels and clusters, {whole}", ours, "60x"))
    tell(row_of("TFCE", f"PermutedOLS FWE with TFCE, {whole}", ours))
    tell(row_of("tau2", f"DerSimonian-Laird, tau2 of every flip, {whole}", ours))
    subprocess.run([sys.executable, __file__, "-", "200"], check=True)


def alternate(
    plans: dict[str, FlipPlan], y: NDArray[np.float64], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Seconds a flip with one thread and with two, of every plan and of nilearn."""
    n_iters = {"voxels": 1000, "clusters": 1000, "TFCE": 16, "tau2": 60}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*plans, "nilearn")}
    for plan in plans.values():
        plan.run(seed=1, first=0, n_iters=4, n_threads=2)
    # Its pool of processes, too.
    permuted(y, 4, 2)
    for number in range(rounds):
        for name, plan in plans.items():
            n = n_iters[name]
            found[name].append((flips(plan, n, 1, number), flips(plan, n, 2, number)))
        found["nilearn"].append((permuted(y, _PEER_ITERS, 1), permuted(y, _PEER_ITERS, 2)))
        last = {name: tuple(1e3 * one for one in times[-1]) for name, times in found.items()}
        print(f"round {number + 1}: ", end="")
        print("; ".join(f"{name} {a:.3f} {b:.3f} ms" for name, (a, b) in last.items()), flush=True)
    return found


def flips(plan: FlipPlan, n: int, threads: int, number: int) -> float:
    """Seconds a flip of ours."""
    begin = time.perf_counter()
    plan.run(seed=42, first=number * n, n_iters=n, n_threads=threads)
    return (time.perf_counter() - begin) / n


def permuted(y: NDArray[np.float64], n: int, threads: int) -> float:
    """Seconds a flip of nilearn; what it does once beside them is taken off by a run of few."""
    seconds = []
    for n_perm in (2, 2 + n):
        begin = time.perf_counter()
        permuted_ols(
            np.ones((len(y), 1)), y, model_intercept=False, n_perm=n_perm, n_jobs=threads,
            random_state=1, output_type="dict",
        )  # fmt: skip
        seconds.append(time.perf_counter() - begin)
    return (seconds[1] - seconds[0]) / n


def row_of(
    name: str,
    work: str,
    times: dict[str, list[tuple[float, float]]],
    goal: str = "",
    floor: float | None = None,
    floor_is: str = "",
) -> Row:
    """Medians of a plan; nilearn's beside it, which looks for the largest voxel alone."""
    one, two = np.median(np.array(times[name]), axis=0)
    asked = name in {"voxels", "clusters"}
    peer = statistics.median(one for one, _ in times["nilearn"]) if asked else None
    return Row(work, float(one), float(two), peer, goal, floor, floor_is, peak_mb(), None)


def floor_of(plans: dict[str, FlipPlan]) -> tuple[float, str]:
    """Additions of three rows of tables and a largest value, for each voxel and flip."""
    lanes = plans["voxels"].family.size * WIDTH
    # Three loads, two additions, a largest and a smallest; two such instructions a cycle.
    cycles = 7 * lanes / LANES / 2
    return cycles / (GIGAHERTZ * 1e9), (
        f"{7 * lanes / LANES / 1e6:.2f} million instructions on {LANES} voxels each, two a cycle"
    )


def many_studies(n: int = 200, n_iters: int = 256) -> None:
    """Peak memory and time of 200 images."""
    inside = template_mask().inside
    rng = np.random.default_rng(0)
    y = np.empty((n, int(inside.sum())), dtype=np.float32)
    for row in y:
        row[:] = rng.standard_normal(row.shape, dtype=np.float32)
    plan = flip_plan(one_sample_t(y), inside, n_iters=10_000)
    plan.run(seed=1, first=0, n_iters=4, n_threads=2)
    one, two = flips(plan, n_iters, 1, 0), flips(plan, n_iters, 2, 0)
    work = f"PermutedOLS FWE of voxels and clusters, {n} images of noise, a flip"
    tell(Row(work, one, two, None, "under 3 GB", None, "", peak_mb(), None))


def smooth_noise(n: int, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Images of noise of about 9 mm at 2 mm voxels."""
    rng = np.random.default_rng(0)
    images = (ndimage.gaussian_filter(rng.normal(size=inside.shape), 2)[inside] for _ in range(n))
    y = np.array(list(images))
    return np.asarray(y / y.std())


if __name__ == "__main__":
    main()
