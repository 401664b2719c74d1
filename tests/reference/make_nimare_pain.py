"""Make nimare_pain.npz: what NiMARE 0.22.1 gives for the example dataset.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_pain.py DATASET.json OUT.npz``, with DATASET.json the shipped
example (``nimare_pipeline/data/examples/pain``). z is kept in steps of 2e-4.
"""

import sys

import numpy as np
from nimare.dataset import Dataset
from nimare.meta.cbma.ale import ALE
from nimare.meta.utils import get_ale_kernel

dataset = Dataset(sys.argv[1])
result = ALE(null_method="approximate").fit(dataset)
maps = {name: np.asarray(result.maps[name], dtype=float) for name in ("stat", "z", "p")}
sizes = (5, 10, 15, 20, 25, 30, 50, 100)
np.savez_compressed(
    sys.argv[2],
    z_steps_of_2e_4=np.rint(maps["z"] / 2e-4).astype(np.uint16),
    stat_max=maps["stat"].max(),
    stat_mean=maps["stat"].mean(),
    p_min=maps["p"].min(),
    n_below_001=(maps["p"] < 0.001).sum(),
    kernel_sizes=sizes,
    kernel_peaks=[float(get_ale_kernel(dataset.masker.mask_img, n)[1].max()) for n in sizes],
)
