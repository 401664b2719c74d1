"""What stands beside the maps: the JSON that says what a file means and how it was made."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import nimare_pipeline
from nimare_pipeline import cluster_evidence, environment, image_words
from nimare_pipeline.derivative_names import Place
from nimare_pipeline.diagnostics import ClusterTable
from nimare_pipeline.directions import (
    describe_group,
    directions,
    group_facts,
    is_of_images,
    is_pair,
    null_of,
)
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult, outside_value
from nimare_pipeline.settings import Analysis, Settings

NUMBERS = {
    "NumberOfStudies": "n_studies",
    "NumberOfContrasts": "n_contrasts",
    "NumberOfParticipants": "n_participants",
    "ContrastsWithoutSampleSize": "n_contrasts_without_n",
    "NumberOfFoci": "n_foci",
    "FociOutsideMask": "n_foci_outside",
    "KernelFWHM": "fwhm_mm",
    "KernelRadius": "radius_mm",
    "Weighting": "weighting",
    "EffectiveNumberOfContrasts": "effective_n_contrasts",
    "Voxelization": "voxelization",
    "NullMethod": "null_method",
    "NullIterations": "null_n_iters",
    "NullFoci": "null_foci",
    "Region": "region",
    "Conjunction": "conjunction",
    **image_words.NUMBERS,
}
"""Keys of a map's sidecar and the facts they quote."""

GROUP_NUMBERS = {
    key: fact
    for key, fact in NUMBERS.items()
    if key.startswith(("NumberOf", "ContrastsWithout", "FociOutside"))
}
"""Those that each group of a comparison has, too."""

_STATISTICS = {"z": "z", "p": "p", "logp": "-log10(p)", "chi2": "chi-square"}
_STATISTICS |= {"prob": "probability", "tfce": "TFCE"}
_STATISTICS |= {
    "zLeaveOneOut": "z without the study whose absence weakens it most",
    "nLeaveOneOut": "number of studies that can each be left out and p stays below the threshold",
}
_TAILS = ("positive", "negative")
_MEASURES = {"size": "size_voxels", "mass": "mass", "tfce": "tfce"}
_HEIGHTS = {
    "chi-square": "z of the chi-square, each sign by itself",
    "chi-square of uniformity": "z of the number of contrasts, above its mean over the mask",
    "z of the flips": "z, each sign by itself",
    "permutation moments": "z of the difference among all divisions of the contrasts, by the "
    "first three moments of its distribution at the voxel; each sign by itself",
}
"""Heights that are enhanced, by the names that estimators give them."""
CONJUNCTION = "conjunction"
"""Value of ``desc`` of the clusters of a conjunction, which are judged by its parts."""
_DESCRIPTIONS = {
    CONJUNCTION: "Significant in each of the analyses that are combined",
    "uncorrected": "Not corrected for multiple comparisons",
    "peaks": "Contrasts at the peaks of the clusters: effects, weights, influence, leave-one-out",
    "pooled": "Peaks of the clusters: pooled effect, leave-one-out, Egger's test",
    "nullFoci": "Foci that the null of SCALE draws from",
    "montecarlo": "Largest values of each Monte Carlo iteration",
}


@dataclass(frozen=True)
class Context:
    """What all sidecars of an analysis quote."""

    place: Place
    analysis: Analysis
    settings: Settings
    result: MetaResult
    mask_path: str
    snapshot_path: str = ""
    pool_path: str = ""

    def common(self) -> dict[str, Any]:
        """Make the keys that every sidecar of an image has."""
        facts = self.result.facts
        return {
            "Sources": [bids_uri(path) for path in [*self._inputs(), self.mask_path]],
            "SpatialReference": bids_uri(self.mask_path),
            "Resolution": resolution_text(self.result),
            "Estimator": _component(self.result.estimator),
            **{key: facts[name] for key, name in NUMBERS.items() if name in facts},
            **_groups(facts),
            **self.provenance(),
        }

    def _inputs(self) -> list[str]:
        """What the maps were made from: studies, or the maps that a conjunction combines."""
        place, combined = self.place, self.result.facts.get("conjunction")
        if combined:
            return [path for one in combined["inputs"] for path in one.get("files", ())]
        return [
            self.snapshot_path or place.snapshot(),
            *([self.pool_path] if self.pool_path else []),
            place.table("contrasts"),
            place.table("images" if is_of_images(self.result.facts) else "coordinates"),
        ]

    def provenance(self) -> dict[str, Any]:
        """Make the keys that say which run wrote a file."""
        return {
            "SoftwareVersion": nimare_pipeline.__version__,
            "RunUUID": self.settings.run_uuid,
        }


