"""Two groups of contrasts: found, refused, and split."""

import pytest

from nimare_pipeline.cohort import make_cohort
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, EmptySelectionError, UsageError
from nimare_pipeline.groups import find_groups, group_names, split
from nimare_pipeline.settings import Analysis, Component


def contrast(n: int, modality: str, **more) -> dict:  # type: ignore[no-untyped-def,type-arg]
    coords = {"space": "MNI", "x": [2.0 * n], "y": [0], "z": [0]}
    return {"coords": coords, "metadata": {"sample_sizes": [n], "modality": modality, **more}}


@pytest.fixture
def dataset() -> Dataset:
    """Five contrasts: two of heat, two of touch, one of neither."""
    kinds = ["heat", "touch", "heat", "touch", "sound"]
    return Dataset(
        {f"s{n}": {"contrasts": {"1": contrast(10 + n, kind)}} for n, kind in enumerate(kinds)}
    )


HEAT, TOUCH = 'modality == "heat"', 'modality == "touch"'


def test_two_groups(dataset) -> None:
    """Each contrast has the name of its group, and none without one."""
    found = find_groups(dataset, "", {"heat": HEAT, "touch": TOUCH})
    assert found.labels.tolist() == ["heat", "touch", "heat", "touch", ""]
    assert found.selected.holds.tolist() == [True, True, True, True, False]


def test_one_group_is_compared_with_all_others(dataset) -> None:
    """What is selected and not in the group is the rest, also where a value is missing."""
    found = find_groups(dataset, "sample_size > 10", {"heat": HEAT})
    assert found.labels.tolist() == ["", "rest", "heat", "rest", "rest"]


def test_selection_holds_for_both_groups(dataset) -> None:
    """A contrast that the analysis does not select is in no group."""
    found = find_groups(dataset, "sample_size < 13", {"heat": HEAT, "touch": TOUCH})
    assert found.labels.tolist() == ["heat", "touch", "heat", "", ""]


def test_groups_that_overlap(dataset) -> None:
    """The contrasts in both are named."""
    with pytest.raises(DataError, match="groups 'a' and 'b' overlap: s2-1") as caught:
        find_groups(dataset, "", {"a": HEAT, "b": "sample_size == 12"})
    assert [problem.where for problem in caught.value.problems] == ["contrast s2-1"]


@pytest.mark.parametrize(
    ("select", "groups", "message"),
    [
        ("", {"a": HEAT, "b": 'modality == "taste"'}, "group 'b' is empty"),
        ('modality == "sound"', {"a": HEAT, "b": TOUCH}, "group 'a' is empty: of 1 contrast sel"),
        (HEAT, {"a": HEAT}, "group 'rest' is empty: of 2 contrasts selected, none is in it"),
    ],
)
def test_group_that_is_empty(dataset, select, groups, message) -> None:
    """A group without contrasts is named."""
    with pytest.raises(EmptySelectionError, match=message):
        find_groups(dataset, select, groups)


def test_selection_of_a_group_that_is_wrong(dataset) -> None:
    """The error names the group."""
    with pytest.raises(UsageError, match=r"group 'b': .*no column 'modallity'; did you mean mod"):
        find_groups(dataset, "", {"a": HEAT, "b": 'modallity == "touch"'})


@pytest.mark.parametrize("names", [(), ("a", "b", "c"), ("rest",)])
def test_names_of_groups(names) -> None:
    """One or two, and one alone is not called rest."""
    with pytest.raises(UsageError, match="two groups are compared: give two named selections"):
        group_names(dict.fromkeys(names, ""))


def pair(**options) -> Analysis:  # type: ignore[no-untyped-def]
    groups = {"groups": {"heat": HEAT, "touch": TOUCH}}
    estimator = Component("ALESubtraction")
    return Analysis("a", type="pair", estimator=estimator, options=groups, **options)


def test_cohort_of_a_comparison(dataset) -> None:
    """The table of contrasts names the groups; the datasets hold one group each."""
    cohort = make_cohort(dataset, pair())
    assert cohort.contrasts["group"].tolist() == ["heat", "touch", "heat", "touch", ""]
    assert cohort.contrasts["reason"].tolist() == ["", "", "", "", "not selected"]
    one, two = split(cohort.dataset, cohort.contrasts, ("heat", "touch"))
    assert (list(one.ids), list(two.ids)) == (["s0-1", "s2-1"], ["s1-1", "s3-1"])


def test_group_of_which_nothing_can_be_used() -> None:
    """A group whose contrasts are all left out is no group."""
    studies = {
        "a": {"contrasts": {"1": contrast(9, "heat")}},
        "b": {"contrasts": {"1": contrast(9, "touch", include=False)}},
    }
    with pytest.raises(EmptySelectionError, match="group 'touch' has no contrast left to analyse"):
        make_cohort(Dataset(studies), pair())
