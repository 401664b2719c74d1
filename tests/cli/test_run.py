"""How a run ends: what is written, what is said, with which code."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.cli import execute, logs
from nimare_pipeline.cli import run as running
from nimare_pipeline.cli.exit_codes import ExitCode, Terminated
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.run import run
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import (
    DataError,
    EmptySelectionError,
    NoInputError,
    OutputError,
    Problem,
    UsageError,
)
from nimare_pipeline.reports import html
from nimare_pipeline.settings import Analysis


def planned(*names: str) -> list[Planned]:
    problem = Problem("warning", "odd", "f.txt", "line 3")
    return [Planned(Analysis(name=name), dataset=None, problems=(problem,)) for name in names]


class Stage:
    """A run whose reading, analyses and report are played by functions of the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.out = folder / "out"
        self.data = folder / "in"
        self.data.mkdir()
        self.reports: list[dict[str, Any]] = []
        self.analyse: Callable[[str], None] = lambda _name: None
        self.report_error: BaseException | None = None
        self.planned: Callable[[Any], list[Planned]] = lambda _request: planned("a", "b")
        monkeypatch.setattr(running, "plan", self._plan)
        monkeypatch.setattr(
            execute, "_run_graph", lambda one, *_others: self.analyse(one.analysis.name)
        )
        monkeypatch.setattr(html, "write_report", self._write_report)

    def _plan(self, request: Any) -> list[Planned]:
        return self.planned(request)

    def _write_report(self, output_dir: str | Path) -> Path:
        folder = Path(output_dir)
        self.reports.append(self.status())
        if self.report_error is not None:
            raise self.report_error
        (folder / "report.html").touch()
        return folder / "report.html"

    def run(self, *words: str) -> Outcome:
        words = (str(self.data), str(self.out), "meta", *words)
        return run(parse(words, run_uuid="20260101-000000_x"))

    def status(self) -> dict[str, Any]:
        path = self.out / "logs" / "20260101-000000_x" / "status.json"
        return json.loads(path.read_text())


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    logging.getLogger("nimare_pipeline").setLevel(logging.DEBUG)
    return Stage(tmp_path, monkeypatch)


def failing(*names: str, error: BaseException) -> Callable[[str], None]:
    def analyse(name: str) -> None:
        if name in names:
            raise error

    return analyse


def test_success_leaves_report_status_and_settings(stage: Stage) -> None:
    """A complete run names the report, and notes status, problems, settings and log."""
    outcome = stage.run("--seed", "7")
    assert outcome.exit_code is ExitCode.OK
    assert outcome.see == str(stage.out / "report.html")
    assert stage.status()["line"] == outcome.line
    assert stage.status()["problems"][0]["where"] == "line 3"
    folder = stage.out / "logs" / "20260101-000000_x"
    settings, analyses = derivatives.read_settings(folder / "settings.toml")
    assert settings.seed == 7
    assert [analysis.name for analysis in analyses] == ["a", "b"]
    assert "writing the report" in (folder / "run.log").read_text()


def test_work_folder_goes_with_success(stage: Stage) -> None:
    """After success nothing of the work is left; with ``--keep-work`` it is."""
    stage.analyse = lambda _name: (stage.out / ".work" / "store").mkdir(exist_ok=True)
    stage.run()
    assert not (stage.out / ".work").exists()
    stage.run("--keep-work")
    assert (stage.out / ".work" / "store").is_dir()


def test_one_failure_does_not_stop_the_others(stage: Stage) -> None:
    """Of two analyses one fails: exit 3, the other ran, the report is written, work is kept."""
    ran = []

    def analyse(name: str) -> None:
        (stage.out / ".work" / "store").mkdir(exist_ok=True)
        ran.append(name)
        failing("a", error=DataError("no foci"))(name)

    stage.analyse = analyse
    outcome = stage.run()
    assert ran == ["a", "b"]
    assert outcome.line == (
        f"PARTIAL (exit 3): 1 of 2 analyses failed: a: no foci; see {stage.out}/report.html"
    )
    assert [one["exit_code"] for one in stage.status()["analyses"]] == [65, 0]
    assert (stage.out / ".work").is_dir()


