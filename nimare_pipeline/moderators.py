"""Moderators of a meta-regression: a formula and a table of contrasts to a design matrix.

Formulas are those of R as formulaic reads them. It evaluates Python, and a formula may come in a
file from somebody else; so only names of columns and a few functions are let through.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.contrast import is_missing, listed
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.labels import label
from nimare_pipeline.select_syntax import nearest

INTERCEPT = "intercept"
FUNCTIONS = ("C", "center", "scale", "log", "log2", "log10", "exp", "poly")
_MOST_LETTERS = 1000
_POWERS = re.compile(r"(?:\*\*|\^)")
_POWER = re.compile(r"(?:\*\*|\^)\s*[1-5](?![\w.])")
"""Powers that are let through; of a larger one, or several, formulaic makes terms without end."""
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>`[^`]+`)|(?P<name>[A-Za-z_]\w*)|(?P<number>\d+(?:\.\d+)?)
    |(?P<operator>\*\*|[~+\-*/:^(),]))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Design:
    """Design matrix of a meta-regression.

    Parameters
    ----------
    formula : str
        As it was given.
    matrix : (n_contrasts, n_columns) float array
    columns : tuple of str
        What the formula calls them: ``Intercept``, ``age``, ``C(modality)[T.PET]``.
    labels : tuple of str
        The same in letters and digits, for names of maps: ``intercept``, ``age``, ``modalityPET``.
    result : int
        Column whose coefficient is the result.
    """

    formula: str
    matrix: NDArray[np.float64]
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    result: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether it is the intercept and nothing else."""
        return self.labels == (INTERCEPT,)

    @property
    def has_intercept(self) -> bool:
        """Whether one of the columns is the intercept."""
        return INTERCEPT in self.labels

    @property
    def others(self) -> list[int]:
        """Columns but the intercept's."""
        return [number for number, name in enumerate(self.labels) if name != INTERCEPT]

    def of(self, rows: Sequence[int] | NDArray[Any]) -> "Design":
        """Design of some contrasts."""
        return replace(self, matrix=self.only(rows))

    def only(self, rows: Sequence[int] | NDArray[Any]) -> NDArray[np.float64]:
        """Rows of some contrasts."""
        return self.matrix[np.asarray(rows)]


def design(formula: str, table: pd.DataFrame, term: str | None = None) -> Design:
    """Design matrix of contrasts.

    Parameters
    ----------
    formula : str
        Right side of a formula, for example ``~ 1 + age + C(modality)``.
    table : DataFrame
        A row each contrast: ``id`` and what may be a moderator.
    term : str, optional
        Column, by its name or label, whose coefficient is the result; the intercept, or the first
        column where there is none.

    Raises
    ------
    UsageError
        For what is no formula, or names what is no column.
    DataError
        With every contrast that lacks a moderator; for a design whose columns depend on each
        other.
    """
    names = _columns_named(formula, [str(name) for name in table.columns])
    _refuse_gaps(table, names)
    _refuse_lists(formula, table, names)
    data = {name: _plain(table[name]) for name in names}
    made = _model_matrix(formula, pd.DataFrame(data, index=range(len(table))))
    columns = tuple(str(name) for name in made.columns)
    matrix = np.ascontiguousarray(made.to_numpy(dtype=np.float64))
    # Of the mean alone the estimator says how many studies it needs.
    if columns != ("Intercept",):
        _refuse_dependent(formula, matrix, columns)
    labels = _labels(columns)
    return Design(formula, matrix, columns, labels, _result(term, columns, labels))


def columns_named(formula: str, columns: Sequence[str]) -> list[str]:
    """Columns that a formula names; what is no formula is refused."""
    return _columns_named(formula, columns)


def _columns_named(formula: str, columns: Sequence[str]) -> list[str]:
    if len(formula) > _MOST_LETTERS:
        msg = f"formula: {len(formula):,} letters; up to {_MOST_LETTERS:,} are read"
        raise UsageError(msg)
    text = formula.strip()
    if text.count("~") > 1 or ("~" in text and not text.startswith("~")):
        msg = f"formula {formula!r}: only the right side is asked for, such as '~ 1 + age'"
        raise UsageError(msg)
    if len(_POWERS.findall(text)) > len(_POWER.findall(text)) or len(_POWERS.findall(text)) > 1:
        msg = f"formula {formula!r}: one power, of 1 to 5, is allowed"
        raise UsageError(msg)
    names: list[str] = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            msg = f"formula {formula!r}: {text[place:].strip()[:20]!r} is not understood"
            raise UsageError(msg)
        place = found.end()
        calls = text[place:].lstrip().startswith("(")
        name = (found["quoted"] or "").strip("`") or found["name"]
        if name is None or (calls and name in FUNCTIONS and not found["quoted"]):
            continue
        if calls:
            known = ", ".join(FUNCTIONS)
            msg = f"formula {formula!r}: there is no function {name!r}; there are: {known}"
            raise UsageError(msg)
        if name not in columns:
            hint = nearest(name, columns) or ";"
            msg = (
                f"formula {formula!r}: there is no column {name!r}{hint} there are: "
                f"{listed(list(columns))}"
            )
            raise UsageError(msg)
        names.append(name)
    return list(dict.fromkeys(names))


