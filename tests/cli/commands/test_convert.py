"""``nimare-pipeline convert``: studies from one format to another."""

import json
import signal
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.cli.main import main
from tests.cli.program import EXAMPLE, interrupt
from tests.io.tables import SET, put

SLEUTH = "//Reference={}\n//Smith, 2019: {}\n//Subjects=20\n1\t2\t3\n\n"
TWO_SIZES = "study_id\tcontrast_id\tgroup1_n\tgroup2_n\ta\nS\t1\t20\t12\t0\nS\t2\t9\tn/a\t1\n"
FOCI = "study_id\tcontrast_id\tx\ty\tz\tspace\nS\t1\t1\t2\t3\tMNI\nS\t2\t4\t5\t6\tTAL\n"


def two(folder: Path) -> Path:
    """Two Sleuth files of one space each."""
    return put(folder, {f"{n}.txt": SLEUTH.format(s, n) for n, s in (("a", "MNI"), ("b", "TAL"))})


@pytest.mark.parametrize(
    ("place", "words", "said", "reads"),
    [
        ("new", [], "a folder of tables, by the name new", "table layout"),
        ("new.json", [], "a NIMADS studyset, by the name new.json", "NIMADS studyset"),
        ("new.txt", [], "Sleuth text, by the name new.txt", "Sleuth text"),
        ("new.csv", [], "a table of foci, by the name new.csv", "table of foci"),
        ("new.tsv", [], "a table of foci, by the name new.tsv", "table of foci"),
        ("new.json", ["--to", "nimare"], "to NiMARE Dataset JSON from", "NiMARE Dataset JSON"),
        ("new.json", ["--to", "native"], "to a folder of tables from", "table layout"),
    ],
)
def test_format(
    place: str, words: list[str], said: str, reads: str, tmp_path: Path, capsys
) -> None:
    """It goes by ``--to``, or by the name of OUT, and is told."""
    assert main(["convert", str(EXAMPLE), str(tmp_path / place), *words]) == 0
    out = capsys.readouterr().out
    assert said in " ".join(out.split())
    assert out.splitlines()[-1] == (
        "SUCCESS (exit 0): 21 contrasts, 267 foci written; nothing is lost; "
        f"see {tmp_path / place}"
    )
    (source,) = io.read(tmp_path / place)
    assert source.format.startswith(reads)
    assert len(source.dataset.coordinates) == 267
    assert [path.name for path in tmp_path.iterdir()] == [place]


