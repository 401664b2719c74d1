"""Nipype as the application runs it (no call home), and a dataset for nodes to work on."""

import os

import nibabel as nib
import numpy as np
import pytest

os.environ["NO_ET"] = os.environ["NIPYPE_NO_ET"] = "1"


@pytest.fixture(scope="session")
def dataset():
    """Six studies with four foci each, one of them without a focus, in a box of 6 mm voxels."""
    from nimare_pipeline.dataset import Dataset

    inside = np.zeros((16, 18, 14), dtype=np.uint8)
    inside[2:-2, 2:-2, 2:-2] = 1
    affine = np.array([[6.0, 0, 0, -45], [0, 6, 0, -51], [0, 0, 6, -39], [0, 0, 0, 1]])
    rng = np.random.default_rng(11)
    source = {}
    for number in range(6):
        xyz = np.vstack([rng.normal([12, 6, 3], 2, (2, 3)), rng.uniform(-25, 25, (2, 3))])
        x, y, z = np.round(xyz[: 0 if number == 5 else 4], 1).T.tolist()
        contrast = {
            "coords": {"space": "MNI", "x": x, "y": y, "z": z},
            "metadata": {"sample_sizes": [15 + number]},
        }
        source[f"s{number}"] = {"contrasts": {"a": contrast}}
    return Dataset(source, mask=nib.Nifti1Image(inside, affine))


@pytest.fixture(scope="session")
def dataset_file(dataset, tmp_path_factory):
    """File of the dataset."""
    return str(dataset.save(tmp_path_factory.mktemp("dataset") / "dataset.npz"))
