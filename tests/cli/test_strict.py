"""``--strict`` of a run, and several wrong files at once."""

from pathlib import Path

import pytest

from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan
from nimare_pipeline.errors import DataError

CLEAN = "//Reference=MNI\n//A, 2000: b\n//Subjects=13\n1 2 3\n"
ODD = CLEAN.replace("1 2 3", "1 2 3\n425 2 3")
MORE = "//C, 2001: d\n//Subjects=9\n7 8 9\n"
MODEL = '[[analysis]]\nname = "a"\ntype = "macm"\nsphere = [0, 0, 0, 20]\ndatabase = "{}"\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "clean.txt").write_text(CLEAN)
    return folder


def planned(data: Path, *words: str) -> list[str]:
    request = parse([str(data), str(data.parent / "out"), "meta", *words])
    return [one.analysis.name for one in plan(request)]


def test_warnings_are_errors(data: Path) -> None:
    """Every warning of every file is listed as an error, and without --strict it runs."""
    (data / "odd.txt").write_text(ODD)
    (data / "worse.txt").write_text(ODD.replace("//Subjects=13\n", ""))
    assert planned(data) == ["clean", "odd", "worse"]
    with pytest.raises(DataError) as caught:
        planned(data, "--strict")
    message, *listed = str(caught.value).splitlines()
    assert message == "the input has 3 warnings, which are refused by --strict"
    assert [line.partition(" (")[0] for line in listed] == [
        "  - odd.txt, line 5",
        "  - worse.txt, line 2: no sample size for 'A, 2000: b'",
        "  - worse.txt, line 4",
    ]
    assert {problem.level for problem in caught.value.problems} == {"error"}


def test_clean_data_are_accepted(data: Path) -> None:
    """Nothing is odd, nothing is refused."""
    assert planned(data, "--strict") == ["clean"]


def test_a_database_is_judged_too(data: Path) -> None:
    """A warning of a database that an analysis names is an error of that analysis."""
    (data / "odd.txt").write_text(ODD)
    model = data.parent / "analyses.toml"
    model.write_text(MODEL.format("in/odd.txt"))
    from nimare_pipeline.cli.model import with_model

    request = with_model(
        parse([str(data), str(data.parent / "out"), "meta", "--model", str(model), "--strict"])
    )
    (one,) = plan(request)
    assert str(one.error).startswith("the input has 1 warning, which is refused by --strict\n")


def test_all_problems_of_all_files_are_listed_at_once(data: Path) -> None:
    """Two wrong files among three: every error of both, then what is odd."""
    (data / "one.txt").write_text(CLEAN + "4 5\n6 dog 7\n")
    (data / "two.txt").write_text(ODD.replace("MNI", "Dog") + "insula\n")
    with pytest.raises(DataError) as caught:
        planned(data)
    message, *listed = str(caught.value).splitlines()
    assert message == f"{data} cannot be read"
    assert [line.partition(" (")[0] for line in listed] == [
        "  - one.txt, line 5: expected three numbers x y z, got '4 5'",
        "  - one.txt, line 6: expected three numbers x y z, got '6 dog 7'",
        "  - two.txt, line 6: neither a header nor a focus: 'insula'",
        "  - two.txt, line 1: unknown space 'Dog' for A_2000-b",
    ]


def test_merge_pools_files(data: Path) -> None:
    """With --merge there is one analysis of all, whatever their spaces."""
    (data / "tal.txt").write_text(CLEAN.replace("MNI", "Talairach").replace("A,", "B,"))
    assert planned(data, "--merge") == ["all"]
    request = parse([str(data), str(data.parent / "out"), "meta", "--merge", "--name", "pain"])
    (one,) = plan(request)
    assert (one.analysis.name, one.analysis.sources) == ("pain", ("clean.txt", "tal.txt"))
    assert one.dataset.ids.tolist() == ["A_2000-b", "B_2000-b"]
    assert one.dataset.get_metadata(field="original_space") == ["MNI", "TAL"]


def test_merge_keeps_contrasts_of_one_name_apart(data: Path) -> None:
    """Increases and decreases of one header are two contrasts of one study, and it is said."""
    (data / "other.txt").write_text(CLEAN.replace("1 2 3", "4 5 6") + MORE)
    (data / "same.txt").write_text(CLEAN)
    request = parse([str(data), str(data.parent / "out"), "meta", "--merge", "--fwhm", "9"])
    (one,) = plan(request)
    with pytest.raises(DataError, match=r"1 contrast stands in clean\.txt too, with other foci"):
        planned(data, "--merge", "--fwhm", "9", "--strict")
    assert one.dataset.metadata["study_id"].tolist() == ["A_2000", "A_2000", "C_2001", "A_2000"]
    assert one.dataset.ids.tolist() == ["A_2000-b", "A_2000-b_2", "C_2001-d", "A_2000-b_3"]
    assert one.dataset.coordinates["id"].tolist() == one.dataset.ids.tolist()
    assert one.dataset.coordinates["x"].tolist() == [1, 4, 7, 1]
    different, same = map(str, one.problems)
    assert different == (
        "other.txt: 1 contrast stands in clean.txt too, with other foci: A_2000-b; each is kept "
        "as a contrast of its own"
    )
    assert same == (
        "same.txt: 1 contrast stands in clean.txt, other.txt too, with the same foci: A_2000-b "
        "(it counts twice: leave one out, by a file or by --select)"
    )


def test_merge_keeps_studies_without_name_apart(data: Path) -> None:
    """The first nameless study of one file is not that of another."""
    for name in ("e.txt", "f.txt"):
        (data / name).write_text("//Reference=MNI\n//\n//Subjects=9\n1 2 3\n\n//\n4 5 6\n")
    request = parse([str(data), str(data.parent / "out"), "meta", "--merge", "--fwhm", "9"])
    (one,) = plan(request)
    assert one.dataset.metadata["study_id"].tolist() == [
        "A_2000",
        *(f"study_unknown_{n}" for n in (1, 2, 3, 4)),
    ]
