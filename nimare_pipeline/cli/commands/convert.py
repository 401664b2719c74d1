"""``nimare-pipeline convert IN OUT``: studies from one format to another."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nimare_pipeline import defaults
from nimare_pipeline.cli import signals
from nimare_pipeline.cli.commands.answers import CommandParser, JsonOutcome, failed
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import PipelineError
from nimare_pipeline.printable import printable

if TYPE_CHECKING:
    from nimare_pipeline.io.conversion import Converted

_DESCRIPTION = """\
Writes studies in another format. Coordinates keep the space and the digits they
have. What was written is read again before it is put in its place, and what the
format did not keep is listed.
"""
_USAGE = "IN OUT [--to FORMAT] [options]"
_TO = ("native", "nimads", "nimare", "sleuth", "csv")
_WIDTH = 80
_SHOWN = 5
"""Warnings of the reader that are shown."""


def run(words: Sequence[str]) -> Outcome:
    """Convert what the words after ``convert`` name.

    Raises
    ------
    UsageError
        For wrong words.
    NoInputError, DataError
        If there is nothing to read, or it is wrong; or, with ``--strict``, if the format cannot
        hold all.
    OutputError
        If the place is taken, or cannot be written.
    """
    options = _parser().parse_args(words)
    from nimare_pipeline.io.conversion import convert

    try:
        with signals.graceful():  # what is not ready is removed
            made = convert(
                options.source,
                options.target,
                options.to,
                merge=options.merge,
                strict=options.strict,
                overwrite=options.overwrite,
                tal2mni=options.tal2mni,
                unknown_space=options.unknown_space,
            )
    except PipelineError as error:
        if not options.json:
            raise
        return failed(error, options.source)
    reason = _reason(made)
    place = str(made[0].path if len(made) == 1 else options.target)
    if options.json:
        return JsonOutcome(ExitCode.OK, reason, place, facts=_facts(options.source, made))
    lines = (line for one in made for line in _text(one, said=options.to is not None))
    print(printable("\n".join(lines)))
    return Outcome(ExitCode.OK, reason, place)


def _parser() -> CommandParser:
    parser = CommandParser("convert", _USAGE, _DESCRIPTION)
    parser.add_argument("source", metavar="IN", help="folder or file of studies")
    parser.add_argument(
        "target", metavar="OUT", help="file or folder to write; a folder where IN holds several"
    )
    parser.add_argument(
        "--to",
        metavar="FORMAT",
        choices=_TO,
        help=f"{', '.join(_TO)} (default: by OUT: a folder is native, .json nimads, "
        ".txt sleuth, .csv and .tsv csv)",
    )
    parser.add_argument(
        "--merge", action="store_true", help="write several datasets, as Sleuth files, as one"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="write nothing, and end with 65, if the format cannot hold all",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at OUT")
    parser.add_argument(
        "--tal2mni",
        metavar="METHOD",
        choices=defaults.TAL2MNI_METHODS,
        default=defaults.TAL2MNI,
        help="Talairach to MNI, where a format has one space only: "
        f"{', '.join(defaults.TAL2MNI_METHODS)} (default: {defaults.TAL2MNI})",
    )
    parser.add_argument(
        "--unknown-space",
        metavar="POLICY",
        choices=defaults.UNKNOWN_SPACES,
        default=defaults.UNKNOWN_SPACE,
        help="foci in no known space: "
        f"{', '.join(defaults.UNKNOWN_SPACES)} (default: error; of Neurosynth, mni)",
    )
    parser.add_argument("--json", action="store_true", help="answer with one JSON document")
    return parser


def _reason(made: Sequence["Converted"]) -> str:
    n_lossy = sum(bool(one.losses) for one in made)
    n_contrasts, n_foci = sum(one.contrasts for one in made), sum(one.foci for one in made)
    contrasts = f"{n_contrasts:,} contrast{'' if n_contrasts == 1 else 's'}"
    foci = f"{n_foci:,} {'focus' if n_foci == 1 else 'foci'}"
    several = f"{len(made)} datasets, " if len(made) > 1 else ""
    if not n_lossy:
        return f"{several}{contrasts}, {foci} written; nothing is lost"
    where = f"in {n_lossy} of them " if len(made) > 1 else ""
    return f"{several}{contrasts}, {foci} written; {where}not all could be kept, see above"


def _text(one: "Converted", *, said: bool) -> list[str]:
    from nimare_pipeline.io.writers import FORMATS

    by = "" if said else f", by the name {one.path.name} (--to takes another)"
    lines = _wrapped(f"{one.name}: {one.format} to {FORMATS[one.to].title}{by}", "", "  ")
    lines += _wrapped(f"from {', '.join(one.files)}", "  ", "    ")
    lines += _wrapped(f"to {one.path}", "  ", "    ")
    for note in one.notes:
        lines += _wrapped(f"note     {note}", "  ", " " * 11)
    if one.losses:
        lines.append("  not kept")
    for loss in one.losses:
        lines += _wrapped(f"- {loss}", "    ", "      ")
    if one.problems:
        n = len(one.problems)
        lines.append(f"  {n} warning{'' if n == 1 else 's'} of the reader")
    for problem in one.problems[:_SHOWN]:
        lines += _wrapped(f"- {problem}", "    ", "      ")
    if len(one.problems) > _SHOWN:
        lines.append("    and more; `nimare-pipeline validate` lists them")
    return [*lines, ""]


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _facts(source: str, made: Sequence["Converted"]) -> dict[str, Any]:
    return {
        "path": source,
        "written": [
            {
                **asdict(one),
                "path": str(one.path),
                "losses": [asdict(loss) for loss in one.losses],
                "problems": [asdict(problem) for problem in one.problems],
            }
            for one in made
        ],
    }
