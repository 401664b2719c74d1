"""Which contrasts of a dataset a selection names.

A selection is a text such as ``label("pain") > 0.001 and sample_size >= 10``; its grammar is in
:mod:`nimare_pipeline.select_syntax`. Names are columns of the metadata and annotation tables, and

===============  =============================================================================
``id``           ``<study>-<contrast>``
``study_id``     study
``contrast_id``  contrast of the study
``sample_size``  mean sample size of the contrast's groups
``n_foci``       number of foci
===============  =============================================================================

``label("x")`` is a column of the annotations, by its full name or by what follows its last
``__`` where that is unique; ``metadata("x")`` one of the metadata; ``column("x")`` one of either.
``within(x, y, z, r)`` holds for contrasts with a focus at most r mm from a point in MNI space,
``in_mask("file")`` for contrasts with a focus in a voxel of a mask, ``missing(x)`` for contrasts
without a value. A value that stands alone holds where it is true or above 0.

Logic is three-valued (Kleene): a comparison with a missing value is unknown, and so is its
``not``; only contrasts for which the whole is true are selected. So ``not (age > 60)`` and
``age <= 60`` select the same contrasts. The contrasts that are left out because the data do not
tell are counted in a warning.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import EmptySelectionError, NoInputError, Problem
from nimare_pipeline.select_columns import Columns, Values, called
from nimare_pipeline.select_syntax import error, nearest, parse
from nimare_pipeline.select_tree import (
    And,
    Column,
    Compare,
    Condition,
    Holds,
    InMask,
    Literal,
    Missing,
    Node,
    Not,
    OneOf,
    Or,
    Within,
    conditions,
)
from nimare_pipeline.studies import Studies

_FALSE, _UNKNOWN, _TRUE = 0, 1, 2
"""Kleene's logic on whole numbers: and is the least, or the greatest, not x is 2 - x."""
Truth = NDArray[np.int8]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class Selected:
    """What a selection selects.

    Parameters
    ----------
    holds : (n_contrasts,) bool array
        In the order of the dataset.
    parts : tuple of (str, int)
        Each condition as it stands in the text, and how many contrasts satisfy it.
    problems : tuple of Problem
        Texts that no contrast has, and contrasts for which the data do not tell.
    """

    holds: NDArray[np.bool_]
    parts: tuple[tuple[str, int], ...] = ()
    problems: tuple[Problem, ...] = ()


def select(dataset: Studies, text: str, folders: Sequence[str] = ()) -> Selected:
    """Find the contrasts that a selection names.

    Parameters
    ----------
    dataset : Dataset
    text : str
        The selection; empty selects every contrast.
    folders : sequence of str
        Where relative paths of ``in_mask`` count from: the first folder that has the file.

    Raises
    ------
    UsageError
        For a text that is no selection, names that the dataset does not have, and comparisons of
        numbers with text; it shows the place in the text.
    NoInputError, DataError
        If a mask does not exist, or cannot be read.
    EmptySelectionError
        If nothing is selected, with the number of contrasts that satisfy each condition.
    """
    if not text.strip():
        return Selected(np.ones(len(dataset.ids), dtype=bool))
    tree = parse(text)
    search = _Search(dataset, text, tuple(folders))
    truth = search.truth(tree)
    parts = tuple((_as_written(test, text), search.counts[test]) for test in conditions(tree))
    found = Selected(truth == _TRUE, parts, (*search.problems, *_unknown(truth)))
    if not found.holds.any():
        raise EmptySelectionError(_nothing(found, text))
    return found


def _nothing(found: Selected, text: str) -> str:
    one = " ".join(text.split())
    lines = [f"the selection {one} selects none of {counted(len(found.holds), 'contrast')}"]
    if len(found.parts) > 1:
        each = [f"{part}: {counted(n, 'contrast')}" for part, n in found.parts]
        lines[0] += f" ({'; '.join(each)})"
    return "\n".join([*lines, *(f"  - {problem}" for problem in found.problems)])


def _unknown(truth: Truth) -> list[Problem]:
    n = int((truth == _UNKNOWN).sum())
    if not n:
        return []
    message = (
        f"{counted(n, 'contrast')} {'lacks' if n == 1 else 'lack'} a value that the selection "
        f"asks for, and {'is' if n == 1 else 'are'} not selected"
    )
    return [Problem("warning", message, suggestion="missing(column) finds them")]


def _as_written(test: Condition, text: str) -> str:
    return " ".join(text[test.at : test.end].split())


