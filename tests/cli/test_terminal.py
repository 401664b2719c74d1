"""Names in files and of files reach the terminal without what it obeys, and no other place."""

import json
import os
import re
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import main
from nimare_pipeline.errors import DataError, NoInputError, Problem
from nimare_pipeline.printable import on_one_line, printable
from tests.hostile import state

OBEYED = "\x1b\x07\x08\x9b\r\x7f\u202e\u2028"
NAMES = (
    "n\nl\x1b[31m<b>\N{GRINNING FACE}.txt",
    "$(touch X)`id`;|&'\".txt",
    "--help.txt",
    "...txt",
    "r\u202etxt.txt",
    os.fsdecode(b"\xff1.txt"),
)
BODY = "//Reference=MNI\n//Ada\x1b]0;owned\x07 <b>, 2000: b\x9b2J\n//Subjects=12\n1 2 3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of hostile names and contents."""
    root = tmp_path / "in"
    root.mkdir()
    for name in NAMES:
        (root / name).write_text(BODY)
    (root / "\x1b[2Jodd\n.bin").write_bytes(b"\0\1")
    return root


@pytest.mark.parametrize(
    "line", ["validate IN", "summary IN", "convert IN OUT", "IN OUT meta --dry-run"]
)
def test_commands(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    line: str,
) -> None:
    """Each command ends with a code of its own, and shows escapes as text."""
    (folder.parent / "here").mkdir()
    monkeypatch.chdir(folder.parent / "here")
    before, out = state(folder.parent), folder.parent / "out"
    words = [{"IN": str(folder), "OUT": str(out)}.get(word, word) for word in line.split()]
    code = main(words)
    said = "".join(capsys.readouterr())
    assert code in (0, 64, 65), said
    assert not set(said) & set(OBEYED)
    assert said.encode()
    assert "\\x1b[31m<b>\N{GRINNING FACE}" in said or "--name" in said
    made = [path.relative_to(out).as_posix() for path in out.rglob("*")]
    assert [name for name in made if not re.fullmatch(r"[A-Za-z0-9._/-]+", name)] == []
    assert bool(made) == line.startswith("convert")
    after = state(folder.parent)
    sizes = {name: size for name, (size, _) in after.items() if not name.startswith(str(out))}
    assert sizes == {name: size for name, (size, _) in before.items()}


@pytest.mark.parametrize("command", ["validate", "summary", "convert"])
def test_names_stay_on_their_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A line end in a name of a file breaks neither headings nor the last line."""
    source = tmp_path / "a\nb.txt"
    source.write_text(BODY.replace("Subjects=12", "Subjects=2"))
    out = tmp_path / "c\nd.json"
    assert main([command, str(source), *([str(out)] if command == "convert" else [])]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("a\\nb: Sleuth text")
    assert "  from a\\nb.txt" in said
    assert said[-1].startswith("SUCCESS (exit 0): ")
    assert [line for line in said if line.startswith(("b", "d"))] == []


def test_json_of_odd_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON answer stays JSON, whatever a name holds."""
    source = tmp_path / f"a{OBEYED}b.txt"
    source.write_text(BODY)
    assert main(["validate", str(source), "--json"]) == 0
    text = capsys.readouterr().out
    assert not set(text) & set(OBEYED)
    assert json.loads(text)["sources"][0]["files"] == [source.name]


def test_errors_and_problems_show_escapes() -> None:
    """Whoever prints one need not think of it; a name of a file stays on its line."""
    problem = Problem("error", "id 'a\x1b[2J'", "a\nb\r.txt", "line 1", "\x9b")
    assert str(problem) == "a\\nb\\x0d.txt, line 1: id 'a\\x1b[2J' (\\x9b)".replace("\\x0d", "\\r")
    assert str(NoInputError("no \x1b")) == "no \\x1b"
    assert "\x1b" not in str(DataError("x", [problem]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\0\x1b\x7f\x85\x9b", "\\x00\\x1b\\x7f\\x85\\x9b"),
        ("\u202e\u2066\u2028", "\\u202e\\u2066\\u2028"),
        ("\udcff\ud83d", "\\udcff\\ud83d"),
        ("äöß漢字\N{GRINNING FACE}\u200d", "äöß漢字\N{GRINNING FACE}\u200d"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Letters of every script and emoji stay."""
    assert printable(text) == shown
    assert on_one_line(text) == shown.replace("\n", "\\n")
