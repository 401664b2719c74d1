"""Studies as a folder of tables: what is read, and what is said of what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import io
from nimare_pipeline.cohort import make_cohort
from nimare_pipeline.contrast import is_missing
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError
from nimare_pipeline.io import native
from nimare_pipeline.settings import Analysis
from tests.io.tables import ANNOTATIONS, CONTRASTS, COORDINATES, QUICK, SET, STUDIES, put


def problems_of(folder: Path) -> list[str]:
    """Everything that is said of a folder, as ``level file, place: message (advice)``."""
    found, general = io.examine(folder)
    return [f"{p.level} {p}" for p in (*general, *(p for one in found for p in one.problems))]


def dataset_of(folder: Path) -> Dataset:
    (source,) = io.read(folder)
    return source.dataset


def test_tables_find_their_places(tmp_path: Path) -> None:
    """Ids, sample sizes, spaces, annotations of both tables, and metadata of the study."""
    (source,) = io.read(put(tmp_path / "set", SET))
    dataset = source.dataset
    assert (source.name, source.format) == ("set", native.NAME)
    assert source.files == (*(name for name in SET if name != "desc-my_annotations.tsv"),
                            "desc-my_annotations.tsv")  # fmt: skip
    assert source.problems == ()
    assert dataset.ids.tolist() == ["Smith_2019-pain", "Lee_2020-pain"]
    assert dataset.get_metadata(field="sample_sizes") == [[24], [16]]
    assert dataset.get_metadata(field="title") == ["On pain", "On touch"]
    assert dataset.get_metadata(field="year") == [2019, 2020]
    assert dataset.coordinates["original_space"].tolist() == ["MNI", "MNI", "TAL"]
    assert dataset.coordinates[["x", "y", "z"]].values[:2].tolist() == [[10, -20, 30], [-12, 4, 8]]
    assert dataset.get_labels() == ["condition", "age", "pain", "words"]
    assert dataset.annotations["condition"].tolist() == ["pain", "touch"]
    assert dataset.annotations["pain"].tolist() == [1, 0.5]
    assert dataset.annotations["age"].isna().tolist() == [False, True]
    assert dataset.annotations["words"].tolist() == ["burning", None]


def test_coordinates_alone_are_enough(tmp_path: Path) -> None:
    """A quick start is one table; MNI is assumed, and that is said."""
    (source,) = io.read(put(tmp_path, {"coordinates.tsv": QUICK}))
    assert source.dataset.ids.tolist() == ["Smith 2019-pain > rest", "Lee 2020-pain > rest"]
    assert source.dataset.get_metadata(field="sample_sizes") == [[24], [16]]
    assert source.dataset.coordinates["x"].tolist() == [10, -12, 40]
    assert [str(problem) for problem in source.problems] == [
        (
            "coordinates.tsv, line 1: no space is given; MNI is assumed (say so in a column "
            "'space', or as CoordinateSystem in coordinates.json)"
        )
    ]


def test_one_contrast_a_study_needs_no_id(tmp_path: Path) -> None:
    """Without a column of contrasts each study has one, called 1."""
    table = "study_id\tx\ty\tz\tspace\na\t1\t2\t3\tMNI\nb\t1\t2\t3\tMNI\n"
    assert dataset_of(put(tmp_path, {"coordinates.tsv": table})).ids.tolist() == ["a-1", "b-1"]


@pytest.mark.parametrize("named", ["coordinates.tsv", "contrasts.tsv", "studies.tsv"])
def test_naming_one_table_means_all(tmp_path: Path, named: str) -> None:
    """A table may be named instead of the folder."""
    folder = put(tmp_path / "set", SET)
    (source,) = io.read(folder / named)
    assert source.name == "set"
    assert source.dataset.annotations.equals(dataset_of(folder).annotations)


def test_folder_of_files_named_after_contrasts(tmp_path: Path) -> None:
    """Foci and images by contrast, with their sidecars, and no table at all."""
    stem = "study-a/study-a_contrast-x"
    files = {
        f"{stem}_coordinates.tsv": "x\ty\tz\tz_value\n1\t2\t3\t4.5\n",
        f"{stem}_coordinates.json": '{"CoordinateSystem": "Talairach", "SampleSize": [12, 14]}',
        f"{stem}_space-MNI152NLin6Asym_stat-effect_statmap.nii.gz": b"1",
        f"{stem}_mask.nii": b"1",
        "study-b/study-b_contrast-x_stat-z_statmap.nii.gz": b"1",
    }
    (source,) = io.read(put(tmp_path / "set", files))
    dataset = source.dataset
    assert (source.name, source.problems) == ("set", ())
    assert dataset.ids.tolist() == ["a-x", "b-x"]
    assert dataset.get_metadata(field="sample_sizes") == [[12, 14], None]
    assert dataset.coordinates["original_space"].tolist() == ["TAL"]
    assert dataset.coordinates["z_value"].tolist() == [4.5]
    assert dataset.images["mask__relative"].tolist() == [f"{stem}_mask.nii", None]
    assert dataset.images["beta__relative"].notna().tolist() == [True, False]
    assert dataset.images["z__relative"].notna().tolist() == [False, True]


def test_files_are_matched_to_ids_by_their_letters_and_digits(tmp_path: Path) -> None:
    """``study-Lee2020`` is Lee_2020."""
    foci = COORDINATES.replace("Lee_2020\tpain\t40\t-10\t2\n", "")
    named = "study-Lee2020/study-Lee2020_contrast-pain_coordinates.tsv"
    files = {**SET, "coordinates.tsv": foci, named: "x\ty\tz\n7\t8\t9\n"}
    dataset = dataset_of(put(tmp_path, files))
    assert dataset.coordinates["id"].tolist()[-1] == "Lee_2020-pain"


@pytest.mark.parametrize(
    ("column", "image"),
    [
        ("z_map", "z"),
        ("t_map", "t"),
        ("p_map", "p"),
        ("effect_map", "beta"),
        ("se_map", "se"),
        ("variance_map", "varcope"),
        ("mask_map", "mask"),
        ("f_map", "f"),
        ("sd_map", "sd"),
        ("d_map", "d"),
        ("g", "g"),
        ("z", "z"),
        ("T", "t"),
        ("beta", "beta"),
        ("zstat_file", "z"),
        ("Cope image", "beta"),
        ("varcope", "varcope"),
    ],
)
def test_image_columns(tmp_path: Path, column: str, image: str) -> None:
    """Columns of paths are images under the names of the field; used files are no warning."""
    table = f"study_id\tcontrast_id\tsample_size\t{column}\na\tb\t12\tmaps/one.nii.gz\n"
    (source,) = io.read(put(tmp_path, {"contrasts.tsv": table, "maps/one.nii.gz": b"1"}))
    assert source.dataset.get_images(imtype=f"{image}__relative") == ["maps/one.nii.gz"]
    assert source.problems == ()


def test_a_column_called_like_a_kind_without_paths_is_an_annotation(tmp_path: Path) -> None:
    """A number called d is an effect somebody noted, not an image."""
    dataset = dataset_of(put(tmp_path, {**SET, "contrasts.tsv": CONTRASTS.replace("age", "d")}))
    assert "d" in dataset.get_labels()


@pytest.mark.parametrize(
    "kind", ["z", "t", "p", "se", "sd", "d", "g", "effect", "variance", "T", "Z", "Effect"]
)
def test_kinds_of_named_images(tmp_path: Path, kind: str) -> None:
    """Every kind that is analysed can be the ``stat`` of a name, in any space."""
    name = f"study-a/study-a_contrast-x_space-MNI152NLin6Asym_stat-{kind}_statmap.nii.gz"
    (source,) = io.read(put(tmp_path, {name: b"1"}))
    column = {"effect": "beta", "variance": "varcope"}.get(kind.lower(), kind.lower())
    assert source.dataset.get_images(imtype=f"{column}__relative") == [name]


def test_named_images_below_a_folder(tmp_path: Path) -> None:
    """Their paths count from the folder of the dataset, wherever it lies."""
    names = [f"ds/study-{s}/study-{s}_contrast-x_stat-z_statmap.nii.gz" for s in "ab"]
    (found,) = io.examine(put(tmp_path, dict.fromkeys(names, b"1")))[0]
    assert found.folder == "ds"
    assert [f"ds/{one.images['z']}" for one in found.contrasts] == names


def test_two_images_of_one_kind(tmp_path: Path) -> None:
    """In two spaces, or under two names of the kind: the first is used, with a word."""
    stem = "study-a/study-a_contrast-x"
    names = [f"{stem}_stat-beta_statmap.nii.gz", f"{stem}_stat-effect_statmap.nii.gz"]
    assert problems_of(put(tmp_path, dict.fromkeys(names, b"1"))) == [
        (f"warning {names[1]}: a second beta image of contrast a, x ({names[0]} is used)")
    ]


def test_map_column_of_no_files_is_an_annotation(tmp_path: Path) -> None:
    """Only a path of an image makes an unknown column an image."""
    dataset = dataset_of(
        put(tmp_path, {**SET, "contrasts.tsv": CONTRASTS.replace("age", "a_map")})
    )
    assert "a_map" in dataset.get_labels()


def test_missing_images_are_one_warning(tmp_path: Path) -> None:
    """Files that are not there are counted; addresses on the web are not looked for."""
    table = CONTRASTS.replace("condition\tage", "z_map\tt_map")
    table = table.replace("pain\t30", "a.nii.gz\thttps://x.org/t.nii.gz")
    table = table.replace("touch\tn/a", "b.nii.gz\tn/a")
    assert problems_of(put(tmp_path, {**SET, "contrasts.tsv": table})) == [
        (
            "warning contrasts.tsv: 2 image files are not there: a.nii.gz, b.nii.gz "
            "(paths are relative to the folder of the tables)"
        )
    ]


def test_space_of_focus_before_contrast_before_sidecar(tmp_path: Path) -> None:
    """The nearest word on the space counts."""
    contrasts = "study_id\tcontrast_id\tspace\na\t1\tn/a\nb\t1\tTAL\nc\t1\tTAL\n"
    foci = "study_id\tcontrast_id\tx\ty\tz\tspace\na\t1\t0\t0\t0\t\nb\t1\t0\t0\t0\tMNI\n"
    files = {
        "contrasts.tsv": contrasts,
        "coordinates.tsv": f"{foci}c\t1\t0\t0\t0\t\n",
        "coordinates.json": '{"CoordinateSystem": "MNI152NLin6Asym", "CoordinateUnits": "mm"}',
    }
    assert dataset_of(put(tmp_path, files)).coordinates["original_space"].tolist() == [
        "MNI",
        "MNI",
        "TAL",
    ]


def test_groups_are_sample_sizes(tmp_path: Path) -> None:
    """Sizes of groups are kept apart; a total that differs from their sum is said."""
    table = (
        "study_id\tcontrast_id\tspace\tsample_size\tgroup1_n\tgroup2_n\n"
        "Smith_2019\tpain\tMNI\t22\t10\t12\n"
        "Lee_2020\tpain\tMNI\t23\t10\t12\n"
    )
    folder = put(tmp_path, {**SET, "contrasts.tsv": table})
    assert dataset_of(folder).get_metadata(field="sample_sizes") == [[10, 12], [10, 12]]
    assert problems_of(folder) == [
        (
            "warning contrasts.tsv, line 3: sample_size 23 is not the sum of its groups, 10 + 12 "
            "(the groups are used)"
        )
    ]


def test_known_columns_are_metadata(tmp_path: Path) -> None:
    """What describes a contrast is no annotation."""
    known = ("contrast_name", "design", "dof", "coordinate_threshold", "tail", "doi", "authors")
    header = "\t".join(["study_id", "contrast_id", "space", *known, "mine"])
    row = "\t".join(["Smith_2019", "pain", "MNI", *["paired" for _ in known], "1"])
    table = f"{header}\n{row}\n{row.replace('Smith_2019', 'Lee_2020')}\n"
    dataset = dataset_of(put(tmp_path, {**SET, "contrasts.tsv": table}))
    assert set(known) <= set(dataset.get_metadata())
    assert dataset.get_labels() == ["mine", "pain", "words"]


def test_contrast_that_is_not_to_be_included(tmp_path: Path) -> None:
    """It is read, and left out of analyses with the reason; it needs no sample size."""
    table = CONTRASTS.replace("age", "include\tinclude_reason").replace("30", "yes\tn/a")
    table = table.replace("touch\tn/a", "touch\tno\tsame people").replace("\t16\t", "\tn/a\t")
    dataset = dataset_of(put(tmp_path, {**SET, "contrasts.tsv": table}))
    assert dataset.get_metadata(field="include") == [True, False]
    cohort = make_cohort(dataset, Analysis("a"))
    assert cohort.contrasts["reason"].tolist() == ["", "include is false: same people"]
    assert cohort.coordinates["used"].tolist() == [True, True, False]
    assert cohort.dataset.ids.tolist() == ["Smith_2019-pain"]


def test_original_ids_are_the_ids(tmp_path: Path) -> None:
    """Labels stand in the tables and file names, original ids in the dataset."""
    files = {
        "studies.tsv": "study_id\toriginal_id\nstudy-a1\ta_1.nidm\n",
        "contrasts.tsv": "study_id\tcontrast_id\toriginal_id\tspace\na1\tcontrast-x\tx > y\tMNI\n",
        "coordinates.tsv": "study_id\tcontrast_id\tx\ty\tz\na1\tx\t1\t2\t3\n",
    }
    assert dataset_of(put(tmp_path, files)).ids.tolist() == ["a_1.nidm-x > y"]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\t", "\t ").replace("\n", "\t\t\n\t\t\n").encode(),
        lambda text: "".join(
            "\t".join(f'"{cell}"' for cell in line.split("\t")) + "\n"
            for line in text.splitlines()
        ).encode(),
    ],
    ids=["CRLF", "CR", "BOM", "UTF-16", "blanks", "quotes"],
)
def test_ways_of_writing_a_table(tmp_path: Path, encode: Any) -> None:
    """Line ends, encodings, blanks and quotes of spreadsheets change nothing."""
    expected = dataset_of(put(tmp_path / "a", SET))
    found = dataset_of(put(tmp_path / "b", {name: encode(body) for name, body in SET.items()}))
    assert found.coordinates.equals(expected.coordinates)
    assert found.annotations.equals(expected.annotations)
    assert found.get_metadata(field="title") == expected.get_metadata(field="title")


def test_gzipped_tables(tmp_path: Path) -> None:
    """With a header as in plain files, or without, and named in the sidecar as BIDS wants."""
    head, _, body = COORDINATES.partition("\n")
    names = ", ".join(f'"{name}"' for name in head.split("\t"))
    with_header = {"coordinates.tsv": None, "coordinates.tsv.gz": COORDINATES}
    without = {
        "coordinates.tsv": None,
        "coordinates.tsv.gz": body,
        "coordinates.json": f'{{"Columns": [{names}]}}',
    }
    expected = dataset_of(put(tmp_path / "a", SET)).coordinates
    assert dataset_of(put(tmp_path / "b", {**SET, **with_header})).coordinates.equals(expected)
    assert dataset_of(put(tmp_path / "c", {**SET, **without})).coordinates.equals(expected)


@pytest.mark.parametrize("minus", ["−", "–", "-"])
def test_minus_signs(tmp_path: Path, minus: str) -> None:
    """Minus signs of typesetters are minus signs, in coordinates and in annotations."""
    files = {
        **SET,
        "coordinates.tsv": COORDINATES.replace("-", minus),
        "desc-my_annotations.tsv": ANNOTATIONS.replace("0.5", f"{minus}0.5"),
    }
    dataset = dataset_of(put(tmp_path, files))
    assert dataset.coordinates["y"].tolist()[0] == -20
    assert dataset.annotations["pain"].tolist() == [1, -0.5]


def test_decimal_commas(tmp_path: Path) -> None:
    """They are read, and said."""
    files = {
        **SET,
        "coordinates.tsv": COORDINATES.replace("n\t10\t", "n\t10,5\t").replace("4\t8", "4\t8,25"),
        "desc-my_annotations.tsv": ANNOTATIONS.replace("0.5", "0,5"),
    }
    folder = put(tmp_path, files)
    dataset = dataset_of(folder)
    assert dataset.coordinates[["x", "z"]].values[:2].tolist() == [[10.5, 30], [-12, 8.25]]
    assert dataset.annotations["pain"].tolist() == [1, 0.5]
    assert problems_of(folder) == [
        "warning coordinates.tsv, line 2: x: a comma is read as the decimal point",
        "warning coordinates.tsv, line 3: z: a comma is read as the decimal point",
        (
            "warning desc-my_annotations.tsv, line 1: column 'pain': a comma is read as the "
            "decimal point"
        ),
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2"], [1, 2]),
        (["1", "n/a"], [1, None]),
        (["1", "NA"], [1, None]),
        (["007", "1"], ["007", "1"]),
        (["1.5", "2"], [1.5, 2.0]),
        (["TRUE", "false"], [True, False]),
        (["1", "x"], ["1", "x"]),
        (["NA", "x"], ["NA", "x"]),
        (["1_0", "2"], ["1_0", "2"]),
    ],
)
def test_kinds_of_annotations(tmp_path: Path, cells: list[str], expected: list[Any]) -> None:
    """Numbers if all are, truth values if all are, else text: codes with zeros stay text."""
    table = f"study_id\tcontrast_id\tv\nSmith_2019\tpain\t{cells[0]}\nLee_2020\tpain\t{cells[1]}\n"
    dataset = dataset_of(put(tmp_path, {**SET, "desc-my_annotations.tsv": table}))
    found = dataset.annotations["v"].tolist()
    assert [None if is_missing(value) else value for value in found] == expected


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "commas": (
        {"contrasts.tsv": CONTRASTS.replace("\t", ",")},
        [("error contrasts.tsv, line 1: columns are separated by commas, not by tabs "
         "(save the file as tab-separated text (TSV))")],
    ),
    "semicolons": (
        {"coordinates.tsv": COORDINATES.replace("\t", ";")},
        [("error coordinates.tsv, line 1: columns are separated by semicolons, not by tabs "
         "(save the file as tab-separated text (TSV))")],
    ),
    "spreadsheet": (
        {"contrasts.tsv": b"PK\x03\x04rest"},
        [("error contrasts.tsv: this is a spreadsheet, not text "
         "(save it as tab-separated text (TSV))")],
    ),
    "binary": (
        {"contrasts.tsv": b"\x00\x01" + b"x" * 99},
        ["error contrasts.tsv: not text (tab-separated text in UTF-8)"],
    ),
    "gzip": (
        {"coordinates.tsv": None, "coordinates.tsv.gz": b"\x1f\x8b\x08"},
        [("error coordinates.tsv.gz: cannot be read: Compressed file ended before the "
         "end-of-stream marker was reached (is the file complete?)")],
    ),
    "empty": (
        {"contrasts.tsv": " \n\n"},
        ["error contrasts.tsv: the table is empty (a header line, then a line for each row)"],
    ),
    "no rows": (
        {"contrasts.tsv": CONTRASTS.partition("\n")[0]},
        ["error contrasts.tsv: the table has no rows (one row for each contrast)"],
    ),
    "misspelt id column": (
        {"contrasts.tsv": CONTRASTS.replace("study_id", "studyid")},
        ["error contrasts.tsv, line 1: no column 'study_id' (rename 'studyid')"],
    ),
    "no axis": (
        {"coordinates.tsv": COORDINATES.replace("\tz\n", "\tvalue\n")},
        [("error coordinates.tsv, line 1: no column 'z' "
         "(the columns are: study_id, contrast_id, x, y, value)")],
    ),
    "misspelt known column": (
        {"contrasts.tsv": CONTRASTS.replace("sample_size", "Sample size")},
        [("warning contrasts.tsv, line 1: column 'Sample size' is unknown "
         "(is 'sample_size' meant?)")],
    ),
    "column twice": (
        {"contrasts.tsv": CONTRASTS.replace("age", "space")},
        [("error contrasts.tsv, line 1: column 'space' stands twice "
         "(each column needs a name of its own)")],
    ),
    "column without name": (
        {"contrasts.tsv": CONTRASTS.replace("condition", "")},
        [("error contrasts.tsv, line 1: column 5 has no name in the header "
         "(name it or remove it)")],
    ),
    "column id": (
        {"contrasts.tsv": CONTRASTS.replace("age", "id")},
        [("warning contrasts.tsv, line 1: column 'id' is not used: "
         "ids are made of study and contrast")],
    ),
    "short row": (
        {"coordinates.tsv": COORDINATES.replace("-10\t2", "-10")},
        [("error coordinates.tsv, line 4: 4 cells, where the header has 5 "
         "(one tab between cells, n/a for what is missing)")],
    ),
    "unknown contrast": (
        {"coordinates.tsv": COORDINATES + "Lee2020\tpain\t1\t2\t3\nLee2020\tpain\t1\t2\t4\n"},
        [("error coordinates.tsv, line 5: 2 rows of contrast Lee2020, pain, which is not in "
         "contrasts.tsv (is Lee_2020, pain meant?)")],
    ),
    "annotation of an unknown contrast": (
        {"desc-my_annotations.tsv": ANNOTATIONS + "Nobody\tx\t1\ty\n"},
        [("error desc-my_annotations.tsv, line 4: a row of contrast Nobody, x, which is not in "
         "contrasts.tsv (add it to contrasts.tsv)")],
    ),
    "contrast twice": (
        {"contrasts.tsv": CONTRASTS + "Lee_2020\tpain\t9\tMNI\tx\t1\n"},
        [("error contrasts.tsv, line 4: contrast Lee_2020, pain stands in line 3 already "
         "(each contrast of a study needs an id of its own)")],
    ),
    "ids that differ in case": (
        {"studies.tsv": None, "contrasts.tsv": CONTRASTS + "lee_2020\tx\t9\tMNI\tx\t1\n"},
        [("error contrasts.tsv, line 4: study id 'lee_2020' is nearly 'Lee_2020' (line 3) "
         "(write one id the same way everywhere, or two that differ in letters)")],
    ),
    "contrasts that differ in punctuation": (
        {"contrasts.tsv": CONTRASTS + "Lee_2020\tPa in\t9\tMNI\tx\t1\n"},
        [("error contrasts.tsv, line 4: contrast id 'Pa in' is nearly 'pain' (line 3) "
         "(write one id the same way everywhere, or two that differ in letters)")],
    ),
    "id missing": (
        {"contrasts.tsv": CONTRASTS + "n/a\tpain\t9\tMNI\tx\t1\n"},
        ["error contrasts.tsv, line 4: study_id is missing"],
    ),
    "no number": (
        {"coordinates.tsv": COORDINATES.replace("40", "forty").replace("-12", "")},
        ["error coordinates.tsv, line 3: x is missing (expected a number, in mm)",
         "error coordinates.tsv, line 4: x is 'forty' (expected a number, in mm)"],
    ),
    "absurd focus": (
        {"coordinates.tsv": COORDINATES.replace("40", "4000")},
        [("error coordinates.tsv, line 4 (study Lee_2020, contrast pain): focus 1 is "
         "(4000, -10, 2) (three numbers in mm, none beyond 1000)")],
    ),
    "outside the head": (
        {"coordinates.tsv": COORDINATES.replace("30", "300")},
        [("warning coordinates.tsv, line 2 (study Smith_2019, contrast pain): focus 1, "
         "(10, -20, 300), lies outside the head (a lost decimal point or minus sign?)")],
    ),
    "sample sizes": (
        {"contrasts.tsv": CONTRASTS.replace("24", "12;12").replace("16", "0")},
        [("error contrasts.tsv, line 2: sample_size is '12;12' (expected a number of "
         "participants; write group1_n and group2_n for two groups)"),
         "error contrasts.tsv, line 3: sample_size is '0' (expected a number of participants)"],
    ),
    "flag": (
        {"contrasts.tsv": CONTRASTS.replace("age", "include").replace("\t30", "\tperhaps")},
        ["error contrasts.tsv, line 2: include is 'perhaps' (expected true or false)"],
    ),
    "design": (
        {"contrasts.tsv": CONTRASTS.replace("age", "design").replace("\t30", "\tonesample")},
        ["warning contrasts.tsv, line 2: design is 'onesample' (is 'one-sample' meant?)"],
    ),
    "unknown space": (
        {"contrasts.tsv": CONTRASTS.replace("TAL", "Colin27")},
        [("error coordinates.tsv, line 4: unknown space 'Colin27' of 1 focus (accepted are names "
         "that begin with MNI or TAL, such as MNI152 or Talairach; or decide by "
         "--unknown-space)")],
    ),
    "space of some": (
        {"contrasts.tsv": CONTRASTS.replace("TAL", "n/a")},
        [("error coordinates.tsv, line 4: no space is given for 1 focus, but for the others "
         "(fill in the column 'space'; accepted are names that begin with MNI or TAL, such as "
         "MNI152 or Talairach; or decide by --unknown-space)")],
    ),
    "units": (
        {"coordinates.json": '{"CoordinateUnits": "cm"}'},
        ["error coordinates.tsv, line 1: CoordinateUnits is 'cm' (coordinates in mm)"],
    ),
    "broken sidecar": (
        {"coordinates.json": '{"CoordinateUnits": "mm"', "contrasts.json": "[]"},
        ["error contrasts.json: expected a JSON object, got []",
         ("error coordinates.json, line 1, column 25: not JSON: Expecting ',' delimiter "
         "(is the file complete?)")],
    ),
    "format of a sidecar": (
        {"studies.json": '{"year": {"Format": "integer"}}',
         "studies.tsv": STUDIES.replace("2019\n", "soon\n")},
        [("error studies.tsv, line 2: year is 'soon' (studies.json says that the format is "
         "'integer')")],
    ),
    "foci again": (
        {"coordinates.tsv": COORDINATES + "Lee_2020\tpain\t40\t-10\t2\n"},
        [("note coordinates.tsv, line 5: the focus of line 4 stands again "
         "(all of them are used; remove what is a slip)")],
    ),
    "foci in two files": (
        {"study-Lee2020/study-Lee2020_contrast-pain_coordinates.tsv": "x\ty\tz\n1\t2\t3\n"},
        [("error study-Lee2020/study-Lee2020_contrast-pain_coordinates.tsv, line 2: foci of "
         "contrast Lee_2020, pain stand in coordinates.tsv already (keep one of the two)")],
    ),
    "file of an unknown contrast": (
        {"study-x/study-x_contrast-y_stat-z_statmap.nii.gz": b"1"},
        [("error study-x/study-x_contrast-y_stat-z_statmap.nii.gz: an image of contrast x, y, "
         "which is not in contrasts.tsv (name it after a contrast, or remove it)")],
    ),
    "wrong id in the file of a contrast": (
        {"coordinates.tsv": None, "study-Lee2020/study-Lee2020_contrast-pain_coordinates.tsv":
         "study_id\tx\ty\tz\nSmith_2019\t1\t2\t3\n"},
        [("error study-Lee2020/study-Lee2020_contrast-pain_coordinates.tsv, line 2: study_id is "
         "'Smith_2019' (the file is named after 'Lee_2020')")],
    ),
    "table twice": (
        {"coordinates.tsv.gz": COORDINATES},
        ["error coordinates.tsv.gz: this table is there twice, plain and gzipped"],
    ),
    "label in two tables": (
        {"desc-a_annotations.tsv": ANNOTATIONS.replace("0.5", "2")},
        [("error desc-my_annotations.tsv, line 3: 'pain' of contrast Lee_2020, pain is 0.5 "
         "(another table says 2)")],
    ),
    "row of annotations twice": (
        {"desc-my_annotations.tsv": ANNOTATIONS + "Lee_2020\tpain\t7\tx\n"},
        [("error desc-my_annotations.tsv, line 4: contrast Lee_2020, pain stands in the table "
         "already")],
    ),
    "sparse annotations": (
        {"desc-x_annotations.npz": b"1", "desc-x_vocabulary.txt": "a\n"},
        [("warning desc-x_annotations.npz: sparse annotations are left out, with "
         "desc-x_vocabulary.txt (write them as desc-<name>_annotations.tsv)")],
    ),
    "studies": (
        {"studies.tsv": STUDIES.replace("Lee_2020", "Leo_2020")},
        [("warning studies.tsv, line 3: 1 study without contrasts: Leo_2020 "
         "(is an id misspelt?)"),
         ("warning contrasts.tsv, line 1: 1 study not in studies.tsv: Lee_2020 "
         "(nothing is known of them but their contrasts)")],
    ),
    "study twice": (
        {"studies.tsv": STUDIES + "Lee_2020\tx\t1\n"},
        ["error studies.tsv, line 4: study Lee_2020 stands in line 3 already"],
    ),
    "original id twice": (
        {"studies.tsv": "study_id\toriginal_id\nSmith_2019\ta\nLee_2020\ta\n"},
        ["error studies.tsv, line 3: original_id 'a' stands in line 2 already",
         ("error contrasts.tsv, a-pain: id 'a-pain' stands 2 times "
         "(each contrast needs an id (study-contrast) of its own)")],
    ),
    "two sample sizes": (
        {"contrasts.tsv": None, "studies.tsv": None, "desc-my_annotations.tsv": None,
         "coordinates.tsv": QUICK.replace("8\t24", "8\t25"),
         "coordinates.json": '{"CoordinateSystem": "MNI152"}'},
        [("error coordinates.tsv, line 4: sample_size is 25, and 24 in a row above for the same "
         "contrast (one sample size for all rows of a contrast)")],
    ),
    "sample size in both tables": (
        {"coordinates.tsv": COORDINATES.replace("\tz\n", "\tz\tsample_size\n")
         .replace("30\n", "30\t25\n").replace("8\n", "8\t25\n").replace("2\n", "2\t16\n")},
        [("warning coordinates.tsv, line 2: sample size of contrast Smith_2019, pain is 25 "
         "(that of contrasts.tsv is used: 24)")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said(tmp_path: Path, files: Any, expected: list[str]) -> None:
    """Each fault has one message, with file, line and what would be accepted."""
    assert problems_of(put(tmp_path, {**SET, **files})) == expected


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    """Reading refuses with the faults of all tables together, errors first."""
    files = {name: files[name] for files, _ in (WRONG["sample sizes"], WRONG["no number"])
             for name in files}  # fmt: skip
    with pytest.raises(DataError) as caught:
        io.read(put(tmp_path, {**SET, **files}))
    assert [(p.file, p.where) for p in caught.value.problems if p.level == "error"] == [
        ("contrasts.tsv", "line 2"),
        ("contrasts.tsv", "line 3"),
        ("coordinates.tsv", "line 3"),
        ("coordinates.tsv", "line 4"),
    ]


def test_files_of_deeper_datasets_are_named_from_the_folder(tmp_path: Path) -> None:
    """Problems name files as the user finds them."""
    folder = put(tmp_path / "deep" / "set", {**SET, **WRONG["absurd focus"][0]})
    assert folder.is_dir()
    (problem,) = problems_of(tmp_path)
    assert problem.startswith("error deep/set/coordinates.tsv, line 4")


def test_two_sets_of_tables_are_rivals(tmp_path: Path) -> None:
    """They are listed by their main tables."""
    for name in "ab":
        put(tmp_path / name, SET)
    with pytest.raises(DataError, match="several datasets") as caught:
        io.read(tmp_path)
    assert [p.file for p in caught.value.problems] == ["a/contrasts.tsv", "b/contrasts.tsv"]


def test_other_datasets_may_have_our_names(tmp_path: Path) -> None:
    """A JSON dataset called studies.json is no sidecar where there is no studies.tsv."""
    body = (
        '{"s": {"contrasts": {"c": {"coords": {"space": "MNI", "x": [1], "y": [2], "z": [3]}}}}}'
    )
    (source,) = io.read(put(tmp_path, {"studies.json": body}))
    assert source.format == "NiMARE Dataset JSON"


def test_tables_of_results_are_no_input(tmp_path: Path) -> None:
    """What an analysis writes has other names, and is not taken for a dataset."""
    name = "tpl-MNI152NLin6Asym_cohort-pain_coordinates.tsv"
    with pytest.raises(NoInputError, match="nothing to analyse"):
        io.read(put(tmp_path, {name: COORDINATES}))


def test_library_access(tmp_path: Path) -> None:
    """The reader is there under a name in the style of the others, with its options."""
    folder = put(tmp_path / "set", SET)
    dataset = io.convert_native_to_dataset(folder, "mni152_1mm", tal2mni="none")
    assert dataset.space == "mni152_1mm"
    assert dataset.coordinates["x"].tolist() == [10, -12, 40]
    assert io.convert_native_to_dataset(folder / "contrasts.tsv").ids.tolist() == (
        dataset.ids.tolist()
    )
    with pytest.raises(NoInputError, match="no such file or folder"):
        io.convert_native_to_dataset(tmp_path / "none")
    with pytest.raises(NoInputError, match=r"no table in .*expected contrasts\.tsv or coord"):
        io.convert_native_to_dataset(tmp_path)
    put(folder, {"coordinates.tsv": "x\n"})
    with pytest.raises(DataError, match=r"cannot be read\n  - coordinates\.tsv, line 1: no col"):
        io.convert_native_to_dataset(folder)
