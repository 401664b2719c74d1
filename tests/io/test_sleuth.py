"""The Sleuth reader: what real files do to it, construct by construct, then the real files."""

import csv
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline.contrast import Contrast, check
from nimare_pipeline.errors import NoInputError, Problem
from nimare_pipeline.io import _text, sleuth

PLAIN = """//Reference=MNI
//Smith et al., 2019: Memory > baseline
//Subjects=23
-7.5\t-8.5\t-9.5
10\t-12\t62

//Jones, 2020; Faces
//Subjects=12
1 2 3
"""


def parse(text: str) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts and all problems, those of the checks too."""
    contrasts, problems = sleuth.parse(text, "a.txt")
    return contrasts, [*problems, *check(contrasts)]


def xyz(contrast: Contrast) -> list[list[float]]:
    return contrast.xyz.tolist()


def messages(problems: list[Problem], level: str = "warning") -> list[str]:
    return [str(problem) for problem in problems if problem.level == level]


def test_plain_file() -> None:
    """A file as GingerALE's manual shows it gives its experiments and no problem."""
    contrasts, problems = parse(PLAIN)
    first, second = contrasts
    assert problems == []
    assert xyz(first) == [[-7.5, -8.5, -9.5], [10, -12, 62]]
    assert (first.study_id, first.contrast_id) == ("Smith_et_al._2019", "Memory_gt_baseline")
    assert first.metadata == {
        "study_name": "Smith et al., 2019",
        "contrast_name": "Memory > baseline",
    }
    assert (first.sample_sizes, first.spaces, first.line) == ((23,), ("MNI", "MNI"), 2)
    assert first.focus_lines == (4, 5)
    assert (second.id, second.sample_sizes) == ("Jones_2020-Faces", (12,))


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"], ids=["CRLF", "CR", "LF"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "mac_roman"]
)
def test_line_ends_and_encodings(tmp_path, end: str, encoding: str) -> None:
    """Every line end in every encoding gives the same experiments, accents included."""
    text = PLAIN.replace("Smith", "Müller-García").replace("Jones", "Schulte-Rüther")
    path = tmp_path / "a.txt"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    assert sleuth.sniff(path)
    contrasts, _ = sleuth.read(path)
    assert [c.metadata["study_name"] for c in contrasts] == [
        "Müller-García et al., 2019",
        "Schulte-Rüther, 2020",
    ]
    assert [len(c.xyz) for c in contrasts] == [2, 1]
    assert contrasts[1].line == 7


