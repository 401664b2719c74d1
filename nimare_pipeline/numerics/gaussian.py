"""Gaussian kernels of activation likelihood estimation.

Width from sample size: Eickhoff et al. 2009 (doi 10.1002/hbm.20718), from the mean Euclidean
distances between templates (5.7 mm) and between subjects (11.6 mm).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.jit import compiled

TEMPLATE_DISTANCE_MM = 5.7
SUBJECT_DISTANCE_MM = 11.6
SMALLEST_MA = 2.0**-27
"""A kernel ends where the modelled activation falls below this (7.5e-9): smaller values round to 0
in the integers of the Monte Carlo engine, and GingerALE's ALE image is met to 4.6e-8."""
_FAR_SD2 = 64.0
FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
SAMPLED_TRUNCATION = 4.0
"""The sampled Gaussian of other tools ends at this many standard deviations."""
MATLAB_TRUNCATION = 3.5
"""That of Eickhoff's MATLAB code ends here."""
SAMPLED_CUBE_MM = 30.0
"""Half side of the cube that other tools sample the Gaussian in (31 voxels of 2 mm)."""


def fwhm_from_sample_size(sample_size: NDArray[Any] | float) -> NDArray[np.float64]:
    """Full width at half maximum of an experiment's kernel, mm.

    ``c = sqrt(8 ln 2) / (2 sqrt(2 / pi))`` turns a mean Euclidean distance into a FWHM;
    ``FWHM(N)^2 = (5.7 c)^2 + (11.6 c)^2 / N``.

    Parameters
    ----------
    sample_size : array or float
        Number of participants, > 0; NaN gives NaN.
    """
    c = FWHM_PER_SIGMA / (2 * math.sqrt(2 / math.pi))
    template, subject = TEMPLATE_DISTANCE_MM * c, SUBJECT_DISTANCE_MM * c
    return np.sqrt(template**2 + subject**2 / np.asarray(sample_size, dtype=float))


def voxel_volume(affine: NDArray[np.float64]) -> float:
    """Volume of a voxel, mm3.

    The triple product of the axes is exact where a determinant by elimination is not: 8, not
    7.999....
    """
    a, b, c = affine[:3, :3].T
    return float(abs(a @ np.cross(b, c)))


def peak_height(fwhm_mm: float, voxel_volume_mm3: float) -> float:
    """Modelled activation at distance 0: Gaussian density times the volume of a voxel.

    Raises
    ------
    ValueError
        If it is 1 or more: the kernel is too narrow for the voxels to be a probability.
    """
    sigma = fwhm_mm / FWHM_PER_SIGMA
    peak = voxel_volume_mm3 * (2 * math.pi * sigma**2) ** -1.5
    if not peak < 1:
        msg = (
            f"kernel FWHM of {fwhm_mm:g} mm is too narrow for voxels of {voxel_volume_mm3:g} mm3: "
            "the activation probability of one voxel would reach 1"
        )
        raise ValueError(msg)
    return peak


def reach_mm(fwhm_mm: float, voxel_volume_mm3: float) -> float:
    """Distance at which the modelled activation falls below ``SMALLEST_MA``, mm."""
    sigma = fwhm_mm / FWHM_PER_SIGMA
    return sigma * math.sqrt(
        2 * math.log(max(peak_height(fwhm_mm, voxel_volume_mm3) / SMALLEST_MA, 1.0))
    )


def reach_voxels(distance_mm: float, affine: NDArray[np.float64]) -> NDArray[np.int64]:
    """Half extent, in voxels along each axis, of a ball of that radius; any affine."""
    inverse = np.linalg.inv(affine[:3, :3])
    return np.floor(distance_mm * np.sqrt((inverse**2).sum(axis=1)) + 1e-6).astype(np.int64)


@compiled
def density(distance2, peak, sigma):  # type: ignore[no-untyped-def]
    """Modelled activation at a squared distance (mm2); 0 below ``SMALLEST_MA``."""
    if distance2 > _FAR_SD2 * sigma * sigma:  # spares the exponential: exp(-32) < 2**-27
        return 0.0
    ma = peak * math.exp(-distance2 / (2.0 * sigma * sigma))
    if ma < SMALLEST_MA:
        return 0.0
    return ma


def density_kernel(fwhm_mm: float, affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Modelled activation around a focus at a voxel centre: the density at the true distances.

    Returns
    -------
    (2a+1, 2b+1, 2c+1) float array
        Centre is distance 0.
    """
    volume = voxel_volume(affine)
    peak, sigma = peak_height(fwhm_mm, volume), fwhm_mm / FWHM_PER_SIGMA
    half = reach_voxels(reach_mm(fwhm_mm, volume), affine)
    return _fill_kernel(half, np.ascontiguousarray(affine[:3, :3]), peak, sigma)


@compiled
def _fill_kernel(half, linear, peak, sigma):  # type: ignore[no-untyped-def]
    kernel = np.empty((2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1))
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            for k in range(kernel.shape[2]):
                kernel[i, j, k] = density(
                    distance2_mm(linear, i - half[0], j - half[1], k - half[2]), peak, sigma
                )
    return kernel


@compiled
def distance2_mm(linear, di, dj, dk):  # type: ignore[no-untyped-def]
    """Squared length in mm of a step of (di, dj, dk) voxels."""
    x = linear[0, 0] * di + linear[0, 1] * dj + linear[0, 2] * dk
    y = linear[1, 0] * di + linear[1, 1] * dj + linear[1, 2] * dk
    z = linear[2, 0] * di + linear[2, 1] * dj + linear[2, 2] * dk
    return x * x + y * y + z * z


def sampled_kernel(
    fwhm_mm: float, affine: NDArray[np.float64], voxelization: str = "half-even"
) -> NDArray[np.float64]:
    """Separable, normalised, truncated Gaussian on the voxel grid, as other tools build it.

    Weights of each axis are ``exp(-x^2 / 2 sigma^2)`` at whole voxels out to
    ``int(4 sigma + 0.5)``, divided by their sum; the kernel is their product, cut to a cube of
    31 voxels of 2 mm. This is an impulse filtered by ``scipy.ndimage.gaussian_filter``, which
    NiMARE and JALE use. The MATLAB code that rounds ``half-up`` ends at ``ceil(3.5 sigma)``: its
    peaks are up to 6e-4 higher.

    Returns
    -------
    (2a+1, 2b+1, 2c+1) float array
    """
    sigma_mm = fwhm_mm / FWHM_PER_SIGMA
    zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    peak_height(fwhm_mm, float(np.prod(zooms)))
    weights = []
    for zoom in zooms:
        sigma = sigma_mm / zoom
        radius = (
            math.ceil(MATLAB_TRUNCATION * sigma)
            if voxelization == "half-up"
            else int(SAMPLED_TRUNCATION * sigma + 0.5)
        )
        x = np.arange(-radius, radius + 1)
        weight = np.exp(-0.5 * (x / sigma) ** 2)
        weight /= weight.sum()
        cut = max(radius - max(15, int(SAMPLED_CUBE_MM / zoom)), 0)
        weights.append(weight[cut : len(weight) - cut])
    kernel: NDArray[np.float64] = np.einsum("i,j,k->ijk", *weights)
    kernel[kernel <= np.finfo(float).eps] = 0
    return kernel
