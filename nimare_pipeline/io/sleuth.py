"""Sleuth / GingerALE text: ``//`` headers, then one ``x y z`` a line.

::

    //Reference=MNI
    //Smith et al., 2019: Working memory > baseline
    //Subjects=23
    -7.5   8.5   -9.5
     10    12    62

Real files depart from this in every way: see the tests. No experiment is ever lost: what cannot be
understood is a problem with its line.
"""

import re
from pathlib import Path

from nimare_pipeline import spaces
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.errors import NoInputError, Problem
from nimare_pipeline.io import _sleuth_headers as headers
from nimare_pipeline.io import _sleuth_numbers as numbers
from nimare_pipeline.io import _text
from nimare_pipeline.io._sleuth_reader import Reader, cleaned

NAME = "Sleuth text"
SEPARATE = True
"""Several files in a folder are several analyses, not rival datasets."""
SAYS = ("sample-size",)
"""Kinds of suspicions that are said here, with the line they stand in."""
MOST_BYTES = 16_000_000
"""Size of the largest file that is read: twice all foci of Neurosynth."""

_SNIFF_BYTES = 65536
_RICH_TEXT = b"{\\rtf"


def sniff(path: Path) -> bool:
    """Whether a file names MNI or Talairach behind ``//``, or has headers and rows of numbers.

    A Reference line without slashes above rows of numbers will do: what lacks is said in reading.
    """
    with path.open("rb") as stream:
        body = stream.read(_SNIFF_BYTES)
    if not _text.is_text(body):
        return False
    if body.startswith(_RICH_TEXT):
        return b"//" in body and bool(re.search(rb"(?i)reference|subjects", body))
    found = [line for line in map(cleaned, _text.line_by_line(_text.beginning(body))) if line]
    titles = [line.lstrip("/ ") for line in found if line.startswith("//")]
    others = [line for line in found if not line.startswith(("//", "#", "%"))]
    foci = sum(map(numbers.looks_like_focus, others))
    if any(spaces.recognise(headers.reference(title)) for title in (*titles, *others)):
        is_said = any("=" in line and headers.reference(line) for line in others)
        return bool(titles) or (is_said and foci > 0)
    # Source code has // and rows of numbers, too, but more of the rest.
    return bool(titles) and foci > 0 and foci >= len(others) - foci


def read(path: Path, *_companions: Path) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a file, in file order, and everything odd in it.

    Raises
    ------
    NoInputError
        If there is no such file.
    """
    try:
        with path.open("rb") as stream:
            body = stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        msg = f"no such file: {path}"
        raise NoInputError(msg) from error
    if len(body) > MOST_BYTES:
        message = f"the file is larger than {MOST_BYTES / 1e6:g} MB, more than any text of foci"
        return [], [Problem("error", message, path.name, suggestion="split it into several files")]
    if body.startswith(_RICH_TEXT):
        message = "rich text (RTF), not plain text"
        return [], [Problem("error", message, path.name, suggestion="save it as plain text")]
    text, problems = _text.decode(body)
    contrasts, found = parse(text, file=path.name)
    return contrasts, [*(_at(path.name, problem) for problem in problems), *found]


def parse(text: str, file: str = "") -> tuple[list[Contrast], list[Problem]]:
    """Contrasts of a text."""
    reader = Reader(file)
    for number, line in enumerate(_text.line_by_line(text), start=1):
        reader.line(number, line)
        if reader.is_full:
            break
    return reader.finish()


def _at(file: str, problem: Problem) -> Problem:
    return Problem(problem.level, problem.message, file, problem.where, problem.suggestion)
