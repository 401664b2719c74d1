"""Sheets of JALE and pyALE: a table of experiments with tags, and a table of analyses by tags.

::

    experiment_info.xlsx   Article  Subjects  x  y  z  Space  Task    Level
                           Ada 2001       24  4  8  2  MNI    nback   high
    analysis_info.xlsx     M  working memory, high load  +nback  +high
    config.yml             which file is which, and settings of JALE

An experiment is an article with one set of tags. Each tag is a label, ``tag__nback``, whichever
column it stands in. What the analyses mean is for :mod:`nimare_pipeline.io._jale_tables`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from nimare_pipeline.contrast import Contrast, listed
from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.io import _jale_analyses as sheets
from nimare_pipeline.io import _jale_tables, sheet
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io import _sheet_contrasts as contrasts
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._jale_analyses import TAG
from nimare_pipeline.io._native_tables import nearest
from nimare_pipeline.io._sheet_layout import NONE, Layout, cell
from nimare_pipeline.io._sheet_rows import Record

NAME = "JALE sheets (experiments, analyses)"
SAYS = ("focus-twice",)
"""Kinds of suspicions that are said here, with the line they stand in."""
CONFIG = ("config.yml", "config.yaml")

_SETTING = re.compile(r"^[ \t]*(\w+)[ \t]*:[ \t]*(\"[^\"]*\"|'[^']*'|[^#\n]*)", re.MULTILINE)
_MAX_CONFIG = 2**16


def sniff(path: Path) -> bool:
    """Whether a file is a sheet of analyses, or lies beside one as its experiments or settings."""
    if sheets.is_sheet(path):
        return True
    if path.name not in CONFIG and sheet.layout_of(path) is None:
        return False
    return bool(analysis_sheets(path.parent))


def group(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Files of each project: experiments, analyses, settings; what is left over is a rival."""
    groups = []
    for folder in dict.fromkeys(path.parent for path in paths):
        there = analysis_sheets(folder)
        given = [path for path in paths if path.parent == folder and path.name not in CONFIG]
        given += [path for path in there if path not in given]
        tables = [path for path in given if path not in there] or _experiments(folder)
        config = [folder / name for name in CONFIG if (folder / name).is_file()]
        named = settings(folder)
        main = _named(tables, named.get("experiment_info", ""))
        plan = _named(there, named.get("analysis_info", ""))
        groups.append((*main, *plan, *config))
        groups += [(path,) for path in (*tables, *there) if path not in (*main, *plan)]
    return [paths for paths in groups if paths]


def own_name(path: Path) -> str | None:
    """Name of the folder: projects have the same file names."""
    return "" if path.stem.casefold() in ("experiment_info", "experiments") else None


