"""``nimare-pipeline figures OUT_DIR``: figures and tables for a paper, drawn again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline.cli import environment, logs, output, signals
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.options import Formatter, Parser, add_figures
from nimare_pipeline.cli.status import Outcome

_DESCRIPTION = """\
Draws the figures for a paper again from the results in OUT_DIR, and writes the
tables to paste and the report. Nothing is computed again, and a figure that
would come out the same is left as it is.
"""


def run(words: Sequence[str]) -> Outcome:
    """Draw the figures that the words after ``figures`` ask for.

    Raises
    ------
    UsageError
        For a wrong option, or the name of an analysis that is not there.
    NoInputError
        If there are no results of ours.
    BusyError
        If a run is writing into the folder.
    OutputError
        If the folder cannot be written.
    """
    options = _parser().parse_args(words)
    folder = Path(options.output_dir).expanduser().absolute()
    output.require_ours(folder)
    with environment.prepared(), signals.graceful(), logs.console(0), output.locked(folder):
        return _draw(folder, options)


def _draw(folder: Path, options: Any) -> Outcome:
    from nimare_pipeline.reports.html import write_report
    from nimare_pipeline.reports.paper import write_paper_figures

    files = write_paper_figures(
        folder,
        common_range=options.common_range,
        z_max=options.z_max,
        analyses=options.analysis,
    )
    write_report(folder)
    names = ", ".join(files) or "no analysis"
    return Outcome(ExitCode.OK, f"figures of {names}", str(folder / "figures"))


def _parser() -> Parser:
    parser = Parser(
        prog="nimare-pipeline figures",
        usage="nimare-pipeline figures OUT_DIR [options]",
        description=_DESCRIPTION,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("output_dir", metavar="OUT_DIR", help="folder with results of a run")
    add_figures(parser)
    parser.add_argument(
        "--analysis",
        metavar="NAME",
        nargs="+",
        action="extend",
        help="draw these analyses only (default: all); --common-range still counts all",
    )
    return parser
