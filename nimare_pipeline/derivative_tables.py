"""What the columns of the derivatives' tables mean."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from nimare_pipeline.directions import is_of_images, is_pair

Kind = Literal["string", "integer", "number", "boolean"]

_DTYPES: dict[str, Any] = {
    "string": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Column:
    """Meaning of a column: one sentence, the kind of value, and its unit if it has one."""

    description: str
    kind: Kind = "string"
    units: str = ""


def _xyz(prefix: str, what: str) -> dict[str, Column]:
    return {
        f"{prefix}{axis}": Column(f"{what}, {axis} in the space of the map", "number", "mm")
        for axis in "xyz"
    }


_IDS = {
    "id": Column("Contrast within its study: study_id, a hyphen, contrast_id"),
    "study_id": Column("Study"),
    "contrast_id": Column("Contrast of the study"),
}

CONTRASTS: dict[str, Column] = {
    **_IDS,
    "included": Column("Whether the contrast is in the analysis", "boolean"),
    "reason": Column("Why it is not; n/a for contrasts that are"),
    "group": Column("Group of a comparison that the contrast is in, by its name"),
    "sample_size": Column(
        "Sample size that is used: participants of the contrast (mean over its groups)", "number"
    ),
    "sample_size_filled": Column(
        "Whether the file has no sample size, so that --missing-n decided", "boolean"
    ),
    "kernel_fwhm": Column(
        "Full width at half maximum used in place of a missing sample size", "number", "mm"
    ),
    "pooled_into": Column(
        "Experiment that the foci of the contrast are in (--pool); its id where it stands alone"
    ),
    "pooled_sample_size": Column(
        "Sample size of that experiment: of its contrast with the most participants", "number"
    ),
    "images": Column("Kinds of images the contrast has"),
    "images_sha256": Column("Digest of the files of those images"),
    "n_foci": Column("Foci reported", "integer"),
    "n_foci_inside": Column("Foci in a voxel of the mask", "integer"),
    "n_foci_outside": Column("Foci outside the mask", "integer"),
    "study_name": Column("Study as the file names it"),
    "contrast_name": Column("Contrast as the file names it"),
    "coordinate_source": Column(
        "Where the foci are from: original (the studies) or image (peaks of the z image)"
    ),
    "original_space": Column("Space of the foci as published"),
    "space_transform": Column("Transform applied to the foci"),
    "file": Column("File the contrast was read from"),
    "line": Column("Line of that file"),
}

IMAGES: dict[str, Column] = {
    "id": _IDS["id"],
    "kind": Column("Kind of image: z, t, p, beta, varcope, se, sd, d or g"),
    "file": Column("File it was read from"),
    "accepted": Column("Whether the checks let it through", "boolean"),
    "level": Column("accept, warn or reject"),
    "reason": Column("What is odd or wrong about it"),
    "shape": Column("Voxels along each axis of its grid"),
    "voxel_size_mm": Column("Size of its voxels, mm"),
    "orientation": Column("Directions of its axes, such as RAS"),
    "grid": Column("same as the mask's, or resampled: linear, nearest"),
    "coverage": Column("Share of the voxels of the mask that have a value", "number"),
    "n_nan": Column("Voxels of the mask that are not finite", "integer"),
    "n_zero": Column("Voxels of the mask that are exactly 0, which counts as missing", "integer"),
    "smallest": Column("Smallest value", "number"),
    "largest": Column("Largest value", "number"),
    "thresholded_share": Column("Voxels that are 0 where most images have a value", "number"),
    "most_correlated": Column("Contrast whose image of the kind is most like this one"),
    "correlation": Column("Pearson's r with that image", "number"),
}

COORDINATES: dict[str, Column] = {
    **_IDS,
    **_xyz("", "Focus, after any transform"),
    "original_space": Column("Space of the focus as published"),
    "inside": Column("Whether its voxel is in the mask", "boolean"),
    "used": Column("Whether it entered the analysis", "boolean"),
    "repeated": Column(
        "Whether it stands in the same experiment before, so that it counts once (--pool)",
        "boolean",
    ),
    "pooled_into": Column("Experiment that it is in (--pool)"),
}

_INTERVAL = {"low": "Lower", "high": "Upper"}


def _monte_carlo(name: str, column: Column) -> dict[str, Column]:
    """Return a p, and the ends of its interval."""
    return {
        name: column,
        **{
            f"{name}_{end}": Column(
                f"{words} end of the 95 % interval (Clopper-Pearson) of {name}, whose null has a "
                "finite number of random iterations",
                "number",
            )
            for end, words in _INTERVAL.items()
        },
    }


CLUSTERS: dict[str, Column] = {
    "cluster": Column("Cluster, numbered by size, largest first; value in the dseg", "integer"),
    "peak": Column("Peak: the cluster's number, with a letter for sub-peaks"),
    **_xyz("", "Peak"),
    "side": Column("Side of the peak: left, right or midline"),
    "stat": Column("The estimator's statistic at the peak", "number"),
    "z_stat": Column("z of the peak in the uncorrected map", "number"),
    **_monte_carlo(
        "p_voxel_fwe",
        Column("Voxel-level p at the peak, family-wise error corrected", "number"),
    ),
    "p_voxel_fdr": Column("Voxel-level p at the peak, false discovery rate corrected", "number"),
    **_monte_carlo(
        "p_tfce_fwe",
        Column("p of the threshold-free enhanced peak, family-wise error corrected", "number"),
    ),
    "n_voxels": Column("Voxels of the cluster", "integer"),
    "volume_mm3": Column("Volume of the cluster", "number", "mm^3"),
    **_monte_carlo(
        "p_size_fwe",
        Column("p of the cluster's size, family-wise error corrected", "number"),
    ),
    **_monte_carlo(
        "p_mass_fwe",
        Column("p of the cluster's mass, family-wise error corrected", "number"),
    ),
    "mass": Column(
        "Sum over the cluster of what the statistic (for ALE, -log(1 - ALE)) exceeds the "
        "cluster-forming threshold by",
        "number",
    ),
    **_xyz("com_", "Centre of mass of the cluster's voxels"),
    "centre_outside": Column("Whether the centre of mass is outside the cluster", "boolean"),
    **_xyz("nearest_inside_", "Voxel of the cluster nearest to a centre of mass outside it"),
    **_xyz("wcom_", "Centre of mass weighted by the statistic"),
    "wcentre_outside": Column("Whether the weighted centre is outside the cluster", "boolean"),
    **_xyz("wnearest_inside_", "Voxel of the cluster nearest to a weighted centre outside it"),
    "n_experiments": Column("Contrasts with at least one focus in the cluster", "integer"),
    "n_studies": Column("Studies with at least one focus in the cluster", "integer"),
    "experiments": Column("These contrasts, joined by '; '"),
}

_NOT_OF_PAIRS = {"cluster", "experiments"}
PAIR_CLUSTERS: dict[str, Column] = {
    "cluster": Column(
        "Cluster, value in the dseg; those of the first group's direction first, then by size",
        "integer",
    ),
    "direction": Column("Which of the groups has more: the first group's name > the second's"),
    **{name: CLUSTERS[name] for name in CLUSTERS if name not in _NOT_OF_PAIRS},
    "n_experiments_group1": Column("n_experiments that are of the first group", "integer"),
    "n_experiments_group2": Column("n_experiments that are of the second group", "integer"),
    "experiments": CLUSTERS["experiments"],
}
"""Columns of the clusters of a comparison of two groups."""

_OF_FOCI = {"n_experiments", "n_studies", "experiments"}
IMAGE_CLUSTERS: dict[str, Column] = {
    **{name: column for name, column in CLUSTERS.items() if name not in _OF_FOCI},
    "mass": Column(
        "Sum over the cluster of what |z| exceeds the cluster-forming threshold by", "number"
    ),
    "est": Column("Estimate at the peak, in the unit of the images", "number"),
    "est_lower": Column("Lower end of its 95 % confidence interval", "number"),
    "est_upper": Column("Upper end of its 95 % confidence interval", "number"),
    "se": Column("Standard error of the estimate at the peak", "number"),
    "tau2": Column("Variance of effects between studies at the peak", "number"),
    "i2": Column("I2 at the peak: share of the variance that is between studies", "number", "%"),
    "n": Column("Studies with a value at the peak", "integer"),
}
"""Columns of the clusters of an analysis of images; those of maps that there are."""


def cluster_columns(facts: Mapping[str, Any]) -> dict[str, Column]:
    """Columns of the table of clusters of a result with these facts."""
    if is_of_images(facts):
        return IMAGE_CLUSTERS
    return PAIR_CLUSTERS if is_pair(facts) else CLUSTERS


_PEAK: dict[str, Column] = {
    "cluster": Column(
        "Cluster, as in the table of clusters; n/a of the strongest voxel", "integer"
    ),
    "peak": Column("Its peak; 'strongest voxel' where there is no cluster"),
    **_xyz("", "Peak"),
}
DIAGNOSTICS: dict[str, Column] = {
    **_PEAK,
    "id": _IDS["id"],
    "sample_size": Column("Participants of the contrast", "number"),
    "effect": Column("What is combined, at the peak: effect, g or z of the contrast", "number"),
    "se": Column("Its standard error", "number"),
    "lower": Column("Lower end of its 95 % interval", "number"),
    "upper": Column("Upper end of its 95 % interval", "number"),
    "weight": Column("Share of the contrast in the sum of weights", "number", "%"),
    "hat": Column("Hat value: share of the fitted value that is its own", "number"),
    "residual": Column(
        "Externally standardised residual: effect less what the other studies predict, over its "
        "standard deviation",
        "number",
    ),
    "dffits": Column("Change of its fitted value by the study, in standard deviations", "number"),
    "cook": Column("Cook's distance: change of all coefficients by the study", "number"),
    "influential": Column(
        "Whether DFFITS, Cook's distance or the hat value is beyond the limits of Viechtbauer & "
        "Cheung (2010)",
        "boolean",
    ),
    "left_out": Column("Contrasts of the study, which are left out together", "integer"),
    "est_without": Column("Pooled effect without the study", "number"),
    "tau2_without": Column("Variance between studies without the study", "number"),
    "z_without": Column("z of the peak without the study", "number"),
    "p_without": Column("Uncorrected p of the peak without the study", "number"),
    "stays": Column(
        "Whether that p is below the uncorrected threshold, the sign as with all studies",
        "boolean",
    ),
}
"""Columns of contrasts at peaks of an analysis of images."""

POOLED: dict[str, Column] = {
    **_PEAK,
    "term": Column("Coefficient that z and effect are of; n/a of the mean effect"),
    "n": Column("Studies with a value at the peak", "integer"),
    "z_stat": Column("z of the peak in the uncorrected map", "number"),
    "est": Column("Pooled effect", "number"),
    "lower": Column("Lower end of its 95 % interval", "number"),
    "upper": Column("Upper end of its 95 % interval", "number"),
    "prediction_lower": Column("Lower end of the 95 % prediction interval", "number"),
    "prediction_upper": Column("Upper end of the 95 % prediction interval", "number"),
    "tau2": Column("Variance between studies", "number"),
    "i2": Column("Share of the variance of effects that is between studies", "number", "%"),
    "voxel_thresh": Column("Uncorrected p that decides whether the peak stays", "number"),
    "n_stays": Column("Studies that can each be left out alone and the peak stays", "integer"),
    "weakest_z": Column("z without the study whose absence weakens it most", "number"),
    "weakest_without": Column("Contrasts of that study, joined by '; '"),
    "egger_k": Column("Studies in Egger's regression", "integer"),
    "egger_slope": Column("Change of the effect with its standard error (Egger's test)", "number"),
    "egger_se": Column("Standard error of that", "number"),
    "egger_t": Column("t of that, on egger_k - 2 degrees of freedom", "number"),
    "egger_p": Column("Its two-sided p: small where the funnel is asymmetric", "number"),
    "egger_limit": Column("Effect that the regression gives a study without error", "number"),
    "egger_note": Column("Why there is no test, or why not to trust it"),
}
"""Columns of peaks of an analysis of images: what the studies say together."""

NULL_UNCORRECTED: dict[str, Column] = {
    "stat": Column("Value of the statistic", "number"),
    "logsf": Column("Natural logarithm of P(X >= stat) under the null", "number"),
}

NULL_MONTECARLO: dict[str, Column] = {
    "iteration": Column("Iteration, from 0", "integer"),
    "max_stat": Column("Largest statistic of the iteration", "number"),
    "max_size": Column("Largest cluster, voxels", "integer"),
    "max_mass": Column("Largest cluster mass, in the unit of the table of clusters", "number"),
    "max_tfce": Column("Largest threshold-free enhanced value", "number"),
}

_WHOLE = "integer_"
_MAXIMA = re.compile(
    r"(?:(?P<map>\w+?)_)?(?P<tail>positive|negative|group1|group2)_(?P<maximum>max_\w+)"
)
_OF_TAIL = {
    "positive": "the statistic above 0",
    "negative": "the statistic below 0, as a number",
    "group1": "the first group",
    "group2": "the second group",
}


def null_columns(names: Iterable[str]) -> dict[str, Column]:
    """Columns of a table of Monte Carlo maxima that has these.

    Parameters
    ----------
    names : iterable of str
        ``max_stat``; of a statistic of both signs ``positive_max_stat``, ``negative_max_stat``,
        where several maps were tested with the map before it: ``association_positive_max_stat``;
        of each group by itself ``group1_max_stat``, ``group2_max_stat``. ``integer_`` before any
        of them: the same as the whole number that was counted.
    """
    columns = {"iteration": NULL_MONTECARLO["iteration"]}
    for name in names:
        if name in NULL_MONTECARLO:
            columns[name] = NULL_MONTECARLO[name]
        elif name.startswith(_WHOLE):
            of = name.removeprefix(_WHOLE)
            columns[name] = Column(f"{of} as the whole number that iterations count in", "integer")
        elif (found := _MAXIMA.fullmatch(name)) and found["maximum"] in NULL_MONTECARLO:
            known = NULL_MONTECARLO[found["maximum"]]
            of_map = f"; map of {found['map']}" if found["map"] else ""
            text = f"{known.description}, of {_OF_TAIL[found['tail']]}{of_map}"
            columns[name] = Column(text, known.kind)
    return columns


def null_order(name: str) -> tuple[bool, str, bool, int]:
    """Key to sort columns of a table of Monte Carlo maxima by: map, positive first, maximum.

    Whole numbers come last, in the same order.
    """
    of = name.removeprefix(_WHOLE)
    found = _MAXIMA.fullmatch(of)
    maximum = found["maximum"] if found else of[of.find("max_") :]
    of_map = found["map"] or "" if found else of.removesuffix(maximum)
    second = found is not None and found["tail"] in {"negative", "group2"}
    known = list(NULL_MONTECARLO)
    rank = known.index(maximum) if maximum in known else len(known)
    return name.startswith(_WHOLE), of_map, second, rank


DSEG: dict[str, Column] = {
    "index": Column("Value in the image", "integer"),
    "name": Column("Name of the cluster"),
}

PROBLEMS: dict[str, Column] = {
    "level": Column("error or warning"),
    "message": Column("What was found"),
    "file": Column("File it was found in"),
    "where": Column("Place in that file"),
    "suggestion": Column("What would be accepted"),
}

DESCRIPTIONS: dict[str, Column] = {
    "desc_id": Column("The entity desc as it is in file names"),
    "description": Column("What it means"),
}


def typed(table: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame:
    """Give known columns their type; others keep what they have.

    Missing text is ``""``; other missing values are NA or NaN.
    """
    known = {name: columns[name].kind for name in table.columns if name in columns}
    text = {
        name: table[name].astype(object).where(table[name].notna(), "")
        for name, kind in known.items()
        if kind == "string"
    }
    return table.assign(**text).astype({name: _DTYPES[kind] for name, kind in known.items()})


def column_sidecar(table: pd.DataFrame, columns: Mapping[str, Column]) -> dict[str, Any]:
    """Describe the columns of a table, as BIDS JSON."""
    sidecar: dict[str, Any] = {}
    for name in map(str, table.columns):
        if name not in columns:
            sidecar[name] = {"Description": "Carried over from the input"}
            continue
        column = columns[name]
        sidecar[name] = {"Description": column.description, "Format": column.kind}
        if column.units:
            sidecar[name]["Units"] = column.units
    return sidecar
