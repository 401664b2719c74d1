"""Tables as files: what is written is read back, and nothing depends on luck."""

import math

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import derivative_tables as tables
from nimare_pipeline import derivative_tsv
from nimare_pipeline.derivative_tables import Column
from nimare_pipeline.derivative_tsv import from_tsv, to_tsv
from nimare_pipeline.errors import DataError

COLUMNS = {
    "id": Column("An id"),
    "n": Column("A count", "integer"),
    "x": Column("A place", "number", "mm"),
    "used": Column("A flag", "boolean"),
}


def frame():
    table = pd.DataFrame(
        {
            "id": ["001", "NA", None],
            "n": [3, None, 0],
            "x": [0.1, 1e-300, math.nan],
            "used": [True, None, False],
        }
    )
    return tables.typed(table, COLUMNS)


def test_to_tsv_writes_what_bids_wants():
    """Tabs, n/a for missing, small true and false, integers as such, floats in full."""
    expected = "id\tn\tx\tused\n001\t3\t0.1\ttrue\nNA\tn/a\t1e-300\tn/a\nn/a\t0\tn/a\tfalse\n"
    assert to_tsv(frame()).decode() == expected


def test_from_tsv_reads_values_and_types_back():
    """Ids stay text, also 001 and NA; counts stay counts; every digit survives."""
    pd.testing.assert_frame_equal(frame(), from_tsv(to_tsv(frame()), COLUMNS))


def test_from_tsv_reads_a_table_without_header():
    """Compressed tables have their names elsewhere."""
    content = to_tsv(frame(), header=False)
    assert content.startswith(b"001\t")
    pd.testing.assert_frame_equal(frame(), from_tsv(content, COLUMNS, names=COLUMNS))


def test_from_tsv_reads_an_empty_table():
    """A table without rows keeps its types."""
    empty = frame().iloc[:0]
    pd.testing.assert_frame_equal(empty, from_tsv(to_tsv(empty), COLUMNS))


def test_floats_survive_to_the_last_bit():
    """A float is written so that it reads back the same."""
    values = np.random.default_rng(1).standard_normal(1000) * 10.0 ** np.arange(-500, 500).clip(
        -300, 300
    )
    table = pd.DataFrame({"x": values})
    back = from_tsv(to_tsv(table), {"x": COLUMNS["x"]})
    np.testing.assert_array_equal(values, back["x"].to_numpy())


def test_infinity_survives():
    """An infinite z is not missing."""
    back = from_tsv(to_tsv(pd.DataFrame({"x": [math.inf, -math.inf]})), COLUMNS)
    assert back["x"].tolist() == [math.inf, -math.inf]


