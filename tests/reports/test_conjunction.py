"""What verdict, texts and report say of a conjunction."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.conjunction_parts import conjoin
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.reports import boilerplate, paper_words
from nimare_pipeline.reports.html import write_report
from nimare_pipeline.reports.verdict import Evidence, verdict
from nimare_pipeline.settings import Analysis, Component, Settings
from tests import derived

VERSIONS = {"nimare-pipeline": "0.1.0"}


def write_both(out: Path, level: str, z_b: float = 3.0) -> Path:
    """Two results and their conjunction, as derivatives."""
    for name, z, n in (("heat", 4.0, 30), ("cold", z_b, 12)):
        result = derived.made_result([z] * 6, voxel=[0.01] * 6, n_contrasts=n)
        derived.write(out, name, result)
    analysis = Analysis(
        "both", type="conjunction", estimator=Component("Conjunction"), corrector=Component(""),
        options={"of": ["heat", "cold"], "level": level},
    )  # fmt: skip
    result, contrasts, coordinates = conjoin(out, analysis)
    derivatives.write_analysis(
        out.with_name("stage"),
        analysis=analysis,
        settings=Settings("/in", str(out), "", "run"),
        cohort_contrasts=contrasts,
        cohort_coordinates=coordinates,
        result=result,
        clusters=cluster_table(result, level="none", foci=coordinates),
    )
    derivatives.swap_in(out.with_name("stage"), out, "both")
    return out


@pytest.fixture
def record(tmp_path) -> Any:
    """The conjunction, read back."""
    read = derivatives.read(write_both(tmp_path / "out", "result"))
    return next(one for one in read.analyses if one.name == "both")


def evidence(record: Any, clusters: pd.DataFrame | None = None) -> Evidence:
    return Evidence(
        record.facts,
        record.analysis,
        record.contrasts,
        record.clusters if clusters is None else clusters,
        level=record.record["Result"]["Level"],
    )


def test_methods(record) -> None:
    """What was combined, against which null, and the criterion of each part."""
    found = boilerplate.methods(record.facts, record.analysis, VERSIONS)
    text = found.markdown
    assert text.startswith(
        "Where each of heat and cold has a result was examined by a conjunction of minimum "
        "statistics [@nichols2005] as implemented in nimare-pipeline 0.1.0: at each voxel the z "
        "nearest to zero of the 2 analyses, if all have one sign, and 0 where they disagree. This "
        "tests against the conjunction null, that at least one of the effects is absent"
    )
    assert "(heat: FWE-corrected p < 0.05 voxel by voxel; cold: FWE-corrected p < 0.05" in text
    assert "nichols2005" in found.citations
    assert "Convergence was tested" not in text
    assert "experiments (contrasts)" not in text


def test_methods_of_a_level(tmp_path) -> None:
    """With a level of its own, that level and its alpha."""
    read = derivatives.read(write_both(tmp_path / "out", "voxel"))
    record = next(one for one in read.analyses if one.name == "both")
    text = boilerplate.methods(record.facts, record.analysis, VERSIONS).markdown
    assert (
        "Voxels are reported with corrected p < 0.05 voxel by voxel in each of heat and cold; in "
        "clusters of them, voxels that share a face were neighbours"
    ) in text


def test_results(record) -> None:
    """A draft of the results speaks of all parts; without clusters too."""
    text = boilerplate.results(record.facts, record.analysis, record.clusters).markdown
    assert text.startswith(
        "1 cluster was significant in each of heat and cold (each of heat and cold by its own "
        "criterion). Cluster 1 (6 voxels, 48 mm³) had its peak at MNI (0, 0, 0) on the midline "
        "(minimum z = 3), with foci of 2 experiments inside."
    )
    nothing = boilerplate.results(record.facts, record.analysis, record.clusters.iloc[:0])
    assert nothing.markdown.startswith("No cluster was significant in each of heat and cold (")
    assert "convergence" not in nothing.markdown


def test_verdict_is_that_of_the_weakest(record) -> None:
    """Headline of its own; the part with too few experiments is named; no notices of studies."""
    judged = verdict(evidence(record))
    assert (
        judged.headline == "1 cluster of conjunction (each of heat and cold by its own criterion)"
    )
    assert judged.level == "bad"
    titles = [notice.title for notice in judged.notices]
    assert "cold has only 12 experiments: too few" in titles
    assert not [title for title in titles if "outside" in title or "studies" in title]
    assert verdict(evidence(record, record.clusters.iloc[:0])).headline.startswith(
        "No cluster of conjunction ("
    )


def test_legend_of_a_figure(record) -> None:
    """Figures for a paper state the same criterion."""
    assert paper_words.threshold(record) == "each of heat and cold by its own criterion"


def test_report(tmp_path) -> None:
    """A section says what is combined; sections of studies and nulls are left out."""
    page = write_report(write_both(tmp_path / "out", "result")).read_text()
    own = page[page.index('<article id="analysis-both">') :].split("</article>")[0]
    assert "could not be made" not in own
    titles = [part.split("</h3>")[0] for part in own.split("<h3>")[1:]]
    assert titles == ["What is combined", "Result", "Clusters", "Text for a paper", "Files"]
    assert '<a href="#analysis-heat">heat</a>' in own
    assert "corrected p (FWE" not in own


def test_damaged_record_is_read(tmp_path) -> None:
    """Without its record a conjunction is read from sidecars, and a report comes out."""
    out = write_both(tmp_path / "out", "result")
    (path,) = out.glob("tpl-*/cohort-both/*_analysis.json")
    path.unlink()
    record = next(one for one in derivatives.read(out).analyses if one.name == "both")
    assert record.result_spec.statistic == "z"
    assert record.facts["conjunction"]["of"] == ["heat", "cold"]
    assert write_report(out).exists()
