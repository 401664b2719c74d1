"""``nimare-pipeline convert IN OUT``: studies from one format to another."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nimare_pipeline import foci_policy
from nimare_pipeline.cli import signals, values
from nimare_pipeline.cli.commands.answers import (
    CommandParser,
    JsonOutcome,
    add_json,
    failed,
    named,
    wrapped,
)
from nimare_pipeline.cli.commands.spaces import add_tal2mni, add_unknown_space
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
_EPILOG = """\
exit status: 0 written; 64 wrong words; 65 the studies are wrong or, with
--strict, not all could be kept; 66 nothing to read; 73 OUT is there already.
"""
_TO = ("native", "nimads", "nimare", "sleuth", "csv")
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
                unknown_space=options.unknown_space or "",
                foci_from_images=_peaks(options.foci_from_images),
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


def _peaks(policy: str | None) -> dict[str, Any] | None:
    return None if policy is None else foci_policy.completed(policy)


def _parser() -> CommandParser:
    parser = CommandParser("convert", _USAGE, _DESCRIPTION)
    parser.epilog = _EPILOG
    parser.add_argument("source", metavar="IN", help="folder or file of studies")
    parser.add_argument(
        "target", metavar="OUT", help="file or folder to write; a folder where IN holds several"
    )
    parser.add_argument(
        "--to",
        metavar="FORMAT",
        type=values.one_of(_TO),
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
    parser.add_argument(
        "--foci-from-images",
        metavar="POLICY",
        type=values.one_of(foci_policy.POLICIES),
        help="write foci that are peaks of the images: fill (of contrasts without foci), replace "
        "(of all that have images) or demolish (and no other foci)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at OUT")
    add_tal2mni(parser, ", where a format has one space only")
    add_unknown_space(parser)
    add_json(parser)
    return parser


def _reason(made: Sequence["Converted"]) -> str:
    from nimare_pipeline.contrast import counted

    n_lossy = sum(bool(one.losses) for one in made)
    contrasts = counted(sum(one.contrasts for one in made), "contrast")
    foci = counted(sum(one.foci for one in made), "focus", "foci")
    several = f"{len(made)} datasets, " if len(made) > 1 else ""
    if not n_lossy:
        return f"{several}{contrasts}, {foci} written; nothing is lost"
    where = f"in {n_lossy} of them " if len(made) > 1 else ""
    return f"{several}{contrasts}, {foci} written; {where}not all could be kept, see above"


def _text(one: "Converted", *, said: bool) -> list[str]:
    from nimare_pipeline.contrast import counted
    from nimare_pipeline.io.writers import FORMATS

    by = "" if said else f", by the name {named([one.path.name])} (--to takes another)"
    lines = wrapped(f"{named([one.name])}: {one.format} to {FORMATS[one.to].title}{by}", "", "  ")
    lines += wrapped(f"from {named(one.files)}", "  ", "    ")
    lines += wrapped(f"to {named([one.path])}", "  ", "    ")
    for note in one.notes:
        lines += wrapped(f"note     {note}", "  ", " " * 11)
    if one.losses:
        lines.append("  not kept")
    for loss in one.losses:
        lines += wrapped(f"- {loss}", "    ", "      ")
    if one.problems:
        lines.append(f"  {counted(len(one.problems), 'warning')} of the reader")
    for problem in one.problems[:_SHOWN]:
        lines += wrapped(f"- {problem}", "    ", "      ")
    if len(one.problems) > _SHOWN:
        lines.append("    and more; --json lists them all")
    return [*lines, ""]


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
