"""Which contrasts and foci an analysis uses."""

from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.cohort import Cohort, make_cohort
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, EmptySelectionError, UsageError
from nimare_pipeline.settings import Analysis, Component

OUTSIDE = 80.0
"""x of a focus that lies outside the mask (y and z are 0)."""


def study(x: list[float], n: Any = None) -> dict[str, Any]:
    coords = {"space": "MNI", "x": x, "y": [0] * len(x), "z": [0] * len(x)}
    metadata = {"sample_sizes": n} if n else {}
    return {"contrasts": {"1": {"coords": coords, "metadata": metadata}}}


@pytest.fixture
def dataset() -> Dataset:
    """Known and unknown sample sizes, foci inside and outside, and a contrast without foci."""
    return Dataset(
        {
            "two": study([10, OUTSIDE], [10, 14]),
            "none": study([], [30]),
            "noN": study([20]),
            "out": study([OUTSIDE], [22]),
        }
    )


def cohort(dataset: Dataset, **analysis: Any) -> Cohort:
    return make_cohort(dataset, Analysis("pain", **{"missing_n": "exclude", **analysis}))


def test_contrasts_table(dataset: Dataset) -> None:
    """Every contrast is listed, with counts, and a reason if it is left out."""
    table = cohort(dataset).contrasts
    assert table.to_dict("list") == {
        "id": ["two-1", "none-1", "noN-1", "out-1"],
        "study_id": ["two", "none", "noN", "out"],
        "contrast_id": ["1"] * 4,
        "included": [True, False, False, True],
        "reason": ["", "no foci", "no sample size", ""],
        "sample_size": [12, 30, pytest.approx(np.nan, nan_ok=True), 22],
        "sample_size_filled": [False] * 4,
        "n_foci": [2, 0, 1, 1],
        "n_foci_inside": [1, 0, 1, 0],
        "n_foci_outside": [1, 0, 0, 1],
        "original_space": ["MNI", "", "MNI", "MNI"],
        "space_transform": ["none", "", "none", "none"],
    }


def test_coordinates_table(dataset: Dataset) -> None:
    """Every focus is listed; those of contrasts left out are not used."""
    foci = cohort(dataset).coordinates
    assert list(foci.columns) == [
        "id",
        "study_id",
        "contrast_id",
        "x",
        "y",
        "z",
        "original_space",
        "inside",
        "used",
    ]
    assert foci["inside"].tolist() == [True, False, True, False]
    assert foci["used"].tolist() == [True, True, False, True]
    assert foci.dtypes[["inside", "used"]].tolist() == [bool, bool]


def test_dataset_holds_what_is_used(dataset: Dataset) -> None:
    """The dataset of the cohort has nothing but the contrasts and foci that are used."""
    used = cohort(dataset).dataset
    assert used.ids.tolist() == ["two-1", "out-1"]
    assert used.coordinates["x"].tolist() == [10, OUTSIDE, OUTSIDE]


def test_input_is_not_changed(dataset: Dataset) -> None:
    """Making a cohort leaves the dataset alone."""
    before = dataset.copy()
    cohort(dataset, missing_n="median", outside="drop")
    for name in ("coordinates", "metadata"):
        pd.testing.assert_frame_equal(getattr(dataset, name), getattr(before, name))


def test_outside_drop(dataset: Dataset) -> None:
    """Dropped foci are gone; a contrast that loses all of them is left out with the reason."""
    found = cohort(dataset, outside="drop")
    assert found.contrasts["reason"].tolist() == [
        "",
        "no foci",
        "no sample size",
        "no foci inside the mask",
    ]
    assert found.coordinates["used"].tolist() == [True, False, False, False]
    assert found.dataset.coordinates["x"].tolist() == [10]


def test_outside_is_counted_against_the_mask_of_the_dataset(dataset: Dataset) -> None:
    """The mask of the analysis decides, not the template's."""
    mask = type(dataset.mask)(np.ones((1, 1, 1), dtype=bool), np.diag([300.0, 300, 300, 1]))
    inside = make_cohort(
        Dataset.from_tables(dataset.tables, mask, "mni152_2mm"), Analysis("a", missing_n="exclude")
    )
    assert inside.contrasts["n_foci_outside"].tolist() == [0, 0, 0, 0]