def test_text_cannot_shift_the_cells_after_it():
    """Tabs and line breaks become spaces; quotes, letters of any script and spaces stay."""
    texts = ['a "b', "c\td\r\ne", "ä\u200bß", "two  spaces"]
    table = pd.DataFrame({"id": texts, "x": [1.0, 2.0, 3.0, 4.0]})
    back = from_tsv(to_tsv(table), COLUMNS)
    assert back["id"].tolist() == ['a "b', "c d  e", "ä\u200bß", "two  spaces"]
    assert back["x"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_lists_are_joined():
    """Several values in a cell are joined by '; '."""
    assert to_tsv(pd.DataFrame({"n": [[10, 12]]})) == b"n\n10; 12\n"


def test_from_tsv_refuses_values_of_another_kind():
    """A count that is a word is an error that says so."""
    with pytest.raises(DataError, match=r"not a table as written here: .*many"):
        from_tsv(b"n\nmany\n", COLUMNS)


def test_from_tsv_guesses_the_kind_of_other_columns():
    """A column that came with the input is what all of its cells can be."""
    content = b"a\tb\tc\td\n1\t1.5\ttrue\tx\nn/a\t2\tfalse\tn/a\n"
    table = from_tsv(content, {})
    assert table["a"].tolist()[0] == 1
    assert table["b"].tolist() == [1.5, 2.0]
    assert table["c"].tolist() == [True, False]
    assert table["d"].tolist()[0] == "x"
    assert table.iloc[1].isna().tolist() == [True, False, False, True]


@pytest.mark.parametrize("content", [b"a\tb\n1\n", b"a\n1\t2\n", b"\xff\n", b""], ids=repr)
def test_from_tsv_refuses_ragged_rows(content):
    """A cell too few or too many is an error, never a shift; so is no header."""
    with pytest.raises(DataError, match="not a table as written here"):
        from_tsv(content, {})


def test_blocks_make_no_difference(monkeypatch):
    """A table longer than the rows that are written at a time is the same file."""
    whole = to_tsv(frame())
    monkeypatch.setattr(derivative_tsv, "_BLOCK_ROWS", 2)
    assert to_tsv(frame()) == whole


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\n1\t2\n3\t4\n5\n", "row 3 has 1 cells; expected 2"),
        (b"a\tb\n1\t2\n3\n4\t5\t6\n", "row 2 has 1 cells; expected 2"),
    ],
    ids=["short", "as many tabs as there should be"],
)
def test_a_ragged_row_is_named(content, message):
    """Which row it is, where the file is long."""
    with pytest.raises(DataError, match=message):
        from_tsv(content, {})


def test_the_kind_of_other_columns_is_that_of_all_rows():
    """A column of numbers with one word in it is one of words."""
    table = from_tsv(b"a\tb\n1\t1\n2\t2\nmany\t3\n", {})
    assert table["a"].tolist() == ["1", "2", "many"]
    assert table["b"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("cell", ['"', '"a', "a b ", " ", "#1", "\\", "a\rb", "\ufeff", "é", "''"])
def test_cells_are_taken_as_they_are(cell):
    """Nothing is a quotation mark, a comment or the end of a line but tab and newline."""
    content = f"id\tn\n{cell}\t1\nb\t2\n".encode()
    assert from_tsv(content, COLUMNS)["id"].tolist() == [cell, "b"]


def test_many_rows_come_back():
    """More than pandas reads at a time, with cells that repeat and cells that do not."""
    n = 300_000
    table = pd.DataFrame(
        {
            "id": [f"s{i // 7}" for i in range(n)],
            "n": np.arange(n) % 11,
            "x": np.random.default_rng(5).normal(size=n),
            "used": np.arange(n) % 3 == 0,
        }
    )
    table = tables.typed(table, COLUMNS)
    pd.testing.assert_frame_equal(from_tsv(to_tsv(table), COLUMNS), table, check_exact=True)


@pytest.mark.parametrize("of", ["max_tfce", "positive_max_tfce", "group2_max_mass"])
def test_whole_numbers_of_a_null_are_read_to_the_last_bit(of):
    """Also those that no float holds: a null is extended by them."""
    name = f"integer_{of}"
    numbers = np.array([2**53 + 1, 20658528952976111, 2**61 + 3])
    columns = tables.null_columns([name])
    table = tables.typed(pd.DataFrame({name: numbers}), columns)
    read = from_tsv(to_tsv(table, header=False), columns, names=[name])
    assert [int(value) for value in read[name]] == numbers.tolist()
    assert columns[name].description == f"{of} as the whole number that iterations count in"


@pytest.mark.parametrize("content", [b"id\tn", b"id\tn\n", b"id\tn\n\n"], ids=repr)
def test_a_header_alone_is_a_table_without_rows(content):
    """With or without the end of the line."""
    read = from_tsv(content, COLUMNS)
    assert (list(read), len(read)) == (["id", "n"], 0)


def test_the_last_row_needs_no_end():
    """A file that somebody's editor saved without the last newline is whole."""
    assert from_tsv(b"id\tn\na\t1\nb\t2", COLUMNS)["n"].tolist() == [1, 2]
