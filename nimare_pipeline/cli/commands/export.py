"""``nimare-pipeline export OUT_DIR DEST``: results in the forms in which the field shares them."""

from collections.abc import Sequence
from pathlib import Path

from nimare_pipeline.cli import values
from nimare_pipeline.cli.commands.answers import CommandParser
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome

_DESCRIPTION = """\
Copies the results in OUT_DIR into a folder to share: a NIMADS studyset with the
peaks of the clusters and the maps, or maps and tables ready for NeuroVault.
Nothing is computed, and nothing is sent anywhere.
"""
_FORMS = ("nimads", "neurovault")
_SHOWN = 5


def run(words: Sequence[str]) -> Outcome:
    """Write what the words after ``export`` ask for.

    Raises
    ------
    UsageError
        For wrong words, or an analysis that is not there.
    NoInputError
        If there are no results of ours.
    DataError
        If the results have no maps.
    OutputError
        If the place is taken, or cannot be written.
    """
    options = _parser().parse_args(words)
    from nimare_pipeline.cli import environment, output, signals

    folder = Path(options.output_dir).expanduser().absolute()
    output.require_ours(folder)
    with environment.prepared(), signals.graceful():
        from nimare_pipeline.sharing import share

        shared = share(
            folder,
            options.target,
            options.to,
            analyses=options.analysis,
            overwrite=options.overwrite,
        )
    for problem in shared.problems[:_SHOWN]:
        print(f"warning  {problem}")
    if len(shared.problems) > _SHOWN:
        print(f"and {len(shared.problems) - _SHOWN} more, see report.html")
    maps = f"{shared.n_maps} map{'' if shared.n_maps == 1 else 's'}"
    peaks = f", {shared.n_peaks} peak{'' if shared.n_peaks == 1 else 's'}"
    what = f"{', '.join(shared.analyses)}: {maps}{peaks if options.to == 'nimads' else ''}"
    return Outcome(ExitCode.OK, what, str(shared.path))


def _parser() -> CommandParser:
    parser = CommandParser("export", "OUT_DIR DEST --to FORM [options]", _DESCRIPTION)
    parser.add_argument("output_dir", metavar="OUT_DIR", help="folder with results of a run")
    parser.add_argument("target", metavar="DEST", help="folder to write, new or empty")
    parser.add_argument(
        "--to",
        metavar="FORM",
        type=values.one_of(_FORMS),
        required=True,
        help=" or ".join(_FORMS),
    )
    parser.add_argument(
        "--analysis", metavar="NAME", nargs="+", action="extend", help="only these analyses"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what an export wrote at DEST"
    )
    return parser