def test_missing_n_error_is_the_default(dataset: Dataset) -> None:
    """Contrasts without sample size stop the analysis, each of them named."""
    with pytest.raises(
        DataError, match="--missing-n median, exclude, or a kernel width"
    ) as caught:
        make_cohort(dataset, Analysis("pain"))
    assert [problem.where for problem in caught.value.problems] == ["noN-1"]


def test_missing_n_error_names_file_and_line(tmp_path) -> None:
    """Where the file is known, so is the place to add the number."""
    from nimare_pipeline import io

    (tmp_path / "a.txt").write_text("//Reference=MNI\n\n//A, 2000: b\n1 2 3\n")
    (source,) = io.read(tmp_path)
    with pytest.raises(DataError) as caught:
        make_cohort(source.dataset, Analysis("pain"))
    assert [str(problem) for problem in caught.value.problems] == [
        "a.txt, line 3 (A_2000-b): no sample size"
    ]


def test_missing_n_error_of_two_merged_files(tmp_path) -> None:
    """Lines stay whole numbers where one of the parts has none."""
    from nimare_pipeline import io

    (tmp_path / "a.txt").write_text("//Reference=MNI\n\n//A, 2000: b\n1 2 3\n")
    (source,) = io.read(tmp_path)
    with pytest.raises(DataError) as caught:
        make_cohort(source.dataset.merge(Dataset({"noN": study([1])})), Analysis("pain"))
    assert [problem.where for problem in caught.value.problems] == ["line 3 (A_2000-b)", "noN-1"]


def test_missing_n_median(dataset: Dataset) -> None:
    """The median of the means that are used and known (12, 22) fills the gap, and is said."""
    found = cohort(dataset, missing_n="median")
    assert found.contrasts["sample_size"].tolist() == [12, 30, 17, 22]
    assert found.contrasts["sample_size_filled"].tolist() == [False, False, True, False]
    assert found.contrasts["sample_size_filled"].dtype == bool
    assert found.contrasts["included"].tolist() == [True, False, True, True]
    assert found.dataset.sample_sizes().tolist() == [12, 17, 22]
    assert any(
        "1 contrast without sample size, the median of the others, 17, is used: noN-1" in str(p)
        for p in found.problems
    )


def test_missing_n_median_counts_no_invented_people(dataset: Dataset) -> None:
    """The dataset that is used marks the number as put in; 10 + 14 and 22 people are reported."""
    used = cohort(dataset, missing_n="median").dataset
    assert used.get_metadata(field="sample_size_filled") == [False, True, False]
    np.testing.assert_array_equal(used.n_participants(), [24, np.nan, 22])


def test_numbers_put_in_stay_marked_in_a_snapshot(dataset: Dataset, tmp_path) -> None:
    """A cohort that is written and read again does not take them for reported ones."""
    from nimare_pipeline.io import nimare_json

    used = cohort(dataset, missing_n="median").dataset
    again = cohort(Dataset(nimare_json.write(used, tmp_path / "a.json")))
    assert again.contrasts["sample_size_filled"].tolist() == [False, True, False]
    np.testing.assert_array_equal(again.dataset.n_participants(), [24, np.nan, 22])


def test_missing_n_median_of_those_with_foci_in_the_mask(dataset: Dataset) -> None:
    """A contrast that loses its foci to the mask has no part in the median."""
    found = cohort(dataset, missing_n="median", outside="drop")
    assert found.dataset.sample_sizes().tolist() == [12, 12]


def test_missing_n_of_contrasts_outside_the_mask_does_not_matter() -> None:
    """A contrast that loses its foci to the mask needs no sample size."""
    found = make_cohort(
        Dataset({"a": study([1], [12]), "b": study([OUTSIDE])}), Analysis("pain", outside="drop")
    )
    assert found.contrasts["reason"].tolist() == ["", "no foci inside the mask"]


def test_missing_n_median_of_nothing() -> None:
    """Without any sample size there is no median."""
    with pytest.raises(DataError, match="no contrast has a sample size, so there is no median"):
        cohort(Dataset({"a": study([1]), "b": study([], [12])}), missing_n="median")


