"""Keys that several types of analyses have."""

from nimare_pipeline import defaults, foci_policy
from nimare_pipeline.inference import RESULTS
from nimare_pipeline.model import kinds
from nimare_pipeline.model.key import Key

NAME = Key("name", kinds.NAME, "Name, in letters and digits", required=True, example='"pain"')
DESCRIPTION = Key(
    "description",
    kinds.TEXT,
    "What the analysis is for; it stands in the report",
    otherwise="none",
    example='"All experiments of heat pain"',
)
SELECT = Key(
    "select",
    kinds.SELECTION,
    "Which contrasts to analyse",
    otherwise="all of the sources",
    example="'sample_size >= 10 and label(\"pain\") > 0.001'",
)
SOURCES = Key(
    "sources",
    kinds.TEXTS,
    "Input files, by patterns; several are pooled",
    otherwise="all files of the input folder",
    example='["pain_*.txt"]',
)
CORRECTOR = Key(
    "corrector",
    kinds.COMPONENT,
    "Correction for multiple comparisons, with its keywords",
    {
        "type": defaults.CORRECTOR,
        "args": {
            "method": defaults.CORRECTION_METHOD,
            "n_iters": defaults.N_ITERS,
            "voxel_thresh": defaults.VOXEL_THRESH,
        },
    },
    example='{type = "FWECorrector", args = {method = "montecarlo", n_iters = 10000}}',
)
ALPHA = Key(
    "alpha", kinds.SHARE, "Level of the corrected inference", defaults.ALPHA, example="0.01"
)
MISSING_N = Key(
    "missing_n",
    kinds.MISSING_N,
    "Contrasts without sample size: error, median, exclude, or a kernel width in mm",
    defaults.MISSING_N,
    example='"median"',
)
OUTSIDE = Key(
    "outside",
    kinds.one_of(*defaults.OUTSIDE_POLICIES),
    "Foci outside the mask: keep (they count for the voxels they reach) or drop",
    defaults.OUTSIDE,
    example='"drop"',
)
POOL = Key(
    "pool",
    kinds.POOL,
    "Contrasts that are one experiment: none, those of a study, or of a subject group of it (in "
    "a column)",
    defaults.POOL,
    example='"study"',
)
FOCI_FROM_IMAGES = Key(
    foci_policy.KEY,
    kinds.FOCI_FROM_IMAGES,
    "Foci are peaks of the images: of contrasts without foci (fill), of all with images "
    "(replace), or of those and no others (demolish)",
    otherwise="foci are those of the studies",
    example='{merge = "replace", z_threshold = 3.1, cluster_threshold = 10, two_sided = false, '
    "min_distance = 8}",
)
RESULT = Key(
    "result",
    kinds.one_of(*RESULTS),
    "What makes something significant, for verdict, clusters and first figure",
    otherwise="tfce where that is asked for, cluster size where clusters are judged, else voxels",
    example='"voxel"',
)
NULL_FOCI = Key(
    "null_foci",
    kinds.TEXT,
    "Folder or file of studies whose foci the null of SCALE draws from",
    otherwise="none: SCALE needs it, no other method has it",
    example='"neurosynth/"',
)
DATABASE = Key(
    "database",
    kinds.TEXT,
    "Folder or file of the studies to search",
    otherwise="the input folder",
    example='"neurosynth/"',
)
ROI = Key(
    "roi",
    kinds.TEXT,
    "Mask file of a region; this or sphere",
    otherwise="sphere",
    example='"amygdala_roi.nii.gz"',
)
SPHERE = Key(
    "sphere",
    kinds.SPHERE,
    "Region as [x, y, z, radius] in mm, MNI; this or roi",
    otherwise="roi",
    example="[24, -2, -20, 6]",
)


def estimator(name: str | None, meaning: str, example: str, otherwise: str = "") -> Key:
    """Key ``estimator`` of a type, whose default is an estimator by its name, or none."""
    default = None if name is None else {"type": name}
    return Key(
        "estimator", kinds.COMPONENT, meaning, default, otherwise=otherwise, example=example
    )
