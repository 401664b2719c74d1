"""Departures of Sleuth files beyond those of the files at hand, one by one."""

from pathlib import Path

import pytest

from nimare_pipeline.contrast import Contrast
from nimare_pipeline.io import _sleuth_reader, sleuth
from tests.io.test_sleuth import messages, parse, xyz

HEAD = "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n"


def one(text: str) -> tuple[Contrast, list[str]]:
    """The only contrast of a text, and its warnings; errors fail."""
    contrasts, problems = parse(text)
    assert messages(problems, "error") == []
    (contrast,) = contrasts
    return contrast, messages(problems)


@pytest.mark.parametrize("mark", ["#", "%", "! ", "* ", "; ", "/* "])
def test_comments_are_left_out_wherever_they_stand(mark: str) -> None:
    """They are no part of a title, do not cut an experiment, and are said once."""
    text = f"{mark}by hand\n{HEAD}{mark}ten of 12\n1 2 3\n{mark}left\n4 5 6\n"
    contrast, warnings = one(text)
    assert (contrast.id, xyz(contrast)) == ("A_2000-b", [[1, 2, 3], [4, 5, 6]])
    assert warnings == ["a.txt, line 1: comments are left out (lines 1, 5, 7)"]


@pytest.mark.parametrize("row", ["// 7 8 9", "//-7, 8, 9", "//7\t8\t9\t4.5"])
def test_a_focus_behind_slashes_cuts_no_experiment(row: str) -> None:
    """It was taken out by somebody, and is said; the foci below it keep their header."""
    contrast, warnings = one(f"{HEAD}1 2 3\n{row}\n4 5 6\n")
    assert xyz(contrast) == [[1, 2, 3], [4, 5, 6]]
    assert warnings == [f"a.txt, line 5: a focus behind // is left out: {row!r}"]


def test_column_names_behind_slashes_are_no_title() -> None:
    """The head of a table is left out there, too."""
    contrast, warnings = one(HEAD + "//x\ty\tz\n1 2 3\n")
    assert contrast.id == "A_2000-b"
    assert "line 4: column names are left out" in warnings[0]


@pytest.mark.parametrize("line", ["//------", "// =====", "//***", "//_____"])
def test_lines_that_only_separate_are_no_title(line: str) -> None:
    """A ruled line begins the next header, and is no part of it."""
    contrasts, problems = parse(f"{HEAD}1 2 3\n{line}\n//C, 2001: d\n//Subjects=9\n4 5 6\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", (13,)), ("C_2001-d", (9,))]
    assert problems == []


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("//Comment: by hand", "comment", "by hand"),
        ("//Note=by hand", "comment", "by hand"),
        ("//https://doi.org/10.1016/j.x", "doi", "10.1016/j.x"),
        ("//10.1016/j.x", "doi", "10.1016/j.x"),
        ("//doi 10.1016/j.x", "doi", "10.1016/j.x"),
        ("//PMID 123", "pmid", "123"),
        ("//PMID123", "pmid", "123"),
        ("//Authors=A, B and C", "authors", "A, B and C"),
        ("//Publication=NeuroImage", "journal", "NeuroImage"),
        ("//Year=2000", "year", "2000"),
        ("//Affiliations=Somewhere", "affiliations", "Somewhere"),
    ],
)
def test_lines_about_a_study_are_metadata(line: str, field: str, value: str) -> None:
    """They are no part of the title, wherever in the header they stand."""
    for text in (f"{HEAD}{line}\n1 2 3\n", HEAD.replace("//A", f"{line}\n//A") + "1 2 3\n"):
        contrast, warnings = one(text)
        assert (contrast.id, contrast.metadata[field], warnings) == ("A_2000-b", value, [])


@pytest.mark.parametrize(
    ("line", "space"),
    [
        ("//Reference=MNI;", "MNI"),
        ("//Reference=MNI,,,", "MNI"),
        ("//Ref=MNI", "MNI"),
        ("//Space: Talairach", "Talairach"),
        ("//Coordinate space = TAL", "TAL"),
        ("//Reference system: MNI", "MNI"),
        ("//MNI space", "MNI"),
        ("//Reference=ICBM152", "ICBM152"),
        ("\ufeff//Reference=MNI", "MNI"),
        ("//Reference=MNI\x1a", "MNI"),
    ],
)
def test_more_reference_spellings(line: str, space: str) -> None:
    """Names of the line and of the space, and what programs leave at its ends."""
    contrast, warnings = one(HEAD.replace("//Reference=MNI", line) + "1 2 3\n")
    assert (contrast.id, contrast.spaces, warnings) == ("A_2000-b", (space,), [])