def test_missing_n_fwhm(dataset: Dataset) -> None:
    """A width in mm is handed to the kernel of those contrasts, and no other."""
    found = cohort(dataset, missing_n="9.5")
    assert found.dataset.ids.tolist() == ["two-1", "noN-1", "out-1"]
    np.testing.assert_array_equal(found.dataset.metadata["kernel_fwhm"], [np.nan, 9.5, np.nan])
    np.testing.assert_array_equal(found.contrasts["kernel_fwhm"], [np.nan, np.nan, 9.5, np.nan])
    assert found.contrasts["sample_size_filled"].tolist() == [False, False, True, False]
    assert np.isnan(found.contrasts["sample_size"].iloc[2])
    assert any("a kernel of FWHM 9.5 mm is used: noN-1" in str(p) for p in found.problems)


@pytest.mark.parametrize("policy", ["mean", "0", "-3", "nan", ""])
def test_unknown_missing_n(dataset: Dataset, policy: str) -> None:
    """Other policies are refused, also where no sample size is missing."""
    with pytest.raises(UsageError, match="missing_n is error, median, exclude or a kernel width"):
        cohort(dataset.slice(["two-1"]), missing_n=policy)


def test_unknown_outside(dataset: Dataset) -> None:
    """Other policies are refused."""
    with pytest.raises(UsageError, match="outside is keep or drop, not 'ignore'"):
        cohort(dataset, outside="ignore")


@pytest.mark.parametrize(
    "estimator",
    [
        Component("ALE", {"kernel__fwhm": 10}),
        Component("ALE", {"kernel__sample_size": 20}),
        Component("MKDADensity"),
    ],
)
def test_sample_size_not_needed(dataset: Dataset, estimator: Component) -> None:
    """With a kernel that does not follow the sample size, none is missing."""
    found = make_cohort(dataset, Analysis("pain", estimator=estimator))
    assert found.contrasts["included"].tolist() == [True, False, True, True]


def test_fixed_kernel_of_none_needs_sample_sizes(dataset: Dataset) -> None:
    """kernel__fwhm=None is the same as not giving it."""
    with pytest.raises(DataError, match="contrasts without sample size"):
        make_cohort(dataset, Analysis("a", estimator=Component("ALE", {"kernel__fwhm": None})))


def test_missing_n_of_contrasts_without_foci_does_not_matter() -> None:
    """A contrast that is left out anyway needs no sample size."""
    found = make_cohort(Dataset({"a": study([1], [12]), "b": study([])}), Analysis("pain"))
    assert found.contrasts["reason"].tolist() == ["", "no foci"]


def test_nothing_left(dataset: Dataset) -> None:
    """An empty cohort says why each contrast is not in it."""
    with pytest.raises(
        EmptySelectionError,
        match=r"pain: no contrast is left to analyse \(none-1: no foci; noN-1: no sample size\)",
    ):
        cohort(dataset.slice(["none-1", "noN-1"]))


def test_empty_dataset() -> None:
    """A dataset without contrasts is an empty selection."""
    with pytest.raises(EmptySelectionError, match="none was read"):
        cohort(Dataset({}))


def test_problems_say_what_was_left_out(dataset: Dataset) -> None:
    """Contrasts left out and foci outside are warnings."""
    assert [str(problem) for problem in cohort(dataset).problems] == [
        "none-1: left out: no foci",
        "noN-1: left out: no sample size",
        "2 of 3 foci lie outside the mask; they are used",
    ]


def test_problem_of_foci_outside_counts_those_of_included_contrasts(dataset: Dataset) -> None:
    """Both numbers are of the contrasts that are analysed; one is singular."""
    assert (
        str(cohort(dataset, outside="drop").problems[-1])
        == "1 of 2 foci lies outside the mask; it is left out"
    )


def test_source_file_and_line_are_carried(tmp_path) -> None:
    """Where a contrast was read is in the table."""
    from nimare_pipeline import io

    path = tmp_path / "a.txt"
    path.write_text("//Reference=TAL\n//A, 2000: b\n//Subjects=13\n1 2 3\n")
    (source,) = io.read(path)
    row = cohort(source.dataset).contrasts.iloc[0]
    assert (row["file"], row["line"]) == ("a.txt", 2)
    assert (row["study_name"], row["contrast_name"]) == ("A, 2000", "b")
    assert (row["original_space"], row["space_transform"]) == ("TAL", "tal2mni-other")


