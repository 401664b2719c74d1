"""What the commands have in common: their words, their help, and JSON that programs can read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import COMMANDS, main
from nimare_pipeline.cli.options import build_parser
from tests.cli.program import EXAMPLE, environment
from tests.cli.test_help import HEAVY

NAMES = ("summary", "validate")


@pytest.mark.parametrize("name", NAMES)
def test_command_is_in_the_help(name: str) -> None:
    """The main help lists the commands, one line each."""
    assert name in COMMANDS
    lines = [line for line in build_parser().format_help().splitlines() if f" {name} " in line]
    assert len(lines) == 1


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """``| head`` is no error: nothing is said of a pipe that is closed."""
    (tmp_path / "a.csv").write_text("study,n,x,y,z\n" + "A,20,1,2,x\n" * 20000)
    words = [sys.executable, "-m", "nimare_pipeline", "validate", str(tmp_path), "--all"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "a: table of foci (XLSX, CSV, TSV)\n"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_is_light(name: str) -> None:
    """Its help needs no numbers, and answers on stdout with exit 0."""
    program = (
        "import sys; from nimare_pipeline.cli.main import main; code = main(sys.argv[1:]); "
        f"print(code, *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, name, "--help"],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert ended.stderr == "0\n"
    assert ended.stdout.startswith(f"usage: nimare-pipeline {name} PATH")
    assert max(map(len, ended.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: PATH; usage: nimare-pipeline {} PATH"),
        (["a", "--jsn"], "unrecognized arguments: --jsn; usage"),
        (["a", "b"], "unrecognized arguments: b; usage"),
    ],
)
def test_wrong_words(name: str, words: list[str], message: str, capsys) -> None:
    """They end with 64 and the usage of the command."""
    assert main([name, *words]) == 64
    assert message.format(name) in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_read(name: str, tmp_path: Path, capsys) -> None:
    """A path that is not there ends with 66, an unknown file with 65."""
    assert main([name, str(tmp_path / "none")]) == 66
    assert capsys.readouterr().out.startswith("FAILED (exit 66): no such file or folder: ")
    (tmp_path / "a.txt").write_text("hello")
    assert main([name, str(tmp_path / "a.txt")]) == 65
    assert capsys.readouterr().out.startswith("FAILED (exit 65): nothing to analyse in ")


@pytest.mark.parametrize("name", NAMES)
def test_json_is_all_of_stdout(name: str, tmp_path: Path, capsys) -> None:
    """One document, also when there is nothing to read; it holds the line and the exit code."""
    for path, code, word in ((EXAMPLE, 0, "SUCCESS"), (tmp_path, 66, "FAILED")):
        assert main([name, str(path), "--json"]) == code
        answer = json.loads(capsys.readouterr().out)
        assert (answer["exit_code"], answer["status"], answer["path"]) == (code, word, str(path))
        assert answer["line"].startswith(f"{word} (exit {code}): ")


@pytest.mark.parametrize("name", NAMES)
def test_folder_called_like_a_command(name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    """Before a level it is a folder: ``nimare-pipeline summary out meta`` is a run."""
    monkeypatch.chdir(tmp_path)
    assert main([name, "out", "meta", "--dry-run"]) == 66
    assert f"there is no file or folder {tmp_path / name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["valdate", "in"], "validate"),
        (["Summary", "in", "--json"], "summary"),
        (["--self-test"], "--selftest"),
    ],
)
def test_misspelt_command_is_recognised(words, near, tmp_path, monkeypatch, capsys) -> None:
    """A word that is nearly a command is asked about, unless it is a folder."""
    monkeypatch.chdir(tmp_path)
    assert main(words) == 64
    line = f"there is no file, folder or command {words[0]!r}; did you mean {near}?\n"
    assert capsys.readouterr().out == f"FAILED (exit 64): {line}"
    (tmp_path / words[0]).mkdir()
    assert main(words) == 64
    assert "did you mean" not in capsys.readouterr().out
