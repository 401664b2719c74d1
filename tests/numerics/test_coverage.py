"""Voxels are sorted by the images that cover them."""

import numpy as np

from nimare_pipeline.numerics.coverage import bags


def test_bags_are_those_of_a_plain_walk():
    """Each covered voxel is in the one bag of its images, and bags stand in voxel order."""
    rng = np.random.default_rng(3)
    present = rng.random((11, 500)) < 0.8
    present[:, 17] = False
    found = bags(present)
    walked: dict[tuple[int, ...], list[int]] = {}
    for voxel in range(500):
        rows = tuple(np.flatnonzero(present[:, voxel]).tolist())
        if rows:
            walked.setdefault(rows, []).append(voxel)
    assert [(tuple(bag.rows), bag.voxels.tolist()) for bag in found] == list(walked.items())


def test_no_image():
    """Where no image covers anything there is no bag."""
    assert bags(np.zeros((3, 5), dtype=bool)) == []
