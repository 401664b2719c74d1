"""Voxels are sorted by the images that cover them."""

import numpy as np

from nimare_pipeline.numerics.coverage import Bag, bags, pools


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


def test_pools_hold_bags_whose_images_may_stand_for_each_other():
    """Every voxel is in one pool, with its own images, alike and grouped as all of its pool."""
    rng = np.random.default_rng(4)
    present = rng.random((9, 400)) < 0.8
    alike = np.array([0, 0, 1, 1, 1, 0, 0, 2, 0])
    groups = np.array([0, 1, 2, 3, 4, 5, 5, 6, 6])
    found = bags(present)
    made = pools(found, alike, groups)
    assert len(made) < len(found) / 2
    voxels = np.concatenate([pool.voxels for pool in made])
    assert sorted(voxels.tolist()) == np.flatnonzero(present.any(axis=0)).tolist()
    kinds = set()
    for pool in made:
        assert (np.diff(pool.voxels) > 0).all()
        assert list(dict.fromkeys(pool.groups.tolist())) == list(range(pool.groups.max() + 1))
        kinds.add((tuple(alike[pool.rows[:, 0]]), tuple(pool.groups)))
        for voxel, column in zip(pool.voxels, pool.column, strict=True):
            rows = pool.rows[:, column]
            assert sorted(rows.tolist()) == np.flatnonzero(present[:, voxel]).tolist()
            np.testing.assert_array_equal(alike[rows], alike[pool.rows[:, 0]])
            same = groups[rows][:, None] == groups[rows][None, :]
            np.testing.assert_array_equal(same, pool.groups[:, None] == pool.groups[None, :])
    assert len(kinds) == len(made)


def test_images_unlike_any_other_are_pooled_with_none():
    """Where no image may stand for another, pools are the bags."""
    found = [Bag(np.array([0, 2]), np.array([5])), Bag(np.array([1, 2]), np.array([1, 3]))]
    made = pools(found, np.arange(3), np.arange(3))
    assert [pool.rows[:, 0].tolist() for pool in made] == [[0, 2], [1, 2]]
    assert [pool.voxels.tolist() for pool in made] == [[5], [1, 3]]
