"""Lines of a TOML file."""

import tomllib

import pytest

from nimare_pipeline.model.lines import key_lines, line_of

TEXT = '''\
# [[analysis]] in a comment
title = "a # no comment"  # but this is
[run]
seed = 1
  mask = 'it = [['
[defaults]
corrector = {type = "F", args = {a = "]"}}
[[analysis]]
name = "one"
select = """
[[analysis]]
name = "not a key"
\\""" still
"""
sources = [
  "a", # ] a comment
  "b",
]
"odd key" = 1
literal = \'\'\'
[run]
\'\'\'
a.b."c d" = 2

[[analysis]]
name = "two"
[analysis.estimator]
type = "ALE"
[analysis.estimator.args]
fwhm = 3
[[analysis.deep]]
x = 1
[[analysis.deep]]
x = 2
'''

LINES = {
    ("title",): 2,
    ("run",): 3,
    ("run", "seed"): 4,
    ("run", "mask"): 5,
    ("defaults", "corrector"): 7,
    ("analysis", 0): 8,
    ("analysis", 0, "name"): 9,
    ("analysis", 0, "select"): 10,
    ("analysis", 0, "sources"): 15,
    ("analysis", 0, "odd key"): 19,
    ("analysis", 0, "literal"): 20,
    ("analysis", 0, "a", "b", "c d"): 23,
    ("analysis", 1): 25,
    ("analysis", 1, "name"): 26,
    ("analysis", 1, "estimator", "type"): 28,
    ("analysis", 1, "estimator", "args", "fwhm"): 30,
    ("analysis", 1, "deep", 1, "x"): 34,
}


def test_text_is_toml() -> None:
    """What the lines are looked for in is a file that the parser accepts."""
    content = tomllib.loads(TEXT)
    assert [one["name"] for one in content["analysis"]] == ["one", "two"]


@pytest.mark.parametrize(("way", "line"), LINES.items())
def test_line_of_key(way, line) -> None:
    """Keys and tables are found, whatever stands in strings, lists and comments."""
    assert key_lines(TEXT)[way] == line


@pytest.mark.parametrize(
    ("way", "line"),
    [
        (("defaults", "corrector", "args", "a"), 7),
        (("analysis", 1, "estimator"), 27),
        (("analysis", 0, "a"), 23),
        (("analysis", 0, "missing"), 8),
        (("nowhere",), 0),
        ((), 2),
    ],
)
def test_nearest_line(way, line) -> None:
    """What has no line of its own has that of what it holds, or of what it is in."""
    assert line_of(way, key_lines(TEXT)) == line
