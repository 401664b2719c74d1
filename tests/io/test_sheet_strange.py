"""Tables as other people make them: two header rows, other languages, rounded ids, words for N."""

from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from tests.io.sheets import problems, read, workbook, written
from tests.io.test_sheet import MNI


def test_two_rows_of_headers(tmp_path: Path) -> None:
    """A title over x, y and z is no header of three cells when these have their own below."""
    rows = (
        ("Table S2. All foci",),
        ("Author", "n", "MNI coordinates", None, None, "Region"),
        (None, None, "x", "y", "z", None),
        ("Ada 2001", 20, -10, 22, 38, "ACC"),
        (None, None, 40, 10, 4, "insula"),
    )
    (contrast,), _ = read(workbook(tmp_path / "a.xlsx", {"S2": rows}, merged=("C2:E2",)))
    assert contrast.xyz.tolist() == [[-10, 22, 38], [40, 10, 4]]
    assert contrast.spaces == ("MNI", "MNI")
    assert (contrast.study_id, contrast.sample_sizes) == ("Ada 2001", (20,))


@pytest.mark.parametrize(
    ("head", "size"),
    [
        ("Studie;Kontrast;Probanden;x;y;z;Raum", (12,)),
        ("Étude;Contraste;Effectif;x;y;z;Espace", (12,)),
        ("Estudio;Contraste;Participantes;x;y;z;Espacio", (12,)),
        ("Autor;Kontrast;Stichprobengröße;x;y;z;Raum", (12,)),
    ],
)
def test_headers_in_other_languages(tmp_path: Path, head: str, size: tuple[int, ...]) -> None:
    """German, French and Spanish words for the columns that every table has."""
    text = f"{head}\nMüller 2010;Schmerz > Ruhe;n = 12;-10,5;22,0;38,25;MNI\n"
    (contrast,), _ = read(written(tmp_path / "a.csv", text))
    assert (contrast.study_id, contrast.contrast_id) == ("Müller 2010", "Schmerz > Ruhe")
    assert (contrast.sample_sizes, contrast.spaces) == (size, ("MNI",))
    assert contrast.xyz.tolist() == [[-10.5, 22, 38.25]]


@pytest.mark.parametrize(
    ("cell", "sizes"),
    [
        ("20 patients", (20,)),
        ("12 HC / 14 patients", (12, 14)),
        ("12 healthy controls", (12,)),
        ("20 children (9 girls)", (20,)),
    ],
)
def test_whom_a_size_counts(tmp_path: Path, cell: str, sizes: tuple[int, ...]) -> None:
    """Words after a number of participants do not keep it from being one."""
    (contrast,), said = read(written(tmp_path / "a.csv", f"study,n,x,y,z\nA,{cell},1,2,3\n"))
    assert contrast.sample_sizes == sizes
    assert [one for one in said if not one.endswith(MNI)] == []


def test_women_and_men_are_one_group(tmp_path: Path) -> None:
    """Half a group is not a sample size of its own."""
    text = "study,n,x,y,z,space\nA,12 women / 8 men,1,2,3,MNI\nB,20,4,5,6,MNI\n"
    _, said = read(written(tmp_path / "a.csv", text))
    assert said == [
        "error a.csv, line 2: n is '12 women / 8 men' (expected a number of participants)"
    ]


def test_no_foci_in_words(tmp_path: Path) -> None:
    """A contrast that found nothing is there, without foci; ``no`` alone is no such word."""
    text = "study,n,include,x,y,z,space\nA,20,yes,1,2,3,MNI\nB,22,no,no significant peaks,,,MNI\n"
    contrasts, said = read(written(tmp_path / "a.csv", text))
    assert [len(contrast.xyz) for contrast in contrasts] == [1, 0]
    assert [contrast.metadata["include"] for contrast in contrasts] == [True, False]
    assert said == [
        "warning a.csv, line 3: 1 contrast without foci: B-1 (an analysis of foci leaves them out)"
    ]


