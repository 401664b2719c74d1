"""The forms a NIMADS file comes in: by id, wrapped, embedded, compressed, in odd spellings."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _json, nimads, registry
from nimare_pipeline.spaces import recognise
from tests.io.test_nimads import analysis, annotation, point, studyset, write

NESTED = studyset(
    analysis("a1", point(1, 2, 3, id="p1"), point(4, 5, 6, id="p2")),
    analysis("a2", point(7, 8, 9)),
)
BY_ID = {
    "id": "S",
    "studies": [{"id": "s1", "name": "Study", "analyses": ["a1", "a2"]}],
    "analyses": [
        {"id": "a1", "name": "a1 name", "points": ["p1", "p2"], "images": ["i1"]},
        {"id": "a2", "name": "a2 name", "points": ["p3"]},
    ],
    "points": [
        {"id": "p1", **point(1, 2, 3)},
        {"id": "p2", **point(4, 5, 6)},
        {"id": "p3", **point(7, 8, 9)},
    ],
    "images": [{"id": "i1", "value_type": "Z map", "url": "z.nii"}],
}
BY_PARENT = {
    "studyset": {"id": "S", "studies": ["s1"]},
    "studies": {"s1": {"name": "Study"}},
    "analyses": [
        {"id": "a1", "study": "s1", "name": "a1 name"},
        {"id": "a2", "study": "s1", "name": "a2 name"},
    ],
    "points": [
        {"id": "p1", "analysis": "a1", **point(1, 2, 3)},
        {"id": "p2", "analysis": "a1", **point(4, 5, 6)},
        {"id": "p3", "analysis": "a2", **point(7, 8, 9)},
    ],
}


@pytest.mark.parametrize(
    "document",
    [
        NESTED,
        BY_ID,
        BY_PARENT,
        {"snapshot": BY_ID},
        {"snapshot": {"snapshot": NESTED}},
        {"cached": NESTED},
        {"neurostore_studyset": {"id": "x", "snapshot": NESTED}},
        {"studyset": {"id": "x", "snapshot": {"snapshot": NESTED}}, "annotation": {"id": "q"}},
        {"results": [NESTED], "metadata": {}},
        [NESTED],
        {"project": {"meta_analyses": [{"studyset": NESTED}, {"studyset": NESTED}]}},
    ],
)
def test_forms_of_one_studyset(document: Any, tmp_path: Path) -> None:
    """However it is nested or wrapped, the contrasts are the same, and nothing is odd."""
    contrasts, problems = nimads.read(write(tmp_path / "s.json", document))
    assert problems == []
    assert [one.id for one in contrasts] == ["s1-a1", "s1-a2"]
    assert [one.xyz.tolist() for one in contrasts] == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9]]]
    assert [one.metadata["study_name"] for one in contrasts] == ["Study", "Study"]
    assert nimads.sniff(tmp_path / "s.json")


def test_images_by_id() -> None:
    """Images that stand apart are found like points."""
    contrasts, _ = nimads.parse(BY_ID)
    assert [one.images for one in contrasts] == [{"z": "z.nii"}, {}]


def test_ids_that_lead_nowhere() -> None:
    """What an id names and the file does not have is an error with the id."""
    broken = {**BY_ID, "points": BY_ID["points"][:2], "analyses": BY_ID["analyses"][:1] * 2}
    _, problems = nimads.parse(broken)
    assert "study s1, analysis 2: is 'a2', an id and not an analysis" in str(problems[0])
    _, (problem,) = nimads.parse({**BY_ID, "points": BY_ID["points"][:2]})
    assert "study s1, analysis a2: coordinates of point 1 are 'p3'" in str(problem)


def test_studies_without_analyses_are_counted() -> None:
    """They hold nothing to analyse, which is said once."""
    more = [{"id": "s2", "analyses": []}, {"id": "s3"}]
    contrasts, (problem,) = nimads.parse({"studies": [*NESTED["studies"], *more]}, file="s.json")
    assert len(contrasts) == 2
    assert str(problem) == "s.json: 2 studies have no analyses: s2, s3"


def test_two_studysets_in_one_file() -> None:
    """The first is read, and the other is said."""
    other = studyset(analysis("z", point(1, 1, 1)))
    contrasts, (problem,) = nimads.parse({"studysets": [NESTED, other]}, file="s.json")
    assert len(contrasts) == 2
    assert str(problem) == "s.json: it holds 2 studysets, of which the first is read"


def test_compressed_studyset(tmp_path: Path) -> None:
    """``.json.gz`` is read, under the name without both endings."""
    (tmp_path / "mine.json.gz").write_bytes(gzip.compress(json.dumps(NESTED).encode()))
    (source,) = io.read(tmp_path)
    assert (source.name, len(source.dataset.ids)) == ("mine", 2)


def test_compressed_file_that_is_broken_or_a_bomb(tmp_path: Path, monkeypatch: Any) -> None:
    """A damaged one, and one that unpacks to more than is sane, are one error each."""
    body = gzip.compress(json.dumps(NESTED).encode())
    path = tmp_path / "mine.json.gz"
    path.write_bytes(body[:-20])
    with pytest.raises(DataError, match="damaged: "):
        nimads.read(path)
    path.write_bytes(gzip.compress(b"[" + b" " * 2**21))
    monkeypatch.setattr(_json, "MOST_BYTES", 2**20)
    with pytest.raises(DataError, match="more than 1 MB when it is unpacked"):
        nimads.read(path)


@pytest.mark.parametrize(
    "value",
    [
        ["1", "2.0", " 3"], "1, 2, 3", "1 2 3", "[1; 2; 3]", {"x": 1, "y": "2", "z": 3},
        ["\u22121", 2, 3],
    ],
)  # fmt: skip
def test_spellings_of_coordinates(value: Any) -> None:
    """Numbers in texts, one text, or axes by name; also with a typographic minus."""
    (contrast,), problems = nimads.parse(
        studyset(analysis("a1", {"coordinates": value, "space": "MNI"}))
    )
    assert problems == []
    assert [abs(number) for number in contrast.xyz[0].tolist()] == [1, 2, 3]
    assert (contrast.xyz[0, 0] < 0) == ("\u2212" in str(value))


@pytest.mark.parametrize("value", [None, [], [None, None, None], "", {"x": None}])
def test_point_without_coordinates_is_left_out_and_said(value: Any) -> None:
    """A point that names no place cannot count; the others do, with their values."""
    bad = {"coordinates": value, "space": "MNI", "values": [{"kind": "T", "value": 1}]}
    (contrast,), (problem,) = nimads.parse(
        studyset(analysis("a1", bad, point(1, 2, 3, values=[{"kind": "T", "value": 2}])))
    )
    assert contrast.xyz.tolist() == [[1, 2, 3]]
    assert contrast.values == {"T": (2,)}
    assert str(problem) == "study s1, analysis a1: 1 point without coordinates left out"


def test_values_of_points() -> None:
    """Lists of kind and value, or a mapping; a kind called like an axis keeps its value."""
    points = [
        point(1, 2, 3, values=[{"kind": "z", "value": 3.1}, {"kind": None, "value": None}]),
        point(4, 5, 6, values={"T": 2}, deactivation=True),
        point(7, 8, 9, values=["odd", {"kind": "T", "value": 5}, {"kind": "T", "value": 6}]),
    ]
    (contrast,), (problem,) = nimads.parse(studyset(analysis("a1", *points)))
    assert contrast.values == {
        "z_stat": (3.1, None, None),
        "T": (None, 2, 5),
        "deactivation": (None, True, None),
    }
    assert "1 point is marked as deactivation, and used like the others" in str(problem)


@pytest.mark.parametrize(
    ("note", "own", "study", "expected"),
    [
        ({}, {"Sample_size": 58}, {}, (58,)),
        ({}, {}, {"sample size": "20"}, (20,)),
        ({}, {"sample_sizes": "[20, 18]"}, {}, (20, 18)),
        ({}, {"sampleSizes": ["20", 18]}, {}, (20, 18)),
        ({"n": 7}, {"sample_size": 8}, {}, (7,)),
        ({}, {"n": "12"}, {}, (12,)),
        ({}, {"subjects": 24}, {"sample_size": 30}, (24,)),
        ({}, {"subjects": "healthy adults"}, {"sample_size": 30}, (30,)),
        ({}, {"number_of_subjects": 11}, {}, (11,)),
    ],
)
def test_spellings_of_sample_size(note: dict, own: dict, study: dict, expected: tuple) -> None:
    """Case, signs and the usual other words do not matter; the place does."""
    (contrast,), _ = nimads.parse(
        studyset(analysis("a1", point(1, 2, 3), metadata=own), metadata=study),
        annotation(a1=note),
    )
    assert contrast.sample_sizes == expected


def test_unusual_name_of_sample_size_is_said_once() -> None:
    """What was taken as the sample size is told with its count."""
    found = [analysis(name, point(1, 2, 3), metadata={"subjects": 9}) for name in ("a", "b")]
    contrasts, (problem,) = nimads.parse(studyset(*found), file="s.json")
    assert str(problem) == "s.json: 'subjects' is taken as the sample size of 2 analyses"
    assert contrasts[0].metadata["subjects"] == 9


def test_sample_size_beside_the_metadata() -> None:
    """A field of the analysis itself counts too."""
    (contrast,), _ = nimads.parse(studyset(analysis("a1", point(1, 2, 3), sample_size=6)))
    assert contrast.sample_sizes == (6,)


def test_notes_of_one_analysis_id_in_two_studies() -> None:
    """The study of a note tells which of two analyses of one name it is for."""
    two = {
        "studies": [
            {"id": name, "analyses": [analysis("S>N", point(1, 2, 3))]} for name in ("s1", "s2")
        ]
    }
    notes = [
        {"analysis": "S>N", "study": "s2", "note": {"a": 2}},
        {"analysis": {"id": "S>N"}, "study": {"id": "s1"}, "note": {"a": 1}},
    ]
    contrasts, problems = nimads.parse(two, {"notes": notes})
    assert [one.annotations for one in contrasts] == [{"a": 1}, {"a": 2}]
    assert problems == []


def test_note_of_another_version_of_the_study() -> None:
    """Where an analysis id is unique its note counts, whatever study it names; or by full id."""
    notes = [
        {"analysis": "a1", "study": "older", "note": {"a": 1}},
        {"analysis": "s1-a2", "note": {"a": 2}},
        {"analysis": 3, "note": {"a": 3}},
    ]
    three = studyset(*(analysis(name, point(1, 2, 3)) for name in ("a1", "a2", "3")))
    contrasts, problems = nimads.parse(three, {"notes": notes})
    assert [one.annotations for one in contrasts] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert problems == []


@pytest.mark.parametrize("keys", [{"in": "boolean"}, {"in": {"type": "boolean", "order": 0}}])
def test_cells_of_true_and_false(keys: Any) -> None:
    """Texts and numbers in a column of true and false are read as such; the rest is said."""
    values = [True, "true", "False", 1, 0, None, "maybe"]
    names = [f"a{i}" for i in range(len(values))]
    note = annotation(**{name: {"in": value} for name, value in zip(names, values, strict=True)})
    contrasts, (problem,) = nimads.parse(
        studyset(*(analysis(name, point(1, 2, 3)) for name in names)), {**note, "note_keys": keys}
    )
    found = [one.annotations["in"] for one in contrasts]
    assert found == [True, True, False, True, False, None, None]
    assert "1 cell of 'in' is no true or false (taken as missing)" in str(problem)


def test_analysis_with_its_own_notes() -> None:
    """Notes inside of an analysis are labels, by annotation or plain; the annotation's count."""
    own = {"A1": {"a": 1, "b": 2}, "c": 3}
    (contrast,), _ = nimads.parse(
        studyset(analysis("a1", point(1, 2, 3), annotations=own)), annotation(a1={"b": 5})
    )
    assert contrast.annotations == {"a": 1, "b": 5, "c": 3}


