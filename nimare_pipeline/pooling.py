"""Contrasts of one subject group as one experiment (Turkeltaub et al. 2012).

Contrasts on the same people are not independent, as a meta-analysis assumes: a study that reports
five of them would count five times. United, their foci make one modelled activation map, which at
each voxel takes the largest of their values; so that an experiment weighs as any other does.

Turkeltaub PE, Eickhoff SB, Laird AR, Fox M, Wiener M, Fox P (2012). Hum Brain Mapp 33:1-13,
doi 10.1002/hbm.21186.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nimare_pipeline import pool_policy
from nimare_pipeline.contrast import counted, is_missing, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.defaults import UNKNOWN_STUDY
from nimare_pipeline.errors import DataError, Problem, UsageError
from nimare_pipeline.pooled_tables import merged_tables, repeated, size_row
from nimare_pipeline.tables import ID_COLUMNS, METADATA_COLUMNS, SAMPLE_SIZE_FILLED, filled_in

POOLED_INTO = "pooled_into"
"""Column of the table of contrasts: id of the experiment that the foci of a contrast are in."""
POOLED_SIZE = "pooled_sample_size"
"""Column of the table of contrasts: sample size of that experiment."""
REPEATED = "repeated"
"""Column of the table of foci: an earlier one of the same experiment is the same."""
ADVICE = "--pool study makes one experiment of the contrasts of a study (Turkeltaub et al., 2012)"


_OWN_COLUMNS = (*ID_COLUMNS, *METADATA_COLUMNS, "source_file", "source_line")
"""Columns that say nothing of who was studied."""


@dataclass(frozen=True)
class Several:
    """Studies that contribute several experiments.

    Parameters
    ----------
    n_studies, n_experiments : int
        Studies with more than one, and the experiments that these have.
    most : int
        Experiments of the study that has most, ``study``.
    """

    n_studies: int
    n_experiments: int
    most: int
    study: str

    @property
    def words(self) -> str:
        """``3 studies contribute several contrasts each, 8 together, at most 4 (ada2001)``."""
        have = "contributes" if self.n_studies == 1 else "contribute"
        each = "" if self.n_studies == 1 else f" each, {self.n_experiments:,} together"
        return (
            f"{counted(self.n_studies, 'study', 'studies')} {have} several contrasts{each}, "
            f"{'at most ' if self.n_studies > 1 else ''}{self.most:,} ({self.study})"
        )


def several(studies: Iterable[str], sides: Iterable[str] | None = None) -> Several | None:
    """Find the studies that contribute several experiments; None if none does.

    Parameters
    ----------
    studies : iterable of str
        Study of each experiment.
    sides : iterable of str, optional
        Group of each: a study with one experiment in either group has no two in one.
    """
    names = [str(study) for study in studies]
    keys = list(zip(names, names if sides is None else map(str, sides), strict=True))
    # Contrasts of studies that no file names may be of any study.
    counts = Counter(key for key in keys if not key[0].startswith(UNKNOWN_STUDY))
    more = {key: n for key, n in counts.items() if n > 1}
    if not more:
        return None
    (study, _), most = max(more.items(), key=lambda item: item[1])
    return Several(len({name for name, _ in more}), sum(more.values()), most, study)


def on_both_sides(studies: Iterable[str], sides: Iterable[str]) -> list[str]:
    """Studies with experiments in both groups, which no pooling makes independent."""
    by_study: dict[str, set[str]] = {}
    for study, side in zip(studies, sides, strict=True):
        if not str(study).startswith(UNKNOWN_STUDY):
            by_study.setdefault(str(study), set()).add(str(side))
    return [study for study, found in by_study.items() if len(found) > 1]


@dataclass(frozen=True)
class Pooling:
    """Which contrast goes into which experiment.

    Parameters
    ----------
    into : (n_contrasts,) object array
        Id of the experiment; that of the contrast where it stands alone, empty where it is unused.
    sizes : (n_contrasts,) array
        Sample size of the experiment, NaN if unknown; of an unused contrast its own.
    first : (n_contrasts,) bool array
        One contrast of each experiment.
    problems : tuple of Problem
        What was decided.
    """

    into: NDArray[np.object_]
    sizes: NDArray[np.float64]
    first: NDArray[np.bool_]
    problems: tuple[Problem, ...] = ()


def pooled(dataset: Dataset, pool: str = "study") -> Dataset:
    """Dataset whose contrasts are experiments: those of one study, or subject group, united.

    Foci are united, those that are the same counted once. The sample size is that of the contrast
    with the most participants. Texts that differ stand one after the other; other values that
    differ are missing. An experiment of several contrasts is called ``<study>-pooled``, or
    ``<study>-pooled_<group>``, and names them in its metadata, ``pooled_from``.

    Parameters
    ----------
    dataset : Dataset
    pool : str
        ``study``; ``group``, contrasts of a study that have one value in a column that names the
        subject group; ``group=COLUMN``, in this column; or ``none``.

    Raises
    ------
    UsageError
        For another policy, or a column that is not there.

    Examples
    --------
    >>> pooled(dataset, "group=sample").ids  # doctest: +SKIP
    array(['ada2001-pooled_patients', 'ada2001-pooled_controls'], dtype=object)
    """
    everything = np.ones(len(dataset.ids), dtype=bool)
    found = find_pools(dataset, pool, among=everything)
    return unite(dataset, dict(zip(dataset.ids, found.into, strict=True)))


def unite(dataset: Dataset, into: dict[str, str]) -> Dataset:
    """Dataset of experiments; ``into`` has the experiment of each contrast by its id."""
    names = [into[name] for name in dataset.ids]
    if names == dataset.ids.tolist():
        return dataset
    return dataset.from_tables(merged_tables(dataset.tables, names), dataset.mask, dataset.space)


def find_pools(
    dataset: Dataset,
    pool: str,
    *,
    among: NDArray[np.bool_],
    sides: Sequence[str] | None = None,
) -> Pooling:
    """Say which contrasts are one experiment.

    Parameters
    ----------
    dataset : Dataset
    pool : str
        ``none``, ``study``, ``group`` or ``group=COLUMN``.
    among : (n_contrasts,) bool array
        Contrasts that are used; the others stay out.
    sides : sequence of str, optional
        Group of each contrast, of two that are compared: contrasts are pooled within one.

    Raises
    ------
    UsageError
        For another policy, or a column that is not there; with what would be accepted.
    """
    if not pool_policy.accepts(pool):
        msg = f"pool is {pool_policy.ACCEPTED}, not {pool!r}"
        raise UsageError(msg)
    side = [""] * len(among) if sides is None else [str(one) for one in sides]
    studies = [str(name) for name in dataset.metadata["study_id"]]
    chosen = np.flatnonzero(among).tolist()
    both = _said_both(on_both_sides([studies[i] for i in chosen], [side[i] for i in chosen]))
    if pool == "none":
        into = np.where(among, dataset.ids, "").astype(object)
        found = several([studies[i] for i in chosen], [side[i] for i in chosen])
        said = [] if found is None else [_warning(_not_independent(found), ADVICE)]
        return Pooling(into, dataset.sample_sizes(), among, (*said, *both))
    values, column, notes = _subject_groups(dataset, pool, among)
    members: dict[tuple[str, str, str], list[int]] = {}
    for i in chosen:
        alone = values[i] is None or studies[i].startswith(UNKNOWN_STUDY)
        key = (studies[i], side[i], f"\0{i}" if alone else str(values[i]).casefold())
        members.setdefault(key, []).append(i)
    into = _named(dataset, members, values)
    sizes, differ = _sizes(dataset, members, into)
    first = np.zeros(len(among), dtype=bool)
    first[[rows[0] for rows in members.values()]] = True
    said = _said(members, differ, column)
    return Pooling(into, sizes, first, (*notes, *said, *both))


def experiments(table: pd.DataFrame) -> pd.Series:
    """Id of the experiment of each row of a cohort's contrasts or foci: its own unless pooled."""
    if POOLED_INTO not in table:
        return table["id"]
    # Of several cohorts together one may be pooled, and another not.
    known = table[POOLED_INTO].map(lambda name: not (is_missing(name) or name == ""))
    return table[POOLED_INTO].where(known.astype(bool), table["id"])