def test_mixed_line_ends(tmp_path) -> None:
    """Line numbers count lines, whichever way each ends."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"//Reference=MNI\r\n//A\r//Subjects=13\n1 2 3\r\n4 5\n")
    _, problems = sleuth.read(path)
    assert messages(problems, "error") == [
        "a.txt, line 5: expected three numbers x y z, got '4 5'"
    ]


def test_guessed_encoding_is_said(tmp_path) -> None:
    """A file that is not UTF-8 is read, with the line that made it so."""
    path = tmp_path / "a.txt"
    path.write_bytes("//Reference=MNI\n//Müller\n//Subjects=13\n1 2 3\n".encode("cp1252"))
    _, problems = sleuth.read(path)
    assert "a.txt, line 2: not UTF-8; read as Windows-1252" in str(problems[0])


def test_decode_tells_mac_from_windows() -> None:
    """The byte 0x87 inside a word is a Mac's á, 0xed a Windows' í."""
    assert _text.decode(b"//S\x87nchez")[0] == "//Sánchez"
    assert _text.decode(b"//Andr\x8e")[0] == "//André"
    assert _text.decode("//Müller".encode("mac_roman"))[0] == "//Müller"
    assert _text.decode("//Schröder, Lü et al.".encode("mac_roman"))[0] == "//Schröder, Lü et al."
    assert _text.decode("//Schröder, Lü et al.".encode("cp1252"))[0] == "//Schröder, Lü et al."
    assert _text.decode("//MÜLLER, Ünal".encode("cp1252"))[0] == "//MÜLLER, Ünal"
    assert _text.decode(b"//Garc\xeda, Sim\xf3n\xa0")[0] == "//García, Simón\xa0"
    assert _text.decode(b"//Garc\xeda, -45\xa0")[0] == "//García, -45\xa0"


@pytest.mark.parametrize(
    ("line", "space"),
    [
        ("//Reference=MNI", "MNI"),
        ("// Reference = Talairach", "Talairach"),
        ("//reference:tal", "tal"),
        ("//REFERENCE=MNI152\t\t", "MNI152"),
        ("//Template=TAL ", "TAL"),
        ("// Reference MNI", "MNI"),
        ("//Referance=MNI", "MNI"),
        ('"//Reference=MNI"', "MNI"),
        ("//Talairach", "Talairach"),
        ("//Reference=Dog", "Dog"),
    ],
)
def test_reference_spellings(line: str, space: str) -> None:
    """Every spelling of the Reference line is understood, and is no header."""
    contrasts, _ = parse(f"{line}\n//A, 2000: b\n//Subjects=13\n1 2 3\n")
    assert [c.id for c in contrasts] == ["A_2000-b"]
    assert contrasts[0].spaces == (space,)


def test_title_that_mentions_reference_is_a_title() -> None:
    """An author or condition called Reference is no Reference line."""
    contrasts, _ = parse("//Reference=MNI\n//Larsson, 1996: Movement - Reference\n1 2 3\n")
    assert contrasts[0].contrast_id == "Movement_Reference"


def test_second_reference_holds_from_there_on() -> None:
    """A file may change its space; each experiment keeps the one above it, with a warning."""
    contrasts, problems = parse(PLAIN + "//Reference=TAL\n\n//C, 2001: d\n//Subjects=9\n4 5 6\n")
    assert [c.spaces[0] for c in contrasts] == ["MNI", "MNI", "TAL"]
    assert messages(problems) == [
        "a.txt, line 10: the space changes from MNI to TAL for what follows"
    ]


def test_reference_after_title_belongs_to_it() -> None:
    """A Reference line inside a header does not cut it in two."""
    contrasts, problems = parse("//A, 2000: b\n//Reference=TAL\n//Subjects=13\n1 2 3\n")
    assert [(c.id, c.sample_sizes, c.spaces) for c in contrasts] == [("A_2000-b", (13,), ("TAL",))]
    assert problems == []


def test_only_reference_at_the_end_holds_for_all() -> None:
    """One Reference below the foci is taken for the whole file, and said."""
    text = PLAIN.removeprefix("//Reference=MNI\n") + "//Reference=MNI\n"
    contrasts, problems = parse(text)
    assert {c.spaces[0] for c in contrasts} == {"MNI"}
    assert "line 9: Reference=MNI stands after foci; it is taken for the whole file" in str(
        problems[0]
    )


def test_missing_reference_is_one_error() -> None:
    """Without a Reference there is one error that names the experiments and the line to add."""
    _, problems = parse(PLAIN.removeprefix("//Reference=MNI\n"))
    assert len(messages(problems, "error")) == 1
    assert "a.txt: the space of the foci is not given for Smith_et_al._2019" in str(problems[0])
    assert (
        "add a line //Reference=MNI or //Reference=Talairach above the foci, "
        "decide by --unknown-space, or remove these" in str(problems[0])
    )


def test_unknown_reference_is_an_error() -> None:
    """A space that is neither MNI nor Talairach is named, with its line and the experiments."""
    _, problems = parse(PLAIN.replace("=MNI", "=Dog"))
    (error,) = messages(problems, "error")
    assert error == (
        "a.txt, line 1: unknown space 'Dog' for Smith_et_al._2019-Memory_gt_baseline, "
        "Jones_2020-Faces (accepted are names that begin with MNI or TAL, such as MNI152 or "
        "Talairach; correct line 1, to //Reference=MNI or //Reference=Talairach, decide by "
        "--unknown-space, or remove these contrasts)"
    )


@pytest.mark.parametrize(
    ("line", "sizes"),
    [
        ("//Subjects=12", (12,)),
        ("// Subject: 12\t\t", (12,)),
        ("//subjects = 12 ", (12,)),
        ("//Subjectssss=9", (9,)),
        ("//Participants=9", (9,)),
        ("//N=9", (9,)),
        ("//12 subjects", (12,)),
        ("//Subjects=12, 14", (12, 14)),
        ("//Subjects=12/14", (12, 14)),
        ("//Subjects=12.5", (12.5,)),
        ("// Subjects=21\t//Subjects: 22", (21, 22)),
        ("// Subjects=26\t//Subjects: 26", (26,)),
        ("//Subjects=20+22", (20, 22)),
        ("//Subjects=20, 20", (20, 20)),
        ("//Subjects=1,024", (1024,)),
        ("//Subjects=", ()),
    ],
)
def test_subjects_spellings(line: str, sizes: tuple[float, ...]) -> None:
    """Every spelling of the sample size is understood, and is not part of the title."""
    contrasts, problems = parse(f"//Reference=MNI\n//A, 2000: b\n{line}\n1 2 3\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", sizes)]
    assert any("no sample size for 'A, 2000: b'" in text for text in messages(problems)) == (
        not sizes
    )
    several = any("several sample sizes" in text for text in messages(problems))
    assert several == (len(set(sizes)) > 1)


@pytest.mark.parametrize(
    "value", ["1e9", "-5", "ten", "0", "20,22", "20 22", "1,02", "20, ten", "n=12", "12 (6 f)"]
)
def test_sample_size_that_cannot_be_read(value: str) -> None:
    """The whole value must be a size: else it is unknown, and said with its line."""
    contrasts, problems = parse(f"//Reference=MNI\n//A, 2000: b\n//Subjects={value}\n1 2 3\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", ())]
    (warning,) = messages(problems)
    assert (
        f"a.txt, line 3: sample size cannot be read: {value!r} (of 'A, 2000: b'); "
        "it is taken as unknown (write a whole number, as in //Subjects=20)"
    ) == warning


@pytest.mark.parametrize("title", ["A, 2000: b, Subjects=ten", "A, 2000: b (Subjects=1e9)"])
def test_sample_size_in_a_title_that_cannot_be_read(title: str) -> None:
    """It does not become part of the title."""
    contrasts, problems = parse(f"//Reference=MNI\n//{title}\n1 2 3\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", ())]
    assert "line 2: sample size cannot be read" in messages(problems)[0]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("1", "sample size 1 of 'A, 2000: b' is implausible: it is below 5"),
        ("12.5", "sample size 12.5 of 'A, 2000: b' is implausible: it is not a whole number"),
        ("1.024", "sample size 1.024 of 'A, 2000: b' is implausible: it is not a whole number"),
    ],
)
def test_implausible_sample_size_is_said(value: str, why: str) -> None:
    """It is used all the same."""
    contrasts, problems = parse(f"//Reference=MNI\n//A, 2000: b\n//Subjects={value}\n1 2 3\n")
    assert contrasts[0].sample_sizes == (float(value),)
    assert messages(problems) == [f"a.txt, line 3: {why} (is it a slip? it is used as it is)"]


@pytest.mark.parametrize(
    "title",
    [
        "A, 2000: patients (n=12) > controls",
        "A, 2000: b (n=12)",
        "A, 2000: b (Subjects=12)",
        "A, 2000: patients (n=12) > controls (n=14)",
    ],
)
def test_line_of_its_own_wins_over_the_title(title: str) -> None:
    """A line Subjects= is the sample size, and the title stays as it is."""
    contrasts, problems = parse(f"//Reference=MNI\n//{title}\n//Subjects=26\n1 2 3\n")
    assert [c.sample_sizes for c in contrasts] == [(26,)]
    assert contrasts[0].metadata["contrast_name"] == title.removeprefix("A, 2000: ")
    assert problems == []


def test_groups_inside_a_title() -> None:
    """Without a line of its own, the sizes in the title count, and it stays as it is."""
    contrasts, _ = parse("//Reference=MNI\n//A, 2000: old (n=12) > young (n=14)\n1 2 3\n")
    assert [c.sample_sizes for c in contrasts] == [(12, 14)]
    assert contrasts[0].metadata["contrast_name"] == "old (n=12) > young (n=14)"


def test_title_in_two_lines_with_a_size_in_the_first() -> None:
    """A size inside the title does not cut its header in two."""
    contrasts, _ = parse("//Reference=MNI\n//A, 2000: b (n=12)\n//c\n//Subjects=26\n1 2 3\n")
    assert [(c.sample_sizes, len(c.xyz)) for c in contrasts] == [((26,), 1)]


def test_sizes_inside_titles_part_experiments() -> None:
    """Two titles that end in a size are two experiments."""
    contrasts, _ = parse("//Reference=MNI\n//A, 2000: b (n=12)\n//C, 2001: d (n=14)\n1 2 3\n")
    assert [(c.id, c.sample_sizes, len(c.xyz)) for c in contrasts] == [
        ("A_2000-b", (12,), 0),
        ("C_2001-d", (14,), 1),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "//Subjects=12\n//A, 2000: b",
        "//A, 2000: b, Subjects=12",
        "//A, 2000: b (Subjects=12)",
        "//A, 2000:\n//b\n//Subjects=12",
        "//A, 2000: b\n\n//Subjects=12\n",
    ],
)
def test_subjects_anywhere_in_the_header(header: str) -> None:
    """The sample size may stand first, on the title's line, or after a blank line."""
    contrasts, problems = parse(f"//Reference=MNI\n{header}\n1 2 3\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", (12,))]
    assert problems == []


