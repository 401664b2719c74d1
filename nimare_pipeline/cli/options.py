"""The words of the command line: every option, what it accepts, and its help.

Imports only the standard library and what is as light, so that ``--help`` answers at once.
"""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from nimare_pipeline import __version__
from nimare_pipeline.cli import values
from nimare_pipeline.cli.image_options import add_images
from nimare_pipeline.cli.method_options import (
    add_analysis,
    add_correction,
    add_estimator,
    add_kernel,
    add_region,
)
from nimare_pipeline.cli.request import NO_MODEL
from nimare_pipeline.cli.resources import available_cpus
from nimare_pipeline.errors import UsageError

LEVELS = ("meta", "group", "dataset")
"""Analysis levels; all three mean the same, as a meta-analysis has one level."""
PLUGINS = (
    "Linear", "MultiProc", "LegacyMultiProc", "SLURM", "SLURMGraph", "SGE", "SGEGraph", "PBS",
    "PBSGraph", "LSF", "OAR", "Condor", "CondorDAGMan", "IPython", "Debug",
)  # fmt: skip
"""Nipype's execution plugins."""

_DESCRIPTION = """\
Neuroimaging meta-analysis of a folder of studies: maps, cluster tables, BIDS
derivatives and one HTML report.

With no options: ALE with a cluster-size FWE correction by Monte Carlo.
"""
_EPILOG = """\
example:
  nimare-pipeline studies/ results/ meta --n-iters 1000 --name pain

other commands (each with --help):
  nimare-pipeline init DIR        write an annotated analyses.toml for a folder
  nimare-pipeline validate PATH   everything that is wrong or odd in the data
  nimare-pipeline summary PATH    what the data hold: columns for a selection
  nimare-pipeline convert IN OUT  write studies in another format
  nimare-pipeline export OUT_DIR DEST results as NIMADS, or ready for NeuroVault
  nimare-pipeline fetch NAME [DIR] download public data, Neurosynth for one
  nimare-pipeline figures OUT_DIR draw the figures for a paper again
  nimare-pipeline --selftest      compare this installation with known numbers

exit status: 0 complete; 3 some analyses failed; 4 only the report failed;
16 no valid BIDS (validate); 17 unknown level; 18 nothing selected; 64 wrong
option; 65 bad data; 66 no input; 69 a server does not give it (fetch); 73
cannot write output; 74 input/output error; 75 stopped from outside and 130
Ctrl-C: run again, it resumes. The last line on stdout and
OUT_DIR/logs/*/status.json say the same.
"""


def build_parser() -> argparse.ArgumentParser:
    """Make the parser; its help shows the defaults of ``nimare_pipeline.defaults``."""
    parser = Parser(
        prog="nimare-pipeline",
        usage="nimare-pipeline BIDS_DIR OUT_DIR meta [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=Formatter,
        allow_abbrev=False,
        add_help=False,
    )
    _add_positionals(parser.add_argument_group("what to read and where to write"))
    _add_model(parser.add_argument_group("analysis file"))
    add_analysis(parser.add_argument_group("analysis"))
    add_estimator(parser.add_argument_group("estimator"))
    add_region(parser.add_argument_group("coactivation with a region (MACM)"))
    add_kernel(parser.add_argument_group("kernel and coordinates"))
    add_images(parser.add_argument_group("images"))
    add_correction(parser.add_argument_group("correction for multiple comparisons"))
    _add_machine(parser.add_argument_group("machine"))
    add_figures(parser.add_argument_group("figures for a paper"))
    _add_other(parser.add_argument_group("other"))
    return parser


class Parser(argparse.ArgumentParser):
    """Parser that raises instead of leaving with argparse's own exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError``."""
        # Who leaves words out wants to know them all; commands add their usage themselves.
        if message.startswith("the following arguments are required") and "usage:" not in message:
            message = f"{message}; usage: {self.usage}"
        raise UsageError(message.removeprefix("argument "))


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help in 80 columns whatever the terminal, so that it reads the same everywhere."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=80)


def _add_positionals(group: Any) -> None:
    group.add_argument(
        "bids_dir",
        metavar="BIDS_DIR",
        help="folder or single file of studies: a spreadsheet, Sleuth text, NIMADS, NiMARE "
        "JSON, Neurosynth, tables, and more",
    )
    group.add_argument("output_dir", metavar="OUT_DIR", help="folder for the results")
    group.add_argument(
        "analysis_level", metavar="meta", help="analysis level (synonyms: group, dataset)"
    )


def _add_model(group: Any) -> None:
    group.add_argument(
        "--model",
        metavar="FILE",
        default="",
        type=lambda text: text if text in ("", NO_MODEL) else absolute(text),
        help="TOML file of analyses, see docs/analyses.md (default: analyses.toml of BIDS_DIR if "
        "it is there; none ignores it); analysis options given here replace what it says",
    )
    group.add_argument(
        "--analysis",
        metavar="NAME",
        nargs="+",
        action="extend",
        default=[],
        help="run only these analyses of the file (default: all)",
    )
    group.add_argument(
        "--rerun",
        action="store_true",
        help="compute again what OUT_DIR already holds unchanged",
    )


def _add_machine(group: Any) -> None:
    count = values.integer("a whole number of at least 1", lambda n: n >= 1)
    cpus = available_cpus()
    group.add_argument(
        "--nprocs",
        metavar="N",
        default=cpus,
        type=count,
        help="threads or processes (default: all that this process may use, here %(default)s)",
    )
    for spelling in ("--n-procs", "--nthreads", "--n_cpus", "--n-cpus"):
        group.add_argument(
            spelling, dest="nprocs", default=argparse.SUPPRESS, type=count, help=argparse.SUPPRESS
        )
    group.add_argument(
        "--n-chunks",
        metavar="N",
        default=1,
        type=count,
        help="Monte Carlo nodes to spread over machines; never changes a result "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--use-plugin",
        metavar="NAME",
        default="Linear",
        type=values.one_of(PLUGINS),
        help="Nipype plugin: Linear, MultiProc, SLURM, SGE, PBS, ... (default: %(default)s)",
    )
    group.add_argument(
        "-w",
        "--work-dir",
        metavar="DIR",
        default="",
        help="folder for intermediate results, kept (default: OUT_DIR/.work, removed on success)",
    )
    group.add_argument("--keep-work", action="store_true", help="keep the work folder on success")


def add_figures(group: Any) -> None:
    """Add the options that the command ``figures`` has too."""
    group.add_argument(
        "--common-range",
        action="store_true",
        help="same colours and slices for all analyses in OUT_DIR (default: each its own)",
    )
    group.add_argument(
        "--z-max",
        metavar="Z",
        type=values.number("a z above 0", lambda z: 0 < z < float("inf")),
        help="end of the colour scale (default: highest z of the map)",
    )


def _add_other(group: Any) -> None:
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be done and how it would end, write nothing",
    )
    group.add_argument(
        "--strict",
        action="store_true",
        help="warnings about the input count as errors (`nimare-pipeline validate` lists them)",
    )
    group.add_argument(
        "--reports-only", action="store_true", help="write the report again from OUT_DIR"
    )
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="say more; -vv: Nipype's lines too"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="say warnings and errors only")
    group.add_argument("--notrack", action="store_true", help=argparse.SUPPRESS)
    group.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    group.add_argument("-h", "--help", action="help", help="show this and leave")


def absolute(path: str) -> str:
    """Absolute path, links not followed (DataLad folders are made of them)."""
    return str(Path(path).expanduser().absolute())
