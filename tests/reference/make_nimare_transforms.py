"""Make nimare_transforms.npz: images computed from images as NiMARE 0.22.1 has it.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_transforms.py DATASET.json FOLDER OUT.npz``, with the 21 pain
studies whose images are cut to 10x10x10 voxels, and the folder of these images with their
``mask.nii.gz``. Kept is every 97th voxel (C order) of every fourth study: what is computed from t
and se, varcope computed from t and beta, and the sources themselves; and the conversions of
single numbers.
"""

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from nilearn.maskers import NiftiMasker
from nimare import transforms

TARGETS = ("z", "p", "varcope", "beta", "d", "g", "g_var")
STEP = 97


def main(dataset_file, folder, out):
    """Write the file."""
    folder = Path(folder)
    mask = nib.load(folder / "mask.nii.gz")
    masker = NiftiMasker(nib.Nifti1Image(np.ones(mask.shape, np.int32), mask.affine)).fit()
    found = {name: [] for name in ("t", "se", "effect", "n", "varcope_of_t_and_beta", *TARGETS)}
    studies = json.loads(Path(dataset_file).read_text())
    for study in list(studies.values())[::4]:
        for contrast in study["contrasts"].values():
            paths = {k: str(folder / v) for k, v in contrast["images"].items() if k != "space"}
            sizes = contrast["metadata"]["sample_sizes"]
            found["n"].append(float(sum(sizes)))
            for name, kind in (("t", "t"), ("se", "se"), ("effect", "beta")):
                found[name].append(_values(nib.load(paths[kind])))
            for target in TARGETS:
                given = {"t": paths["t"], "se": paths["se"], "sample_sizes": sizes}
                image = transforms.resolve_transforms(target, given, masker)
                found[target].append(_values(image))
            given = {"t": paths["t"], "beta": paths["beta"], "sample_sizes": sizes}
            image = transforms.resolve_transforms("varcope", given, masker)
            found["varcope_of_t_and_beta"].append(_values(image))
    t = np.array([-135.0, -40, -8, -0.5, 0.01, 1, 3, 10, 40, 135, 1000])
    z = np.array([-40.0, -8, -0.5, 0.01, 1, 3, 8, 20, 37])
    p = np.array([1e-300, 1e-20, 0.001, 0.05, 0.5, 0.9, 1])
    chi2 = np.array([0.01, 1, 4, 50, 1000])
    numbers = {"number_t": t, "number_z": z, "number_p": p, "number_chi2": chi2}
    for dof in (4, 19, 149):
        numbers[f"t_to_z_{dof}"] = transforms.t_to_z(t.copy(), dof)
        numbers[f"z_to_t_{dof}"] = transforms.z_to_t(z.copy(), dof)
    for tail in ("one", "two"):
        numbers[f"z_to_nlogp_{tail}"] = transforms.z_to_nlogp(z, tail=tail)
        numbers[f"p_to_z_{tail}"] = transforms.p_to_z(p, tail=tail)
    numbers["chi2_to_nlogp"] = transforms.chi2_to_nlogp(chi2, 1)
    np.savez_compressed(
        Path(out),
        **{name: np.array(values, dtype=np.float32) for name, values in found.items()},
        **{name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()},
    )


def _values(image):
    return np.asarray(image.get_fdata()).reshape(-1)[::STEP]


if __name__ == "__main__":
    main(*sys.argv[1:])
