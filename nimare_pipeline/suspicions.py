"""What is odd about the foci and sample sizes of a dataset, without being wrong for certain."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nimare_pipeline import (
    defaults,
    suspects,
    suspicious_copies,
    suspicious_sizes,
    suspicious_units,
)
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import Tables

MOST_OF_A_KIND = 20
"""A run says so many warnings of a kind, and how many more there are."""


def suspicions(
    contrasts: Sequence[Contrast],
    tables: Tables | None = None,
    *,
    tal2mni: str = defaults.TAL2MNI,
    file: str = "",
) -> list[Problem]:
    """Warnings about data that look like a slip of whoever typed or copied them.

    Every check is one that real data seldom fail by chance. What cannot be known from the
    coordinates alone, such as Talairach foci that are called MNI, is not claimed.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Those with errors of their own are not looked at.
    tables : Tables, optional
        In place of contrasts.
    tal2mni : str
        How Talairach foci were, or are to be, converted.
    file : str
        File of what names none.

    Returns
    -------
    list of Problem
        Each with a ``kind``.
    """
    if tables is None:
        gathered = suspects.of_contrasts(contrasts, tal2mni, file)
    else:
        gathered = suspects.of_tables(tables, tal2mni, file)
    if not gathered.studies:
        return []
    return [
        *suspicious_units.found(gathered),
        *suspicious_copies.found(gathered),
        *suspicious_sizes.found(gathered),
    ]


def fewer(problems: Iterable[Problem], most: int = MOST_OF_A_KIND) -> list[Problem]:
    """Problems of which no kind stands more than ``most`` times; the others are counted.

    Problems without a kind all stay.
    """
    problems = list(problems)
    totals = Counter(problem.kind for problem in problems)
    seen: Counter[str] = Counter()
    kept = []
    for problem in problems:
        seen[problem.kind] += 1
        if not problem.kind or seen[problem.kind] <= most:
            kept.append(problem)
        elif seen[problem.kind] == most + 1:
            n = totals[problem.kind] - most
            message = f"and {n:,} more warnings like the last one"
            advice = "`nimare-pipeline validate --all` lists them"
            kept.append(replace(problem, message=message, where="", suggestion=advice))
    return kept
