"""Workbooks: several sheets, what spreadsheets do to cells, and hostile files."""

import datetime as dt
import resource
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import NoInputError
from nimare_pipeline.io import _sheet_excel as excel
from nimare_pipeline.io import sheet
from tests.io.sheets import HEAD, ROWS, csv, facts, problems, read, refusal, workbook, written

TABLE = (HEAD, *ROWS)
SHEET = "xl/worksheets/sheet1.xml"


def changed(path: Path, parts: Mapping[str, Any]) -> Path:
    """Write a workbook of TABLE with parts of it changed by functions of their bytes."""
    plain = workbook(path.with_name("plain.xlsx"), {"a": TABLE})
    with zipfile.ZipFile(plain) as source:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            for name in source.namelist():
                body = source.read(name)
                made.writestr(name, parts[name](body) if name in parts else body)
    plain.unlink()
    return path


class TestSheets:
    def test_the_one_with_foci_is_taken(self, tmp_path: Path) -> None:
        """The others are named."""
        sheets = {"notes": [("by", "me")], "foci of 2020": TABLE}
        contrasts, said = read(workbook(tmp_path / "a.xlsx", sheets))
        assert len(contrasts) == 3
        assert said == ["warning a.xlsx: read is the sheet 'foci of 2020'; sheet notes left out"]

    def test_several_are_refused_with_a_way_out(self, tmp_path: Path) -> None:
        """A user says which by its name."""
        sheets = {"pain": TABLE, "touch": TABLE}
        assert refusal(workbook(tmp_path / "a.xlsx", sheets)) == [
            (
                "a.xlsx: 2 sheets have coordinates: pain, touch (call the one to read "
                "'coordinates', or save each as a CSV file)"
            )
        ]
        sheets = {"Coordinates": TABLE, "touch": TABLE[:2]}
        assert len(read(workbook(tmp_path / "a.xlsx", sheets))[0]) == 3

    def test_hidden_ones_are_left_out(self, tmp_path: Path) -> None:
        """An old copy that a user hid is no rival."""
        path = workbook(tmp_path / "a.xlsx", {"a": TABLE, "old": TABLE[:2]}, hidden=["old"])
        assert len(read(path)[0]) == 3

    def test_none_has_foci(self, tmp_path: Path) -> None:
        """The sheets are named."""
        path = workbook(tmp_path / "a.xlsx", {"a": [("b", "c"), (1, 2)]})
        assert not sheet.sniff(path)
        assert refusal(path) == [
            (
                "a.xlsx: no sheet has a header with x, y and z; the sheets are: a (a column for "
                "each, and one 'study')"
            )
        ]


