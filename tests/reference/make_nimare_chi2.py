"""Make nimare_chi2.npz: MKDAChi2 of the shipped example as NiMARE 0.22.1 has it.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_chi2.py DATASET.json OUT.npz [N_ITERS]``, with DATASET.json
the shipped example (``nimare_pipeline/data/examples/pain``). The first 10 contrasts are compared
with the last 11. Kept are, at every 25th voxel of the mask (C order) that a contrast reports, z of
association and of either group, and the two probabilities with a prior; and of N_ITERS (60)
permutations of the labels the corrected p of association there.
"""

import sys
from pathlib import Path

import numpy as np
from nimare.correct import FWECorrector
from nimare.dataset import Dataset
from nimare.meta.cbma.mkda import MKDAChi2

NAMES = (
    "z_desc-association",
    "z_desc-uniformity",
    "z_desc-group2",
    "logp_desc-association",
    "prob_desc-AgF_prior",
    "prob_desc-FgA_prior",
)


def main(dataset_file, out, n_iters=60):
    """Write the file."""
    dataset = Dataset(dataset_file)
    ids = list(dataset.ids)
    result = MKDAChi2().fit(dataset.slice(ids[:10]), dataset.slice(ids[10:]))
    index = np.flatnonzero(np.asarray(result.maps["prob_desc-A"]))[::25]
    kept = {name: np.asarray(result.maps[name])[index].astype(np.float32) for name in NAMES}
    corrected = FWECorrector(method="montecarlo", n_iters=n_iters, n_cores=1).transform(result)
    (p,) = (
        values
        for name, values in corrected.maps.items()
        if name.startswith("p_desc-association_level-voxel")
    )
    np.savez_compressed(
        Path(out),
        index=index.astype(np.int32),
        n_iters=np.array(n_iters),
        p_voxel=np.asarray(p)[index].astype(np.float32),
        **{name.replace("-", "_"): values for name, values in kept.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 60)
