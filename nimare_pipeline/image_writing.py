"""Files of images that were computed: their names, and what they hold."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.derivative_names import template_label
from nimare_pipeline.errors import DataError, OutputError
from nimare_pipeline.labels import label
from nimare_pipeline.volumes import read_volume
from nimare_pipeline.writing import write_file

_STATISTICS = {"beta": "effect", "varcope": "variance", "g_var": "gvar"}
"""Kinds whose name in ``stat-`` of a file is another."""


def image_name(labels: tuple[str, str], kind: str, space: str) -> str:
    """Name of the file of an image, by the labels of its study and contrast."""
    study, contrast = labels
    statistic = _STATISTICS.get(kind, kind)
    template = template_label(space)
    return f"study-{study}_contrast-{contrast}_space-{template}_stat-{statistic}_statmap.nii.gz"


def write_image(
    path: Path, dataset: Dataset, values: NDArray[np.float32], *, overwrite: bool = False
) -> None:
    """Write an image on the grid of the mask; NaN where it has no value.

    Raises
    ------
    OutputError
        If the file is there with other values, and ``overwrite`` is not asked for; or if the
        place cannot be written.
    """
    image = dataset.mask.image(np.asarray(values, dtype=np.float32), np.nan)
    if path.exists() and not overwrite:
        if _holds(path, image):
            return
        msg = f"{path} is there with other values; overwrite=True replaces it"
        raise OutputError(msg)
    write_file(path, gzip.compress(image.to_bytes(), 6, mtime=0))


def labels_of(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """Labels of the study and of the contrast by id: letters and digits, no two alike."""
    found: dict[str, tuple[str, str]] = {}
    studies: dict[str, str] = {}
    taken: dict[str, set[str]] = {"": set()}
    columns = [dataset.images[name].tolist() for name in ("id", "study_id", "contrast_id")]
    for name, study, contrast in zip(*columns, strict=True):
        if study not in studies:
            studies[study] = _free(str(study), taken[""])
            taken[studies[study]] = set()
        found[name] = (studies[study], _free(str(contrast), taken[studies[study]]))
    return found


def _free(text: str, taken: set[str]) -> str:
    """Label of a text that is not taken, whatever the case; it is taken afterwards."""
    stem = name = label(f"x{text}")[1:] or "x"
    n = 1
    while name.casefold() in taken:
        n += 1
        name = f"{stem}x{n}"
    taken.add(name.casefold())
    return name


def _holds(path: Path, image: nib.Nifti1Image) -> bool:
    """Whether a file has the same values at the same places."""
    try:
        there = read_volume(path)
    except DataError:
        return False
    same_place = np.allclose(there.affine, image.affine, atol=1e-3)
    return same_place and np.array_equal(there.values, image.get_fdata(), equal_nan=True)
