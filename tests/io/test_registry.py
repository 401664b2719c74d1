"""What io.read makes of folders and files."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import io
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError
from nimare_pipeline.io.folder import formats

SLEUTH = "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n"
JSON = {
    "s": {
        "contrasts": {
            "c": {
                "coords": {"space": "MNI", "x": [1], "y": [2], "z": [3]},
                "metadata": {"sample_sizes": [20]},
            }
        }
    }
}
STUDYSET = {
    "studies": [
        {
            "id": "s",
            "analyses": [{"id": "a", "points": [{"coordinates": [1, 2, 3], "space": "MNI"}]}],
        }
    ]
}
ANNOTATION = {"notes": [{"analysis": "a", "note": {"pain": True}}]}
OURS = {"GeneratedBy": [{"Name": "nimare-pipeline"}]}


BIDS = {"Name": "studies", "BIDSVersion": "1.10.0"}


def put(folder: Path, **files: Any) -> Path:
    """Write files (``sub__name_txt`` is ``sub/name.txt``), text as it is, all else as JSON."""
    for name, body in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    return folder


def test_formats_are_found_by_their_modules() -> None:
    """Every module with a sniffer is a format; helpers are not."""
    assert [module.NAME for module in formats()] == [
        "CANlab MKDA table",
        "saved Dataset",
        "images (NIDM-Results, NeuroVault, BIDS, FSL, SPM)",
        "JALE sheets (experiments, analyses)",
        "images named after study and kind",
        "table layout (contrasts.tsv, coordinates.tsv)",
        "Neurosynth or NeuroQuery database",
        "NIMADS studyset",
        "parquet studyset",
        "NiMARE Dataset JSON",
        "pickled NiMARE Dataset",
        "table of foci (XLSX, CSV, TSV)",
        "Sleuth text",
    ]


@pytest.mark.parametrize(
    ("name", "body", "format_name"),
    [
        ("a.txt", SLEUTH, "Sleuth text"),
        ("a.json", json.dumps(JSON), "NiMARE Dataset JSON"),
        ("a.json", json.dumps(STUDYSET), "NIMADS studyset"),
    ],
)
def test_single_file(tmp_path, name: str, body: str, format_name: str) -> None:
    """A file may be named instead of a folder."""
    (tmp_path / name).write_text(body)
    (tmp_path / "other.txt").write_text("left alone")
    (source,) = io.read(tmp_path / name)
    assert (source.name, source.files, source.format) == ("a", (name,), format_name)
    assert len(source.dataset.coordinates) == 1
    assert source.problems == () or format_name != "Sleuth text"


def test_saved_dataset_is_input(tmp_path) -> None:
    """What Dataset.save wrote reads again, without a second conversion."""
    tal = {"s": {"contrasts": {"c": {"coords": {"space": "TAL", "x": [0], "y": [0], "z": [0]}}}}}
    dataset = Dataset(tal)
    dataset.save(tmp_path / "saved.any")
    (source,) = io.read(tmp_path)
    assert source.format == "saved Dataset"
    assert source.dataset.coordinates.equals(dataset.coordinates)
    assert source.dataset.metadata.equals(dataset.metadata)


def test_several_sleuth_files_are_several_sources(tmp_path) -> None:
    """Each is an analysis, in order of the names, with its own warnings."""
    put(tmp_path, b_txt=SLEUTH, a_txt=SLEUTH.replace("//Subjects=13\n", ""), sub__c_txt=SLEUTH)
    sources = io.read(tmp_path)
    assert [(source.name, source.files) for source in sources] == [
        ("a", ("a.txt",)),
        ("b", ("b.txt",)),
        ("sub_c", ("sub/c.txt",)),
    ]
    assert ["no sample size" in str(problem) for problem in sources[0].problems] == [True]
    assert sources[1].problems == ()
    assert sources[2].dataset.get_metadata(field="source_file") == ["sub/c.txt"]


def test_studyset_with_annotation_is_one_source(tmp_path) -> None:
    """The annotation beside a studyset labels its analyses."""
    (source,) = io.read(put(tmp_path, annotation_json=ANNOTATION, studyset_json=STUDYSET))
    assert source.files == ("studyset.json", "annotation.json")
    assert source.dataset.get_studies_by_label("pain") == ["s-a"]


def test_annotation_alone_is_refused(tmp_path) -> None:
    """An annotation needs its studyset."""
    with pytest.raises(DataError, match=r"annotations without the studyset .*annotation\.json"):
        io.read(put(tmp_path, annotation_json=ANNOTATION))


@pytest.mark.parametrize(
    "files",
    [
        {"a_json": JSON, "b_json": JSON},
        {"a_json": STUDYSET, "b_json": STUDYSET},
        {"a_json": JSON, "b_txt": SLEUTH},
    ],
)
def test_rival_datasets_are_listed(tmp_path, files: dict[str, Any]) -> None:
    """Two datasets that are not both Sleuth files cannot be one run."""
    with pytest.raises(DataError, match="several datasets that cannot be one run") as caught:
        io.read(put(tmp_path, **files))
    assert [problem.file[0] for problem in caught.value.problems] == ["a", "b"]


def test_our_own_outputs_are_skipped(tmp_path) -> None:
    """The snapshot in an output folder below the input is not read again."""
    put(
        tmp_path,
        a_txt=SLEUTH,
        out__dataset_description_json=OURS,
        out__snapshot_json=JSON,
    )
    (source,) = io.read(tmp_path)
    assert source.files == ("a.txt",)
    assert source.problems == ()


def test_hidden_and_derived_folders_are_skipped(tmp_path) -> None:
    """Hidden folders never, derivatives and sourcedata only when there is nothing else."""
    put(tmp_path, derivatives__a_txt=SLEUTH, sourcedata__b_txt=SLEUTH)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "c.txt").write_text(SLEUTH)
    assert [source.name for source in io.read(tmp_path)] == ["derivatives_a", "sourcedata_b"]
    put(tmp_path, own_txt=SLEUTH)
    assert [source.name for source in io.read(tmp_path)] == ["own"]


def test_unknown_files_are_listed(tmp_path) -> None:
    """Files in no known format are left out with one warning; README and the like without."""
    put(tmp_path, a_txt=SLEUTH, notes_txt="hello", README_md="# Hi", dataset_description_json=BIDS)
    (source,) = io.read(tmp_path)
    (problem,) = source.problems
    assert (problem.level, str(problem)) == (
        "warning",
        "1 file is in no known format and is left out: notes.txt",
    )


def test_files_about_images_are_used(tmp_path: Path) -> None:
    """What says what an image is, as NeuroVault or BIDS call it, is not told of as left out."""
    table = "study_id\tcontrast_id\tsample_size\tz_map\nS\t1\t20\timage_1.nii.gz\n"
    names = ("image_1.nii.gz", "image_1_metadata.json", "image_1.json", "image_2_metadata.json")
    for name in (*names, "collection_metadata.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "contrasts.tsv").write_text(table)
    _, (left,) = io.examine(tmp_path)
    assert left.message == ("1 file is in no known format and is left out: image_2_metadata.json")


def test_many_unknown_files_are_one_short_warning(tmp_path) -> None:
    """The first five are named, the others counted."""
    put(tmp_path, a_txt=SLEUTH, **{f"note{i:02}_csv": "hello" for i in range(68)})
    (source,) = io.read(tmp_path)
    (problem,) = source.problems
    assert str(problem) == (
        "68 files are in no known format and are left out: "
        "note00.csv, note01.csv, note02.csv, note03.csv, note04.csv and 63 more"
    )


@pytest.mark.parametrize(
    ("file", "own", "expected"),
    [
        ("nimads_studyset_json", "Pain and touch", "Pain and touch"),
        ("studyset_json", "Studyset for Pain", "Pain"),
        ("studyset_json", "Studyset for Untitled", "folder"),
        ("studyset_json", "", "folder"),
        ("studyset_json", None, "folder"),
        ("studyset_json", "theid", "folder"),
        ("studyset_json", "Cv2LLUqG76W9", "folder"),
        ("studyset_json", "A title " * 9, "folder"),
        ("sub__studyset_json", "", "sub"),
        ("pain_json", "Other", "pain"),
    ],
)
def test_name_of_a_studyset(tmp_path, file: str, own: Any, expected: str) -> None:
    """A file name that says nothing gives way to the studyset's own name, or to the folder's."""
    folder = put(tmp_path / "folder", **{file: {**STUDYSET, "id": "theid", "name": own}})
    (source,) = io.read(folder)
    assert source.name == expected


def test_broken_file_is_an_error(tmp_path) -> None:
    """A recognised file that cannot be parsed is not left out."""
    put(tmp_path, a_txt=SLEUTH, b_json=json.dumps(JSON)[:40])
    with pytest.raises(DataError, match="several datasets"):
        io.read(tmp_path)
    with pytest.raises(DataError, match=r"cannot be read\n  - b\.json, line 1, column .*complete"):
        io.read(tmp_path / "b.json")


def test_all_problems_of_a_folder_are_listed(tmp_path) -> None:
    """Errors of every file in one message, before the warnings."""
    put(tmp_path, a_txt=SLEUTH + "4 5\n", sub__b_txt=SLEUTH + "200 2 3\n6 dog 7\n")
    with pytest.raises(DataError) as caught:
        io.read(tmp_path)
    assert [(p.level, p.file, p.where.split(" (")[0]) for p in caught.value.problems] == [
        ("error", "a.txt", "line 5"),
        ("error", "sub/b.txt", "line 6"),
        ("warning", "sub/b.txt", "line 5"),
    ]


def test_empty_folder(tmp_path) -> None:
    """An empty folder is no input, and the formats are named."""
    with pytest.raises(
        NoInputError,
        match=r"nothing to analyse in .*accepted are: .*saved Dataset, .*, NIMADS .*, Sleuth text",
    ):
        io.read(tmp_path)


def test_missing_path(tmp_path) -> None:
    """A path that is not there is no input."""
    with pytest.raises(NoInputError, match="no such file or folder"):
        io.read(tmp_path / "none")


def test_pickle_gets_advice(tmp_path) -> None:
    """A folder that holds only a pickle of something else names that, and says what to do."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Path("x")))
    said = (
        r"model.pkl is a pickle of pathlib.PosixPath, and only Datasets of NiMARE are read: save"
    )
    with pytest.raises(NoInputError, match=said):
        io.read(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"\x1f\x8b\x08rest")
    with pytest.raises(NoInputError, match="is called a pickle, but is none that can be read"):
        io.read(tmp_path)


