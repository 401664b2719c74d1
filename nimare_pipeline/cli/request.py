"""What the user asked for, as one record: the parser makes it, a run does it."""

from collections.abc import Mapping
from dataclasses import dataclass

from nimare_pipeline.cli.image_options import OF_IMAGES
from nimare_pipeline.errors import Problem
from nimare_pipeline.settings import Analysis, Settings

NO_MODEL = "none"
"""Word for ``--model`` that ignores an analysis file in the input folder."""
PLACES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "select": (("select", ""),),
    "estimator": (("estimator", "type"),),
    "null_foci": (("options", "null_foci"),),
    "foci_from_images": (("options", "foci_from_images"),),
    **{option: (("options", option),) for option in OF_IMAGES},
    "null_method": (("estimator", "null_method"),),
    "weighting": (("estimator", "weighting"),),
    "inference_field": (("estimator", "inference_field"),),
    "fwe_null": (("estimator", "fwe_null_method"),),
    "prior": (("estimator", "prior"),),
    "target_n": (("estimator", "target_n"),),
    "n_subsamples": (("estimator", "n_subsamples"),),
    "missing_n": (("missing_n", ""),),
    "fwhm": (("estimator", "kernel__fwhm"),),
    "sample_size": (("estimator", "kernel__sample_size"),),
    "radius": (("estimator", "kernel__r"),),
    "voxelization": (("estimator", "kernel__voxelization"),),
    "outside": (("outside", ""),),
    "pool": (("pool", ""),),
    "corrector": (("corrector", "type"),),
    "method": (("corrector", "type"),),
    "n_iters": (("corrector", "n_iters"), ("estimator", "n_iters")),
    "voxel_thresh": (("corrector", "voxel_thresh"), ("estimator", "voxel_thresh")),
    "tfce": (("corrector", "tfce"),),
    "tfce_extent": (("corrector", "tfce_extent"),),
    "tfce_height": (("corrector", "tfce_height"),),
    "alpha": (("alpha", ""), ("estimator", "alpha")),
    "result": (("result", ""),),
    "null_outside": (("corrector", "null_outside"), ("estimator", "null_outside")),
}
"""Options of an analysis and their places in its record.

Fields, keywords of a component, or keys that only its type has.
"""


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Parameters
    ----------
    settings : Settings
        Where and with how much machine.
    analysis : Analysis
        What to do with each source; its name is empty unless ``--name`` gave one.
    merge : bool
        Pool all sources into one analysis.
    strict : bool
        Warnings about the input count as errors.
    dry_run : bool
        Say what would be done, and do nothing.
    reports_only : bool
        Write the report again from the output folder.
    rerun : bool
        Compute also what is up to date.
    add_iters : int
        Iterations by which the Monte Carlo nulls in the output folder are extended; 0 for none.
    model : str
        Analysis file, ``none``, or empty for the one of the input folder if it has one.
    only : tuple of str
        Analyses of the file to run; empty for all.
    given : frozenset of str
        Options, by their places in the parser, that the command line names.
    analyses : tuple of Analysis
        Those of the analysis file, when it has been read; ``analysis`` counts if it is empty.
    notes : tuple of str
        What was decided so far, for the log.
    problems : tuple of Problem
        What is odd in the analyses that the input describes itself.
    model_text : bytes
        Analysis file that ``analyses`` are of, or would be of, for the log.
    """

    settings: Settings
    analysis: Analysis
    merge: bool = False
    strict: bool = False
    dry_run: bool = False
    reports_only: bool = False
    rerun: bool = False
    add_iters: int = 0
    model: str = ""
    only: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    analyses: tuple[Analysis, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    model_text: bytes = b""