def test_each_annotation_goes_to_its_studyset(tmp_path: Path) -> None:
    """Two studysets in folders of their own, or named by id, keep their annotations."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "s.json", {**NESTED, "id": name})
    write(tmp_path / "one" / "n.json", {**annotation(a1={"x": 1})})
    write(tmp_path / "two" / "n.json", {**annotation(a1={"x": 2})})
    write(tmp_path / "m.json", {**annotation(a1={"y": 2}), "studyset": {"id": "two"}})
    found = nimads.group(sorted(tmp_path.rglob("*.json")))
    assert [[str(p.relative_to(tmp_path)) for p in files] for files in found] == [
        ["one/s.json", "one/n.json"],
        ["two/s.json", "m.json", "two/n.json"],
    ]


def test_annotation_named_alone_brings_its_studyset(tmp_path: Path) -> None:
    """One file of a bundle stands for the bundle."""
    write(tmp_path / "s.json", NESTED)
    note = write(tmp_path / "n.json", annotation(a1={"x": 1}))
    (source,) = io.read(note)
    assert source.files == ("s.json", "n.json")
    assert source.dataset.get_labels() == ["x"]


def test_annotation_named_alone_among_several_studysets(tmp_path: Path) -> None:
    """The studyset that it names is the one, without the notes of the others."""
    for name in ("one", "two", "three"):
        write(tmp_path / f"{name}.json", {**NESTED, "id": name})
        write(tmp_path / f"n-{name}.json", {**annotation(a1={name: 1}), "studyset": name})
    (source,) = io.read(tmp_path / "n-two.json")
    assert source.files == ("two.json", "n-two.json")
    assert source.dataset.get_labels() == ["two"]


def test_each_file_of_a_bundle_is_parsed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From looking for it to its name: a large studyset takes many seconds each time."""
    write(tmp_path / "studyset.json", {**NESTED, "name": "Pain"})
    write(tmp_path / "annotation.json", annotation(a1={"x": 1}))
    parsed: list[str] = []
    parse = _json.parse

    def counting(body: bytes, name: str) -> Any:
        parsed.append(Path(name).name)
        return parse(body, name)

    monkeypatch.setattr(_json, "parse", counting)
    found, _ = registry.examine(tmp_path)
    assert [one.name for one in found] == ["Pain"]
    assert sorted(parsed) == ["annotation.json", "studyset.json"]