def test_unknown_single_file(tmp_path) -> None:
    """A file in no known format is wrong data, not missing input."""
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(DataError, match=r"nothing to analyse in .*a\.txt; accepted are"):
        io.read(tmp_path / "a.txt")


def test_unfetched_content_is_told_apart(tmp_path) -> None:
    """A link without its target is content to fetch, not a missing file."""
    (tmp_path / "a.txt").symlink_to(tmp_path / "annex" / "x")
    with pytest.raises(NoInputError, match="content is not here: run `datalad get`"):
        io.read(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        {"a_txt": "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n"},
        {"a_json": {"s": {"contrasts": {"c": {"metadata": {"sample_sizes": [3]}}}}}},
    ],
)
def test_no_foci(tmp_path, files: dict[str, Any]) -> None:
    """A dataset without foci or images says so."""
    with pytest.raises(DataError, match=r"1 contrast, but no foci and no images in it"):
        io.read(put(tmp_path, **files))


@pytest.mark.parametrize(
    "files", [{"a_json": {"s": {"contrasts": {}}}}, {"a_json": {"studies": []}}]
)
def test_no_contrasts(tmp_path, files: dict[str, Any]) -> None:
    """A dataset without contrasts says so, in words."""
    with pytest.raises(DataError, match=r"it holds no contrasts: no foci and no images"):
        io.read(put(tmp_path, **files))


