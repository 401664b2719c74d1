"""``nimare-pipeline export``: results in the forms in which the field shares them."""

import subprocess
import sys
from pathlib import Path

import pytest

from nimare_pipeline.cli.main import COMMANDS, main
from nimare_pipeline.cli.options import build_parser
from tests import derived
from tests.cli.program import environment
from tests.cli.test_help import HEAVY


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Derivatives of one analysis."""
    from nimare_pipeline import derivatives
    from nimare_pipeline.settings import Settings

    out = tmp_path_factory.mktemp("export") / "out"
    made = derived.made_result([4.0, 4.5, 3.5, 0.5], voxel=[0.01, 0.001, 0.04, 0.5])
    derived.write(out, "pain", made)
    derivatives.write_dataset_level(out, Settings("/in", str(out), "", "run"))
    return out


@pytest.mark.parametrize("form", ["nimads", "neurovault"])
def test_forms(form: str, results: Path, tmp_path: Path, capsys) -> None:
    """A folder of that form, and a line that says what is in it."""
    assert main(["export", str(results), str(tmp_path / "x"), "--to", form]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("SUCCESS (exit 0): pain: ")
    assert last.endswith(f"see {tmp_path / 'x'}")
    assert ("1 peak;" in last) == (form == "nimads")
    assert (tmp_path / "x" / ("studyset.json" if form == "nimads" else "images.tsv")).is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{out}", "{to}"], 64, "the following arguments are required: --to; usage"),
        (["{out}", "{to}", "--to", "nidm"], 64, "--to: unknown name 'nidm'; did you mean nimads?"),
        (["{out}", "{to}", "--to", "nimads", "--analysis", "x"], 64, "no analysis 'x' in"),
        (["{out}", "{out}", "--to", "nimads"], 73, "holds what was not written here"),
        (["{none}", "{to}", "--to", "nimads"], 66, "none"),
    ],
)
def test_messages(
    words: list[str], code: int, message: str, results: Path, tmp_path: Path, capsys
) -> None:
    """What is wrong, and what would be accepted."""
    places = {"out": results, "to": tmp_path / "to", "none": tmp_path / "none"}
    assert main(["export", *(word.format(**places) for word in words)]) == code
    assert message in capsys.readouterr().out
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("name", "usage"), [("convert", "IN OUT [--to FORMAT]"), ("export", "OUT_DIR DEST --to FORM")]
)
def test_help(name: str, usage: str) -> None:
    """The main help names the command; its own help needs no numbers and is 80 wide."""
    assert name in COMMANDS
    lines = build_parser().format_help().splitlines()
    assert sum(line.startswith(f"  nimare-pipeline {name} ") for line in lines) == 1
    program = (
        "import sys; from nimare_pipeline.cli.main import main; code = main(sys.argv[1:]); "
        f"print(code, *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, name, "--help"],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert ended.stderr == "0\n"
    assert ended.stdout.startswith(f"usage: nimare-pipeline {name} {usage}")
    assert max(map(len, ended.stdout.splitlines())) <= 80
