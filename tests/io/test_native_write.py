"""Studies written as tables: nothing is lost, whatever a dataset holds."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline import io
from nimare_pipeline.contrast import Contrast, check
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, OutputError
from nimare_pipeline.io import nimare_json
from tests.io.tables import SET, assert_same, put

EXAMPLE = Path(__file__).resolve().parents[2] / "nimare_pipeline" / "data" / "examples" / "pain"
FOCI = np.array([[1, -2.5, 3], [0.1 + 0.2, -0.0, 1e-300]])


def again(dataset: Dataset, folder: Path) -> Dataset:
    """Write a dataset and read it."""
    return io.convert_native_to_dataset(io.write_native(dataset, folder))


def one(**parts: Any) -> Dataset:
    """Dataset of one contrast with two foci."""
    parts = {"sample_sizes": (20,), **parts}
    return Dataset.from_contrasts([Contrast("s", "c", FOCI, ("MNI", "TAL"), **parts)])


def texts(folder: Path, name: str) -> list[list[str]]:
    return [line.split("\t") for line in (folder / name).read_text().splitlines()]


NAMES = st.sampled_from(
    [
        *("a", "A", "b", "sample_size", "space", "include", "x", "z_map", "original_id", "id_"),
        *("Columns", "MetadataColumns", "CoordinateSystem", "SampleSize", "group1_n", "title"),
        *("year", "contrast_name", "a b", "", " ", "a\tb", '"q"', "Ünï", "n/a"),
    ]
) | st.text(max_size=5)
SIMPLE = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.text(max_size=8)
    | st.sampled_from(["n/a", "", " x", "007", "1", "true", "NaN", '"', "a\nb", "a\rb", "\ufeff"])
)
VALUES = st.none() | SIMPLE | st.lists(SIMPLE, max_size=2)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
IDS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=5
) | st.sampled_from(["a", "A", "study-1", "pain_01.nidm", "x > y", "x < y", "Ax2", "n/a", '"'])
SIZES = st.lists(st.integers(1, 500) | st.sampled_from([12.5, 0.1]), max_size=3)
IMAGES = st.dictionaries(
    st.sampled_from(["z", "t", "beta", "varcope", "space", "odd name", "z__relative", "f"]),
    st.sampled_from(["a.nii.gz", "/abs/b.nii", "https://x.org/c.nii.gz", " d", ""]),
    max_size=3,
)


@st.composite
def contrasts(draw: st.DrawFn) -> Contrast:
    """Anything that a reader could bring."""
    n = draw(st.integers(0, 3))
    axis = st.floats(-90, 90, allow_subnormal=True)
    columns = {name: tuple(draw(VALUES) for _ in range(n)) for name in draw(st.sets(NAMES))}
    return Contrast(
        draw(IDS),
        draw(IDS),
        np.array([[draw(axis) for _ in range(3)] for _ in range(n)]).reshape(-1, 3),
        tuple(draw(st.sampled_from(["MNI", "TAL", "Talairach"])) for _ in range(n)),
        tuple(draw(SIZES)),
        metadata=draw(FIELDS),
        images=draw(IMAGES),
        annotations=draw(FIELDS),
        texts=draw(FIELDS),
        values={name: values for name, values in columns.items() if name not in ("x", "space")},
        file=draw(st.sampled_from(["", "a.txt"])),
        line=draw(st.integers(0, 5)),
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=st.lists(contrasts(), min_size=1, max_size=4))
def test_any_dataset_comes_back(found: list[Contrast], tmp_path_factory: Any) -> None:
    """Ids, foci to the last bit, sample sizes, gaps, texts that look like numbers, odd names."""
    unique = list({contrast.id: contrast for contrast in found}.values())
    if any(problem.level == "error" for problem in check(unique)):
        return
    if not any(len(contrast.xyz) for contrast in unique):
        unique = [replace(contrast, values={}) for contrast in unique]
    dataset = Dataset.from_contrasts(unique)
    folder = tmp_path_factory.mktemp("any") / "set"
    assert_same(dataset, again(dataset, folder))


def test_half_characters_come_back_marked(tmp_path: Path) -> None:
    """Half of a surrogate pair is no text: in a name it is the mark of what could not be read."""
    dataset = one(annotations={"half": "\ud800", "\ud800": 1})
    found = again(dataset, tmp_path / "set").annotations
    assert found.iloc[0][["half", "\ufffd"]].tolist() == ["\ud800", 1]


@pytest.mark.parametrize(
    "parts",
    [
        {"metadata": {"nested": {"a": [1, {"b": None}]}, "mixed": [1, 1.0, True, "1", None]}},
        {"metadata": {"huge": 10**300, "large": 2**64, "inf": math.inf, "tiny": 5e-324}},
        {"metadata": {"include": "perhaps", "sample_size": "20"}},
        {"annotations": {"a": '"quoted"', "b": "n/a", "c": " ", "d": "a\tb", "e": "NaN"}},
        {"values": {"original_space": ("TAL", "MNI"), "study_id_": (1, None)}},
        {"sample_sizes": ()},
        {"sample_sizes": (10, 12, 14.5)},
        {"images": {"z": "/abs/z.nii", "z__relative": "z.nii", "space": "MNI"}},
    ],
)
def test_odd_things_come_back(parts: dict[str, Any], tmp_path: Path) -> None:
    """What no plain cell can hold is held otherwise."""
    dataset = one(**parts)
    assert_same(dataset, again(dataset, tmp_path / "set"))


def sleuth_files(shared: Path) -> list[Path]:
    with (shared / "sleuth" / "COUNTS.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return [shared / "sleuth" / row["file"] for row in rows if row["counts_reliable"] == "yes"]


def real_sources(paths: list[Path]) -> list[Dataset]:
    """Datasets of those paths that can be read."""
    found = []
    for path in paths:
        try:
            found += [source.dataset for source in io.read(path)]
        except (DataError, FileNotFoundError):
            continue
    return found


def test_every_real_dataset_comes_back(shared_data: Path, tmp_path: Path) -> None:
    """Sleuth files with reliable counts, NIMADS studysets with annotations, NiMARE JSON."""
    folders = sorted(p.parent for p in (shared_data / "nimads").rglob("*annotation*.json"))
    single = [p for p in (shared_data / "nimads").glob("*/*.json") if p.parent not in folders]
    json_ = sorted((shared_data / "nimare_json").glob("*.json"))
    sources = real_sources([*sleuth_files(shared_data), *dict.fromkeys(folders), *single, *json_])
    assert len(sources) >= 80
    for number, dataset in enumerate(sources):
        assert_same(dataset, again(dataset, tmp_path / str(number)))


def test_thousands_of_labels_come_back(shared_data: Path, tmp_path: Path) -> None:
    """The Laird set: 3,228 columns of floats, abstracts with line breaks."""
    path = shared_data / "nimare_json" / "neurosynth_laird_studies.json"
    studies = json.loads(path.read_text())
    for study in studies.values():
        for contrast in study["contrasts"].values():
            contrast["coords"]["space"] = "MNI"
    dataset = Dataset(studies)
    assert len(dataset.get_labels()) == 3228
    assert_same(dataset, again(dataset, tmp_path / "set"))


def test_hand_made_tables_come_back(tmp_path: Path) -> None:
    """What was read from tables is written to tables again."""
    dataset = io.convert_native_to_dataset(put(tmp_path / "a", SET))
    assert_same(dataset, again(dataset, tmp_path / "b"))


def test_what_is_written_can_be_read_by_people(tmp_path: Path) -> None:
    """Labels of letters and digits, plain numbers, one file for each kind of thing."""
    (source,) = io.read(EXAMPLE)
    folder = io.write_native(source.dataset, tmp_path / "pain")
    assert texts(folder, "contrasts.tsv")[:2] == [
        ["study_id", "contrast_id", "sample_size", "original_space", "space_transform",
         "source_file"],
        ["pain01nidm", "1", "25", "MNI", "none", "pain.json"],
    ]  # fmt: skip
    assert texts(folder, "studies.tsv")[1] == ["pain01nidm", "pain_01.nidm"]
    assert texts(folder, "coordinates.tsv")[1] == ["pain01nidm", "1", "48", "-38", "-24", "MNI"]
    sidecar = json.loads((folder / "coordinates.json").read_text())
    assert (sidecar["CoordinateSystem"], sidecar["CoordinateUnits"]) == ("MNIunknown", "mm")
    assert sidecar["x"]["Units"] == "mm"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".bidsignore", "README.md", "contrasts.json", "contrasts.tsv", "coordinates.json",
        "coordinates.tsv", "dataset_description.json", "studies.json", "studies.tsv",
    ]  # fmt: skip


def test_ids_that_give_one_label_are_kept_apart(tmp_path: Path) -> None:
    """Labels get a number where case or punctuation alone tells ids apart."""
    dataset = Dataset.from_contrasts(
        [Contrast(study, name, FOCI, ("MNI", "MNI")) for study in ("a-b", "AB") for name in "><"]
    )
    folder = io.write_native(dataset, tmp_path / "set")
    rows = texts(folder, "contrasts.tsv")
    assert [row[:3] for row in rows[1:]] == [
        ["ab", "x", ">"],
        ["ab", "xx2", "<"],
        ["ABx2", "x", ">"],
        ["ABx2", "xx2", "<"],
    ]
    assert rows[0][2] == "original_id"
    assert texts(folder, "studies.tsv")[1:] == [["ab", "a-b"], ["ABx2", "AB"]]


def test_what_belongs_to_the_study_stands_once(tmp_path: Path) -> None:
    """Metadata of a study that all its contrasts share go to studies.tsv; others stay."""
    found = [
        Contrast("s", name, FOCI, ("MNI", "MNI"), metadata={"title": "T", "doi": name, "dof": 3})
        for name in "ab"
    ]
    folder = io.write_native(Dataset.from_contrasts(found), tmp_path / "set")
    assert texts(folder, "studies.tsv") == [["study_id", "title"], ["s", "T"]]
    assert {"doi", "dof"} <= set(texts(folder, "contrasts.tsv")[0])


def test_contrasts_without_foci_have_plain_cells(tmp_path: Path) -> None:
    """The space of no foci is empty text in a Dataset, n/a in the table, and empty text again."""
    found = [Contrast("a", "1", FOCI, ("MNI", "MNI")), Contrast("b", "1")]
    dataset = Dataset.from_contrasts(found)
    assert dataset.get_metadata(field="original_space") == ["MNI", ""]
    folder = io.write_native(dataset, tmp_path / "set")
    assert texts(folder, "contrasts.tsv")[1:] == [
        ["a", "1", "n/a", "MNI", "none"],
        ["b", "1", "n/a", "n/a", "n/a"],
    ]
    assert_same(dataset, io.convert_native_to_dataset(folder))


def test_same_dataset_same_bytes(tmp_path: Path) -> None:
    """Writing twice gives the same files, but for the name of the folder."""
    (source,) = io.read(EXAMPLE)
    folders = [io.write_native(source.dataset, tmp_path / name, name="x") for name in "ab"]
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders
    )
    assert first == second
    assert json.loads(first["dataset_description.json"])["Name"] == "x"


def test_name_that_is_no_text(tmp_path: Path) -> None:
    """A folder whose name has odd bytes can be written and read."""
    folder = tmp_path / "odd\udcff"
    assert_same(one(), again(one(), folder))
    assert (folder / "README.md").read_text().startswith("# odd?")


def test_written_before_is_replaced(tmp_path: Path) -> None:
    """Tables of an earlier dataset do not stay beside those of a later one."""
    labelled = one(annotations={"pain": 1}, texts={"abstract": "a"})
    folder = io.write_native(labelled, tmp_path / "set")
    assert (folder / "texts.tsv").exists()
    assert_same(one(), again(one(), folder))
    assert not list(folder.glob("texts.*")) + list(folder.glob("*_annotations.*"))


@pytest.mark.parametrize("name", ["mine.txt", "desc-mine_annotations.tsv", "study-a"])
def test_folder_of_others_is_left_alone(tmp_path: Path, name: str) -> None:
    """A folder with anything that was not written here is refused, and not touched."""
    folder = io.write_native(one(), tmp_path / "set")
    put(folder, {f"{name}/x.tsv" if name == "study-a" else name: "mine"})
    before = {path.name for path in folder.iterdir()}
    with pytest.raises(OutputError, match=f"holds what was not written here: {name}; give a new"):
        io.write_native(one(annotations={"a": 1}), folder)
    assert {path.name for path in folder.iterdir()} == before


def test_tables_without_our_description_are_left_alone(tmp_path: Path) -> None:
    """Somebody's own contrasts.tsv is not overwritten."""
    folder = put(tmp_path / "set", {"contrasts.tsv": "mine"})
    with pytest.raises(OutputError, match="holds what was not written here; give a new"):
        io.write_native(one(), folder)


