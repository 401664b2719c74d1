"""A table of foci in a file: CSV, TSV and XLSX in the dialects that people write."""

import gzip
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import DataError, NoInputError
from nimare_pipeline.io import sheet
from tests.io.sheets import HEAD, ROWS, csv, facts, problems, read, refusal, workbook, written

TABLE = (HEAD, *ROWS)
EXPECTED = [
    ("Smith 2019", "pain > rest", (24,), [(10, -20, 30), (-12, 4, 8)], ("MNI", "MNI")),
    ("Smith 2019", "touch > rest", (24,), [(-40, -20, 50)], ("MNI",)),
    ("Lee 2020", "pain > rest", (16,), [(40, -10, 2)], ("TAL",)),
]


class TestDialects:
    @pytest.mark.parametrize(
        ("name", "mark"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", ";"), ("a.txt", "\t")]
    )
    def test_separators(self, tmp_path: Path, name: str, mark: str) -> None:
        """Commas, semicolons and tabs, whatever the file is called."""
        contrasts, said = read(written(tmp_path / name, csv(TABLE, mark)))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED
        assert said == []

    def test_xlsx(self, tmp_path: Path) -> None:
        """A sheet of a workbook gives the same."""
        contrasts, said = read(workbook(tmp_path / "a.xlsx", {"Sheet1": TABLE}))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED
        assert said == []

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
    def test_encodings(self, tmp_path: Path, encoding: str) -> None:
        """Byte-order marks, UTF-16, and what old spreadsheets write."""
        text = csv(TABLE).replace("Smith", "Müller")
        contrasts, said = read(written(tmp_path / "a.csv", text.encode(encoding)))
        assert contrasts[0].study_id == "Müller 2019"
        assert said == (
            [
                (
                    "warning a.csv, line 2: not UTF-8; read as Windows-1252 (Latin-1) (check the "
                    "names with accents, or save the file as UTF-8)"
                )
            ]
            if encoding == "cp1252"
            else []
        )

    @pytest.mark.parametrize("end", ["\r\n", "\r"])
    def test_line_ends(self, tmp_path: Path, end: str) -> None:
        """Lines are counted whichever way they end."""
        contrasts, _ = read(written(tmp_path / "a.csv", csv(TABLE).replace("\n", end)))
        assert [contrast.focus_lines for contrast in contrasts] == [(2, 3), (4,), (5,)]

    def test_gzipped(self, tmp_path: Path) -> None:
        """A packed table is unpacked."""
        contrasts, _ = read(written(tmp_path / "a.csv.gz", gzip.compress(csv(TABLE).encode())))
        assert [facts(contrast) for contrast in contrasts] == EXPECTED


def test_other_columns_find_their_places(tmp_path: Path) -> None:
    """What is the same for a contrast is a label; a statistic stays with its foci."""
    contrasts, _ = read(written(tmp_path / "a.csv", csv(TABLE)))
    assert [contrast.annotations for contrast in contrasts] == [
        {"task": "heat"},
        {"task": "brush"},
        {"task": "heat"},
    ]
    assert [contrast.values for contrast in contrasts] == [
        {"T": (5.5, 4.25)},
        {"T": (3.5,)},
        {"T": (6.0,)},
    ]


def test_a_run_reads_it(tmp_path: Path) -> None:
    """The registry finds the file, and its labels can be selected by."""
    written(tmp_path / "my foci.csv", csv(TABLE))
    (source,) = io.read(tmp_path)
    assert (source.name, source.format, source.files) == ("my foci", sheet.NAME, ("my foci.csv",))
    assert source.dataset.annotations["task"].tolist() == ["heat", "brush", "heat"]
    assert source.dataset.coordinates["original_space"].tolist() == ["MNI", "MNI", "MNI", "TAL"]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """No traceback of the system."""
    with pytest.raises(NoInputError, match=r"no such file: .*a\.csv"):
        sheet.read(tmp_path / "a.csv")


def test_no_header_is_refused(tmp_path: Path) -> None:
    """A file that is named, and is no table of foci."""
    assert refusal(written(tmp_path / "a.csv", "a,b\n1,2\n")) == [
        "a.csv: no header with x, y and z (a column for each, and 'study')"
    ]


@pytest.mark.parametrize("name", ["old.xls", "locked.xlsx"])
def test_old_spreadsheets_are_refused_with_advice(tmp_path: Path, name: str) -> None:
    """XLS and XLSX under a password are containers of another kind."""
    path = written(tmp_path / name, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(DataError, match="locked spreadsheets are not read: save them as XLSX"):
        io.read(path)
    written(tmp_path / "a.csv", csv(TABLE))
    assert problems(tmp_path) == [
        (
            f"warning 1 file is in no known format and is left out: {name} (XLS, ODS and locked "
            "spreadsheets are not read: save them as XLSX or CSV)"
        )
    ]
