"""Labels of many contrasts as a sparse matrix: thousands of terms, most of them 0."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

MOST_DENSE = 5_000_000
"""Cells up to which a matrix is shown as an ordinary table (40 MB)."""


@dataclass(frozen=True)
class LabelMatrix:
    """One set of labels of the contrasts of a dataset.

    Parameters
    ----------
    labels : tuple of str
        Columns.
    values : (n_contrasts, n_labels) CSC array
        By columns, because a selection asks for columns. What is not stored is 0.
    present : (n_contrasts,) bool array
        Contrasts that the set describes; to the others its labels are missing, not 0.
    """

    labels: tuple[str, ...]
    values: sparse.csc_array
    present: NDArray[np.bool_]

    @cached_property
    def _place(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels)}

    def __contains__(self, label: object) -> bool:
        return label in self._place

    def column(self, label: str) -> NDArray[np.float64]:
        """Values of a label, (n_contrasts,), NaN where the set does not describe the contrast."""
        number = self._place[label]
        one = slice(*self.values.indptr[number : number + 2])
        dense = np.where(self.present, 0.0, np.nan)
        dense[self.values.indices[one]] = self.values.data[one]
        return dense

    def take(self, rows: NDArray[Any]) -> Self:
        """The same labels of some contrasts, by number."""
        return replace(self, values=self.values[rows], present=self.present[rows])

    def padded(self, before: int, after: int) -> Self:
        """The same labels among other contrasts, which the set does not describe."""
        n = self.values.shape[1]
        parts = [sparse.csc_array((before, n)), self.values, sparse.csc_array((after, n))]
        return replace(
            self,
            values=sparse.vstack(parts, format="csc"),
            present=np.pad(self.present, (before, after)),
        )

    def used_in(self, rows: NDArray[Any]) -> list[str]:
        """Labels that are neither 0 nor missing in one of some contrasts, by number."""
        part = self.values[rows]
        used = np.zeros(len(self.labels), dtype=bool)
        real = (part.data != 0) & ~np.isnan(part.data)
        used[np.repeat(np.arange(len(used)), np.diff(part.indptr))[real]] = True
        return [self.labels[number] for number in np.flatnonzero(used)]

    def frame(self) -> pd.DataFrame:
        """Table of the labels: ordinary columns if it is small, pandas' sparse ones if not."""
        if self.values.shape[0] * len(self.labels) <= MOST_DENSE:
            dense = self.values.toarray()
            dense[~self.present] = np.nan
            return pd.DataFrame(dense, columns=list(self.labels))
        values = self.values
        if not self.present.all():
            gaps = sparse.lil_array(values.shape)
            gaps[~self.present] = np.nan
            values = values + gaps.tocsc()
        make: Any = pd.DataFrame.sparse  # pandas' stubs do not know it on the class
        table: pd.DataFrame = make.from_spmatrix(values, columns=list(self.labels))
        return table

    def row_values(self) -> list[dict[str, float]]:
        """Labels of each contrast; of a large matrix only those that are not 0."""
        rows = self.values.tocsr()
        dense = rows.shape[0] * len(self.labels) <= MOST_DENSE
        found = []
        for number in range(rows.shape[0]):
            one = slice(*rows.indptr[number : number + 2])
            names = [self.labels[column] for column in rows.indices[one]]
            zeros = dict.fromkeys(self.labels, 0.0) if dense and self.present[number] else {}
            found.append(zeros | dict(zip(names, rows.data[one].tolist(), strict=True)))
        return found


def stacked_matrices(
    first: Sequence[LabelMatrix], n_first: int, second: Sequence[LabelMatrix], n_second: int
) -> tuple[LabelMatrix, ...]:
    """Sets of labels of the contrasts of two datasets together; equal sets become one."""
    rest = list(second)
    found = []
    for one in first:
        same = next((other for other in rest if other.labels == one.labels), None)
        if same is None:
            found.append(one.padded(0, n_second))
            continue
        rest.remove(same)
        found.append(
            LabelMatrix(
                one.labels,
                sparse.vstack([one.values, same.values], format="csc"),
                np.concatenate([one.present, same.present]),
            )
        )
    return (*found, *(other.padded(n_first, 0) for other in rest))