def test_what_is_not_kept_is_listed(tmp_path: Path, capsys) -> None:
    """Spaces that are converted, sample sizes of groups, labels: with counts and an example."""
    source = put(tmp_path / "set", {"contrasts.tsv": TWO_SIZES, "coordinates.tsv": FOCI})
    assert main(["convert", str(source), str(tmp_path / "out.txt")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "a Sleuth file has one space: Talairach foci are converted to MNI" in out
    assert "- sample sizes: changed in 1 contrast: S-1: 20 and 12 is 12" in out
    assert "- spaces: changed in 1 contrast: S-2: TAL is MNI" in out
    assert "- labels (a): left out in 2 contrasts" in out
    assert "- foci: changed in 1 contrast: S-2: (4, 5, 6) is (5.38232, 6.99487, 1.97507)" in out
    assert "2 contrasts, 2 foci written; not all could be kept, see above" in out


def test_strict(tmp_path: Path, capsys) -> None:
    """What would be lost is an error, and nothing is written."""
    source = put(tmp_path / "set", {"contrasts.tsv": TWO_SIZES, "coordinates.tsv": FOCI})
    assert main(["convert", str(source), str(tmp_path / "out.txt"), "--strict"]) == 65
    err = capsys.readouterr().err
    assert "Sleuth text cannot hold all of it, and --strict was given; nothing is written" in err
    assert "- contrasts.tsv: labels (a): left out in 2 contrasts" in err
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert main(["convert", str(source), str(tmp_path / "out.json"), "--strict"]) == 0


def test_several(tmp_path: Path, capsys) -> None:
    """Several Sleuth files become several files in a folder."""
    source, out = two(tmp_path / "in"), tmp_path / "out"
    assert main(["convert", str(source), str(out), "--to", "nimads"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "b.json"]
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"SUCCESS (exit 0): 2 datasets, 2 contrasts, 2 foci written; nothing is lost; see {out}"
    )
    spaces = [
        json.loads((out / name).read_text())["studies"][0]["analyses"][0]["points"][0]["space"]
        for name in ("a.json", "b.json")
    ]
    assert spaces == ["MNI", "TAL"]


def test_several_in_one_file(tmp_path: Path, capsys) -> None:
    """They cannot be one file, unless they are merged."""
    source, out = two(tmp_path / "in"), tmp_path / "out.json"
    assert main(["convert", str(source), str(out)]) == 64
    message = "2 datasets (a, b) cannot be one file out.json; give a folder, or --merge"
    assert message in capsys.readouterr().out
    assert main(["convert", str(source), str(out), "--merge"]) == 0
    (found,) = io.read(out)
    assert found.dataset.ids.tolist() == ["Smith_2019-a", "Smith_2019-b"]
    assert found.dataset.coordinates["original_space"].tolist() == ["MNI", "TAL"]


def test_merged_twins(tmp_path: Path, capsys) -> None:
    """A header in two Sleuth files is two contrasts, as in one file, and it is said."""
    source = put(tmp_path / "in", {f"{n}.txt": SLEUTH.format("MNI", "x") for n in "ab"})
    assert main(["convert", str(source), str(tmp_path / "out.json"), "--merge"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "b.txt: contrast Smith_2019-x is in an earlier file too; it is kept as x_2" in said
    (found,) = io.read(tmp_path / "out.json")
    assert found.dataset.ids.tolist() == ["Smith_2019-x", "Smith_2019-x_2"]


def test_foci_in_no_known_space(tmp_path: Path, capsys) -> None:
    """An error, unless it is said what they are."""
    text = SLEUTH.format("Unknown", "x")
    source, out = put(tmp_path / "in", {"a.txt": text}), str(tmp_path / "out.json")
    assert main(["convert", str(source), out]) == 65
    assert "unknown space 'Unknown'" in capsys.readouterr().err
    assert main(["convert", str(source), out, "--unknown-space", "talairach"]) == 0
    (found,) = io.read(out)
    assert found.dataset.coordinates["original_space"].tolist() == ["TAL"]


def test_place_that_is_taken(tmp_path: Path, capsys) -> None:
    """Nothing is overwritten unless it is asked for."""
    out = put(tmp_path, {"out.json": "mine"}) / "out.json"
    assert main(["convert", str(EXAMPLE), str(out)]) == 73
    assert f"{out} is there already; --overwrite replaces it" in capsys.readouterr().out
    assert out.read_text() == "mine"
    assert main(["convert", str(EXAMPLE), str(out), "--overwrite"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert len(json.loads(out.read_text())["studies"]) == 21


def test_folder_that_is_taken(tmp_path: Path, capsys) -> None:
    """A folder written here before is replaced whole; other folders are not, whatever is asked."""
    out = tmp_path / "out"
    source = put(tmp_path / "set", SET)
    assert main(["convert", str(source), str(out)]) == 0
    assert main(["convert", str(EXAMPLE), str(out)]) == 73
    assert "is there already; --overwrite replaces it" in capsys.readouterr().out
    assert main(["convert", str(EXAMPLE), str(out), "--overwrite"]) == 0
    assert not (out / "desc-labels_annotations.tsv").exists()
    (out / "mine.txt").write_text("mine")
    assert main(["convert", str(EXAMPLE), str(out), "--overwrite"]) == 73
    assert "holds what was not written here: mine.txt" in capsys.readouterr().out
    assert (out / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none", "out"], 66, "no such file or folder: none"),
        (["set", "out.doc"], 64, "out.doc stands for no format; known are a folder (native),"),
        (["set", "set"], 64, "set is what is to be read; give another place"),
        (["set", "out", "--to", "pdf"], 64, "--to: unknown name 'pdf'; accepted: native, nimads"),
        (["set", "folder", "--to", "sleuth", "--overwrite"], 0, "folder"),
        (["set", "file.txt", "--to", "native"], 73, "file.txt is a file; give the name of a"),
        (["set"], 64, "the following arguments are required: OUT; usage: nimare-pipeline convert"),
        (["set", "file.txt/out.json"], 73, "cannot create the folder file.txt"),
    ],
)
def test_messages(
    words: list[str], code: int, message: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    """What is wrong, and what would be accepted."""
    monkeypatch.chdir(put(tmp_path, {"file.txt": "mine", "folder/x": "mine"}))
    put(tmp_path / "set", SET)
    assert main(["convert", *words]) == code
    assert message in capsys.readouterr().out
    assert (tmp_path / "file.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


def test_data_that_are_wrong(tmp_path: Path, capsys) -> None:
    """Every error is listed, and nothing is written."""
    source = put(tmp_path / "in", {"a.txt": "//Smith, 2019: a\n//Subjects=20\n1\t2\n3\t4\t5\n"})
    assert main(["convert", str(source), str(tmp_path / "out.json")]) == 65
    err = capsys.readouterr().err
    assert "line 3: expected three numbers x y z" in err
    assert "the space of the foci is not given" in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["new.txt", "new.csv"])
def test_paths_that_are_not_written_are_not_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A format without a place for images leaves them out, and says that only."""
    images = "study_id\tcontrast_id\tsample_size\tspace\tz_map\nSmith_2019\tpain\t24\tMNI\tz.nii\n"
    foci = "study_id\tcontrast_id\tx\ty\tz\nSmith_2019\tpain\t1\t2\t3\n"
    source = put(tmp_path / "set", {"contrasts.tsv": images, "coordinates.tsv": foci})
    assert main(["convert", str(source), str(tmp_path / name)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "images (z): left out in 1 contrast" in said
    assert "written as" not in said


def test_images_are_found_from_the_new_place(tmp_path: Path, capsys) -> None:
    """Paths that lead to a file are relative to what is written; others stay, and are counted."""
    images = "study_id\tcontrast_id\tsample_size\tspace\tz_map\tt_map\n"
    images += "Smith_2019\tpain\t24\tMNI\tmaps/z.nii.gz\tnone.nii.gz\n"
    images += "Lee_2020\tpain\t16\tTAL\thttps://x.org/z.nii.gz\tn/a\n"
    source = put(tmp_path / "set", {**SET, "contrasts.tsv": images, "maps/z.nii.gz": b"x"})
    out = tmp_path / "deep" / "out" / "new.json"
    assert main(["convert", str(source), str(out)]) == 0
    assert "1 path of images is written as it is: no file is there" in " ".join(
        capsys.readouterr().out.split()
    )
    (found,) = io.read(out)
    table = found.dataset.images
    assert table["z__relative"].tolist() == ["../../set/maps/z.nii.gz", None]
    assert (out.parent / table["z__relative"][0]).exists()
    assert table["t__relative"][0] == "none.nii.gz"
    assert table["z"].tolist() == [None, "https://x.org/z.nii.gz"]


def test_names_stay_in_their_folder(tmp_path: Path) -> None:
    """Whatever a dataset calls itself, its file is in OUT and has a name of its own."""
    names = {"%2F..x.txt": "a", "x y.txt": "b", "x_y.txt": "c", "$(touch z)`.txt": "d"}
    source = put(tmp_path / "in", {n: SLEUTH.format("MNI", c) for n, c in names.items()})
    out = tmp_path / "out"
    assert main(["convert", str(source), str(out), "--to", "nimare"]) == 0
    found = sorted(path.name for path in out.iterdir())
    assert found == ["2F..x.json", "touch_z.json", "x_y.json", "x_y_2.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_stopped(tmp_path: Path) -> None:
    """SIGTERM while a database is written: nothing of it stays."""
    rows = "".join(f"s{n}\tc\t{n % 50}\t2\t3\tMNI\n" for n in range(15_000))
    put(tmp_path / "set", {"coordinates.tsv": f"study_id\tcontrast_id\tx\ty\tz\tspace\n{rows}"})
    out = tmp_path / "out"
    out.mkdir()
    ended = interrupt(
        signal.SIGTERM, out, "convert", tmp_path / "set", out / "x.json", after=".x.json-*"
    )
    assert ended.code == 75
    assert list(out.iterdir()) == []


def test_json(tmp_path: Path, capsys) -> None:
    """One document: what was written, what was lost, what the reader warned of."""
    source = put(tmp_path / "set", {"contrasts.tsv": TWO_SIZES, "coordinates.tsv": FOCI})
    assert main(["convert", str(source), str(tmp_path / "o.txt"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (written,) = found["written"]
    assert (written["to"], written["foci"], found["exit_code"]) == ("sleuth", 2, 0)
    assert {"part": "labels", "how": "left out", "n": 2, "fields": ["a"], "example": ""} in (
        written["losses"]
    )
    assert main(["convert", str(source), str(tmp_path / "o.txt"), "--json"]) == 73
    assert json.loads(capsys.readouterr().out)["exit_code"] == 73


@pytest.mark.parametrize("to", ["nimads", "nimare", "sleuth", "csv"])
def test_a_file_needs_its_ending(tmp_path: Path, capsys, to: str) -> None:
    """Without it nobody knows what the file is; nothing is written."""
    assert main(["convert", str(EXAMPLE), str(tmp_path / "made"), "--to", to]) == 64
    assert "made is no name of a file of this kind: give made." in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
