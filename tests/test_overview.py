"""What a dataset holds, in numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nimare_pipeline import io
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.overview import Field, Overview, overview

EXAMPLE = Path(__file__).resolve().parents[1] / "nimare_pipeline" / "data" / "examples" / "pain"


def made(*contrasts: dict[str, Any]) -> Overview:
    """Overview of contrasts of one study each."""
    return overview(
        Dataset.from_contrasts(
            [Contrast(f"s{i}", "c", **parts) for i, parts in enumerate(contrasts)]
        )
    )


def foci(*x: float) -> dict[str, Any]:
    return {"xyz": np.array([[one, 0, 0] for one in x]), "spaces": ("MNI",) * len(x)}


def test_example() -> None:
    """The pain set as it is known: 21 studies, 267 foci, 26 outside, 334 participants."""
    found = overview(io.read(EXAMPLE)[0].dataset)
    assert (found.n_studies, found.n_contrasts, found.n_foci) == (21, 21, 267)
    assert (found.n_foci_outside, found.n_participants) == (26, 334)
    assert found.sample_sizes == (9, 14, 32)
    assert (found.no_sample_size, found.no_foci, found.not_included) == ((), (), ())


def test_foci_outside_are_counted_in_the_mask_of_the_dataset() -> None:
    """A focus at x = 80 mm lies outside the brain."""
    assert made(foci(10, 80)).n_foci_outside == 1


def test_participants_are_those_of_all_groups() -> None:
    """People are counted in sum, sample sizes by the mean of groups; unknown ones are named."""
    found = made({"sample_sizes": (10, 20)}, {"sample_sizes": (8,)}, {})
    assert found.n_participants == 38
    assert found.sample_sizes == (8, 11.5, 15)
    assert found.no_sample_size == ("s2-c",)


def test_nothing_known_of_sample_sizes() -> None:
    """Then there is no smallest and no largest."""
    assert made(foci(1)).sample_sizes is None


def test_contrasts_that_an_analysis_leaves_out() -> None:
    """Those without foci, and those that the data leave out."""
    found = made(foci(1), {}, foci(1) | {"metadata": {"include": False}})
    assert (found.no_foci, found.not_included) == (("s1-c",), ("s2-c",))


def test_spaces_are_those_of_publication() -> None:
    """Foci by space, contrasts by transform."""
    tal = {**foci(1, 2, 3), "spaces": ("TAL", "TAL", "MNI")}
    found = made(tal, foci(1, 2))
    assert found.foci_by_space == {"MNI": 3, "TAL": 2}
    assert found.transforms == {"tal2mni-other": 1, "none": 1}


def test_images_are_counted_by_type() -> None:
    """A relative and an absolute path are one image; the space of images is none."""
    found = made(
        {"images": {"z": "a.nii", "space": "MNI"}},
        {"images": {"z": "/b.nii", "z__relative": "b.nii", "t": "t.nii"}},
    )
    assert found.images == {"z": 2, "t": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5, None], Field("v", "number", 2, 1.0, 2.5, {})),
        ([True, False, True], Field("v", "true/false", 3, None, None, {"true": 2, "false": 1})),
        (["a", "b", "b"], Field("v", "text", 3, None, None, {"b": 2, "a": 1})),
        ([["a", "b"], None, None], Field("v", "list", 1, None, None, {"a; b": 1})),
        ([1, "a", "a"], Field("v", "mixed", 3, None, None, {"a": 2, "1": 1})),
    ],
)
def test_fields(values: list[Any], expected: Field) -> None:
    """Kind, number, and range or values of a column."""
    found = made(*({"annotations": {"v": value}} for value in values))
    assert found.annotations == (expected,)


def test_fields_of_metadata_and_texts() -> None:
    """Every column is named, but sample sizes, which have their own line."""
    found = made({"metadata": {"year": 2001}, "texts": {"abstract": "x"}, "sample_sizes": (3,)})
    assert [field.name for field in found.metadata] == [
        "original_space",
        "space_transform",
        "year",
    ]
    assert found.metadata[0].n == 0
    assert found.texts == {"abstract": 1}