def test_pain_set_has_no_trouble(shared_data) -> None:
    """The pain set: 21 contrasts, all in, 334 participants, 267 foci."""
    found = make_cohort(Dataset(shared_data / "nimare_json/nidm_pain_dset.json"), Analysis("pain"))
    assert found.contrasts["included"].all()
    assert (len(found.contrasts), found.contrasts["sample_size"].sum()) == (21, 334)
    assert found.contrasts["n_foci"].sum() == len(found.coordinates) == 267


def test_contrast_that_the_data_leave_out() -> None:
    """``include`` False is a reason, with the words the data have for it; nothing else is."""
    source = {"a": study([1], [12]), "b": study([1]), "c": study([1], [9]), "d": study([1], [9])}
    marks: list[dict[str, Any]] = [
        {"include": True, "include_reason": "fine"},
        {"include": False, "include_reason": "same people as a"},
        {"include": False},
        {"include": "false"},
    ]
    for name, mark in zip(source, marks, strict=True):
        source[name]["contrasts"]["1"]["metadata"] |= mark
    found = make_cohort(Dataset(source), Analysis("pain"))
    assert found.contrasts["reason"].tolist() == [
        "",
        "include is false: same people as a",
        "include is false",
        "",
    ]
    assert found.coordinates["used"].tolist() == [True, False, False, True]
    assert [str(problem) for problem in found.problems] == [
        "b-1: left out: include is false: same people as a",
        "c-1: left out: include is false",
    ]


class TestSelection:
    """``select`` decides first: what it does not name is no part of the analysis."""

    def test_reason_and_foci(self, dataset: Dataset) -> None:
        """Contrasts that are not selected are listed with that reason, their foci are not."""
        found = cohort(dataset, select='study_id in ["two", "none"]')
        assert dict(zip(found.contrasts["id"], found.contrasts["reason"], strict=True)) == {
            "two-1": "", "none-1": "no foci", "noN-1": "not selected", "out-1": "not selected",
        }  # fmt: skip
        assert found.contrasts["included"].tolist() == [True, False, False, False]
        assert found.coordinates["id"].tolist() == ["two-1", "two-1"]
        assert found.dataset.ids.tolist() == ["two-1"]

    def test_no_warning_for_each(self, dataset: Dataset) -> None:
        """One is warned of what is left out of the selection, not of what it does not name."""
        found = cohort(dataset, select='study_id != "out"')
        assert [problem.where for problem in found.problems if "left out" in problem.message] == [
            "none-1", "noN-1",
        ]  # fmt: skip

    def test_policies_concern_the_selected(self, dataset: Dataset) -> None:
        """A missing sample size elsewhere is no error, and no median is taken from elsewhere."""
        found = cohort(dataset, select='study_id != "noN"', missing_n="error")
        assert found.contrasts["included"].sum() == 2
        found = cohort(dataset, select='study_id != "out"', missing_n="median")
        assert found.contrasts.set_index("id").loc["noN-1", "sample_size"] == 12

    def test_warnings_of_the_selection_come_first(self, dataset: Dataset) -> None:
        """What is odd about the selection is among the problems."""
        first, *_ = cohort(dataset, select='study_id != "tow"').problems
        assert str(first) == "no contrast has study_id == 'tow' (did you mean 'two'?)"

    def test_nothing_left_names_the_selected(self, dataset: Dataset) -> None:
        """If policies leave nothing of the selection, its contrasts are named, and no others."""
        with pytest.raises(EmptySelectionError, match=r"analyse \(none-1: no foci\)$"):
            cohort(dataset, select='study_id == "none"')

    def test_mask_is_found_in_the_folders(self, dataset: Dataset, tmp_path) -> None:
        """Relative paths count from the folders of the analysis."""
        nib.save(dataset.mask.as_image(), tmp_path / "m.nii.gz")
        found = cohort(dataset, select="in_mask('m.nii.gz')", folders=(str(tmp_path),))
        reasons = found.contrasts.set_index("id")["reason"]
        assert reasons[["none-1", "out-1"]].tolist() == ["not selected"] * 2
