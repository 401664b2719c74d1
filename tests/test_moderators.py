"""Formulas become design matrices, and nothing but a formula is evaluated."""

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.moderators import columns_named, design

TABLE = pd.DataFrame(
    {
        "id": list("abcdef"),
        "age": [20, 30, 25, 40, 50, 33],
        "modality": ["fMRI", "PET", "fMRI", "PET", "EEG", "fMRI"],
        "mean dose": [1.0, 2.0, 4.0, 3.0, 5.0, 7.0],
        "task": ["n-back", "", "n-back", None, "n-back", "rest"],
    }
)


def test_design():
    """Categories become 0 and 1 against the first, and labels are of letters and digits."""
    made = design("~ 1 + age + C(modality)", TABLE, "age")
    assert made.columns == ("Intercept", "age", "C(modality)[T.PET]", "C(modality)[T.fMRI]")
    assert made.labels == ("intercept", "age", "modalityPET", "modalityFMRI")
    assert made.result == 1
    np.testing.assert_array_equal(
        made.matrix,
        np.column_stack(
            [
                np.ones(6),
                TABLE["age"],
                TABLE["modality"] == "PET",
                TABLE["modality"] == "fMRI",
            ]
        ),
    )


def test_plain():
    """The intercept alone is the mean of the contrasts."""
    assert design("~ 1", TABLE).is_plain
    assert design("", TABLE).is_plain
    assert not design("~ age", TABLE).is_plain


def test_names_with_spaces():
    """A column whose name is no word stands in backticks."""
    assert design("~ `mean dose`", TABLE).labels == ("intercept", "meanDose")
    assert columns_named("~ age + `mean dose`", list(TABLE.columns)) == ["age", "mean dose"]


def test_lists_are_no_categories():
    """As text each list would be a level of its own, and nearly every study a moderator."""
    lists = TABLE.assign(sample_sizes=[[9], [12], [15], [20], [22], [30]])
    with pytest.raises(UsageError, match="no moderator; sample_size is their mean"):
        design("~ sample_sizes", lists)


def test_result_of_a_category():
    """A category of two levels is named without its level."""
    two = TABLE.assign(modality=["a", "b"] * 3)
    assert design("~ C(modality)", two, "modality").result == 1


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("~ __import__('os')", "there is no function '__import__'"),
        ("~ np.log(age)", "there is no column 'np'"),
        ("~ age.__class__", "'.__class__' is not understood"),
        ("~ (lambda: 1)()", "there is no column 'lambda'"),
        ("~ agee", "there is no column 'agee'; did you mean age?"),
        ("y ~ age", "only the right side is asked for"),
        ("~ (1 + age)**30000", "one power, of 1 to 5, is allowed"),
        ("~ age" + " + age" * 300, "letters; up to 1,000 are read"),
        ("~ (age", "formula '~ (age'"),
    ],
)
def test_no_formula(formula, said):
    """What is no formula of columns is refused, and never evaluated."""
    with pytest.raises(UsageError) as caught:
        design(formula, TABLE)
    assert said in str(caught.value)


def test_dependent_columns():
    """The column that depends on others is named, with those."""
    with pytest.raises(DataError, match=r"column scale\(age\) depends on Intercept, age"):
        design("~ age + scale(age)", TABLE)
    with pytest.raises(DataError, match="column constant depends on Intercept"):
        design("~ constant", TABLE.assign(constant=3))


def test_more_columns_than_contrasts():
    """A design needs more contrasts than columns."""
    with pytest.raises(DataError, match=r"has 6 columns .* for 6 contrasts"):
        design("~ age * modality", TABLE)


def test_missing_moderator():
    """Every contrast that lacks a moderator is named."""
    with pytest.raises(DataError) as caught:
        design("~ task", TABLE)
    assert [problem.where for problem in caught.value.problems] == ["b", "d"]
    assert "no value of 'task'" in str(caught.value)


def test_unknown_term():
    """A term that is no column, or several, is refused with the columns there are."""
    with pytest.raises(UsageError, match="there are: Intercept, age"):
        design("~ age", TABLE, "dose")
    with pytest.raises(UsageError, match=r"it has 2 columns: C\(modality\)\[T.PET\]"):
        design("~ C(modality)", TABLE, "modality")
