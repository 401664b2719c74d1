"""Sheets of JALE: experiments with tags, and analyses by tags."""

from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import jale
from nimare_pipeline.io._jale_analyses import entries, is_sheet, selection
from tests.io.sheets import csv, facts, problems, workbook, written

EXPERIMENTS: tuple[tuple[Any, ...], ...] = (
    ("Article", "Subjects", "x", "y", "z", "Space", "Task", "Level"),
    ("Ada 2001", 24, 4, 8, 2, "MNI", "Nback", "high"),
    ("Ada 2001", 24, -4, 8, 12, "MNI", "Nback", "high"),
    ("Ada 2001", 24, 40, 8, 2, "MNI", "Nback", "low"),
    ("Bell 2002", 12, 30, -8, 2, "TAL", "Stroop", "high"),
)
ANALYSES: tuple[tuple[Any, ...], ...] = (
    ("M", "all", "+ALL"),
    ("M", "nback, low", "+nback", "-high"),
    ("C ", "high", "+high"),
    (None, "low", "+low"),
)


def project(folder: Path, *, experiments: Any = EXPERIMENTS, analyses: Any = ANALYSES) -> Path:
    """Write both sheets."""
    workbook(folder / "experiment_info.xlsx", {"Sheet1": experiments})
    workbook(folder / "analysis_info.xlsx", {"Tabelle1": analyses})
    return folder


def test_experiments_are_articles_with_one_set_of_tags(tmp_path: Path) -> None:
    """Rows of an article with other tags are another experiment; each tag is a label."""
    (source,) = io.read(project(tmp_path / "wm"))
    assert (source.name, source.format) == ("wm", jale.NAME)
    assert source.files == ("experiment_info.xlsx", "analysis_info.xlsx")
    dataset = source.dataset
    assert dataset.ids.tolist() == [
        "Ada 2001-nback+high",
        "Ada 2001-nback+low",
        "Bell 2002-stroop+high",
    ]
    assert dataset.get_metadata(field="sample_sizes") == [[24], [24], [12]]
    labels = dataset.annotations.set_index("id").iloc[:, 2:].T.to_dict("list")
    assert labels == {
        "Ada 2001-nback+high": ["Nback", "high", True, True, False, False],
        "Ada 2001-nback+low": ["Nback", "low", True, False, True, False],
        "Bell 2002-stroop+high": ["Stroop", "high", False, True, False, True],
    }
    assert dataset.get_labels()[2:] == ["tag__nback", "tag__high", "tag__low", "tag__stroop"]


def test_articles_named_once(tmp_path: Path) -> None:
    """In the older layout only the first row of an experiment has more than coordinates."""
    rows = (
        EXPERIMENTS[0],
        ("Ada 2001", 24, 4, 8, 2, "TAL", "Nback", "high"),
        (None, None, -4, 8, 12),
        (),
        ("Ada 2001", 24, 40, 8, 2, "TAL", "Nback", "high"),
        (None, None, 42, 8, 2),
    )
    path = project(tmp_path, experiments=rows) / "experiment_info.xlsx"
    contrasts, _ = jale.read(path, tmp_path / "analysis_info.xlsx")
    assert [facts(contrast) for contrast in contrasts] == [
        ("Ada 2001", "nback+high", (24,), [(4, 8, 2), (-4, 8, 12)], ("TAL", "TAL")),
        ("Ada 2001", "nback+high (2)", (24,), [(40, 8, 2), (42, 8, 2)], ("TAL", "TAL")),
    ]


def test_pooled_experiments(tmp_path: Path) -> None:
    """``pool_experiments`` makes one experiment of an article, with the tags of all."""
    written(tmp_path / "config.yml", "parameters:\n  pool_experiments: True # not False\n")
    (source,) = io.read(project(tmp_path))
    assert source.files[-1] == "config.yml"
    assert source.dataset.ids.tolist() == ["Ada 2001-1", "Bell 2002-1"]
    assert source.dataset.annotations["tag__low"].tolist() == [True, False]
    assert source.dataset.annotations["tag__high"].tolist() == [True, True]


def test_config_says_which_file_is_which(tmp_path: Path) -> None:
    """Of two tables of experiments the one that is named is read; the other is a rival."""
    project(tmp_path)
    workbook(tmp_path / "old.xlsx", {"Sheet1": EXPERIMENTS})
    written(tmp_path / "config.yml", 'project:\n  experiment_info: "experiment_info.xlsx"\n')
    with pytest.raises(DataError, match="several datasets that cannot be one run") as raised:
        io.read(tmp_path)
    assert [problem.file for problem in raised.value.problems] == [
        "experiment_info.xlsx",
        "old.xlsx",
    ]


