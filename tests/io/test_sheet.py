"""A table of foci in a file: CSV, TSV and XLSX in the dialects that people write."""

import gzip
from pathlib import Path

import pytest

from nimare_pipeline import io, unknown_spaces
from nimare_pipeline.errors import DataError, NoInputError
from nimare_pipeline.io import sheet
from tests.io.sheets import HEAD, ROWS, csv, facts, problems, read, refusal, workbook, written

TABLE = (HEAD, *ROWS)
EXPECTED = [
    ("Smith 2019", "pain > rest", (24,), [(10, -20, 30), (-12, 4, 8)], ("MNI", "MNI")),
    ("Smith 2019", "touch > rest", (24,), [(-40, -20, 50)], ("MNI",)),
    ("Lee 2020", "pain > rest", (16,), [(40, -10, 2)], ("TAL",)),
]


class TestDialects:
    @pytest.mark.parametrize(
        ("name", "mark"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", ";"), ("a.txt", "\t")]
    )
    def test_separators(self, tmp_path: Path, name: str, mark: str) -> None:
        """Commas, semicolons and tabs, whatever the file is called."""
        contrasts, said = read(written(tmp_path / name, csv(TABLE, mark)))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED
        assert said == []

    def test_xlsx(self, tmp_path: Path) -> None:
        """A sheet of a workbook gives the same."""
        contrasts, said = read(workbook(tmp_path / "a.xlsx", {"Sheet1": TABLE}))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED
        assert said == []

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
    def test_encodings(self, tmp_path: Path, encoding: str) -> None:
        """Byte-order marks, UTF-16, and what old spreadsheets write."""
        text = csv(TABLE).replace("Smith", "Müller")
        contrasts, said = read(written(tmp_path / "a.csv", text.encode(encoding)))
        assert contrasts[0].study_id == "Müller 2019"
        assert said == (
            [
                (
                    "warning a.csv, line 2: not UTF-8; read as Windows-1252 (Latin-1) (check the "
                    "names with accents, or save the file as UTF-8)"
                )
            ]
            if encoding == "cp1252"
            else []
        )

    @pytest.mark.parametrize("end", ["\r\n", "\r"])
    def test_line_ends(self, tmp_path: Path, end: str) -> None:
        """Lines are counted whichever way they end."""
        contrasts, _ = read(written(tmp_path / "a.csv", csv(TABLE).replace("\n", end)))
        assert [contrast.focus_lines for contrast in contrasts] == [(2, 3), (4,), (5,)]

    def test_gzipped(self, tmp_path: Path) -> None:
        """A packed table is unpacked."""
        contrasts, _ = read(written(tmp_path / "a.csv.gz", gzip.compress(csv(TABLE).encode())))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED


def test_other_columns_find_their_places(tmp_path: Path) -> None:
    """What is the same for a contrast is a label; a statistic stays with its foci."""
    contrasts, _ = read(written(tmp_path / "a.csv", csv(TABLE)))
    assert [contrast.annotations for contrast in contrasts] == [
        {"task": "heat"},
        {"task": "brush"},
        {"task": "heat"},
    ]
    assert [contrast.values for contrast in contrasts] == [
        {"T": (5.5, 4.25)},
        {"T": (3.5,)},
        {"T": (6.0,)},
    ]


def test_a_run_reads_it(tmp_path: Path) -> None:
    """The registry finds the file, and its labels can be selected by."""
    written(tmp_path / "my foci.csv", csv(TABLE))
    (source,) = io.read(tmp_path)
    assert (source.name, source.format, source.files) == ("my foci", sheet.NAME, ("my foci.csv",))
    assert source.dataset.annotations["task"].tolist() == ["heat", "brush", "heat"]
    assert source.dataset.coordinates["original_space"].tolist() == ["MNI", "MNI", "MNI", "TAL"]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """No traceback of the system."""
    with pytest.raises(NoInputError, match=r"no such file: .*a\.csv"):
        sheet.read(tmp_path / "a.csv")


def test_no_header_is_refused(tmp_path: Path) -> None:
    """A file that is named, and is no table of foci."""
    assert refusal(written(tmp_path / "a.csv", "a,b\n1,2\n")) == [
        "a.csv: no header with x, y and z (a column for each, and 'study')"
    ]


@pytest.mark.parametrize("name", ["old.xls", "locked.xlsx"])
def test_old_spreadsheets_are_refused_with_advice(tmp_path: Path, name: str) -> None:
    """XLS and XLSX under a password are containers of another kind."""
    path = written(tmp_path / name, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(DataError, match="locked spreadsheets are not read: save them as XLSX"):
        io.read(path)
    written(tmp_path / "a.csv", csv(TABLE))
    assert problems(tmp_path) == [
        (
            f"warning 1 file is in no known format and is left out: {name} (XLS, ODS and locked "
            "spreadsheets are not read: save them as XLSX or CSV)"
        )
    ]


MNI = "no space is given; MNI is assumed (say so in a column 'space')"
"""What is said of most tables here, which name no space."""


def said(path: Path) -> list[str]:
    """What is said of a table, but that no space is given."""
    return [one for one in read(path)[1] if not one.endswith(MNI)]


class TestRows:
    def test_what_a_person_types(self, tmp_path: Path) -> None:
        """Titles, comments, blank rows, studies named once, totals and notes."""
        text = (
            "Foci of my meta-analysis\n\nStudy,Contrast,N,x,y,z,Space\n# typed by me\n"
            "Smith 2019,pain > rest,24,10,-20,30,MNI\n,,,-12,4,8,\n,touch > rest,,-40,-20,50,\n\n"
            "Lee 2020,pain > rest,16,40,-10,2,Talairach\nTotal,,40,,,,\nNote: all in mm,,,,,,\n"
        )
        contrasts, problems_ = read(written(tmp_path / "a.csv", text))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED
        assert [contrast.focus_lines for contrast in contrasts] == [(5, 6), (7,), (9,)]
        assert problems_ == [
            "warning a.csv, line 4: 1 row is left out as comments",
            "warning a.csv, line 10: 2 rows are left out as notes or totals (lines 10, 11)",
            (
                "warning a.csv, line 6: 2 rows without a study continue the one above (lines 6, "
                "7) (is it meant so? otherwise fill it in)"
            ),
            (
                "warning a.csv, line 6: 1 row without a contrast continues the one above (is it "
                "meant so? otherwise fill it in)"
            ),
            (
                "warning a.csv, line 7: 1 contrast without sample size takes the one of the study "
                "above (is it meant so?)"
            ),
        ]

    def test_headings_of_studies_and_of_sections(self, tmp_path: Path) -> None:
        """A study above its foci is their study; a word above other studies is none."""
        text = "Study,N,x,y,z\nPain studies,,,,\nSmith,20,,,\n,,1,2,3\nTouch,,,,\nLee,12,4,5,6\n"
        contrasts, _ = read(written(tmp_path / "a.csv", text))
        assert [(c.study_id, c.sample_sizes, len(c.xyz)) for c in contrasts] == [
            ("Smith", (20,), 1),
            ("Lee", (12,), 1),
        ]
        assert (
            "warning a.csv, line 2: 2 rows are left out as notes or totals (lines 2, 5)"
            in said(tmp_path / "a.csv")
        )

    def test_a_contrast_without_foci_is_kept(self, tmp_path: Path) -> None:
        """Nothing significant is a finding."""
        path = written(tmp_path / "a.csv", "Study,N,x,y,z\nA,20,1,2,3\nB,12,n.s.,,\nC,9,-,-,-\n")
        assert [len(contrast.xyz) for contrast in read(path)[0]] == [1, 0, 0]
        assert said(path) == [
            (
                "warning a.csv, line 3: 2 contrasts without foci: B-1, C-1 (an analysis of foci "
                "leaves them out)"
            )
        ]

    def test_the_header_again_and_units(self, tmp_path: Path) -> None:
        """As on each page of a printed table."""
        text = "Study,N,x,y,z\n,,mm,(mm),[mm]\nA,20,1,2,3\nStudy,N,x,y,z\nB,12,4,5,6\n"
        path = written(tmp_path / "a.csv", text)
        assert len(read(path)[0]) == 2
        assert said(path) == [
            "warning a.csv, line 2: 1 row is left out as units",
            "warning a.csv, line 4: 1 row is left out as the header again",
        ]

    def test_studies_of_merged_cells(self, tmp_path: Path) -> None:
        """Merged cells are no gaps: nothing has to be said, and labels hold for all rows."""
        rows = [HEAD, ROWS[0], (None, None, None, *ROWS[1][3:7], None, 4.25), *ROWS[2:]]
        merged = [f"{column}2:{column}3" for column in "ABCH"]
        path = workbook(tmp_path / "a.xlsx", {"a": rows}, merged=merged)
        contrasts, problems_ = read(path)
        assert [facts(contrast) for contrast in contrasts] == EXPECTED
        assert contrasts[0].annotations == {"task": "heat"}
        assert problems_ == []

    def test_merged_cells_say_what_goes_on(self, tmp_path: Path) -> None:
        """Rows of one merged study say what its first row says; empty ones are no rows."""
        rows = [("Study", "x", "y", "z", "task"), ("A", 1, 2, 3, "heat"), (None, 4, 5, 6), (None,)]
        rows.append(("B", 1, 2, 3, "cold"))
        path = workbook(tmp_path / "a.xlsx", {"a": rows}, merged=["A2:A4"])
        contrasts, _ = read(path)
        assert [(len(c.xyz), c.annotations) for c in contrasts] == [
            (2, {"task": "heat"}),
            (1, {"task": "cold"}),
        ]
        assert said(path) == []

    def test_authors_and_years(self, tmp_path: Path) -> None:
        """Two papers of one author are two studies."""
        text = "First author,Year,N,x,y,z\nSmith,2019,20,1,2,3\nSmith,2020,22,4,5,6\n"
        contrasts, _ = read(written(tmp_path / "a.csv", text))
        assert [contrast.study_id for contrast in contrasts] == ["Smith 2019", "Smith 2020"]
        assert contrasts[0].metadata == {"authors": "Smith", "year": 2019}

    def test_ids_that_a_program_wrote_as_numbers(self, tmp_path: Path) -> None:
        """``123.0`` is the PubMed number 123."""
        contrasts, _ = read(written(tmp_path / "a.csv", "pmid,x,y,z\n123.0,1,2,3\n"))
        assert contrasts[0].study_id == "123"

    def test_names_in_another_case_are_refused(self, tmp_path: Path) -> None:
        """One study in two spellings would count twice."""
        path = written(tmp_path / "a.csv", "Study,x,y,z\nSmith,1,2,3\nsmith ,4,5,6\n")
        assert said(path) == [
            (
                "error a.csv, line 3: study 'smith' is 'Smith' in line 2, but for its case (write "
                "one name the same everywhere)"
            )
        ]


class TestHeaders:
    @pytest.mark.parametrize(
        "header",
        [
            "Study,Participants,MNI_x,MNI_y,MNI_z",
            "Author (Year),sample size,X (mm),Y (mm),Z (mm)",
            "PMID,nSubjects,peak_x,peak_y,peak_z",
            "DOI,No. of subjects,x_mni,y_mni,z_mni",
            "Paper,# Subjects,xCoord,yCoord,zCoord",
            "ARTICLE,SAMPLE_SIZE,X,Y,Z",
            "id,Total N,Coordinate X,Coordinate Y,Coordinate Z",
            'Reference,N,"Coordinates (x, y, z)",,',
            "experiment,Subjects,X [mm],Y [mm],Z [mm]",
        ],
    )
    def test_common_spellings(self, tmp_path: Path, header: str) -> None:
        """Study, sample size and coordinates are found under them."""
        ((contrast,), _) = read(written(tmp_path / "a.csv", f"{header}\nA,20,1,-2,3\n"))
        assert facts(contrast) == ("A", "1", (20,), [(1, -2, 3)], ("MNI",))

    def test_header_of_two_rows(self, tmp_path: Path) -> None:
        """The row above names what the header does not, and the space of the coordinates."""
        rows = [
            ("Study", "N", "Talairach", None, None, "task"),
            (None, None, "x", "y", "z", None),
            ("A", 20, 1, 2, 3, "heat"),
        ]
        path = workbook(tmp_path / "a.xlsx", {"a": rows}, merged=["C1:E1"])
        ((contrast,), problems_) = read(path)
        assert facts(contrast) == ("A", "1", (20,), [(1, 2, 3)], ("TAL",))
        assert contrast.annotations == {"task": "heat"}
        assert problems_ == []

    def test_z_scores_beside_z(self, tmp_path: Path) -> None:
        """The z that follows y is the coordinate, another Z is a statistic."""
        ((contrast,), _) = read(written(tmp_path / "a.csv", "Study,Z,x,y,z\nA,4.5,1,2,3\n"))
        assert contrast.xyz.tolist() == [[1, 2, 3]]
        assert contrast.values == {"Z": (4.5,)}

    def test_mni_and_talairach_columns(self, tmp_path: Path) -> None:
        """Each focus in the columns that have it; where both have, MNI."""
        text = "Study,MNI x,MNI y,MNI z,TAL x,TAL y,TAL z\nA,1,2,3,,,\nB,,,,4,5,6\nC,1,1,1,2,2,2\n"
        path = written(tmp_path / "a.csv", text)
        contrasts, problems_ = read(path)
        assert [(c.xyz.tolist(), c.spaces) for c in contrasts] == [
            ([[1, 2, 3]], ("MNI",)),
            ([[4, 5, 6]], ("TAL",)),
            ([[1, 1, 1]], ("MNI",)),
        ]
        assert problems_ == [
            ("warning a.csv, line 4: coordinates in MNI and in Talairach (those in MNI are used)")
        ]

    def test_coordinates_twice_without_a_name(self, tmp_path: Path) -> None:
        """Whether they are other foci or another space cannot be guessed."""
        path = written(tmp_path / "a.csv", "Study,x,y,z,x,y,z\nA,1,2,3,4,5,6\n")
        assert said(path) == [
            (
                "error a.csv, line 1: x, y and z stand 2 times, from column 2 and column 5 on "
                "(call them MNI_x and TAL_x, or x1 and x2)"
            )
        ]

    def test_several_foci_in_a_row(self, tmp_path: Path) -> None:
        """Numbered columns are further foci; rows may have fewer."""
        text = "Study,N,x1,y1,z1,x2,y2,z2\nA,20,1,2,3,4,5,6\nB,12,7,8,9,,,\n"
        contrasts, _ = read(written(tmp_path / "a.csv", text))
        assert [c.xyz.tolist() for c in contrasts] == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9]]]
        assert contrasts[0].focus_lines == (2, 2)

    @pytest.mark.parametrize(
        ("cell", "xyz"),
        [
            ("-42, 10, 4", [[-42, 10, 4]]),
            ("(-42; 10; 4)", [[-42, 10, 4]]),
            ("[-42 10 4]", [[-42, 10, 4]]),
            ("−42,5 10 4", [[-42.5, 10, 4]]),
            ("x = -42, y = 10, z = 4", [[-42, 10, 4]]),
            ("-42/10/4", [[-42, 10, 4]]),
            ("(1, 2, 3); (4, 5, 6)", [[1, 2, 3], [4, 5, 6]]),
            ("1 2 3; 4 5 6", [[1, 2, 3], [4, 5, 6]]),
            ("1,2,3", [[1, 2, 3]]),
        ],
    )
    def test_foci_in_one_cell(self, tmp_path: Path, cell: str, xyz: list[list[float]]) -> None:
        """In whatever way people write three numbers."""
        text = f"Study\tN\tPeak coordinates\nA\t20\t{cell}\n"
        ((contrast,), _) = read(written(tmp_path / "a.tsv", text))
        assert contrast.xyz.tolist() == xyz

    def test_a_column_twice(self, tmp_path: Path) -> None:
        """Both are kept; a second ``experiment`` is the contrast."""
        text = "experiment,x,y,z,experiment,age,age\nA,1,2,3,a > b,30,31\n"
        path = written(tmp_path / "a.csv", text)
        ((contrast,), _) = read(path)
        assert (contrast.study_id, contrast.contrast_id) == ("A", "a > b")
        assert contrast.annotations == {"age": 30, "age_2": 31}
        assert said(path) == [
            (
                "warning a.csv, line 1: column 'age' stands twice; the second is called 'age_2' "
                "(give it a name of its own)"
            )
        ]

    def test_cells_without_a_header(self, tmp_path: Path) -> None:
        """They are kept under the name of their column."""
        path = written(tmp_path / "a.csv", "Study,x,y,z\nA,1,2,3,odd\n")
        ((contrast,), _) = read(path)
        assert contrast.annotations == {"column 5": "odd"}
        assert said(path) == [
            "warning a.csv, line 1: column 5 has no header (name it, or remove what stands there)"
        ]

    def test_conditions_name_contrasts_and_are_labels(self, tmp_path: Path) -> None:
        """A selection can say ``condition == "pain"``."""
        ((contrast,), _) = read(
            written(tmp_path / "a.csv", "Study,condition,x,y,z\nA,pain,1,2,3\n")
        )
        assert (contrast.contrast_id, contrast.annotations) == ("pain", {"condition": "pain"})

    def test_contrasts_without_studies(self, tmp_path: Path) -> None:
        """Each is taken for a study, and that is said."""
        path = written(tmp_path / "a.csv", "contrast,x,y,z\na,1,2,3\nb,1,2,3\n")
        assert [c.study_id for c in read(path)[0]] == ["a", "b"]
        assert said(path) == [
            (
                "warning a.csv, line 1: no column names the studies: each contrast is taken for "
                "one (name them in a column 'study')"
            )
        ]

    def test_labels_that_differ_within_a_contrast(self, tmp_path: Path) -> None:
        """They stay with the foci, and the user is told how to select by them."""
        path = written(tmp_path / "a.csv", "Study,x,y,z,task\nA,1,2,3,heat\nA,4,5,6,cold\n")
        ((contrast,), _) = read(path)
        assert (contrast.annotations, contrast.values) == ({}, {"task": ("heat", "cold")})
        assert said(path) == [
            (
                "warning a.csv, line 1: task differs within contrasts: kept with the foci "
                "(selections cannot use it; if rows are of two contrasts, name them in a column "
                "'contrast')"
            )
        ]

    def test_labels_that_differ_in_few_contrasts(self, tmp_path: Path) -> None:
        """A slip in one contrast does not take the label from the others."""
        rows = [("Study", "x", "y", "z", "task")]
        rows += [(name, i, 2, 3, "heat") for name in "ABC" for i in (1, 2)]
        rows[-1] = ("C", 2, 2, 3, "haet")
        path = written(tmp_path / "a.csv", csv(rows))
        contrasts, _ = read(path)
        assert [dict(contrast.annotations) for contrast in contrasts] == [
            *({"task": "heat"}, {"task": "heat"}, {})
        ]
        assert contrasts[2].values == {"task": ("heat", "haet")}
        assert said(path) == [
            (
                "warning a.csv, line 6: task differs within 1 contrast: C-1 (there it is kept "
                "with the foci, and selections cannot use it)"
            )
        ]

    def test_include(self, tmp_path: Path) -> None:
        """The column by which a user leaves contrasts out is true or false in any spelling."""
        text = "Study,x,y,z,Include\nA,1,2,3,yes\nB,1,2,3,No\n"
        contrasts, _ = read(written(tmp_path / "a.csv", text))
        assert [contrast.metadata for contrast in contrasts] == [
            {"include": True},
            {"include": False},
        ]
        path = written(tmp_path / "b.csv", text.replace("No", "maybe"))
        assert "Include: 'maybe' is neither true nor false (yes or no" in said(path)[0]


