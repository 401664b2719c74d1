"""What is said of the maps of an analysis of images: in sidecars, and where files are listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nimare_pipeline.directions import describe_group
from nimare_pipeline.maps import MapSpec

NUMBERS = {
    "ImageKinds": "image_kinds",
    "Coverage": "coverage",
    "MinStudies": "min_studies",
    "VoxelsAnalysed": "n_voxels_analysed",
    "FewestStudies": "fewest_studies",
    "MostStudies": "most_studies",
    "Dependence": "dependence",
    "StandardError": "standard_error",
    "Tau2Method": "tau2_method",
    "Formula": "formula",
    "Term": "result_group",
}
"""Keys of a map's sidecar and the facts they quote, beside those of every analysis."""

_EFFECT = "unit of the images"
_VARIANCE = "square of the unit of the images"


@dataclass(frozen=True)
class Meaning:
    """What a statistic is: its name, a sentence, and its unit."""

    name: str
    sentence: str
    units: str = "arbitrary"


STATISTICS: Mapping[str, Meaning] = {
    "z": Meaning("z", "z of the effect, of the same p as the test"),
    "p": Meaning("p", "p of the effect", "probability"),
    "logp": Meaning("-log10(p)", "-log10 of the p of the effect"),
    "t": Meaning("t", "t over studies, the test's own statistic"),
    "stat": Meaning("test statistic", "statistic of the test"),
    "tfce": Meaning("TFCE", "z enhanced without a threshold for clusters"),
    "est": Meaning("effect", "estimate of the effect", _EFFECT),
    "se": Meaning("standard error", "standard error of the estimate", _EFFECT),
    "estLower": Meaning("effect, lower end", "lower end of its 95 % confidence interval", _EFFECT),
    "estUpper": Meaning("effect, upper end", "upper end of its 95 % confidence interval", _EFFECT),
    "tau2": Meaning("tau2", "variance of true effects between studies", _VARIANCE),
    "tau2Lower": Meaning(
        "tau2, lower end", "lower end of the 95 % interval of tau2 (Q profile)", _VARIANCE
    ),
    "tau2Upper": Meaning(
        "tau2, upper end", "upper end of the 95 % interval of tau2 (Q profile)", _VARIANCE
    ),
    "sigma2": Meaning(
        "sigma2", "variance of one participant, the same for all that are assumed", _VARIANCE
    ),
    "q": Meaning("Q", "Cochran's Q: squared deviations from the fit, weighted by 1 / variance"),
    "qP": Meaning("p of Q", "p of Q by chi-square: whether studies differ at all", "probability"),
    "i2": Meaning("I2", "tau2 as a share of tau2 and the typical variance within studies", "%"),
    "h2": Meaning("H2", "tau2 and the typical variance within studies, relative to the latter"),
    "predictionLower": Meaning(
        "prediction interval, lower end",
        "lower end of the 95 % interval in which the true effect of a new study lies",
        _EFFECT,
    ),
    "predictionUpper": Meaning(
        "prediction interval, upper end",
        "upper end of the 95 % interval in which the true effect of a new study lies",
        _EFFECT,
    ),
    "zLeaveOneOut": Meaning(
        "weakest z, leave-one-out",
        "z without the study whose absence weakens it most, where uncorrected p is below the "
        "threshold",
    ),
    "nLeaveOneOut": Meaning(
        "studies that can be left out",
        "studies that can each be left out alone with uncorrected p staying below the threshold",
        "studies",
    ),
    "n": Meaning("number of studies", "studies that have a value at the voxel", "studies"),
    "dof": Meaning(
        "degrees of freedom",
        "studies less coefficients, with cluster-robust errors Satterthwaite's; t and F are "
        "referred to them, z and chi-square are not",
    ),
    "qm": Meaning("QM", "test of all moderators together: chi-square where errors are those of "
                  "known variances, else F"),
    "qmP": Meaning("p of QM", "p of the test of all moderators together", "probability"),
    "r2": Meaning("R2", "share of tau2 that the moderators explain", "%"),
}  # fmt: skip
_STANDARDISED = {"g": "standard deviations (Hedges' g)", "d": "standard deviations (Cohen's d)"}
_OWN = {
    "Stouffers": "Z of Stouffer's test",
    "Fishers": "X of Fisher's test (-2 sum ln p), of the tail with the smaller p",
}


def units_of_images(facts: Mapping[str, Any], model: str) -> str:
    """Unit of the estimates of an analysis: that of its images."""
    kinds = facts.get("image_kinds") or [""]
    kind = "g" if model == "FixedEffectsHedges" else str(kinds[0])
    return _STANDARDISED.get(kind, "z" if kind == "z" else _EFFECT)


def meaning(spec: MapSpec, facts: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Description, statistic and unit of a map, for its sidecar."""
    known = STATISTICS.get(spec.statistic)
    if known is None:
        return {
            "Description": f"{spec.statistic} of the {model} meta-analysis{_of(spec, facts)}",
            "StatisticType": spec.statistic,
            "Units": "arbitrary",
        }
    unit = units_of_images(facts, model)
    units = {_EFFECT: unit, _VARIANCE: f"square of {unit}"}.get(known.units, known.units)
    if unit == _EFFECT and known.units == _VARIANCE:
        units = _VARIANCE
    sentence = _OWN.get(model, known.sentence) if spec.statistic == "stat" else known.sentence
    sentence = f"{sentence[0].upper()}{sentence[1:]}"
    return {
        "Description": f"{sentence}{_corrected(spec)}; {model} meta-analysis of images"
        f"{_of(spec, facts)}{_tail(spec)}",
        "StatisticType": known.name,
        "Units": units,
    }


def _of(spec: MapSpec, facts: Mapping[str, Any]) -> str:
    return f", coefficient of {describe_group(spec.group, facts)}" if spec.group else ""


def _corrected(spec: MapSpec) -> str:
    if spec.correction is None:
        return ", uncorrected" if spec.statistic in {"z", "p", "logp"} else ""
    level = f"{spec.level or 'voxel'}{f' {spec.measure}' if spec.measure else ''}"
    return f", {spec.correction}-corrected by {level} ({spec.method or 'unnamed'})"


def _tail(spec: MapSpec) -> str:
    if spec.statistic not in {"z", "p", "logp", "t", "stat", "tfce", "zLeaveOneOut"}:
        return ""
    return "; two-sided" if spec.tail == "two-sided" else f"; one-sided, {spec.tail} effects"
