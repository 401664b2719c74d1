"""Contrasts of one subject group as one experiment."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from nimare_pipeline.cohort import Cohort, make_cohort
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.label_matrix import LabelMatrix
from nimare_pipeline.meta.cbma import ALE, MKDADensity
from nimare_pipeline.pooling import on_both_sides, pooled, several
from nimare_pipeline.settings import Analysis, Component
from tests.workflows.conftest import ellipsoid


def contrast(x: list[float], n: Any = None, **metadata: Any) -> dict[str, Any]:
    coords = {"space": "MNI", "x": x, "y": [0] * len(x), "z": [0] * len(x)}
    sizes = {} if n is None else {"sample_sizes": n if isinstance(n, list) else [n]}
    return {"coords": coords, "metadata": {**sizes, **metadata}}


@pytest.fixture
def dataset() -> Dataset:
    """A study of four contrasts on two groups, one with a single contrast, one of two."""
    ada = {
        "pain": contrast([10, 20], 12, subject_group="Patients", age=30, task="heat"),
        "touch": contrast([20, 30], 20, subject_group="patients ", age=31, task="brush"),
        "rest": contrast([40], 9, subject_group="controls", age=30, task="heat"),
        "more": contrast([50], subject_group="controls", age=30),
    }
    bell = {"1": contrast([10], 15, subject_group="all")}
    cole = {
        "up": contrast([0], [8, 8], subject_group="all"),
        "down": contrast([5], 14, subject_group=None),
    }
    return Dataset(
        {name: {"contrasts": c} for name, c in (("ada", ada), ("bell", bell), ("cole", cole))}
    )


def cohort(dataset: Dataset, pool: str = "study", **more: Any) -> Cohort:
    return make_cohort(dataset, Analysis("a", pool=pool, **{"missing_n": "median", **more}))


def foci(dataset: Dataset) -> list[tuple[str, float]]:
    table = dataset.coordinates
    return list(zip(table["id"], table["x"], strict=True))


def said(cohort: Cohort) -> list[str]:
    return [str(problem) for problem in cohort.problems]


def test_contrasts_of_a_study_are_one_experiment(dataset: Dataset) -> None:
    """Foci are united in order, a focus of two contrasts once; who is alone keeps the name."""
    made = pooled(dataset)
    assert made.ids.tolist() == ["ada-pooled", "bell-1", "cole-pooled"]
    assert foci(made) == [
        *(("ada-pooled", x) for x in (10, 20, 30, 40, 50)),
        ("bell-1", 10),
        ("cole-pooled", 0),
        ("cole-pooled", 5),
    ]


def test_foci_repeated_within_a_single_contrast_stay(dataset: Dataset) -> None:
    """A focus that a contrast lists twice is the file's doing where nothing is united."""
    made = pooled(Dataset({"a": {"contrasts": {"1": contrast([10, 10], 12)}}}))
    assert foci(made) == [("a-1", 10), ("a-1", 10)]


def test_contrasts_of_a_subject_group_are_one_experiment(dataset: Dataset) -> None:
    """Space and case of its name do not matter; without a name a contrast stands alone."""
    made = pooled(dataset, "group")
    assert made.ids.tolist() == [
        "ada-pooled_Patients",
        "ada-pooled_controls",
        "bell-1",
        "cole-up",
        "cole-down",
    ]


def test_subject_group_by_another_column(dataset: Dataset) -> None:
    """Any column may name it; numbers count as what they are, whatever their type."""
    made = pooled(dataset, "group=age")
    assert made.ids.tolist()[:2] == ["ada-pooled_30", "ada-touch"]


def test_subject_group_by_an_annotation(dataset: Dataset) -> None:
    """A label may name it as well as the metadata."""
    table = dataset.annotations.assign(Sample=[1, 1, 2, 2, 1, 1, 1])
    made = pooled(dataset.with_tables(annotations=table), "group=sample")
    assert made.ids.tolist() == ["ada-pooled_1", "ada-pooled_2", "bell-1", "cole-pooled_1"]


def test_studies_without_a_name_are_not_pooled() -> None:
    """A name that stands for none says nothing of who was studied."""
    two = {"1": contrast([1], 9), "2": contrast([2], 9)}
    assert len(pooled(Dataset({"study_unknown_1": {"contrasts": two}})).ids) == 2


def test_none_is_the_same_dataset(dataset: Dataset) -> None:
    """Without pooling nothing is made anew."""
    assert pooled(dataset, "none") is dataset


