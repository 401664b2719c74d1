"""Values that a selection compares: from a name in it to a column of the dataset."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.contrast import is_missing, listed
from nimare_pipeline.errors import UsageError
from nimare_pipeline.select_syntax import error, nearest
from nimare_pipeline.select_tree import Column
from nimare_pipeline.studies import Studies
from nimare_pipeline.tables import ID_COLUMNS

COMPUTED = ("id", "study_id", "contrast_id", "sample_size", "n_foci")
"""Names that mean the same in every dataset, whatever columns it has."""

_PLAIN: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("bool", (bool, np.bool_)),
    ("number", (int, float, np.number)),
)
"""Kinds that are kept as numbers."""
_SHOWN, _LISTED, _WIDE = 5, 20, 40
"""How many values and names a message shows, and letters of a value."""


@dataclass(frozen=True)
class Values:
    """A column as it is compared.

    Parameters
    ----------
    kind : "text", "number", "bool" or "empty"
    cells : (n_contrasts,) array
        Text as objects, None where missing; all else as float64, NaN where missing.
    """

    kind: str
    cells: NDArray[Any]

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Where there is no value."""
        if self.kind == "text":
            return np.array([cell is None for cell in self.cells], dtype=bool)
        return np.isnan(self.cells)

    def as_number(self) -> "Values":
        """True and false as 1 and 0: a label may be either."""
        return Values("number", self.cells) if self.kind == "bool" else self

    def said(self) -> str:
        """Values in words, for a message: the most frequent ones."""
        if self.kind == "text":
            counts = Counter(cell for cell in self.cells if cell is not None)
            return listed([_short(value) for value, _ in counts.most_common()], _SHOWN)
        numbers = np.unique(self.cells[~np.isnan(self.cells)])
        return listed([f"{number:g}" for number in numbers], _SHOWN) or "none"


class Columns:
    """Columns of a dataset by what a selection calls them.

    Parameters
    ----------
    dataset : Dataset
    text : str
        The selection, for messages.
    """

    def __init__(self, dataset: Studies, text: str) -> None:
        self.dataset = dataset
        self.text = text

    def values(self, column: Column, *, lists: bool = False) -> Values:
        """Values of a column.

        Parameters
        ----------
        column : Column
        lists : bool
            Accept cells that hold lists, which cannot be compared.

        Raises
        ------
        UsageError
            If there is no such column, or it holds what cannot be compared.
        """
        series = self._column(column)
        if pd.api.types.is_numeric_dtype(series.dtype):
            kind = "bool" if pd.api.types.is_bool_dtype(series.dtype) else "number"
            return Values(kind, series.to_numpy(dtype=float))
        cells = [None if is_missing(cell) else cell for cell in series.tolist()]
        present = [cell for cell in cells if cell is not None]
        for kind, types in _PLAIN:
            if all(isinstance(cell, types) for cell in present):
                numbers = np.array([np.nan if cell is None else float(cell) for cell in cells])
                return Values(kind if present else "empty", numbers)
        if not lists and any(isinstance(cell, list | tuple | dict) for cell in present):
            hint = "; sample_size is their mean" if column.name == "sample_sizes" else ""
            message = f"{called(column)} holds lists, which are not compared{hint}"
            raise error(self.text, column.at, message)
        # Some numbers among texts: what a file writes as text is compared as text.
        texts = (None if cell is None else str(cell) for cell in cells)
        return Values("text", np.fromiter(texts, dtype=object, count=len(cells)))

    def _column(self, column: Column) -> pd.Series:
        name = column.name
        if column.table == "" and name in COMPUTED:
            return self._computed(name)
        if column.table in self._names:
            return self._in_table(column)
        found = [self._get(table, name) for table in self._names if name in self._names[table]]
        if not found:
            known = [*COMPUTED] if column.table == "" else []
            known += [other for names in self._names.values() for other in names]
            raise self._unknown_name(column, known)
        if len(found) > 1 and not found[0].astype(object).equals(found[1].astype(object)):
            message = (
                f"{name!r} is a column of the metadata and one of the annotations, and they "
                f'differ; write metadata("{name}") or label("{name}")'
            )
            raise error(self.text, column.at, message)
        return found[0]

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        metadata = [str(c) for c in self.dataset.metadata.columns if c not in ID_COLUMNS]
        return {"metadata": metadata, "label": self.dataset.get_labels()}

    def _get(self, table: str, name: str) -> pd.Series:
        return self.dataset.label(name) if table == "label" else self.dataset.metadata[name]

    def _in_table(self, column: Column) -> pd.Series:
        name, known = column.name, self._names[column.table]
        if name in known:
            return self._get(column.table, name)
        ends = [c for c in known if column.table == "label" and c.rpartition("__")[2] == name]
        if len(ends) == 1:
            return self._get(column.table, ends[0])
        if ends:
            message = f"several labels end in {name!r}; give the full name: {listed(ends, _SHOWN)}"
            raise error(self.text, column.at, message)
        raise self._unknown_name(column, known)

    def _unknown_name(self, column: Column, known: Sequence[str]) -> UsageError:
        what = {"label": "label", "metadata": "metadata column"}.get(column.table, "column")
        near = self._near(column, known)
        message = f"there is no {what} {column.name!r}{near}"
        if not near or len(known) <= _LISTED:
            message += f"{'' if near else ';'} there are: {listed(known, _LISTED) or 'none'}"
        if not column.table:
            message += " (a text stands in quotes)"
        return error(self.text, column.at, message)

    def _near(self, column: Column, known: Sequence[str]) -> str:
        if column.table == "":
            return nearest(column.name, [*known, "true", "false"])
        ends = [name.rpartition("__")[2] for name in known if column.table == "label"]
        return nearest(column.name, known, quoted=True) or nearest(column.name, ends, quoted=True)

    def _computed(self, name: str) -> pd.Series:
        dataset = self.dataset
        if name == "sample_size":
            return pd.Series(dataset.sample_sizes())
        if name == "n_foci":
            counts = dataset.coordinates["id"].value_counts()
            return counts.reindex(dataset.ids).fillna(0).astype(float)
        return dataset.metadata[name]


def called(column: Column) -> str:
    """Column as a selection calls it."""
    return f'{column.table}("{column.name}")' if column.table else column.name


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"