class TestSizes:
    @pytest.mark.parametrize(
        ("cell", "sizes"),
        [("24", (24,)), ("n = 24", (24,)), ("24 (11 f)", (24,)), ("20/22", (20, 22)), ("", ())],
    )
    def test_cells(self, tmp_path: Path, cell: str, sizes: tuple[float, ...]) -> None:
        """A number with what stands around it, or two groups."""
        text = f"Study,N,x,y,z\nA,{cell},1,2,3\nB,5,4,5,6\n"
        contrasts, _ = read(written(tmp_path / "a.csv", text))
        assert [contrast.sample_sizes for contrast in contrasts] == [sizes, (5,)]

    def test_groups(self, tmp_path: Path) -> None:
        """Where no column has the whole, those of groups are the sizes."""
        text = "Study,n patients,n controls,x,y,z\nA,20,22,1,2,3\n"
        ((contrast,), _) = read(written(tmp_path / "a.csv", text))
        assert contrast.sample_sizes == (20, 22)

    def test_two_sizes_of_one_contrast(self, tmp_path: Path) -> None:
        """Rows with another one below are another contrast; mixed ones are an error."""
        text = "Study,Contrast,N,x,y,z\nA,a,20,1,2,3\nA,a,,1,2,4\nA,a,22,4,5,6\n"
        path = written(tmp_path / "a.csv", text)
        assert [(c.contrast_id, c.sample_sizes, len(c.xyz)) for c in read(path)[0]] == [
            ("a", (20,), 2),
            ("a (2)", (22,), 1),
        ]
        assert said(path) == [
            (
                "warning a.csv, line 4: rows of A, a have sample sizes 20, 22: they are taken "
                "for 2 contrasts (is it meant so? name contrasts in a column 'contrast')"
            )
        ]
        path = written(tmp_path / "b.csv", "Study,N,x,y,z\nA,20,1,2,3\nA,22,4,5,6\nA,20,7,8,9\n")
        assert said(path) == [
            (
                "error b.csv, line 3: the sample size is 22, and 20 in a row above for the same "
                "contrast A, 1 (one for all rows of a contrast; name its contrasts in a column "
                "'contrast')"
            )
        ]

    def test_no_number(self, tmp_path: Path) -> None:
        """What is no number of people is an error with its line."""
        path = written(tmp_path / "a.csv", "Study,N,x,y,z\nA,20,1,2,3\nB,many,4,5,6\n")
        assert said(path) == [
            "error a.csv, line 3: N is 'many' (expected a number of participants)"
        ]