def test_wrapped_title_that_ends_in_subjects() -> None:
    """The word Subjects alone is the end of a title, not a sample size."""
    contrasts, _ = parse(
        "//Reference=MNI\n//M, 2002: Rest, Healthy\n//Subjects\n//Subjects=10\n1 2 3"
    )
    assert contrasts[0].metadata["contrast_name"] == "Rest, Healthy Subjects"
    assert contrasts[0].sample_sizes == (10,)


def test_header_over_two_lines_without_slashes() -> None:
    """A quoted header that a spreadsheet broke in two is put together again, and said."""
    contrasts, problems = parse(
        '//Reference=MNI\n"//W, 2015; Shared (masked\nwith sharing)"\t\t\n//Subjects=26\n1 2 3\n'
    )
    assert contrasts[0].metadata["contrast_name"] == "Shared (masked with sharing)"
    assert (
        "line 3: taken as the rest of the header above: 'with sharing)'" in messages(problems)[0]
    )


def test_text_after_the_sample_size_belongs_to_the_header() -> None:
    """One sample size, one experiment, whatever else its header says."""
    contrasts, _ = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n//more text\n1 2 3\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b_more_text", (13,))]


def test_blank_line_ends_a_header_that_is_complete() -> None:
    """An experiment without foci does not give its sample size to the next."""
    contrasts, _ = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n\n//C, 2001: d\n1 2 3\n")
    assert [(c.id, c.sample_sizes, len(c.xyz)) for c in contrasts] == [
        ("A_2000-b", (13,), 0),
        ("C_2001-d", (), 1),
    ]