@pytest.mark.parametrize(
    ("line", "space"), [("//Refrence=MNI", "MNI"), ("// Rference: Talairach", "Talairach")]
)
def test_misspelt_reference_is_no_title(line: str, space: str) -> None:
    """A word before a space and nothing else can only be meant as Reference."""
    contrast, warnings = one(HEAD.replace("//Reference=MNI", line) + "1 2 3\n")
    assert (contrast.id, contrast.spaces, warnings) == ("A_2000-b", (space,), [])


def test_name_before_a_space_is_a_title() -> None:
    """What begins like a space and is a name, or names a method, stays what it is."""
    contrast, _ = one(f"{HEAD}//Ramirez: Talbot\n1 2 3\n")
    assert contrast.id == "A_2000-b_Ramirez_Talbot"


def test_text_instead_of_foci_stays_with_its_header() -> None:
    """It is no part of the name of the next study."""
    text = f"{HEAD}no significant activation\n\n//B, 2001: c\n//Subjects=14\n1 2 3\n"
    contrasts, problems = parse(text)
    assert [one.id for one in contrasts] == ["A_2000-b_no_significant_activation", "B_2001-c"]
    assert messages(problems)[1:] == [
        "a.txt, line 4: taken as the rest of the header above: 'no significant activation'"
    ]


@pytest.mark.parametrize("end", ["\v", "\x85", "\u2028", "\u2029"])
def test_line_breaks_of_word_and_of_web_pages(end: str) -> None:
    """They end lines: no focus disappears in a header."""
    contrast, warnings = one(f"{HEAD}1 2 3\n4 5 6\n".replace("\n", end))
    assert (contrast.id, xyz(contrast), warnings) == ("A_2000-b", [[1, 2, 3], [4, 5, 6]], [])


def test_long_text_in_a_message_ends_with_dots_and_a_quote() -> None:
    """A cut title is told apart from a short one."""
    title = "A, 2000: " + "faces and " * 20
    _, problems = parse(f"//Reference=MNI\n//{title}\n1 2 3\n")
    assert messages(problems) == [
        f"a.txt, line 2: no sample size for '{title[:80]}...' (add a line //Subjects=N)"
    ]


@pytest.mark.parametrize("line", ["Reference=TAL", "#Reference=TAL", "\\\\Reference=TAL"])
def test_reference_without_slashes_is_honoured(line: str) -> None:
    """A Reference line that lost its slashes still says where the foci are, and is said."""
    contrast, warnings = one(HEAD.replace("//Reference=MNI", line) + "1 2 3\n")
    assert contrast.spaces == ("TAL",)
    assert warnings == [f"a.txt, line 1: a header without its two slashes: {line!r}"]


def test_reference_among_foci_cuts_no_experiment() -> None:
    """Each focus keeps the space of the Reference line above it."""
    contrast, warnings = one(HEAD + "1 2 3\n//Reference=TAL\n4 5 6\n")
    assert (xyz(contrast), contrast.spaces) == ([[1, 2, 3], [4, 5, 6]], ("MNI", "TAL"))
    assert warnings == ["a.txt, line 5: the space changes from MNI to TAL for what follows"]


def test_two_spaces_in_one_reference_are_none() -> None:
    """MNI/Talairach says nothing, and is refused."""
    _, problems = parse(HEAD.replace("=MNI", "=MNI/Talairach") + "1 2 3\n")
    assert "line 1: unknown space 'MNI/Talairach'" in messages(problems, "error")[0]


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("Subjects=13", 13),
        ("//Number of subjects: 13", 13),
        ("//No. of participants = 13", 13),
        ("//Sample size=13", 13),
        ("//#Subjects=13", 13),
        ("//Subj.=13", 13),
        ("//Subjects 13", 13),
        ("//Subjects N=13", 13),
        ("//Subjects=13;", 13),
    ],
)
def test_more_subjects_spellings(line: str, size: int) -> None:
    """The sample size, however it is called, is no part of the title."""
    contrasts, _ = parse(HEAD.replace("//Subjects=13", line) + "1 2 3\n")
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", (size,))]


def test_huge_sample_size_is_said() -> None:
    """A number of participants that no study has is used, and said."""
    contrast, warnings = one(HEAD.replace("=13", "=1000000") + "1 2 3\n")
    assert contrast.sample_sizes == (1_000_000,)
    assert "sample size 1e+06 of 'A, 2000: b' is implausible: it is above 100,000" in warnings[0]


def test_sample_size_above_the_title_and_a_blank_line() -> None:
    """It belongs to the title below it, which has none of its own."""
    text = "//Reference=MNI\n" + "//Subjects={}\n\n//{}, 2000: b\n1 2 3\n\n" * 2
    contrasts, problems = parse(text.format(13, "A", 9, "C"))
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", (13,)), ("C_2000-b", (9,))]
    assert problems == []


