"""Simulated images have the distributions that they are said to have."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import UsageError
from nimare_pipeline.generate import (
    Blob,
    create_image_dataset,
    smooth_field,
    study_images,
    truth,
)

AFFINE = np.array([[2.0, 0, 0, -20], [0, 2, 0, -20], [0, 0, 2, -20], [0, 0, 0, 1]])


def cube(side=20):
    return BrainMask(np.ones((side, side, side), dtype=bool), AFFINE)


def test_truth_is_a_gaussian_blob():
    """The effect is the blob's at its centre, and half of it at half its width."""
    mask = cube()
    effect = truth([Blob((0.0, 0.0, 0.0), 0.8, 8.0)], mask)
    volume = mask.volume(effect)
    assert volume[10, 10, 10] == pytest.approx(0.8)
    assert volume[12, 10, 10] == pytest.approx(0.4)


def test_field_has_unit_variance_and_the_width_asked_for():
    """Variance is 1 everywhere, at the ends of the grid too; neighbours correlate as smoothed."""
    mask, rng = cube(), np.random.default_rng(1)
    fields = np.array([mask.volume(smooth_field(rng, mask, 6.0)) for _ in range(200)])
    assert fields.var() == pytest.approx(1, abs=0.02)
    assert fields[:, 0, 0, 0].var() == pytest.approx(1, abs=0.3)
    r = np.mean(fields[:, 1:] * fields[:, :-1])
    sd_voxels = 6.0 / np.sqrt(8 * np.log(2)) / 2.0
    assert r == pytest.approx(np.exp(-1 / (4 * sd_voxels**2)), abs=0.02)


def test_t_has_its_distribution():
    """Without an effect t is Student's at a voxel, with n - 1 degrees of freedom, and z normal."""
    mask, rng = cube(6), np.random.default_rng(2)
    none = np.zeros(mask.n_voxels)
    made = [study_images(rng, none, 6, mask) for _ in range(400)]
    t = np.array([one["t"][100] for one in made])
    assert stats.kstest(t, "t", args=(5,)).pvalue > 0.01
    z = np.array([one["z"][100] for one in made])
    assert stats.kstest(z, "norm").pvalue > 0.01


def test_effects_differ_between_studies_by_tau():
    """The variance of effects is that of the mean of n people, and tau squared."""
    mask, rng = cube(8), np.random.default_rng(3)
    effect = np.full(mask.n_voxels, 0.5)
    beta = np.array([study_images(rng, effect, 25, mask, tau=0.3)["beta"] for _ in range(300)])
    assert beta.mean() == pytest.approx(0.5, abs=0.06)
    assert beta.var(axis=0).mean() == pytest.approx(1 / 25 + 0.09, rel=0.15)


def test_files_are_those_of_the_dataset(tmp_path: Path):
    """Images lie where the dataset says, on its mask; one seed gives one set of bytes."""
    kinds = ("z", "se")
    options = {"n_studies": 3, "kinds": kinds, "mask": cube(8)}
    dataset, effect = create_image_dataset(tmp_path / "a", **options)
    again, _ = create_image_dataset(tmp_path / "b", **options)
    assert len(effect) == 512
    assert dataset.metadata["sample_sizes"].tolist() == [[16], [20], [24]]
    for kind in kinds:
        pairs = zip(dataset.get_images(None, kind), again.get_images(None, kind), strict=True)
        for one, other in pairs:
            assert Path(one).read_bytes() == Path(other).read_bytes()
            assert nib.load(one).shape == (8, 8, 8)
    other, _ = create_image_dataset(tmp_path / "c", **options, seed=7)
    first = [Path(made.get_images(None, "z")[0]).read_bytes() for made in (dataset, other)]
    assert first[0] != first[1]


@pytest.mark.parametrize(
    "wrong", [{"kinds": ("q",)}, {"n_studies": 0}, {"sample_sizes": (2,)}, {"sample_sizes": ()}]
)
def test_what_cannot_be_simulated(tmp_path: Path, wrong):
    """Kinds and numbers that mean nothing are refused."""
    with pytest.raises(UsageError, match="expected kinds out of beta"):
        create_image_dataset(tmp_path, mask=cube(4), **wrong)