def test_foci_on_lines_of_a_cell(tmp_path: Path) -> None:
    """Each line of a cell is a focus."""
    rows = (("Study", "n", "Foci"), ("A", 20, "10, 20, 30\n-10, -20, 30"), ("B", 20, "1 2 3"))
    contrasts, _ = read(workbook(tmp_path / "a.xlsx", {"S": rows}))
    assert contrasts[0].xyz.tolist() == [[10, 20, 30], [-10, -20, 30]]


def test_ids_that_a_spreadsheet_has_rounded(tmp_path: Path) -> None:
    """Two PMIDs may have become one, which nobody can undo, but everybody must know."""
    text = "PMID,n,x,y,z,space\n1.23E+07,12,1,2,3,MNI\n1.23E+07,12,4,5,6,MNI\n77,12,4,5,6,MNI\n"
    contrasts, said = read(written(tmp_path / "a.csv", text))
    assert [contrast.study_id for contrast in contrasts] == ["1.23E+07", "77"]
    assert said == [
        (
            "warning a.csv, line 2: PMID is '1.23E+07', rounded by the spreadsheet (lines 2, 3) "
            "(two ids may have become one: enter them again, as text)"
        )
    ]


@pytest.mark.parametrize("head", ["", "Unnamed: 0"])
@pytest.mark.parametrize("first", [0, 1])
def test_row_numbers_say_nothing(tmp_path: Path, head: str, first: int) -> None:
    """R and pandas number rows in a column that is no label."""
    lines = [f"{head},study,n,x,y,z,space", *(f"{first + i},A,20,{i},2,3,MNI" for i in range(3))]
    (contrast,), said = read(written(tmp_path / "a.csv", "\n".join(lines)))
    assert (contrast.annotations, contrast.values, said) == ({}, {}, [])


def test_other_numbers_without_header_are_kept(tmp_path: Path) -> None:
    """A column without header that does not count the rows is told of."""
    _, said = read(written(tmp_path / "a.csv", ",study,n,x,y,z,space\n5,A,20,1,2,3,MNI\n"))
    assert said == [
        "warning a.csv, line 1: column 1 has no header (name it, or remove what stands there)"
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "nothing stands in it"),
        ("study,n,x,y,z\n", "nothing stands below its header"),
        (
            "region,x,y,z\nACC,1,2,3\n",
            "no column names the studies; call one 'study'. The columns are: region, x, y, z",
        ),
        (
            "a1,51,-37,1\na1,2,3,4\n",
            "no row names columns x, y and z; a header with these and 'study' is needed",
        ),
    ],
)
def test_why_a_table_is_none(tmp_path: Path, body: str, reason: str) -> None:
    """Who names a table that cannot be used is told what it lacks, before all formats."""
    path = written(tmp_path / "a.csv", body)
    with pytest.raises(DataError) as error:
        io.read(path)
    assert str(error.value).startswith(f"nothing to analyse in {path} (a.csv: {reason}); accepted")


def test_why_a_workbook_is_none(tmp_path: Path) -> None:
    """Of several sheets, the one that comes nearest decides."""
    sheets = {"notes": [("see below",)], "foci": [("x", "y", "z", "t"), (1, 2, 3, 4)]}
    path = workbook(tmp_path / "a.xlsx", sheets)
    with pytest.raises(DataError, match="no column names the studies; call one 'study'"):
        io.read(path)


def test_files_beside_a_table(tmp_path: Path) -> None:
    """A table that is left out beside another is told why."""
    written(tmp_path / "a.csv", "study,n,x,y,z,space\nA,20,1,2,3,MNI\n")
    written(tmp_path / "age.csv", "study,age\nA,20\n")
    assert problems(tmp_path) == [
        (
            "warning 1 file is in no known format and is left out: age.csv (age.csv: no row names "
            "columns x, y and z; a header with these and 'study' is needed)"
        )
    ]
