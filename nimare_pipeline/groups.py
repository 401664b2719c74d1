"""The two groups of contrasts that an analysis of type ``pair`` compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.errors import DataError, EmptySelectionError, Problem, UsageError
from nimare_pipeline.pooling import experiments
from nimare_pipeline.select import Selected, select

if TYPE_CHECKING:
    from nimare_pipeline.dataset import Dataset

GROUP = "group"
"""Column of the table of contrasts: name of the group; empty where a contrast is in none."""
REST = "rest"
"""Name of the second group where only one is named: every other contrast."""


@dataclass(frozen=True)
class Groups:
    """Which contrast is in which group.

    Parameters
    ----------
    selected : Selected
        Contrasts of either group.
    labels : (n_contrasts,) object array
        Name of the group, empty in none.
    """

    selected: Selected
    labels: NDArray[np.object_]


def group_names(selections: Mapping[str, str]) -> tuple[str, str]:
    """Names of both groups, in order.

    Parameters
    ----------
    selections : dict of str to str
        One or two named selections, as ``Analysis.options["groups"]`` has them.

    Raises
    ------
    UsageError
        If there are none or more than two, or the one that is named is called ``rest``.

    Examples
    --------
    >>> group_names({"pain": 'condition == "pain"'})
    ('pain', 'rest')
    """
    names = tuple(selections)
    if len(names) == 1:
        names = (*names, REST)
    if len(names) != 2 or names[0] == names[1]:
        msg = (
            "two groups are compared: give two named selections, or one that is not called "
            f"{REST!r}, which is compared with all others; there are: {listed(names) or 'none'}"
        )
        raise UsageError(msg)
    return names[0], names[1]


def find_groups(
    dataset: "Dataset", text: str, selections: Mapping[str, str], folders: Sequence[str] = ()
) -> Groups:
    """Find the contrasts of two groups.

    Parameters
    ----------
    dataset : Dataset
    text : str
        Selection that holds for both groups; empty for all.
    selections : dict of str to str
        One or two named selections.
    folders : sequence of str
        Where relative paths count from, see :func:`nimare_pipeline.select.select`.

    Raises
    ------
    UsageError
        For a text that is no selection.
    DataError
        If the groups overlap, with the contrasts in both.
    EmptySelectionError
        If a group is empty.
    """
    names = group_names(selections)
    common = select(dataset, text, folders)
    found = [_select_group(dataset, name, selections[name], folders) for name in selections]
    holds = [one.holds & common.holds for one in found]
    if len(holds) == 1:
        holds.append(common.holds & ~holds[0])
    _refuse_overlap(dataset, names, holds)
    for name, members in zip(names, holds, strict=True):
        if not members.any():
            n = counted(int(common.holds.sum()), "contrast")
            msg = f"group {name!r} is empty: of {n} selected, none is in it"
            raise EmptySelectionError(msg)
    labels = np.full(len(dataset.ids), "", dtype=object)
    for name, members in zip(names, holds, strict=True):
        labels[members] = name
    problems = tuple(problem for one in (common, *found) for problem in one.problems)
    parts = tuple(part for one in (common, *found) for part in one.parts)
    return Groups(Selected(labels != "", parts, problems), labels)


def split(
    dataset: "Dataset", contrasts: pd.DataFrame, names: Sequence[str]
) -> tuple["Dataset", "Dataset"]:
    """Make a dataset of each group.

    Parameters
    ----------
    dataset : Dataset
        Experiments that are used.
    contrasts : DataFrame
        Table of contrasts with the columns id, included and group.
    names : sequence of str
        First and second group.

    Raises
    ------
    EmptySelectionError
        If no contrast of a group can be used.
    """
    require_groups(contrasts, names)
    used = contrasts[contrasts["included"]]
    ids = experiments(used)
    one, two = (dataset.slice(ids[used[GROUP] == name].unique().tolist()) for name in names)
    return one, two


def require_groups(contrasts: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a table of contrasts in which a group has none that can be used.

    Raises
    ------
    EmptySelectionError
        With the name of the group, and why its contrasts are left out.
    """
    for name in names:
        mine = contrasts[contrasts[GROUP] == name]
        if not mine["included"].any():
            why = listed([f"{row.id}: {row.reason}" for row in mine.itertuples()], 5)
            msg = f"group {name!r} has no contrast left to analyse ({why})"
            raise EmptySelectionError(msg)


def _select_group(dataset: "Dataset", name: str, text: str, folders: Sequence[str]) -> Selected:
    try:
        return select(dataset, text, folders)
    except EmptySelectionError as error:
        msg = f"group {name!r} is empty: {error}"
        raise EmptySelectionError(msg) from error
    except UsageError as error:
        msg = f"group {name!r}: {error}"
        raise UsageError(msg) from error


def _refuse_overlap(
    dataset: "Dataset", names: Sequence[str], holds: Sequence[NDArray[np.bool_]]
) -> None:
    both = np.asarray(dataset.ids)[holds[0] & holds[1]].tolist()
    if both:
        msg = f"groups {names[0]!r} and {names[1]!r} overlap: {listed(both)}"
        advice = "a contrast may be in one group only; add a condition to one of the selections"
        problems = [
            Problem("error", "is in both groups", where=f"contrast {one}", suggestion=advice)
            for one in both[:20]
        ]
        raise DataError(msg, problems)