def _model_matrix(formula: str, data: pd.DataFrame) -> pd.DataFrame:
    import formulaic

    text = formula.strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = formulaic.Formula(text.removeprefix("~").strip() or "1")
            made = parsed.get_model_matrix(data, context={}, na_action="raise", output="pandas")
    except Exception as error:
        msg = f"formula {formula!r}: {str(error).splitlines()[0] if str(error) else error!r}"
        raise UsageError(msg) from error
    if not isinstance(made, pd.DataFrame) or not made.shape[1]:
        msg = f"formula {formula!r} has no term"
        raise UsageError(msg)
    return made


def _refuse_gaps(table: pd.DataFrame, names: Sequence[str]) -> None:
    problems = [
        Problem("error", f"no value of {name!r}", where=str(one))
        for name in names
        for one, value in zip(table["id"], table[name], strict=True)
        if is_missing(value) or value == ""
    ]
    if problems:
        msg = "a moderator is missing; leave these contrasts out by a selection, or fill it in"
        raise DataError(msg, problems)


def _refuse_lists(formula: str, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse lists: as text each would be a category of its own."""
    for name in names:
        if any(isinstance(value, list | tuple | dict) for value in table[name]):
            hint = "; sample_size is their mean" if name == "sample_sizes" else ""
            msg = f"formula {formula!r}: column {name!r} holds lists, which are no moderator{hint}"
            raise UsageError(msg)


def _plain(values: pd.Series) -> list[Any]:
    """Numbers as numbers, all else as text, so that no other type reaches the formula."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        return [float(value) for value in numbers]
    return [str(value) for value in values]


def _refuse_dependent(formula: str, matrix: NDArray[np.float64], columns: Sequence[str]) -> None:
    if not np.isfinite(matrix).all():
        msg = f"formula {formula!r} gives values that are not finite"
        raise DataError(msg)
    if len(matrix) <= matrix.shape[1]:
        msg = (
            f"formula {formula!r} has {matrix.shape[1]} columns ({', '.join(columns)}) for "
            f"{len(matrix)} contrasts; it needs more contrasts than columns"
        )
        raise DataError(msg)
    scaled = matrix / np.maximum(np.sqrt((matrix**2).sum(axis=0)), 1e-300)
    for n in range(1, matrix.shape[1] + 1):
        if np.linalg.matrix_rank(scaled[:, :n], tol=1e-8) < n:
            others = f"{', '.join(columns[: n - 1])}" if n > 1 else "being 0 throughout"
            msg = (
                f"formula {formula!r}: column {columns[n - 1]} depends on {others}, so that its "
                "effect cannot be told from theirs"
            )
            raise DataError(msg)


def _labels(columns: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in columns:
        plain = re.sub(r"\bC\(|\[T\.|[^A-Za-z0-9]", " ", name)
        words = plain.split()
        made = "".join([words[0], *(w[0].upper() + w[1:] for w in words[1:])]) if words else ""
        made = INTERCEPT if name == "Intercept" else label(made or "term")
        number, unique = 2, made
        while unique.casefold() in {one.casefold() for one in found}:
            unique, number = f"{made}{number}", number + 1
        found.append(unique)
    return tuple(found)


def _result(term: str | None, columns: Sequence[str], labels: Sequence[str]) -> int:
    if term is None:
        return labels.index(INTERCEPT) if INTERCEPT in labels else 0
    for names in (columns, labels):
        if term in names:
            return list(names).index(term)
    of_term = [name for name in columns if name.startswith((f"{term}[", f"C({term})["))]
    if len(of_term) == 1:
        return list(columns).index(of_term[0])
    has = f"it has {len(of_term)} columns" if of_term else "there are"
    known = ", ".join(of_term or columns)
    msg = f"term {term!r} is no column of the formula; {has}: {known}"
    raise UsageError(msg)
