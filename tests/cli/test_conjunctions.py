"""Conjunctions in a run: their order, and what becomes of them when a part is not there."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.cli.conjunctions import check, in_order, refuse_failed
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.status import AnalysisOutcome
from nimare_pipeline.errors import NoInputError, UsageError
from nimare_pipeline.settings import Analysis, Settings
from tests.cli.program import EXAMPLE, Ended, contents, status_of

MODEL = """\
[run]
mask = "box.nii.gz"
[defaults]
corrector = {type = "FWECorrector", args = {method = "holm"}}
alpha = 0.9
[[analysis]]
name = "all of it"
type = "conjunction"
of = ["both", "heat"]
level = "voxel"
[[analysis]]
name = "top"
type = "conjunction"
of = ["heat", "all of it"]
[[analysis]]
name = "both"
type = "conjunction"
of = ["heat", "rest"]
level = "uncorrected"
alpha = 0.05
[[analysis]]
name = "heat"
select = "sample_size <= 12"
[[analysis]]
name = "rest"
select = "sample_size > 12"
"""


def planned(name: str, *of: str, error=None) -> Planned:
    kind = {"type": "conjunction", "options": {"of": list(of)}} if of else {}
    return Planned(Analysis(name, **kind), None, error=error)


def names(analyses: list[Planned]) -> list[str]:
    return [one.analysis.name for one in analyses]


class TestOrder:
    @pytest.mark.parametrize(
        ("given", "order"),
        [
            ([("a",), ("b",)], ["a", "b"]),
            ([("ab", "a", "b"), ("a",), ("b",)], ["a", "b", "ab"]),
            (
                [("x", "ab", "c"), ("c",), ("ab", "a", "b"), ("a",), ("b",)],
                ["c", "a", "b", "ab", "x"],
            ),
            ([("ab", "a", "elsewhere"), ("a",)], ["a", "ab"]),
        ],
    )
    def test_parts_come_first(self, given, order) -> None:
        """An analysis is run after what it combines, the others as they stand."""
        assert names(in_order([planned(*one) for one in given])) == order

    def test_circle_ends(self) -> None:
        """What the reader refuses does not hang: all are there, once."""
        assert sorted(names(in_order([planned("a", "b"), planned("b", "a")]))) == ["a", "b"]


class TestCheck:
    SETTINGS = Settings("/in", "", "", "")

    def test_parts_of_this_run_and_of_earlier_ones(self, tmp_path) -> None:
        """What is planned, or lies in the output folder, can be combined."""
        (tmp_path / "tpl-x" / "cohort-old").mkdir(parents=True)
        settings = replace(self.SETTINGS, output_dir=str(tmp_path))
        found = check([planned("ab", "a", "old"), planned("a")], settings)
        assert names(found) == ["ab", "a"]
        assert [one.error for one in found] == [None, None]

    def test_part_that_fails(self, tmp_path) -> None:
        """Its error is that of what combines it, and so on; an earlier result does not count."""
        (tmp_path / "tpl-x" / "cohort-a").mkdir(parents=True)
        settings = replace(self.SETTINGS, output_dir=str(tmp_path))
        wrong = planned("a", error=UsageError("no"))
        top, middle, *_ = check(
            [planned("top", "ab", "b"), planned("ab", "a", "b"), wrong, planned("b")], settings
        )
        assert str(middle.error) == "a, which it combines, cannot be done"
        assert str(top.error) == "ab, which it combines, cannot be done"
        assert isinstance(top.error, NoInputError)

    def test_part_that_is_nowhere(self, tmp_path) -> None:
        """It is named with the folder and what to do."""
        settings = replace(self.SETTINGS, output_dir=str(tmp_path))
        (one,) = check([planned("ab", "a", "b")], settings)
        assert str(one.error) == (
            f"a, which it combines, is not run now and has no result in {tmp_path}: run it too, "
            "with --analysis a ab"
        )


def test_part_that_failed_in_this_run() -> None:
    """Whatever an earlier run has left, it is another analysis."""
    analysis = planned("ab", "a", "b").analysis
    done = AnalysisOutcome("a"), AnalysisOutcome("b")
    refuse_failed(analysis, {one.name: one for one in done})
    refuse_failed(analysis, {})
    failed = {"b": AnalysisOutcome("b", ExitCode.BAD_DATA, "why")}
    with pytest.raises(NoInputError, match=r"^b, which it combines, failed$"):
        refuse_failed(analysis, failed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The example, a small mask, and an analysis file with conjunctions before their parts."""
    folder = tmp_path_factory.mktemp("conjunctions") / "in"
    folder.mkdir()
    (folder / "pain.json").write_bytes((EXAMPLE / "pain.json").read_bytes())
    volume = np.zeros((91, 109, 91), dtype=np.uint8)
    volume[15:75, 55:75, 30:44] = 1
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(volume, affine), folder / "box.nii.gz")
    (folder / "analyses.toml").write_text(MODEL)
    return folder


@pytest.fixture
def edited(folder) -> Callable[[str, str], None]:
    """Function that changes the analysis file for the time of a test."""

    def edit(old: str, new: str) -> None:
        text = (folder / "analyses.toml").read_text()
        assert old in text
        (folder / "analyses.toml").write_text(text.replace(old, new))

    yield edit
    (folder / "analyses.toml").write_text(MODEL)