def bids_uri(path: str) -> str:
    """Name a file of the output folder as BIDS does."""
    return f"bids::{path}"


def resolution_text(result: MetaResult) -> str:
    """Say the voxel size in words."""
    sizes = [f"{round(size, 3):g}" for size in result.mask.zooms]
    return f"{sizes[0]} mm isotropic" if len(set(sizes)) == 1 else f"{' x '.join(sizes)} mm"


def map_sidecar(context: Context, spec: MapSpec) -> dict[str, Any]:
    """Describe a map."""
    facts = context.result.facts
    if is_of_images(facts):
        return _of_images(context, spec)
    model = context.result.estimator.type
    statistic = _STATISTICS.get(spec.statistic, model)
    of = f", {describe_group(spec.group, facts)}" if spec.group else ""
    sidecar = {
        "Description": f"{_sentence(spec)} {statistic} map of the {model} meta-analysis"
        f"{of}{_zeros(spec)}",
        "StatisticType": statistic,
        "Tail": spec.tail,
        "Units": "arbitrary",
        "OutsideMask": outside_value(spec),
        "MapSpec": asdict(spec),
    }
    sidecar |= _signs(context, spec)
    if spec.statistic == "tfce":
        sidecar["Enhancement"] = _enhancement(context.result.facts)
    if spec.correction is not None:
        sidecar["Correction"] = _correction(context, spec)
    return {**sidecar, **context.common()}


def _of_images(context: Context, spec: MapSpec) -> dict[str, Any]:
    """Describe a map of an analysis of images, each statistic in words of its own."""
    result = context.result
    sidecar = {
        **image_words.meaning(spec, result.facts, result.estimator.type),
        "Tail": spec.tail,
        "OutsideMask": outside_value(spec),
        "MapSpec": asdict(spec),
    }
    if spec.statistic == "tfce":
        sidecar["Enhancement"] = _enhancement(result.facts)
    if spec.correction is not None:
        sidecar["Correction"] = _correction(context, spec)
    return {**sidecar, **context.common()}


def result_sidecar(context: Context, clusters: ClusterTable, label_path: str) -> dict[str, Any]:
    """Describe the result map: uncorrected z inside the significant clusters."""
    spec = result_spec(context.result, clusters)
    sidecar = map_sidecar(context, spec)
    shown = cluster_evidence.shown_spec(context.result)
    kind = "Corrected" if shown is not None and shown.correction else "Uncorrected"
    text = f"{kind} z inside the significant clusters, 0 elsewhere{_zeros(spec)}"
    sources = [*sidecar["Sources"], bids_uri(label_path)]
    return {**sidecar, "Description": text, "OutsideMask": 0.0, "Sources": sources}


def dseg_sidecar(context: Context, clusters: ClusterTable) -> dict[str, Any]:
    """Describe the image of the clusters' numbers."""
    spec = result_spec(context.result, clusters)
    text = "Number of the significant cluster, as in the table of clusters; 0 outside"
    sidecar = {"Description": text, **context.common()}
    if spec.correction is not None:
        sidecar["Correction"] = _correction(context, spec)
    return sidecar


def mask_sidecar(context: Context, *, own: bool) -> dict[str, Any]:
    """Describe the mask; the template's is the same for all analyses and names no run."""
    mask = context.result.mask
    sidecar = {
        "Description": f"Voxels that are analysed: {mask.name}",
        "Type": "Brain",
        "RawSources": [context.settings.mask_file] if own else [],
        "Resolution": resolution_text(context.result),
        "SpatialReference": context.place.template,
        "NumberOfVoxels": mask.n_voxels,
    }
    return {key: value for key, value in sidecar.items() if value != []}


