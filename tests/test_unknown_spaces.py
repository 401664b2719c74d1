"""Foci in no known space: each policy, and what it says."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nimare_pipeline import io, spaces
from nimare_pipeline.cli import plan as planning
from nimare_pipeline.cli.commands import summary, validate
from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.errors import DataError, UsageError

SPACELESS = "//A, 2000: b\n//Subjects=13\n-10 20 30\n"
DOG = "//Reference=Dog\n//C, 2001: d\n//Subjects=9\n-10 20 30\n"
GIVEN = "//Reference=MNI\n//E, 2002: f\n//Subjects=9\n-10 20 30\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mixed.txt").write_text(SPACELESS + DOG + GIVEN)
    return tmp_path


def plan(folder: Path, *words: str) -> list[Planned]:
    return planning.plan(parse([str(folder), str(folder / "out"), "meta", "--fwhm", "9", *words]))


def test_run(folder: Path) -> None:
    """The option of a run reaches the reader."""
    (planned,) = plan(folder, "--unknown-space", "exclude")
    assert planned.dataset.ids.tolist() == ["E_2002-f"]


@pytest.mark.parametrize("policy", ["", "error"])
def test_refused_by_default(folder: Path, policy: str) -> None:
    """Nothing is assumed unless somebody says so, and the message tells how."""
    with pytest.raises(DataError) as caught:
        io.read(folder, unknown_space=policy)
    text = str(caught.value)
    assert "mixed.txt: the space of the foci is not given for A_2000-b" in text
    assert "mixed.txt, line 4: unknown space 'Dog' for C_2001-d" in text
    assert text.count("decide by --unknown-space") == 2
    with pytest.raises(DataError, match="not given for A_2000-b"):
        plan(folder, *(("--unknown-space", policy) if policy else ()))


@pytest.mark.parametrize(("policy", "space"), [("mni", "MNI"), ("talairach", "TAL")])
def test_assumed(folder: Path, policy: str, space: str) -> None:
    """Foci are taken as said, those of a known space are left alone, and both are written down."""
    (source,) = io.read(folder, unknown_space=policy)
    xyz = source.dataset.coordinates[["x", "y", "z"]].to_numpy()
    given = np.array([-10.0, 20, 30])
    taken = given if space == "MNI" else spaces.tal2mni(given[np.newaxis])[0]
    np.testing.assert_allclose(xyz, [taken, taken, given])
    assert source.dataset.coordinates["original_space"].tolist() == ["UNKNOWN", "UNKNOWN", "MNI"]
    assert source.dataset.get_metadata(field="original_space") == ["UNKNOWN", "UNKNOWN", "MNI"]
    way = "none" if space == "MNI" else "tal2mni-other"
    assert source.dataset.get_metadata(field="space_transform") == [way, way, "none"]
    done = f"; {space} is assumed (as asked for: {policy})"
    said = [str(problem) for problem in source.problems if done in str(problem)]
    assert said == [
        f"mixed.txt: the space of the foci is not given for 1 contrast (A_2000-b){done}",
        f"mixed.txt, line 4: unknown space 'Dog' for 1 contrast (C_2001-d){done}",
    ]


def test_excluded(folder: Path) -> None:
    """Contrasts with such foci are left out, and named."""
    (source,) = io.read(folder, unknown_space="exclude")
    assert source.dataset.ids.tolist() == ["E_2002-f"]
    said = "\n".join(map(str, source.problems))
    assert "not given for 1 contrast (A_2000-b); it is left out (as asked for: exclude)" in said


TABLES = {
    "table.csv": "study,n,x,y,z,space\nA,9,-10,20,30,\nC,9,-10,20,30,Dog\nE,9,-10,20,30,MNI\n",
    "coordinates.tsv": "study_id\tcontrast_id\tsample_size\tx\ty\tz\tspace\n"
    "A\t1\t9\t-10\t20\t30\tn/a\nC\t1\t9\t-10\t20\t30\tDog\nE\t1\t9\t-10\t20\t30\tMNI\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_refuse_by_default(tmp_path: Path, name: str) -> None:
    """One error a space, with its line, and how it can be decided."""
    (tmp_path / name).write_text(TABLES[name])
    for policy in ("", "error"):
        with pytest.raises(DataError) as caught:
            io.read(tmp_path, unknown_space=policy)
        assert sorted(str(problem).partition(" (")[0] for problem in caught.value.problems) == [
            f"{name}, line 2: no space is given for 1 focus, but for the others",
            f"{name}, line 3: unknown space 'Dog' of 1 focus",
        ]
        assert str(caught.value).count("or decide by --unknown-space") == 2


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_the_policy(tmp_path: Path, name: str) -> None:
    """Spreadsheets and tables are read as it says: assumed, or without such contrasts."""
    (tmp_path / name).write_text(TABLES[name])
    (source,) = io.read(tmp_path, unknown_space="exclude")
    assert source.dataset.ids.tolist() == ["E-1"]
    (source,) = io.read(tmp_path, unknown_space="talairach")
    assert source.dataset.coordinates["original_space"].tolist() == ["UNKNOWN", "UNKNOWN", "MNI"]
    given = np.array([[-10.0, 20, 30]])
    xyz = source.dataset.coordinates[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(xyz, [*spaces.tal2mni(given), *spaces.tal2mni(given), *given])
    assumed = "TAL is assumed (as asked for: talairach)"
    assert [str(problem) for problem in source.problems] == [
        f"{name}: the space of the foci is not given for 1 contrast (A-1); {assumed}",
        f"{name}: unknown space 'Dog' for 1 contrast (C-1); {assumed}",
    ]


def test_nothing_left(tmp_path: Path) -> None:
    """A file that loses all its contrasts is an error that says why."""
    (tmp_path / "a.txt").write_text(SPACELESS)
    with pytest.raises(DataError, match=r"(?s)no foci.*not given for 1 contrast.*it is left out"):
        io.read(tmp_path, unknown_space="exclude")


def test_unknown_policy(folder: Path) -> None:
    """A policy that does not exist is refused with those that do."""
    accepted = "accepted are: error, exclude, mni, talairach"
    with pytest.raises(UsageError, match=f"unknown policy 'dog' for unknown spaces; {accepted}"):
        io.read(folder, unknown_space="dog")


def test_by_the_name_of_the_field(folder: Path) -> None:
    """The converter takes the policy, too."""
    dataset = io.convert_sleuth_to_dataset(folder / "mixed.txt", unknown_space="exclude")
    assert dataset.ids.tolist() == ["E_2002-f"]
    with pytest.raises(DataError, match="not given for A_2000-b"):
        io.convert_sleuth_to_dataset(folder / "mixed.txt")


def test_a_whole_file_without_space_is_counted(tmp_path: Path) -> None:
    """Hundreds of names would hide what has to be done."""
    (tmp_path / "a.txt").write_text(SPACELESS * 300)
    with pytest.raises(DataError, match="space of the foci is not given for any of 300 contrasts"):
        io.read(tmp_path)


@pytest.mark.parametrize("command", [validate, summary])
def test_commands_have_the_policy(folder: Path, command: ModuleType, capsys) -> None:  # type: ignore[no-untyped-def]
    """What a run would read can be looked at first."""
    outcome = command.run([str(folder), "--unknown-space", "exclude"])
    assert (outcome.exit_code, outcome.reason[-19:]) == (0, "1 contrast, 1 focus")
    capsys.readouterr()


def test_analysis_file(folder: Path) -> None:
    """The file may decide for all its analyses, and the command line replaces it."""
    model = folder / "analyses.toml"
    model.write_text('[run]\nunknown_space = "exclude"\n[[analysis]]\nname = "a"\n')
    words = [str(folder), str(folder / "out"), "meta"]
    assert with_model(parse(words)).settings.unknown_space == "exclude"
    request = with_model(parse([*words, "--unknown-space", "mni"]))
    assert request.settings.unknown_space == "mni"
    (planned,) = planning.plan(request)
    assert len(planned.dataset.ids) == 3


@pytest.mark.parametrize("name", ["foci.csv", "coordinates.tsv"])
def test_tables_without_a_space(tmp_path: Path, name: str) -> None:
    """What a table's reader assumes is overruled, and not said any more."""
    rows = ["study_id,contrast_id,x,y,z,sample_size", "A,b,-10,20,30,20"]
    mark = "," if name.endswith("csv") else "\t"
    (tmp_path / name).write_text("\n".join(row.replace(",", mark) for row in rows) + "\n")
    (source,) = io.read(tmp_path)
    assert ["no space is given; MNI is assumed" in str(p) for p in source.problems] == [True]
    assert source.dataset.get_metadata(field="original_space") == ["MNI"]
    (source,) = io.read(tmp_path, unknown_space="talairach")
    assert ["TAL is assumed (as asked for: talairach)" in str(p) for p in source.problems] == [
        True
    ]
    xyz = source.dataset.coordinates[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(xyz, spaces.tal2mni([[-10, 20, 30]]))
    assert source.dataset.get_metadata(field="original_space") == ["UNKNOWN"]
    with pytest.raises(DataError, match=r"the space of the foci is not given for A-b"):
        io.read(tmp_path, unknown_space="error")
