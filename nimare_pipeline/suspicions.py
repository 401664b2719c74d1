"""What is odd about the foci and sample sizes of a dataset, without being wrong for certain."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from nimare_pipeline import (
    defaults,
    suspects,
    suspicious_copies,
    suspicious_repeats,
    suspicious_sizes,
    suspicious_units,
)
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import Problem
from nimare_pipeline.tables import Tables

MOST_OF_A_KIND = 5
"""A run says so many warnings of a kind, and how many more there are."""
KINDS = {
    "units and axes": {
        "all-voxel-indices": "all foci are voxel indices?",
        "all-tenths": "all foci are tenths of mm?",
        "all-axes": "axes of all foci in another order or direction?",
        "voxel-indices": "voxel indices, not mm?",
        "centimetres": "centimetres, not mm?",
        "metres": "metres, not mm?",
        "tenths": "tenths of mm?",
        "decimals": "lost decimal points?",
        "axes": "axes in another order or direction?",
        "outside-brain": "most foci outside the brain",
        "no-minus": "no negative coordinate",
    },
    "left and right": {"mirror": "mirror image of another contrast"},
    "copies": {
        "copy": "the same foci in several studies",
        "copy-spaces": "the same foci in two spaces",
        "copy-moved": "foci of another contrast, converted or rounded",
        "shared": "most foci shared with another study",
        "identifier": "a DOI or PMID of several studies",
        "spelling": "a study under two spellings",
        "copy-within": "the same foci twice in a study",
        "foci-twice": "most foci more than once in a contrast",
        "focus-twice": "some foci more than once in a contrast",
    },
    "sample sizes": {
        "sample-number": "years, or no whole numbers",
        "sample-size": "very small or very large",
        "sample-sizes": "all alike",
    },
}
"""Kinds of suspicions, in groups, and what they are in words."""


def suspicions(
    contrasts: Sequence[Contrast],
    tables: Tables | None = None,
    *,
    tal2mni: str = defaults.TAL2MNI,
    file: str = "",
    said: Collection[str] = (),
) -> list[Problem]:
    """Warnings and notes about data that look like a slip of whoever typed or copied them.

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
    said : collection of str
        Kinds that the reader has said already, with more to say of the place.

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
    found = [
        *suspicious_units.found(gathered),
        *suspicious_repeats.found(gathered),
        *suspicious_copies.found(gathered),
        *suspicious_sizes.found(gathered),
    ]
    return [problem for problem in found if problem.kind not in said]


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
