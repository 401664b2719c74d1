"""What a selection selects."""

import json
import math

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import EmptySelectionError, NoInputError, UsageError
from nimare_pipeline.select import select
from nimare_pipeline.select_syntax import parse
from nimare_pipeline.select_tree import (
    And,
    Compare,
    Holds,
    Missing,
    Not,
    OneOf,
    Or,
)


def study(xyz=((0, 0, 0),), n=(10,), labels=None, **metadata):
    x, y, z = zip(*xyz, strict=True) if xyz else ((), (), ())
    contrast = {
        "coords": {"space": "MNI", "x": list(x), "y": list(y), "z": list(z)},
        "metadata": {**({"sample_sizes": list(n)} if n else {}), **metadata},
        "labels": labels or {},
    }
    return {"contrasts": {"1": contrast}}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset({
        "a": study(n=(10, 20), labels={"x__pain": 0.5, "touch": 1, "group": "A"},
                   task="heat", year=1999, good=True),
        "b": study(((10, 0, 0), (0, 0, 3)), n=(20,), labels={"x__pain": 0.0, "y__touch": 1,
                                                             "group": "B"},
                   task="cold", year=2005, good=False),
        "c": study(((50, 0, 0),), n=(), labels={"x__pain": 0.001, "group": "A"}, task="heat"),
        "d": study(((0, 0, 0),) * 3, n=(30,), labels={"touch": 0, "x__touch": 3}, year=2010,
                   good=True, **{"odd name": 7}),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abcd"),
        (" ", "abcd"),
        ("sample_size >= 20", "bd"),
        ("sample_size == 15", "a"),  # the mean of 10 and 20
        ("15 <= sample_size < 30", "ab"),
        ("30 > sample_size", "ab"),
        ("n_foci == 3", "d"),
        ("n_foci > 1 and year < 2010", "b"),
        ('study_id == "a"', "a"),
        ('id in ["a-1", "d-1"]', "ad"),
        ('contrast_id == "1"', "abcd"),
        ('study_id not in ["a", "b"]', "cd"),
        ('task == "heat"', "ac"),
        ('task != "heat"', "b"),  # of d it is not known
        ('not task == "heat"', "b"),
        ('not not task == "heat"', "ac"),
        ('task == "heat" or year > 2000', "abcd"),
        ('missing(task) or task == "cold"', "bd"),
        ("not missing(task)", "abc"),
        ("missing(sample_sizes)", "c"),
        ("missing(sample_size)", "c"),
        ('label("x__pain") > 0.001', "a"),
        ('label("pain") > 0.001', "a"),
        ('label("pain")', "ac"),
        ('not label("pain")', "b"),
        ('label("touch")', "a"),  # the label of that very name, not those that end in it
        ('label("y__touch") == 1', "b"),
        ('group == "A"', "ac"),
        ('label("group") == "B"', "b"),
        ("good", "ad"),
        ("good == true", "ad"),
        ("good != true", "b"),
        ("not good", "b"),
        ("good == 1", "ad"),
        ('column("odd name") == 7', "d"),
        ('metadata("year") >= 2005', "bd"),
        ("year >= n_foci and year > sample_size", "abd"),
        ('task < "d"', "b"),
        ("within(0, 0, 0, 3)", "abd"),
        ("within(0, 0, 0, 2.9)", "ad"),
        ("within(7, 0, 0, 3)", "b"),  # at exactly the radius
        ("not within(0, 0, 0, 10)", "c"),
    ],
)  # fmt: skip
def test_selection(dataset, text, ids) -> None:
    """Each part of the language selects what it says."""
    assert "".join(name[0] for name in dataset.ids[select(dataset, text).holds]) == ids


