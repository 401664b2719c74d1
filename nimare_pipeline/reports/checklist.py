"""What guidelines ask of a paper on a meta-analysis: what the report answers, and what not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nimare_pipeline.reports import image_tables, image_texts, render, tables
from nimare_pipeline.reports.pages import Page


@dataclass(frozen=True)
class Item:
    """One thing that is asked.

    Parameters
    ----------
    name : str
        Guideline and its number.
    question : str
        What is asked, in our words.
    answer : str
        What this analysis says to it; empty where only its authors know.
    """

    name: str
    question: str
    answer: str = ""


def of_images(page: Page) -> tuple[Item, ...]:
    """Items for an analysis of images.

    Parameters
    ----------
    page : Page

    Returns
    -------
    tuple of Item
        Rules of Müller et al. (2018) and items of PRISMA 2020 that a report can speak to.
    """
    facts, contrasts = page.record.facts, page.record.contrasts
    images = page.record.images
    there = {spec.statistic for spec in page.record.maps}
    return (
        Item("Müller 1", "Is the question specific?"),
        Item("Müller 2", "Are there enough studies?", _power(facts)),
        Item("Müller 3", "How were studies collected? (PRISMA 5 to 7)"),
        Item("Müller 4", "Do all cover the same space?", _coverage(facts)),
        Item("Müller 5", "How are several images of the same people treated?", _several(facts)),
        Item("Müller 6", "Were the data checked?", _checks(images)),
        Item("Müller 7", "Was the analysis planned and registered? (PRISMA 24)"),
        Item("Müller 8", "How were false positives controlled?", page.inference.criterion),
        Item("Müller 9", "Are there diagnostics?", _diagnostics(page, there)),
        Item("Müller 10", "Can it be repeated?", "settings, versions and checksums below"),
        Item("PRISMA 16", "What was left out, and why?", _flow(contrasts)),
        Item("PRISMA 13e, 20c", "Was heterogeneity explored?", _heterogeneity(facts, there)),
        Item("PRISMA 14, 21", "Was bias of reporting assessed?", _bias(page)),
        Item("PRISMA 15, 22", "How sure is the evidence?"),
        Item("PRISMA 27", "Are data and code available?"),
    )


def _power(facts: Mapping[str, Any]) -> str:
    n = facts.get("n_groups", facts.get("n_studies"))
    return "" if n is None else render.counted(n, "study", "studies")


def _coverage(facts: Mapping[str, Any]) -> str:
    full, analysed = facts.get("n_voxels_of_all_studies"), facts.get("n_voxels_analysed")
    if full is None or not analysed:
        return ""
    return f"{render.percent(full, analysed)} of the voxels analysed have data of every study"


def _several(facts: Mapping[str, Any]) -> str:
    n = facts.get("n_groups_with_several")
    if n is None:
        return ""
    if n == 0:
        return "no study has several"
    return f"{render.counted(n, 'study', 'studies')} with several; see Text for a paper"


def _checks(images: pd.DataFrame) -> str:
    found = image_tables.levels(images)
    return ", ".join(f"{render.counted(n, 'image')} {words}" for words, n in found if n)


def _flow(contrasts: pd.DataFrame) -> str:
    if "included" not in contrasts or contrasts.empty:
        return ""
    n = int((~tables.truth(contrasts["included"])).sum())
    return f"{n} of {render.counted(len(contrasts), 'contrast')}; see Images and exclusions"


def _heterogeneity(facts: Mapping[str, Any], there: set[str]) -> str:
    share = facts.get("share_of_large_i2")
    said = [] if share is None else [f"I² above 75 % in {render.percent(share, 1)} of the voxels"]
    said += ["moderators: " + ", ".join(image_texts.moderators(facts))] if "r2" in there else []
    q = facts.get("share_of_significant_q")
    if not said and q is not None:
        said.append(f"Q with p < 0.05 in {render.percent(q, 1)} of the voxels")
    return "; ".join(said)


def _bias(page: Page) -> str:
    return "funnel plots at peaks" if any("funnel" in key for key in page.pictures) else ""


def _diagnostics(page: Page, there: set[str]) -> str:
    known = {
        "checks of images": not page.record.images.empty,
        "coverage": "n" in there,
        "heterogeneity": "i2" in there,
        "single studies left out": any("forest" in key for key in page.pictures),
    }
    return ", ".join(name for name, is_there in known.items() if is_there)
