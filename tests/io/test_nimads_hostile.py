"""NIMADS files that nobody should write: whatever they hold, there is one kind of error."""

import copy
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline import model
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, PipelineError
from nimare_pipeline.io import convert_nimads_to_dataset, nimads
from tests.io.test_nimads import analysis, annotation, point, studyset, write

WHOLE = {
    "specification": {
        "type": "CBMA",
        "estimator": {"type": "MKDAChi2", "args": {"kernel__r": 8, "**kwargs": {}, "n_iters": 5}},
        "corrector": {"type": "FWECorrector", "args": {"method": "montecarlo", "n_iters": 5}},
        "filter": "kind",
        "conditions": ["pain", {"name": "touch"}],
        "weights": [1.0, -1.0],
        "database_studyset": None,
    },
    "name": "a bundle",
    "studyset": {
        "snapshot": studyset(
            analysis(
                "a1",
                point(1, 2, 3, id="p1", values=[{"kind": "T", "value": 4.5}], deactivation=True),
                point("4", 5, 6, "TAL"),
                images=[{"id": "i", "value_type": "Z map", "url": "z.nii"}],
                conditions=[{"name": "default"}],
                weights=[1.0],
                metadata={"sample_sizes": [12, 14], "task": "n-back"},
            ),
            analysis("a2", point(7, 8, 9), metadata={"subjects": 9}, annotations={"x": {"y": 1}}),
            metadata={"sample_size": "20", "raw": {"deep": [1]}},
        )
    },
    "annotation": {
        "id": "A",
        "note_keys": {"kind": {"type": "string", "order": 0}, "in": "boolean"},
        "notes": [
            {"analysis": "a1", "study": "s1", "note": {"kind": "pain", "in": True}},
            {"analysis": {"id": "a2"}, "note": {"kind": "touch", "in": "false"}},
        ],
    },
}
WORDS = ("s1", "a1", "", "in", "true", "MNI", "../x", "a/b", '"', "<b>", "\ud800", "\x00", "😀")
ODD = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 1.5, math.nan, math.inf, 10**320, *WORDS]),
    st.sampled_from([[], {}, [[]], [{}], [None], ["s1"], {"id": "s1"}, {"a1": {}}, {"": [1]}]),
    st.recursive(
        st.sampled_from([None, 1, "1", "a1"]),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    ),
)
BOUNDED = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """The whole bundle with some of its values replaced, left out or doubled."""
    document = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(0, 4))):
        place: Any = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.integers(0, 4)):
                place = place[key]
                continue
            what = draw(st.sampled_from(["replace", "replace", "drop", "double"]))
            if what == "replace":
                place[key] = copy.deepcopy(draw(ODD))  # what is drawn may be one object each time
            elif what == "drop":
                del place[key]
            elif isinstance(place, list):
                place.append(copy.deepcopy(place[key]))
            break
    return document


@BOUNDED
@given(document=damaged())
def test_any_bundle_is_read_or_refused(document: Any, tmp_path: Path) -> None:
    """No document but gives contrasts and an analysis, or is refused; never a traceback."""
    path = tmp_path / "m.json"
    path.write_text(json.dumps(document))
    nimads.sniff(path)
    nimads.own_name(path)
    with suppress(PipelineError):
        contrasts, problems = nimads.read(path)
        dataset = Dataset.from_contrasts(contrasts, problems=problems)
        assert len(dataset.ids) == len(contrasts)
    tables, problems = nimads.analyses(path)
    assert all(str(problem) for problem in problems)
    if not any(problem.level == "error" for problem in problems):
        with suppress(PipelineError):
            assert len(model.from_tables(tables, path).analyses) == len(tables)


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_deep_values(tmp_path: Path, depth: int) -> None:
    """A value nested without end is refused, wherever it stands, without a traceback."""
    deep = "[" * depth + "]" * depth
    for text in (
        json.dumps(studyset(analysis("a1", {"coordinates": 0}))).replace("0", deep),
        json.dumps(studyset(analysis("a1", 0))).replace(": [0]", f": {deep}"),
        json.dumps(studyset(0)).replace("[0]", f"[{deep}]"),
        deep,
    ):
        path = tmp_path / "s.json"
        path.write_text(text)
        with pytest.raises(DataError):
            convert_nimads_to_dataset(path)


def test_numbers_that_are_none() -> None:
    """NaN and infinity, which JSON has not but files do, are no coordinates."""
    for number in (math.nan, math.inf, 10**400):
        contrasts, problems = nimads.parse(studyset(analysis("a1", point(number, 0, 0))))
        with pytest.raises(DataError):
            Dataset.from_contrasts(contrasts, problems=problems)


def test_specification_that_names_what_runs(tmp_path: Path) -> None:
    """Words of a specification never leave their quotes in a selection."""
    column = 'in") or label("x'
    document = {
        "specification": {
            "estimator": {"type": "ALE"}, "filter": column, "conditions": ['a" or "b', "c\\"],
            "weights": [1, 1],
        },
        "studyset": studyset(analysis("a1", point(1, 2, 3))),
        "annotation": {**annotation(a1={column: 'a" or "b'}), "note_keys": {column: "string"}},
    }  # fmt: skip
    path = write(tmp_path / "m.json", document)
    (table,), _ = nimads.analyses(path)
    contrasts, _ = nimads.read(path)
    dataset = Dataset.from_contrasts(contrasts)
    assert list(dataset.select(table["select"]).ids) == ["s1-a1"]
