"""Options that say what is done with studies: the words of methods, from selection to correction.

As light as :mod:`nimare_pipeline.cli.options`, of which they are a part.
"""

from typing import Any

from nimare_pipeline import defaults, foci_policy, pool_policy
from nimare_pipeline.cli import values
from nimare_pipeline.cli.commands.spaces import add_tal2mni, add_unknown_space
from nimare_pipeline.inference import RESULTS
from nimare_pipeline.registry import (
    CORRECTORS,
    ESTIMATORS,
    IMAGE_ESTIMATORS,
    PAIR_ESTIMATORS,
    POOL_ESTIMATORS,
    all_estimators,
)

METHODS = {
    "FWECorrector": ("montecarlo", "bonferroni", "holm"),
    "FDRCorrector": ("indep", "negcorr"),
}
"""Methods of the correctors, the usual one first: the classes are not imported for ``--help``."""
FWE_NULLS = ("label-permutation", "random-foci")
"""Nulls of MKDAChi2, as its class has them."""


def add_analysis(group: Any) -> None:
    """Which studies are analysed, and what counts as one experiment."""
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


def add_estimator(group: Any) -> None:
    """Estimator, its null, and what single ones take."""
    group.add_argument(
        "--estimator",
        metavar="NAME",
        type=values.one_of(all_estimators()),
        help=f"of foci: {', '.join((*ESTIMATORS, *POOL_ESTIMATORS))} (default: "
        f"{defaults.ESTIMATOR}); with --group: {', '.join(PAIR_ESTIMATORS)} (default: "
        f"{defaults.PAIR_ESTIMATOR}); of images: {', '.join(IMAGE_ESTIMATORS)} (default where "
        f"studies have no foci: {defaults.IMAGE_ESTIMATOR} or PermutedOLS)",
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


def add_region(group: Any) -> None:
    """Region whose coactivation is looked for."""
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


def add_kernel(group: Any) -> None:
    """Kernel, and what becomes of coordinates."""
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
        "--foci-from-images",
        metavar="POLICY",
        type=values.one_of(foci_policy.POLICIES),
        help="analyse foci that are peaks of the images: fill (of contrasts without foci), "
        "replace (of all that have images) or demolish (and no other foci) (default: foci of the "
        "studies)",
    )
    group.add_argument(
        "--mask", metavar="FILE", default="", help="analysis mask (default: MNI152 brain, 2 mm)"
    )
    add_tal2mni(group)
    add_unknown_space(group)


def add_correction(group: Any) -> None:
    """Correction for multiple comparisons."""
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
