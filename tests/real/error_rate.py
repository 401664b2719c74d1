"""How often random foci give a significant result: ``python -m tests.real.error_rate``.

One design (the shipped example: experiments, sample sizes, number of foci, 26 of 267 of them
outside the mask), one null of 10,000 iterations for each policy, and N datasets of random foci
judged by it. What the engine does in integers over voxels is done here another way: foci lie at
whole millimetres, drawn by NumPy; distances from the mask come from a grid of 1 mm; maps are
float64; clusters are scipy's.

A null keeps each outside focus' own distance from the mask, so a dataset is a draw from it only
if its outside foci keep the design's distances (``own``, within half a millimetre). How much it
matters is measured by ``resampled``: each outside focus takes the distance of any outside focus
of the design.
"""

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.stats import binomtest, kstest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.cbma.mkda import KDA, MKDADensity
from nimare_pipeline.spaces import data_path

POLICIES = ("distance", "inside")
LEVELS = ("voxel", "size", "mass")
N_NULL = 10_000
TIE = 1e-9
"""Statistics that differ by less are equal: theirs come from integers, ours from floats."""
Array = NDArray[np.float64]


def _as_it_is(x: Any) -> Any:
    return x


@dataclass(frozen=True)
class Method:
    """An estimator, and the unit its modelled activation adds up in, which mass is counted in."""

    make: Callable[[], Any]
    to_unit: Callable[[Any], Any] = _as_it_is
    from_unit: Callable[[Any], Any] = _as_it_is

    def total(self, maps: sparse.csr_array) -> Array:
        """Sum over experiments at each voxel."""
        values = self.to_unit(maps.data)
        return np.bincount(maps.indices, weights=values, minlength=maps.shape[1])


METHODS: dict[str, Method] = {
    "ALE": Method(ALE, lambda ale: -np.log1p(-ale), lambda total: -np.expm1(-total)),
    "MKDADensity": Method(MKDADensity),
    "KDA": Method(KDA),
}
"""By name. A statistic that is a plain sum needs its class only."""


@dataclass(frozen=True)
class Places:
    """Whole millimetres a focus may lie at, by their distance from the mask.

    Parameters
    ----------
    inside : (n, 3) array
        Their nearest voxel is in the mask.
    outside : (n, 3) array
        The others, by distance from the nearest voxel centre of the mask.
    distance : (n,) array
        That distance, mm, ascending.
    """

    inside: NDArray[np.int64]
    outside: NDArray[np.int64]
    distance: Array

    @classmethod
    def around(cls, mask: BrainMask, reach_mm: int = 20) -> "Places":
        """Whole millimetres in and around a mask of 2 mm whose centres are whole millimetres."""
        step = np.diag(mask.affine)[:3].astype(int)
        assert (mask.affine == np.diag([*step, 1]) + _shift(mask.affine)).all(), "a plain grid"
        centres = np.argwhere(mask.inside) * step + mask.affine[:3, 3].astype(int)
        low = centres.min(axis=0) - reach_mm
        shape = centres.max(axis=0) + reach_mm + 1 - low
        is_centre = np.zeros(shape, dtype=bool)
        is_centre[tuple((centres - low).T)] = True
        distance = ndimage.distance_transform_edt(~is_centre)
        xyz = np.argwhere(distance <= reach_mm) + low
        far = distance[tuple((xyz - low).T)]
        nearest = np.floor((xyz - mask.affine[:3, 3]) / step + 0.5).astype(int)
        on_grid = ((nearest >= 0) & (nearest < mask.shape)).all(axis=1)
        inside = np.zeros(len(xyz), dtype=bool)
        inside[on_grid] = mask.inside[tuple(nearest[on_grid].T)]
        order = np.argsort(far[~inside], kind="stable")
        return cls(xyz[inside], xyz[~inside][order], far[~inside][order])

    def of(self, xyz: Array) -> NDArray[np.int64]:
        """Row of ``outside`` of each point, -1 for those inside."""
        found = {tuple(point): row for row, point in enumerate(self.outside.tolist())}
        return np.array(
            [found.get(tuple(point), -1) for point in np.rint(xyz).astype(int).tolist()]
        )

    def near(self, distance: float, rng: np.random.Generator) -> NDArray[np.int64]:
        """One place outside whose distance from the mask is this within half a millimetre."""
        first, last = np.searchsorted(self.distance, [distance - 0.5, distance + 0.5])
        return self.outside[rng.integers(first, last)]


def _shift(affine: Array) -> Array:
    only = np.zeros((4, 4))
    only[:3, 3] = affine[:3, 3]
    return only


@dataclass(frozen=True)
class Design:
    """What random datasets share with the example, and where their foci may lie."""

    dataset: Dataset
    places: Places
    distance: Array = field(repr=False)

    @classmethod
    def example(cls) -> "Design":
        (path,) = data_path("examples/pain").glob("*.json")
        dataset = Dataset(path)
        places = Places.around(dataset.mask)
        row = places.of(dataset.coordinates[["x", "y", "z"]].to_numpy(dtype=float))
        return cls(dataset, places, np.where(row < 0, np.nan, places.distance[row]))

    def dataset_of_chance(self, number: int, outside: str, seed: int) -> Dataset:
        """The example with random foci; as many of each experiment's lie outside the mask."""
        out = np.isfinite(self.distance)
        rng = np.random.default_rng([seed, number])
        xyz = self.places.inside[rng.integers(len(self.places.inside), size=len(out))]
        own = self.distance[out]
        far = own if outside == "own" else rng.choice(own, size=len(own))
        xyz[out] = [self.places.near(distance, rng) for distance in far]
        made = self.dataset.copy()
        made.coordinates[["x", "y", "z"]] = xyz.astype(float)
        return made


