"""What can be wrong between the tables of the layout: ids, contrasts and files that do not fit."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from nimare_pipeline import packed
from nimare_pipeline.contrast import counted, listed, quoted
from nimare_pipeline.errors import Problem
from nimare_pipeline.io._native_columns import ORIGINAL_ID
from nimare_pipeline.io._native_layout import Layout
from nimare_pipeline.io._native_tables import (
    CONTRAST,
    STUDY,
    Key,
    Note,
    Table,
    folded,
    nearest,
    said,
)

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class HasKey(Protocol):
    """What these checks need of a contrast that is being read."""

    key: Key
    file: str
    line: int
    images: dict[str, Any]


def labels(entries: Iterable[HasKey], note: Note) -> None:
    """Ids that differ only in case, blanks, dots, hyphens and underscores are one id misspelt."""
    seen: dict[tuple[str, ...], HasKey] = {}
    for entry in entries:
        study, contrast = entry.key
        for what, name, place in (
            ("study", study, (_loose(study),)),
            ("contrast", contrast, (_loose(study), _loose(contrast))),
        ):
            first = seen.setdefault(place, entry)
            other = first.key[0] if what == "study" else first.key[1]
            if other != name:
                where = f"line {entry.line}" if entry.line else ""
                earlier = f" (line {first.line})" if first.line else ""
                message = f"{what} id {name!r} is nearly {other!r}{earlier}"
                advice = "write one id the same way everywhere, or two that differ in letters"
                note(Problem("error", message, entry.file, where, advice))


def original_ids(table: Table, owners: Sequence[Any]) -> None:
    """An original id may stand once, or once in a study."""
    if ORIGINAL_ID not in table:
        return
    seen: dict[tuple[Any, Any], int] = {}
    for row, (owner, name) in enumerate(zip(owners, table.values(ORIGINAL_ID), strict=True)):
        if name is None:
            continue
        first = seen.setdefault((owner, name), row)
        if first != row:
            table.error(row, f"{ORIGINAL_ID} {name!r} stands in line {table.lines[first]} already")


def known(table: Table, keys: Sequence[Key | None], entries: Collection[Key], main: str) -> None:
    """Rows of contrasts that are not known; one problem a contrast, none if no contrast is."""
    if not entries:  # what is wrong with their table is said already
        return
    counts = Counter(key for key in keys if key is not None and key not in entries)
    names = {said(key): key for key in entries} if counts else {}
    for key, count in counts.items():
        near = nearest(said(key), names)
        what = f"{counted(count, 'row')} of" if count > 1 else "a row of"
        message = f"{what} contrast {said(key)}, which is not in {main}"
        table.error(keys.index(key), message, f"is {near} meant?" if near else f"add it to {main}")


def unrepeated(table: Table, keys: Sequence[Key | None]) -> list[Key | None]:
    """Keys of rows, without those that stand in the table before."""
    seen: set[Key] = set()
    found: list[Key | None] = []
    for row, key in enumerate(keys):
        if key in seen:
            table.error(row, f"contrast {said(key)} stands in the table already")
        found.append(None if key in seen else key)
        if key is not None:
            seen.add(key)
    return found


def own_ids(table: Table, key: Key) -> None:
    """Ids in the table of one contrast must be those of its file name."""
    for name, own in zip((STUDY, CONTRAST), key, strict=True):
        for row, found in enumerate(table.labels(name) if name in table else ()):
            if found is not None and folded(found) != folded(own):
                table.error(
                    row, f"{name} is {quoted(found, 40)}", f"the file is named after {own!r}"
                )


def studies(
    table: Table | None, rows: Mapping[str, int], main: Table | None, entries: Collection[Key]
) -> None:
    """Studies that only one of the two tables has."""
    if table is None or not entries:
        return
    used = dict.fromkeys(study for study, _ in entries)
    left = [study for study in rows if study not in used]
    if left:
        many = counted(len(left), "study", "studies")
        message = f"{many} without contrasts: {listed(left, 5)}"
        table.warn(rows[left[0]], message, "is an id misspelt?")
    lacking = [study for study in used if study not in rows]
    if lacking and main is not None:
        many = counted(len(lacking), "study", "studies")
        message = f"{many} not in {table.file}: {listed(lacking, 5)}"
        main.warn(-1, message, "nothing is known of them but their contrasts")


def files(layout: Layout, note: Note) -> None:
    """Files that cannot be read beside others, or not yet."""
    for path in layout.twice:
        note(Problem("error", "this table is there twice, plain and gzipped", path.name))
    if layout.sparse:
        others = [path.name for path in layout.sparse[1:]]
        message = f"sparse annotations are left out{', with ' if others else ''}{listed(others)}"
        advice = "write them as desc-<name>_annotations.tsv"
        note(Problem("warning", message, layout.sparse[0].name, suggestion=advice))


def images(root: Path, entries: Iterable[HasKey], note: Note) -> None:
    """Image files that are named and are not there; one warning for all."""
    lacking: dict[str, HasKey] = {}
    for entry in entries:
        for kind, path in entry.images.items():
            text = str(path)
            if kind != "space" and not _REMOTE.match(text) and not _is_there(root / text):
                lacking.setdefault(text, entry)
    if lacking:
        file = next(iter(lacking.values())).file
        many = f"{counted(len(lacking), 'image file')} {'is' if len(lacking) == 1 else 'are'}"
        advice = "paths are relative to the folder of the tables"
        note(Problem("warning", f"{many} not there: {listed(list(lacking), 3)}", file, "", advice))


def _is_there(path: Path) -> bool:
    return path.exists() or packed.inside(path) is not None


def _loose(text: str) -> str:
    return re.sub(r"[\s_.\-]", "", text).casefold()
