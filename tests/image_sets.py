"""Small datasets of images on disk, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.dataset import Dataset

AFFINE = np.array([[2.0, 0, 0, -10], [0, 2, 0, -8], [0, 0, 2, -6], [0, 0, 0, 1]])
SHAPE = (8, 9, 10)


def small_mask() -> BrainMask:
    """A box within a grid of 8 x 9 x 10 voxels of 2 mm, 6 x 7 x 8 of them inside."""
    inside = np.zeros(SHAPE, dtype=bool)
    inside[1:-1, 1:-1, 1:-1] = True
    return BrainMask(inside, AFFINE, "box")


def write(path: Path, values: NDArray[Any], affine: NDArray[Any] = AFFINE) -> Path:
    """A NIfTI file of values as they are, whose header says where they lie."""
    image = nib.Nifti1Image(values, affine)
    image.set_sform(affine, code=4)
    nib.save(image, path)
    return path


def dataset_of(
    images: Mapping[str, Mapping[str, Any]],
    *,
    sizes: Mapping[str, list[int]] | None = None,
    mask: BrainMask | None = None,
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
) -> Dataset:
    """Dataset of contrasts, ``study`` or ``study/contrast``, to paths of their images."""
    source: dict[str, Any] = {}
    for name, files in images.items():
        study, _, contrast = name.partition("/")
        about = dict((metadata or {}).get(name, {}))
        if name in (sizes or {}):
            about["sample_sizes"] = (sizes or {})[name]
        source.setdefault(study, {"contrasts": {}})["contrasts"][contrast or "1"] = {
            "images": {kind: str(path) for kind, path in files.items()},
            "metadata": about,
        }
    return Dataset(source, mask=small_mask() if mask is None else mask)


def noise(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    """Standard normal values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