def by_experiment(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Table of contrasts that are used, with one row an experiment: its N, and all its foci."""
    if POOLED_INTO not in contrasts:
        return contrasts
    ids = experiments(contrasts)
    table = contrasts[~ids.duplicated()].set_axis(ids.drop_duplicates(), axis=0)
    changed: dict[str, pd.Series] = {}
    if "n_foci" in contrasts:
        changed["n_foci"] = contrasts["n_foci"].groupby(ids).sum()
    if SAMPLE_SIZE_FILLED in contrasts:
        # A number that is put in counts only where no contrast has one.
        changed[SAMPLE_SIZE_FILLED] = contrasts[SAMPLE_SIZE_FILLED].groupby(ids).min()
    if POOLED_SIZE in contrasts:
        changed["sample_size"] = table[POOLED_SIZE]
    return table.assign(**changed).reset_index(drop=True)


def repeated_foci(foci: pd.DataFrame, into: dict[str, str]) -> NDArray[np.bool_]:
    """Foci that an earlier one of the same experiment repeats; ``into`` by id of the contrast."""
    names = foci["id"].map(into).where(foci["used"], None)
    merged = names.notna() & (names != foci["id"])
    found = np.zeros(len(foci), dtype=bool)
    rows = np.flatnonzero(merged.to_numpy(dtype=bool))
    found[rows] = repeated(foci.iloc[rows], names.iloc[rows].tolist())
    return found


def said_repeated(n_repeated: int) -> list[Problem]:
    """Say how many foci of united contrasts count once."""
    if not n_repeated:
        return []
    many = counted(n_repeated, "focus", "foci")
    verb = "stands" if n_repeated == 1 else "stand"
    return [_warning(f"{many} of pooled contrasts {verb} in another of the same experiment, too; "
                     "each counts once")]  # fmt: skip


def _subject_groups(
    dataset: Dataset, pool: str, among: NDArray[np.bool_]
) -> tuple[list[str | None], str, list[Problem]]:
    """Subject group of each contrast, None where unknown; its column; and what is odd.

    Of a whole study the group is empty, and there is no column.
    """
    if pool == "study":
        return [""] * len(among), "", []
    named = pool_policy.column_of(pool)
    column = _column(dataset, named)
    cells = dataset.metadata[column] if column in dataset.metadata else dataset.label(column)
    values = [_value(cell) for cell in cells.tolist()]
    lacking = dataset.ids[
        [one is None and bool(of) for one, of in zip(values, among, strict=True)]
    ]
    notes = []
    if len(lacking) == among.sum():
        msg = f"no contrast that is analysed has a subject group in the column {column!r}"
        raise DataError(f"{msg}; fill it in, name another by --pool group=COLUMN, or --pool study")
    if len(lacking):
        many, verb = counted(len(lacking), "contrast"), "has" if len(lacking) == 1 else "have"
        alone = "it stands" if len(lacking) == 1 else "each of them stands"
        text = f"{many} {verb} no {column}, so that {alone} alone: {listed(lacking.tolist(), 5)}"
        notes.append(_warning(text, f"fill in {column}"))
    return values, column, notes


def _column(dataset: Dataset, named: str) -> str:
    """Column that names the subject group.

    Raises
    ------
    UsageError
        With the columns that are accepted, and those that are there.
    """
    known = [str(name) for name in dataset.metadata.columns] + dataset.get_labels()
    by_fold = {name.casefold(): name for name in reversed(known)}
    for wanted in [named] if named else pool_policy.COLUMNS:
        if wanted in known:
            return wanted
        if wanted.casefold() in by_fold:
            return by_fold[wanted.casefold()]
    there = listed([name for name in known if name not in _OWN_COLUMNS]) or "none"
    if named:
        msg = f"--pool group={named}: there is no column {named!r}; there are: {there}"
    else:
        msg = (
            "--pool group needs a column that names the subject group of a contrast: "
            f"{', '.join(pool_policy.COLUMNS)}; there are: {there}; name another by "
            "--pool group=COLUMN, or take --pool study"
        )
    raise UsageError(msg)


def _value(cell: Any) -> str | None:
    """Name of a group: 1 and 1.0 are one, and so are texts but for space and case."""
    if isinstance(cell, list | tuple):
        parts = [_value(part) for part in cell]
        return "; ".join(part for part in parts if part) or None
    if is_missing(cell):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return f"{cell:.15g}"
    return " ".join(str(cell).split()) or None


def _named(
    dataset: Dataset, members: dict[tuple[str, str, str], list[int]], values: Sequence[str | None]
) -> NDArray[np.object_]:
    """Ids of the experiments; what was there has its name, and so no other."""
    taken = set(dataset.ids)
    into = np.full(len(dataset.ids), "", dtype=object)
    for (study, side, _), rows in members.items():
        if len(rows) == 1:
            into[rows] = dataset.ids[rows[0]]
            continue
        parts = [part for part in ("pooled", side, values[rows[0]]) if part]
        name, n = f"{study}-{'_'.join(parts)}", 1
        while name in taken:
            n += 1
            name = f"{study}-{'_'.join([*parts, str(n)])}"
        taken.add(name)
        into[rows] = name
    return into


def _sizes(
    dataset: Dataset, members: dict[tuple[str, str, str], list[int]], into: NDArray[np.object_]
) -> tuple[NDArray[np.float64], list[str]]:
    """Sample size of each contrast's experiment; and where those of its contrasts differ."""
    own, sizes = dataset.sample_sizes(), dataset.sample_sizes()
    cells = dataset.metadata["sample_sizes"].tolist()
    filled = filled_in(dataset.metadata).tolist()
    differ = []
    for rows in members.values():
        chosen = size_row(cells, filled, rows)
        if len(rows) == 1 or chosen is None:
            continue
        sizes[rows] = own[chosen]
        known = sorted({f"{own[row]:g}" for row in rows if not np.isnan(own[row])}, key=float)
        if len(known) > 1:
            differ.append(f"{into[rows[0]]} ({', '.join(known)}: {own[chosen]:g})")
    return sizes, differ


def _said(
    members: dict[tuple[str, str, str], list[int]], differ: Sequence[str], column: str
) -> list[Problem]:
    united = {key: rows for key, rows in members.items() if len(rows) > 1}
    by = f", by the column {column!r}" if column else ""
    if not united:
        what = "subject group" if column else "study"
        return [_warning(f"no two contrasts are of one {what}{by}, so that none are pooled")]
    n, of = sum(map(len, united.values())), len({study for study, _, _ in united})
    text = (
        f"{counted(n, 'contrast')} of {counted(of, 'study', 'studies')} are pooled into "
        f"{counted(len(united), 'experiment')}{by}"
    )
    problems = [_warning(text)]
    if differ:
        text = (
            f"the contrasts of {counted(len(differ), 'pooled experiment')} differ in sample size; "
            f"that with the most participants counts: {listed(differ, 5)}"
        )
        problems.append(_warning(text))
    return problems


def _said_both(both: Sequence[str]) -> list[Problem]:
    if not both:
        return []
    has = "has" if len(both) == 1 else "have"
    text = (
        f"{counted(len(both), 'study', 'studies')} {has} contrasts in both groups, which the test "
        f"takes to be of different people: {listed(both, 5)}"
    )
    return [_warning(text, "leave a side out where they are the same people")]


def _not_independent(found: Several) -> str:
    return f"{found.words}; contrasts of the same people are not independent"


def _warning(text: str, advice: str = "") -> Problem:
    return Problem("warning", text, suggestion=advice)
