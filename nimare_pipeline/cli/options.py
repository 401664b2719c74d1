"""The words of the command line: every option, what it accepts, and its help.

Imports only the standard library and what is as light, so that ``--help`` answers at once.
"""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from nimare_pipeline import __version__, defaults, pool_policy
from nimare_pipeline.cli import values
from nimare_pipeline.cli.commands.spaces import add_unknown_space
from nimare_pipeline.cli.request import NO_MODEL
from nimare_pipeline.cli.resources import available_cpus
from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import RESULTS
from nimare_pipeline.registry import CORRECTORS, ESTIMATORS, PAIR_ESTIMATORS, POOL_ESTIMATORS

LEVELS = ("meta", "group", "dataset")
"""Analysis levels; all three mean the same, as a meta-analysis has one level."""
METHODS = {
    "FWECorrector": ("montecarlo", "bonferroni", "holm"),
    "FDRCorrector": ("indep", "negcorr"),
}
"""Methods of the correctors, the usual one first: the classes are not imported for ``--help``."""
FWE_NULLS = ("label-permutation", "random-foci")
"""Nulls of MKDAChi2, as its class has them."""
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
    _add_analysis(parser.add_argument_group("analysis"))
    _add_region(parser.add_argument_group("coactivation with a region (MACM)"))
    _add_kernel(parser.add_argument_group("kernel and coordinates"))
    _add_correction(parser.add_argument_group("correction for multiple comparisons"))
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
        help="folder or single file of studies: tables, Sleuth text, NIMADS, NiMARE JSON",
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


def _add_analysis(group: Any) -> None:
    group.add_argument(
        "--name",
        metavar="NAME",
        type=values.name,
        help="name of the analysis, letters and digits (default: name of the input file)",
    )
    group.add_argument(
        "--select",
        metavar="EXPR",
        default="",
        type=values.selection,
        help="which contrasts to analyse, for example 'sample_size >= 10' (default: all)",
    )
    group.add_argument(
        "--group",
        metavar="NAME=EXPR",
        action="append",
        default=[],
        type=values.group,
        help="compare two groups of contrasts: give it twice, for example "
        "--group 'pain=condition == \"pain\"'; given once, the group is compared with the rest",
    )
    group.add_argument(
        "--inference-mask",
        metavar="FILE",
        default="",
        help="with --group: voxels in which a difference is looked for (default: all)",
    )
    group.add_argument(
        "--merge",
        action="store_true",
        help="pool all input files into one analysis, called all unless --name says otherwise "
        "(default: several Sleuth files are several analyses)",
    )
    group.add_argument(
        "--estimator",
        metavar="NAME",
        type=values.one_of((*ESTIMATORS, *POOL_ESTIMATORS, *PAIR_ESTIMATORS)),
        help=f"one of {', '.join((*ESTIMATORS, *POOL_ESTIMATORS))} (default: "
        f"{defaults.ESTIMATOR}); with --group one of {', '.join(PAIR_ESTIMATORS)} (default: "
        f"{defaults.PAIR_ESTIMATOR})",
    )
    group.add_argument(
        "--null-foci",
        metavar="PATH",
        help="SCALE: dataset whose foci the null draws from, for example a database: a folder or "
        "file of any format that is read",
    )
    group.add_argument(
        "--null-method",
        metavar="NAME",
        default=defaults.NULL_METHOD,
        type=values.one_of(defaults.NULL_METHODS),
        help="null of the uncorrected map: approximate (exact up to its grid), montecarlo, or for "
        "ALE histogram (as GingerALE) (default: %(default)s)",
    )
    group.add_argument(
        "--weighting",
        metavar="NAME",
        type=values.one_of(("sample_size",)),
        help="MKDADensity: weigh contrasts by sample_size, its square root (default: all alike)",
    )
    group.add_argument(
        "--inference-field",
        metavar="COLUMN",
        help="with --weighting: metadata column that tells fixed from random effects; fixed weigh "
        f"{defaults.FIXED_EFFECTS_DISCOUNT:g} of random",
    )
    group.add_argument(
        "--fwe-null",
        metavar="NAME",
        type=values.one_of(FWE_NULLS),
        help="MKDAChi2: label-permutation judges the association of group and report, random-foci "
        "the convergence within each group; BalancedALESubtraction: contrasts change groups, or "
        "their foci lie anywhere (default: the first)",
    )
    for option, what in (
        ("--target-n", "contrasts that either group counts as (default: those of the smaller)"),
        ("--n-subsamples", "random subsets for the maps of probability (default: 2500)"),
    ):
        group.add_argument(
            option,
            metavar="N",
            type=values.integer("a whole number of at least 1", lambda n: n >= 1),
            help=f"BalancedALESubtraction: {what}",
        )
    group.add_argument(
        "--prior",
        metavar="P",
        type=values.number("a number between 0 and 1, both excluded", lambda x: 0 < x < 1),
        help="MKDAChi2: prior probability of the first group, of its posterior probabilities "
        f"(default: {defaults.PRIOR:g})",
    )
    group.add_argument(
        "--missing-n",
        metavar="POLICY",
        default=defaults.MISSING_N,
        type=values.missing_n,
        help="contrasts without sample size: error, median, exclude, or a kernel width in mm "
        "to use for them (default: %(default)s)",
    )
    group.add_argument(
        "--pool",
        metavar="POLICY",
        default=defaults.POOL,
        type=values.pool,
        help="contrasts that are one experiment: none, study (all that are selected of a study), "
        f"group (of a study's subject group, in a column {', '.join(pool_policy.COLUMNS)}) or "
        "group=COLUMN (default: %(default)s)",
    )


