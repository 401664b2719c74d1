"""The usual corrector gives way where signs cannot be flipped; one that was asked for does not."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from nimare_pipeline.cli.flips import with_possible_corrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import UsageError
from nimare_pipeline.needs import UNFLIPPED
from nimare_pipeline.settings import Analysis, Component
from tests.image_sets import dataset_of

IMAGES = {"beta": "b.nii", "varcope": "v.nii"}


def contrasts(*names: str) -> Dataset:
    """Contrasts whose images nobody opens."""
    return dataset_of(dict.fromkeys(names, IMAGES), sizes={name: [20] for name in names})


ALONE = contrasts("a", "b", "c", "d")
SHARED = contrasts("a/heat", "a/touch", "b/heat", "c/heat")

SIZES = dataset_of(dict.fromkeys("abc", IMAGES), sizes={"a": [9], "b": [20], "c": [30]})


def analysis(estimator: str = "DerSimonianLaird", **options: Any) -> Analysis:
    return Analysis("x", type="ibma", estimator=Component(estimator), options=options)


@pytest.mark.parametrize(
    ("asked_for", "dataset", "why"),
    [
        (
            analysis(),
            SHARED,
            "several images of a study are flipped with weight_scheme 'collapse'",
        ),
        (analysis("Hedges"), SHARED, "several images of a study"),
        (analysis(formula="~ sample_size"), SIZES, "moderators are tested so by PermutedOLS"),
    ],
)
def test_what_is_not_flipped(asked_for, dataset, why, caplog) -> None:
    """Unasked, FDR takes the place of flips, with the reason; asked, the reason is an error."""
    with caplog.at_level(logging.INFO, "nimare_pipeline"):
        found = with_possible_corrector(asked_for, dataset, asked=False)
    assert found == replace(asked_for, corrector=UNFLIPPED)
    assert why in caplog.text
    assert "FDRCorrector instead of flips of signs" in caplog.text
    with pytest.raises(UsageError, match=why):
        with_possible_corrector(asked_for, dataset, asked=True)


@pytest.mark.parametrize(
    ("asked_for", "dataset"),
    [
        (analysis(), ALONE),
        (analysis(dependence="collapse"), SHARED),
        (analysis("WeightedLeastSquares"), SHARED),
        (analysis("PermutedOLS"), SHARED),
        (analysis("PermutedOLS", formula="~ 1"), SHARED),
        (analysis("Stouffers"), SHARED),
        (replace(analysis(), corrector=Component("FWECorrector", {"method": "holm"})), SHARED),
        (Analysis("foci"), SHARED),
    ],
)
def test_what_is_flipped_stays(asked_for, dataset) -> None:
    """No corrector changes without need."""
    assert with_possible_corrector(asked_for, dataset, asked=False) == asked_for


def test_excluded_images_may_make_it_possible() -> None:
    """Which images are excluded is not known before they are read; flips are tried then."""
    lenient = analysis(on_bad_image="exclude")
    assert with_possible_corrector(lenient, SHARED, asked=True) == lenient


def test_result_that_fdr_has_not() -> None:
    """Who wants clusters is not given voxels."""
    with pytest.raises(UsageError, match="result 'cluster-size' needs FWECorrector"):
        with_possible_corrector(replace(analysis(), result="cluster-size"), SHARED, asked=False)
