"""Report, figures and tables for a paper of a comparison, from its folder of derivatives."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.reports import figures, html, paper, sheet
from nimare_pipeline.settings import Analysis, Component, Settings
from tests.pairs import cohort, make_pair


@pytest.fixture(autouse=True, scope="module")
def coarse() -> Iterator[None]:
    """Pages of few pixels are drawn quickly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet, "DPI", 30)
        yield


@pytest.fixture(scope="module")
def output(coarse: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one comparison, its figures for a paper, and the report."""
    folder = tmp_path_factory.mktemp("pair")
    out = folder / "out"
    settings = Settings(str(folder), str(out), str(folder / "work"), "20260102-aa")
    contrasts, coordinates = cohort()
    result = make_pair()
    clusters = cluster_table(result, foci=coordinates)
    figures.draw_all(
        result,
        contrasts=contrasts,
        coordinates=coordinates,
        labels=clusters.label_map,
        out_dir=folder / "figures",
    )
    derivatives.write_analysis(
        folder / "stage",
        analysis=Analysis("painVersusTouch", "pair", Component("ALESubtraction")),
        settings=settings,
        cohort_contrasts=contrasts,
        cohort_coordinates=coordinates,
        result=result,
        clusters=clusters,
        figures_dir=folder / "figures",
    )
    derivatives.swap_in(folder / "stage", out, "painVersusTouch")
    derivatives.write_dataset_level(out, settings)
    paper.write_paper_figures(out)
    html.write_report(out)
    return out


@pytest.fixture(scope="module")
def report(output: Path) -> str:
    """Text of the report, white space folded."""
    return " ".join((output / "report.html").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "text",
    [
        "3 clusters of significant difference: 1 where pain &gt; touch, 2 where touch &gt; pain",
        "<dd>18</dd><dt>experiments of pain</dt>",
        "<dd>12</dd><dt>experiments of touch</dt>",
        "touch: 12 experiments, 240 participants, 36 foci",
        "of pain in red, of touch in blue.",
        "red to yellow where pain &gt; touch, blue to white where touch &gt; pain.",
        "Values of z between −3 and 3 fade out.",
        "the z furthest from 0 along each line of sight",
        ">Exp. pain</button>",
        ">Direction</button>",
        "Clusters where pain &gt; touch come first; voxels of opposite directions are never",
        "cluster size, voxels, touch &gt; pain",
        "a row for each direction, with a null of its own and half of the level",
        "z of pain minus touch (group1MinusGroup2), corrected for family-wise error by cluster",
        ">Group</button>",
    ],
)
def test_report_speaks_of_the_groups_by_their_names(report: str, text: str) -> None:
    """Verdict, captions, tables and files."""
    assert text in report


@pytest.mark.parametrize("text", ["was not made", "could not be made", "group 1", "one-tailed"])
def test_report_leaves_nothing_unsaid(report: str, text: str) -> None:
    """No figure is missing, no section broken, no group without its name."""
    assert text not in report


def test_figures_for_a_paper_say_what_their_colours_mean(output: Path) -> None:
    """Both sides are drawn and explained in the legend."""
    sidecars = [json.loads(path.read_text()) for path in (output / "figures").glob("*.json")]
    assert len(sidecars) == 4
    for sidecar in sidecars:
        assert sidecar["TwoSided"] is True
        assert "(two-tailed)" in sidecar["Description"]
        assert "Red: pain > touch; blue: touch > pain." in sidecar["Description"]
    whole = [one for one in sidecars if "whole map" in one["Description"]]
    assert all("fading away below 3 on either side" in one["Description"] for one in whole)


def test_svg_names_both_ends_of_the_colour_bar(output: Path) -> None:
    """Text stays text, also at the colour bar."""
    paths = sorted((output / "figures").glob("*_statmap.svg"))
    assert len(paths) == 4
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for line in ("pain &gt;", "touch", "touch &gt;", "pain"):
            assert f">{line}<" in text


def test_tables_to_paste_have_directions_and_both_groups(output: Path) -> None:
    """A reader of the table sees who has more, and whose experiments are inside."""
    (path,) = output.glob("tpl-*/*/*_clusters.html")
    page = path.read_text(encoding="utf-8")
    assert (
        "Significant differences between pain (18 experiments) and touch (12 experiments), "
        "ALESubtraction “painVersusTouch”, cluster-size FWE p &lt; .05"
    ) in page
    for head in ("Direction", "ALE difference", "Experiments of pain", "Experiments of touch"):
        assert f">{head}</th>" in page
    assert page.count(">touch &gt; pain</td>") == 2
    (path,) = output.glob("tpl-*/*/*_contrasts.html")
    assert ">Group</th>" in path.read_text(encoding="utf-8")


def test_without_uncorrected_z_the_corrected_one_is_shown(tmp_path: Path) -> None:
    """A balanced comparison has a difference and its corrected p, and nothing else."""
    group = "balancedGroup1MinusGroup2"
    whole = make_pair(estimator="BalancedALESubtraction", group=group)
    kept = {
        name: spec
        for name, spec in whole.specs.items()
        if spec.statistic == "stat" or spec.level == "voxel"
    }
    arrays = {
        name: values
        for name, values in whole.arrays.items()
        if name not in {"suprathreshold", "excess"} and not name.endswith(("_size", "_mass"))
    }
    facts = {name: fact for name, fact in whole.facts.items() if name != "cluster_forming"}
    maps = {name: whole.maps[name] for name in kept}
    result = replace(whole, maps=maps, specs=kept, arrays=arrays, facts=facts)
    contrasts, coordinates = cohort()
    clusters = cluster_table(result, foci=coordinates, level="voxel")
    assert clusters.clusters["direction"].tolist() == ["pain > touch"] + ["touch > pain"] * 2
    drawn = figures.draw_all(
        result,
        contrasts=contrasts,
        coordinates=coordinates,
        labels=clusters.label_map,
        out_dir=tmp_path / "figures",
    )
    assert {"result_mosaic", "z_mosaic", "null_montecarlo"} <= drawn.keys()
    out = tmp_path / "out"
    settings = Settings(str(tmp_path), str(out), str(tmp_path / "work"), "20260102-aa")
    derivatives.write_analysis(
        tmp_path / "stage",
        analysis=Analysis("balanced", "pair", Component("BalancedALESubtraction")),
        settings=settings,
        cohort_contrasts=contrasts,
        cohort_coordinates=coordinates,
        result=result,
        clusters=clusters,
        figures_dir=tmp_path / "figures",
    )
    derivatives.swap_in(tmp_path / "stage", out, "balanced")
    assert len(paper.write_paper_figures(out)["balanced"]) == 10
    text = " ".join(html.write_report(out).read_text(encoding="utf-8").split())
    assert "Colour is the corrected z of each voxel" in text
    assert "could not be made" not in text
    (path,) = out.glob("tpl-*/*/*Thresholded_statmap.json")
    assert json.loads(path.read_text())["Description"].startswith("Corrected z inside")
