"""A page of the report: all that the sections of one analysis are made from."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nimare_pipeline import defaults
from nimare_pipeline.directions import (
    directions,
    group_facts,
    group_names,
    is_difference,
    is_pooled,
)
from nimare_pipeline.inference import Inference
from nimare_pipeline.reports import boilerplate, paper_words, verdict
from nimare_pipeline.reports.figures import fade_below


@dataclass(frozen=True)
class Picture:
    """A figure of the report: inside it (``uri``) or beside it (``href``, relative)."""

    uri: str
    href: str


@dataclass(frozen=True)
class Page:
    """All that the sections of one analysis are made from.

    ``record`` is an ``AnalysisRecord`` of ``nimare_pipeline.derivatives``.
    """

    record: Any
    output_dir: Path
    run: Mapping[str, Any]
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the analysis."""
        return str(self.record.name)

    @property
    def evidence(self) -> verdict.Evidence:
        """What the verdict is made from."""
        record = self.record
        return verdict.Evidence(
            facts=record.facts,
            analysis=record.analysis,
            contrasts=record.contrasts,
            clusters=record.clusters,
            problems=tuple(
                # What the cohort decided has no file, and has notices of its own; so have images
                # that were refused.
                str(problem)
                for problem in record.problems
                if (problem.file or verdict.MISSING_N in problem.message)
                and not (record.images is not None and problem.level == "error")
            ),
            failure=verdict.run_failure(self.run["status"], self.name),
            level=record.record.get("Result", {}).get("Level"),
            images=record.images,
            made=record.made,
        )

    @property
    def inference(self) -> Inference:
        """How significance was judged."""
        return self.evidence.inference

    def text(self) -> boilerplate.Text:
        """Methods paragraphs."""
        return boilerplate.methods(
            self.record.facts,
            self.record.analysis,
            self.versions,
            # A conjunction's experiments were chosen, and are described, where they were analysed.
            contrasts=None if self.record.facts.get("conjunction") else self.record.contrasts,
            inference=self.inference,
            images=self.record.images,
            made=self.record.made,
        )

    @property
    def of_images(self) -> bool:
        """Whether it is an analysis of statistical images."""
        return bool(self.record.is_of_images)

    @property
    def statistic(self) -> str:
        """What the estimator's statistic is called."""
        name = page_estimator(self.record)
        return boilerplate.STATISTICS.get(name, name)

    @property
    def versions(self) -> dict[str, str]:
        """Versions that this analysis was made with; those of the run if it does not say."""
        own = self.record.record.get("Versions")
        if not isinstance(own, Mapping) or not own:
            return dict(self.run["versions"])
        ours = self.record.record.get("SoftwareVersion")
        known = {boilerplate.PIPELINE: ours} if ours else {}
        return {str(name): str(version) for name, version in {**known, **own}.items()}

    def relative(self, path: Path | str) -> str:
        """Path as a link from the report."""
        return link(path, self.output_dir)


def page_estimator(record: Any) -> str:
    """Class name of the estimator of an analysis."""
    return str(record.analysis.get("estimator", {}).get("type", defaults.ESTIMATOR))


def link(path: Path | str, output_dir: Path) -> str:
    """Relative address of a file for a page in ``output_dir``."""
    return quote(Path(os.path.relpath(path, output_dir)).as_posix())


@dataclass(frozen=True)
class Spec:
    """What a section is made by: a function to the context of the template ``<slug>.jinja``."""

    slug: str
    title: str
    context: Callable[..., Mapping[str, Any]]


def base(page: Page) -> dict[str, Any]:
    """Names that most templates use."""
    return {
        "name": page.name,
        "pictures": page.pictures,
        "facts": {**dict.fromkeys(boilerplate.FACTS), **page.record.facts},
        "alpha": alpha_of(page),
        "inference": page.inference,
        "statistic": page.statistic,
        "two_sided": paper_words.two_sided(page.record),
        "z_kind": paper_words.z_kind(page.record),
        "is_difference": is_difference(page.record.facts),
        "directions": directions(page.record.facts),
        "groups": group_facts(page.record.facts),
        "group_names": group_names(page.record.facts),
        "fade_below": fade_below(paper_words.z_spec(page.record)),
        "forming_kind": "pooled over voxels" if is_pooled(page.record.facts) else "uncorrected",
    }


def alpha_of(page: Page) -> float:
    """Level of the corrected inference."""
    return float(page.evidence.analysis.get("alpha", defaults.ALPHA))