@pytest.mark.parametrize("pool", ["all", "", "group=", "Study"])
def test_unknown_policy(dataset: Dataset, pool: str) -> None:
    """The accepted words are named."""
    with pytest.raises(UsageError, match="pool is none, study, group or group=COLUMN, not"):
        pooled(dataset, pool)


def test_no_column_of_subject_groups(dataset: Dataset) -> None:
    """One error names the columns that are accepted, those that are there, and the ways out."""
    bare = dataset.with_tables(metadata=dataset.metadata.drop(columns="subject_group"))
    with pytest.raises(UsageError) as info:
        pooled(bare, "group")
    text = str(info.value)
    assert "subject_group, participant_group, participants_id, sample, group" in text
    assert "there are: age, task; name another by" in text
    assert "--pool group=COLUMN, or take --pool study" in text
    with pytest.raises(UsageError, match="--pool group=grp: there is no column 'grp'; there are"):
        pooled(bare, "group=grp")


def test_column_of_subject_groups_is_empty_where_it_counts(dataset: Dataset) -> None:
    """A column without a value for any contrast that is analysed helps nobody."""
    with pytest.raises(DataError, match="no contrast that is analysed has a subject group in the"):
        cohort(dataset, "group", select='contrast_id == "down"')


def test_metadata_of_an_experiment(dataset: Dataset) -> None:
    """What agrees stays, texts that differ stand together, numbers that differ are missing."""
    made = pooled(dataset).metadata.set_index("id").loc["ada-pooled"]
    assert made["task"] == "heat; brush"
    assert pd.isna(made["age"])
    assert made["pooled_from"] == ["ada-pain", "ada-touch", "ada-rest", "ada-more"]
    assert made["sample_sizes"] == [20]


def test_sample_size_is_that_of_the_most_participants(dataset: Dataset) -> None:
    """Of two groups of 8 and one of 14, sixteen people are more; the kernel follows their mean."""
    made = pooled(dataset)
    assert made.metadata["sample_sizes"].tolist() == [[20], [15], [8, 8]]
    assert made.sample_sizes().tolist() == [20, 15, 8]
    assert made.n_participants().tolist() == [20, 15, 16]


def test_name_that_is_taken() -> None:
    """A contrast that is called pooled keeps its name, and the experiment gets another."""
    two = {"pooled": contrast([1], 9, sample="x"), "b": contrast([2], 9, sample="y")}
    two["c"] = contrast([3], 9, sample="y")
    assert pooled(Dataset({"a": {"contrasts": two}})).ids.tolist() == ["a-pooled_2"]
    made = pooled(Dataset({"a": {"contrasts": two}}), "group")
    assert made.ids.tolist() == ["a-pooled", "a-pooled_y"]


def test_labels_of_an_experiment(dataset: Dataset) -> None:
    """Of sparse labels, too, what agrees stays and what differs is missing, never a mean."""
    values = np.zeros((7, 2))
    values[:4, 0], values[0, 1] = 0.5, 0.25
    present = np.array([True] * 6 + [False])
    matrix = LabelMatrix(("same", "other"), sparse.csc_array(values), present)
    tables = replace(dataset.tables, matrices=(matrix,))
    made = pooled(Dataset.from_tables(tables, dataset.mask, dataset.space))
    np.testing.assert_array_equal(made.label("same"), [0.5, 0, 0])
    np.testing.assert_array_equal(made.label("other"), [np.nan, 0, 0])