@pytest.mark.parametrize(
    ("title", "study", "contrast"),
    [
        ("Smith: Jr., 2004: a; b", "Smith: Jr., 2004", "a; b"),
        ("Smith 2004b; a: b", "Smith 2004b", "a: b"),
        ("Smith; a: b", "Smith", "a: b"),
        ("Smith: a, 2004", "Smith", "a, 2004"),
        ("24814646-1", "24814646-1", "analysis_1"),
    ],
)
def test_title_is_split_after_the_year(title: str, study: str, contrast: str) -> None:
    """At the first colon or semicolon after a year, else at the first."""
    contrasts, _ = parse(f"//Reference=MNI\n//{title}\n//Subjects=13\n1 2 3\n")
    assert contrasts[0].metadata == {"study_name": study, "contrast_name": contrast}


def test_repeated_headers_are_kept_apart() -> None:
    """Experiments with one header are all kept, with a warning that names the lines."""
    block = "//A, 2000: b\n//Subjects=13\n1 2 3\n\n"
    contrasts, problems = parse("//Reference=MNI\n" + block * 3)
    assert [c.id for c in contrasts] == ["A_2000-b", "A_2000-b_2", "A_2000-b_3"]
    (warning,) = messages(problems)
    assert "line 2: header 'A, 2000: b' stands 3 times (lines 2, 6, 10)" in warning


def test_placeholder_headers_are_kept_apart() -> None:
    """Empty and placeholder headers each are a study of their own: together they would be one."""
    text = "//Reference=MNI\n//\n//Subjects=13\n1 2 3\n\n//Subjects=14\n4 5 6\n\n"
    contrasts, problems = parse(text + "//Author here\n//Subjects=5\n7 8 9\n" * 2)
    assert [c.id for c in contrasts] == [
        "study_unknown_1-analysis_1",
        "study_unknown_2-analysis_1",
        "study_unknown_3-analysis_1",
        "study_unknown_4-analysis_1",
    ]
    (warning,) = messages(problems)
    assert warning == (
        "a.txt, line 3: the headers of 4 experiments name no study (empty, 'Author here'; "
        "lines 3, 6, 9, 12); each is a study of its own (write author and year after the //)"
    )