def test_images_that_no_table_names(tmp_path) -> None:
    """Where images lie beside a table of studies without contrasts, the error says what to do."""
    put(tmp_path, studies_tsv="study_id\tyear\nada\t2001\n")
    for name in ("ada_z.nii.gz", "bell_z.nii"):
        (tmp_path / name).write_bytes(b"1")
    with pytest.raises(DataError, match=r"2 images lie beside it: give their paths in columns of"):
        io.read(tmp_path)


@pytest.mark.parametrize(("named", "other"), [("a.hdr", "a.img"), ("a.img", "a.hdr")])
def test_both_files_of_an_image_are_known(tmp_path, named: str, other: str) -> None:
    """Of a pair of Analyze or NIfTI files a table names one; nothing is left out."""
    put(tmp_path, contrasts_tsv=f"study_id\tcontrast_id\tz_map\nada\t1\t{named}\n")
    for name in (named, other):
        (tmp_path / name).write_bytes(b"1")
    _, problems = io.examine(tmp_path)
    assert not [str(one) for one in problems if "left out" in one.message]


def test_images_without_foci_are_a_dataset(tmp_path) -> None:
    """Images are for image-based analyses."""
    images = {"s": {"contrasts": {"c": {"images": {"z": "z.nii.gz"}}}}}
    (source,) = io.read(put(tmp_path, a_json=images))
    assert len(source.dataset.coordinates) == 0