def test_all_failures_have_the_code_of_the_first(stage: Stage) -> None:
    """When nothing is complete the exit code says why."""
    stage.analyse = failing("a", "b", error=OSError("disk"))
    assert stage.run().exit_code is ExitCode.IO_ERROR


def test_refused_cohort_is_a_failed_analysis(stage: Stage) -> None:
    """An analysis whose contrasts cannot be selected fails with that reason, and runs nothing."""
    one = Planned(Analysis(name="a"), dataset=None, error=DataError("no N"))
    stage.planned = lambda _request: [one]
    stage.analyse = failing("a", error=AssertionError("was run"))
    assert stage.run().line.startswith("FAILED (exit 65): a: no N; see ")


def test_defect_is_logged_with_its_traceback(stage: Stage) -> None:
    """What nobody foresaw is exit 1, and the log holds what a report of it needs."""
    stage.analyse = failing("a", "b", error=ZeroDivisionError("x"))
    outcome = stage.run()
    assert outcome.exit_code is ExitCode.DEFECT
    assert "Traceback" in (stage.out / "logs/20260101-000000_x/run.log").read_text()


def test_report_shows_the_status_that_holds(stage: Stage) -> None:
    """The status the report reads is the one that is left."""
    outcome = stage.run()
    assert [status["line"] for status in stage.reports] == [outcome.line]


def test_failed_report_is_exit_4(stage: Stage) -> None:
    """All maps are written and the report is not: partial, with the reason and the log."""
    stage.report_error = ValueError("template")
    outcome = stage.run()
    assert outcome.line == (
        "PARTIAL (exit 4): 2 analyses complete; the report failed: ValueError: template; "
        f"see {stage.out}/logs/20260101-000000_x/run.log"
    )
    assert stage.status()["line"] == outcome.line


def test_failed_report_does_not_hide_failed_analyses(stage: Stage) -> None:
    """The code of the analyses stays when the report fails too."""
    stage.analyse = failing("a", error=DataError("no foci"))
    stage.report_error = ValueError("template")
    assert stage.run().exit_code is ExitCode.PARTIAL


def test_bad_data_are_reported(stage: Stage) -> None:
    """Data that cannot be read: 65, every problem in the log, and a report all the same."""

    def refuse(_request: Any) -> list[Planned]:
        raise DataError("bad", [Problem("error", "not a number", "f.txt", "line 7")])

    stage.planned = refuse
    outcome = stage.run()
    assert (
        outcome.line
        == f"FAILED (exit 65): bad: f.txt, line 7: not a number; see {stage.out}/report.html"
    )
    log = (stage.out / "logs/20260101-000000_x/run.log").read_text()
    assert "f.txt, line 7: not a number" in log
    assert stage.status()["problems"][0]["message"] == "not a number"
    assert not (stage.out / ".work").exists()


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 75), (MemoryError(), 75)]
)
def test_interruption_keeps_the_work_and_says_so(stage: Stage, error, code) -> None:
    """Stopped from outside: no report, the work stays, and the words to resume with."""
    fail = failing("b", error=error)

    def analyse(name: str) -> None:
        (stage.out / ".work" / "store").mkdir(exist_ok=True)
        fail(name)

    stage.analyse = analyse
    outcome = stage.run()
    assert outcome.exit_code in (code, ExitCode.PARTIAL)
    if not isinstance(error, Exception):
        assert "run the same command again, it resumes" in outcome.line
        assert stage.reports == []
    assert (stage.out / ".work").is_dir()


@pytest.mark.parametrize(
    ("struck", "states"),
    [
        ("a", ["interrupted", "not started", "not started"]),
        ("b", ["complete", "interrupted", "not started"]),
    ],
)
def test_interrupted_run_says_how_each_analysis_stands(stage: Stage, struck, states) -> None:
    """Every planned analysis is in the status, with what became of it."""
    stage.planned = lambda _request: planned("a", "b", "c")
    stage.analyse = failing(struck, error=KeyboardInterrupt())
    stage.run()
    analyses = stage.status()["analyses"]
    assert [(one["name"], one["state"]) for one in analyses] == list(
        zip("abc", states, strict=True)
    )
    assert [one["exit_code"] for one in analyses if one["state"] == "interrupted"] == [130]


