"""``nimare-pipeline validate``: every problem, by file and line."""

import json
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import main
from tests.cli.program import EXAMPLE
from tests.io.tables import CONTRASTS, COORDINATES, SET, put

SLEUTH = "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Errors in two tables, and a warning."""
    files = {
        **SET,
        "contrasts.tsv": CONTRASTS.replace("24", "many"),
        "coordinates.tsv": COORDINATES.replace("40", "x").replace("30", "300"),
    }
    return put(tmp_path / "set", files)


def test_good_data(capsys) -> None:
    """What was read is said, and the last line counts."""
    assert main(["validate", str(EXAMPLE)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pain: NiMARE Dataset JSON",
        "  21 contrasts of 21 studies, 267 foci",
        "  from pain.json",
        "",
        "SUCCESS (exit 0): 0 errors and 0 warnings in 21 contrasts, 267 foci",
    ]


def test_every_problem_is_listed_by_file_and_line(broken: Path, capsys) -> None:
    """Errors and warnings of all files, in 80 columns, and exit 65."""
    assert main(["validate", str(broken)]) == 65
    lines = capsys.readouterr().out.splitlines()
    assert lines[4:] == [
        "contrasts.tsv",
        "  error    line 2: sample_size is 'many' (expected a number of participants)",
        "  warning  1 contrast without sample size: Smith_2019-pain (ALE needs one: fill",
        "           it in, or run with --missing-n or --fwhm)",
        "",
        "coordinates.tsv",
        "  error    line 4: x is 'x' (expected a number, in mm)",
        "  warning  line 2 (study Smith_2019, contrast pain): focus 1, (10, -20, 300),",
        "           lies outside the head (a lost decimal point or minus sign?)",
        "",
        "FAILED (exit 65): 2 errors and 2 warnings in 2 contrasts, 2 foci",
    ]
    assert max(map(len, lines)) <= 80


def test_it_goes_on_past_a_bad_file(tmp_path: Path, capsys) -> None:
    """Files of other formats are read, too, and that they are rivals is one more error."""
    put(
        tmp_path,
        {"a.txt": f"{SLEUTH}4 5\n", "b.txt": f"{SLEUTH}dog\n", "c.json": '{"s": {"contrasts"'},
    )
    assert main(["validate", str(tmp_path)]) == 65
    out = capsys.readouterr().out
    assert "in general error" in " ".join(out.split())
    assert "several datasets that cannot be one run" in " ".join(out.split())
    for file in ("a.txt", "b.txt", "c.json"):
        assert f"\n{file}\n  error    line " in out
    assert out.splitlines()[-1] == (
        "FAILED (exit 65): 4 errors and 0 warnings in 3 datasets, 2 contrasts, 2 foci"
    )


def test_warnings_are_allowed_unless_strict(tmp_path: Path, capsys) -> None:
    """``--strict`` ends with 65 where there are warnings, and only there."""
    (tmp_path / "a.txt").write_text(SLEUTH.replace("//Subjects=13\n", ""))
    assert main(["validate", str(tmp_path)]) == 0
    assert main(["validate", str(tmp_path), "--strict"]) == 65
    assert main(["validate", str(EXAMPLE), "--strict"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "(exit" in line]
    assert lines[0] == "SUCCESS (exit 0): 0 errors and 2 warnings in 1 contrast, 1 focus"
    assert lines[1] == "FAILED (exit 65): 0 errors and 2 warnings in 1 contrast, 1 focus"


def test_json(broken: Path, capsys) -> None:
    """All problems with level, file, line, message and suggestion."""
    assert main(["validate", str(broken), "--json"]) == 65
    answer = json.loads(capsys.readouterr().out)
    assert (answer["errors"], answer["warnings"]) == (2, 2)
    assert answer["sources"] == [
        {
            "name": "set",
            "format": "table layout (contrasts.tsv, coordinates.tsv)",
            "files": [
                "contrasts.tsv",
                "coordinates.tsv",
                "studies.tsv",
                "desc-my_annotations.tsv",
            ],
            "studies": 2,
            "contrasts": 2,
            "foci": 2,
        }
    ]
    assert answer["problems"][1] == {
        "level": "error",
        "message": "sample_size is 'many'",
        "file": "contrasts.tsv",
        "where": "line 2",
        "suggestion": "expected a number of participants",
        "kind": "",
        "line": 2,
    }
    assert [problem["line"] for problem in answer["problems"]] == [None, 2, 2, 4]


@pytest.mark.parametrize(
    "path",
    [
        "sleuth/SkeideLab__meta_semantics",
        "nimads/compose/ataCTPAt2LMw_small",
        "nimare_json/nidm_pain_dset.json",
    ],
)
def test_real_data(shared_data: Path, path: str, capsys) -> None:
    """Real datasets of each format are valid."""
    assert main(["validate", str(shared_data / path)]) == 0
    assert "SUCCESS (exit 0): 0 errors" in capsys.readouterr().out


def test_studies_with_several_contrasts_are_no_problem_but_said(tmp_path: Path, capsys) -> None:
    """It is nothing to mend in the data, so that --strict accepts it; a run may pool them."""
    foci = "study_id\tcontrast_id\tx\ty\tz\tspace\na\tup\t1\t2\t3\tMNI\na\tdown\t4\t5\t6\tMNI\n"
    contrasts = "study_id\tcontrast_id\tsample_size\na\tup\t12\na\tdown\t12\n"
    folder = put(tmp_path / "set", {"coordinates.tsv": foci, "contrasts.tsv": contrasts})
    assert main(["validate", str(folder), "--strict"]) == 0
    assert "  1 study contributes several contrasts, 2 (a); see --pool" in (
        capsys.readouterr().out.splitlines()
    )


def sleuth(*counts: int) -> str:
    """Sleuth file in which each contrast has one focus so many times."""
    head = "//Reference=MNI\n"
    parts = [
        f"//A, {2000 + i}: b\n//Subjects=13\n{f'{i} 2 3' + chr(10)}{f'{i} 2 3' + chr(10)}"
        for i in range(counts[0])
    ]
    return head + "\n".join(parts)


def test_what_is_alike_is_counted_unless_all_is_wanted(tmp_path: Path, capsys) -> None:
    """Five of a kind are shown, with the advice once; ``--all`` and JSON have every one."""
    file = tmp_path / "a.txt"
    file.write_text(sleuth(8))
    assert main(["validate", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("stands more" in line for line in lines) == 5
    assert "           and 3 more like these (--all)" in lines
    assert " ".join(" ".join(lines).split()).count("tables of one paper put together?") == 1
    assert (
        lines[-1] == "SUCCESS (exit 0): 0 errors, 0 warnings and 8 notes in 8 contrasts, 16 foci"
    )
    assert main(["validate", str(file), "--all"]) == 0
    assert capsys.readouterr().out.count("stands more") == 8
    assert main(["validate", str(file), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [problem["kind"] for problem in facts["problems"]] == ["focus-twice"] * 8
    assert (facts["errors"], facts["warnings"], facts["notes"]) == (0, 0, 8)


def test_notes_are_accepted_by_strict_and_stand_last(tmp_path: Path, capsys) -> None:
    """A focus that stands twice is usual; the same table twice is not."""
    foci = [f"{x} 2 {x}\n" for x in (-3, 0, 4, 8, 9)]
    file = tmp_path / "a.txt"
    file.write_text(f"//Reference=MNI\n//A, 2000: b\n//Subjects=13\n{''.join([*foci, foci[0]])}")
    assert main(["validate", str(file), "--strict"]) == 0
    capsys.readouterr()
    file.write_text(f"{file.read_text()}\n//B, 2000: b\n//Subjects=12\n{''.join(foci * 2)}")
    assert main(["validate", str(file), "--strict"]) == 65
    out = capsys.readouterr().out
    assert out.index("its 10 foci are 5 different ones") < out.index("1 focus of its 6 stands")


def test_one_more_is_shown_where_saying_so_takes_as_much_room(tmp_path: Path, capsys) -> None:
    """Six of a kind all stand there."""
    file = tmp_path / "a.txt"
    file.write_text(sleuth(6))
    assert main(["validate", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.count("stands more") == 6
    assert "more like these" not in out


def test_suspicions_stand_below_what_a_reader_says(tmp_path: Path, capsys) -> None:
    """In the order of their table, whatever line they are of."""
    file = tmp_path / "a.txt"
    outside = "\n".join(f"{80 + i} 80 {80 + i}" for i in range(5))
    file.write_text(f"{sleuth(1)}\n//B, 2001: c\n//Subjects=12\n{outside}\n//C, 2002: d\n1 2 9\n")
    assert main(["validate", str(file)]) == 0
    out = capsys.readouterr().out
    places = [out.index(text) for text in ("without sample size", "5 of its 5", "stands more")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("description", "studies", "strict", "code"),
    [
        ('{"Name": "a", "BIDSVersion": "1.10.0"}', SLEUTH, [], 0),
        ('{"Name": "a"}', SLEUTH, [], 16),
        ('{"Name": "a"}', SLEUTH, ["--strict"], 16),
        ('{"Name": "a"}', f"{SLEUTH}1 2\n", [], 65),
        ('{"Name": "a"}', SLEUTH.replace("//Subjects=13\n", ""), ["--strict"], 65),
        (None, SLEUTH, [], 0),
    ],
)
def test_16_is_no_valid_bids_65_is_bad_data(
    tmp_path: Path, description: str | None, studies: str, strict: list[str], code: int, capsys
) -> None:
    """The data outweigh the description; a folder without one is none of BIDS."""
    (tmp_path / "a.txt").write_text(studies)
    if description:
        (tmp_path / "dataset_description.json").write_text(description)
    assert main(["validate", str(tmp_path), *strict]) == code
    out = capsys.readouterr().out
    assert f"(exit {code}): " in out.splitlines()[-1]
    said = "  error    has no BIDSVersion (BIDSVersion is a text that BIDS requires)"
    assert (f"\ndataset_description.json\n{said}" in out) == (description == '{"Name": "a"}')
    assert main(["validate", str(tmp_path), "--json", *strict]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == code
    kinds = [p["kind"] for p in answer["problems"] if p["file"] == "dataset_description.json"]
    assert kinds == (["bids"] if description == '{"Name": "a"}' else [])