class TestSheetOfStudies:
    FOCI = (
        ("Study", "Contrast", "x", "y", "z"),
        ("Smith 2019", "pain", 10, -20, 30),
        (None, None, -12, 4, 8),
        ("Smith 2019", "touch", -40, -20, 50),
        ("Lee 2020", "pain", 40, -10, 2),
    )

    def test_its_columns_join(self, tmp_path: Path) -> None:
        """Sizes, spaces and labels of another sheet, by study; studies without foci are said."""
        studies = [
            ("Included studies",),
            ("study", "N", "Space", "task", "Contrast"),
            ("smith 2019", 24, "MNI", "heat"),
            ("Lee 2020", 16, "TAL", "cold"),
            ("Ada 2001", 12, "MNI", "heat"),
        ]
        path = workbook(tmp_path / "a.xlsx", {"Studies": studies, "Foci": self.FOCI})
        contrasts, said = read(path)
        assert [facts(contrast) for contrast in contrasts] == [
            ("Smith 2019", "pain", (24,), [(10, -20, 30), (-12, 4, 8)], ("MNI", "MNI")),
            ("Smith 2019", "touch", (24,), [(-40, -20, 50)], ("MNI",)),
            ("Lee 2020", "pain", (16,), [(40, -10, 2)], ("TAL",)),
        ]
        assert [contrast.annotations["task"] for contrast in contrasts] == ["heat", "heat", "cold"]
        assert said[:2] == [
            "warning a.xlsx: N, Space, task are taken from the sheet 'Studies', by study",
            (
                "warning a.xlsx, line 5 of sheet 'Studies': 1 study without foci: Ada 2001 (is a "
                "name spelled otherwise there?)"
            ),
        ]
        assert not any("left out" in one for one in said)

    def test_rows_of_contrasts(self, tmp_path: Path) -> None:
        """Where it has a row for each contrast, each takes its own."""
        studies = [
            ("Study", "Contrast", "sample size"),
            *(("Smith 2019", "pain", 24), ("Smith 2019", "touch", 20), ("Lee 2020", "pain", 16)),
        ]
        once = [*self.FOCI[:3], (None, *self.FOCI[3][1:]), self.FOCI[4]]
        for i, foci in enumerate((self.FOCI, once)):
            path = workbook(tmp_path / f"{i}.xlsx", {"Foci": foci, "Experiments": studies})
            assert [contrast.sample_sizes for contrast in read(path)[0]] == [(24,), (20,), (16,)]

    def test_other_sheets_do_not_join(self, tmp_path: Path) -> None:
        """A list of other studies has nothing to say of these, though one is of both."""
        others = [("Study", "N"), ("Ada 2001", 12), ("Bell 2002", 13), ("Lee 2020", 14)]
        path = workbook(tmp_path / "a.xlsx", {"Foci": self.FOCI, "Excluded": others})
        contrasts, said = read(path)
        assert [contrast.sample_sizes for contrast in contrasts] == [(), (), ()]
        assert "warning a.xlsx: read is the sheet 'Foci'; sheet Excluded left out" in said

    def test_what_both_have_is_that_of_the_foci(self, tmp_path: Path) -> None:
        """The sheet of foci is not overruled."""
        foci = [(*self.FOCI[0], "N"), *((*row, 30) for row in self.FOCI[1:])]
        studies = [("Study", "Participants", "age"), ("Smith 2019", 24, 33), ("Lee 2020", 16, 44)]
        path = workbook(tmp_path / "a.xlsx", {"Foci": foci, "Studies": studies})
        contrasts, _ = read(path)
        assert [contrast.sample_sizes for contrast in contrasts] == [(30,), (30,), (30,)]
        assert [contrast.annotations for contrast in contrasts] == [
            *({"age": 33}, {"age": 33}, {"age": 44})
        ]


class TestCells:
    def test_numbers_as_text(self, tmp_path: Path) -> None:
        """Cells that a spreadsheet holds as text are the numbers they look like."""
        rows = [HEAD, *(tuple(str(value) for value in row) for row in ROWS)]
        contrasts, said = read(workbook(tmp_path / "a.xlsx", {"a": rows}))
        assert contrasts[2].sample_sizes == (16,)
        assert contrasts[0].values == {"T": (5.5, 4.25)}
        assert said == []

    def test_dates(self, tmp_path: Path) -> None:
        """An id may have been one; a coordinate cannot be."""
        day = dt.datetime(2019, 3, 1)  # noqa: DTZ001 - spreadsheets have no time zones
        rows = [HEAD, (day, "a", 20, 1, 2, 3, "MNI"), ("B", "a", 20, day, 2, 3, "MNI")]
        _, said = read(workbook(tmp_path / "a.xlsx", {"s": rows}))
        assert said[:2] == [
            (
                "error a.xlsx, line 3 (cell D3) of sheet 's': x is a date, '2019-03-01' (the "
                "spreadsheet made it of what was typed: format the cell as text)"
            ),
            (
                "warning a.xlsx, line 2 (cell A2) of sheet 's': Study is a date, '2019-03-01' "
                "(did the spreadsheet make it of an id such as 3-1? format the cell as text)"
            ),
        ]

    def test_formulas_without_results(self, tmp_path: Path) -> None:
        """Programs write formulas and compute nothing; a label is missing, a coordinate wrong."""
        rows = [HEAD, ("A", "a", 20, "=1+1", 2, 3, "MNI", "=1+1")]
        _, said = read(workbook(tmp_path / "a.xlsx", {"s": rows}))
        assert said[:1] == [
            (
                "error a.xlsx, line 2 (cell D2) of sheet 's': x is a formula whose result is not "
                "in the file (open the file in a spreadsheet program and save it)"
            )
        ]
        rows[1] = ("A", "a", 20, 1, 2, 3, "MNI", "=1+1")
        _, said = read(workbook(tmp_path / "b.xlsx", {"s": rows}))
        assert said == [
            (
                "warning b.xlsx, line 2 (cell H2) of sheet 's': task is a formula whose result is "
                "not in the file; it is taken as missing"
            )
        ]

    def test_results_of_formulas(self, tmp_path: Path) -> None:
        """The value that the spreadsheet computed is what counts."""
        path = changed(
            tmp_path / "a.xlsx",
            {SHEET: lambda body: body.replace(b"<v>10</v>", b"<f>5*2</f><v>10</v>", 1)},
        )
        contrasts, said = read(path)
        assert contrasts[0].xyz.tolist()[0] == [10, -20, 30]
        assert said == []

    def test_errors_of_formulas(self, tmp_path: Path) -> None:
        """``#N/A`` is no number and no label."""
        rows = [HEAD, ("A", "a", 20, 1, 2, "#REF!", "MNI", "#N/A"), ("A", "a", 20, 1, 2, 3, "MNI")]
        _, said = read(workbook(tmp_path / "a.xlsx", {"s": rows}))
        assert said == [
            (
                "error a.xlsx, line 2 (cell F2) of sheet 's': z is '#REF!' (expected a number, in "
                "mm)"
            ),
            (
                "warning a.xlsx, line 2 (cell H2) of sheet 's': task is an error; it is taken as "
                "missing"
            ),
        ]