def region_sidecar(context: Context) -> dict[str, Any]:
    """Describe the image of a region that contrasts were chosen by."""
    region = context.result.facts["region"]
    return {
        "Description": f"Voxels of {region['words']}: contrasts with a focus in it are analysed",
        "Type": "ROI",
        "RawSources": [region["file"]] if "file" in region else [],
        **context.common(),
    }


def analysis_record(context: Context, clusters: ClusterTable) -> dict[str, Any]:
    """Say what was done and with which numbers: all that a report needs beside maps and tables."""
    result, place = context.result, context.place
    desc, spec = cluster_desc(result, clusters), result_spec(result, clusters)
    return {
        "Name": context.analysis.name,
        "Description": _plain_citations(result.description_),
        "Analysis": asdict(context.analysis),
        "Facts": result.facts,
        "Result": {
            "Level": clusters.level,
            "Alpha": clusters.alpha,
            "Map": bids_uri(place.result_map(desc, group=spec.group, tail=spec.tail)),
            "MapSpec": asdict(spec),
            "Labels": bids_uri(place.dseg(desc, group=spec.group)),
        },
        "Target": context.settings.target,
        "RandomSeed": context.settings.seed,
        "BibTeX": result.bibtex_,
        "Versions": environment.versions(),
        "Machine": environment.machine(),
        "CodeDigest": environment.code_digest(),
        **context.provenance(),
    }


def result_spec(result: MetaResult, clusters: ClusterTable) -> MapSpec:
    """Find the meaning of the map the verdict rests on: z, corrected as the clusters are."""
    corrected = cluster_evidence.corrected_p(result, clusters.level)
    if corrected is not None:
        return replace(corrected, statistic="z")
    return cluster_evidence.result_spec(result, "z") or MapSpec("z")


def combines_own_masks(facts: Mapping[str, Any]) -> bool:
    """Whether a conjunction combines maps that have a mask of their own."""
    inputs = (facts.get("conjunction") or {}).get("inputs", ())
    return any(one.get("own_mask", False) for one in inputs)


def cluster_desc(result: MetaResult, clusters: ClusterTable) -> str:
    """Name the clusters in ``desc-``."""
    if "conjunction" in result.facts:
        return CONJUNCTION
    return result_spec(result, clusters).desc or "uncorrected"


def describe(desc: str) -> str:
    """Say what a value of ``desc`` means, for ``descriptions.tsv``."""
    from nimare_pipeline.derivative_names import THRESHOLDED, spec_from_entities

    if desc in _DESCRIPTIONS:
        return _DESCRIPTIONS[desc]
    if desc.endswith(THRESHOLDED):
        inner = describe(desc.removesuffix(THRESHOLDED))
        return f"Uncorrected z inside the significant clusters ({inner[0].lower()}{inner[1:]})"
    return _sentence(spec_from_entities({"stat": "z", "desc": desc}))


def to_json(value: Any) -> bytes:
    """Write JSON; what JSON has no word for (NaN, infinity) is null."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="replace")


def plain(value: Any) -> Any:
    """Turn numpy scalars, tuples and NaN into JSON types."""
    value = value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _groups(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say which groups were compared, by their names, and how large they are."""
    groups = {
        group["label"]: {
            "Name": group["name"],
            **{key: group[fact] for key, fact in GROUP_NUMBERS.items() if fact in group},
        }
        for group in group_facts(facts)
    }
    return {"Groups": groups} if groups else {}


def _signs(context: Context, spec: MapSpec) -> dict[str, Any]:
    """Say what a positive and a negative value of a two-sided map mean."""
    sides = directions(context.result.facts, spec.group)
    if sides is None or spec.tail != "two-sided" or spec.statistic not in {"stat", "z", "tfce"}:
        return {}
    return {"PositiveValues": sides.positive, "NegativeValues": sides.negative}


def _component(component: Any) -> dict[str, Any]:
    return {"Name": component.type, "Parameters": component.args}


def _sentence(spec: MapSpec) -> str:
    if spec.correction is None:
        return "Uncorrected"
    if spec.level == "tfce":
        return f"Threshold-free cluster enhanced, {spec.correction}-corrected ({spec.method})"
    level = f"{spec.level or 'voxel'}-{spec.measure or 'level'}".capitalize()
    return f"{level} {spec.correction}-corrected ({spec.method or 'unnamed'})"