class TestMask:
    @pytest.fixture
    def folders(self, tmp_path):
        for folder, x in (("model", 0), ("data", 50)):
            volume = np.zeros((91, 109, 91), dtype=np.uint8)
            volume[(90 - x) // 2, 63, 36] = 1
            affine = np.array([[-2, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1.0]])
            (tmp_path / folder).mkdir()
            nib.save(nib.Nifti1Image(volume, affine), tmp_path / folder / "roi.nii.gz")
        return str(tmp_path / "model"), str(tmp_path / "data")

    @pytest.mark.parametrize(("order", "ids"), [((0, 1), ["a-1", "d-1"]), ((1, 0), ["c-1"])])
    def test_file_is_that_of_the_first_folder(self, dataset, folders, order, ids) -> None:
        """A relative path counts from the first folder that has the file."""
        found = select(dataset, "in_mask('roi.nii.gz')", [folders[i] for i in order])
        assert dataset.ids[found.holds].tolist() == ids

    def test_absolute_path_and_library(self, dataset, folders) -> None:
        """An absolute path needs no folder; the library's method gives a Dataset."""
        chosen = dataset.select(f'in_mask("{folders[1]}/roi.nii.gz")')
        assert chosen.ids.tolist() == ["c-1"]
        assert dataset.select("in_mask('roi.nii.gz')", folders[0]).ids.tolist() == ["a-1", "d-1"]

    def test_missing_file_names_the_folders(self, dataset, folders) -> None:
        """A mask that is nowhere is no input, with the places that were looked at."""
        with pytest.raises(NoInputError) as caught:
            select(dataset, "in_mask('no.nii')", folders)
        assert f"there is no mask file no.nii in {folders[0]} or {folders[1]}" in str(caught.value)


ERRORS = [
    ("sampel_size > 3", 1, "there is no column 'sampel_size'; did you mean sample_size"),
    ("n_foci > 1 and yaer > 3", 16, "there is no column 'yaer'; did you mean year? there are: id"),
    ('label("pian") > 3', 1, "there is no label 'pian'; did you mean 'pain'? there are: x__pain,"),
    ('metadata("group")', 1, "there is no metadata column 'group'; there are: original_space,"),
    ("task == heat", 9, "there is no column 'heat'; there are: id, study_id, contrast_id, "),
    ("good == True", 9, "there is no column 'True'; did you mean true?"),
    ("task > 3", 1, "task holds text ('heat', 'cold'), not numbers; compare it with a text in "),
    ("3 < task", 1, "task holds text ('heat', 'cold'), not numbers; compare it with a text in "),
    ('label("group") > 0.1', 1, "label(\"group\") holds text ('A', 'B'), not numbers; compare it"),
    ('label("group")', 1, "label(\"group\") holds text ('A', 'B'), so alone it is neither true n"),
    ('year == "x"', 1, "year holds numbers (1999, 2005, 2010), not text; compare it with a numbe"),
    ('year in [1, "x"]', 1, "year holds numbers (1999, 2005, 2010), not text; compare it with a"),
    ("year == true", 1, "year holds numbers (1999, 2005, 2010), not true or false; compare it"),
    ("good < true", 1, "true and false are compared by == and != only"),
    ("sample_sizes > 3", 1, "sample_sizes holds lists, which are not compared; sample_size is"),
    ('column("nowhere") > 1', 1, "there is no column 'nowhere'; there are: original_space, "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "message"), ERRORS)
def test_slip_names_what_there_is(dataset, text, column, message) -> None:
    """A wrong name or kind is shown in its place, with near names or values of the column."""
    with pytest.raises(UsageError) as caught:
        select(dataset, text)
    first, shown, mark = str(caught.value).split("\n")
    assert first.startswith(f"selection, column {column}: {message}")
    assert (shown, mark) == (f"    {text}", " " * (column + 3) + "^")


def test_ambiguous_label_names_both() -> None:
    """A short name that two labels end in is refused, with the full names."""
    data = Dataset({"a": study(labels={"x__pain": 1, "y__pain": 1})})
    with pytest.raises(UsageError, match="several labels end in 'pain'; give the full name: x__p"):
        select(data, "label('pain')")


def test_column_of_both_tables_must_agree() -> None:
    """A bare name that means two things is refused; one of two equal columns is taken."""
    same = Dataset({"a": study(labels={"v": 1}, v=1), "b": study(labels={"v": 2}, v=2)})
    assert select(same, "v > 1").holds.tolist() == [False, True]
    other = Dataset({"a": study(labels={"v": 1}, v=3)})
    with pytest.raises(UsageError, match=r'they differ; write metadata\("v"\) or label\("v"\)'):
        select(other, "v > 1")
    assert select(other, 'metadata("v") == 3 and label("v") == 1').holds.tolist() == [True]


def test_text_that_no_contrast_has_is_a_warning(dataset) -> None:
    """A typo in a value selects wrongly without an error: the nearest value is proposed."""
    found = select(dataset, 'task != "haet" and group in ["A", "Z"]')
    *unseen, unknown = map(str, found.problems)
    assert unseen == [
        "no contrast has task == 'haet' (did you mean 'heat'?)",
        "no contrast has group == 'Z' (there are 'A', 'B')",
    ]
    assert unknown == (
        "1 contrast lacks a value that the selection asks for, and is not selected "
        "(missing(column) finds them)"
    )


def test_empty_selection_counts_its_parts(dataset) -> None:
    """Nothing selected: how many contrasts satisfy each condition, as it is written."""
    with pytest.raises(EmptySelectionError) as caught:
        select(dataset, 'sample_size  > 20\n and not task in ["heat"] and within(0, 0, 0, 5)')
    assert str(caught.value).split("\n")[0] == (
        'the selection sample_size > 20 and not task in ["heat"] and within(0, 0, 0, 5) selects '
        'none of 4 contrasts (sample_size > 20: 1 contrast; task in ["heat"]: 2 contrasts; '
        "within(0, 0, 0, 5): 3 contrasts)"
    )
    assert "1 contrast lacks a value" in str(caught.value)


def test_column_without_values_is_unknown() -> None:
    """A column that is empty everywhere can be named, and tells nothing."""
    data = Dataset({"a": study(n=())})
    for text in ("sample_sizes > 3", 'sample_sizes == "x"', "sample_sizes in [1]", "sample_sizes"):
        with pytest.raises(EmptySelectionError, match="1 contrast lacks a value"):
            select(data, text)


def test_columns_written_as_text_are_compared_as_text() -> None:
    """A column of texts and numbers is text throughout."""
    data = Dataset({"a": study(v="12"), "b": study(v=12), "c": study(v="x")})
    assert select(data, 'v == "12"').holds.tolist() == [True, True, False]


def test_wide_annotations(shared_data) -> None:
    """Thousands of labels are no trouble, and the label with and without prefix are told apart."""
    studies = json.loads((shared_data / "nimare_json/neurosynth_laird_studies.json").read_text())
    for one in studies.values():
        one["contrasts"]["1"]["coords"]["space"] = "MNI"
    data = Dataset(studies)
    assert data.annotations.shape[1] == 3231
    column = data.annotations["Neurosynth_TFIDF__amygdala"]
    expected = data.ids[(column > 0.001).to_numpy()].tolist()
    assert 0 < len(expected) < len(data.ids)
    for name in ("amygdala", "Neurosynth_TFIDF__amygdala"):
        assert data.select(f'label("{name}") > 0.001').ids.tolist() == expected
    with pytest.raises(UsageError, match=r"there is no label 'amygdla'; did you mean 'amygdala'"):
        data.select('label("amygdla") > 0')


def naive(node, row):
    """Truth of a selection for one contrast, by Kleene's tables: True, False, or None."""
    if isinstance(node, Not):
        value = naive(node.part, row)
        return None if value is None else not value
    if isinstance(node, And | Or):
        values = [naive(part, row) for part in node.parts]
        decisive = isinstance(node, Or)
        if decisive in values:
            return decisive
        return None if None in values else not decisive
    value = row[(node.left if isinstance(node, Compare) else node.value).name]
    if isinstance(node, Missing):
        return value is None
    return None if value is None else naive_of_value(node, value)


def naive_of_value(node, value):
    if isinstance(node, Holds):
        return value > 0
    if isinstance(node, OneOf):
        return (value in [literal.value for literal in node.among]) != node.negative
    other = node.right.value
    return {"==": value == other, "!=": value != other, "<": value < other, "<=": value <= other,
            ">": value > other, ">=": value >= other}[node.operator]  # fmt: skip


OPERATOR = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
LEAF = st.one_of(
    st.builds(lambda op, v: f"u {op} {v}", OPERATOR, st.integers(-2, 2)),
    st.builds(lambda op, v: f"t {op} '{v}'", OPERATOR, st.sampled_from("abc")),
    st.sampled_from(["u", "missing(u)", "missing(t)", "u in [0, 1]", "t not in ['a']"]),
)
TEXT = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=8,
)
NUMBERS = st.lists(st.one_of(st.none(), st.integers(-2, 2)), min_size=1, max_size=6)


@settings(deadline=None)
@given(text=TEXT, numbers=NUMBERS, data=st.data())
def test_logic_is_that_of_the_tables(text, numbers, data) -> None:
    """Any selection equals Kleene's truth tables, row by row."""
    cell = st.one_of(st.none(), st.sampled_from("abc"))
    texts = data.draw(st.lists(cell, min_size=len(numbers), max_size=len(numbers)))
    rows = [{"u": u, "t": t} for u, t in zip(numbers, texts, strict=True)]
    base = Dataset({f"s{i}": study() for i in range(len(rows))})
    table = base.metadata.assign(
        u=[math.nan if u is None else float(u) for u in numbers],
        t=pd.Series(texts, dtype=object),
    )
    expected = [naive(parse(text), row) is True for row in rows]
    try:
        found = select(base.with_tables(metadata=table), text).holds.tolist()
    except EmptySelectionError:
        found = [False] * len(rows)
    assert found == expected
