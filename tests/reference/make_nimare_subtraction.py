"""Make nimare_subtraction.npz: ALESubtraction of the shipped example as NiMARE 0.22.1 has it.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_subtraction.py DATASET.json OUT.npz [N_ITERS]``, with
DATASET.json the shipped example (``nimare_pipeline/data/examples/pain``). The first 10 contrasts
are compared with the last 11. Kept are the ends of the difference, and at every 25th voxel of the
mask (C order) where it is not 0: the difference, and the two-sided p and z of N_ITERS (4000)
permutations. Then the critical values of FWECorrector's null of N_ITERS_FWE (500) permutations.
"""

import sys
from pathlib import Path

import numpy as np
from nimare.correct import FWECorrector
from nimare.dataset import Dataset
from nimare.meta.cbma.ale import ALESubtraction

N_ITERS_FWE = 500


def main(dataset_file, out, n_iters=4000):
    """Write the file."""
    dataset = Dataset(dataset_file)
    ids = list(dataset.ids)
    groups = dataset.slice(ids[:10]), dataset.slice(ids[10:])
    result = ALESubtraction(n_iters=n_iters, n_cores=1).fit(*groups)
    name = "desc-group1MinusGroup2"
    stat = np.asarray(result.maps[f"stat_{name}"], dtype=float)
    index = np.flatnonzero(stat)[::25]
    few = ALESubtraction(n_iters=N_ITERS_FWE, vfwe_only=False, n_cores=1)
    few_result = few.fit(*groups)
    corrected = FWECorrector(
        method="montecarlo", n_iters=N_ITERS_FWE, voxel_thresh=0.001, vfwe_only=False
    ).transform(few_result)
    nulls = corrected.estimator.null_distributions_
    kept = {
        key.replace("_corr-fwe_method-montecarlo", ""): np.quantile(np.asarray(value), 0.95)
        for key, value in nulls.items()
        if key.startswith("values_")
    }
    (threshold,) = (v for k, v in nulls.items() if k.startswith("summary_stat_thresh"))
    np.savez_compressed(
        Path(out),
        ends=np.array([stat.min(), stat.max()]),
        index=index.astype(np.int32),
        stat=stat[index].astype(np.float32),
        p=np.asarray(result.maps[f"p_{name}"])[index].astype(np.float32),
        z=np.asarray(result.maps[f"z_{name}"])[index].astype(np.float32),
        n_iters=np.array(n_iters),
        cluster_forming=np.array(threshold),
        critical=np.array(list(kept.values())),
        critical_names=np.array(list(kept)),
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 4000)
