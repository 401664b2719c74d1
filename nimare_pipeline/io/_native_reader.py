"""Reading the table layout: the main table first, then what the others add to its contrasts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nimare_pipeline.contrast import Contrast, is_missing, quoted
from nimare_pipeline.errors import Problem
from nimare_pipeline.io import _native_cells as cells
from nimare_pipeline.io import _native_checks as checks
from nimare_pipeline.io import _native_columns as columns
from nimare_pipeline.io import _native_layout as layouts
from nimare_pipeline.io import _native_tables as tables
from nimare_pipeline.io._native_foci import Foci, read_foci, system_of
from nimare_pipeline.io._native_tables import CONTRAST, STUDY, Key, Table, said


@dataclass
class Entry:
    """What is known of a contrast so far; ``row`` is its row in ``contrasts.tsv``."""

    key: Key
    file: str = ""
    line: int = 0
    row: int = -1
    space: str = ""
    contrast_id: str = ""
    sizes: tuple[float, ...] = ()
    foci: Foci = field(default_factory=Foci)
    metadata: dict[str, Any] = field(default_factory=dict)
    images: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Reader:
    """Goes through the tables, the main one first, and collects every problem."""

    layout: layouts.Layout
    problems: list[Problem] = field(default_factory=list)
    entries: dict[Key, Entry] = field(default_factory=dict)
    main: Table | None = None
    studies: Table | None = None
    rows_of_studies: dict[str, int] = field(default_factory=dict)
    original_ids: dict[str, str] = field(default_factory=dict)
    general_space: str = ""

    def read(self) -> list[Contrast]:
        self.read_studies()
        self.read_contrasts()
        self.read_foci()
        self.read_named_images()
        for path in self.layout.annotations:
            self.read_more(path, "annotations")
        if self.layout.texts is not None:
            self.read_more(self.layout.texts, "texts")
        self.read_metadata()
        checks.labels(self.entries.values(), self.problems.append)
        checks.studies(self.studies, self.rows_of_studies, self.main, self.entries)
        checks.files(self.layout, self.problems.append)
        checks.images(self.layout.root, self.entries.values(), self.problems.append)
        return [self.contrast(entry) for entry in self.entries.values()]

    def add(
        self, level: Any, file: str, message: str, suggestion: str = "", line: int = 0
    ) -> None:
        where = f"line {line}" if line else ""
        self.problems.append(Problem(level, message, file, where, suggestion))

    def table(
        self, path: Path | None, required: Iterable[str], known: Iterable[str] = ()
    ) -> Table | None:
        if path is None:
            return None
        return tables.read(path, self.problems.append, required=required, known=known)

    def read_studies(self) -> None:
        """Find the row of each study in the table of studies."""
        known = (columns.ORIGINAL_ID, *columns.OF_STUDY)
        self.studies = table = self.table(self.layout.studies, [STUDY], known)
        if table is None:
            return
        for row, study in enumerate(table.labels(STUDY)):
            if study in self.rows_of_studies:
                line = table.lines[self.rows_of_studies[study]]
                table.error(row, f"study {study} stands in line {line} already")
            elif study is not None:
                self.rows_of_studies[study] = row
        checks.original_ids(table, [""] * len(table.lines))
        if columns.ORIGINAL_ID in table:
            originals = table.values(columns.ORIGINAL_ID)
            self.original_ids = {
                study: str(originals[row])
                for study, row in self.rows_of_studies.items()
                if not is_missing(originals[row])
            }

    def read_contrasts(self) -> None:
        """Make an entry of each row of the table of contrasts, which then lists them all."""
        if self.layout.contrasts is None:
            return
        self.main = table = tables.read(
            self.layout.contrasts,
            self.problems.append,
            required=[STUDY],
            known=columns.KNOWN,
            understood=columns.may_hold_images,
        )
        if table is None:
            return
        if not table.lines:
            self.add("error", table.file, "the table has no rows", "one row for each contrast")
        keys = table.keys()
        for row, key in enumerate(keys):
            if key in self.entries:
                message = f"contrast {said(key)} stands in line {self.entries[key].line} already"
                table.error(row, message, "each contrast of a study needs an id of its own")
            elif key is not None:
                self.entries[key] = Entry(key, table.file, table.lines[row], row)
        sizes = columns.sizes(table)
        for entry in self.entries.values():
            entry.sizes = sizes[entry.row]
            space = table.columns.get(columns.SPACE, ("",) * len(keys))[entry.row]
            entry.space = "" if space in cells.MISSING_CELLS else space
        checks.original_ids(table, [key and key[0] for key in keys])
        self.read_columns(table)

    def read_columns(self, table: Table) -> None:
        """Annotations, images and ids of the table of contrasts."""
        for name, role in columns.roles(table).items():
            if role == "unused":
                table.warn(-1, f"column {name!r} is not used: ids are made of study and contrast")
            if role not in {"annotation", "image"} and name != columns.ORIGINAL_ID:
                continue
            values = table.values(name)
            for entry in self.entries.values():
                value = values[entry.row]
                if is_missing(value):
                    continue
                if role == "annotation":
                    entry.annotations[table.true_name(name)] = value
                elif role == "image":
                    entry.images[columns.image_type(table, name)] = value
                else:
                    entry.contrast_id = str(value)

    def read_foci(self) -> None:
        """Foci of the one table for all, and of the tables of contrasts."""
        table = self.table(self.layout.coordinates, [STUDY, *columns.AXES], [CONTRAST])
        if table is not None:
            self.general_space = system_of(table.sidecar)
            if not table.lines:
                self.add("warning", table.file, "the table has no rows")
            self.add_foci(table, table.keys())
        for named in self.layout.foci:
            table = self.table(named.path, columns.AXES)
            if table is not None:
                key = self.key_of(named)
                checks.own_ids(table, key)
                self.add_foci(table, [key] * len(table.lines))
                if self.layout.contrasts is None and not table.lines:
                    self.entries.setdefault(key, Entry(key, table.file))

    def add_foci(self, table: Table, keys: Sequence[Key | None]) -> None:
        known = self.known(table, keys)
        found = read_foci(table, known, self.space_of, self.general_space)
        rows = zip(known, columns.sizes(table), strict=True)
        sizes = columns.per_contrast(table, rows)
        size = columns.size_of(table)
        for key in dict.fromkeys(key for key in known if key is not None):
            entry = self.entries[key]
            if entry.sizes and key in sizes and sum(entry.sizes) != sum(sizes[key]):
                message = f"sample size of contrast {said(key)} is {sum(sizes[key]):g}"
                there = f"that of {entry.file} is used: {sum(entry.sizes):g}"
                table.warn(known.index(key), message, there)
            entry.sizes = entry.sizes or sizes.get(key, ()) or size
            if key not in found:
                continue
            if entry.foci.lines:
                message = f"foci of contrast {said(key)} stand in {entry.foci.file} already"
                table.error(known.index(key), message, "keep one of the two")
            else:
                entry.foci = found[key]

    def known(self, table: Table, keys: Sequence[Key | None]) -> list[Key | None]:
        """Keys whose contrast there is; without a table of contrasts, all make one."""
        if self.layout.contrasts is None:
            for row, key in enumerate(keys):
                if key is not None and key not in self.entries:
                    self.entries[key] = Entry(key, table.file, table.lines[row])
            return list(keys)
        checks.known(table, keys, self.entries, self.main_name)
        return [key if key in self.entries else None for key in keys]

    @property
    def main_name(self) -> str:
        return self.layout.contrasts.name if self.layout.contrasts else "contrasts.tsv"

    def space_of(self, key: Key) -> str:
        return self.entries[key].space if key in self.entries else ""

    def key_of(self, named: layouts.OfContrast) -> Key:
        """Contrast that the labels of a file name mean."""
        wanted = (tables.folded(named.study), tables.folded(named.contrast))
        found = [
            key for key in self.entries if (tables.folded(key[0]), tables.folded(key[1])) == wanted
        ]
        return found[0] if found else (named.study, named.contrast)

    def read_named_images(self) -> None:
        """Images that are named after their contrast; a path in a table goes before them."""
        named_so_far: dict[tuple[Key, str], str] = {}
        for named in self.layout.images:
            key = self.key_of(named)
            path = named.path.relative_to(self.layout.root).as_posix()
            if key not in self.entries and self.layout.contrasts is not None:
                message = f"an image of contrast {said(key)}, which is not in {self.main_name}"
                self.add(
                    "error", named.path.name, message, "name it after a contrast, or remove it"
                )
                continue
            entry = self.entries.setdefault(key, Entry(key, named.path.name))
            other = named_so_far.setdefault((key, named.image_type), path)
            if named.image_type and other != path:
                message = f"a second {named.image_type} image of contrast {said(key)}"
                self.add("warning", named.path.name, message, f"{other} is used")
            elif named.image_type:
                entry.images.setdefault(named.image_type, path)

    def read_more(self, path: Path, what: str) -> None:
        """Add the columns of a table of annotations or texts."""
        table = self.table(path, [STUDY], [CONTRAST])
        if table is None:
            return
        keys = table.keys()
        checks.known(table, keys, self.entries, self.main_name)
        owners = [self.entries.get(key) if key else None for key in checks.unrepeated(table, keys)]
        for name in table.columns:
            if name in (STUDY, CONTRAST):
                continue
            label = table.true_name(name)
            for row, (entry, value) in enumerate(zip(owners, table.values(name), strict=True)):
                if entry is None or is_missing(value):
                    continue
                held = getattr(entry, what)
                if held.setdefault(label, value) != value:
                    message = f"{label!r} of contrast {said(entry.key)} is {quoted(value, 40)}"
                    table.error(row, message, f"another table says {quoted(held[label], 40)}")

    def read_metadata(self) -> None:
        """Metadata of both tables, in the order that a sidecar gives or in theirs."""
        of_main = columns.metadata_of(self.main)
        of_studies = columns.of_studies(self.studies)
        for name in dict.fromkeys([*columns.declared(self.main), *of_studies, *of_main]):
            table = self.main if name in of_main else self.studies
            if table is None or name not in table:
                continue
            true_name = table.true_name(name)
            for entry in self.entries.values():
                row = self.rows_of_studies.get(entry.key[0], -1)
                value = of_main[name][entry.row] if name in of_main else None
                if is_missing(value) and name in of_studies and row >= 0:
                    value = of_studies[name][row]
                if is_missing(value) and name in of_main and name in columns.EMPTY_TEXT:
                    value = ""
                if not is_missing(value):
                    entry.metadata[true_name] = value

    def contrast(self, entry: Entry) -> Contrast:
        return Contrast(
            study_id=self.original_ids.get(entry.key[0], entry.key[0]),
            contrast_id=entry.contrast_id or entry.key[1],
            xyz=np.array(entry.foci.xyz, dtype=float).reshape(-1, 3),
            spaces=tuple(entry.foci.spaces),
            sample_sizes=entry.sizes,
            metadata=entry.metadata,
            images=entry.images,
            annotations=entry.annotations,
            texts=entry.texts,
            values={name: tuple(values) for name, values in entry.foci.values.items()},
            file=entry.file,
            line=entry.line,
            foci_file=entry.foci.file,
            focus_lines=tuple(entry.foci.lines),
        )
