"""``nimare-pipeline figures OUT_DIR``: what is drawn again, and how it ends."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nimare_pipeline.cli import output
from nimare_pipeline.cli.exit_codes import BusyError
from nimare_pipeline.cli.main import COMMANDS, main
from nimare_pipeline.reports import sheet
from tests.reports.conftest import Small, small, writer_into  # noqa: F401 - a fixture


@pytest.fixture(autouse=True, scope="module")
def coarse() -> Iterator[None]:
    """Pages of few pixels are drawn quickly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet, "DPI", 30)
        yield


@pytest.fixture(scope="module")
def original(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    write = writer_into(tmp_path_factory.mktemp("figures"))
    write(small, "pain")
    return write(small, "touch")


@pytest.fixture
def results(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "results")


def drawn(folder: Path) -> dict[str, float]:
    """End of the colour scale of each figure of a whole map, by analysis."""
    return {
        path.name.split("_")[1].removeprefix("cohort-"): json.loads(path.read_text())[
            "ColorRange"
        ][1]
        for path in folder.glob("figures/*uncorrectedMosaic*.json")
    }


def test_draws_all_and_writes_the_report(results, capsys) -> None:
    """Without options: every analysis, the report with links to them, and nothing left behind."""
    assert main(["figures", str(results)]) == 0
    assert drawn(results) == {"pain": 6.0, "touch": 6.0}
    assert "uncorrectedMosaic" in (results / "report.html").read_text(encoding="utf-8")
    assert not (results / ".work").exists()
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == f"SUCCESS (exit 0): figures of pain, touch; see {results / 'figures'}"


def test_options_reach_the_drawing(results, capsys) -> None:
    """One analysis, another end of the scale; the others are said to differ."""
    assert main(["figures", str(results)]) == 0
    assert (
        main(["figures", str(results), "--analysis", "touch", "--z-max", "9", "--common-range"])
        == 0
    )
    assert drawn(results) == {"pain": 6.0, "touch": 9.0}
    assert "the figures of pain stay, with colours up to z = 6" in capsys.readouterr().err
    (path,) = results.glob("figures/*touch*uncorrectedGlass*.json")
    assert json.loads(path.read_text())["CommonRange"] is True


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--analysis", "pian"], 64, "no analysis 'pian' in the folder; there are: pain, touch"),
        (["--z-max", "0"], 64, "--z-max: '0' is not a z above 0"),
        (["--zmax", "5"], 64, "unrecognized arguments: --zmax 5"),
    ],
)  # fmt: skip
def test_wrong_words(results, capsys, words, code, message) -> None:
    """What was wrong, and what there is."""
    assert main(["figures", str(results), *words]) == code
    assert message in capsys.readouterr().out


def test_needs_results(tmp_path, capsys) -> None:
    """A folder that is not ours is no place to draw in."""
    assert main(["figures", str(tmp_path)]) == 66
    assert "holds no results of nimare-pipeline" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_waits_for_no_run(results, capsys) -> None:
    """While a run holds the folder, nothing is drawn."""
    with output.locked(results):
        with pytest.raises(BusyError), output.locked(results):
            pass
        assert main(["figures", str(results)]) == 75
    assert "another run is writing into" in capsys.readouterr().out
    assert drawn(results) == {}


def test_help_names_the_command(capsys) -> None:
    """It is found from the help of the program."""
    assert "figures" in COMMANDS
    assert main(["--help"]) == 0
    assert "nimare-pipeline figures OUT_DIR" in capsys.readouterr().out
    assert main(["figures", "--help"]) == 0
    assert "--common-range" in capsys.readouterr().out
