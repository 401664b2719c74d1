"""The analysis mask: a boolean volume, its grid, and the way between masked vectors and images."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.errors import DataError
from nimare_pipeline.numerics.gaussian import voxel_volume

_MOST_VOXELS = 2**27
"""Of a mask: a brain in voxels of half a millimetre has half of it."""


@dataclass(frozen=True)
class BrainMask:
    """Voxels that are analysed.

    Parameters
    ----------
    inside : (X, Y, Z) bool array
        True in the mask.
    affine : (4, 4) float array
        Voxel indices to mm.
    name : str
        What to call it in reports, for example ``MNI152NLin6Asym, 2 mm``.
    """

    inside: NDArray[np.bool_]
    affine: NDArray[np.float64]
    name: str = field(default="user mask")

    @classmethod
    def from_image(cls, image: Any, name: str = "user mask") -> "BrainMask":
        """Mask from a nibabel image or a file: voxels that are finite and not 0.

        Raises
        ------
        DataError
            If the image is not 3-D, too large, lies nowhere in mm, or holds no such voxel.
        """
        image = image if hasattr(image, "affine") else nib.load(image)
        # A header of a few bytes may claim any size.
        if math.prod(image.shape) > _MOST_VOXELS:
            msg = f"mask {name}: an image of {image.shape} voxels is too large"
            raise DataError(msg)
        if not np.isfinite(image.affine).all() or not np.linalg.det(image.affine):
            msg = f"mask {name}: its affine tells no place in mm"
            raise DataError(msg)
        values = np.asanyarray(image.dataobj)
        if values.ndim == 4 and values.shape[3] == 1:
            values = values[..., 0]
        if values.ndim != 3:
            msg = f"mask {name}: expected a 3-D image, got shape {values.shape}"
            raise DataError(msg)
        inside = np.isfinite(values) & (values != 0)
        if not inside.any():
            msg = f"mask {name} is empty: no voxel differs from 0"
            raise DataError(msg)
        return cls(np.ascontiguousarray(inside), np.asarray(image.affine, dtype=float), name)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the grid."""
        x, y, z = self.inside.shape
        return x, y, z

    @cached_property
    def n_voxels(self) -> int:
        """Number of voxels in the mask, length of a masked vector."""
        return int(self.inside.sum())

    @property
    def zooms(self) -> tuple[float, float, float]:
        """Voxel size along each axis, mm."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(x), float(y), float(z)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of a voxel, mm3."""
        return voxel_volume(self.affine)

    def volume(self, values: NDArray[Any], outside: float = 0) -> NDArray[Any]:
        """Masked vector to a volume, ``outside`` elsewhere. C order of the mask."""
        out = np.full(self.shape, outside, dtype=np.asarray(values).dtype)
        out[self.inside] = values
        return out

    def image(self, values: NDArray[Any], outside: float = 0) -> nib.Nifti1Image:
        """Masked vector to a NIfTI image in mm of the template (sform code 4)."""
        image = nib.Nifti1Image(self.volume(values, outside), self.affine)
        image.header.set_xyzt_units("mm")
        image.set_sform(self.affine, code=4)
        image.set_qform(self.affine, code=4)
        return image

    def as_image(self) -> nib.Nifti1Image:
        """The mask itself as a uint8 image."""
        return self.image(np.ones(self.n_voxels, dtype=np.uint8))

    def masker(self) -> Any:
        """Nilearn NiftiMasker of the mask, fitted: values as they are, not standardised."""
        from nilearn.maskers import NiftiMasker

        return NiftiMasker(mask_img=self.as_image(), standardize=None).fit()