def test_one_file_stands_for_the_project(tmp_path: Path) -> None:
    """Naming the experiments brings the sheet beside them, and the other way round."""
    project(tmp_path)
    for name in ("experiment_info.xlsx", "analysis_info.xlsx"):
        (source,) = io.read(tmp_path / name)
        assert source.files == ("experiment_info.xlsx", "analysis_info.xlsx")


def test_csv_sheets(tmp_path: Path) -> None:
    """Both sheets may be CSV, with a header above the analyses."""
    written(tmp_path / "experiment_info.csv", csv(EXPERIMENTS, ";"))
    rows = (("Type", "Name", "Tags"), *ANALYSES)
    written(tmp_path / "analysis_info.csv", csv(rows, ";"))
    (source,) = io.read(tmp_path)
    assert len(source.dataset.ids) == 3
    assert [row.name for row in entries(tmp_path / "analysis_info.csv")] == [
        *("all", "nback, low", "high", "low")
    ]


def test_analyses_without_experiments(tmp_path: Path) -> None:
    """A sheet of analyses alone is said to lack the other."""
    workbook(tmp_path / "analysis_info.xlsx", {"a": ANALYSES})
    assert problems(tmp_path) == [
        (
            "error analysis_info.xlsx: analyses, but no table of experiments beside them (put it "
            "into the same folder, or name it in config.yml as experiment_info)"
        )
    ]


def test_unknown_tags_and_what_is_not_built_are_said(tmp_path: Path) -> None:
    """With the row, and the tag that was probably meant."""
    rows = (("M", "a", "+stroup"), ("P25", "b", "+high"), ("M", "c", "+low", "$roi.nii"))
    assert problems(project(tmp_path, analyses=rows)) == [
        "warning analysis_info.xlsx, line 2: 'b' is left out: probabilistic ALE is not built here",
        (
            "warning analysis_info.xlsx, line 3: the region roi.nii is left out: there is no ROI "
            "analysis here"
        ),
        (
            "warning analysis_info.xlsx, line 1: no experiment has the tag 'stroup' (is 'stroop' "
            "meant?)"
        ),
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["+all"], ""),
        (["+a", "+b"], 'label("tag__a") and label("tag__b")'),
        (["+a", "+b", "?"], 'label("tag__a") or label("tag__b")'),
        (["+a", "+b", "?", "+c"], '(label("tag__a") or label("tag__b")) and label("tag__c")'),
        (["+a", "+b", "?", "-c"], '(label("tag__a") or label("tag__b")) and not label("tag__c")'),
        (["-c", "-d"], 'not label("tag__c") and not label("tag__d")'),
        (["+all", "+b", "?"], ""),
        (['+a "b"'], 'label("tag__a \\"b\\"")'),
    ],
)
def test_tag_algebra(tags: list[str], expected: str) -> None:
    """+ is and, ? makes either of what stands before it, - takes out."""
    assert selection(tags) == expected


@pytest.mark.parametrize(
    "rows",
    [
        (("M", "name", "tag"),),
        (("Mean", "a", "+b"),),
        (("x", "y", "z"), (1, 2, 3)),
        (("M", "no tags at all"),),
        (("M", "a man", "-1.5"), ("M", "another", "-2")),
    ],
)
def test_other_tables_are_no_analyses(tmp_path: Path, rows: Any) -> None:
    """Every row has a type, and every further cell a sign."""
    assert not is_sheet(written(tmp_path / "a.csv", csv(rows)))


def test_real_project(shared_data: Path) -> None:
    """The example that JALE ships: 1,152 rows; counts by pandas over articles and tags."""
    import pandas as pd

    folder = shared_data / "tables" / "examples"
    (source,) = io.read(folder)
    table = pd.read_excel(folder / "experiment_info.xlsx")
    groups = table.groupby(["Article", "Inhibition", "lowVShigh"])
    assert len(source.dataset.ids) == groups.ngroups == 57
    assert len(source.dataset.coordinates) == len(table) == 1152
    low = groups.ngroup()[table["lowVShigh"] == "low"].nunique()
    assert source.dataset.annotations["tag__low"].sum() == low == 32
    assert source.dataset.sample_sizes().sum() == groups["Subjects"].first().sum()
