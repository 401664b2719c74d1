"""The NIMADS reader: nested studysets, annotations, what real exports hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nimare_pipeline import io
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import nimads


def point(x: float, y: float, z: float, space: Any = "MNI", **more: Any) -> dict[str, Any]:
    return {"coordinates": [x, y, z], "space": space, **more}


def analysis(name: str, *points: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": f"{name} name", "points": list(points), **more}


def studyset(*analyses: Any, **study: Any) -> dict[str, Any]:
    return {
        "id": "S",
        "studies": [{"id": "s1", "name": "Study", "analyses": list(analyses), **study}],
    }


def annotation(**notes: dict[str, Any]) -> dict[str, Any]:
    return {"id": "A", "notes": [{"analysis": name, "note": note} for name, note in notes.items()]}


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_analysis_becomes_contrast() -> None:
    """Ids, names, points, their values, images, text and metadata each find their place."""
    (contrast,), problems = nimads.parse(
        studyset(
            analysis(
                "a1",
                point(1, 2, 3, values=[{"kind": "T", "value": 4.5}]),
                point(4, 5, 6),
                images=[
                    {"value_type": "T map", "url": "x/t.nii.gz"},
                    {"value_type": "beta", "filename": "b.nii.gz"},
                ],
                conditions=[{"name": "default"}],
                weights=[1.0],
                metadata={"task": "n-back"},
            ),
            year=2012,
            description="An abstract",
            metadata={"raw": {"nested": 1}, "sample_size": 8},
        )
    )
    assert problems == []
    assert contrast.id == "s1-a1"
    assert contrast.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert contrast.values == {"T": (4.5, None)}
    assert contrast.sample_sizes == (8,)
    assert contrast.images == {"t": "x/t.nii.gz", "beta": "b.nii.gz"}
    assert contrast.texts == {"abstract": "An abstract"}
    assert contrast.metadata == {
        "study_name": "Study",
        "contrast_name": "a1 name",
        "year": 2012,
        "conditions": ["default"],
        "weights": [1.0],
        "task": "n-back",
    }


@pytest.mark.parametrize(
    ("note", "own", "study", "expected"),
    [
        ({"sample_size": 1, "sample_sizes": [2]}, {"sample_sizes": [3]}, {}, (1,)),
        ({"sample_sizes": [2, 4]}, {"sample_sizes": [3]}, {}, (2, 4)),
        ({"sample_size": None}, {"sample_sizes": [3], "sample_size": 4}, {}, (3,)),
        ({}, {"sample_size": 4}, {"sample_sizes": [5]}, (4,)),
        ({}, {}, {"sample_sizes": [5], "sample_size": 6}, (5,)),
        ({}, {"sample_sizes": []}, {"sample_size": "6"}, (6,)),
        ({}, {}, {}, ()),
    ],
)
def test_sample_size_priority(note: dict, own: dict, study: dict, expected: tuple) -> None:
    """The note counts before the analysis, the analysis before the study."""
    (contrast,), _ = nimads.parse(
        studyset(analysis("a1", point(1, 2, 3), metadata=own), metadata=study),
        annotation(a1=note),
    )
    assert contrast.sample_sizes == expected


@pytest.mark.parametrize("value", ["many", -5, 0, True, [None, "x"]])
def test_sample_size_that_is_none_is_a_warning(value: Any) -> None:
    """What is no sample size is taken as unknown, and said."""
    (contrast,), (problem,) = nimads.parse(
        studyset(analysis("a1", point(1, 2, 3), metadata={"sample_sizes": value}))
    )
    assert contrast.sample_sizes == ()
    assert problem.level == "warning"
    assert "study s1, analysis a1: sample_sizes" in str(problem)
    assert "is not a positive number" in str(problem)


def test_annotations_become_labels() -> None:
    """Notes of several annotations, those inside the studyset too, are columns."""
    inside = {**studyset(analysis("a1", point(1, 2, 3))), "annotations": [annotation(a1={"c": 3})]}
    (contrast,), problems = nimads.parse(
        inside, annotation(a1={"a": True}), annotation(a1={"b": "x"})
    )
    assert contrast.annotations == {"a": True, "b": "x", "c": 3}
    assert problems == []


def test_annotations_that_disagree_are_said() -> None:
    """The first value counts."""
    (contrast,), (problem,) = nimads.parse(
        studyset(analysis("a1", point(1, 2, 3))), annotation(a1={"a": 1}), annotation(a1={"a": 2})
    )
    assert contrast.annotations == {"a": 1}
    assert str(problem) == "annotation: 1 analysis annotated twice with 'a': the first is kept"


def test_notes_on_unknown_analyses_are_said() -> None:
    """An annotation of another studyset does not go unnoticed."""
    _, (problem,) = nimads.parse(studyset(analysis("a1", point(1, 2, 3))), annotation(zz={"a": 1}))
    assert "notes on 1 analysis that the studyset lacks: zz" in str(problem)


def test_duplicate_analyses_are_kept_apart() -> None:
    """Analyses with one id, or studies with one id, lose nothing."""
    study = studyset(analysis("a", point(1, 2, 3)), analysis("a", point(4, 5, 6)))["studies"][0]
    contrasts, problems = nimads.parse({"studies": [study, study]})
    assert [c.id for c in contrasts] == ["s1-a", "s1-a_2", "s1-a_3", "s1-a_4"]
    assert "study s1, analysis a: this id is taken; the analysis is kept as 'a_2'" in str(
        problems[0]
    )


def test_study_listed_twice_with_the_same_foci_is_warned_of() -> None:
    """It stays, but the warning says that the result may be counted twice."""
    first = studyset(analysis("a", point(1, 2, 3), point(4, 5, 6)))["studies"][0]
    again = studyset(analysis("b", point(4, 5, 6), point(1, 2, 3)))["studies"][0]
    contrasts, (problem,) = nimads.parse({"studies": [first, again]}, file="s.json")
    assert [c.id for c in contrasts] == ["s1-a", "s1-b"]
    assert str(problem) == (
        "s.json, study s1: listed more than once with the same foci (analyses a and b): its "
        "result may be counted twice (remove what is a repeat from the studyset)"
    )


def test_analysis_listed_twice_with_the_same_foci_is_warned_of() -> None:
    """One id twice in one study, with the same foci."""
    _, problems = nimads.parse(
        studyset(analysis("a", point(1, 2, 3)), analysis("a", point(1, 2, 3)))
    )
    assert "(analyses a and a_2): its result may be counted twice" in str(problems[1])


def test_analyses_of_a_study_may_share_their_foci() -> None:
    """Two contrasts of one study with the same peak, and a study in two parts, are no repeats."""
    shared = studyset(analysis("a", point(1, 2, 3)), analysis("b", point(1, 2, 3)))["studies"][0]
    other = studyset(analysis("c", point(4, 5, 6)), analysis("d"), analysis("e"))["studies"][0]
    _, problems = nimads.parse({"studies": [shared, other]})
    assert problems == []


def test_analysis_without_points_is_kept() -> None:
    """It is left out later, with a reason."""
    contrasts, problems = nimads.parse(studyset(analysis("a1"), analysis("a2", point(1, 2, 3))))
    assert [len(c.xyz) for c in contrasts] == [0, 1]
    assert problems == []


def test_points_of_one_analysis_in_two_spaces() -> None:
    """Each point is converted from its own space."""
    dataset = io.convert_nimads_to_dataset(
        studyset(analysis("a1", point(1, 2, 3), point(0, 0, 0, "TAL")))
    )
    assert dataset.coordinates["original_space"].tolist() == ["MNI", "TAL"]
    np.testing.assert_allclose(
        dataset.coordinates[["x", "y", "z"]],
        [[1, 2, 3], [1.078156, 1.168244, -4.178049]],
        atol=6e-7,
    )
    assert dataset.get_metadata(field="original_space") == ["MNI, TAL"]
    assert dataset.get_metadata(field="space_transform") == ["tal2mni-other"]


@pytest.mark.parametrize("space", [None, "", "UNKNOWN", "OTHER"])
def test_unknown_space_lists_the_contrasts(space: Any) -> None:
    """Points without a known space are an error that names each analysis."""
    points = analysis("a1", point(1, 2, 3, space)), analysis("a2", point(1, 2, 3, space))
    with pytest.raises(
        DataError,
        match=r"for s1-a1, s1-a2 \(accepted are names .* MNI or TAL.*; "
        r"correct 'space' of their coordinates, decide by --unknown-space, or remove these "
        r"contrasts\)",
    ) as caught:
        io.convert_nimads_to_dataset(studyset(*points))
    assert "//Reference" not in str(caught.value)


@pytest.mark.parametrize(
    "value", [[1, 2], ["one", 2, 3], [1, None, 3], {"x": 1}, [True, 1, 2], "1 2", 7]
)
def test_bad_coordinates_are_errors(value: Any) -> None:
    """Every point that is not three numbers is named."""
    bad = {"coordinates": value, "space": "MNI"}
    _, problems = nimads.parse(studyset(analysis("a1", point(1, 2, 3), bad, bad)))
    assert [problem.level for problem in problems] == ["error", "error"]
    assert "study s1, analysis a1: coordinates of point 2 are" in str(problems[0])


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"studies": ["abc"]}, "study 1: is 'abc', an id and not a study"),
        ({"studies": [{"id": "s", "analyses": ["q"]}]}, "study s, analysis 1: is 'q', an id"),
        ({"studies": [{"id": "s", "analyses": "q"}]}, "study s: 'analyses' is 'q'"),
    ],
)
def test_ids_instead_of_nested_objects(found: Any, message: str) -> None:
    """A studyset of ids is refused with what would be accepted."""
    with pytest.raises(DataError, match=message):
        io.convert_nimads_to_dataset(found)


def test_wrong_files_are_refused(tmp_path) -> None:
    """A studyset given as annotation, or the other way round, is named."""
    study = write(tmp_path / "s.json", studyset(analysis("a1", point(1, 2, 3))))
    note = write(tmp_path / "a.json", annotation(a1={"a": 1}))
    with pytest.raises(DataError, match=r"a\.json is not a studyset"):
        io.convert_nimads_to_dataset(note, study)
    with pytest.raises(DataError, match=r"s\.json is not an annotation"):
        io.convert_nimads_to_dataset(study, study)
    dataset = io.convert_nimads_to_dataset(study, note)
    assert dataset.get_labels() == ["a"]


def test_snapshot_is_unwrapped(tmp_path) -> None:
    """Studysets that Neurosynth-Compose froze hold the studyset two levels down."""
    whole = studyset(analysis("a1", point(1, 2, 3)))
    path = write(tmp_path / "s.json", {"id": "x", "snapshot": {"snapshot": whole}})
    assert nimads.sniff(path)
    assert [c.id for c in nimads.read(path)[0]] == ["s1-a1"]


def test_pain_studyset_equals_pain_dataset(shared_data) -> None:
    """The pain set gives the same set of foci, sample sizes and images from both formats."""
    theirs = io.convert_nimads_to_dataset(
        shared_data / "nimads/nimare_tests/nidm_pain_studyset.json"
    )
    ours = Dataset(shared_data / "nimare_json/nidm_pain_dset.json")
    # The two files list the foci of a study in different orders.
    foci = [
        sorted(dataset.coordinates[["id", "x", "y", "z"]].itertuples(index=False, name=None))
        for dataset in (theirs, ours)
    ]
    assert len(foci[0]) == 267
    assert foci[0] == foci[1]
    assert theirs.metadata["sample_sizes"].tolist() == ours.metadata["sample_sizes"].tolist()
    names = ["id", "beta__relative", "se__relative", "t__relative", "z__relative"]
    assert theirs.images[names].equals(ours.images[names])


def test_neurometabench_decision_making(shared_data) -> None:
    """A published set with its annotation: all analyses, foci, sizes and labels are there."""
    folder = shared_data / "nimads" / "neurometabench" / "decision_making"
    (source,) = io.read(folder)
    assert source.files == ("nimads_studyset.json", "nimads_annotation.json")
    dataset = source.dataset
    assert (len(dataset.ids), len(dataset.coordinates)) == (144, 1223)
    assert dataset.metadata["study_id"].nunique() == 93
    assert np.isfinite(dataset.sample_sizes()).all()
    # The risky decisions of the set are the 21 experiments of the Sleuth file of that name.
    assert len(dataset.get_studies_by_label("rdm_july2019", 1)) == 21


@pytest.mark.parametrize(
    ("name", "n_contrasts", "n_tal"),
    [
        ("nimads/neurometabench/executive_function", 271, 271),
        ("nimads/neurometabench/vbm_of_ptsd", 25, 4),
        ("nimads/compose/ataCTPAt2LMw_small", 21, None),
    ],
)
def test_real_folders(shared_data, name: str, n_contrasts: int, n_tal: int | None) -> None:
    """Real folders read whole; Talairach is converted contrast by contrast."""
    (source,) = io.read(shared_data / name)
    assert len(source.dataset.ids) == n_contrasts
    if n_tal is not None:
        spaces = source.dataset.get_metadata(field="space_transform")
        assert spaces.count("tal2mni-other") == n_tal
