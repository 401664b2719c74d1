"""A small folder of studies with statistical images, and a mask that holds them."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.generate import Blob, create_image_dataset

SHAPE = (12, 14, 12)
AFFINE = np.array([[2.0, 0, 0, -12], [0, 2, 0, 0], [0, 0, 2, 30], [0, 0, 0, 1]])
"""A corner of it lies at (-12, 0, 30), on the voxels of the template."""
COLUMNS = {
    "beta": "effect_map",
    "varcope": "variance_map",
    "se": "se_map",
    "t": "t_map",
    "z": "z_map",
}
AGES = (21, 34, 28, 45, 39, 25, 52, 31, 47, 36)


def box() -> BrainMask:
    """Mask of a small block of voxels."""
    return BrainMask(np.ones(SHAPE, dtype=bool), AFFINE)


def write_studies(
    folder: Path,
    n_studies: int = 8,
    kinds: Sequence[str] = ("beta", "varcope"),
    effect: float = 1.2,
    sample_sizes: Sequence[int] = (12, 16, 20, 24),
) -> Path:
    """Put images of simulated studies, a table of them and ``box.nii.gz`` into a folder ``in``."""
    inner = folder / "in"
    inner.mkdir(parents=True)
    create_image_dataset(
        inner,
        n_studies=n_studies,
        sample_sizes=sample_sizes,
        blobs=[Blob((-2.0, 14.0, 40.0), effect, 8.0)],
        kinds=kinds,
        mask=box(),
        seed=5,
    )
    rows = [
        "\t".join(["study_id", "contrast_id", "sample_size", "age", *(COLUMNS[k] for k in kinds)])
    ]
    for i in range(n_studies):
        study = f"study-{i + 1:02d}"
        files = [f"{study}_stat-{kind}_statmap.nii.gz" for kind in kinds]
        size, age = sample_sizes[i % len(sample_sizes)], AGES[i % len(AGES)]
        rows.append("\t".join([study, "1", str(size), str(age), *files]))
    (inner / "contrasts.tsv").write_text("".join(f"{row}\n" for row in rows))
    nib.save(box().as_image(), folder / "box.nii.gz")
    return inner