def test_opposite_contrasts_have_different_ids() -> None:
    """A > B and A < B do not become one id."""
    contrasts, _ = parse(
        "//Reference=MNI\n"
        "//S, 2000: A > B\n//Subjects=13\n1 2 3\n//S, 2000: A < B\n//Subjects=13\n1 2 3\n"
    )
    assert [c.contrast_id for c in contrasts] == ["A_gt_B", "A_lt_B"]


def test_header_that_is_only_a_mark() -> None:
    """A title that begins with the colon has no study, and is kept."""
    contrasts, _ = parse("//Reference=MNI\n//: b\n//Subjects=13\n1 2 3\n")
    assert contrasts[0].id == "study_unknown_1-b"


def test_ids_have_no_separators() -> None:
    """Slashes, dots, quotes and dashes of a title cannot break a path, a table or an id."""
    contrasts, _ = parse('//Reference=MNI\n//../x-y "z", 2000: <b>$(rm)\n//Subjects=13\n1 2 3\n')
    assert contrasts[0].id == "x_y_z_2000-lt_b_gt_rm"
    assert contrasts[0].metadata["study_name"] == '../x-y "z", 2000'


def test_empty_headers_keep_experiments_apart() -> None:
    """Foci under one empty header are not those of the next."""
    contrasts, _ = parse("//Reference=MNI\n//\n1 2 3\n//\n4 5 6\n")
    assert [xyz(c) for c in contrasts] == [[[1, 2, 3]], [[4, 5, 6]]]


def test_experiments_without_foci_are_kept() -> None:
    """A header without foci stays an experiment, with a warning."""
    contrasts, problems = parse(
        "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n//C, 2001: d\n//Subjects=14\n1 2 3\n"
        "\n//E, 2002: f\n//Subjects=5\n\n//G, 2003: h\n//Subjects=6\n"
    )
    assert [(c.id, len(c.xyz), c.sample_sizes) for c in contrasts] == [
        ("A_2000-b", 0, (13,)),
        ("C_2001-d", 1, (14,)),
        ("E_2002-f", 0, (5,)),
        ("G_2003-h", 0, (6,)),
    ]
    assert "line 2: no foci under 'A, 2000: b'" in messages(problems)[0]


def test_foci_without_header_are_kept() -> None:
    """Foci that no header stands above become an experiment of their own."""
    contrasts, problems = parse("//Reference=MNI\n1 2 3\n")
    assert [(c.id, len(c.xyz)) for c in contrasts] == [("study_unknown_1-analysis_1", 1)]
    assert (
        "a.txt, line 2: the header names no study (empty); the experiment is a study of its own"
        in messages(problems)[0]
    )


def test_doi_and_pubmed_lines_are_metadata() -> None:
    """DOI and PubMed lines say what the study is; an author called Doi does not."""
    contrasts, _ = parse(
        "//Reference=MNI\n//DOI=10.1/x\n//PubMedId=123\n//Doi T, 2010: b\n//Subjects=13\n1 2 3\n"
    )
    assert contrasts[0].metadata == {
        "study_name": "Doi T, 2010",
        "contrast_name": "b",
        "doi": "10.1/x",
        "pmid": "123",
    }


def test_header_with_one_slash() -> None:
    """A header that lost a slash is still a header, and said."""
    contrasts, problems = parse(PLAIN.replace("//Jones", "/Jones"))
    assert contrasts[1].study_id == "Jones_2020"
    assert "line 7: a header without its two slashes" in messages(problems)[0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1 2 3", [1, 2, 3]),
        ("\t-1.5\t .78  3.\t\t", [-1.5, 0.78, 3]),
        ("1,2,3", [1, 2, 3]),
        ("1, -2, 3", [1, -2, 3]),
        ("1,5 -2,25 3,0", [1.5, -2.25, 3]),
        ("1,5\t-2\t3", [1.5, -2, 3]),
        ("1;2;3", [1, 2, 3]),
        ("−1 –2 —3", [-1, -2, -3]),
        ("-33\t-45\xa0\t 39", [-33, -45, 39]),
        ("+1 2e0 3", [1, 2, 3]),
        ('"1 2 3"', [1, 2, 3]),
    ],
)
def test_rows_of_numbers(row: str, expected: list[float]) -> None:
    """Numbers as people and spreadsheets write them."""
    contrasts, problems = parse(f"//Reference=MNI\n//A, 2000: b\n//Subjects=13\n{row}\n")
    assert xyz(contrasts[0]) == [expected]
    assert problems == []