def test_sample_size_below_the_foci() -> None:
    """It is that of the foci above, where these have none; no experiment is made of it."""
    text = "//Reference=MNI\n" + "//{}, 2000: b\n1 2 3\n//Subjects={}\n\n" * 2
    contrasts, problems = parse(text.format("A", 13, "C", 9))
    assert [(c.id, c.sample_sizes) for c in contrasts] == [("A_2000-b", (13,)), ("C_2000-b", (9,))]
    assert messages(problems) == [
        "a.txt, line 4: a sample size below the foci is taken as theirs, of 'A, 2000: b'",
        "a.txt, line 8: a sample size below the foci is taken as theirs, of 'C, 2000: b'",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,5, -2,25, 3,0", [1.5, -2.25, 3]),
        ("1,5 -2.5 3", [1.5, -2.5, 3]),
        ("1,5;-2,5;3", [1.5, -2.5, 3]),
        ("(-1, 2, 3)", [-1, 2, 3]),
        ("[-1 2 3]", [-1, 2, 3]),
        ("x=-1 y=2 z=3", [-1, 2, 3]),
        ("X: -1, Y: 2, Z: 3", [-1, 2, 3]),
        ("-1 mm 2 mm 3mm", [-1, 2, 3]),
        ("1|-2|3", [1, -2, 3]),
        ("'-1 2 3", [-1, 2, 3]),
        ("1,2,3,,,", [1, 2, 3]),
        ("\ufeff-1\u200e 2 3\x1a", [-1, 2, 3]),
        ("\xad1 \x962 ˗3", [-1, -2, -3]),
        ("âˆ’1 â€“2 3", [-1, -2, 3]),
        ("+5 .78 1e1", [5, 0.78, 10]),
        ("-.5 -0 1E1", [-0.5, 0, 10]),
    ],
)
def test_more_rows_of_numbers(row: str, expected: list[float]) -> None:
    """Numbers as they come out of papers, tables and broken encodings."""
    contrast, warnings = one(f"{HEAD}{row}\n")
    assert (xyz(contrast), warnings) == ([expected], [])


@pytest.mark.parametrize(
    ("row", "expected"),
    [("- 1 2 3", [-1, 2, 3]), ("1 - 2 3", [1, -2, 3]), ("− 1 − 2 − 3", [-1, -2, -3])],
)
def test_a_sign_apart_from_its_number_is_said(row: str, expected: list[float]) -> None:
    """It is the sign of the number after it."""
    contrast, warnings = one(f"{HEAD}{row}\n")
    assert xyz(contrast) == [expected]
    assert "line 4: a sign is read as that of the number after it" in warnings[0]


@pytest.mark.parametrize(
    "row",
    ["insula -1 2 3", "L 1 2 3", "1/2/3", "1:2:3", "1 - 2 - 3", "1.2.3 4 5", "--1 2 3", "* 1 2 3"],
)
def test_numbers_that_cannot_be_told_are_an_error(row: str) -> None:
    """Right below a header, too, they become no part of its title."""
    for text in (f"{HEAD}{row}\n4 5 6\n", f"{HEAD}4 5 6\n{row}\n"):
        contrasts, problems = parse(text)
        assert [(c.id, xyz(c)) for c in contrasts] == [("A_2000-b", [[4, 5, 6]])]
        (error,) = messages(problems, "error")
        assert f"expected three numbers x y z, got {row!r}" in error


def test_column_that_counts_the_rows_is_an_error() -> None:
    """1, 2, 3 before x, y and z would be taken as x."""
    _, problems = parse(HEAD + "1 48 -74 -8\n2 52 -58 0\n3 -20 10 5\n")
    (error,) = messages(problems, "error")
    assert error == (
        "a.txt, line 4: rows 4 to 6 of 'A, 2000: b' have more than 3 numbers, "
        "the first one counts them (remove that column)"
    )


def test_names_of_regions_are_said_once() -> None:
    """What stands behind the numbers of many rows is one warning an experiment."""
    contrast, warnings = one(HEAD + "".join(f"{i} 2 3 region {i}\n" for i in range(12)))
    assert len(contrast.xyz) == 12
    (warning,) = warnings
    assert warning == (
        "a.txt, line 4: what follows the numbers is left out: 'region 0' and others, of "
        "'A, 2000: b' (lines 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 2 more)"
    )


