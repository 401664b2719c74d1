"""From what was read to the analyses of a run."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.cli.execute import summary
from nimare_pipeline.cli.gather import name_analyses
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan, require_input
from nimare_pipeline.cli.plan_words import describe
from nimare_pipeline.cli.problems import show_problems
from nimare_pipeline.cli.request import Request
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, Problem, UsageError
from nimare_pipeline.labels import label


@dataclass(frozen=True)
class FakeSource:
    """What a reader returns, as far as naming needs it."""

    name: str
    dataset: Any = None
    problems: tuple[Problem, ...] = ()
    format: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        return (f"{self.name}.txt",)


def request(*words: str) -> Request:
    return parse(["in", "out", "meta", *words])


def contrast(*, n: int | None = 20, xyz: tuple[float, ...] = (0, 0, 0)) -> dict[str, Any]:
    x, y, z = xyz
    return {
        "coords": {"space": "MNI", "x": [x], "y": [y], "z": [z]},
        "metadata": {} if n is None else {"sample_sizes": [n]},
    }


def write_sleuth(path: Path, *studies: str) -> Path:
    blocks = [f"//{study}\n0 0 0\n" for study in studies]
    path.write_text("//Reference=MNI\n" + "\n".join(blocks))
    return path


def write_dataset(path: Path, **studies: Any) -> Path:
    path.write_text(json.dumps({name: {"contrasts": {"1": c}} for name, c in studies.items()}))
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pain", "pain"),
        ("nidm_pain_dset", "nidmPainDset"),
        ("Pain (fMRI) - 2", "PainFMRI2"),
        ("Schmerz-Übung", "SchmerzUbung"),
        ("painVersusTouch", "painVersusTouch"),
    ],
)
def test_label_keeps_letters_and_digits(text, name) -> None:
    """What BIDS does not allow in a label is left out, and words stay readable."""
    assert label(text) == name


def test_label_of_nothing_is_refused() -> None:
    """A name of signs only cannot be converted."""
    with pytest.raises(UsageError, match=r"no name .* can be made of '---'; give one with --name"):
        label("---")


def test_one_analysis_a_source() -> None:
    """Each input file is an analysis, named after it, with its file written down."""
    named = name_analyses(request(), [FakeSource("pain"), FakeSource("touch")])
    assert [one.analysis.name for one in named] == ["pain", "touch"]
    assert [one.analysis.sources for one in named] == [("pain.txt",), ("touch.txt",)]


def test_conversion_is_said(caplog) -> None:
    """A name that had to be changed is said."""
    caplog.set_level("INFO", "nimare_pipeline")
    name_analyses(request(), [FakeSource("my pain")])
    assert "'my pain' is called 'myPain': names are of letters and digits" in caplog.text


def test_name_names_the_only_analysis() -> None:
    """``--name`` wins over the file's name."""
    (one,) = name_analyses(request("--name", "heat"), [FakeSource("pain")])
    assert one.analysis.name == "heat"


def test_one_name_for_several_is_refused() -> None:
    """``--name`` with several input files would name them all; ``--merge`` is the way."""
    with pytest.raises(
        UsageError, match=r"--name x names one analysis, but there are 2 .*--merge"
    ):
        name_analyses(request("--name", "x"), [FakeSource("a"), FakeSource("b")])


def test_clashing_names_are_refused_together() -> None:
    """Names that differ by case or signs only would share a folder: both files are named."""
    sources = [FakeSource(name) for name in ("a b", "aB", "c", "D", "d")]
    with pytest.raises(DataError, match="two analyses would have one name") as caught:
        name_analyses(request(), sources)
    assert [problem.message for problem in caught.value.problems] == [
        "a b.txt and aB.txt would both be called 'aB'",
        "D.txt and d.txt would both be called 'D'",
    ]


def test_merge_pools_the_sources(tmp_path) -> None:
    """``--merge`` makes one analysis of all contrasts, sources and problems."""
    problem = Problem("warning", "odd")
    sources = [
        FakeSource(
            name,
            Dataset(write_dataset(tmp_path / f"{name}.json", **{name: contrast()})),
            (problem,),
        )
        for name in ("s1", "s2")
    ]
    (one,) = name_analyses(request("--merge"), sources)
    assert one.analysis.name == "all"
    assert one.analysis.sources == ("s1.txt", "s2.txt")
    assert list(one.dataset.ids) == ["s1-1", "s2-1"]
    assert one.problems == (problem, problem)


def test_many_warnings_are_counted(caplog) -> None:
    """The console shows the first twenty warnings and how many more there are."""
    show_problems(Problem("warning", f"number {i}") for i in range(25))
    shown = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert shown[19:] == ["number 19", "and 5 more, in run.log"]


def test_missing_input_says_what_is_there(tmp_path) -> None:
    """A path that does not exist is named, with the part of it that does."""
    asked = parse([str(tmp_path / "no" / "where"), "out", "meta"])
    with pytest.raises(NoInputError, match=rf"no/where; what exists of it is {tmp_path}$"):
        require_input(asked.settings)


def test_missing_mask_is_said(tmp_path) -> None:
    """A mask that does not exist is named before anything is read."""
    asked = parse([str(tmp_path), "out", "meta", "--mask", str(tmp_path / "m.nii")])
    with pytest.raises(NoInputError, match=r"there is no mask file .*m\.nii"):
        require_input(asked.settings)


