"""Options on spaces, which a run and the commands that read data have."""

import argparse
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.cli import values


def add_unknown_space(parser: "argparse.ArgumentParser | Any") -> None:
    """Add ``--unknown-space`` to a parser or a group of options."""
    parser.add_argument(
        "--unknown-space",
        metavar="POLICY",
        type=values.one_of(defaults.UNKNOWN_SPACES),
        help="foci whose space is not given, or neither MNI nor Talairach: error, exclude (their "
        "contrasts), or take them as mni or talairach (default: error; for Neurosynth's: mni)",
    )


def add_tal2mni(parser: "argparse.ArgumentParser | Any", when: str = "") -> None:
    """Add ``--tal2mni``; ``when`` says when foci are converted at all."""
    parser.add_argument(
        "--tal2mni",
        metavar="METHOD",
        default=defaults.TAL2MNI,
        type=values.one_of(defaults.TAL2MNI_METHODS),
        help=f"Talairach to MNI{when}: {', '.join(defaults.TAL2MNI_METHODS)} "
        "(default: %(default)s, Lancaster's pooled transform)",
    )
