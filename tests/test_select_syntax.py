"""The grammar of selections: what a text becomes, and what is said of one that is none."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nimare_pipeline.errors import UsageError
from nimare_pipeline.select_syntax import parse
from nimare_pipeline.select_tree import (
    And,
    Column,
    Compare,
    Holds,
    InMask,
    Literal,
    Missing,
    Not,
    OneOf,
    Or,
    Within,
    conditions,
)

SHAPES = {
    Not: lambda node: ("not", shape(node.part)),
    And: lambda node: ("and", *map(shape, node.parts)),
    Or: lambda node: ("or", *map(shape, node.parts)),
    Compare: lambda node: (node.operator, shape(node.left), shape(node.right)),
    OneOf: lambda node: (
        "not in" if node.negative else "in", shape(node.value), *map(shape, node.among),
    ),
    Holds: lambda node: ("holds", shape(node.value)),
    Missing: lambda node: ("missing", shape(node.value)),
    Within: lambda node: ("within", *node.xyz, node.radius),
    InMask: lambda node: ("in_mask", node.file),
    Column: lambda node: f"{node.table}:{node.name}",
    Literal: lambda node: node.value,
}  # fmt: skip


def shape(node: object) -> object:
    """Tree without positions."""
    return SHAPES[type(node)](node)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a == 1", ("==", ":a", 1.0)),
        ("10 > a", (">", 10.0, ":a")),
        ("a != 'x'", ("!=", ":a", "x")),
        ('a <= "it\'s \\"b\\""', ("<=", ":a", 'it\'s "b"')),
        ("a >= -1.5e-3", (">=", ":a", -0.0015)),
        ("a < +.5", ("<", ":a", 0.5)),
        ("a == true", ("==", ":a", True)),
        ("a", ("holds", ":a")),
        ("(a)", ("holds", ":a")),
        ("(a) > 1", (">", ":a", 1.0)),
        ("a > b", (">", ":a", ":b")),
        ("1 < a <= 3", ("and", ("<", 1.0, ":a"), ("<=", ":a", 3.0))),
        ("not a or b and c", ("or", ("not", ("holds", ":a")), ("and", ("holds", ":b"),
                                                               ("holds", ":c")))),
        ("not (a or b)", ("not", ("or", ("holds", ":a"), ("holds", ":b")))),
        ("not not a", ("holds", ":a")),
        ("not a > 1", ("not", (">", ":a", 1.0))),
        ("a and b and c", ("and", ("holds", ":a"), ("holds", ":b"), ("holds", ":c"))),
        ('a in ["x", "y"]', ("in", ":a", "x", "y")),
        ("a not in [1]", ("not in", ":a", 1.0)),
        ('label("pain") > 0', (">", "label:pain", 0.0)),
        ("column('odd name')", ("holds", "column:odd name")),
        ("metadata('year') > 2000", (">", "metadata:year", 2000.0)),
        ("missing(label('a'))", ("missing", "label:a")),
        ("within(1, -2, 3.5, 10)", ("within", 1.0, -2.0, 3.5, 10.0)),
        ("in_mask('m.nii')", ("in_mask", "m.nii")),
        ("a\n  and b", ("and", ("holds", ":a"), ("holds", ":b"))),
        ("größe > 1", (">", ":größe", 1.0)),
        ('"x" == a', ("==", "x", ":a")),
    ],
)  # fmt: skip
def test_text_becomes_a_tree(text, tree) -> None:
    """Operators bind as in Python: not, then and, then or; comparisons chain."""
    assert shape(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "it is empty; leave select out to take every contrast"),
        ("a = 3", 3, "'=': one = is not a comparison; write =="),
        ("a > 1 & b", 7, "'&': write and"),
        ("a | b", 3, "'|': write or"),
        ("!a", 1, "'!': write not, or != for 'is not'"),
        ("a == 'x", 6, '"\'": this text has no closing quote'),
        ("a; b", 2, "';': this has no meaning here; a text stands in quotes"),
        ("a >", 4, "expected a column, a value, a function, not or (, found the end"),
        ("a b", 3, "expected and, or, or the end, found b"),
        ("(a", 3, "expected and, or, or ), found the end"),
        ("a > 1)", 6, "expected and, or, or the end, found )"),
        ("3", 1, "a value alone says nothing; compare it with a column"),
        ("1 < 2", 1, "two constants are compared; name a column"),
        ("a in 'x'", 6, 'expected a list such as ["a", "b"], found \'x\''),
        ("a in [b]", 7, "expected a number, a text in quotes, true or false, found b"),
        ("a in [1 2]", 9, "expected a comma or ], found 2"),
        ("1 in [1]", 1, "expected a column before in"),
        ("a not 3", 3, "expected a comparison, and or or, found not"),
        ("(a and b) > 1", 11, "a condition is not compared with anything; expected and or or"),
        ("a > (b and c)", 5, "expected a value to compare with"),
        ("lable('x')", 1, "there is no function 'lable'; did you mean label? there are: label,"),
        ("label(x)", 7, 'expected a text: label is written label("pain")'),
        ("label", 6, ""),
        ("within(1, 2)", 12, "expected a comma: within is written within(x, y, z, radius), in mm"),
        ("within(1, 2, 3, 4, 5)", 18, "expected ): within is written"),
        ("within(1, 2, 3, -4)", 1, "the radius is below 0 mm"),
        ("missing('x')", 9, "expected a column: missing is written missing(age)"),
        ("12ab > 3", 1, "'1': this has no meaning here"),
        ("(" * 200, 101, "more than 100 conditions inside each other"),
        ("missing(" * 200, 801, "more than 100 conditions inside each other"),
    ],
)  # fmt: skip
def test_slip_is_shown_in_its_place(text, column, message) -> None:
    """One line says where and what was expected, then the text with a mark under the place."""
    if not message:  # a name of a function alone is a column
        assert shape(parse(text)) == ("holds", f":{text}")
        return
    with pytest.raises(UsageError) as caught:
        parse(text)
    first, shown, mark = str(caught.value).split("\n")
    assert first.startswith(f"selection, column {column}: {message}")
    assert shown == f"    {text}"
    assert mark == " " * (column + 3) + "^"


def test_place_in_several_lines() -> None:
    """Of a text of several lines, the line with the slip is shown; tabs keep the mark in place."""
    with pytest.raises(UsageError) as caught:
        parse("a > 1\n\tand b = 2\nor c")
    assert str(caught.value) == (
        "selection, line 2, column 8: '=': one = is not a comparison; write ==\n"
        "    \tand b = 2\n"
        "    \t      ^"
    )


def test_parts_stand_in_the_text() -> None:
    """Each condition knows where it is written, so that it can be quoted."""
    text = "not (a > 1 or label('b')) and x not in [1, 2]"
    assert [text[one.at : one.end] for one in conditions(parse(text))] == [
        "a > 1", "label('b')", "x not in [1, 2]",
    ]  # fmt: skip


WORDS = ["a", "label('x')", "and", "or", "not", "in", "(", ")", "[", "]", ",", "==", "<", "1", "-"]


@settings(deadline=None)
@given(st.lists(st.sampled_from([*WORDS, "'x'", "within(", "missing(", "true"])), st.text())
def test_any_text_is_a_tree_or_a_usage_error(words, text) -> None:
    """Whatever is written, nothing but a UsageError comes out."""
    for candidate in (" ".join(words), text):
        with suppress(UsageError):
            parse(candidate)