class TestSpaces:
    def test_row_by_row(self, tmp_path: Path) -> None:
        """Talairach rows among MNI rows, in the words of different tools."""
        names = ("MNI152", "Talairach", "T88", "spm99", "TAL", "ICBM")
        rows = [("Study", "x", "y", "z", "Coordinate system")]
        rows += [(f"S{i}", 1, 2, 3, name) for i, name in enumerate(names)]
        contrasts, problems_ = read(written(tmp_path / "a.csv", csv(rows)))
        assert [c.spaces for c in contrasts] == [
            (space,) for space in ("MNI", "TAL", "TAL", "MNI", "TAL", "MNI")
        ]
        assert problems_ == []

    def test_of_a_title_or_note(self, tmp_path: Path) -> None:
        """What a sentence says holds where no column says it; it is quoted."""
        path = written(
            tmp_path / "a.csv", "Study,x,y,z\nA,1,2,3\nAll foci are in Talairach space,,,\n"
        )
        assert read(path)[0][0].spaces == ("TAL",)
        assert said(path)[1:] == [
            (
                "warning a.csv, line 1: the space of all foci is taken from 'All foci are in "
                "Talairach space': TAL"
            )
        ]

    def test_missing_and_unknown(self, tmp_path: Path) -> None:
        """None at all is taken for MNI; some, or others, are errors."""
        path = written(tmp_path / "a.csv", "Study,x,y,z\nA,1,2,3\n")
        assert read(path)[1] == [f"warning a.csv, line 1: {MNI}"]
        text = "Study,x,y,z,space\nA,1,2,3,MNI\nB,1,2,3,\nC,1,2,3,Tal or MNI\n"
        accepted = unknown_spaces.ADVICE
        assert said(written(tmp_path / "b.csv", text)) == [
            f"error b.csv, line 4: unknown space 'Tal or MNI' of 1 focus ({accepted})",
            (
                "error b.csv, line 3: no space is given for 1 focus, but for the others (fill in "
                f"the column 'space'; {accepted})"
            ),
        ]

    def test_a_column_reference_of_spaces(self, tmp_path: Path) -> None:
        """``Reference`` is the space in Sleuth files, and the paper elsewhere: cells decide."""
        text = "Study,Reference,x,y,z\nA,MNI,1,2,3\nB,Talairach,4,5,6\n"
        contrasts, _ = read(written(tmp_path / "a.csv", text))
        assert [contrast.spaces for contrast in contrasts] == [("MNI",), ("TAL",)]