def analyses(path: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    """What the rows of a sheet ask for, see :mod:`nimare_pipeline.io.described`."""
    if not sheets.is_sheet(path):
        return [], []
    return _jale_tables.tables(path, settings(path.parent))


def read(path: Path, *companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Experiments of a project, and everything odd in both sheets.

    Raises
    ------
    NoInputError, DataError
        As :func:`nimare_pipeline.io.sheet.read`; or if there are analyses only.
    """
    if sheets.is_sheet(path):
        message = "analyses, but no table of experiments beside them"
        advice = "put it into the same folder, or name it in config.yml as experiment_info"
        msg = f"{path.name} cannot be read"
        raise DataError(msg, [Problem("error", message, path.name, "", advice)])
    problems: list[Problem] = []
    plan = next((other for other in companions if sheets.is_sheet(other)), None)
    rows = sheets.entries(plan) if plan is not None else []
    layout = _tagged(sheet.open_table(path, problems.append))
    columns = _tag_columns(layout, {tag for row in rows for tag in row.used})
    pool = settings(path.parent).get("pool_experiments", "").casefold() == "true"
    tags: dict[int, tuple[str, ...]] = {}

    def regroup(records: list[Record]) -> None:
        tags.update(_regrouped(records, columns, pool=pool))

    found = contrasts.read(layout, problems.append, regroup)
    known = dict.fromkeys(tag for own in tags.values() for tag in own)
    found = [_with_tags(one, tags, known) for one in found]
    if plan is not None:
        problems += _check(plan, rows, known)
    return found, problems


def analysis_sheets(folder: Path) -> tuple[Path, ...]:
    """Sheets of analyses in a folder."""
    try:
        return _analysis_sheets(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()


def settings(folder: Path) -> Mapping[str, str]:
    """Settings of the project's ``config.yml``; all keys are on one level, as texts."""
    for name in CONFIG:
        path = folder / name
        if path.is_file() and path.stat().st_size <= _MAX_CONFIG:
            text = path.read_text(encoding="utf-8", errors="replace")
            return {key: value.strip().strip("\"'") for key, value in _SETTING.findall(text)}
    return {}


@lru_cache(maxsize=256)
def _analysis_sheets(folder: Path, _changed_ns: int) -> tuple[Path, ...]:
    return tuple(path for path in sorted(folder.iterdir()) if sheets.is_sheet(path))


def _experiments(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and sheet.sniff(path)]


def _named(paths: Sequence[Path], name: str) -> list[Path]:
    """The one file, or the one that is named, as a list; several without a name are none."""
    if len(paths) == 1:
        return list(paths)
    return [path for path in paths if path.name == Path(name).name][:1]


def _tagged(layout: Layout) -> Layout:
    """Layout in which no column names contrasts: what looks so is a column of tags."""
    if layout.contrast == NONE:
        return layout
    labels = tuple(sorted({*layout.labels, layout.contrast}))
    return replace(layout, contrast=NONE, labels=labels)


def _tag_columns(layout: Layout, wanted: set[str]) -> list[int]:
    """Columns of tags: of words, and if they may describe foci, with a tag of an analysis."""
    found = []
    for column in layout.labels:
        texts = {cell(row, column).casefold() for _, row in layout.rows} - {""}
        values, _ = cells.guessed(sorted(texts))
        is_text = any(isinstance(value, str) for value in values)
        if is_text and (texts & wanted or not words.is_of_focus(layout.names[column])):
            found.append(column)
    return found


def _regrouped(
    records: Sequence[Record], columns: Sequence[int], *, pool: bool
) -> dict[int, tuple[str, ...]]:
    """Name the experiment of each record by its tags; the tags by the line of each record.

    Where rows leave out the article, each article that is named begins an experiment. With
    ``pool`` an article is one experiment, with the tags of all.
    """
    own: dict[int, tuple[str, ...]] = {}
    seen: dict[tuple[str, str], int] = {}
    above: Record | None = None
    for record in records:
        if record.continued and above is not None:
            own[record.line], record.contrast = own[above.line], above.contrast
        else:
            texts = (cell(record.cells, column).casefold() for column in columns)
            own[record.line] = tuple(dict.fromkeys(text for text in texts if text))
            name = "+".join(own[record.line]) or record.contrast
            count = seen.get((record.study, name), 0)
            begins = not count or (above is not None and above.continued)
            number = seen[record.study, name] = count + begins
            record.contrast = f"{name} ({number})" if number > 1 else name
        above = record
    if not pool:
        return own
    by_study: dict[str, list[Record]] = {}
    for record in records:
        by_study.setdefault(record.study, []).append(record)
    for members in by_study.values():
        union = tuple(dict.fromkeys(tag for one in members for tag in own[one.line]))
        for record in members:
            record.contrast = "1"
            own[record.line] = union
    return own


def _with_tags(
    contrast: Contrast, tags: Mapping[int, tuple[str, ...]], known: Iterable[str]
) -> Contrast:
    own = tags.get(contrast.line, ())
    labels = {f"{TAG}{tag}": tag in own for tag in known}
    return replace(contrast, annotations={**contrast.annotations, **labels})


def _check(plan: Path, rows: Sequence[sheets.Entry], known: Iterable[str]) -> list[Problem]:
    """What is wrong with the analyses, what of them cannot be run, and tags that none has."""
    _, found = analyses(plan)
    for row in rows:
        for tag in row.used:
            if tag not in known:
                near = nearest(tag, known)
                advice = f"is {near!r} meant?" if near else f"there are: {listed(list(known), 10)}"
                message = f"no experiment has the tag {tag!r}"
                found.append(Problem("warning", message, plan.name, f"line {row.line}", advice))
    return found