def test_underscore_for_minus_is_said() -> None:
    """An underscore before a number is a minus sign that lost its place."""
    contrasts, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n_38 2 3\n")
    assert xyz(contrasts[0]) == [[-38, 2, 3]]
    assert "line 4: an underscore is read as a minus sign" in messages(problems)[0]


def test_columns_after_the_coordinates_are_kept() -> None:
    """Statistics after x y z are values of the foci, and said."""
    contrasts, problems = parse(
        "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3 4.5\n4 5 6 3.25\n"
    )
    assert xyz(contrasts[0]) == [[1, 2, 3], [4, 5, 6]]
    assert contrasts[0].values == {"value_1": (4.5, 3.25)}
    assert "rows 4 to 5 of 'A, 2000: b' have more than 3 numbers" in messages(problems)[0]


def test_one_row_with_more_numbers_is_said_in_the_singular() -> None:
    """Not rows 4 to 4."""
    _, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3 4.5\n4 5 6\n")
    (warning,) = messages(problems)
    assert warning == (
        "a.txt, line 4: the row of 'A, 2000: b' has more than 3 numbers; "
        "the first three are taken as x y z"
    )


def test_words_after_the_coordinates_are_left_out() -> None:
    """A region's name after x y z does not lose the focus, and is said."""
    contrasts, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3 insula\n")
    assert xyz(contrasts[0]) == [[1, 2, 3]]
    assert "line 4: what follows the numbers is left out" in messages(problems)[0]


def test_copied_first_column_is_an_error() -> None:
    """Where each row begins with one number twice, x y z cannot be told."""
    _, problems = parse(
        "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n48 48 -74 -8\n52 52 -58 0\n"
    )
    assert (
        "line 4: rows 4 to 5 of 'A, 2000: b' have more than 3 numbers, the first one twice"
        in (messages(problems, "error")[0])
    )


def test_column_names_are_left_out() -> None:
    """The head of a table above the foci is no focus."""
    contrasts, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\nx y z\n1 2 3\n")
    assert (contrasts[0].contrast_id, xyz(contrasts[0])) == ("b", [[1, 2, 3]])
    assert "line 4: column names are left out" in messages(problems)[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("10 20 dog", "line 5: expected three numbers x y z, got '10 20 dog'"),
        ("-67\t-5", "line 5: expected three numbers x y z"),
        ("-67", "line 5: expected three numbers x y z"),
        ("insula", "line 5: neither a header nor a focus: 'insula'"),
        ("1 nan 3", "line 5 (study A_2000, contrast b): focus 2 is (1, nan, 3)"),
        ("1 1e9 3", "line 5 (study A_2000, contrast b): focus 2 is (1, 1e+09, 3)"),
        ("inf 2 3", "line 5 (study A_2000, contrast b): focus 2 is (inf, 2, 3)"),
    ],
)
def test_what_is_no_focus_is_an_error_with_its_line(row: str, message: str) -> None:
    """Text, gaps, NaN and absurd numbers among the foci are errors."""
    _, problems = parse(f"//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n{row}\n")
    assert message in messages(problems, "error")[0]


@pytest.mark.parametrize("row", ["1 b 3", "dog 2 3", "1 2 dog"])
def test_a_broken_first_focus_is_no_header(row: str) -> None:
    """Two numbers of three right below the header are a focus that is wrong, not more title."""
    _, problems = parse(f"//Reference=MNI\n//A, 2000: b\n//Subjects=13\n{row}\n4 5 6\n")
    expected = f"line 4: expected three numbers x y z, got {row!r}"
    assert expected in messages(problems, "error")[0]


def test_all_errors_are_listed_at_once() -> None:
    """Two bad lines are two errors, in the order of the lines."""
    _, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2\n3 4 5\n6 dog 7\n")
    assert [problem.where for problem in problems if problem.level == "error"] == [
        "line 4",
        "line 6",
    ]


