"""Contrasts of a table as groups of its rows: what they are, their sample sizes and spaces."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from nimare_pipeline import spaces
from nimare_pipeline.contrast import UNKNOWN_SPACE, counted, listed
from nimare_pipeline.io import _sheet_points as points
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io._native_foci import ASSUMED
from nimare_pipeline.io._native_tables import Key
from nimare_pipeline.io._sheet_layout import NONE, Layout, cell, size
from nimare_pipeline.io._sheet_rows import ONLY_CONTRAST, Record, Rows
from nimare_pipeline.unknown_spaces import ADVICE, NOT_GIVEN

Sizes = tuple[float, ...]


@dataclass
class Group:
    """Records of one contrast."""

    key: Key
    records: list[Record] = field(default_factory=list)
    sizes: Sizes = ()
    spaces: list[str] = field(default_factory=list)

    @property
    def line(self) -> int:
        """Line of the first record."""
        return self.records[0].line

    @property
    def continued(self) -> bool:
        """Whether some rows leave out what the first row says."""
        return any(record.continued for record in self.records)


def grouped(layout: Layout, rows: Rows, records: Sequence[Record]) -> list[Group]:
    """Groups in the order in which they begin, with their sizes and spaces."""
    groups: dict[Key, Group] = {}
    for record in records:
        key = (record.study, record.contrast)
        groups.setdefault(key, Group(key)).records.append(record)
    maker = _Maker(layout, rows, list(groups.values()))
    maker.fill()
    return maker.groups


@dataclass
class _Maker:
    """Sample sizes and spaces of contrasts."""

    layout: Layout
    rows: Rows
    groups: list[Group]

    def fill(self) -> None:
        """Sizes first: rows of one contrast with two sizes are two contrasts."""
        keys = {group.key for group in self.groups}
        self.groups = [part for group in self.groups for part in self.split(group, keys)]
        self.share_sizes()
        self.spaces()

    def split(self, group: Group, keys: set[Key]) -> list[Group]:
        """Give a group its sample size; blocks of rows with sizes of their own are groups."""
        runs: list[tuple[Sizes, list[Record]]] = []
        for given, found in groupby(group.records, self.sizes):
            if runs and given in ((), runs[-1][0]):
                runs[-1][1].extend(found)
            elif runs and not runs[-1][0]:
                runs[-1] = (given, [*runs[-1][1], *found])
            else:
                runs.append((given, list(found)))
        group.sizes = runs[0][0]
        if len(runs) == 1:
            return [group]
        said = [" + ".join(f"{n:g}" for n in given) for given, _ in runs]
        whose, line = ", ".join(group.key), runs[1][1][0].line
        if len({given for given, _ in runs}) < len(runs):
            message = f"the sample size is {said[1]}, and {said[0]} in a row above for the same"
            advice = "one for all rows of a contrast; name its contrasts in a column 'contrast'"
            self.rows.problem("error", line, f"{message} contrast {whose}", advice)
            return [group]
        message = f"rows of {whose} have sample sizes {listed(said, 5)}: they are taken for"
        advice = "is it meant so? name contrasts in a column 'contrast'"
        self.rows.problem("warning", line, f"{message} {len(runs)} contrasts", advice)
        parts = [Group(group.key, runs[0][1], runs[0][0])]
        for given, own in runs[1:]:
            key = _next(group.key, keys)
            keys.add(key)
            parts.append(Group(key, own, given))
        return parts

    def sizes(self, record: Record) -> Sizes:
        """Sample sizes that a row gives."""
        columns = (self.layout.size,) if self.layout.size != NONE else self.layout.groups
        return tuple(n for column in columns for n in self.one_size(record, column))

    def one_size(self, record: Record, column: int) -> tuple[float, ...]:
        text = cell(record.cells, column)
        odd = self.layout.grid.odd.get((record.line, column))
        if points.is_none(text) and odd is None:
            return ()
        found = size(text) if odd is None else None
        if found is None:
            self.rows.refuse(record.line, column, "expected a number of participants")
        return found or ()

    def share_sizes(self) -> None:
        """Give contrasts below the first row of a study its size, where rows leave out studies."""
        by_study: dict[str, set[tuple[float, ...]]] = {}
        for group in self.groups:
            if group.sizes:
                by_study.setdefault(group.key[0], set()).add(group.sizes)
        filled = []
        for group in self.groups:
            known = by_study.get(group.key[0], set())
            if not group.sizes and len(known) == 1 and group.continued:
                group.sizes = next(iter(known))
                filled.append(group)
        if filled:
            many = counted(len(filled), "contrast")
            take = "takes" if len(filled) == 1 else "take"
            message = f"{many} without sample size {take} the one of the study above"
            self.rows.problem("warning", filled[0].line, message, "is it meant so?")

    def spaces(self) -> None:
        """Space of each focus: of its columns, its row, its contrast, its study, or the table."""
        general = self.general()
        missing: list[int] = []
        unknown: dict[str, list[int]] = {}
        n_foci = 0
        for group, study in zip(self.groups, self.of_studies(), strict=True):
            own = {text for record in group.records if (text := self.own(record))}
            common = own.pop() if len(own) == 1 else "" if own else study
            for record in group.records:
                for _, named in record.foci:
                    n_foci += 1
                    space = named or self.own(record) or common or general
                    name = space.removeprefix(points.UNKNOWN)
                    group.spaces.append(name)
                    if not space:
                        missing.append(record.line)
                    elif spaces.recognise(space) is None:
                        unknown.setdefault(name, []).append(record.line)
        if len(missing) == n_foci:
            for group in self.groups:
                group.spaces = [ASSUMED] * len(group.spaces)
        self.say(missing, unknown, n_foci)

    def own(self, record: Record) -> str:
        text = cell(record.cells, self.layout.space)
        return "" if points.is_none(text) else points.space(text)

    def of_studies(self) -> Iterable[str]:
        """Space that the rows above say for a study, for contrasts that continue it."""
        by_study: dict[str, set[str]] = {}
        for group in self.groups:
            found = {text for record in group.records if (text := self.own(record))}
            by_study.setdefault(group.key[0], set()).update(found)
        for group in self.groups:
            known = by_study[group.key[0]]
            yield next(iter(known)) if len(known) == 1 and group.continued else ""

    def general(self) -> str:
        """Space that titles, notes or the name of the sheet give for all."""
        axes = self.layout.axes
        if self.layout.space != NONE or (axes and all(one.space for one in axes)):
            return ""
        said = [" ".join(row) for _, row in self.layout.above]
        for text in (*said, *self.rows.notes, self.layout.grid.sheet):
            space = words.space_in(text)
            if space:
                message = f"the space of all foci is taken from {text!r:.60}: {space}"
                self.rows.problem("warning", self.layout.line, message)
                return space
        return ""

    def say(self, missing: Sequence[int], unknown: dict[str, list[int]], n_foci: int) -> None:
        """Note foci whose space is unknown or not given, as the table layout does."""
        for name, lines in unknown.items():
            message = f"unknown space {name!r} of {counted(len(lines), 'focus', 'foci')}"
            self.rows.problem("error", lines[0], message, ADVICE, kind=UNKNOWN_SPACE)
        if missing and len(missing) == n_foci:
            message = f"{NOT_GIVEN}; {ASSUMED} is assumed"
            self.rows.problem("warning", self.layout.line, message, "say so in a column 'space'")
        elif missing:
            many = counted(len(missing), "focus", "foci")
            message = f"no space is given for {many}, but for the others"
            advice = f"fill in the column 'space'; {ADVICE}"
            self.rows.problem("error", missing[0], message, advice, kind=UNKNOWN_SPACE)


def _next(key: Key, keys: set[Key]) -> Key:
    """Key of a further contrast: ``a (2)``; ``2`` where contrasts have no names."""
    study, contrast = key
    number = 2
    while True:
        own = str(number) if contrast == ONLY_CONTRAST else f"{contrast} ({number})"
        if (study, own) not in keys:
            return study, own
        number += 1