def test_annotation_that_could_belong_to_several_studysets(tmp_path: Path) -> None:
    """It is said which ones, and what to do; none is taken at random."""
    for name in ("one", "two", "three"):
        write(tmp_path / f"{name}.json", {**NESTED, "id": name})
    note = write(tmp_path / "n.json", annotation(a1={"x": 1}))
    said = (
        r"n\.json is an annotation, and 3 studysets lie beside it "
        r"\(one\.json, three\.json, two\.json\); put it and the studyset it belongs to into a "
    )
    with pytest.raises(DataError, match=said):
        io.read(note)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: [s], lambda s: {"results": [s]}])
def test_studies_without_a_studyset(tmp_path: Path, wrap: Any) -> None:
    """What NeuroStore gives of a study, or of a search, is read like a studyset."""
    path = write(tmp_path / "study.json", wrap(NESTED["studies"][0]))
    assert nimads.sniff(path)
    found, problems = nimads.read(path)
    expected, _ = nimads.parse({"studies": NESTED["studies"][:1]})
    assert [one.id for one in found] == [one.id for one in expected]
    assert [one.xyz.tolist() for one in found] == [one.xyz.tolist() for one in expected]
    assert problems == []


@pytest.mark.parametrize("analyses", [["a", "b"], [], [{"name": "x"}], {"points": []}, None])
def test_other_objects_with_analyses_are_left_alone(tmp_path: Path, analyses: Any) -> None:
    """Other programs write files with analyses, too."""
    assert not nimads.sniff(write(tmp_path / "a.json", {"id": "s", "analyses": analyses}))