def test_files_put_together_with_their_marks() -> None:
    """A byte-order mark inside the text does not hide the Reference line behind it."""
    contrasts, problems = parse(HEAD + "1 2 3\n\ufeff" + HEAD.replace("MNI", "TAL") + "4 5 6\n")
    assert [c.spaces for c in contrasts] == [("MNI",), ("TAL",)]
    assert "the space changes from MNI to TAL" in messages(problems)[1]


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        (
            "code.cpp",
            b"// Template: a\n#include <b>\nint f() {\n}\n1, 2, 3\n",
            False,
        ),
        ("noise.txt", bytes(range(1, 256)) * 40, False),
        ("zeros.txt", bytes(5000), False),
        ("cut.txt", b"//Reference=MNI\n//" + "é".encode() * 33_000 + b"\n", True),
        ("nomark.txt", "//Reference=MNI\n".encode("utf-16-be"), True),
        ("bare.txt", b"Reference=MNI\nA, 2000\nSubjects=12\n1 2 3\n", True),
        ("words.txt", b"MNI\nA, 2000\nSubjects=12\n1 2 3\n", False),
        ("rich.txt", b"{\\rtf1\\ansi //Reference=MNI\\\n//A\\\n1 2 3\\\n}", True),
        ("letter.rtf", b"{\\rtf1\\ansi Dear http://x.org, 1 2 3\\\n}", False),
    ],
)
def test_more_sniffing(tmp_path: Path, name: str, body: bytes, expected: bool) -> None:  # noqa: FBT001
    """Source code and noise are no foci; a character cut in two is no other encoding."""
    path = tmp_path / name
    path.write_bytes(body)
    assert sleuth.sniff(path) == expected


def test_rich_text_is_one_error(tmp_path: Path) -> None:
    """A file that a word processor saved with its fonts says what to do."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"{\\rtf1\\ansi //Reference=MNI\\\n//A, 2000\\\n1 2 3\\\n}")
    contrasts, problems = sleuth.read(path)
    assert contrasts == []
    assert messages(problems, "error") == [
        "a.txt: rich text (RTF), not plain text (save it as plain text)"
    ]


def test_long_line_is_an_error() -> None:
    """A million digits are neither a size nor a focus; what follows is read."""
    text = f"//Reference=MNI\n//A, 2000: b\n//Subjects={'9' * 10**6}\n{'9' * 10**6} 2 3\n4 5 6\n"
    contrasts, problems = parse(text)
    assert xyz(contrasts[0]) == [[4, 5, 6]]
    assert messages(problems, "error") == [
        f"a.txt, line {line}: a line of {n} characters (no line of foci has more than 10,000 "
        "characters)"
        for line, n in ((3, "1,000,011"), (4, "1,000,004"))
    ]


def test_long_runs_of_blanks_take_linear_time() -> None:
    """Padding at the ends of lines is no long line, and padding inside is no trap."""
    pad = " " * 9_000
    contrasts, problems = parse((f"//A, 2000: b{pad}c{pad}\n" + f"1{pad}2 3{pad * 2}\n") * 100)
    assert len(contrasts) == 100
    assert not any("characters" in text for text in messages(problems, "error"))


@pytest.mark.parametrize(
    ("limit", "value", "text", "message"),
    [
        ("MOST_EXPERIMENTS", 10, HEAD * 100, "more than 10 experiments in one file"),
        ("MOST_FOCI", 10, HEAD + "1 2 3\n" * 100, "more than 10 foci in one file"),
        ("MOST_LINES", 10, HEAD + "\n" * 100, "more than 10 lines in one file"),
        ("MOST", 10, HEAD + "what\n" * 3 + "1 2 3\n" + "what\n" * 100, "10 errors"),
    ],
)
def test_too_much_is_one_error(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int, text: str, message: str
) -> None:
    """Reading ends there, with a message that says so."""
    monkeypatch.setattr(_sleuth_reader, limit, value)
    contrasts, problems = parse(text)
    assert contrasts == []
    assert f"{message}; what follows is not read" in messages(problems, "error")[-1]


def test_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused by its size; no more of it than that is held."""
    monkeypatch.setattr(sleuth, "MOST_BYTES", 1000)
    path = tmp_path / "a.txt"
    path.write_bytes(b"//Reference=MNI\n" * 100)
    contrasts, (problem,) = sleuth.read(path)
    assert contrasts == []
    assert str(problem) == (
        "a.txt: the file is larger than 0.001 MB, more than any text of foci "
        "(split it into several files)"
    )


def test_many_warnings_are_counted() -> None:
    """The first thousand are listed, and then their number."""
    _, problems = sleuth.parse("//Reference=MNI\n" + "//A, 2000: b\n1 2 3\n" * 1500, "a.txt")
    warnings = messages(problems)
    assert len(warnings) == 1001
    assert warnings[-1] == "a.txt: and 501 warnings more in this file"