class TestCoordinates:
    def test_what_is_no_number(self, tmp_path: Path) -> None:
        """Every cell with its line; the rest of the table is read."""
        path = written(tmp_path / "a.csv", "Study,x,y,z\nA,1,,3\nA,a,42*,4\nB,1,2,3\n")
        assert [error for error in said(path) if error.startswith("error")] == [
            "error a.csv, line 2: y is missing (expected a number, in mm)",
            "error a.csv, line 3: x is 'a' (expected a number, in mm)",
            "error a.csv, line 3: y is '42*' (expected a number, in mm)",
        ]

    def test_impossible_ones(self, tmp_path: Path) -> None:
        """A lost decimal point is seen when the file is read for a run."""
        path = written(tmp_path / "a.csv", "Study,x,y,z,space\nA,425,2,3,MNI\nA,1e6,2,3,MNI\n")
        assert problems(path) == [
            (
                "error a.csv, line 3 (study A, contrast 1): focus 2 is (1e+06, 2, 3) (three "
                "numbers in mm, none beyond 1000)"
            )
        ]

    def test_decimal_commas(self, tmp_path: Path) -> None:
        """Of a European spreadsheet."""
        path = written(tmp_path / "a.csv", "Study;x;y;z\nA;1,5;-2,25;3\nA;4;5;6,5\n")
        assert read(path)[0][0].xyz.tolist() == [[1.5, -2.25, 3], [4, 5, 6.5]]
        assert said(path) == [
            "warning a.csv, line 2: a comma is read as the decimal point (lines 2, 3)"
        ]

    def test_minus_signs(self, tmp_path: Path) -> None:
        """Unicode minus, and a blank after it."""
        path = written(tmp_path / "a.csv", "Study,x,y,z\nA,−42,– 10,4\n")
        assert read(path)[0][0].xyz.tolist() == [[-42, -10, 4]]

    def test_a_lost_quote(self, tmp_path: Path) -> None:
        """It does not swallow the rest of the table."""
        rows = "".join(f"S{i},{i % 60},2,3\n" for i in range(80))
        path = written(tmp_path / "a.csv", f'Study,x,y,z\n"S,1,2,3\n{rows}')
        assert len(read(path)[0]) == 81
        assert said(path)[0] == (
            "warning a.csv, line 2: a quote is never closed (close it, or remove it; quotes are "
            "taken as they stand)"
        )


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("README.csv", "x marks the spot,y,z\n"),
            ("participants.tsv", "participant_id\tage\tsex\nsub-01\t30\tF\n"),
            ("clusters.csv", "Cluster ID,X,Y,Z,Peak Stat\n1,2,3,4,5.5\n"),
            ("sub-01_electrodes.tsv", "study\tx\ty\tz\nA1\t1\t2\t3\n"),
            ("coordinates.tsv", "study_id\tx\ty\tz\nA\t1\t2\t3\n"),
            ("database.txt", "id\tx\ty\tz\tspace\n1\t1\t2\t3\tMNI\n"),
            ("sleuth.txt", "//Reference=MNI\n//A, 2000: b\n//Subjects=12\n1\t2\t3\n"),
            ("empty.csv", ""),
            ("binary.csv", "\0\1\2\3" * 100),
        ],
    )
    def test_are_left_alone(self, tmp_path: Path, name: str, text: str) -> None:
        """They are of another format, or of none."""
        assert not sheet.sniff(written(tmp_path / name, text))

    def test_rivals_are_refused(self, tmp_path: Path) -> None:
        """Two tables of foci in one folder."""
        for name in ("a.csv", "b.csv"):
            written(tmp_path / name, csv(TABLE))
        with pytest.raises(
            DataError, match=r"several datasets that cannot be one run(.|\n)*a\.csv"
        ):
            io.read(tmp_path)


def test_real_spreadsheet(shared_data: Path) -> None:
    """Sleep deprivation, two columns ``experiment``, blank rows: counts by pandas."""
    import pandas as pd

    path = shared_data / "tables" / "SD31.xlsx"
    table = pd.read_excel(path).dropna(how="all")
    contrasts, _ = read(path)
    groups = table.groupby(["experiment", "experiment.1"], sort=False)
    assert [(c.study_id, c.contrast_id, len(c.xyz)) for c in contrasts] == [
        (*key, len(rows)) for key, rows in groups
    ]
    assert [c.sample_sizes for c in contrasts] == [(n,) for n in groups["Subjects"].first()]
    xyz = [tuple(point) for contrast in contrasts for point in contrast.xyz.tolist()]
    expected = pd.concat(rows[["X", "Y", "Z"]] for _, rows in groups)
    assert xyz == list(expected.itertuples(index=False, name=None))
    spaces = {"Talairach": "TAL", "MNI": "MNI"}
    assert [c.spaces[0] for c in contrasts] == [spaces[s] for s in groups["space"].first()]