class TestPlan:
    @pytest.fixture
    def data(self, tmp_path) -> Path:
        """Folder with one file of two contrasts, and a third without sample size."""
        (tmp_path / "in").mkdir()
        write_dataset(
            tmp_path / "in" / "pain.json",
            s1=contrast(n=20),
            s2=contrast(n=30, xyz=(10, 10, 10)),
            s3=contrast(n=None),
        )
        return tmp_path / "in"

    @pytest.fixture
    def two_files(self, tmp_path) -> Path:
        """Folder with two Sleuth files, the first without sample sizes."""
        (tmp_path / "two").mkdir()
        write_sleuth(tmp_path / "two" / "heat.txt", "Ada 2001: Pain", "Bell 2002: Pain")
        write_sleuth(tmp_path / "two" / "touch.txt", "Curie 2003: Touch\n//Subjects=12")
        return tmp_path / "two"

    def ask(self, data: Path, *words: str) -> Request:
        return parse([str(data), str(data.parent / "out"), "meta", *words])

    def test_cohort_is_selected(self, data) -> None:
        """The plan holds the contrasts that will be used, by the policy asked for."""
        (one,) = plan(self.ask(data, "--missing-n", "exclude"))
        assert one.error is None
        assert one.cohort.contrasts["included"].tolist() == [True, True, False]

    def test_refused_cohort_does_not_stop_the_plan(self, two_files) -> None:
        """What one analysis cannot use is that analysis' error, and is kept for later."""
        heat, touch = plan(self.ask(two_files))
        assert isinstance(heat.error, DataError)
        assert "Bell" in str(heat.error)
        assert heat.all_problems
        assert touch.error is None
        assert int(touch.cohort.contrasts["included"].sum()) == 1

    def test_keyword_that_a_class_refuses_is_said_before_reading(self, tmp_path) -> None:
        """An unknown keyword needs no data to be found out."""
        asked = self.ask(tmp_path / "missing")
        estimator = replace(asked.analysis.estimator, args={"nul_method": "approximate"})
        asked = replace(asked, analysis=replace(asked.analysis, estimator=estimator))
        with pytest.raises(UsageError, match="ALE has no keyword 'nul_method'"):
            plan(asked)

    def test_mask_on_another_grid_is_resampled_and_said(self, data, caplog) -> None:
        """A mask of 4 mm is brought to the grid of the space, with a warning and a problem."""
        volume = np.zeros((46, 55, 46), dtype=np.uint8)
        volume[10:36, 10:45, 10:36] = 1
        affine = np.diag([-4.0, 4, 4, 1])
        affine[:3, 3] = 90, -126, -72
        nib.save(nib.Nifti1Image(volume, affine), data.parent / "mask.nii.gz")
        words = ("--missing-n", "exclude", "--mask", str(data.parent / "mask.nii.gz"))
        (one,) = plan(self.ask(data, *words))
        assert one.dataset.mask.shape == (91, 109, 91)
        assert "lies on another grid" in caplog.text
        assert any("lies on another grid" in problem.message for problem in one.problems)

    def test_empty_mask_is_refused(self, data) -> None:
        """A mask without a voxel is bad data."""
        path = data.parent / "mask.nii.gz"
        nib.save(nib.Nifti1Image(np.zeros((5, 5, 5), dtype=np.uint8), np.eye(4)), path)
        with pytest.raises(DataError, match="is empty"):
            plan(self.ask(data, "--mask", str(path)))

    def test_description_says_what_cannot_be_done(self, two_files) -> None:
        """A dry run shows every analysis, also one that would fail, with the reason."""
        asked = self.ask(two_files)
        text = describe(plan(asked), asked.settings)
        assert re.search("analysis heat\n.*\n  cannot run .*sample size", text)
        assert re.search("analysis touch\n.*\n  contrasts  1 of 1 studies", text)

    def test_description_says_what_is_pooled(self, data) -> None:
        """A dry run counts experiments, and their participants; so does the line of a run."""
        both = {"contrasts": {"a": contrast(n=20), "b": contrast(n=30)}}
        (data / "pain.json").write_text(json.dumps({"s1": both, "s2": both}))
        asked = self.ask(data, "--pool", "study")
        planned = plan(asked)
        text = describe(planned, asked.settings)
        assert "  contrasts  4 of 2 studies\n  pool       2 experiments (study)\n" in text
        assert "60 participants, 30 to 30 an experiment" in text
        assert summary(planned[0]).startswith("4 contrasts in 2 experiments, 2 foci; ALE, ")

    def test_description_says_what_will_be_done(self, data) -> None:
        """A dry run shows contrasts, foci, N, settings and a rough time."""
        asked = self.ask(data, "--missing-n", "exclude", "--nprocs", "2", "--n-iters", "10000")
        text = describe(plan(asked), asked.settings)
        for words in (
            f"input    {data}", "analysis pain", "2 of 2 studies, 1 excluded",
            "2 inside the mask, 0 outside (keep)", "50 participants, 20 to 30 a contrast",
            "ALE(null_method=approximate)", "n_iters=10000", "alpha 0.05, seed 42",
            "Linear, 2 threads, 1 chunk\n", "GB of memory",
        ):  # fmt: skip
            assert words in text