def _zeros(spec: MapSpec) -> str:
    """Say why a z map has no negative values."""
    one_tailed = spec.statistic == "z" and spec.tail == "positive"
    return "; z is one-tailed, and 0 where p is 0.5 or more" if one_tailed else ""


def _plain_citations(text: str) -> str:
    r"""Write ``\citep{a,b}`` as ``(a; b)``; the keys are those of the BibTeX beside it."""
    return re.sub(
        r"\\cite\w*\{([^}]*)\}", lambda match: f"({'; '.join(match[1].split(','))})", text
    )


def _correction(context: Context, spec: MapSpec) -> dict[str, Any]:
    """Say how a map was corrected, with the numbers of the run and the threshold at its alpha."""
    result, alpha = context.result, context.analysis.alpha
    facts = result.facts
    correction: dict[str, Any] = {
        "ErrorRate": spec.correction,
        "Method": spec.method,
        "Level": f"{spec.level}-{spec.measure}" if spec.measure else spec.level or "voxel",
        "Alpha": alpha,
        "NumberOfTests": facts.get("correction", {}).get("n_tests"),
    }
    if spec.level == "cluster":
        forming = facts.get("cluster_forming", {})
        correction["VoxelThreshold"] = forming.get("p")
        correction["VoxelThresholdStatistic"] = forming.get("statistic")
        correction["VoxelThresholdStatisticNegative"] = forming.get("statistic_negative")
        correction["VoxelThresholdNull"] = forming.get("null")
        correction["VoxelThresholdAchieved"] = forming.get("achieved_p")
        correction["Connectivity"] = facts.get("connectivity")
    if spec.level == "tfce":
        correction |= _enhancement(facts)
    if spec.method == "montecarlo":
        montecarlo = facts.get("montecarlo", {})
        n_iters = montecarlo.get("n_iters")
        correction |= {
            "NumberOfIterations": n_iters,
            "RandomSeed": montecarlo.get("seed"),
            "NullOutside": montecarlo.get("null_outside"),
            "Randomised": _randomised(facts, result),
            "Exhaustive": montecarlo.get("exhaustive"),
            "Extensions": montecarlo.get("extensions"),
            **_thresholds(montecarlo.get("thresholds", {}), spec, f"{alpha:g}"),
            **_thresholds(
                montecarlo.get("threshold_intervals") or {}, spec, f"{alpha:g}", "Interval"
            ),
            "MonteCarloErrorOfAlpha": n_iters and math.sqrt(alpha * (1 - alpha) / n_iters),
        }
    return {key: value for key, value in correction.items() if value is not None}


def _randomised(facts: Mapping[str, Any], result: MetaResult) -> str | None:
    """Say what an iteration draws, where it is not foci."""
    if is_of_images(facts):
        return str((facts.get("montecarlo") or {}).get("null_method", "sign flips"))
    return null_of(facts, result.estimator) if is_pair(facts) else None


def _enhancement(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Say how a statistic was enhanced without threshold."""
    powers = facts.get("tfce", {})
    said = {
        "ExtentPower": powers.get("extent_power"),
        "HeightPower": powers.get("height_power"),
        "Heights": _HEIGHTS.get(powers.get("heights", ""), "uncorrected z"),
        "Connectivity": facts.get("connectivity"),
    }
    return {key: value for key, value in said.items() if value is not None}


def _thresholds(
    thresholds: Mapping[str, Any], spec: MapSpec, level: str, what: str = ""
) -> dict[str, Any]:
    """Critical values at a level, or their intervals: one, or that of each tail."""
    measure = _MEASURES.get(spec.measure or spec.level or "", "voxel")
    name = f"Cluster{spec.measure.capitalize()}" if spec.measure else "Statistic"
    name = "TFCE" if measure == "tfce" else name
    if measure in thresholds:
        return {f"{name}Threshold{what}": thresholds[measure].get(level)}
    return {
        f"{name}Threshold{tail.capitalize()}{what}": thresholds[f"{measure}_{tail}"].get(level)
        for tail in _TAILS
        if f"{measure}_{tail}" in thresholds
    }
