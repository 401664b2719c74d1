"""Datasets that the estimators' tests share."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.spaces import data_path


def dataset_of(contrasts: dict[str, tuple[list[float] | None, list]], **options) -> Dataset:  # type: ignore[no-untyped-def]
    """Dataset from study name to (sample sizes, foci in MNI mm)."""
    source = {}
    for name, (sizes, foci) in contrasts.items():
        x, y, z = np.array(foci, dtype=float).reshape(-1, 3).T.tolist()
        source[name] = {
            "contrasts": {
                "1": {
                    "coords": {"space": "MNI", "x": x, "y": y, "z": z},
                    "metadata": {"sample_sizes": sizes} if sizes else {},
                }
            }
        }
    return Dataset(source, **options)


@pytest.fixture(scope="session")
def pain() -> Dataset:
    """The shipped example: 21 pain studies, 267 foci."""
    (path,) = data_path("examples/pain").glob("*.json")
    return Dataset(path)


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """Five studies whose ALE was worked out by hand in the reference."""
    return dataset_of(
        {
            "s0": ([20], [(0, 0, 0), (10, 0, 0)]),
            "s1": ([20], [(0, 0, 0)]),
            "s2": ([10], [(4, 0, 0), (-40, -20, 50)]),
            "s3": ([30], [(2, 2, 0)]),
            "s4": ([15], [(-40, -22, 50), (0, 0, 2), (200, 0, 0)]),
        }
    )


@pytest.fixture(scope="session")
def gingerale(shared_data: Path) -> dict:  # type: ignore[type-arg]
    """GingerALE's own output for EickhoffHBM09: images on its grid, and what it was given."""
    folder = shared_data / "references" / "gingerale" / "EickhoffHBM09"
    ale_image = nib.load(folder / "EickhoffHBM09_ALE.nii.gz")
    ale = np.asarray(ale_image.dataobj, dtype=float)[..., 0]
    mask = BrainMask(ale > 0, np.asarray(ale_image.affine, dtype=float), "GingerALE")
    p = np.asarray(nib.load(folder / "EickhoffHBM09_P.nii.gz").dataobj, dtype=float)[..., 0]
    from nimare_pipeline.io import convert_sleuth_to_dataset

    dataset = convert_sleuth_to_dataset(folder / "EickhoffHBM09.txt")
    return {"ale": ale[mask.inside], "p": p[mask.inside], "mask": mask, "dataset": dataset}


def example_json() -> dict:  # type: ignore[type-arg]
    """The shipped example as a dictionary."""
    (path,) = data_path("examples/pain").glob("*.json")
    return json.loads(path.read_text())  # type: ignore[no-any-return]
