"""Simulated studies whose truth is known: for tests, error rates and teaching."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr
from scipy.stats import chi2

from nimare_pipeline import defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.numerics.conversions import t_to_z
from nimare_pipeline.writing import write_file

FWHM_TO_SD = 1 / np.sqrt(8 * np.log(2))
_KINDS = ("beta", "varcope", "se", "t", "z")


@dataclass(frozen=True)
class Blob:
    """A Gaussian blob of true effect.

    Parameters
    ----------
    xyz : (3,) floats
        Centre, mm.
    effect : float
        Mean of the studies' effects at the centre, in standard deviations of a participant.
    fwhm_mm : float
        Width.
    """

    xyz: tuple[float, float, float]
    effect: float
    fwhm_mm: float = 16.0


def truth(blobs: Sequence[Blob], mask: BrainMask) -> NDArray[np.float64]:
    """Mean effect at each voxel of a mask, (n_voxels,), in standard deviations."""
    points = np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    total = np.zeros(mask.n_voxels)
    for blob in blobs:
        sd = blob.fwhm_mm * FWHM_TO_SD
        squared = ((points - np.array(blob.xyz)) ** 2).sum(axis=1)
        total += blob.effect * np.exp(-squared / (2 * sd**2))
    return total


def smooth_field(rng: np.random.Generator, mask: BrainMask, fwhm_mm: float) -> NDArray[np.float64]:
    """Gaussian random field over a mask, (n_voxels,): mean 0 and variance 1 at every voxel."""
    sd = [fwhm_mm * FWHM_TO_SD / zoom for zoom in mask.zooms]
    noise = rng.standard_normal(mask.shape)
    impulse = np.zeros(mask.shape)
    impulse[tuple(size // 2 for size in mask.shape)] = 1.0
    # The grid is wrapped around, so that voxels near its end are as smooth as the others.
    scale = np.sqrt((ndimage.gaussian_filter(impulse, sd, mode="wrap") ** 2).sum())
    return np.asarray(ndimage.gaussian_filter(noise, sd, mode="wrap")[mask.inside] / scale)


def study_images(
    rng: np.random.Generator,
    effect: NDArray[np.float64],
    n: int,
    mask: BrainMask,
    *,
    tau: float = 0.0,
    fwhm_mm: float = 8.0,
) -> dict[str, NDArray[np.float64]]:
    """Images of one study of n people, as its one-sample t test would give them.

    The study's own effect is the mean effect and a smooth field of standard deviation ``tau``;
    ``beta`` has the standard error 1 / sqrt(n), and ``varcope`` is its estimate, chi-square with
    n - 1 degrees of freedom and independent of ``beta``, so that ``t`` has its distribution at
    every voxel.

    Returns
    -------
    dict of str to (n_voxels,) array
        ``beta``, ``varcope``, ``se``, ``t`` and ``z``.
    """
    beta = effect + smooth_field(rng, mask, fwhm_mm) / np.sqrt(n)
    if tau:
        beta = beta + tau * smooth_field(rng, mask, fwhm_mm)
    share = ndtr(smooth_field(rng, mask, fwhm_mm))
    varcope = chi2.ppf(share, n - 1) / (n - 1) / n
    t = beta / np.sqrt(varcope)
    z = t_to_z(t, n - 1)
    return {"beta": beta, "varcope": varcope, "se": np.sqrt(varcope), "t": t, "z": z}


def create_image_dataset(  # noqa: PLR0913 - what a set of studies is described by
    folder: str | Path,
    *,
    n_studies: int = 21,
    sample_sizes: Sequence[int] = (16, 20, 24, 32),
    blobs: Sequence[Blob] = (Blob((2.0, 14.0, 38.0), 0.6),),
    tau: float = 0.2,
    fwhm_mm: float = 8.0,
    kinds: Sequence[str] = ("beta", "varcope"),
    mask: BrainMask | None = None,
    seed: int = defaults.SEED,
) -> tuple[Dataset, NDArray[np.float64]]:
    """Simulate studies and write their images.

    Parameters
    ----------
    folder : path
        Where images are written, ``study-<nn>_stat-<kind>_statmap.nii.gz``.
    n_studies : int
    sample_sizes : sequence of int
        Of the studies in turn, each at least 3.
    blobs : sequence of Blob
        True effects.
    tau : float
        Standard deviation between studies, in standard deviations of a participant.
    fwhm_mm : float
        Smoothness of the noise.
    kinds : sequence of str
        Images that are written: ``beta``, ``varcope``, ``se``, ``t``, ``z``.
    mask : BrainMask, optional
        Where; the brain mask in 2 mm by default. Images are 0 outside.
    seed : int

    Returns
    -------
    dataset : Dataset
    truth : (n_voxels,) array
        Mean effect at each voxel.

    Raises
    ------
    UsageError
        For kinds or numbers that mean nothing.
    OutputError
        If the images cannot be written.
    """
    unknown = [kind for kind in kinds if kind not in _KINDS]
    if unknown or n_studies < 1 or min(sample_sizes, default=0) < 3:
        msg = (
            f"expected kinds out of {', '.join(_KINDS)}, at least 1 study and sample sizes of at "
            f"least 3, got {list(kinds)}, {n_studies} and {list(sample_sizes)}"
        )
        raise UsageError(msg)
    mask = spaces.template_mask(defaults.TARGET_SPACE) if mask is None else mask
    rng = np.random.default_rng(seed)
    effect = truth(blobs, mask)
    contrasts = []
    for number in range(n_studies):
        n, study = sample_sizes[number % len(sample_sizes)], f"study-{number + 1:02d}"
        made = study_images(rng, effect, n, mask, tau=tau, fwhm_mm=fwhm_mm)
        paths = {kind: Path(folder) / f"{study}_stat-{kind}_statmap.nii.gz" for kind in kinds}
        for kind, path in paths.items():
            _write(mask.image(made[kind].astype(np.float32)), path)
        images = {kind: str(path.absolute()) for kind, path in paths.items()}
        contrasts.append(Contrast(study, "1", sample_sizes=(n,), images=images))
    return Dataset.from_contrasts(contrasts, mask=mask), effect


def _write(image: nib.Nifti1Image, path: Path) -> None:
    import gzip

    write_file(path, gzip.compress(image.to_bytes(), 1, mtime=0))
