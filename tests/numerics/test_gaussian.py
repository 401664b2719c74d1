"""ALE kernels against the published widths, peak heights and closed forms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nimare_pipeline.numerics.gaussian import (
    SMALLEST_MA,
    density_kernel,
    fwhm_from_sample_size,
    peak_height,
    reach_mm,
    sampled_kernel,
)

# N, FWHM mm and side of the sampled kernel at 2 mm, as published for NiMARE 0.22.1.
KERNELS = [
    (5, 11.373345, 21),
    (10, 10.002568, 17),
    (15, 9.501798, 17),
    (20, 9.241243, 17),
    (25, 9.081322, 17),
    (30, 8.973125, 17),
    (50, 8.752719, 15),
    (100, 8.583702, 15),
]
PEER = Path(__file__).parents[1] / "reference" / "nimare_pain.npz"


def grid(*zooms: float) -> np.ndarray:
    return np.diag([*zooms, 1.0])


@pytest.mark.parametrize(("n", "fwhm", "side"), KERNELS)
def test_sampled_kernel_has_the_peers_width_side_and_peak(n: int, fwhm: float, side: int) -> None:
    """Width from N and extent are the table's; the height is the peer's to its float32."""
    width = float(fwhm_from_sample_size(n))
    kernel = sampled_kernel(width, grid(2, 2, 2))
    assert width == pytest.approx(fwhm, abs=5e-7)
    assert kernel.shape == (side, side, side)
    with np.load(PEER) as peer:
        peaks = dict(zip(peer["kernel_sizes"].tolist(), peer["kernel_peaks"], strict=True))
    assert kernel.max() == pytest.approx(peaks[n], rel=6e-8)


@pytest.mark.parametrize(
    ("fwhm", "side", "peak"),
    [(6, 11, 0.0307080), (8, 15, 0.0129549), (10, 17, 0.00663381), (12, 21, 0.00383878)],
)
def test_sampled_kernel_of_a_given_width(fwhm: float, side: int, peak: float) -> None:
    """One width for all: the rows of the table with a fwhm argument."""
    kernel = sampled_kernel(fwhm, grid(2, 2, 2))
    assert kernel.shape == (side, side, side)
    assert kernel.max() == pytest.approx(peak, rel=1e-5)


@pytest.mark.parametrize(("n", "fwhm", "total"), [(1, None, 0.99976), (None, 20.0, 0.99935)])
def test_wide_sampled_kernels_are_cut_to_the_cube(
    n: int | None, fwhm: float | None, total: float
) -> None:
    """A kernel wider than 31 voxels of 2 mm is cut there and not renormalised."""
    width = fwhm if n is None else float(fwhm_from_sample_size(n))
    kernel = sampled_kernel(width, grid(2, 2, 2))
    assert kernel.shape == (31, 31, 31)
    assert kernel.sum() == pytest.approx(total, abs=5e-6)


@pytest.mark.parametrize("zooms", [(2, 2, 2), (1, 1, 1), (3, 3, 3), (2, 2, 4)])
def test_sampled_kernel_is_a_filtered_impulse(zooms: tuple[float, float, float]) -> None:
    """On any grid the kernel is scipy's Gaussian filter of a unit impulse, sigma per axis."""
    kernel = sampled_kernel(9.0, grid(*zooms))
    impulse = np.zeros(kernel.shape)
    impulse[tuple(side // 2 for side in kernel.shape)] = 1
    sigma = [9.0 / np.sqrt(8 * np.log(2)) / zoom for zoom in zooms]
    expected = gaussian_filter(impulse, sigma, mode="constant", truncate=4)
    np.testing.assert_allclose(kernel, expected, atol=3e-16)


@pytest.mark.parametrize("zooms", [(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4), (2, 3, 4)])
def test_density_kernel_keeps_its_width_in_mm(zooms: tuple[float, float, float]) -> None:
    """Half of the peak is reached at half the FWHM in mm, whatever the voxels."""
    fwhm = 12.0
    affine = grid(*zooms)
    kernel = density_kernel(fwhm, affine)
    centre = tuple(side // 2 for side in kernel.shape)
    for axis, zoom in enumerate(zooms):
        line = kernel[tuple(slice(None) if a == axis else c for a, c in enumerate(centre))]
        mm = (np.arange(len(line)) - centre[axis]) * zoom
        np.testing.assert_allclose(
            line, kernel[centre] * 0.5 ** ((2 * mm / fwhm) ** 2), rtol=1e-12, atol=SMALLEST_MA
        )


def test_density_kernel_sums_to_one() -> None:
    """Density times voxel volume: the modelled activation adds up to one focus."""
    for zooms in [(1, 1, 1), (2, 2, 2), (2, 3, 4)]:
        assert density_kernel(10.0, grid(*zooms)).sum() == pytest.approx(1, abs=2e-4)


def test_density_kernel_on_an_oblique_grid_depends_on_distance_only() -> None:
    """A rotated grid gives the same values at the same distances."""
    angle = 0.3
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = 2 * turn
    np.testing.assert_allclose(
        density_kernel(9.0, affine), density_kernel(9.0, grid(2, 2, 2)), rtol=1e-12, atol=1e-22
    )


def test_kernel_ends_where_the_engine_rounds_to_zero() -> None:
    """Reach is the distance at which the density falls below the smallest modelled activation."""
    reach = reach_mm(10.0, 8.0)
    sigma = 10.0 / np.sqrt(8 * np.log(2))
    assert peak_height(10.0, 8.0) * np.exp(-(reach**2) / (2 * sigma**2)) == pytest.approx(
        SMALLEST_MA
    )
    kernel = density_kernel(10.0, grid(2, 2, 2))
    assert kernel[kernel > 0].min() >= SMALLEST_MA


def test_a_kernel_narrower_than_a_voxel_is_refused() -> None:
    """A density whose peak would reach probability 1 says so."""
    with pytest.raises(ValueError, match=r"FWHM of 1\.5 mm is too narrow for voxels of 8 mm3"):
        peak_height(1.5, 8.0)