def test_conversion_is_passed_on(tmp_path) -> None:
    """The way from Talairach and the target reach the dataset."""
    put(tmp_path, a_txt=SLEUTH.replace("MNI", "TAL"))
    (source,) = io.read(tmp_path, tal2mni="none", target="mni152_1mm")
    assert source.dataset.get_metadata(field="space_transform") == ["tal2mni-none"]
    assert source.dataset.coordinates[["x", "y", "z"]].values.tolist() == [[1, 2, 3]]
    assert source.dataset.space == "mni152_1mm"


def test_reading_twice_gives_the_same(shared_data) -> None:
    """Order and content do not depend on the file system."""
    first, second = (io.read(shared_data / "sleuth" / "SkeideLab__meta_semantics") for _ in "ab")
    assert [source.name for source in first] == sorted(source.name for source in first)
    assert all(
        a.dataset.coordinates.equals(b.dataset.coordinates)
        for a, b in zip(first, second, strict=True)
    )


def test_names_of_the_field_are_in_io() -> None:
    """The readers are there under the names the tutorial uses."""
    assert {
        "convert_native_to_dataset",
        "convert_nimads_to_dataset",
        "convert_sleuth_to_dataset",
        "examine",
        "read",
        "write_native",
    } <= set(dir(io))


def test_convert_sleuth_to_dataset(tmp_path) -> None:
    """A Sleuth file is a dataset in one call; its faults are one error."""
    path = tmp_path / "a.txt"
    path.write_text(SLEUTH)
    assert io.convert_sleuth_to_dataset(path).ids.tolist() == ["A_2000-b"]
    path.write_text(SLEUTH + "dog\n")
    with pytest.raises(DataError, match=r"a\.txt, line 5: neither a header nor a focus: 'dog'"):
        io.convert_sleuth_to_dataset(path)


def test_images_that_are_used_are_no_unknown_files(tmp_path) -> None:
    """A file that a contrast names is not left out; one that none names is."""
    images = {"s": {"contrasts": {"c": {"images": {"z": "maps/z.nii.gz"}}}}}
    put(tmp_path, sub__a_json=images)
    put(tmp_path, **{"sub__maps__z.nii_gz": "1", "sub__maps__other.nii_gz": "1"})
    (source,) = io.read(tmp_path)
    assert [str(problem) for problem in source.problems] == [
        "1 file is in no known format and is left out: sub/maps/other.nii.gz"
    ]


