"""What the sections of an analysis of images are made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nimare_pipeline import defaults, image_words
from nimare_pipeline.cohort_table import NOT_CHOSEN
from nimare_pipeline.directions import describe_group
from nimare_pipeline.reports import boilerplate, checklist, image_tables, image_texts, tables
from nimare_pipeline.reports.forest import legend_of
from nimare_pipeline.reports.pages import Page, Spec, alpha_of, base

_OF_HETEROGENEITY = ("tau2", "tau2Lower", "tau2Upper", "i2", "h2", "q", "qP", "predictionLower",
                     "predictionUpper", "qm", "qmP", "r2", "sigma2")  # fmt: skip


FEW_FOR_EGGER = 10
"""With fewer studies a test of the funnel has hardly any power (Sterne et al. 2011)."""


def of(page: Page) -> tuple[Spec, ...]:
    """Sections of an analysis of images, of what it has; the text and the files follow."""
    facts = page.record.facts
    there = {spec.statistic for spec in page.record.maps}
    return (
        Spec("images_data", "Images and exclusions", _data),
        Spec("images_coverage", "Coverage", _coverage),
        Spec("images_result", "Result", _result),
        Spec("images_clusters", "Clusters", _clusters),
        *([Spec("images_terms", "Moderators", _terms)] if facts.get("terms") else []),
        *(
            [Spec("images_heterogeneity", "Differences between studies", _heterogeneity)]
            if there & set(_OF_HETEROGENEITY)
            else []
        ),
        *([Spec("images_studies", "Single studies", _studies)] if _has_studies(page) else []),
        *([Spec("images_flips", "Sign flips", _flips)] if facts.get("montecarlo") else []),
        Spec("images_checklist", "Checklist", _checklist),
    )


def base_of_images(page: Page) -> dict[str, Any]:
    """Names that most templates on images use."""
    names = base(page) | image_texts.common(page.record.facts, page.record.analysis)
    # Whole facts, where the templates of all analyses read them.
    names["facts"] = {**dict.fromkeys(image_texts.FACTS), **names["facts"]}
    return names


def _data(page: Page) -> dict[str, Any]:
    contrasts, images = page.record.contrasts, page.record.images
    named = base_of_images(page) | {
        "images": None if images.empty else image_tables.images_table(images),
        "levels": image_tables.levels(images),
        "made": image_texts.made_in_words(page.record.made),
        "made_ids": {
            image_texts.KINDS.get(kind, kind): ids for kind, ids in page.record.made.items()
        },
        "problems": [str(problem) for problem in page.record.problems],
    }
    if contrasts.empty:
        return named | {"flow": None}
    kept = tables.truth(contrasts["included"])
    reasons = contrasts.loc[~kept, "reason"].fillna("no reason given").astype(str)
    facts = page.record.facts
    return named | {
        "flow": {
            "found": len(contrasts),
            "excluded": list(reasons.value_counts(sort=False).items()),
            "analysed": int(kept.sum()),
        },
        "several": (facts.get("n_contrasts") or 0) > (facts.get("n_studies") or 0),
        **boilerplate.filled(contrasts[kept]),
        "contrasts": image_tables.contrasts_table(
            contrasts[~contrasts["reason"].isin(NOT_CHOSEN)]
        ),
    }


def _coverage(page: Page) -> dict[str, Any]:
    return base_of_images(page)


def _result(page: Page) -> dict[str, Any]:
    return base_of_images(page) | {
        "significant": not page.record.clusters.empty,
        "thresholds": boilerplate.thresholds_at(page.record.facts, alpha_of(page)),
        "has_effect": any(spec.statistic == "est" for spec in page.record.maps),
    }


def _clusters(page: Page) -> dict[str, Any]:
    clusters = page.record.clusters
    if clusters.empty:
        return base_of_images(page) | {"clusters": None}
    return base_of_images(page) | {
        "clusters": image_tables.clusters_table(clusters),
        "centres": tables.centres_table(clusters),
        "distance_mm": defaults.PEAK_DISTANCE_MM,
    }


def _terms(page: Page) -> dict[str, Any]:
    facts = page.record.facts
    result = facts.get("result_group")
    corrected = {spec.group for spec in page.record.maps if spec.correction}
    there = {spec.statistic for spec in page.record.maps}
    named = {"est": "estimate", "se": "standard error", "estLower": "interval"}
    kinds = ["z", "p", *(words for name, words in named.items() if name in there)]
    return base_of_images(page) | {
        "corrected": [describe_group(name, facts) for name in facts["terms"] if name in corrected],
        "of_each": f"{', '.join(kinds[:-1])} and {kinds[-1]}",
        "rows": [
            (describe_group(name, facts), name == result, f"term{number}_mosaic")
            for number, name in enumerate(facts["terms"])
        ],
        "has_qm": any(spec.statistic == "qm" for spec in page.record.maps),
        "has_r2": any(spec.statistic == "r2" for spec in page.record.maps),
    }


def _heterogeneity(page: Page) -> dict[str, Any]:
    return base_of_images(page) | {
        "there": {spec.statistic for spec in page.record.maps},
        "files": _files_of(page, _OF_HETEROGENEITY),
    }


def _files_of(page: Page, statistics: tuple[str, ...]) -> list[tuple[str, str]]:
    """Meaning and address of the maps of some statistics, in their order."""
    found: dict[str, Path] = {
        spec.statistic: path for spec, path in page.record.maps.items() if not spec.correction
    }
    known: Mapping[str, image_words.Meaning] = image_words.STATISTICS
    return [
        (known[name].name if name in known else name, page.relative(found[name]))
        for name in statistics
        if name in found
    ]


def _table_of(page: Page, name: str) -> pd.DataFrame:
    """Table of diagnostics; empty where there is none."""
    found = getattr(page.record, name, None)
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame()


def _has_studies(page: Page) -> bool:
    return not _table_of(page, "pooled").empty


def _studies(page: Page) -> dict[str, Any]:
    studies, pooled = _table_of(page, "diagnostics"), _table_of(page, "pooled")
    peaks = [(str(peak["peak"]), peak) for peak in pooled.to_dict("records")]
    what = "z" if page.record.facts.get("image_kinds", [])[:1] == ["z"] else "effect"
    return base_of_images(page) | {
        "has_egger": _any(pooled, "egger_p"),
        "pooled": image_tables.pooled_table(pooled),
        "influential": image_tables.influential(studies),
        "plots": [
            (name, f"forest{number}", f"funnel{number}", _legend(studies, peak, what))
            for number, (name, peak) in enumerate(peaks, start=1)
            if f"forest{number}" in page.pictures or f"funnel{number}" in page.pictures
        ],
        "few": [int(n) for n in pooled["n"].dropna().unique() if n < FEW_FOR_EGGER]
        if "n" in pooled
        else [],
        "few_for_egger": FEW_FOR_EGGER,
    }


def _any(table: pd.DataFrame, column: str) -> bool:
    """Whether a column of a table of diagnostics has a number."""
    return column in table and bool(np.isfinite(table[column].to_numpy(dtype=float)).any())


def _legend(studies: pd.DataFrame, peak: dict[Any, Any], what: str) -> str:
    return legend_of(studies[studies["peak"] == peak["peak"]], peak, what)


def _checklist(page: Page) -> dict[str, Any]:
    return {"items": checklist.of_images(page)}


def _flips(page: Page) -> dict[str, Any]:
    return base_of_images(page) | {
        "montecarlo": page.record.facts.get("montecarlo") or {},
        "thresholds": (page.record.facts.get("montecarlo") or {}).get("thresholds", {}),
        "forming": page.record.facts.get("cluster_forming"),
    }
