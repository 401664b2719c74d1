"""Studies and features of ``database.txt`` and ``features.txt``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from nimare_pipeline.contrast import listed
from nimare_pipeline.io._neurosynth_tables import SHOWN, Problems, read_table
from nimare_pipeline.label_matrix import LabelMatrix

_OF_STUDY = ("doi", "title", "authors", "year", "journal")


def studies_of(database: Path, problems: Problems) -> pd.DataFrame:
    """One row a study: id, space, and what the table says of each focus' study."""
    table = read_table(database)
    kept = ["id", "space", *(name for name in _OF_STUDY if name in table.columns)]
    studies = table[kept].drop_duplicates("id").reset_index(names="line")
    studies["line"] += 2
    space = table["id"].map(studies.set_index("id")["space"])
    differ = np.flatnonzero((space != table["space"]).to_numpy())
    problems.errors(
        database,
        [
            (int(i) + 2, f"space is {table['space'].iloc[i]!r}, but above {space.iloc[i]!r}")
            for i in differ
        ],
        "one space a study",
    )
    return studies


def read_features(
    path: Path, ids: Sequence[str], prefix: str, problems: Problems
) -> LabelMatrix | None:
    """Features of the studies; studies that the file lacks have none, others are left out."""
    table = read_table(path)
    names, terms = table.iloc[:, 0], list(table.columns[1:])
    twice = np.flatnonzero(names.duplicated().to_numpy())
    problems.errors(path, [(int(i) + 2, f"id {names.iloc[i]!r} stands twice") for i in twice])
    numbers = table[terms].apply(pd.to_numeric, errors="coerce")
    bad = np.argwhere(numbers.isna().to_numpy())
    shown = [(int(i) + 2, f"{terms[j]} is {table.iloc[i, j + 1]!r}") for i, j in bad[:SHOWN]]
    problems.errors(path, shown, "a number", more=len(bad) - len(shown))
    if len(twice) or len(bad):
        return None
    place = {name: number for number, name in enumerate(names)}
    known = np.array([place.get(name, -1) for name in ids], dtype=np.int64)
    known_ids = set(ids)
    strange = [name for name in names if name not in known_ids]
    if strange:
        problems.warning(path, f"features of studies without foci are left out: {listed(strange)}")
    values = sparse.lil_array((len(ids), len(terms)))
    values[known >= 0] = numbers.to_numpy()[known[known >= 0]]
    labels = tuple(f"{prefix}__{term}" for term in terms)
    return LabelMatrix(labels, sparse.csc_array(values), known >= 0)
