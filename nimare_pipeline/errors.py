"""Errors and problems of the package.

::

    PipelineError
      UsageError          the request itself is wrong (option, keyword, threshold)
        ModelError        the analysis file is wrong; carries every problem found
      NoInputError        there is nothing to read
      DataError           what was read is wrong; carries every problem found
      EmptySelectionError the selection leaves no contrast
      OutputError         the output cannot be created
      DownloadError       a server does not give what was asked for
        TemporaryDownloadError  not now: trying again goes on where it stopped
      InterruptedRun      a worker or a signal ended the run; running again resumes
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nimare_pipeline.printable import on_one_line, printable

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or odd, in what was read.

    Parameters
    ----------
    level : "error", "warning" or "note"
        An error stops the run; a warning is shown in the log and the report, and refused by
        ``--strict``; a note is usual, and only said by who lists everything.
    message : str
        What was found, with the offending value.
    file : str
        File it was found in, as the user named it.
    where : str
        Place in that file: ``"line 12"`` or ``"study pain_01, contrast 1"``.
    suggestion : str
        What would be accepted.
    kind : str
        Name of the check that found it, the same for all that it finds; empty where a check says
        one thing only.
    """

    level: Level
    message: str
    file: str = ""
    where: str = ""
    suggestion: str = ""
    kind: str = ""

    def __str__(self) -> str:
        place = ", ".join(on_one_line(part) for part in (self.file, self.where) if part)
        text = f"{place}: {self.message}" if place else self.message
        return printable(f"{text} ({self.suggestion})" if self.suggestion else text)


class PipelineError(Exception):
    """Base of every error that the package raises on purpose."""

    def __str__(self) -> str:
        # What a file says goes to a terminal, which must not obey it.
        return printable(super().__str__())


class UsageError(PipelineError, ValueError):
    """The request is wrong: an unknown name, a value out of range."""


class ModelError(UsageError):
    """An analysis file is wrong; ``problems`` lists everything found at once."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  - {p}" for p in self.problems)]))


class NoInputError(PipelineError, FileNotFoundError):
    """There is nothing to read where the user pointed."""


class DataError(PipelineError, ValueError):
    """The data are wrong; ``problems`` lists everything found at once."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  - {p}" for p in self.problems)]))


class EmptySelectionError(PipelineError, ValueError):
    """The selection leaves nothing to analyse."""


class OutputError(PipelineError, OSError):
    """The output folder or a file in it cannot be created."""


class DownloadError(PipelineError, OSError):
    """A server does not give what was asked for."""


class TemporaryDownloadError(DownloadError):
    """A server or the network failed for now; the same call goes on where it stopped."""


class InterruptedRun(PipelineError):  # noqa: N818 - not a mistake of anybody
    """The run was ended from outside; running it again resumes."""