def _add_region(group: Any) -> None:
    region = group.add_mutually_exclusive_group()
    region.add_argument(
        "--roi",
        metavar="FILE",
        help="analyse the contrasts with a focus in this mask, in MNI space; BIDS_DIR is the "
        "database that is searched",
    )
    region.add_argument(
        "--sphere",
        metavar=("X", "Y", "Z", "R"),
        nargs=4,
        type=values.number("a number in mm", lambda x: abs(x) < float("inf")),
        help="the same with a sphere: its centre and radius in mm, MNI",
    )


def _add_kernel(group: Any) -> None:
    width = group.add_mutually_exclusive_group()
    width.add_argument(
        "--fwhm",
        metavar="MM",
        type=values.number("a width in mm above 0", lambda x: 0 < x < float("inf")),
        help="ALE: kernel width of every contrast (default: from its sample size)",
    )
    width.add_argument(
        "--sample-size",
        metavar="N",
        type=values.number("a number of participants above 0", lambda x: 0 < x < float("inf")),
        help="ALE: sample size to use for every contrast (default: its own)",
    )
    group.add_argument(
        "--radius",
        metavar="MM",
        type=values.number("a radius in mm above 0", lambda x: 0 < x < float("inf")),
        help="MKDADensity, KDA: radius of the sphere around a focus "
        f"(default: {defaults.KERNEL_RADIUS_MM:g})",
    )
    group.add_argument(
        "--voxelization",
        metavar="RULE",
        default=defaults.VOXELIZATION,
        type=values.one_of(defaults.VOXELIZATIONS),
        help=f"where in the grid a focus lies: {', '.join(defaults.VOXELIZATIONS)} "
        "(default: %(default)s, the true distance)",
    )
    group.add_argument(
        "--outside",
        metavar="POLICY",
        default=defaults.OUTSIDE,
        type=values.one_of(defaults.OUTSIDE_POLICIES),
        help="foci outside the mask: keep (they count for the voxels they reach) or drop "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--mask", metavar="FILE", default="", help="analysis mask (default: MNI152 brain, 2 mm)"
    )
    group.add_argument(
        "--tal2mni",
        metavar="METHOD",
        default=defaults.TAL2MNI,
        type=values.one_of(defaults.TAL2MNI_METHODS),
        help=f"Talairach to MNI: {', '.join(defaults.TAL2MNI_METHODS)} "
        "(default: %(default)s, Lancaster's pooled transform)",
    )
    add_unknown_space(group)


def _add_correction(group: Any) -> None:
    share = values.number("a number between 0 and 1, both excluded", lambda x: 0 < x < 1)
    group.add_argument(
        "--corrector",
        metavar="NAME",
        default=defaults.CORRECTOR,
        type=values.one_of(CORRECTORS),
        help=f"one of {', '.join(CORRECTORS)} (default: %(default)s)",
    )
    group.add_argument(
        "--method",
        metavar="NAME",
        type=values.one_of([method for methods in METHODS.values() for method in methods]),
        help="FWECorrector: montecarlo, bonferroni, holm; FDRCorrector: indep (Benjamini-Hochberg)"
        ", negcorr (Benjamini-Yekutieli) (default: the first)",
    )
    group.add_argument(
        "--result",
        metavar="LEVEL",
        type=values.one_of(RESULTS),
        help=f"what makes something significant: {', '.join(RESULTS)} (default: cluster-size "
        "where clusters are judged, else voxel)",
    )
    group.add_argument(
        "--tfce",
        action="store_true",
        help="threshold-free cluster enhancement, too, as the result unless --result names "
        "another (where the correction is by Monte Carlo)",
    )
    power = values.number("a number above 0, at most 10", lambda x: 0 < x <= 10)
    group.add_argument(
        "--tfce-extent",
        metavar="E",
        type=power,
        help=f"with --tfce: power of a cluster's extent, mm3 (default: {defaults.TFCE_EXTENT:g})",
    )
    group.add_argument(
        "--tfce-height",
        metavar="H",
        type=power,
        help=f"with --tfce: power of the height, z (default: {defaults.TFCE_HEIGHT:g})",
    )
    group.add_argument(
        "--n-iters",
        metavar="N",
        default=defaults.N_ITERS,
        type=values.integer("a whole number of at least 1", lambda n: n >= 1),
        help="Monte Carlo iterations, of the correction and of a Monte Carlo null "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--add-iters",
        metavar="N",
        type=values.integer("a whole number of at least 1", lambda n: n >= 1),
        help="add N Monte Carlo iterations to those of the analyses in OUT_DIR, of which none is "
        "computed again; decide on N before you look, not until something is significant",
    )
    group.add_argument(
        "--voxel-thresh",
        metavar="P",
        default=defaults.VOXEL_THRESH,
        type=share,
        help="cluster-forming threshold, uncorrected p (default: %(default)s)",
    )
    group.add_argument(
        "--alpha",
        metavar="P",
        default=defaults.ALPHA,
        type=share,
        help="level of the corrected inference (default: %(default)s)",
    )
    group.add_argument(
        "--null-outside",
        metavar="POLICY",
        default=defaults.NULL_OUTSIDE,
        type=values.one_of(defaults.NULL_OUTSIDE_POLICIES),
        help="in the null, draw outside foci at their own distance from the mask, or inside as "
        "GingerALE and NiMARE do (default: %(default)s)",
    )
    group.add_argument(
        "--seed",
        metavar="N",
        default=defaults.SEED,
        type=values.integer("a whole number from 0 to 2**64 - 1", lambda n: 0 <= n < 2**64),
        help="seed of the random numbers (default: %(default)s)",
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
