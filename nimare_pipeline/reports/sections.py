"""What each section of the report is made from: an analysis or a run to names in its template."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults, image_words
from nimare_pipeline.cohort import NOT_CHOSEN
from nimare_pipeline.directions import describe_group, group_names, is_of_images, is_pair
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.pooling import POOLED_INTO, by_experiment
from nimare_pipeline.reports import boilerplate, sections_images, tables
from nimare_pipeline.reports.pages import Page, Spec, alpha_of, base


def _data(page: Page) -> dict[str, Any]:
    contrasts = page.record.contrasts
    if contrasts.empty:
        return base(page) | {"flow": None}
    kept = tables.truth(contrasts["included"])
    reasons = contrasts.loc[~kept, "reason"].fillna("no reason given").astype(str)
    spaces = contrasts.loc[kept].groupby(
        ["original_space", "space_transform"], dropna=False, sort=False
    )
    return base(page) | {
        "flow": {
            "found": len(contrasts),
            "excluded": list(reasons.value_counts(sort=False).items()),
            "analysed": len(by_experiment(contrasts[kept])),
        },
        "pooled": boilerplate.pooled_facts(contrasts[kept]),
        "unit": "contrast" if POOLED_INTO in contrasts else "experiment",
        "several": (page.record.facts.get("n_contrasts") or 0)
        > (page.record.facts.get("n_studies") or 0),
        **boilerplate.filled(contrasts[kept]),
        "spaces": [(space, transform, len(rows)) for (space, transform), rows in spaces],
        # Of a large database most are not selected: their number is enough.
        "contrasts": tables.contrasts_table(contrasts[~contrasts["reason"].isin(NOT_CHOSEN)]),
        "problems": [str(problem) for problem in page.record.problems],
    }


def _region(page: Page) -> dict[str, Any]:
    return base(page) | {"region": page.record.facts["region"]}


def _conjunction(page: Page) -> dict[str, Any]:
    return base(page) | {"conjunction": page.record.facts["conjunction"]}


def _foci(page: Page) -> dict[str, Any]:
    coordinates = page.record.coordinates
    outside = None if coordinates.empty else tables.outside_table(coordinates)
    return base(page) | {"outside": outside, "n_foci": len(coordinates)}


def _result(page: Page) -> dict[str, Any]:
    return base(page) | {
        "significant": not page.record.clusters.empty,
        "thresholds": boilerplate.thresholds_at(page.record.facts, alpha_of(page)),
    }


def _clusters(page: Page) -> dict[str, Any]:
    clusters = page.record.clusters
    if clusters.empty:
        return base(page) | {"clusters": None}
    return base(page) | {
        "clusters": tables.clusters_table(
            clusters,
            statistic=page.statistic,
            groups=group_names(page.record.facts) if is_pair(page.record.facts) else (),
        ),
        "centres": tables.centres_table(clusters),
        "distance_mm": defaults.PEAK_DISTANCE_MM,
    }


def _nulls(page: Page) -> dict[str, Any]:
    return base(page) | {
        "thresholds": page.record.facts.get("montecarlo", {}).get("thresholds", {}),
        "forming": page.record.facts.get("cluster_forming"),
    }


def _methods(page: Page) -> dict[str, Any]:
    methods = page.text()
    results = boilerplate.results(
        page.record.facts,
        page.record.analysis,
        page.record.clusters,
        inference=page.inference,
    )
    return {
        "methods": methods.html,
        "results": results.html,
        "waiver": boilerplate.WAIVER,
    }


def _files(page: Page) -> dict[str, Any]:
    record = page.record
    named = [
        ("z inside the significant clusters: the result", record.result_map),
        ("numbers of the significant clusters", record.label_image),
        *(
            (_meaning(spec, record.facts), path)
            for spec, path in sorted(record.maps.items(), key=_order)
        ),
        ("mask", record.mask),
        ("dataset analysed", record.snapshot),
    ]
    rows = [
        (meaning, page.relative(path), _sha256(path))
        for meaning, path in named
        if path is not None
    ]
    return {
        "files": rows,
        "paper": _paper(page),
        "maps": bool(record.maps),
        "analysis": _flat(record.analysis),
    }


def _paper(page: Page) -> list[tuple[str, list[tuple[str, str]]]]:
    """What is made for a paper: in words, and the formats there are with their links."""
    shown = {
        "result": "z inside the significant clusters",
        "z": "whole map of z",
        "mosaic": "axial slices",
        "glass": "glass brain",
    }
    rows: dict[str, list[tuple[str, str]]] = {}
    figures = page.record.paper_figures
    # The result before the whole map, slices before the glass brain.
    for key in sorted(
        figures, key=lambda key: (not key.startswith("result"), "glass" in key, key)
    ):
        path = figures[key]
        source, _, view = key.partition(".")[0].partition("_")
        meaning = f"{shown.get(source, source)}, {shown.get(view, view)}"
        kind = {".png": "PNG, 300 dpi"}.get(path.suffix, path.suffix[1:].upper())
        rows.setdefault(meaning, []).append((kind, page.relative(path)))
    contrasts = "contrasts" if page.of_images else "experiments"
    for suffix, meaning in (("clusters", "table of clusters"), ("contrasts", contrasts)):
        rows[meaning] = [
            (kind, page.relative(path))
            for extension, kind in ((".html", "to paste"), (".tsv", "TSV"))
            for path in page.record.folder.glob(f"*_{suffix}{extension}")
        ]
    return [(meaning, links) for meaning, links in rows.items() if links]


def _settings(run: Mapping[str, Any], pages: list[Page]) -> dict[str, Any]:
    made_on = [page.record.record.get("Machine") for page in pages]
    machine = next((found for found in made_on if isinstance(found, Mapping) and found), {})
    return {
        "machine": _flat(machine),
        "command": run["command"],
        "settings": _flat(run["settings"]),
        "versions": sorted(run["versions"].items()),
        "graph": run["graph"],
    }


def _log(run: Mapping[str, Any], _pages: list[Page]) -> dict[str, Any]:
    lines = str(run["log"]).splitlines()
    return {
        "lines": lines,
        "status": run["status"],
        "crashes": run["crashes"],
        "problems": run["problems"],
    }


ANALYSIS_SECTIONS = (
    Spec("data", "Data and exclusions", _data),
    Spec("foci", "Foci", _foci),
    Spec("result", "Result", _result),
    Spec("clusters", "Clusters", _clusters),
    Spec("nulls", "Null distributions", _nulls),
    Spec("methods", "Text for a paper", _methods),
    Spec("files", "Files", _files),
)
_REGION = Spec("region", "Region", _region)
_CONJUNCTION = Spec("conjunction", "What is combined", _conjunction)
RUN_SECTIONS = (Spec("settings", "Settings and versions", _settings), Spec("log", "Log", _log))


def of(page: Page) -> tuple[Spec, ...]:
    """Sections of an analysis: of what it has."""
    if page.of_images:
        own = sections_images.of(page)
        return (*own, *(spec for spec in ANALYSIS_SECTIONS if spec.slug in ("methods", "files")))
    first, *others = ANALYSIS_SECTIONS
    if page.record.facts.get("conjunction"):
        without = ("data", "foci", "nulls")
        return (_CONJUNCTION, *(spec for spec in ANALYSIS_SECTIONS if spec.slug not in without))
    return (first, *([_REGION] if page.record.facts.get("region") else []), *others)


def _meaning(spec: MapSpec, facts: Mapping[str, Any] | None = None) -> str:
    """Map in words: ``z, corrected for family-wise error by cluster size``."""
    if facts and is_of_images(facts):
        return _meaning_of_images(spec, facts)
    named = {"stat": "statistic", "logp": "−log10 p", "chi2": "chi-square", "prob": "probability"}
    statistic = named.get(spec.statistic, spec.statistic)
    said = f"{describe_group(spec.group, facts)} ({spec.group})" if facts else spec.group
    group = f" of {said}" if spec.group else ""
    if spec.correction is None:
        return f"{statistic}{group}, uncorrected"
    error = {"FWE": "family-wise error", "FDR": "false discovery rate"}[spec.correction]
    level = f"{spec.level or 'voxel'}{f' {spec.measure}' if spec.measure else ''}"
    method = "" if spec.method == "montecarlo" else f" ({spec.method})"
    return f"{statistic}{group}, corrected for {error} by {level}{method}"


def _meaning_of_images(spec: MapSpec, facts: Mapping[str, Any]) -> str:
    known = image_words.STATISTICS.get(spec.statistic)
    name = known.name if known else spec.statistic
    of = f" of {describe_group(spec.group, facts)}" if spec.group else ""
    if spec.correction is None:
        tested = ", uncorrected" if spec.statistic in {"z", "p", "logp"} else ""
        return f"{name}{of}{tested}"
    error = {"FWE": "family-wise error", "FDR": "false discovery rate"}[spec.correction]
    level = f"{spec.level or 'voxel'}{f' {spec.measure}' if spec.measure else ''}"
    method = "" if spec.method == "montecarlo" else f" ({spec.method})"
    return f"{name}{of}, corrected for {error} by {level}{method}"


def _order(item: tuple[MapSpec, Path]) -> tuple[bool, str, str, str]:
    """Uncorrected maps first."""
    spec = item[0]
    return spec.correction is not None, spec.level or "", spec.measure or "", spec.statistic


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and values."""
    pairs: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            pairs.append((f"{prefix}{name}", text))
    return pairs


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