def test_failed_analysis_lists_every_problem(stage: Stage, capsys) -> None:
    """The console shows every problem, the last line the first and how many more."""
    error = DataError("bad", [Problem("error", "no N", "f.txt", f"line {n}") for n in (3, 8)])
    stage.analyse = failing("a", error=error)
    with logs.console(-1):
        outcome = stage.run()
    err = capsys.readouterr().err
    assert "analysis a failed: bad\n  - f.txt, line 3: no N\n  - f.txt, line 8: no N\n" in err
    assert "a: bad: f.txt, line 3: no N (and 1 more)" in outcome.line
    assert "\n" not in outcome.line


def test_missing_input_leaves_no_folder(tmp_path: Path) -> None:
    """A mistyped input does not leave an output folder behind."""
    with pytest.raises(NoInputError, match="no file or folder"):
        run(parse([str(tmp_path / "no"), str(tmp_path / "out"), "meta"]))
    assert not (tmp_path / "out").exists()


def test_output_is_not_the_input(stage: Stage) -> None:
    """Results go into a folder of their own; one inside the input folder is proposed."""
    with pytest.raises(UsageError, match=r"OUT_DIR is BIDS_DIR .*derivatives/nimare-pipeline"):
        run(parse([str(stage.data), f"{stage.data}/", "meta"]))


@pytest.mark.parametrize("name", ["dataset_description.json", "README.md", "report.html"])
def test_foreign_folder_is_not_overwritten(stage: Stage, name) -> None:
    """A folder with files of somebody else's is refused, and the file is as it was."""
    stage.out.mkdir()
    (stage.out / name).write_text("{}")
    with pytest.raises(OutputError, match=rf"holds {name} that nimare-pipeline did not write"):
        stage.run()
    assert (stage.out / name).read_text() == "{}"


def test_own_folder_is_used_again(stage: Stage) -> None:
    """A second run into the same folder is welcome."""
    stage.run()
    assert stage.run().exit_code is ExitCode.OK


def test_results_of_earlier_runs_stay_and_are_said(stage: Stage, caplog) -> None:
    """An analysis that is not named this time stays where it is, and the log says so."""
    for name in ("a", "old"):
        (stage.out / "tpl-X" / f"cohort-{name}").mkdir(parents=True)
    stage.run()
    assert "results of earlier runs stay: old" in caplog.messages
    assert (stage.out / "tpl-X" / "cohort-old").is_dir()


def test_dry_run_writes_nothing(stage: Stage, capsys, monkeypatch) -> None:
    """The plan goes to stdout, and neither output nor work folder is made."""
    monkeypatch.setattr(running, "describe", lambda *_args: "THE PLAN")
    outcome = stage.run("--dry-run")
    assert outcome.line == "SUCCESS (exit 0): dry run, nothing was written; 2 analyses can be done"
    assert capsys.readouterr().out == "THE PLAN\n"
    assert not stage.out.exists()


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        ([DataError("no N")], "FAILED (exit 65): dry run, nothing was written; a: no N"),
        (
            [EmptySelectionError("none left")],
            "FAILED (exit 18): dry run, nothing was written; a: none left",
        ),
        (
            [DataError("x"), None],
            "PARTIAL (exit 3): dry run, nothing was written; 1 of 2 analyses cannot be done: a: x",
        ),
    ],
)
def test_dry_run_ends_as_the_run_would(stage: Stage, monkeypatch, errors, line) -> None:
    """What cannot be done is in the exit code and in the last line of a dry run."""
    monkeypatch.setattr(running, "describe", lambda *_args: "THE PLAN")
    stage.planned = lambda _request: [
        Planned(Analysis(name=name), dataset=None, error=error)
        for name, error in zip("ab", errors, strict=False)
    ]
    assert stage.run("--dry-run").line == line


def test_dry_run_refuses_what_a_run_refuses(stage: Stage) -> None:
    """An output folder that a run would not write to is refused by a dry run too."""
    stage.out.mkdir()
    (stage.out / "report.html").touch()
    with pytest.raises(OutputError, match=r"holds report\.html"):
        stage.run("--dry-run")


