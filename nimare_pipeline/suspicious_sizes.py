"""Sample sizes that hardly are numbers of participants."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import Problem
from nimare_pipeline.suspects import Suspects

SMALLEST, LARGEST = 3, 10_000
"""Fewer or more participants in a group are more likely a slip than a study."""
YEARS = (1985, 2035)
"""A whole number in between is more likely a year."""
LEAST = 10
"""So many contrasts, of as many studies, hardly have one sample size by chance."""


def found(suspects: Suspects) -> list[Problem]:
    """Warnings about sample sizes, one a contrast, and about all of them.

    Parameters
    ----------
    suspects : Suspects
    """
    problems = [
        suspects.warn(i, kind, f"sample size {size:g} {what}", "compare it with the paper")
        for i, sizes in enumerate(suspects.sizes)
        for size in sizes
        for kind, what in _odd(size)
    ]
    return [*problems, *_alike(suspects)]


def _odd(size: float) -> Iterator[tuple[str, str]]:
    if size % 1:
        yield "sample-number", "is no whole number"
    elif YEARS[0] <= size <= YEARS[1]:
        yield "sample-number", "looks like a year"
    elif size < SMALLEST:
        yield "sample-size", "is very small"
    elif size > LARGEST:
        yield "sample-size", "is very large"


def _alike(suspects: Suspects) -> Iterator[Problem]:
    """Warnings about sample sizes that are all one number, or the number of foci."""
    known = [i for i, sizes in enumerate(suspects.sizes) if sizes]
    if len({suspects.studies[i] for i in known}) < LEAST:
        return
    (common, n) = Counter(suspects.sizes[i] for i in known).most_common(1)[0]
    if n == len(known):
        size = ", ".join(f"{value:g}" for value in common)
        said = f"all {counted(len(known), 'contrast')} have sample size {size}"
        yield _of_all(suspects, said, "was it filled in where the papers give their own?")
        return
    counts = suspects.counts
    if all(suspects.sizes[i] == (counts[i],) for i in np.array(known)):
        said = f"the sample size of all {counted(len(known), 'contrast')} is their number of foci"
        yield _of_all(suspects, said, "was the wrong column copied?")


def _of_all(suspects: Suspects, said: str, advice: str) -> Problem:
    return Problem("warning", said, suspects.file_of(0), "", advice, "sample-sizes")