@dataclass(frozen=True)
class Null:
    """Largest values of 10,000 iterations, and what they are counted by.

    Clusters are voxels of ``threshold`` and more; mass sums what exceeds ``mass_above``; what
    exceeds ``critical`` has p < .05.
    """

    maxima: Mapping[str, Array]
    threshold: float
    mass_above: float
    critical: Mapping[str, float]


def null_of(method: Method, design: Design, policy: str) -> Null:
    """What FWECorrector finds for the example."""
    corrector = FWECorrector(n_iters=N_NULL, n_cores=2, null_outside=policy)
    corrected = corrector.transform(method.make().fit(design.dataset))
    maxima = {"voxel": "max_stat", "size": "max_size", "mass": "max_mass"}
    critical = {"voxel": "voxel", "size": "size_voxels", "mass": "mass"}
    thresholds = corrected.facts["montecarlo"]["thresholds"]
    return Null(
        {level: np.sort(corrected.arrays[f"montecarlo_{name}"]) for level, name in maxima.items()},
        corrected.facts["cluster_forming"]["statistic"],
        corrected.facts["cluster_forming"]["mass_above"],
        {level: thresholds[name]["0.05"] for level, name in critical.items()},
    )


def observe(method: Method, dataset: Dataset, null: Null) -> tuple[float, float, float]:
    """Largest statistic, cluster size and cluster mass of a dataset, clusters by faces."""
    kernel = method.make().kernel_transformer
    total = method.total(kernel.transform(dataset, return_type="sparse"))
    statistic = method.from_unit(total)
    above = statistic >= null.threshold - TIE
    labels, n = ndimage.label(dataset.mask.volume(above))
    own = labels[dataset.mask.inside]
    size = np.bincount(own, minlength=n + 1)[1:]
    excess = total - method.to_unit(null.mass_above)
    mass = np.bincount(own, weights=excess, minlength=n + 1)[1:]
    return float(statistic.max()), float(size.max(initial=0)), float(mass.max(initial=0))


@dataclass(frozen=True)
class Rates:
    """Errors of one policy at one level.

    ``attainable`` is the level that a test of .05 has by its null: less where statistics tie.
    """

    policy: str
    level: str
    n: int
    attainable: float
    errors_05: int
    errors_01: int
    uniform_p: float
    critical: float

    @property
    def rate(self) -> float:
        """Share of datasets with p < .05."""
        return self.errors_05 / self.n

    def __str__(self) -> str:
        low, high = binomtest(self.errors_05, self.n).proportion_ci(method="exact")
        return (
            f"{self.policy:9} {self.level:6} .05: {self.rate:.3f} [{low:.3f}, {high:.3f}]  "
            f"attainable {self.attainable:.3f}  "
            f".01: {self.errors_01 / self.n:.3f}  KS p {self.uniform_p:.3g}  "
            f"threshold {self.critical:.6g}"
        )


def judge(observed: Array, maxima: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """p of each dataset as the corrector gives it, and with ties broken at random.

    The latter is uniform under the null however discrete the statistic is.
    """
    at_least = len(maxima) - np.searchsorted(maxima, observed - TIE)
    above = len(maxima) - np.searchsorted(maxima, observed + TIE)
    p = (at_least + 1) / (len(maxima) + 1)
    broken = (above + rng.random(len(observed)) * (at_least - above + 1)) / (len(maxima) + 1)
    return p, broken


def error_rates(name: str, n: int, *, outside: str = "own", seed: int = 2026) -> list[Rates]:
    """Error rates of both policies over the same datasets.

    Parameters
    ----------
    name : str
        Estimator, see ``METHODS``.
    n : int
        Datasets.
    outside : "own" or "resampled"
        Distance of outside foci from the mask.
    seed : int
        Of the datasets.
    """
    method, design = METHODS[name], Design.example()
    nulls = {policy: null_of(method, design, policy) for policy in POLICIES}

    def one(number: int) -> tuple[float, float, float]:
        return observe(method, design.dataset_of_chance(number, outside, seed), nulls["distance"])

    with ThreadPoolExecutor(2) as pool:
        seen = np.array(list(pool.map(one, range(n))))
    found = []
    for policy in POLICIES:
        for column, level in enumerate(LEVELS):
            rng = np.random.default_rng(seed)
            p, broken = judge(seen[:, column], nulls[policy].maxima[level], rng)
            critical = nulls[policy].critical[level]
            attainable = float((nulls[policy].maxima[level] > critical + TIE).mean())
            errors = int((p < 0.05).sum()), int((p < 0.01).sum())
            uniform = float(kstest(broken, "uniform").pvalue)
            found.append(Rates(policy, level, n, attainable, *errors, uniform, critical))
    return found


def main(name: str = "ALE", n: str = "1000", *ways: str) -> None:
    """Print the rates of an estimator."""
    say = partial(print, flush=True)
    started = time.monotonic()
    for outside in ways or ("own", "resampled"):
        say(f"{name}, {n} datasets, distances {outside}")
        for rates in error_rates(name, int(n), outside=outside):
            say(rates)
    say(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
