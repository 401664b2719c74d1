"""``--strict``: what is odd in the input is wrong."""

from collections.abc import Iterable
from dataclasses import replace

from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import DataError, Problem


def accept(problems: Iterable[Problem]) -> None:
    """Refuse data of which a reader warned.

    Raises
    ------
    DataError
        With every warning, as an error.
    """
    found = [replace(problem, level="error") for problem in dict.fromkeys(problems)]
    if found:
        be = "is" if len(found) == 1 else "are"
        msg = f"the input has {counted(len(found), 'warning')}, which {be} refused by --strict"
        raise DataError(msg, found)
