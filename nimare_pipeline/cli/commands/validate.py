"""``nimare-pipeline validate PATH``: everything that is wrong or odd in a folder of studies."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nimare_pipeline.cli.commands.answers import CommandParser, JsonOutcome, failed
from nimare_pipeline.cli.commands.spaces import add_unknown_space
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import PipelineError, Problem
from nimare_pipeline.printable import printable

if TYPE_CHECKING:
    from nimare_pipeline.io.registry import Found

_DESCRIPTION = """\
Checks a folder or file of studies, in any format that can be analysed, and
lists everything that is wrong (error: it cannot be analysed) or odd (warning).
"""
_WIDTH = 80
_LINE = re.compile(r"line (\d+)")


def run(words: Sequence[str]) -> Outcome:
    """Check what the words after ``validate`` name.

    Raises
    ------
    UsageError
        For a wrong option.
    NoInputError
        If there is nothing to read.
    DataError
        If it is a file in no known format.
    """
    parser = CommandParser(
        "validate", "PATH [--json] [--strict] [--unknown-space P]", _DESCRIPTION
    )
    parser.add_argument("path", metavar="PATH", help="folder or file of studies")
    parser.add_argument("--json", action="store_true", help="answer with one JSON document")
    parser.add_argument(
        "--strict", action="store_true", help="warnings count as errors: they, too, end with 65"
    )
    add_unknown_space(parser)
    options = parser.parse_args(words)
    from nimare_pipeline.io.registry import examine

    try:
        found, general = examine(options.path, unknown_space=options.unknown_space or "")
    except PipelineError as error:
        if not options.json:
            raise
        return failed(error, options.path)
    general += _of_analyses(options.path)
    problems = ordered([*general, *(p for one in found for p in (*one.problems, *_gaps(one)))])
    n_errors = sum(problem.level == "error" for problem in problems)
    n_warnings = len(problems) - n_errors
    bad = n_errors or (options.strict and n_warnings)
    code = ExitCode.BAD_DATA if bad else ExitCode.OK
    reason = f"{_said(n_errors, n_warnings)} in {_contents(found)}"
    if options.json:
        return JsonOutcome(code, reason, facts=_facts(options.path, found, problems))
    print(printable("\n".join(_text(found, problems))))
    return Outcome(code, reason)


def _of_analyses(path: str) -> list[Problem]:
    """What is wrong in the analyses that the data describe themselves."""
    from nimare_pipeline.errors import DataError
    from nimare_pipeline.io.described import find

    try:
        find(path)
    except DataError as error:
        return list(error.problems)
    return []


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by file and line, each once; those of no file first."""
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.file, line_of(p) or 0, p.level, p.where))


def line_of(problem: Problem) -> int | None:
    """Line of a problem, if it has one."""
    found = _LINE.search(problem.where)
    return int(found[1]) if found else None


def _gaps(found: "Found") -> list[Problem]:
    """What a run would ask about: contrasts that ALE cannot use as they are."""
    from nimare_pipeline.contrast import counted, listed

    lacking = found.without_size()
    if not lacking:
        return []
    many = counted(len(lacking), "contrast")
    advice = "ALE needs one: fill it in, or run with --missing-n or --fwhm"
    message = f"{many} without sample size: {listed(lacking, 5)}"
    return [Problem("warning", message, found.files[0], suggestion=advice)]


def _said(n_errors: int, n_warnings: int) -> str:
    errors = f"{n_errors} error{'' if n_errors == 1 else 's'}"
    return f"{errors} and {n_warnings} warning{'' if n_warnings == 1 else 's'}"


def _contents(found: Sequence["Found"]) -> str:
    counts = [one.counts() for one in found]
    totals = {name: sum(count[name] for count in counts) for name in ("contrasts", "foci")}
    datasets = f"{len(found)} datasets, " if len(found) > 1 else ""
    return f"{datasets}{_many(totals['contrasts'], 'contrast')}, {_foci(totals['foci'])}"


def _many(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _foci(n: int) -> str:
    return f"{n:,} {'focus' if n == 1 else 'foci'}"


def _text(found: Sequence["Found"], problems: Sequence[Problem]) -> list[str]:
    lines = []
    for one in found:
        counts = one.counts()
        studies = f"{counts['studies']:,} {'study' if counts['studies'] == 1 else 'studies'}"
        what = f"{_many(counts['contrasts'], 'contrast')} of {studies}, {_foci(counts['foci'])}"
        lines += [f"{one.name}: {one.format}", f"  {what}"]
        lines += textwrap.wrap(
            f"from {', '.join(one.files)}", _WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    file: str | None = None
    for problem in problems:
        if problem.file != file:
            file = problem.file
            lines += ["", file or "in general"]
        place = f"{problem.where}: " if problem.where else ""
        advice = f" ({problem.suggestion})" if problem.suggestion else ""
        lines += textwrap.wrap(
            f"{problem.level:<8} {place}{problem.message}{advice}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * 11,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [*lines, ""]


def _facts(path: str, found: Sequence["Found"], problems: Sequence[Problem]) -> dict[str, Any]:
    levels = [problem.level for problem in problems]
    return {
        "path": path,
        "errors": levels.count("error"),
        "warnings": levels.count("warning"),
        "sources": [
            {"name": one.name, "format": one.format, "files": list(one.files), **one.counts()}
            for one in found
        ],
        "problems": [{**asdict(problem), "line": line_of(problem)} for problem in problems],
    }