def walk(found: Any) -> Iterator[dict[str, Any]]:
    """Studies of a document, by plain walking."""
    if isinstance(found, dict):
        if isinstance(found.get("studies"), list):
            yield from found["studies"]
        else:
            for value in found.values():
                yield from walk(value)


REAL = [
    "compose/7NUkZJ28QDpY_group_comparison/studyset.json",
    "compose/RZwpWejY9y2u_legacy_embedded/meta_analysis_embedded.json",
    "compose/ataCTPAt2LMw_small/studyset.json",
    "compose/mHtoV82Dmnm9_cognitive_control_older_adults/studyset.json",
    "compose/snapshot_form_3nLc3DoH6QRL/snapshot_studyset.json",
    "neurometabench/cue_reactivity/nimads_studyset.json",
    "neurometabench/decision_making/nimads_studyset.json",
    "neurometabench/executive_function/nimads_studyset.json",
    "neurometabench/vbm_of_ptsd/nimads_studyset.json",
    "neurometabench_single/1. Reward-Neutral_2020.json",
    "neurometabench_single/ADM_July2019.json",
    "nimare_tests/nidm_pain_studyset.json",
    "nimare_tests/nimads_studyset.json",
    "nimare_tests/sample_size_nimads_studyset.json",
]


@pytest.mark.parametrize("name", REAL)
def test_real_files_lose_nothing(shared_data: Path, name: str) -> None:
    """Studies, analyses and points equal those of plain walking; only spaces are errors."""
    path = shared_data / "nimads" / name
    studies = list(walk(json.loads(path.read_bytes())))
    analyses = [one for study in studies for one in study["analyses"]]
    points = [one for found in analyses for one in found["points"]]
    contrasts, problems = nimads.read(path)
    assert {one.study_id for one in contrasts} == {s["id"] for s in studies if s["analyses"]}
    assert len(contrasts) == len(analyses)
    assert sum(len(one.xyz) for one in contrasts) == len(points)
    assert sorted(number for one in contrasts for row in one.xyz for number in row) == sorted(
        number for one in points for number in one["coordinates"]
    )
    assert not [problem for problem in problems if problem.level == "error"]
    unknown = any(recognise(one["space"]) is None for one in points)
    if unknown:
        with pytest.raises(DataError, match="decide by --unknown-space"):
            io.convert_nimads_to_dataset(path)
    dataset = io.convert_nimads_to_dataset(path, unknown_space="mni")
    assert len(dataset.coordinates) == len(points)
    assert (dataset.coordinates["original_space"] == "UNKNOWN").any() == unknown