@pytest.mark.parametrize("below", ["", "a/b"])
def test_dry_run_sees_a_file_in_the_way(stage: Stage, below) -> None:
    """A file where the output folder would be is said by a dry run, not first by the run."""
    stage.out.touch()
    words = [str(stage.data), str(stage.out / below), "meta", "--dry-run"]
    with pytest.raises(OutputError, match=rf"{stage.out} is a file; give another folder"):
        run(parse(words))
    with pytest.raises(UsageError, match="OUT_DIR is BIDS_DIR"):
        run(parse([str(stage.data), str(stage.data), "meta", "--dry-run"]))


class TestReplaced:
    """An earlier analysis of the same name is named when it is replaced."""

    LINE = "analysis Pain of an earlier run (sources old.txt, b.txt, run 2025_x) is replaced"

    @pytest.fixture
    def folders(self, tmp_path) -> tuple[Path, Path]:
        """Stage and output folder; in the output is an analysis Pain of an earlier run."""
        stage, out = tmp_path / "stage", tmp_path / "out"
        cohort = out / "tpl-X" / "cohort-Pain"
        cohort.mkdir(parents=True)
        record = {"Analysis": {"sources": ["old.txt", "b.txt"]}, "RunUUID": "2025_x"}
        (cohort / "tpl-X_cohort-Pain_analysis.json").write_text(json.dumps(record))
        for folder, name, text in ((out, "Pain", "{}"), (stage, "pain", '{"new": 1}')):
            (folder / "sourcedata").mkdir(parents=True)
            (folder / "sourcedata" / f"cohort-{name}_dataset.json").write_text(text)
        return stage, out

    def test_other_data_are_a_warning(self, folders, caplog) -> None:
        """Whoever gives the name again to other data is warned."""
        execute.say_replaced(*folders, "pain")
        assert [(r.levelname, r.message) for r in caplog.records] == [("WARNING", self.LINE)]

    def test_same_data_are_said(self, folders, caplog) -> None:
        """The same data again is worth a line, and no more."""
        caplog.set_level("INFO", "nimare_pipeline")
        stage, out = folders
        (stage / "sourcedata/cohort-pain_dataset.json").write_text("{}")
        execute.say_replaced(stage, out, "pain")
        assert [(r.levelname, r.message) for r in caplog.records] == [("INFO", self.LINE)]

    def test_other_names_are_not_replaced(self, folders, caplog) -> None:
        """Nothing is said of analyses that stay, whose names only begin alike."""
        caplog.set_level("INFO", "nimare_pipeline")
        execute.say_replaced(*folders, "painful")
        execute.say_replaced(*folders, "pa")
        assert caplog.records == []

    def test_damaged_record_does_not_stop_the_swap(self, folders, caplog) -> None:
        """What cannot be read is unknown, and replaced all the same."""
        (path,) = folders[1].glob("tpl-X/*/*_analysis.json")
        path.write_text("{")
        execute.say_replaced(*folders, "pain")
        assert "(sources unknown, run unknown) is replaced" in caplog.text


def test_reports_only_needs_results(stage: Stage) -> None:
    """Without results there is nothing to report on."""
    with pytest.raises(NoInputError, match="holds no results of nimare-pipeline"):
        stage.run("--reports-only")


def test_reports_only_runs_nothing(stage: Stage) -> None:
    """The report is written again; the input is not read, no analysis is run."""
    stage.run()
    stage.planned = lambda _request: pytest.fail("was read")
    (stage.out / "report.html").unlink()
    outcome = stage.run("--reports-only")
    assert outcome.line == f"SUCCESS (exit 0): the report is written; see {stage.out}/report.html"
    assert (stage.out / "report.html").is_file()


def test_reports_only_that_fails_is_exit_4(stage: Stage) -> None:
    """A report that cannot be written again is exit 4 too."""
    stage.run()
    stage.report_error = ValueError("template")
    assert stage.run("--reports-only").exit_code is ExitCode.REPORT_FAILED
