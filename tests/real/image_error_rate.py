"""How often images without an effect are significant: ``python -m tests.real.image_error_rate``.

Each data set is 10 studies of smooth noise on 10 x 10 x 10 voxels, corrected by all its 1,024
flips of signs. Voxels, cluster sizes, cluster masses and TFCE are significant at p <= .05, two
signs tested. Errors are Gaussian, or skewed (exponential at every voxel, less its mean), for which
flips are not exact: what that costs is a row of the table.

Intervals are tried on voxels that are data sets of their own, K = 5, 10 and 20 studies with
sample sizes of 12 to 40 and variances that the studies estimated from their people.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.correct import FWECorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.generate import Blob, smooth_field, truth
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma

LEVELS = {
    "voxel": "p_level-voxel_corr-FWE_method-montecarlo",
    "size": "p_desc-size_level-cluster_corr-FWE_method-montecarlo",
    "mass": "p_desc-mass_level-cluster_corr-FWE_method-montecarlo",
    "tfce": "p_level-tfce_corr-FWE_method-montecarlo",
}
K = 10
ATTAINABLE = 50 / 2**K
"""Two-sided p come in steps of 2 / 2**K: this is the largest up to .05."""
BOX = BrainMask(np.ones((10, 10, 10), dtype=bool), np.diag([2.0, 2, 2, 1]))
Array = NDArray[np.float64]


def studies(n: int, mask: BrainMask, sizes: Any = None) -> Dataset:
    """Contrasts of n studies without files."""
    sizes = [20] * n if sizes is None else sizes
    return Dataset.from_contrasts(
        [Contrast(f"s{i:02d}", "1", sample_sizes=(int(sizes[i]),)) for i in range(n)],
        mask=nib.Nifti1Image(mask.inside.astype("u1"), mask.affine),
    )


def noise(rng: np.random.Generator, *, skewed: bool) -> Array:
    """Errors of K studies, smooth, of mean 0 and variance 1."""
    fields = np.array([[smooth_field(rng, BOX, 6.0) for _ in range(K)] for _ in range(2)])
    return (fields**2).sum(axis=0) / 2 - 1 if skewed else fields[0]


def smallest_p(
    seed: int, *, skewed: bool = False, effect: Array | None = None
) -> dict[str, tuple[float, float, float]]:
    """Smallest p of a data set by level, and the shares of true and of other voxels found."""
    rng = np.random.default_rng([seed, 7])
    beta = noise(rng, skewed=skewed) + (0 if effect is None else effect)
    data = studies(K, BOX)
    images = ImageStack(tuple(data.ids), {"beta": beta.astype(np.float32)})
    result = ibma.PermutedOLS().fit(data, images=images)
    corrector = FWECorrector(n_iters=2**K, voxel_thresh=0.01, tfce=True)
    maps = corrector.transform(result).maps
    true = np.zeros(BOX.n_voxels, dtype=bool) if effect is None else effect > effect.max() / 2
    found = {}
    for level, name in LEVELS.items():
        significant = maps[name] <= 0.05
        hit = significant[true].mean() if true.any() else np.nan
        found[level] = (float(maps[name].min()), float(hit), float(significant[~true].mean()))
    return found


def rates(n: int, **options: Any) -> dict[str, tuple[float, float, float]]:
    """Share of n data sets with any significant voxel, and mean shares found, by level."""
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(partial(smallest_p, **options), range(n), chunksize=10))
    return {
        level: (
            float(np.mean([one[level][0] <= 0.05 for one in found])),
            float(np.mean([one[level][1] for one in found])),
            float(np.mean([one[level][2] for one in found])),
        )
        for level in LEVELS
    }


@dataclass(frozen=True)
class Coverage:
    """Shares of intervals that hold what they should, of 95 %.

    Parameters
    ----------
    est, tau2, prediction : float
        Of the mean effect, the variance between studies and the effect of a new study.
    false_positives : float
        Share of tests of the true mean with p < .05.
    """

    est: float
    tau2: float
    prediction: float
    false_positives: float


def coverage(estimator: Any, k: int, tau: float = 0.25, n: int = 8000) -> Coverage:
    """Coverage of the intervals of an estimator over n data sets of k studies."""
    rng = np.random.default_rng([k, int(1000 * tau)])
    sizes = np.linspace(12, 40, k).round()
    mask = BrainMask(np.ones((20, 20, n // 400), dtype=bool), np.diag([2.0, 2, 2, 1]))
    mean = 0.5
    people = sizes[:, None]
    beta = mean + tau * rng.standard_normal((k, n)) + rng.standard_normal((k, n)) / np.sqrt(people)
    varcope = rng.chisquare(people - 1, (k, n)) / (people - 1) / people
    data = studies(k, mask, sizes)
    values = {"beta": (beta - mean).astype(np.float32), "varcope": varcope.astype(np.float32)}
    maps = estimator.fit(data, images=ImageStack(tuple(data.ids), values)).maps
    new = tau * rng.standard_normal(n)

    def holds(name: str, value: Any) -> float:
        return float(((maps[f"{name}Lower"] <= value) & (value <= maps[f"{name}Upper"])).mean())

    return Coverage(
        holds("est", 0.0), holds("tau2", tau**2), holds("prediction", new),
        float((maps["p"] < 0.05).mean()),
    )  # fmt: skip


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(n: int) -> None:
    """Print every row."""
    began = time.perf_counter()
    blob = truth([Blob((9.0, 9.0, 9.0), 1.5, 8.0)], BOX)
    rows = {"Gaussian": {}, "skewed": {"skewed": True}, "a blob": {"effect": blob}}
    _say(f"{n} data sets of {K} studies, p <= .05 (attainable {ATTAINABLE:.4f})")
    for name, options in rows.items():
        for level, (any_, hit, false) in rates(n, **options).items():
            _say(f"{name:10} {level:6} any {any_:.3f} true {hit:.3f} other voxels {false:.4f}")
    estimators = {
        "DL": ibma.DerSimonianLaird(),
        "REML": ibma.VarianceBasedLikelihood(method="reml"),
        "DL wald": ibma.DerSimonianLaird(small_sample_correction="wald"),
        "PM": ibma.PauleMandel(),
    }
    for name, estimator in estimators.items():
        for k in (5, 10, 20):
            for tau in (0.0, 0.25):
                _say(f"{name:8} K {k:2} tau {tau:4} {coverage(estimator, k, tau)}")
    _say(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
