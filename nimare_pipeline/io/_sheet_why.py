"""Why a file that looks like a table of foci is not read as one, for who made it."""

from collections.abc import Sequence
from pathlib import Path

from nimare_pipeline.contrast import listed
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _sheet_excel as excel
from nimare_pipeline.io import _sheet_grid as grids
from nimare_pipeline.io import _sheet_layout as layouts
from nimare_pipeline.io._sheet_grid import Grid

_TABLES = (".csv", ".tsv", ".xlsx", ".xlsm")
"""What has another suffix is most often no table at all."""
_ROWS = 100


def why_no_table(path: Path) -> str:
    """Why a table cannot be opened, or is none of foci; empty of a file that is no table."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in _TABLES or excel.is_other_kind(path):
        return ""
    try:
        reason = _reason(_grids(path)) if path.is_file() else ""
    except OSError:
        return ""
    except DataError as error:
        reason = error.problems[0].message
    return f"{path.name}: {reason}" if reason else ""


def _grids(path: Path) -> list[Grid]:
    """First rows of each sheet, or of a text by each delimiter that stands in it."""
    if excel.is_archive(path):
        return excel.grids(path, max_rows=_ROWS)
    text = grids.text_head(path)
    head = "\n".join(text.splitlines()[:_ROWS])
    marks = [mark for mark in grids.DELIMITERS if mark in head] or [","]
    return [grids.text_grid(path.name, head, mark) for mark in marks]


def _reason(found: Sequence[Grid]) -> str:
    if not any(grid.rows for grid in found):
        return "nothing stands in it"
    tables = [layout for grid in found if (layout := layouts.find(grid)) is not None]
    if not tables:
        return "no row names columns x, y and z; a header with these and 'study' is needed"
    best = max(tables, key=lambda layout: len(layout.names))
    if not best.rows:
        return "nothing stands below its header"
    known = listed([name for name in best.names if name], 10)
    return f"no column names the studies; call one 'study'. The columns are: {known}"
