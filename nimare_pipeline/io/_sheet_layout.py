"""Where the header of a table is, and what each of its columns holds."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nimare_pipeline import spaces
from nimare_pipeline.io import _sheet_points as cells
from nimare_pipeline.io import _sheet_words as words
from nimare_pipeline.io import _sleuth_sizes as sizes
from nimare_pipeline.io._sheet_grid import Grid, Row, column_name

HEADER_ROWS = 60
"""Rows among which the header is looked for."""
_SEEN_ROWS = 300
"""Rows by which the kind of a column is judged."""
NONE = -1
_UNNAMED = re.compile(r"Unnamed: \d+")
"""What pandas calls a column without a header."""
_PEOPLE = re.compile(
    r"(?i)(?<=\d)\s+(?:healthy\s+)?(?:subjects|participants|patients|controls|volunteers|adults"
    r"|children|adolescents|individuals|people|hcs?)(?=\s*(?:$|[/+,]))"
)
"""Whom a sample size counts. Not women and men: both together are one group."""


@dataclass(frozen=True)
class Axes:
    """Columns of x, y and z, and the space that their headers name, if any."""

    columns: tuple[int, int, int]
    space: str = ""
    number: str = ""


@dataclass(frozen=True)
class Layout:
    """Columns of a table by what they hold; NONE where there is no such column.

    Parameters
    ----------
    grid : Grid
    header : int
        Row of the header, an index of the grid's rows.
    names : tuple of str
        Headers, one of each column; no two are the same but for axes.
    axes : tuple of Axes
    points : tuple of int
        Columns whose cells are whole foci.
    study, year, contrast, contrast_name, size, space : int
        ``year`` is set where the column of studies holds authors only.
    groups : tuple of int
        Sample sizes of groups.
    metadata : dict of int to str
        Names that metadata have everywhere.
    labels : tuple of int
        All other columns that have cells.
    doubled : tuple of str
        Headers that stand twice, and so have a number now.
    """

    grid: Grid
    header: int
    names: tuple[str, ...]
    axes: tuple[Axes, ...] = ()
    points: tuple[int, ...] = ()
    study: int = NONE
    year: int = NONE
    contrast: int = NONE
    size: int = NONE
    space: int = NONE
    groups: tuple[int, ...] = ()
    metadata: Mapping[int, str] = field(default_factory=dict)
    labels: tuple[int, ...] = ()
    doubled: tuple[str, ...] = ()

    @property
    def rows(self) -> Sequence[Row]:
        """Rows below the header."""
        return self.grid.rows[self.header + 1 :]

    @property
    def line(self) -> int:
        """Line of the header."""
        return self.grid.rows[self.header][0]

    @property
    def above(self) -> Sequence[Row]:
        """Rows above the header: titles, notes."""
        return self.grid.rows[: self.header]


def find(grid: Grid) -> Layout | None:
    """Layout of a grid, or None if none of its first rows is the header of a table of foci."""
    for index, (_, row) in enumerate(grid.rows[:HEADER_ROWS]):
        above = grid.rows[index - 1][1] if index else ()
        headers = _headers(row, above)
        body = grid.rows[index + 1 : index + 1 + _SEEN_ROWS]
        axes = tuple(_axes(headers, above))
        if not axes and body and any(_axes(_headers(body[0][1], row), row)):
            continue  # the upper row of a header of two
        axes = axes or tuple(_spread(headers, body))
        points = () if axes else tuple(_points(headers, body))
        if axes or points:
            return _Sorter(grid, index, headers, axes, points).layout()
    return None


def is_coded_count(row: Row) -> bool:
    """Whether a row is the number of columns alone, as CANlab tables begin."""
    return len(row[1]) == 1 and row[1][0].isdigit()


def cell(row: Sequence[str], column: int) -> str:
    """Cell of a row; empty where the row is short, or there is no such column."""
    return row[column] if 0 <= column < len(row) else ""


def _headers(row: Sequence[str], above: Sequence[str]) -> list[str]:
    """Headers of a row; where it has none, the cell above is one, as in a header of two rows."""
    width = max(len(row), len(above) if len(row) > 2 else 0)
    return [cell(row, i) or cell(above, i) for i in range(width)]


def _axes(headers: Sequence[str], above: Sequence[str]) -> Iterator[Axes]:
    """Sets of x, y and z: first those in neighbouring columns, then what has one number."""
    found = {i: axis for i, name in enumerate(headers) if (axis := words.axis(name)) is not None}
    left = dict(found)
    for i, first in found.items():
        triple = (i, i + 1, i + 2)
        if not all(column in left for column in triple):
            continue
        same = [replace(first, axis=axis) for axis in words.AXES]
        if [found[column] for column in triple] == same:
            yield Axes(triple, first.space or words.space_in(cell(above, i)), first.number)
            for column in triple:
                del left[column]
    by_number: dict[tuple[str, str], dict[str, int]] = {}
    for i, axis in left.items():
        by_number.setdefault((axis.space, axis.number), {}).setdefault(axis.axis, i)
    for (space, number), columns in by_number.items():
        if len(columns) == 3:
            yield Axes((columns["x"], columns["y"], columns["z"]), space, number)


def _spread(headers: Sequence[str], body: Sequence[Row]) -> Iterator[Axes]:
    """Sets of columns under one header, ``Coordinates (x, y, z)`` over three cells."""
    for i, name in enumerate(headers):
        triple = (i, i + 1, i + 2)
        if not name or any(cell(headers, column) for column in triple[1:]):
            continue
        rows = [[cell(row, column) for column in triple] for _, row in body]
        if words.may_be_point(name) and any(all(map(_is_number, row)) for row in rows):
            yield Axes(triple, words.space_in(name))


def _is_number(text: str) -> bool:
    try:
        cells.number(text)
    except ValueError:
        return False
    return True


def _points(headers: Sequence[str], body: Sequence[Row]) -> Iterator[int]:
    """Columns whose cells are whole foci, by their headers and at least one cell."""
    for i, name in enumerate(headers):
        if words.may_be_point(name) and any(_is_points(cell(row, i)) for _, row in body):
            yield i


def _is_points(text: str) -> bool:
    if cells.is_no_focus(text):
        return False
    try:
        return bool(cells.points(text))
    except ValueError:
        return False


@dataclass
class _Sorter:
    """Gives each column of a header its meaning; ``free`` are those without one so far."""

    grid: Grid
    header: int
    headers: list[str]
    axes: tuple[Axes, ...]
    points: tuple[int, ...]

    def layout(self) -> Layout:
        self.body = self.grid.rows[self.header + 1 :]
        width = max((len(row) for _, row in self.body), default=0)
        self.headers += [""] * (width - len(self.headers))
        taken = {column for axes in self.axes for column in axes.columns} | {*self.points}
        used = {i for _, row in self.body for i, text in enumerate(row) if text}
        used |= {column for _, column in self.grid.odd}
        taken |= {i for i in used if self.numbers_rows(i)}
        self.free = [i for i in range(len(self.headers)) if i in used and i not in taken]
        space = self.pick(words.space_rank) if self.has_no_reference() else self.reference()
        study = self.pick(words.study_rank)
        if study == NONE:
            study = self.pick(lambda name: 0 if words.is_experiment(name) else None)
        contrast = self.pick(words.contrast_rank)
        if study == NONE:
            study, contrast = contrast, NONE
        size = self.pick(words.size_rank, _holds_size)
        groups = self.groups() if size == NONE else ()
        year = self.year(study)
        names, doubled = self.names()
        metadata = self.metadata(study, contrast)
        if contrast != NONE and words.is_condition(self.headers[contrast]):
            self.free.append(contrast)
        return Layout(
            self.grid,
            self.header,
            names,
            self.axes,
            self.points,
            study=study,
            year=year,
            contrast=contrast,
            size=size,
            space=space,
            groups=groups,
            metadata=metadata,
            labels=tuple(sorted(i for i in self.free if i not in metadata)),
            doubled=doubled,
        )

    def pick(
        self,
        rank: Callable[[str], int | None],
        holds: Callable[[str], bool] = bool,
    ) -> int:
        """Column that the headers rank best, of those with a cell that will do."""
        ranked = [(found, i) for i in self.free if (found := rank(self.headers[i])) is not None]
        for _, i in sorted(ranked):
            if any(holds(cell(row, i)) for _, row in self.body):
                self.free.remove(i)
                return i
        return NONE

    def numbers_rows(self, column: int) -> bool:
        """Whether a column is what R and pandas add: no header, and the rows counted."""
        if self.headers[column] and not _UNNAMED.fullmatch(self.headers[column]):
            return False
        texts = [cell(row, column) for _, row in self.body]
        return any(texts == [str(i) for i in range(n, n + len(texts))] for n in (0, 1))

    def has_no_reference(self) -> bool:
        """Whether a column is of spaces by its name alone."""
        return any(words.space_rank(self.headers[i]) is not None for i in self.free)

    def reference(self) -> int:
        """Column ``Reference`` that holds spaces, as in the headers of Sleuth files."""
        for i in self.free:
            texts = [cell(row, i) for _, row in self.body if cell(row, i)]
            known = [text for text in texts if spaces.recognise(cells.space(text))]
            if words.joined(self.headers[i]) in ("reference", "ref") and 2 * len(known) > len(
                texts
            ):
                self.free.remove(i)
                return i
        return NONE

    def groups(self) -> tuple[int, ...]:
        """Columns of the sizes of groups, where no column has that of all."""
        found = [
            i
            for i in self.free
            if words.is_group_size(self.headers[i])
            and any(_holds_size(cell(row, i)) for _, row in self.body)
        ]
        self.free = [i for i in self.free if i not in found]
        return tuple(found)

    def year(self, study: int) -> int:
        """Column of years, if that of studies has authors only."""
        if study == NONE or not words.is_author(self.headers[study]):
            return NONE
        named = [i for i in self.free if words.metadata_name(self.headers[i]) == "year"]
        return named[0] if named else NONE

    def metadata(self, study: int, contrast: int) -> dict[int, str]:
        """Columns with a name that metadata have everywhere; each name once."""
        found: dict[int, str] = {}
        for i in [*self.free, study]:
            name = words.metadata_name(self.headers[i]) if i != NONE else ""
            taken = ("study_name", "publication", "source") if i == study else ()
            plain = name and name not in found.values() and name not in taken
            if plain and (name != "contrast_name" or contrast != NONE):
                found[i] = name
        return found

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Header of each column, with a number where it stands twice."""
        names: list[str] = []
        doubled = []
        counts = Counter[str]()
        for i, header in enumerate(self.headers):
            name = header or column_name(self.grid, i)
            counts[name] += 1
            again = counts[name]
            if again > 1 and i in self.free:
                doubled.append(name)
            names.append(f"{name}_{again}" if again > 1 else name)
        return tuple(names), tuple(dict.fromkeys(doubled))


def _holds_size(text: str) -> bool:
    return size(text) is not None


def size(text: str) -> tuple[float, ...] | None:
    """Sample sizes of a cell: ``20``, ``n = 20``, ``20/22``, ``20 (11 f)``; None if it has none.

    Examples
    --------
    >>> size("N=20"), size("20 (11 female)"), size("20 HC / 22 patients"), size("twenty")
    ((20,), (20,), (20, 22), None)
    """
    plain = re.sub(r"(?i)^\s*n\s*=\s*|\s*\([^()]*\)\s*$", "", text)
    return sizes.parse(_PEOPLE.sub("", plain)) if plain else None
