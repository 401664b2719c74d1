"""NiMARE Dataset JSON: what is accepted, what is refused, and the snapshot."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nimare_pipeline import io
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, OutputError
from nimare_pipeline.io import nimare_json
from nimare_pipeline.tables import FRAMES

TABLES = ("coordinates", "metadata", "images", "annotations", "texts")


def contrast(**parts: Any) -> dict[str, Any]:
    coords = {"space": "MNI", "x": [1, 4], "y": [2, 5], "z": [3, 6]}
    return {"coords": coords, "metadata": {"sample_sizes": [20]}, **parts}


def one(**parts: Any) -> dict[str, Any]:
    return {"s": {"contrasts": {"c": contrast(**parts)}}}


def assert_same(first: Dataset, second: Dataset) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(first, name), getattr(second, name), check_exact=True, obj=name
        )


def test_fields_find_their_tables() -> None:
    """Coordinates, metadata of study and contrast, images, labels and texts."""
    dataset = Dataset(
        {
            "s": {
                "metadata": {"year": 2006, "journal": "J"},
                "contrasts": {
                    "c": contrast(
                        metadata={"sample_sizes": [20, 22], "journal": "K"},
                        images={"z": "s/z.nii.gz", "t": None, "beta": "/abs/b.nii.gz"},
                        labels={"pain": 0.5},
                        text={"abstract": "Ünïcode"},
                    )
                },
            }
        }
    )
    assert dataset.coordinates.to_dict("list") == {
        "id": ["s-c", "s-c"],
        "study_id": ["s", "s"],
        "contrast_id": ["c", "c"],
        "x": [1.0, 4.0],
        "y": [2.0, 5.0],
        "z": [3.0, 6.0],
        "space": ["MNI", "MNI"],
        "original_space": ["MNI", "MNI"],
    }
    assert dataset.metadata.iloc[0].to_dict() == {
        "id": "s-c",
        "study_id": "s",
        "contrast_id": "c",
        "original_space": "MNI",
        "space_transform": "none",
        "sample_sizes": [20, 22],
        "year": 2006,
        "journal": "K",
    }
    assert dataset.images.iloc[0].to_dict() == {
        "id": "s-c",
        "study_id": "s",
        "contrast_id": "c",
        "z__relative": "s/z.nii.gz",
        "beta": "/abs/b.nii.gz",
    }
    assert dataset.annotations["pain"].tolist() == [0.5]
    assert dataset.texts["abstract"].tolist() == ["Ünïcode"]


def test_single_sample_size_is_enough() -> None:
    """The scalar sample_size counts where there is no list."""
    assert Dataset(one(metadata={"sample_size": 12})).sample_sizes().tolist() == [12]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (one(coords={"space": "MNI", "x": ["a"], "y": [2], "z": [3]}), "x of focus 1 is 'a'"),
        (one(coords={"space": "MNI", "x": ["1"], "y": [2], "z": [3]}), "x of focus 1 is '1'"),
        (one(coords={"space": "MNI", "x": [1], "y": [None], "z": [3]}), "y of focus 1 is None"),
        (one(coords={"space": "MNI", "x": [1], "y": [2], "z": [True]}), "z of focus 1 is True"),
        (one(coords={"space": "MNI", "x": [10**400], "y": [2], "z": [3]}), "x of focus 1 is 1000"),
        (
            one(coords={"space": "MNI", "x": [1e9], "y": [2], "z": [3]}),
            r"focus 1 is \(1e\+09, 2, 3\) \(three numbers in mm, none beyond 1000\)",
        ),
        (
            one(coords={"space": "MNI", "x": [float("nan")], "y": [2], "z": [3]}),
            r"study s, contrast c: focus 1 is \(nan, 2, 3\)",
        ),
        (
            one(coords={"space": "MNI", "x": [1, 2], "y": [2], "z": [3]}),
            "coords x, y and z differ: x 2, y 1, z 1",
        ),
        (
            one(coords={"space": "MNI", "x": 1, "y": [2], "z": [3]}),
            "coords x, y and z differ: x no list, y 1, z 1",
        ),
        (
            one(coords={"space": "Dog", "x": [1], "y": [2], "z": [3]}),
            "unknown space 'Dog' for s-c",
        ),
        (one(coords={"x": [1], "y": [2], "z": [3]}), "the space of the foci is not given for s-c"),
        (one(coords=[1, 2, 3]), r"study s, contrast c: 'coords' is \[1, 2, 3\]"),
        ({"s": {"contrasts": {"c": 3}}}, "study s, contrast c: expected an object, got 3"),
        ({"s": {"contrasts": [1]}}, "study s: has no object called 'contrasts'"),
        ({"s": 1}, "study s: has no object called 'contrasts'"),
        ({"": {"contrasts": {"c": contrast()}}}, "study id '' is empty or has control characters"),
        ({"s\n": {"contrasts": {"c": contrast()}}}, r"study id 's\\n' is empty or has control"),
        ({"s": {"contrasts": {"c\ud800": contrast()}}}, "has control characters"),
        (
            {"a-b": {"contrasts": {"c": contrast()}}, "a": {"contrasts": {"b-c": contrast()}}},
            "id 'a-b-c' stands 2 times",
        ),
    ],
)
def test_bad_data_are_refused(source: dict[str, Any], message: str) -> None:
    """Each fault is an error that names the contrast."""
    with pytest.raises(DataError, match=message):
        Dataset(source)


def test_contrasts_without_a_name_are_given_one(tmp_path) -> None:
    """NiMARE wrote an empty id for each Sleuth header without a colon; two in a study stay two."""
    path = tmp_path / "sleuth.json"
    contrasts = {"": contrast(), "analysis_1": contrast(), " ": contrast()}
    path.write_text(json.dumps({"A, 2000": {"contrasts": contrasts}}))
    found, problems = nimare_json.read(path)
    assert [one.contrast_id for one in found] == ["analysis_2", "analysis_1", "analysis_3"]
    assert [(one.level, one.message) for one in problems] == [
        (
            "warning",
            "2 contrasts have no name, of study 'A, 2000'; called analysis_1 and so on",
        )
    ]


def test_every_problem_is_listed_at_once() -> None:
    """Three faults in three contrasts are three lines, errors first."""
    bad = {"space": "MNI", "x": ["a"], "y": [2], "z": [3]}
    source = {
        "far": {"contrasts": {"c": contrast(coords={**bad, "x": [200]})}},
        "s": {"contrasts": {"c": contrast(coords=bad), "d": contrast(coords=bad)}},
    }
    with pytest.raises(DataError, match="the dataset cannot be read") as caught:
        Dataset(source)
    assert [(p.level, p.where) for p in caught.value.problems] == [
        ("error", "study s, contrast c"),
        ("error", "study s, contrast d"),
        ("warning", "study far, contrast c"),
    ]


def test_truncated_file_names_line_and_column(tmp_path) -> None:
    """A file cut off in the middle says where it ends."""
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(one(), indent=1)[:60])
    assert nimare_json.sniff(path)
    with pytest.raises(DataError, match=r"cut\.json, line 6, column 6: not JSON: .*complete\?"):
        Dataset(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" + "9" * 10_000 + "]", "a number of 10,000 digits; of up to 300 is read"),
        ("[1]", "expected an object of studies"),
        ("", "line 1, column 1: not JSON"),
    ],
)
def test_other_json_is_refused(tmp_path, text: str, message: str) -> None:
    """Hostile and foreign JSON gets one sentence."""
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        Dataset(path)


def test_bytes_that_are_no_text_are_refused(tmp_path) -> None:
    """A file that is not text is refused as such."""
    path = tmp_path / "a.json"
    path.write_bytes(b'{"s": "\xff\xff"}')
    with pytest.raises(DataError, match=r"a\.json: not text"):
        Dataset(path)


def test_missing_file(tmp_path) -> None:
    """A path without a file is no input."""
    with pytest.raises(NoInputError, match=r"no such file: .*none\.json"):
        Dataset(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {"contrasts": {}}, "a": {"contrasts": {}}}', "study id 'a' stands more than once"),
        (
            '{"a": {"contrasts": {"1": {}, "1": {}}}}',
            "a > contrasts: contrast id '1' stands more than once",
        ),
        ('{"a": {"contrasts": {"1": {"coords": {"x": [], "x": []}}}}}', "key 'x' stands more"),
    ],
)
def test_repeated_keys_are_refused(tmp_path, text: str, message: str) -> None:
    """JSON would silently keep the last of two studies with one id."""
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        Dataset(path)


def test_real_file_with_repeated_contrast(shared_data) -> None:
    """A test file of NiMARE has contrast 01 twice; NiMARE keeps one of them."""
    path = shared_data / "nimare_json" / "test_pain_dataset_multiple_contrasts.json"
    with pytest.raises(DataError, match=r"pain\.nidm > contrasts: contrast id '01' stands more"):
        Dataset(path)


def test_real_file_with_unknown_spaces(shared_data) -> None:
    """The Laird set has three studies of unknown space, which are named."""
    path = shared_data / "nimare_json" / "neurosynth_laird_studies.json"
    message = "unknown space 'UNKNOWN' for 20197097-1, 23042731-1, 25662104-1"
    with pytest.raises(DataError, match=message):
        Dataset(path)


@pytest.fixture
def laird(shared_data) -> Dataset:
    """The Laird set, its three unknown spaces taken for Talairach."""
    path = shared_data / "nimare_json" / "neurosynth_laird_studies.json"
    studies = json.loads(path.read_text())
    for study in studies.values():
        for body in study["contrasts"].values():
            body["coords"]["space"] = body["coords"]["space"].replace("UNKNOWN", "TAL")
    return Dataset(studies)


def test_laird_set(laird: Dataset) -> None:
    """17 studies, 3,228 labels; first focus as NiMARE 0.22.1 converts it."""
    assert (len(laird.ids), len(laird.get_labels())) == (17, 3228)
    assert len(laird.get_labels("17029760-1")) == 67
    transforms = laird.metadata["space_transform"].tolist()
    assert (transforms.count("tal2mni-other"), transforms.count("none")) == (5, 12)
    assert laird.coordinates.loc[0, ["x", "y", "z"]].tolist() == pytest.approx(
        [-39.498070, 38.590042, 15.453729], abs=6e-7
    )


def test_snapshot_round_trip(laird: Dataset, tmp_path) -> None:
    """Converted foci, labels, texts and metadata come back bit for bit."""
    assert_same(Dataset(nimare_json.write(laird, tmp_path / "snapshot.json")), laird)


def test_snapshot_of_example_round_trip(shared_data, tmp_path) -> None:
    """The pain set with its image paths comes back, through the folder reader too."""
    (source,) = io.read(shared_data / "nimare_json" / "nidm_pain_dset.json")
    assert source.dataset.get_metadata(field="source_file") == ["nidm_pain_dset.json"] * 21
    nimare_json.write(source.dataset, tmp_path / "snapshot.json")
    (again,) = io.read(tmp_path)
    assert_same(again.dataset, source.dataset)


def test_snapshot_of_everything_odd(tmp_path) -> None:
    """Mixed spaces, gaps, values of foci, lists, unicode, contrasts not in study order."""
    contrasts = [
        Contrast("b", "1", [[1, 2, 0.1 + 0.2]], ("TAL",), (12,), {"n": 1, "who": "Ü"}, line=3),
        Contrast("a", "1", [[1, 2, 3], [4, 5, 6]], ("MNI", "TAL"), values={"T": (1.5, None)}),
        Contrast("b", "2", metadata={"n": 2.5, "flag": True}, annotations={"x": float("nan")}),
        Contrast(
            "a", "2", images={"z": "a/z.nii", "t": "/t.nii"}, texts={"abstract": "ü\U0001f600\0"}
        ),
        Contrast("a", "3", metadata={"weights": [1.0, None]}, annotations={"y": 2, "x": 0.1}),
    ]
    contrasts = [
        Contrast(**{**vars(c), "xyz": pd.DataFrame(c.xyz).to_numpy(dtype=float).reshape(-1, 3)})
        for c in contrasts
    ]
    dataset = Dataset.from_contrasts(contrasts, tal2mni="spm")
    assert dataset.ids.tolist() == ["b-1", "a-1", "b-2", "a-2", "a-3"]
    again = Dataset(nimare_json.write(dataset, tmp_path / "snapshot.json"))
    assert_same(again, dataset)
    assert again.coordinates["original_space"].tolist() == ["TAL", "MNI", "TAL"]
    assert again.get_metadata("b-1", "space_transform") == ["tal2mni-spm"]


def test_snapshot_keeps_updated_paths(shared_data, tmp_path) -> None:
    """Absolute and relative paths are both written when both are there."""
    dataset = Dataset(shared_data / "nimare_json" / "nidm_pain_dset.json")
    dataset.update_path("/images")
    again = Dataset(nimare_json.write(dataset, tmp_path / "snapshot.json"))
    assert again.images.to_dict("list") == dataset.images.to_dict("list")


def test_snapshot_is_the_same_every_time(laird: Dataset, tmp_path) -> None:
    """The same dataset gives the same bytes."""
    first = nimare_json.write(laird, tmp_path / "a.json").read_bytes()
    again = nimare_json.write(Dataset(tmp_path / "a.json"), tmp_path / "b.json").read_bytes()
    assert first == again


def test_snapshot_into_nowhere(laird: Dataset, tmp_path) -> None:
    """A folder that is not there is an output error, and nothing is left behind."""
    with pytest.raises(OutputError, match=r"cannot write .*snapshot\.json: No such file"):
        nimare_json.write(laird, tmp_path / "none" / "snapshot.json")


def test_tables_have_contract_columns(laird: Dataset) -> None:
    """Every table begins with the three ids."""
    for name in FRAMES:
        assert list(getattr(laird, name).columns[:3]) == ["id", "study_id", "contrast_id"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"s": {"contrasts": {}}}', True),
        ('{"s": {"contrasts": {', True),
        ('{"studies": []}', False),
        ('{"s": 1', False),
        ("[1]", False),
        ("contrasts", False),
        ("", False),
    ],
)
def test_sniff(tmp_path: Path, text: str, expected: bool) -> None:  # noqa: FBT001
    """By content, complete or broken."""
    path = tmp_path / "a.txt"
    path.write_text(text)
    assert nimare_json.sniff(path) == expected
