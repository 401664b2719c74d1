"""Analyses that the input itself describes, and what the command line says beside them."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.request import Request
from nimare_pipeline.errors import DataError, ModelError, UsageError
from nimare_pipeline.io import described

FORMAT = '''\
"""A format whose files are lines ``wish NAME ESTIMATOR``."""

from nimare_pipeline.errors import Problem

NAME = "wishes"


def sniff(path):
    return path.suffix == ".wish"


def read(path, *companions):
    return [], []


def analyses(path):
    if not sniff(path):
        return [], []
    lines = path.read_text().splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    odd = [Problem("warning", line, path.name) for line in lines if line.startswith("#")]
    if any(len(line) != 3 for line in words):
        return [], [Problem("error", "no wish", path.name)]
    return [{"name": name, "estimator": {"type": kind}} for _, name, kind in words], odd
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Input folder, in a world that has one format more."""
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "wishes.py").write_text(FORMAT)
    monkeypatch.setattr(io, "__path__", [*io.__path__, str(tmp_path / "formats")])
    monkeypatch.delitem(sys.modules, "nimare_pipeline.io.wishes", raising=False)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wish").write_text("wish pain ALE\nwish my_touch MKDADensity\n")
    yield tmp_path / "in"
    sys.modules.pop("nimare_pipeline.io.wishes", None)
    vars(io).pop("wishes", None)


def ask(folder: Path, *words: str) -> Request:
    return with_model(parse([str(folder), str(folder.parent / "out"), "meta", *words]))


def test_described_analyses_are_run_and_said(folder: Path) -> None:
    """Without an analysis file the input's own analyses are run, and the log says so."""
    request = ask(folder)
    assert [(one.name, one.estimator.type) for one in request.analyses] == [
        ("pain", "ALE"),
        ("myTouch", "MKDADensity"),
    ]
    assert request.notes == (
        "analyses are those that a.wish describes; --model none ignores them",
        "'my_touch' is called 'myTouch': names are of letters and digits",
    )


def test_file_alone_describes_too(folder: Path) -> None:
    """A single file as input is asked like the files of a folder."""
    assert [one.name for one in ask(folder / "a.wish").analyses] == ["pain", "myTouch"]


def test_analysis_file_or_none_come_first(folder: Path) -> None:
    """An analysis file in the folder, and ``--model none``, put the input's analyses aside."""
    assert ask(folder, "--model", "none").analyses == ()
    (folder / "analyses.toml").write_text('[[analysis]]\nname = "own"\n')
    assert [one.name for one in ask(folder).analyses] == ["own"]


def test_options_replace_what_the_input_says(folder: Path) -> None:
    """Options of the command line count, and the log says so."""
    request = ask(folder, "--alpha", "0.01", "--radius", "6", "--analysis", "my_touch")
    (analysis,) = request.analyses
    assert analysis.alpha == 0.01
    assert analysis.estimator.args == {"kernel__r": 6.0}
    assert request.notes[-1] == "the command line replaces what the input says: --alpha, --radius"


def test_option_of_another_analysis_puts_them_aside(folder: Path) -> None:
    """Two groups or a region are another question than the input's, which is said."""
    request = ask(folder, "--sphere", "0", "0", "0", "6")
    assert request.analyses == ()
    assert request.notes == (
        "the analyses that a.wish describes are not run, because of --sphere",
    )


def test_name_is_for_one_analysis(folder: Path) -> None:
    """One analysis may be renamed; of several none is."""
    (one,) = ask(folder, "--name", "mine", "--analysis", "pain").analyses
    assert one.name == "mine"
    with pytest.raises(UsageError) as caught:
        ask(folder, "--name", "mine")
    assert str(caught.value) == (
        "--name names one analysis, but a.wish describes 2: pain, myTouch; "
        "--analysis runs some of them"
    )


def test_same_name_in_two_files(folder: Path) -> None:
    """Analyses of two files keep apart, and the new name is said."""
    (folder / "b.wish").write_text("wish pain KDA\n")
    request = ask(folder)
    assert [(one.name, one.estimator.type) for one in request.analyses] == [
        ("pain", "ALE"),
        ("myTouch", "MKDADensity"),
        ("pain2", "KDA"),
    ]
    assert request.notes[-1] == "'pain' is called 'pain2': the name is taken"
    logged = tomllib.loads(request.model_text.decode())["analysis"]
    assert [one["name"] for one in logged] == ["pain", "myTouch", "pain2"]


def test_described_analyses_are_checked(folder: Path) -> None:
    """What an analysis file may not say, the input may not say either."""
    (folder / "a.wish").write_text("wish pain ALEE\n")
    with pytest.raises(ModelError) as caught:
        ask(folder)
    assert "estimator: there is no estimator 'ALEE' (did you mean ALE" in str(caught.value)
    (folder / "a.wish").write_text("wish pain\n")
    with pytest.raises(DataError) as refused:
        ask(folder)
    assert str(refused.value) == (
        "the analyses that a.wish describes cannot be run\n  - a.wish: no wish"
    )


def test_file_that_describes_may_be_named(folder: Path) -> None:
    """``--model`` takes it like an analysis file: what is odd is said, what is wrong refused."""
    named = folder.parent / "b.wish"
    named.write_text("# hurry\nwish other KDA\n")
    request = ask(folder, "--model", str(named))
    assert [(one.name, one.estimator.type) for one in request.analyses] == [("other", "KDA")]
    assert [str(problem) for problem in request.problems] == ["b.wish: # hurry"]
    assert tomllib.loads(request.model_text.decode())["analysis"][0]["name"] == "other"
    named.write_text("wish\n")
    with pytest.raises(ModelError) as caught:
        ask(folder, "--model", str(named))
    assert str(caught.value) == "b.wish cannot be used\n  - b.wish: no wish"


def test_faults_of_all_files_are_said_at_once(folder: Path) -> None:
    """Each by the path of its file."""
    (folder / "more").mkdir()
    for name in ("a.wish", "more/b.wish"):
        (folder / name).write_text("wish\n")
    with pytest.raises(DataError) as caught:
        described.find(folder)
    assert str(caught.value) == (
        "the analyses that a.wish, more/b.wish describe cannot be run\n"
        "  - a.wish: no wish\n  - more/b.wish: no wish"
    )


def test_odd_descriptions_are_said(folder: Path) -> None:
    """What is odd in a description is a warning like those of the data."""
    (folder / "a.wish").write_text("# hurry\nwish pain ALE\n")
    assert [str(problem) for problem in ask(folder).problems] == ["a.wish: # hurry"]


def test_pipes_are_not_opened(folder: Path) -> None:
    """A pipe in the folder would never answer."""
    os.mkfifo(folder / "b.json")
    os.mkfifo(folder / "b.wish")
    assert [one.file.name for one in described.find(folder)] == ["a.wish"]


def test_source_data_count_where_nothing_else_does(folder: Path) -> None:
    """As in reading, ``sourcedata`` is looked into only when nothing is found beside it."""
    (folder / "sourcedata").mkdir()
    (folder / "a.wish").rename(folder / "sourcedata" / "a.wish")
    assert [one.file.name for one in described.find(folder)] == ["a.wish"]
    (folder / "study.txt").write_text("//Reference=MNI\n//A 2001: b\n//Subjects=8\n1 2 3\n")
    assert described.find(folder) == []