class TestHostile:
    def test_a_bomb_is_refused_by_its_directory(self, tmp_path: Path) -> None:
        """A workbook that unpacks to 300 MB is not unpacked: the process stays small."""
        path = tmp_path / "bomb.xlsx"
        plain = workbook(tmp_path / "plain.xlsx", {"a": TABLE})
        with (
            zipfile.ZipFile(plain) as source,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made,
        ):
            for name in source.namelist():
                if name == SHEET:
                    with made.open(name, "w", force_zip64=True) as stream:
                        for _ in range(300):
                            stream.write(b" " * 2**20)
                else:
                    made.writestr(name, source.read(name))
        assert path.stat().st_size < 2**20
        assert not sheet.sniff(path)
        assert refusal(path) == [
            (
                "bomb.xlsx: the workbook unpacks to 300 MB in 9 parts, more than a table of foci "
                "needs (at most 128 MB in 2,000 parts; save the sheet of the foci as CSV)"
            )
        ]
        plain.unlink()
        with pytest.raises(NoInputError, match=r".*\(bomb.xlsx: the workbook unpacks to"):
            io.read(tmp_path)

    def test_a_packed_text_is_read_to_the_limit_only(self, tmp_path: Path) -> None:
        """A gzipped text of 200 MB costs no more than the limit."""
        import gzip

        path = tmp_path / "a.csv.gz"
        with gzip.open(path, "wb") as stream:
            stream.write(csv(TABLE).encode())
            for _ in range(200):
                stream.write(b"\n" * 2**20)
        program = (
            "import resource, sys\nfrom pathlib import Path\n"
            "from nimare_pipeline.io import sheet\nfrom nimare_pipeline.errors import DataError\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "try: sheet.read(Path(sys.argv[1]))\n"
            "except DataError as error: print(error)\n"
            "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
        )
        words = [sys.executable, "-c", program, str(path)]
        ended = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path.cwd())
        *message, grown_mb = ended.stdout.splitlines()
        assert "more than 64 MB of text, which is no table of foci" in "".join(message)
        assert int(grown_mb) < 200

    def test_lines_without_end(self, tmp_path: Path) -> None:
        """A text of nothing but line ends is given up."""
        path = written(tmp_path / "a.csv", csv(TABLE) + "\n" * 2_100_000)
        assert refusal(path) == [
            "a.csv: cannot be read: more than 2,000,000 lines, which is no table of foci"
        ]

    def test_one_line_without_end(self, tmp_path: Path) -> None:
        """A cell of megabytes is given up, in quotes or not."""
        for quote in ("", '"'):
            path = written(tmp_path / "a.csv", csv(TABLE) + quote + "a" * 2**21)
            (found,) = refusal(path)
            assert found.startswith("a.csv: cannot be read: field larger than field limit")

    @pytest.mark.parametrize(
        ("part", "change", "message"),
        [
            (
                SHEET,
                lambda body: body.replace(
                    b"<worksheet", b'<!DOCTYPE a [<!ENTITY x "y">]><worksheet', 1
                ),
                "xl/worksheets/sheet1.xml declares entities, as no spreadsheet does (save",
            ),
            (
                SHEET,
                lambda body: body[:300],
                "this workbook is damaged (ParseError: unclosed token",
            ),
            (
                SHEET,
                lambda body: body.replace(b'<row r="4"', b'<row r="99999999999"'),
                "a row has a number above 1,048,576 (save it again as XLSX)",
            ),
            (
                SHEET,
                lambda body: body.replace(b'r="A4"', b'r="ZZZZZ4"'),
                "this workbook is damaged (ValueError: 'ZZZZZ' is not a valid column name",
            ),
            ("xl/workbook.xml", lambda _: b"<a", "this workbook is damaged ("),
            ("[Content_Types].xml", lambda _: b"", "this workbook is damaged ("),
        ],
    )
    def test_damage_is_one_message(
        self, tmp_path: Path, part: str, change: Any, message: str
    ) -> None:
        """Whatever openpyxl stumbles over."""
        path = changed(tmp_path / "a.xlsx", {part: change})
        (found,) = refusal(path)
        assert found.startswith(f"a.xlsx: {message}")

    def test_half_a_file(self, tmp_path: Path) -> None:
        """A download that was cut is an archive without a directory."""
        plain = workbook(tmp_path / "plain.xlsx", {"a": TABLE})
        path = written(tmp_path / "a.xlsx", plain.read_bytes()[:2000])
        assert not sheet.sniff(path)
        assert refusal(path) == [
            (
                "a.xlsx: this is no XLSX workbook, or a damaged one (save it again as XLSX, or as "
                "CSV)"
            )
        ]

    def test_far_cells_cost_nothing(self, tmp_path: Path) -> None:
        """A stray cell in the last row makes no million rows; claims of size are ignored."""
        path = tmp_path / "a.xlsx"
        changed(
            path,
            {
                SHEET: lambda body: body.replace(
                    b"</sheetData>",
                    b'<row r="1048576"><c r="A1048576" t="str"><v>end</v></c></row></sheetData>',
                ).replace(b'<dimension ref="A1:I5"', b'<dimension ref="A1:XFD1048576"')
            },
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        contrasts, said = read(path)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 5
        assert [facts(contrast)[0] for contrast in contrasts] == [
            *("Smith 2019", "Smith 2019", "Lee 2020")
        ]
        assert said == [
            "warning a.xlsx, line 1048576 of sheet 'a': 1 row is left out as notes or totals"
        ]

    def test_deep_xml(self, tmp_path: Path) -> None:
        """Elements in elements without end do not overflow a stack."""
        deep = b"<a>" * 100_000 + b"</a>" * 100_000
        path = changed(
            tmp_path / "a.xlsx",
            {SHEET: lambda body: body.replace(b"</sheetData>", b"</sheetData>" + deep)},
        )
        assert len(read(path)[0]) == 3


def test_without_openpyxl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install, or how to do without."""
    path = workbook(tmp_path / "a.xlsx", {"a": TABLE})
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert refusal(path) == [
        "a.xlsx: reading XLSX needs openpyxl: pip install openpyxl (or save the sheet as CSV)"
    ]


def test_an_open_document_is_named(tmp_path: Path) -> None:
    """ODS is an archive with its type in front."""
    path = tmp_path / "a.ods"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    assert excel.is_other_kind(path)
    written(tmp_path / "a.csv", csv(TABLE))
    assert "save them as XLSX or CSV" in problems(tmp_path)[0]
    assert len(io.read(tmp_path)[0].dataset.ids) == 3