def test_pooled_dataset_survives_a_file(dataset: Dataset, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """What names the contrasts of an experiment is written and read."""
    made = pooled(dataset)
    again = Dataset.load(made.save(tmp_path / "pooled.npz"))
    pd.testing.assert_frame_equal(again.metadata, made.metadata)


def test_modelled_activation_of_an_experiment_by_hand(dataset: Dataset) -> None:
    """ALE of united contrasts is 1 - prod(1 - max), the largest over all foci of an experiment.

    Computed anew from the Gaussian of Eickhoff et al. (2009): 5.7 mm of uncertainty between
    templates and 11.6 mm / sqrt(N) between subjects, both mean Euclidean distances; scaled so that
    a focus has a total of 1 over 2 mm voxels.
    """
    small = Dataset.from_tables(dataset.tables, _coarse(), dataset.space)
    made = ALE().fit(cohort(small).dataset)
    points = {20: [10, 20, 30, 40, 50], 15: [10], 8: [0, 5]}
    centres = _centres(made.mask)
    left = np.ones(len(centres))
    for n, xs in points.items():
        values = [_gaussian(centres, x, n, made.mask.affine) for x in xs]
        left *= 1 - np.max(values, axis=0)
    np.testing.assert_allclose(made.maps["stat"], 1 - left, rtol=1e-5, atol=2e-7)


def test_density_counts_a_study_once(dataset: Dataset) -> None:
    """Where foci of two contrasts of a study meet, there is one experiment, not two."""
    at_20 = {"missing_n": "exclude", "estimator": Component("MKDADensity", {"kernel__r": 2})}
    small = Dataset.from_tables(dataset.tables, _coarse(), dataset.space)
    alone, together = (
        MKDADensity(kernel__r=2).fit(cohort(small, pool, **at_20).dataset)
        for pool in ("none", "study")
    )
    place = np.argmin(np.abs(_centres(alone.mask) - [20, 0, 0]).sum(axis=1))
    assert alone.maps["stat"][place] == 2
    assert together.maps["stat"][place] == 1


def _coarse() -> Any:
    from nimare_pipeline.spaces import analysis_mask

    return analysis_mask(ellipsoid())[0]


def _centres(mask: Any) -> Any:
    return np.argwhere(mask.inside) @ mask.affine[:3, :3].T + mask.affine[:3, 3]


def _gaussian(centres: Any, x: float, n: int, affine: Any) -> Any:
    factor = 1 / (2 * np.sqrt(2 / np.pi)) * np.sqrt(8 * np.log(2))
    fwhm = np.sqrt((factor * 5.7) ** 2 + (factor * 11.6 / np.sqrt(n)) ** 2)
    sigma = fwhm / np.sqrt(8 * np.log(2))
    squared = ((centres - [x, 0, 0]) ** 2).sum(axis=1)
    density = np.exp(-squared / (2 * sigma**2)) / (2 * np.pi * sigma**2) ** 1.5
    return density * abs(np.linalg.det(affine[:3, :3]))


class TestCohort:
    """Pooling as an analysis does it: after the selection and the policies."""

    def test_table_keeps_every_contrast(self, dataset: Dataset) -> None:
        """Each contrast is still there, is included, and names its experiment and that one's N."""
        table = cohort(dataset).contrasts
        assert table["included"].all()
        assert table["pooled_into"].tolist() == (
            ["ada-pooled"] * 4 + ["bell-1"] + ["cole-pooled"] * 2
        )
        np.testing.assert_array_equal(table["sample_size"], [12, 20, 9, np.nan, 15, 8, 14])
        np.testing.assert_array_equal(table["pooled_sample_size"], [20] * 4 + [15, 8, 8])
        assert not table["sample_size_filled"].any()

    def test_repeated_focus_is_marked_and_not_used(self, dataset: Dataset) -> None:
        """A focus of two contrasts is used once, and both rows are there."""
        found = cohort(dataset)
        table = found.coordinates
        assert table["repeated"].tolist() == [False, False, True] + [False] * 6
        assert (table["used"] == ~table["repeated"]).all()
        assert table["pooled_into"].tolist()[2:5] == ["ada-pooled"] * 3
        assert len(found.dataset.coordinates) == 8
        assert said(found)[0] == (
            "1 focus of pooled contrasts stands in another of the same experiment, too; "
            "each counts once"
        )

    def test_what_was_pooled_is_said(self, dataset: Dataset) -> None:
        """Numbers of contrasts, studies and experiments, and where sample sizes differ."""
        assert said(cohort(dataset))[1:] == [
            "6 contrasts of 2 studies are pooled into 2 experiments",
            (
                "the contrasts of 2 pooled experiments differ in sample size; that with the most "
                "participants counts: ada-pooled (9, 12, 20: 20), cole-pooled (8, 14: 8)"
            ),
        ]

    def test_contrasts_without_a_group_are_said(self, dataset: Dataset) -> None:
        """The column is named, and who has none in it."""
        found = said(cohort(dataset, "group"))
        assert (
            "1 contrast has no subject_group, so that it stands alone: cole-down "
            "(fill in subject_group)"
        ) in found
        assert (
            "4 contrasts of 1 study are pooled into 2 experiments, by the column 'subject_group'"
        ) in found

    def test_selection_comes_first(self, dataset: Dataset) -> None:
        """What is not selected goes into no experiment."""
        found = cohort(dataset, select='contrast_id != "touch"')
        assert foci(found.dataset)[:4] == [("ada-pooled", x) for x in (10, 20, 40, 50)]
        assert found.contrasts["pooled_into"].tolist()[1] == ""
        assert not found.coordinates["repeated"].any()

    def test_nothing_to_pool_is_said(self, dataset: Dataset) -> None:
        """Who asks for it in vain learns that."""
        found = cohort(dataset, select='study_id == "bell"')
        assert said(found) == ["no two contrasts are of one study, so that none are pooled"]

    @pytest.mark.parametrize("policy", ["error", "exclude", "median", "9"])
    def test_sample_size_of_the_others_is_known(self, dataset: Dataset, policy: str) -> None:
        """A contrast without N needs none where another of its experiment has one."""
        found = cohort(dataset, missing_n=policy)
        assert found.dataset.sample_sizes().tolist() == [20, 15, 8]
        assert not [text for text in said(found) if "without sample size" in text]

    def test_median_is_that_of_experiments(self, dataset: Dataset) -> None:
        """Where an experiment has no N at all, each of the others counts once in the median."""
        lacking = dataset.metadata.copy()
        lacking.loc[4, "sample_sizes"] = None
        found = cohort(dataset.with_tables(metadata=lacking))
        assert found.dataset.sample_sizes().tolist() == [20, 14, 8]
        assert found.contrasts["pooled_sample_size"].tolist()[4] == 14
        found = cohort(dataset.with_tables(metadata=lacking), missing_n="exclude")
        assert found.dataset.ids.tolist() == ["ada-pooled", "cole-pooled"]
        assert found.contrasts["pooled_into"].tolist()[4] == ""

    def test_a_given_width_holds_for_the_experiment(self, dataset: Dataset) -> None:
        """Contrasts without N that are one experiment have one kernel."""
        lacking = dataset.metadata.copy()
        lacking["sample_sizes"] = pd.Series([None] * 4 + [[15], None, None], dtype=object)
        found = cohort(dataset.with_tables(metadata=lacking), missing_n="9")
        np.testing.assert_array_equal(found.dataset.metadata["kernel_fwhm"], [9, np.nan, 9])

    def test_foci_that_are_dropped_are_not_united(self, dataset: Dataset) -> None:
        """A contrast whose foci all lie outside goes into no experiment where they are dropped."""
        outside = dataset.coordinates.copy()
        outside.loc[outside["id"] == "ada-more", "x"] = 200.0
        found = cohort(dataset.with_tables(coordinates=outside), outside="drop")
        table = found.contrasts.set_index("id").loc["ada-more"]
        assert (table["reason"], table["pooled_into"]) == ("no foci inside the mask", "")
        assert ("ada-pooled", 200) not in foci(found.dataset)

    def test_each_side_of_a_comparison_is_pooled_by_itself(self, dataset: Dataset) -> None:
        """A study on both sides is an experiment of either, and that is said."""
        groups = {"pain": 'task == "heat"', "others": "missing(task) or task != 'heat'"}
        found = cohort(
            dataset,
            type="pair",
            options={"groups": groups},
            estimator=Component("ALESubtraction"),
        )
        assert found.dataset.ids.tolist() == [
            "ada-pooled_pain",
            "ada-pooled_others",
            "bell-1",
            "cole-pooled_others",
        ]
        assert said(found)[-1] == (
            "1 study has contrasts in both groups, which the test takes to be of different "
            "people: ada (leave a side out where they are the same people)"
        )

    def test_without_pooling_a_warning_says_how_many(self, dataset: Dataset) -> None:
        """How many studies, contrasts and the most, and what to do about it; in every analysis."""
        found = cohort(dataset, "none", missing_n="exclude")
        assert "pooled_into" not in found.contrasts
        assert said(found)[-1] == (
            "2 studies contribute several contrasts each, 6 together, at most 4 (ada); contrasts "
            "of the same people are not independent (--pool study makes one experiment of the "
            "contrasts of a study (Turkeltaub et al., 2012))"
        )

    def test_one_contrast_a_study_is_no_reason_to_warn(self, dataset: Dataset) -> None:
        """Nothing is said where nothing is to be said."""
        found = cohort(dataset, "none", select='contrast_id in ["pain", "1", "up"]')
        assert found.problems == ()


def test_several_counts_studies_and_their_experiments() -> None:
    """Numbers and words; one study reads as one."""
    found = several(["a", "b", "a", "c", "c", "c", "study_unknown_1", "study_unknown_1"])
    assert found is not None
    assert (found.n_studies, found.n_experiments, found.most, found.study) == (2, 5, 3, "c")
    one = several(["a", "a", "b"])
    assert one is not None
    assert one.words == "1 study contributes several contrasts, 2 (a)"
    assert several(["a", "b"]) is None
    assert several(["a", "a"], ["left", "right"]) is None


def test_studies_in_both_groups() -> None:
    """Each study once; those without a name may be any."""
    studies = ["a", "a", "b", "b", "study_unknown_1", "study_unknown_1"]
    assert on_both_sides(studies, ["x", "y", "x", "x", "x", "y"]) == ["a"]
