"""Make nimare_combination.npz: combination tests of dependent images as NiMARE 0.22.1 has them.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_combination.py OUT.npz``. Eleven images of seven studies over
a mask of 512 voxels (z and beta alike), some without data in a corner; it writes the images, and
z, p and degrees of freedom of each test.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
from nimare.dataset import Dataset
from nimare.meta.ibma import Fishers, PermutedOLS, Stouffers

GROUPS = [0, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6]
SIZES = [12, 15, 20, 25, 18, 30, 22, 16, 40, 9, 11]
SHAPE = (8, 8, 8)
TESTS = {
    "stouffer": Stouffers,
    "stouffer_n": lambda **more: Stouffers(use_sample_size=True, **more),
    "fisher": Fishers,
    "fisher_n": lambda **more: Fishers(use_sample_size=True, **more),
    "fisher_one": lambda **more: Fishers(two_sided=False, **more),
    "stouffer_one": lambda **more: Stouffers(two_sided=False, **more),
    "ols": PermutedOLS,
    "ols_n": lambda **more: PermutedOLS(use_sample_size=True, **more),
}


def images():
    """Noise that images of a study share in part, and an effect in half of the voxels."""
    rng = np.random.default_rng(22)
    shared = rng.normal(size=(max(GROUPS) + 1, 512))
    own = rng.normal(size=(len(GROUPS), 512))
    z = np.sqrt(0.6) * shared[GROUPS] + np.sqrt(0.4) * own
    z[:, ::2] += 0.8
    z[9] = 0.5 * z[9] - 0.9 * z[10]
    return np.round(z, 4).astype(np.float32)


def main(out):
    """Write the images and what NiMARE makes of them, complete and with gaps."""
    z = images()
    gaps = z.copy()
    gaps[4, :100] = 0
    gaps[6, 60:180] = 0
    found = {"z": z, "gaps": gaps, "groups": GROUPS, "sizes": SIZES}
    with tempfile.TemporaryDirectory() as folder:
        mask = nib.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4))
        for name, values in (("full", z), ("gaps", gaps)):
            studies = {}
            for i, (group, size) in enumerate(zip(GROUPS, SIZES, strict=True)):
                path = Path(folder) / f"{name}{i}.nii.gz"
                nib.save(nib.Nifti1Image(values[i].reshape(SHAPE), np.eye(4)), path)
                contrast = {
                    "images": {"z": str(path), "beta": str(path)},
                    "metadata": {"sample_sizes": [size]},
                    "coords": {"space": "MNI", "x": [0.0], "y": [0.0], "z": [0.0]},
                }
                studies.setdefault(f"s{group}", {"contrasts": {}})["contrasts"][f"c{i}"] = contrast
            dataset = Dataset(studies, mask=mask)
            for test, make in TESTS.items():
                result = make(mask=mask).fit(dataset)
                for kind in ("z", "p", "dof"):
                    found[f"{name}_{test}_{kind}"] = np.asarray(result.maps[kind])
                if test == "stouffer":
                    found[f"{name}_corr"] = result.estimator.inputs_["corr_matrix"]
    np.savez_compressed(out, **found)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
