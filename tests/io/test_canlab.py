"""Coordinate databases of the CANlab MKDA toolbox."""

from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.io import canlab
from tests.io.sheets import csv, facts, problems, workbook, written

ROWS = (
    (9,),
    ("x", "y", "z", "Study", "Contrast", "N", "FixedRandom", "CoordSys", "EmotionType"),
    (6, -26, 60, "JohnDoe2008", 1, 22, "fixed", "T88", "Fear"),
    (0, -12, 56, "JohnDoe2008", 1, 22, "fixed", "T88", "Fear"),
    (6, -6, 62, "JohnDoe2008", 2, 22, "fixed", "T88", "Joy"),
    (-4, -20, 66, "JaneSmith2006", 3, 14, "random ", "spm96", "Sadness"),
)
EXPECTED = [
    ("JohnDoe2008", "1", (22,), [(6, -26, 60), (0, -12, 56)], ("TAL", "TAL")),
    ("JohnDoe2008", "2", (22,), [(6, -6, 62)], ("TAL",)),
    ("JaneSmith2006", "3", (14,), [(-4, -20, 66)], ("MNI",)),
]


@pytest.mark.parametrize("name", ["agency.txt", "agency.xlsx"])
def test_its_columns_are_understood(tmp_path: Path, name: str) -> None:
    """T88 is Talairach, N the sample size, Contrast the contrast; the rest are labels."""
    path = tmp_path / name
    if name.endswith("xlsx"):
        workbook(path, {"Sheet1": ROWS})
    else:
        written(path, csv(ROWS, "\t").replace("\n", "\r\n"))
    assert canlab.sniff(path)
    contrasts, said = canlab.read(path)
    assert [facts(contrast) for contrast in contrasts] == EXPECTED
    assert [contrast.annotations for contrast in contrasts] == [
        {"FixedRandom": "fixed", "EmotionType": "Fear"},
        {"FixedRandom": "fixed", "EmotionType": "Joy"},
        {"FixedRandom": "random", "EmotionType": "Sadness"},
    ]
    assert said == []
    (source,) = io.read(path)
    assert source.format == canlab.NAME


def test_subjects_go_before_n(tmp_path: Path) -> None:
    """The toolbox takes N only where there are no Subjects; a sheet may have both."""
    rows = [("x", "y", "z", "study", "Contrast", "N", "Subjects", "CoordSys")]
    rows.append((6, -26, 60, "A", 1, 5, 22, "MNI"))
    (contrast,), _ = canlab.read(written(tmp_path / "a.txt", csv(rows, "\t")))
    assert contrast.sample_sizes == (22,)
    assert contrast.annotations == {"N": 5}


def test_a_wrong_width_is_said(tmp_path: Path) -> None:
    """The first row counts the columns; all are read whatever it says."""
    rows = ((7,), *ROWS[1:])
    assert problems(written(tmp_path / "a.txt", csv(rows, "\t"))) == [
        "warning a.txt, line 1: the table should have 7 columns, and has 9 (all columns are read)"
    ]


def test_a_number_of_two_studies_is_said(tmp_path: Path) -> None:
    """Numbers of contrasts are unique in the database."""
    rows = (*ROWS, (1, 2, 3, "TomSawyer2010", 3, 68, "random", "MNI", "Joy"))
    path = written(tmp_path / "a.txt", csv(rows, "\t"))
    assert problems(path) == [
        (
            "warning a.txt, line 7: 1 contrast number of several studies: 3 (3 is of "
            "JaneSmith2006, TomSawyer2010) (they are kept apart by study; is a number wrong?)"
        )
    ]


def test_a_plain_table_is_none(tmp_path: Path) -> None:
    """Without a column of its own it is a table like others."""
    rows = [("x", "y", "z", "Study", "Contrast", "N"), (1, 2, 3, "A", 1, 20)]
    assert not canlab.sniff(written(tmp_path / "a.csv", csv(rows)))
