"""Tables of foci as people make them, for tests to write and to break."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline import io
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import sheet

HEAD = ("Study", "Contrast", "N", "x", "y", "z", "Space", "task", "T")
ROWS: tuple[tuple[Any, ...], ...] = (
    ("Smith 2019", "pain > rest", 24, 10, -20, 30, "MNI", "heat", 5.5),
    ("Smith 2019", "pain > rest", 24, -12, 4, 8, "MNI", "heat", 4.25),
    ("Smith 2019", "touch > rest", 24, -40, -20, 50, "MNI", "brush", 3.5),
    ("Lee 2020", "pain > rest", 16, 40, -10, 2, "TAL", "heat", 6),
)


def csv(rows: Sequence[Sequence[Any]], mark: str = ",") -> str:
    """Rows as text."""
    return "".join(mark.join("" if v is None else str(v) for v in row) + "\n" for row in rows)


def workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    merged: Sequence[str] = (),
    hidden: Sequence[str] = (),
) -> Path:
    """Write an XLSX file; areas in ``merged`` are of the first sheet."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        made = book.create_sheet(name)
        for row in rows:
            made.append(list(row))
        made.sheet_state = "hidden" if name in hidden else "visible"
    for area in merged:
        book.worksheets[0].merge_cells(area)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def written(path: Path, body: str | bytes) -> Path:
    """Write a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def read(path: Path) -> tuple[list[Contrast], list[str]]:
    """Contrasts of a file that is known, and what is said of it."""
    assert sheet.sniff(path)
    contrasts, problems = sheet.read(path)
    return contrasts, [f"{problem.level} {problem}" for problem in problems]


def problems(path: Path) -> list[str]:
    """Everything that is said of a file or folder, as ``level file, place: message (advice)``."""
    found, general = io.examine(path)
    return [f"{p.level} {p}" for p in (*general, *(p for one in found for p in one.problems))]


def refusal(path: Path) -> list[str]:
    """Problems with which a file as a whole is refused."""
    try:
        sheet.read(path)
    except DataError as error:
        return [str(problem) for problem in error.problems]
    return []


def facts(contrast: Contrast) -> tuple[Any, ...]:
    """What a test compares of a contrast."""
    xyz = [tuple(point) for point in contrast.xyz.tolist()]
    return (contrast.study_id, contrast.contrast_id, contrast.sample_sizes, xyz, contrast.spaces)