def test_focus_outside_the_head_is_flagged_with_its_line() -> None:
    """A lost decimal point or minus sign is a warning at the focus' own line."""
    _, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n425 2 3\n")
    (warning,) = messages(problems)
    assert (
        "line 5 (study A_2000, contrast b): focus 2, (425, 2, 3), lies outside the head" in warning
    )


def test_many_foci_outside_the_head_are_counted() -> None:
    """A table in the wrong unit is not a thousand warnings."""
    _, problems = parse("//Reference=MNI\n//A, 2000: b\n//Subjects=13\n" + "425 2 3\n" * 1100)
    assert len(problems) == 101
    assert str(problems[-1]) == (
        "a.txt, line 2 (study A_2000, contrast b): and 1,000 more foci outside the head"
    )


def test_missing_file() -> None:
    """A file that is not there is no input."""
    with pytest.raises(NoInputError, match=r"no such file: .*none\.txt"):
        sleuth.read(Path("/nowhere/none.txt"))


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("a.dat", PLAIN.encode(), True),
        ("null.txt", b"// NullStudy_1\n// Subjects=8\n48 -48 -54\n", True),
        ("notes.txt", b"Notes on 1 2 3\n", False),
        ("links.txt", b"see http://x.org//y\n// and this\n", False),
        ("table.tsv", b"x\ty\tz\n1\t2\t3\n", False),
        ("image.nii", b"//Reference=MNI\n\x00\x01\x02//\n1 2 3\n", False),
        ("empty.txt", b"", False),
    ],
)
def test_sniff(tmp_path, name: str, body: bytes, expected: bool) -> None:  # noqa: FBT001
    """By content, whatever the name."""
    path = tmp_path / name
    path.write_bytes(body)
    assert sleuth.sniff(path) == expected


def test_long_header_run_takes_linear_time() -> None:
    """Tens of thousands of headers without a focus are read in seconds, not hours."""
    contrasts, _ = sleuth.parse("//A, 2000: b\n//Subjects=13\n" * 20_000, "a.txt")
    assert len(contrasts) == 20_000


def test_real_files(shared_data) -> None:
    """Experiments and foci of 85 real files are as counted by hand, where that count is sure."""
    with (shared_data / "sleuth" / "COUNTS.tsv").open(encoding="utf-8", newline="") as stream:
        counts = list(csv.DictReader(stream, delimiter="\t"))
    sure = {row["file"]: row for row in counts if row["counts_reliable"] == "yes"}
    expected = {name: (int(row["experiments"]), int(row["foci"])) for name, row in sure.items()}
    found = {}
    for name in sure:
        path = shared_data / "sleuth" / name
        assert sleuth.sniff(path), name
        contrasts, _ = sleuth.read(path)
        sizes = [len(contrast.xyz) for contrast in contrasts]
        assert len({contrast.id for contrast in contrasts}) == len(contrasts), name
        found[name] = (int(np.count_nonzero(sizes)), sum(sizes))
    assert len(sure) > 70
    assert found == expected


def test_real_placeholder_headers_are_studies_of_their_own(shared_data) -> None:
    """The 98 experiments of one author called Author here are 98 studies, said in one warning."""
    (path,) = shared_data.glob("sleuth/*/*Riedel__Emotion_Cluster_07132016_3_of_5.txt")
    contrasts, problems = sleuth.read(path)
    unknown = [c.study_id for c in contrasts if c.study_id.startswith("study_unknown_")]
    assert len(set(unknown)) == len(unknown) == 98
    (warning,) = [text for text in messages(problems) if "name no study" in text]
    assert "the headers of 98 experiments name no study ('Author here'; lines " in warning


def test_real_files_read_or_say_what_to_fix(shared_data) -> None:
    """Of all real files, those that fail do so with the line or the experiments to fix."""
    failing = {}
    for path in sorted((shared_data / "sleuth").glob("*/*.txt")):
        contrasts, problems = sleuth.read(path)
        errors = [p for p in (*problems, *check(contrasts)) if p.level == "error"]
        if errors:
            failing[path.name] = len(errors)
            assert all(p.where.startswith("line ") or "space" in p.message for p in errors)
    assert failing == {
        "NullStudies.txt": 1,
        "invalidSleuthFileNoReference.txt": 1,
        "others__others-06.29-mni.txt": 16,
        "test_sleuth_file3.txt": 1,
        "test_sleuth_file4.txt": 1,
        "test_sleuth_file5.txt": 1,
    }
