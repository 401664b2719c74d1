"""Hostile and sloppy JSON: one sentence each, whatever the format it pretends to be."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline import io
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, PipelineError
from nimare_pipeline.io import _json, nimare_json, registry

COORDS = '"coords": {"space": "MNI", "x": [1], "y": [2], "z": [3]}'
POINT = '{"space": "MNI", "coordinates": [1, 2, 3]}'
FORMATS = {
    "nimare": ('{"s": {"contrasts": {"1": {' + COORDS + ', "metadata": {"a": ', "}}}}}"),
    "nimads": (
        '{"studies": [{"id": "s", "analyses": [{"id": "1", "points": ['
        + POINT
        + '], "metadata": {"a": ',
        "}}]}]}",
    ),
}


def put(tmp_path: Path, value: str, kind: str = "nimare", name: str = "a.json") -> Path:
    """A file of a format with one contrast and this value in its metadata."""
    path = tmp_path / name
    before, after = FORMATS[kind]
    path.write_text(before + value + after, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[" * 10**6 + "]" * 10**6, "JSON nested too deeply to be a dataset: more than 64 levels"),
        ('{"a":' * 10**5 + "1" + "}" * 10**5, "more than 64 levels"),
        ("[" * 70 + "]" * 70, "more than 64 levels"),
        ("9" * 10**5, "a number of 100,000 digits; of up to 300 is read"),
        ("-" + "9" * 301, "a number of 302 digits; of up to 300 is read"),
    ],
)
def test_more_than_any_dataset_has(tmp_path, kind: str, value: str, message: str) -> None:
    """Depth and digits have limits, and the file is named."""
    with pytest.raises(DataError) as error:
        io.read(put(tmp_path, value, kind))
    assert message in str(error.value)
    assert "- a.json: " in str(error.value)


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[" * 10 + "1" + "]" * 10, [[[[[[[[[[1]]]]]]]]]]),
        ("0." + "9" * 10**5, 1.0),
        ("9" * 300, 10**300 - 1),
        ('"' + "9" * 10**5 + '"', "9" * 10**5),
        ("Infinity", float("inf")),
        (r'"a\ud83d"', "a\N{REPLACEMENT CHARACTER}"),
        (r'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (r'"\u0000<b>"', "\0<b>"),
    ],
)
def test_odd_values_are_kept(tmp_path, kind: str, value: str, expected: Any) -> None:
    """Ten levels, long fractions and texts, characters beyond the first plane; half of a pair is
    no character, and is replaced as every decoder does.
    """
    (source,) = io.read(put(tmp_path, value, kind))
    assert source.dataset.metadata["a"].tolist() == [expected]


@pytest.mark.parametrize("name", ["", "none.json", "a\0.json"])
def test_what_is_no_file(tmp_path, name: str) -> None:
    """A folder, nothing, and a name that cannot be are no files."""
    with pytest.raises(NoInputError, match="no such file"):
        Dataset(tmp_path / name)


def test_limit_of_bytes(tmp_path) -> None:
    """A line of a gigabyte is refused by its size, unread."""
    path = put(tmp_path, '"x"')
    with path.open("r+b") as stream:
        stream.truncate(2**30)  # a sparse file: a gigabyte that takes no room
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"1,073,741,824 bytes; JSON of up to 536,870,912 is read"):
        io.read(path)
    assert time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_limit_of_values(tmp_path, monkeypatch) -> None:
    """Many small values take more memory than text: their number has a limit of its own."""
    monkeypatch.setattr(_json, "MOST_VALUES", 1000)
    with pytest.raises(DataError, match=r"some 2,0\d\d values; JSON of up to 1,000 is read"):
        io.read(put(tmp_path, "[" + "[]," * 1000 + "1]"))


def test_floods_are_cut_off(tmp_path) -> None:
    """Ten thousand wrong numbers and contrasts are counted, not all told."""
    numbers = json.dumps(["a"] * 10_000)
    coords = f'{{"space": "MNI", "x": {numbers}, "y": {numbers}, "z": {numbers}}}'
    rest = ",".join(f'"{i}": []' for i in range(10_000))
    path = tmp_path / "a.json"
    path.write_text(f'{{"s": {{"contrasts": {{"a": {{"coords": {coords}}}, {rest}}}}}}}')
    _, problems = nimare_json.read(path)
    said = [problem.message for problem in problems]
    assert len(said) == 1001
    assert said[0] == "x of focus 1 is 'a'"
    assert said[20] == "and 29,980 more that are no numbers"
    assert said[-1] == "and 9,021 more problems like these"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("kind", '"peak"', ["peak"]),
        ("z_stat", "[1.5]", [1.5]),
        ("z_stat", "null", None),
        ("z_stat", "[1, 2]", None),
    ],
)
def test_what_is_said_of_foci(tmp_path, name: str, value: str, expected: Any) -> None:
    """One value counts for all foci; a list that does not fit is left out, and that is said."""
    path = tmp_path / "a.json"
    coords = COORDS.replace('"space"', f'"{name}": {value}, "space"')
    path.write_text('{"s": {"contrasts": {"1": {' + coords + "}}}}")
    (contrast,), problems = nimare_json.read(path)
    assert contrast.values.get(name) == (None if expected is None else tuple(expected))
    said = ["coords 'z_stat' has 2 values for 1 focus; they are left out"]
    assert [problem.message for problem in problems] == (said if value == "[1, 2]" else [])


def test_spaces_of_each_focus(tmp_path) -> None:
    """A list of spaces holds for the foci one by one."""
    path = tmp_path / "a.json"
    coords = {"space": ["MNI", "TAL"], "x": [1, 1], "y": [2, 2], "z": [3, 3]}
    path.write_text(json.dumps({"s": {"contrasts": {"1": {"coords": coords}}}}))
    assert Dataset(path).coordinates["original_space"].tolist() == ["MNI", "TAL"]


def test_none_as_text(tmp_path) -> None:
    """The text None is a gap, as NiMARE takes it."""
    path = tmp_path / "a.json"
    parts = {"metadata": {"sample_sizes": "None", "a": "None"}, "images": {"z": "None"}}
    coords = {"space": "MNI", "x": [1], "y": [2], "z": [3]}
    path.write_text(json.dumps({"s": {"contrasts": {"1": {"coords": coords, **parts}}}}))
    dataset = Dataset(path)
    assert "a" not in dataset.metadata
    assert dataset.get_images() == []


def test_keys_that_are_not_read(tmp_path) -> None:
    """What stands under an unknown key is not dropped without a word."""
    path = tmp_path / "a.json"
    body = {"coords": {"space": "MNI", "x": [1], "y": [2], "z": [3]}, "label": {"pain": 1}}
    path.write_text(json.dumps({"s": {"contrasts": {"1": body, "2": body}}}))
    _, (problem,) = nimare_json.read(path)
    assert problem.level == "warning"
    assert problem.message == "key 'label' of 2 contrasts is not read"


def test_dict_with_half_characters_and_depth() -> None:
    """A dict is looked at as a file is."""
    deep: Any = "x"
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(DataError, match="'metadata' is nested more than 64 levels"):
        Dataset({"s": {"contrasts": {"1": {"metadata": {"a": deep}}}}})
    one = {"labels": {"a\udfff": 1}, "text": {"abstract": "\ud800"}}
    dataset = Dataset({"s": {"contrasts": {"1": one}}})
    assert dataset.get_labels() == ["a\N{REPLACEMENT CHARACTER}"]


ODD_IDS = (
    "a/b", "../../x", "..", ".", "a'b\"c", "<script>alert(1)</script>", "$(touch X)`touch X`;id",
    "\N{GRINNING FACE}", " lead", "-rf", "--help", "s_1", "s-1", "s1", "S1", "CON", "%2e%2e%2f",
    "a\\b", "L" * 3000, "{{7*7}}", "=cmd|' /C calc'!A0", "&amp;", "\u202ertl", "n/a", "nan",
    "None", "1e5", "007", "@file",
)  # fmt: skip


def test_odd_ids_are_ids(tmp_path) -> None:
    """Slashes, dots, quotes, HTML, shell and two of one BIDS label are ids like any other."""
    studies = {
        name: {"contrasts": {"<i>c</i>": json.loads("{" + COORDS + "}")}} for name in ODD_IDS
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(studies))
    (source,) = io.read(path)
    assert source.dataset.metadata["study_id"].tolist() == list(ODD_IDS)


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x1b[2Jb", "", " "])
def test_ids_that_are_none(tmp_path, name: str) -> None:
    """Control characters and emptiness make no id."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({name: {"contrasts": {"1": json.loads("{" + COORDS + "}")}}}))
    with pytest.raises(DataError, match="is empty or has control characters"):
        io.read(path)


