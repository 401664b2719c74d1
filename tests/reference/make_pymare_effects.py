"""Make pymare_effects.npz: models of effects as PyMARE (which NiMARE 0.22.1 calls) fits them.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_pymare_effects.py OUT.npz``. Simulated are twelve images of eight
studies at 25 voxels. Kept are the effects, variances, studies and a moderator that is the same
within a study; and of each method, scheme and design, under ``METHOD_SCHEME_COLUMNS``, an array
of tau2 and, for each column, estimate, standard error and degrees of freedom, (1 + 3 columns,
voxels).
"""

import sys
import warnings

import numpy as np
from pymare import Dataset
from pymare.estimators import (
    DerSimonianLaird,
    Hedges,
    VarianceBasedLikelihoodEstimator,
)

METHODS = {
    "dl": DerSimonianLaird,
    "he": Hedges,
    "ml": lambda **options: VarianceBasedLikelihoodEstimator("ML", **options),
    "reml": lambda **options: VarianceBasedLikelihoodEstimator("REML", **options),
}
GROUPS = np.array([0, 1, 2, 2, 2, 3, 4, 4, 5, 6, 7, 7])


def main(out):
    """Write the file."""
    rng = np.random.default_rng(2026)
    v = rng.uniform(0.1, 0.9, (12, 25))
    shared = rng.normal(0, 0.5, (8, 25))[GROUPS]
    y = rng.normal(0.4 + shared, np.sqrt(v))
    moderator = rng.normal(size=8)[GROUPS].round(3)
    kept = {"y": y, "v": v, "groups": GROUPS, "moderator": moderator}
    for name, make in METHODS.items():
        for scheme in ("independent", "rescale", "individual", "collapse"):
            for columns in (1, 2):
                x = np.column_stack([np.ones(12), moderator])[:, :columns]
                kept[f"{name}_{scheme}_{columns}"] = fit(make, scheme, y, v, x)
    np.savez_compressed(out, **kept)


def fit(make, scheme, y, v, x):
    """One model."""
    options = {} if scheme == "independent" else {"weight_scheme": scheme}
    groups = None if scheme == "independent" else GROUPS
    estimator = make(**options)
    estimator.fit_dataset(Dataset(y=y, v=v, X=x, g=groups, add_intercept=False))
    results = estimator.summary()
    dof = np.broadcast_to(np.asarray(results.fe_dof, dtype=float), results.fe_params.shape)
    columns = np.stack([results.fe_params, results.fe_se, dof], axis=1)
    tau2 = np.broadcast_to(np.ravel(results.tau2), y.shape[1:])
    return np.vstack([tau2, columns.reshape(-1, y.shape[1])])


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main(sys.argv[1])
