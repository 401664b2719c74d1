"""Make nimare_mkda.json and nimare_mkda.npz: MKDADensity and KDA as NiMARE 0.22.1 computes them.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_mkda.py DATASET.json OUT_STEM [N_ITERS]``, with DATASET.json
the shipped example (``nimare_pipeline/data/examples/pain``). It writes OUT_STEM.json with the
numbers and OUT_STEM.npz with the statistic maps over the mask (C order); the weighted ones, which
do not shrink, as indices and values of every 7th (tiny) and 25th (example) non-zero voxel. With
N_ITERS (1000 in the shipped file) the Monte Carlo thresholds are made too, which takes minutes.
"""

import json
import sys
from pathlib import Path

import numpy as np
from nimare.correct import FDRCorrector, FWECorrector
from nimare.dataset import Dataset
from nimare.meta.cbma.ale import ALE
from nimare.meta.cbma.mkda import KDA, MKDADensity

TINY = {
    "s0": (20, [(0, 0, 0), (10, 0, 0)]),
    "s1": (20, [(0, 0, 0)]),
    "s2": (10, [(4, 0, 0), (-40, -20, 50)]),
    "s3": (30, [(2, 2, 0)]),
    "s4": (15, [(-40, -22, 50), (0, 0, 2), (200, 0, 0)]),
}
VOXEL_A, VOXEL_B = (45, 63, 36), (25, 53, 61)
ESTIMATORS = {
    "ALE": ALE,
    "MKDADensity": MKDADensity,
    "MKDADensity_weighted": lambda: MKDADensity(weighting="sample_size"),
    "KDA": KDA,
}
CORRECTORS = {
    "FDR_indep": FDRCorrector(method="indep"),
    "FDR_negcorr": FDRCorrector(method="negcorr"),
    "FWE_bonferroni": FWECorrector(method="bonferroni"),
}


def tiny():
    """Five studies; two of the foci of s4 lie near others, one outside the grid."""
    studies = {}
    for name, (n, foci) in TINY.items():
        x, y, z = (list(map(float, axis)) for axis in zip(*foci, strict=True))
        coords = {"space": "MNI", "x": x, "y": y, "z": z}
        contrast = {"coords": coords, "metadata": {"sample_sizes": [n]}}
        studies[name] = {"contrasts": {"1": contrast}}
    return Dataset(studies)


def of_map(result, mask, name, voxels):
    """Ends and sum of a map, the voxel of its strongest statistic, and some voxels."""
    values = np.asarray(result.maps[name], dtype=float)
    ijk = np.argwhere(mask)
    strongest = values.argmin() if name == "p" else values.argmax()
    return {
        "max": values.max(),
        "min": values.min(),
        "sum": values.sum(),
        "first_strongest_ijk": ijk[strongest].tolist(),
        **{key: values[(ijk == voxel).all(axis=1)].item() for key, voxel in voxels.items()},
    }


def thresholds(estimator):
    """Statistics that its clusters must exceed."""
    return {f"{p:g}": float(estimator._p_to_summarystat(p)) for p in (0.01, 0.001)}


def monte_carlo(estimator, result, n_iters):
    """95th percentiles of the null maxima, and the clusters that survive."""
    corrected = FWECorrector(method="montecarlo", n_iters=n_iters, voxel_thresh=0.001)
    estimator.random_state = 0
    corrected = corrected.transform(result)
    nulls = corrected.estimator.null_distributions_
    key = "values_{}_corr-fwe_method-montecarlo"
    found = {
        name: np.asarray(nulls[key.format(level)])
        for name, level in (
            ("voxel", "level-voxel"),
            ("size", "desc-size_level-cluster"),
            ("mass", "desc-mass_level-cluster"),
        )
    }
    return {
        "n_iters": n_iters,
        **{name: {f"{q}%": float(np.quantile(null, q / 100)) for q in (50, 90, 95, 99)}
           for name, null in found.items()},
    }  # fmt: skip


def fit(name, make, dataset, voxels, n_iters):
    """Everything kept of one estimator and dataset, and its statistic map."""
    estimator = make()
    result = estimator.fit(dataset)
    estimator = result.estimator
    mask = np.asarray(estimator.masker.mask_img.dataobj) > 0
    stat = np.asarray(result.maps["stat"], dtype=float)
    kept = {
        "voxels": int(mask.sum()),
        "nonzero": int((stat > 0).sum()),
        "p_below_0.001": int((np.asarray(result.maps["p"]) < 0.001).sum()),
        "bins": len(estimator.null_distributions_["histogram_bins"]),
        "statistic_exceeded_at": thresholds(estimator),
        **{key: of_map(result, mask, key, voxels) for key in ("stat", "p", "z")},
    }
    weights = getattr(estimator, "weight_vec_", None)
    if weights is not None:
        kept["weights"] = np.ravel(weights).astype(float).tolist()
    for key, corrector in CORRECTORS.items():
        corrected = corrector.transform(result)
        (p,) = [v for k, v in corrected.maps.items() if k.startswith("p_corr")]
        kept[f"{key}_at_most_0.05"] = int((np.asarray(p) <= 0.05).sum())
    if n_iters and name != "ALE":
        kept["monte_carlo"] = monte_carlo(estimator, result, n_iters)
    return kept, stat


def main(dataset_file, stem, n_iters=0):
    """Write both files."""
    numbers, maps = {}, {}
    cases = {
        "tiny": (tiny(), {"at_A": VOXEL_A, "at_B": VOXEL_B}, 0),
        "pain": (Dataset(dataset_file), {}, n_iters),
    }
    for case, (dataset, voxels, iterations) in cases.items():
        for name, make in ESTIMATORS.items():
            kept, stat = fit(name, make, dataset, voxels, iterations)
            numbers.setdefault(case, {})[name] = kept
            if name == "ALE":  # the pain map is in nimare_pain.npz
                continue
            if np.array_equal(stat, np.rint(stat)):
                maps[f"{case}_{name}"] = stat.astype(np.uint8)
            else:
                index = np.flatnonzero(stat)[:: 25 if case == "pain" else 7]
                maps[f"{case}_{name}_index"] = index.astype(np.int32)
                maps[f"{case}_{name}"] = stat[index].astype(np.float32)
    Path(f"{stem}.json").write_text(json.dumps(numbers, indent=1) + "\n")
    np.savez_compressed(f"{stem}.npz", **maps)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
