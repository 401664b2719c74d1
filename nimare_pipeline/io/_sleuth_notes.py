"""What is odd in a Sleuth file, each with its line, and not more of it than anybody reads."""

from collections import Counter
from typing import Literal

from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import Problem

MOST = 1000
"""Errors, and warnings, of one file that are listed; the others are counted."""


class Notes:
    """Problems of one file.

    Parameters
    ----------
    file : str
        Its name, for messages.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[tuple[int, Problem]] = []
        self._counts: Counter[str] = Counter()

    def warn(self, line: int, message: str, suggestion: str = "") -> None:
        """Note what was put right or left out."""
        self._add("warning", line, message, suggestion)

    def error(self, line: int, message: str, suggestion: str = "") -> None:
        """Note what a person must mend."""
        self._add("error", line, message, suggestion)

    @property
    def n_errors(self) -> int:
        """Number of errors, those that are only counted included."""
        return self._counts["error"]

    def last(self, line: int, message: str) -> None:
        """Note the error for which reading ends, also where there are too many."""
        self._counts["error"] = min(self._counts["error"], MOST - 1)
        self.error(line, message)

    def listed(self) -> list[Problem]:
        """All problems by line, and last how many more there were."""
        found = [problem for _, problem in sorted(self._found, key=lambda pair: pair[0])]
        more = {level: n - MOST for level, n in self._counts.items() if n > MOST}
        return found + [
            Problem(_LEVELS[level], f"and {counted(n, level)} more in this file", self._file)
            for level, n in more.items()
        ]

    def _add(
        self, level: Literal["error", "warning"], line: int, message: str, suggestion: str
    ) -> None:
        self._counts[level] += 1
        if self._counts[level] <= MOST:
            problem = Problem(level, message, self._file, f"line {line}", suggestion)
            self._found.append((line, problem))


_LEVELS: dict[str, Literal["error", "warning"]] = {"error": "error", "warning": "warning"}
