"""Nipype as the application runs it (no call home), and a dataset small enough for whole runs."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.settings import Analysis, Component, Settings

os.environ["NO_ET"] = os.environ["NIPYPE_NO_ET"] = "1"

N_ITERS = 60


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Several blocks in few iterations."""
    monkeypatch.setattr("nimare_pipeline.defaults.MONTECARLO_BLOCK", 10)


def ellipsoid() -> nib.Nifti1Image:
    """A coarse mask."""
    affine = np.array([[5.0, 0, 0, -50], [0, 5, 0, -60], [0, 0, 5, -40], [0, 0, 0, 1]])
    ijk = np.moveaxis(np.indices((21, 25, 19)), 0, -1)
    inside = (((ijk - [10, 12, 9]) / [9, 11, 8]) ** 2).sum(axis=-1) <= 1
    return nib.Nifti1Image(inside.astype(np.uint8), affine)


def make_small(n_studies: int = 8) -> dict[str, Any]:
    """Studies of six foci, three of them near one place, as a NiMARE Dataset dictionary."""
    rng = np.random.default_rng(5)
    source = {}
    for number in range(n_studies):
        near = np.array([20.0, 10, 5]) + rng.normal(0, 3, (3, 3))
        far = rng.uniform([-35, -45, -25], [35, 45, 25], (3, 3))
        x, y, z = np.round(np.concatenate([near, far]), 1).T.tolist()
        contrast = {
            "coords": {"space": "MNI", "x": x, "y": y, "z": z},
            "metadata": {"sample_sizes": [12 + number]},
        }
        source[f"study{number}"] = {"contrasts": {"1": contrast}}
    return source


@pytest.fixture(scope="session")
def small_dataset():
    """Eight studies on a coarse mask."""
    from nimare_pipeline.dataset import Dataset

    return Dataset(make_small(), mask=ellipsoid())


@pytest.fixture
def analysis() -> Analysis:
    """ALE with few iterations."""
    args = {"method": "montecarlo", "n_iters": N_ITERS, "voxel_thresh": 0.01}
    return Analysis("small", corrector=Component("FWECorrector", args))


def make_settings_in(folder: Path, **changes) -> Settings:
    """Settings of a run in folders below one; keywords change them."""
    work_dir = Path(changes.pop("work_dir", folder / "work"))
    work_dir.mkdir(exist_ok=True)
    values = {
        "bids_dir": str(folder / "in"),
        "output_dir": str(folder / "out"),
        "work_dir": str(work_dir),
        "run_uuid": "20260101-000000_test",
    }
    return Settings(**(values | changes))


@pytest.fixture
def make_settings(tmp_path):
    """Settings of a run in folders of this test; keywords change them."""
    return partial(make_settings_in, tmp_path)
