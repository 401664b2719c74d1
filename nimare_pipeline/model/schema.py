"""Every key of an analysis file, with its meaning: the one place that knows them."""

from collections.abc import Mapping

from nimare_pipeline import defaults
from nimare_pipeline.inference import RESULTS
from nimare_pipeline.model import kinds
from nimare_pipeline.model.key import Key, Type
from nimare_pipeline.model.shared_keys import (
    ALPHA,
    CORRECTOR,
    DATABASE,
    DESCRIPTION,
    FOCI_FROM_IMAGES,
    MISSING_N,
    NAME,
    NULL_FOCI,
    OUTSIDE,
    POOL,
    RESULT,
    ROI,
    SELECT,
    SOURCES,
    SPHERE,
    estimator,
)

FILE_NAME = "analyses.toml"
"""Name under which an analysis file in the input folder is found by itself."""


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
        "image_root",
        kinds.TEXT,
        "Folder that relative paths of images count from",
        otherwise="the folder of the file that names them, then the input folder",
        example='"images"',
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

TYPE_MEANINGS: Mapping[str, str] = {
    "cbma": "Where do the foci of the studies agree?",
    "pair": "Where do the foci of two groups of studies differ?",
    "conjunction": "Where do several analyses of this file all have a result?",
    "macm": "Which foci go with foci in a region (meta-analytic coactivation)?",
    "ibma": "What do the statistical images of the studies say together?",
    "decode": "Which words go with a result or a region?",
}


def _type(name: str) -> Key:
    known = kinds.one_of(*TYPE_MEANINGS)
    return Key("type", known, "Type of the analysis", "cbma", example=f'"{name}"')


_JUDGED = (CORRECTOR, ALPHA)
_CONDITIONS = (MISSING_N, OUTSIDE, POOL, FOCI_FROM_IMAGES)

_CBMA: tuple[Key, ...] = (
    SELECT,
    SOURCES,
    estimator(
        defaults.ESTIMATOR,
        "Method, with its keywords",
        '{type = "ALE", args = {kernel__fwhm = 10}}',
    ),
    NULL_FOCI,
    *_JUDGED,
    RESULT,
    *_CONDITIONS,
)

_PAIR: tuple[Key, ...] = (
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
    estimator(
        defaults.PAIR_ESTIMATOR,
        "Method, with its keywords",
        '{type = "ALESubtraction", args = {n_iters = 10000}}',
    ),
    *_JUDGED,
    RESULT,
    Key(
        "inference_mask",
        kinds.TEXT,
        "Mask file: voxels in which a difference is looked for",
        otherwise="all voxels of the mask",
        example='"mask.nii.gz"',
    ),
    *_CONDITIONS,
)

_CONJUNCTION: tuple[Key, ...] = (
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
)

_MACM: tuple[Key, ...] = (
    ROI,
    SPHERE,
    DATABASE,
    SELECT,
    SOURCES,
    estimator(
        defaults.ESTIMATOR,
        "Method, with its keywords",
        '{type = "MKDADensity", args = {}}',
    ),
    NULL_FOCI,
    *_JUDGED,
    RESULT,
    *_CONDITIONS,
)

_IBMA: tuple[Key, ...] = (
    SELECT,
    SOURCES,
    estimator(
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
    *_JUDGED,
    RESULT,
    Key(
        "coverage",
        kinds.one_of(*defaults.COVERAGES),
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
        kinds.one_of(*defaults.BAD_IMAGE_POLICIES),
        "Images that the checks refuse",
        "error",
        example='"exclude"',
    ),
    Key(
        "dependence",
        kinds.one_of(*defaults.DEPENDENCES),
        "Several images of a study: cluster-robust errors, or their mean",
        "robust",
        example='"collapse"',
    ),
)

_DECODE: tuple[Key, ...] = (
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
)

_KEYS: Mapping[str, tuple[Key, ...]] = {
    "cbma": _CBMA,
    "pair": _PAIR,
    "conjunction": _CONJUNCTION,
    "macm": _MACM,
    "ibma": _IBMA,
    "decode": _DECODE,
}

TYPES: Mapping[str, Type] = {
    name: Type(meaning, (NAME, _type(name), DESCRIPTION, *_KEYS[name]))
    for name, meaning in TYPE_MEANINGS.items()
}
"""Types of analyses by the name they have in a file."""

BUILT = ("cbma", "pair", "conjunction", "macm", "ibma")
"""Types that this version can run; the others are checked, and fail alone."""
