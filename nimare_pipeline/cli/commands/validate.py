"""``nimare-pipeline validate PATH``: everything that is wrong or odd in a folder of studies."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

from nimare_pipeline.cli.commands.answers import (
    CommandParser,
    JsonOutcome,
    add_json,
    failed,
    named,
    wrapped,
)
from nimare_pipeline.cli.commands.spaces import add_unknown_space
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import Level, PipelineError, Problem
from nimare_pipeline.io._bids import KIND as BIDS
from nimare_pipeline.printable import printable

if TYPE_CHECKING:
    from nimare_pipeline.io.sources import Found

_DESCRIPTION = """\
Checks a folder or file of studies, in any format that can be analysed, and
lists everything that is wrong (error: it cannot be analysed) or odd (warning),
and what is usual but may be a slip (note). Of what is odd in the same way five
are shown a file, unless --all is given.

It ends with 0, with 65 where studies or foci are wrong, and with 16 where only
dataset_description.json is: then this is no valid BIDS dataset, but can be
analysed. In JSON everything is listed, line by line.
"""
_MOST = 5
"""Problems of one kind shown of a file."""
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|[-+]?\d[\d.,]*")
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
    parser = CommandParser("validate", "PATH [--json] [--all] [--strict] [options]", _DESCRIPTION)
    parser.add_argument("path", metavar="PATH", help="folder or file of studies")
    add_json(parser)
    parser.add_argument(
        "--strict", action="store_true", help="warnings count as errors: they, too, end with 65"
    )
    parser.add_argument("--all", action="store_true", help="show every problem, however many")
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
    code = _code(problems, strict=options.strict)
    reason = f"{_said(problems)} in {_contents(found)}"
    if options.json:
        return JsonOutcome(code, reason, facts=_facts(options.path, found, problems))
    most = len(problems) if options.all else _MOST
    lines = [*_heads(found), *_listed(problems, most), ""]
    print(printable("\n".join(lines)))
    return Outcome(code, reason)


def _of_analyses(path: str) -> list[Problem]:
    """What is wrong or odd in the analyses that the data describe themselves."""
    from nimare_pipeline.errors import DataError
    from nimare_pipeline.io.described import find

    try:
        return [problem for one in find(path) for problem in one.problems]
    except DataError as error:
        return list(error.problems)


def _code(problems: Sequence[Problem], *, strict: bool) -> ExitCode:
    """Exit code: what is wrong with the data outweighs what is wrong with the folder as BIDS."""
    refused = ("error", "warning") if strict else ("error",)
    wrong = [problem for problem in problems if problem.level in refused]
    if any(problem.kind != BIDS for problem in wrong):
        return ExitCode.BAD_DATA
    return ExitCode.NOT_BIDS if wrong else ExitCode.OK


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by file and line, each once; those of no file first."""
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.file, line_of(p) or 0, _rank(p.level), p.where))


def _rank(level: Level) -> int:
    """Errors come first, and notes last."""
    return get_args(Level).index(level)


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


def _said(problems: Sequence[Problem]) -> str:
    from nimare_pipeline.contrast import counted

    levels = [problem.level for problem in problems]
    counts = [counted(levels.count(level), level) for level in get_args(Level)]
    if "note" not in levels:
        counts.pop()
    return f"{', '.join(counts[:-1])} and {counts[-1]}"


def _contents(found: Sequence["Found"]) -> str:
    from nimare_pipeline.contrast import counted

    counts = [one.counts() for one in found]
    totals = {name: sum(count[name] for count in counts) for name in ("contrasts", "foci")}
    datasets = f"{len(found)} datasets, " if len(found) > 1 else ""
    contrasts = counted(totals["contrasts"], "contrast")
    return f"{datasets}{contrasts}, {counted(totals['foci'], 'focus', 'foci')}"


def _heads(found: Sequence["Found"]) -> list[str]:
    """What was read."""
    from nimare_pipeline.contrast import counted
    from nimare_pipeline.pooling import several

    lines = []
    for one in found:
        counts = one.counts()
        studies = counted(counts["studies"], "study", "studies")
        contrasts, foci = counted(counts["contrasts"], "contrast"), counts["foci"]
        what = f"{contrasts} of {studies}, {counted(foci, 'focus', 'foci')}"
        lines += [f"{named([one.name])}: {one.format}", f"  {what}"]
        found_several = several(one.studies())
        if found_several:
            lines += wrapped(f"{found_several.words}; see --pool", "  ", "    ")
        lines += wrapped(f"from {named(one.files)}", "  ", "    ")
    return lines


def _listed(problems: Sequence[Problem], most: int) -> list[str]:
    """Problems file by file, errors first, ``most`` of those that are alike."""
    from nimare_pipeline.suspicions import KINDS

    by_file: dict[str, dict[tuple[int, str], list[Problem]]] = {}
    for problem in sorted(problems, key=lambda one: _rank(one.level)):
        alike = by_file.setdefault(problem.file, {})
        alike.setdefault((_rank(problem.level), _kind(problem)), []).append(problem)
    # What a reader says comes first, then suspicions, in the order of their table.
    ranks = {kind: i for i, kind in enumerate(k for words in KINDS.values() for k in words)}
    lines = []
    # What is wrong somewhere stands above what is odd elsewhere; of no file, above all.
    for file in sorted(by_file, key=lambda file: (bool(file), min(by_file[file])[0], file)):
        lines += ["", named([file]) if file else "in general"]
        alike = by_file[file]
        for key in sorted(alike, key=lambda key: (key[0], ranks.get(key[1], -1))):
            group = alike[key]
            # As long as there is but one more, it takes no more room than saying so.
            shown = group if len(group) <= most + 1 else group[:most]
            for i, problem in enumerate(shown):
                said_already = i > 0 and problem.suggestion == group[0].suggestion
                lines += _entry(problem, with_advice=not said_already)
            if len(shown) < len(group):
                lines.append(f"{' ' * 11}and {len(group) - most:,} more like these (--all)")
    return lines


def _kind(problem: Problem) -> str:
    """What problems have in common that differ by numbers and names only."""
    return problem.kind or _VARIABLE.sub("#", problem.message)


def _entry(problem: Problem, *, with_advice: bool) -> list[str]:
    place = f"{problem.where}: " if problem.where else ""
    advice = f" ({problem.suggestion})" if problem.suggestion and with_advice else ""
    text = f"{problem.level:<8} {place}{problem.message}{advice}"
    return wrapped(text, "  ", " " * 11)


def _facts(path: str, found: Sequence["Found"], problems: Sequence[Problem]) -> dict[str, Any]:
    levels = [problem.level for problem in problems]
    return {
        "path": path,
        "errors": levels.count("error"),
        "warnings": levels.count("warning"),
        "notes": levels.count("note"),
        "sources": [
            {"name": one.name, "format": one.format, "files": list(one.files), **one.counts()}
            for one in found
        ],
        "problems": [{**asdict(problem), "line": line_of(problem)} for problem in problems],
    }
