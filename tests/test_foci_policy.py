"""What foci_from_images accepts, what it means, and what it says when it refuses."""

from typing import Any, get_args

import pytest

from nimare_pipeline import foci_policy
from nimare_pipeline.image_points import MergeStrategy


@pytest.mark.parametrize(
    "value",
    [
        *foci_policy.POLICIES,
        {"merge": "fill"},
        {"merge": "replace", "z_threshold": 3, "cluster_threshold": 0, "two_sided": True},
        {"merge": "demolish", "min_distance": 0.0},
    ],
)
def test_accepted(value: Any) -> None:
    """A word, or a table of what it may say."""
    assert foci_policy.wrong_with(value) == ""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("add", 'expected "fill", "replace", "demolish", or a table'),
        (True, "not 'True'"),
        ({}, 'merge is missing: expected "fill", "replace" or "demolish"'),
        ({"merge": "all"}, """merge: expected "fill", "replace" or "demolish", not 'all'"""),
        ({"merge": "fill", "z": 3}, "unknown key 'z'; known: merge, z_threshold, cluster_thresh"),
        ({"merge": "fill", "z_threshold": 0}, "z_threshold: expected a z above 0, not '0'"),
        ({"merge": "fill", "z_threshold": float("nan")}, "z_threshold: expected a z above 0"),
        ({"merge": "fill", "cluster_threshold": 2.5}, "cluster_threshold: expected a whole numb"),
        ({"merge": "fill", "cluster_threshold": True}, "cluster_threshold: expected a whole numb"),
        ({"merge": "fill", "two_sided": "yes"}, "two_sided: expected true or false, not 'yes'"),
        ({"merge": "fill", "min_distance": -1}, "min_distance: expected a distance in mm, at le"),
    ],
)
def test_refused(value: Any, message: str) -> None:
    """Whatever else is refused, with what would be accepted."""
    assert message in foci_policy.wrong_with(value)


def test_completed() -> None:
    """A word and the table of that word are the same record, whatever number was written how."""
    made = foci_policy.completed("replace")
    assert made == {
        "merge": "replace",
        "z_threshold": 3.1,
        "cluster_threshold": 10,
        "two_sided": False,
        "min_distance": 8.0,
    }
    assert foci_policy.completed({"merge": "replace", "min_distance": 8}) == made


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "peaks of the z images (z > 3.1, clusters of at least 10 voxels, 8 mm apart)"),
        (
            {"two_sided": True, "cluster_threshold": 0, "z_threshold": 4},
            "peaks of the z images (z > 4 or z < −4, 8 mm apart)",
        ),
    ],
)
def test_in_words(options: Any, words: str) -> None:
    """Reports say which peaks they are."""
    made = foci_policy.completed({"merge": "fill", **options})
    assert foci_policy.peaks_in_words(made) == words


def test_policies_are_those_of_the_class() -> None:
    """What the file and the command line accept is what the class has."""
    assert get_args(MergeStrategy) == foci_policy.POLICIES
