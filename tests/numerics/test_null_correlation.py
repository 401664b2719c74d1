"""Correlation of images without an effect: truth in simulations, and NiMARE's figures."""

from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.numerics.null_correlation import null_correlation

REFERENCE = Path(__file__).parents[1] / "reference" / "nimare_combination.npz"


@pytest.mark.parametrize(("images", "name"), [("z", "full"), ("gaps", "gaps")])
def test_it_is_nimares_within_groups(images: str, name: str) -> None:
    """Complete images and images with gaps; between groups there is none."""
    with np.load(REFERENCE) as reference:
        z, groups, known = (reference[key] for key in (images, "groups", f"{name}_corr"))
    z = np.where(z == 0, np.nan, z.astype(float))
    found = null_correlation(z, groups)
    same = groups[:, None] == groups[None, :]
    assert found[same] == pytest.approx(known[same], abs=1e-10)
    assert not found[~same].any()


@pytest.mark.parametrize("sizes", [(3, 1, 1, 1), (4, 4), (2, 2, 2, 1, 1), (6, 1, 1)])
def test_it_finds_the_truth_whatever_the_effect(sizes: tuple[int, ...]) -> None:
    """What centring takes away is given back, also where one group is half of the images."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    shared, own = rng.normal(size=(len(sizes), 50_000)), rng.normal(size=(len(groups), 50_000))
    effect = 5 * rng.normal(size=50_000)
    z = effect + np.sqrt(0.5) * shared[groups] + np.sqrt(0.5) * own
    found = null_correlation(z, groups)
    same = (groups[:, None] == groups[None, :]) & ~np.eye(len(groups), dtype=bool)
    assert found[same] == pytest.approx(0.5, abs=0.02)


def test_images_that_share_no_voxel_are_not_correlated() -> None:
    """One voxel in common is none; the diagonal stays 1."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4, 20))
    z[0, 11:] = np.nan
    z[1, :10] = np.nan
    found = null_correlation(z, np.array([0, 0, 1, 2]))
    assert np.array_equal(np.diag(found), np.ones(4))
    assert abs(found[0, 1]) < 0.5
    assert np.isfinite(found).all()


def test_entries_stay_correlations() -> None:
    """A pair that is nearly the same beside one that is opposite stays within -1 and 1."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(6, 4000))
    z[1] = z[0] + 0.01 * rng.normal(size=4000)
    z[2] = -z[0] + 0.01 * rng.normal(size=4000)
    found = null_correlation(z, np.array([0, 0, 0, 1, 2, 3]))
    assert np.abs(found).max() <= 1
    assert found[0, 1] > found[0, 2]