def image(out: Path, name: str, ending: str) -> np.ndarray:
    (path,) = out.glob(f"tpl-*/cohort-{name}/*{ending}.nii.gz")
    return np.asanyarray(nib.load(path).dataobj)


def line_of(ended: Ended, words: str) -> int:
    return ended.err.index(words)


def combines_as_it_should(out: Path) -> None:
    """Maps of ``both`` are what the files of its parts give; report and texts say so."""
    z = [image(out, name, "stat-z_statmap") for name in ("heat", "rest")]
    np.testing.assert_array_equal(image(out, "both", "stat-z_statmap"), np.minimum(*z))
    p = [image(out, name, "stat-p_statmap") for name in ("heat", "rest")]
    expected = (np.maximum(*p) < 0.05) & (np.minimum(*z) > 0)
    np.testing.assert_array_equal(image(out, "both", "_dseg") > 0, expected)
    assert expected.any()
    (record,) = out.glob("tpl-*/cohort-both/*_analysis.json")
    assert json.loads(record.read_text())["Facts"]["conjunction"]["level"] == "uncorrected"
    report = (out / "report.html").read_text()
    assert "could not be made" not in report
    assert "conjunction (uncorrected p &lt; 0.05 in each of heat and rest)" in report
    assert "`@nichols2005` Nichols T" in (out / "logs" / "CITATION.md").read_text()


@pytest.mark.usefixtures("undrawn")
def test_runs(folder, tmp_path, here, edited) -> None:
    """One folder of results through its runs; each is computed when something it needs changes."""
    out = tmp_path / "out"
    # A conjunction of a conjunction has no corrected p: it fails alone, and the others go on.
    ended = here(folder, out, "meta")
    assert ended.code == 3, ended.err
    assert (
        "2 of 5 analyses failed: allOfIt: both has no p corrected by voxel; it has: none; "
        "top: allOfIt, which it combines, failed"
    ) in ended.line
    states = {one["name"]: one["state"] for one in status_of(out)["analyses"]}
    assert states == {
        "allOfIt": "failed", "top": "failed", "both": "complete", "heat": "complete",
        "rest": "complete",
    }  # fmt: skip
    order = [line_of(ended, f"analysis {name}") for name in ("heat: ", "rest: ", "both: ", "allO")]
    assert order == sorted(order)
    combines_as_it_should(out)

    # What has not changed is not computed again; with another level all five are complete.
    edited('level = "voxel"', 'level = "result"')
    ended = here(folder, out, "meta")
    assert ended.code == 0, ended.err
    for name in ("heat", "rest", "both"):
        assert f"analysis {name} is up to date\n" in ended.err
    assert "analysis allOfIt is complete" in ended.err
    before = contents(out)

    # A part that fails while it runs takes its conjunctions with it, whatever lies in the folder.
    edited('level = "result"', 'level = "voxel"')
    ended = here(folder, out, "meta")
    assert ended.code == 3
    assert "top: allOfIt, which it combines, failed" in ended.line
    assert "analysis top is up to date" not in ended.err
    assert contents(out) == before
    edited('level = "voxel"', 'level = "result"')

    # A part that changes makes its conjunctions be computed again, and no other analysis.
    edited("sample_size > 12", "sample_size > 13")
    dry = here(folder, out, "meta", "--dry-run")
    assert dry.out.count("it is up to date") == 1
    ended = here(folder, out, "meta")
    assert "analysis heat is up to date\n" in ended.err
    assert "analysis both is computed again: the result of rest is another\n" in ended.err
    assert "analysis allOfIt is computed again: the result of both is another\n" in ended.err
    assert contents(out) != before

    # Alone it takes its parts from the folder.
    ended = here(folder, out, "meta", "--analysis", "both", "--rerun")
    assert ended.line.startswith("SUCCESS (exit 0): 1 analysis complete")
    assert "results of earlier runs stay: allOfIt, heat, rest, top\n" in ended.err

    # A part that cannot be planned takes its conjunctions with it, whatever lies in the folder.
    edited("sample_size > 13", "sample_size > 1000")
    ended = here(folder, out, "meta", "--n-iters", "5")
    assert ended.code == 3
    assert "both: rest, which it combines, cannot be done" in ended.line
    assert "allOfIt: both, which it combines, cannot be done" in ended.line


def test_alone_without_results(folder, tmp_path, here) -> None:
    """66, also in a dry run, before anything is computed."""
    for more in ((), ("--dry-run",)):
        ended = here(folder, tmp_path / "out", "meta", "--analysis", "both", *more)
        assert ended.code == 66
        assert "both: heat, which it combines, is not run now and has no result in" in ended.line


def test_options_that_it_does_not_have(folder, tmp_path, here) -> None:
    """Options of estimators and selections leave a conjunction as it is, and that is said."""
    words = ("--estimator", "KDA", "--select", "n_foci > 1", "--missing-n", "median")
    ended = here(folder, tmp_path / "out", "meta", *words, "--dry-run", "--alpha", "0.01")
    assert "--estimator, --missing-n, --select does not concern analysis both\n" in ended.err
    assert "--alpha" not in ended.err.split("does not concern")[1]


def test_plan(folder, tmp_path, here) -> None:
    """The plan says what is combined, at which level."""
    ended = here(folder, tmp_path / "out", "meta", "--dry-run")
    assert "analysis both\n  combines   heat, rest\n  level      uncorrected\n" in ended.out