def test_place_that_is_a_file(tmp_path: Path) -> None:
    """A file is no folder."""
    (tmp_path / "set").write_text("mine")
    with pytest.raises(OutputError, match="holds what was not written here"):
        io.write_native(one(), tmp_path / "set")


def test_value_that_no_table_holds(tmp_path: Path) -> None:
    """A Python object of unknown kind is an error, and nothing is written."""
    with pytest.raises(OutputError, match=r"cannot write .*a table cannot hold a object"):
        io.write_native(one(metadata={"odd": object()}), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_written_studies_are_input_and_results_are_not(tmp_path: Path) -> None:
    """Both are ours; only results are skipped."""
    folder = io.write_native(one(), tmp_path / "set")
    description = (folder / "dataset_description.json").read_bytes()
    put(tmp_path, {"out/dataset_description.json": description})
    nimare_json.write(one(), tmp_path / "out" / "snapshot.json")
    (source,) = io.read(tmp_path)
    assert (source.name, source.problems) == ("set", ())


def test_results_do_not_go_into_a_studyset(tmp_path: Path) -> None:
    """A run whose OUT_DIR is a folder of tables would overwrite its description."""
    from nimare_pipeline.cli.output import refuse_foreign

    folder = io.write_native(one(), tmp_path / "set")
    with pytest.raises(OutputError, match=r"dataset_description\.json, .*did not write"):
        refuse_foreign(folder)
