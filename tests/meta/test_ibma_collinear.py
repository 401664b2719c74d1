"""Moderators that the studies of some voxels do not tell apart."""

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.images import ImageStack
from nimare_pipeline.meta import ibma

AGES = (30.0, 30.0, 30.0, 30.0, 45.0, 52.0)


@pytest.mark.parametrize("apart", [0.0, 1e-12, 1e-7], ids=["equal", "rounding", "nearly equal"])
@pytest.mark.parametrize("name", ["DerSimonianLaird", "PermutedOLS"])
def test_voxels_that_tell_no_coefficient_are_left_out_alone(name: str, apart: float) -> None:
    """They are NaN, however close to collinear, and the others are those of least squares."""
    ages = np.array([AGES[0] + apart, *AGES[1:]])
    rng = np.random.default_rng(4)
    y = rng.normal(0.3, 0.5, (6, 4)).astype(np.float32)
    y[4:, 0] = np.nan  # the two whose age differs do not cover the first voxel
    y[5, 1] = np.nan
    dataset = Dataset.from_contrasts(
        [Contrast(f"s{i}", "1", metadata={"age": float(age)}) for i, age in enumerate(ages)],
        mask=nib.Nifti1Image(np.ones((4, 1, 1), "u1"), np.diag([2.0, 2, 2, 1])),
    )
    same = np.full(y.shape, 0.1, dtype=np.float32)
    images = ImageStack(
        tuple(dataset.ids), {"beta": y, "varcope": np.where(np.isnan(y), np.nan, same)}
    )
    result = getattr(ibma, name)(formula="~ 1 + age", term="age").fit(dataset, images=images)
    maps = {(s.statistic, s.group): result.maps[n] for n, s in result.specs.items()}
    assert np.isnan(maps["est", "age"][0])
    assert np.isnan(maps["z", "age"][0])
    np.testing.assert_array_equal(maps["n", None], [0, 5, 6, 6])
    for voxel in (1, 2, 3):
        # Of equal variances the weighted fit is the unweighted one, whatever tau2.
        known = np.isfinite(y[:, voxel])
        slope = np.polyfit(ages[known] - 30, y[known, voxel].astype(float), 1)[0]
        np.testing.assert_allclose(maps["est", "age"][voxel], slope, rtol=1e-9)