class _Search:
    """One evaluation of a selection on a dataset."""

    def __init__(self, dataset: Studies, text: str, folders: tuple[str, ...]) -> None:
        self.dataset = dataset
        self.columns = Columns(dataset, text)
        self.text = text
        self.folders = folders
        self.counts: dict[Condition, int] = {}
        self.problems: list[Problem] = []

    def truth(self, node: Node) -> Truth:
        if isinstance(node, Not):
            return 2 - self.truth(node.part)
        if isinstance(node, And):
            return np.minimum.reduce([self.truth(part) for part in node.parts])
        if isinstance(node, Or):
            return np.maximum.reduce([self.truth(part) for part in node.parts])
        found = self._test(node)
        self.counts[node] = int((found == _TRUE).sum())
        return found

    def _test(self, test: Condition) -> Truth:
        if isinstance(test, Compare):
            return self._compare(test)
        if isinstance(test, OneOf):
            return self._one_of(test)
        if isinstance(test, Holds):
            return self._holds(test)
        if isinstance(test, Missing):
            return _two_valued(self.columns.values(test.value, lists=True).gaps)
        if isinstance(test, Within):
            return self._with_ids(self.dataset.get_studies_by_coordinate([test.xyz], test.radius))
        return self._with_ids(self.dataset.get_studies_by_mask(self._mask_file(test)))

    def _compare(self, test: Compare) -> Truth:
        left, right = self._operand(test.left), self._operand(test.right)
        if isinstance(test.left, Column) and right.kind == "number":
            left = left.as_number()
        if isinstance(test.right, Column) and left.kind == "number":
            right = right.as_number()
        if "empty" in (left.kind, right.kind):
            return np.full(len(left.cells), _UNKNOWN, dtype=np.int8)
        if left.kind != right.kind:
            self._refuse_kinds(test, left, right)
        if left.kind == "bool" and test.operator not in ("==", "!="):
            raise error(self.text, test.at, "true and false are compared by == and != only")
        for column, literal in ((test.left, test.right), (test.right, test.left)):
            if isinstance(literal, Literal) and test.operator in ("==", "!="):
                self._note_unseen(column, (literal,))
        known = ~(left.gaps | right.gaps)
        found = np.full(len(known), _UNKNOWN, dtype=np.int8)
        apply = _COMPARE[test.operator]
        cells = zip(left.cells[known], right.cells[known], strict=True)
        if left.kind == "text":
            found[known] = [_TRUE if apply(one, other) else _FALSE for one, other in cells]
        else:
            found[known] = np.where(apply(left.cells[known], right.cells[known]), _TRUE, _FALSE)
        return found

    def _one_of(self, test: OneOf) -> Truth:
        values = self.columns.values(test.value)
        for literal in test.among:
            if values.kind not in (_kind(literal), "empty"):
                self._refuse_kinds(test, values, self._operand(literal))
        self._note_unseen(test.value, test.among)
        among = [literal.value for literal in test.among]
        inside = np.array([cell in among for cell in values.cells], dtype=bool)
        found = _two_valued(inside != test.negative)
        found[values.gaps] = _UNKNOWN
        return found

    def _holds(self, test: Holds) -> Truth:
        values = self.columns.values(test.value)
        if values.kind == "text":
            name = called(test.value)
            message = (
                f"{name} holds text ({values.said()}), so alone it is neither true nor false; "
                f'compare it, for example {name} == "..."'
            )
            raise error(self.text, test.at, message)
        found = _two_valued(np.nan_to_num(values.cells) > 0)
        found[values.gaps] = _UNKNOWN
        return found

    def _with_ids(self, ids: Sequence[str]) -> Truth:
        return _two_valued(np.isin(self.dataset.ids, np.array(ids, dtype=object)))

    def _mask_file(self, test: InMask) -> Path:
        tried = [Path(folder) / test.file for folder in self.folders] or [Path(test.file)]
        found = next((path for path in tried if path.is_file()), None)
        if found is None:
            where = " or ".join(dict.fromkeys(str(path.parent) for path in tried))
            shown = error(self.text, test.at, f"there is no mask file {test.file} in {where}")
            raise NoInputError(str(shown))
        return found

    def _operand(self, operand: Literal | Column) -> Values:
        if isinstance(operand, Column):
            return self.columns.values(operand)
        kind, n = _kind(operand), len(self.dataset.ids)
        return Values(kind, np.full(n, operand.value, dtype=object if kind == "text" else float))

    def _refuse_kinds(self, test: Compare | OneOf, left: Values, right: Values) -> NoReturn:
        """Say that two kinds are compared, with values of the column."""
        sides = (test.left, test.right) if isinstance(test, Compare) else (test.value, None)
        kinds = {"text": "text", "number": "numbers", "bool": "true or false"}
        wanted = {
            "text": 'a text in quotes, such as "a"',
            "number": "a number",
            "bool": "true or false",
        }
        if isinstance(sides[0], Literal):
            sides, left, right = (sides[1], sides[0]), right, left
        assert isinstance(sides[0], Column)  # noqa: S101 - two constants are no comparison
        message = (
            f"{called(sides[0])} holds {kinds[left.kind]} ({left.said()}), "
            f"not {kinds[right.kind]}; compare it with {wanted[left.kind]}"
        )
        raise error(self.text, test.at, message)

    def _note_unseen(self, column: Literal | Column, literals: Sequence[Literal]) -> None:
        """Note texts that the column has nowhere: probably typos."""
        if isinstance(column, Literal):
            return
        values = self.columns.values(column)
        if values.kind != "text":
            return
        seen = {cell for cell in values.cells if cell is not None}
        for literal in literals:
            if literal.value in seen:
                continue
            near = nearest(str(literal.value), seen, quoted=True)
            hint = near.removeprefix("; ") or f"there are {values.said() or 'no values'}"
            message = f"no contrast has {called(column)} == {literal.value!r}"
            self.problems.append(Problem("warning", message, suggestion=hint))


def _kind(literal: Literal) -> str:
    if isinstance(literal.value, bool):
        return "bool"
    return "text" if isinstance(literal.value, str) else "number"


def _two_valued(holds: NDArray[np.bool_]) -> Truth:
    return np.where(holds, _TRUE, _FALSE).astype(np.int8)
