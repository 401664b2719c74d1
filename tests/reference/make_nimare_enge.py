"""Make nimare_enge.npz: Monte Carlo null of NiMARE 0.22.1 for all experiments of Enge et al. 2021.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_enge.py all.txt OUT.npz``, with all.txt the Sleuth file of the
paper (github.com/SkeideLab/meta_semantics, 50 experiments). 1,000 iterations at p < .001, with the
seed 1234 of the paper; takes minutes.
"""

import sys

import numpy as np
from nimare.correct import FWECorrector
from nimare.io import convert_sleuth_to_dataset
from nimare.meta.cbma.ale import ALE

dataset = convert_sleuth_to_dataset(sys.argv[1])
estimator = ALE(null_method="approximate", random_state=1234)
result = estimator.fit(dataset)
corrected = FWECorrector(method="montecarlo", n_iters=1000, voxel_thresh=0.001).transform(result)
nulls = corrected.estimator.null_distributions_
stat = np.asarray(result.maps["stat"], dtype=float)
z = np.asarray(result.maps["z"], dtype=float)
np.savez_compressed(
    sys.argv[2],
    max_ale=np.asarray(nulls["values_level-voxel_corr-fwe_method-montecarlo"], np.float32),
    max_size=np.asarray(
        nulls["values_desc-size_level-cluster_corr-fwe_method-montecarlo"], np.int32
    ),
    max_mass=np.asarray(
        nulls["values_desc-mass_level-cluster_corr-fwe_method-montecarlo"], np.float32
    ),
    ale_max=stat.max(),
    z_max=z.max(),
    n_below_001=(np.asarray(result.maps["p"]) < 0.001).sum(),
)