def test_examine_goes_on_past_what_is_wrong(tmp_path) -> None:
    """Every dataset is read, with its own problems; rivals and unknown files are general."""
    put(tmp_path, a_txt=SLEUTH + "4 5\n", b_json=json.dumps(JSON)[:40], c_txt=SLEUTH, d_csv="x")
    put(tmp_path, e_json=ANNOTATION)
    found, problems = io.examine(tmp_path)
    assert [(one.name, one.format, len(one.contrasts)) for one in found] == [
        ("a", "Sleuth text", 1),
        ("b", "NiMARE Dataset JSON", 0),
        ("c", "Sleuth text", 1),
    ]
    assert [[problem.level for problem in one.problems] for one in found] == [
        ["error"],
        ["error"],
        [],
    ]
    annotations, rivals, unknown = map(str, problems)
    assert annotations.startswith("annotations without the studyset they belong to")
    assert rivals.endswith("or move the others away: a.txt, b.json, c.txt")
    assert unknown.startswith(
        "1 file is in no known format and is left out: d.csv (d.csv: no row "
    )


def test_examine_refuses_what_is_not_there(tmp_path) -> None:
    """Without anything to read there is nothing to examine."""
    with pytest.raises(NoInputError, match="no such file or folder"):
        io.examine(tmp_path / "none")
    with pytest.raises(NoInputError, match="nothing to analyse"):
        io.examine(tmp_path)


def test_consequences_are_not_said(tmp_path) -> None:
    """A file whose only contrast cannot be read has one error, not also no foci."""
    (tmp_path / "a.txt").write_text(SLEUTH.replace("1 2 3", "1 2"))
    found, _ = io.examine(tmp_path)
    assert [
        "expected three numbers" in p.message for p in found[0].problems if p.level == "error"
    ] == [True]


def test_pipes_are_not_opened(tmp_path) -> None:
    """A named pipe in the folder, which nobody writes to, is left out like any other stranger."""
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "a.txt").write_text("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n")
    (source,) = io.read(tmp_path)
    assert [problem.message for problem in source.problems] == [
        "1 file is in no known format and is left out: pipe.txt"
    ]


def test_suspicions_are_warnings_of_a_source(tmp_path: Path) -> None:
    """Five of a kind, and how many more, and no notes; ``examine`` has every one."""
    foci = ["".join(f"{x} {10 * i} 3\n" for x in range(10)) for i in range(8)]
    parts = [f"//A, {2000 + i}: b\n//Subjects=13\n{foci[i]}{i} {10 * i} 3\n" for i in range(8)]
    put(tmp_path, a_txt="//Reference=MNI\n" + "\n".join(parts))
    (source,) = io.read(tmp_path)
    assert [problem.kind for problem in source.problems] == ["no-minus"] * 6
    assert {problem.level for problem in source.problems} == {"warning"}
    assert source.problems[0].where == "line 2 (study A_2000, contrast b)"
    assert source.problems[5].message == "and 3 more warnings like the last one"
    assert (source.kinds, source.notes) == ({"no-minus": 8}, {"focus-twice": 8})
    assert source.n_warnings == 8
    (found,), _ = io.examine(tmp_path)
    assert len(found.problems) == 16


def test_what_a_reader_says_is_not_said_again(tmp_path: Path) -> None:
    """The tables have one note for all foci that stand again, with their lines."""
    foci = "study_id\tx\ty\tz\n" + "a\t1\t2\t3\n" * 2
    put(tmp_path, coordinates_tsv=foci)
    (found,), _ = io.examine(tmp_path)
    assert [p.message for p in found.problems if "again" in p.message or p.kind] == [
        "the focus of line 2 stands again"
    ]
