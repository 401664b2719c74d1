"""What is odd in the input: it is shown, or with ``--strict`` refused."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import DataError, Problem

_LOGGER = logging.getLogger("nimare_pipeline")
_MAX_SHOWN = 20
"""Warnings shown on the console; all of them are in the log file and the report."""


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


def show_problems(problems: Iterable[Problem], of: str = "") -> None:
    """Log what was odd in the input, the first on the console and all in the log file.

    Parameters
    ----------
    problems : iterable of Problem
    of : str
        Name of the analysis they belong to, where there are several.
    """
    problems = tuple(dict.fromkeys(problems))
    whose = f"analysis {of}: " if of else ""
    for number, problem in enumerate(problems):
        level = logging.WARNING if number < _MAX_SHOWN else logging.DEBUG
        _LOGGER.log(level, "%s%s", whose, problem)
    if len(problems) > _MAX_SHOWN:
        _LOGGER.warning("and %d more, in run.log", len(problems) - _MAX_SHOWN)
