"""Every key of an analysis file, with its meaning: the one place that knows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.inference import RESULTS
from nimare_pipeline.model import kinds
from nimare_pipeline.model.kinds import Kind

FILE_NAME = "analyses.toml"
"""Name under which an analysis file in the input folder is found by itself."""


@dataclass(frozen=True)
class Key:
    """One key.

    Parameters
    ----------
    name : str
    kind : Kind
        What it accepts.
    meaning : str
        One line.
    default : any
        As TOML has it; None where there is none, and then ``otherwise`` says what happens.
    otherwise : str
        What holds without the key.
    required : bool
    example : str
        A value as it stands in a file.
    """

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    otherwise: str = ""
    required: bool = False
    example: str = ""


@dataclass(frozen=True)
class Type:
    """One type of analysis: what it is, and the keys it has.

    Parameters
    ----------
    meaning : str
        One line.
    keys : tuple of Key
        All of them, the common ones too.
    """

    meaning: str
    keys: tuple[Key, ...]

    def key(self, name: str) -> Key | None:
        """Find a key by its name."""
        return next((key for key in self.keys if key.name == name), None)


RUN: tuple[Key, ...] = (
    Key("seed", kinds.SEED, "Seed of the random numbers", defaults.SEED, example="42"),
    Key(
        "mask",
        kinds.TEXT,
        "Mask file: voxels to analyse",
        otherwise="the MNI152 brain mask, 2 mm",
        example='"mask.nii.gz"',
    ),
    Key(
        "tal2mni",
        kinds.one_of(*defaults.TAL2MNI_METHODS),
        "How Talairach coordinates become MNI coordinates",
        defaults.TAL2MNI,
        example='"other"',
    ),
    Key(
        "unknown_space",
        kinds.one_of(*defaults.UNKNOWN_SPACES),
        "What becomes of foci in no known space: an error, their contrasts are left out, or they "
        "are taken as MNI or Talairach",
        otherwise='"error", but for Neurosynth databases "mni"',
        example='"mni"',
    ),
)
"""Keys of ``[run]``: what all analyses of a run share."""

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


def _type(meaning: str) -> Key:
    return Key(
        "type", kinds.one_of(*TYPE_MEANINGS), "Type of the analysis", "cbma", example=meaning
    )


def _estimator(name: str | None, meaning: str, example: str, otherwise: str = "") -> Key:
    default = None if name is None else {"type": name}
    return Key(
        "estimator", kinds.COMPONENT, meaning, default, otherwise=otherwise, example=example
    )


TYPE_MEANINGS: Mapping[str, str] = {
    "cbma": "Where do the foci of the studies agree?",
    "pair": "Where do the foci of two groups of studies differ?",
    "conjunction": "Where do several analyses of this file all have a result?",
    "macm": "Which foci go with foci in a region (meta-analytic coactivation)?",
    "ibma": "What do the statistical images of the studies say together?",
    "decode": "Which words go with a result or a region?",
}

_CONDITIONS = (MISSING_N, OUTSIDE, POOL)


def _keys(name: str) -> tuple[Key, ...]:
    first = (NAME, _type(f'"{name}"'), DESCRIPTION)
    last = (CORRECTOR, ALPHA)
    by_type: dict[str, tuple[Key, ...]] = {
        "cbma": (
            SELECT,
            SOURCES,
            _estimator(
                defaults.ESTIMATOR,
                "Method, with its keywords",
                '{type = "ALE", args = {kernel__fwhm = 10}}',
            ),
            NULL_FOCI,
            *last,
            RESULT,
            *_CONDITIONS,
        ),
        "pair": (
            Key(
                "groups",
                kinds.GROUPS,
                "Two named selections; of one alone the rest of the studies is the other group",
                required=True,
                example="{pain = 'condition == \"pain\"', touch = 'condition == \"touch\"'}",
            ),
            SELECT,
            SOURCES,
            Key(
                "database",
                kinds.TEXT,
                "Folder or file of the studies that one group is compared with",
                otherwise="the rest of the sources",
                example='"neurosynth/"',
            ),
            _estimator(
                defaults.PAIR_ESTIMATOR,
                "Method, with its keywords",
                '{type = "ALESubtraction", args = {n_iters = 10000}}',
            ),
            *last,
            RESULT,
            Key(
                "inference_mask",
                kinds.TEXT,
                "Mask file: voxels in which a difference is looked for",
                otherwise="all voxels of the mask",
                example='"mask.nii.gz"',
            ),
            *_CONDITIONS,
        ),
        "conjunction": (
            Key(
                "of",
                kinds.NAMES,
                "Names of the analyses of this file, two or more",
                required=True,
                example='["pain", "touch"]',
            ),
            Key(
                "level",
                kinds.one_of("result", "uncorrected", *RESULTS),
                "Which of their maps are combined",
                "result",
                example='"voxel"',
            ),
            ALPHA,
        ),
        "macm": (
            ROI,
            SPHERE,
            DATABASE,
            SELECT,
            SOURCES,
            _estimator(
                defaults.ESTIMATOR,
                "Method, with its keywords",
                '{type = "MKDADensity", args = {}}',
            ),
            NULL_FOCI,
            *last,
            RESULT,
            *_CONDITIONS,
        ),
        "ibma": (
            SELECT,
            SOURCES,
            _estimator(
                None,
                "Method, with its keywords",
                '{type = "DerSimonianLaird", args = {}}',
                "a random-effects method for the images there are",
            ),
            Key(
                "formula",
                kinds.TEXT,
                "Moderators: columns of the contrasts, as a formula",
                otherwise='"~ 1"',
                example='"~ 1 + age + C(modality)"',
            ),
            Key(
                "term",
                kinds.TEXT,
                "Term of the formula that is the result",
                otherwise="the intercept",
                example='"age"',
            ),
            *last,
            RESULT,
            Key(
                "coverage",
                kinds.one_of("liberal", "aggressive"),
                "Voxels with min_studies studies (liberal), or with all of them (aggressive)",
                "liberal",
                example='"aggressive"',
            ),
            Key(
                "min_studies",
                kinds.COUNT,
                "Studies that a voxel needs, with liberal coverage",
                2,
                example="5",
            ),
            Key(
                "on_bad_image",
                kinds.one_of("error", "exclude"),
                "Images that the checks refuse",
                "error",
                example='"exclude"',
            ),
            Key(
                "dependence",
                kinds.one_of("robust", "collapse"),
                "Several images of a study: cluster-robust errors, or their mean",
                "robust",
                example='"collapse"',
            ),
        ),
        "decode": (
            Key(
                "of",
                kinds.TEXT,
                "Analysis of this file whose result is decoded; this, roi or sphere",
                otherwise="roi or sphere",
                example='"pain"',
            ),
            ROI,
            SPHERE,
            Key(
                "decoder",
                kinds.COMPONENT,
                "Method, with its keywords",
                {"type": "NeurosynthDecoder"},
                example='{type = "BrainMapDecoder", args = {}}',
            ),
            DATABASE,
            SELECT,
            SOURCES,
            Key(
                "features",
                kinds.TEXTS,
                "Labels to decode with, by patterns",
                otherwise="all of the database",
                example='["Neurosynth_TFIDF__*"]',
            ),
            Key(
                "feature_threshold",
                kinds.NUMBER,
                "Value from which on a study has a label",
                0.001,
                example="0.05",
            ),
            Key("top", kinds.COUNT, "Rows of the report's table", 20, example="10"),
        ),
    }
    return (*first, *by_type[name])


TYPES: Mapping[str, Type] = {
    name: Type(meaning, _keys(name)) for name, meaning in TYPE_MEANINGS.items()
}
"""Types of analyses by the name they have in a file."""

BUILT = ("cbma", "pair", "conjunction", "macm")
"""Types that this version can run; the others are checked, and fail alone."""