_WORDS = (
    *("contrasts", "coords", "x", "y", "z", "space", "metadata", "sample_sizes", "labels", "text"),
    *("images", "order", "studies", "analyses", "points", "coordinates", "notes", "analysis"),
)
_KEYS = st.sampled_from(_WORDS) | st.text(max_size=3)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=15,
)
_PARTS = ("coords", "metadata", "labels", "images", "text", "order", "other")
_CONTRASTS = st.fixed_dictionaries({}, optional=dict.fromkeys(_PARTS, _JSON))
_STUDIES = st.dictionaries(
    st.text(max_size=3),
    st.fixed_dictionaries(
        {"contrasts": st.dictionaries(st.text(max_size=3), _CONTRASTS | _JSON, max_size=3)},
        optional={"metadata": _JSON},
    ),
    max_size=3,
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=_STUDIES | _JSON, indent=st.sampled_from([None, 1]))
def test_any_json(tmp_path, value: Any, indent: int | None) -> None:
    """Whatever JSON a file holds, it is read or refused in words, and so is the dict."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, indent=indent), encoding="utf-8")
    found: Any
    try:
        datasets, problems = registry.examine(path)
        found = [*datasets, *problems]
    except (DataError, NoInputError) as error:
        found = str(error)
    assert found
    try:
        Dataset(value if isinstance(value, dict) else {"s": value})
    except DataError as error:
        found = str(error)
    assert found


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=30), cut=st.integers(0, 200))
def test_any_bytes(tmp_path, body: bytes, cut: int) -> None:
    """Bytes that are no JSON, or no longer, are refused in words."""
    path = tmp_path / "a.json"
    before, after = (part.encode() for part in FORMATS["nimare"])
    path.write_bytes(before[:cut] + body + after)
    try:
        io.read(path)
    except PipelineError as error:
        assert str(error)  # noqa: PT017
