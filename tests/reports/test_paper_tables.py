"""Tables to paste from: columns and cells of a paper, formatting that travels with the cells."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from nimare_pipeline.maps import MapSpec
from nimare_pipeline.reports import paper_tables, paper_words
from tests.reports.conftest import HOSTILE, Small

SIZE = MapSpec("z", level="cluster", measure="size", correction="FWE", method="montecarlo")
VOXEL = replace(SIZE, level="voxel", measure=None)
FDR = MapSpec("z", correction="FDR", method="indep")


class Tables(HTMLParser):
    """Rows of texts of every table, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.cell = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.cell = True

    def handle_endtag(self, tag):
        self.cell &= tag not in ("td", "th")

    def handle_data(self, data):
        if self.cell:
            self.tables[-1][-1][-1] += data


def record(small: Small, **changes: Any) -> Any:
    """What the pages read of an AnalysisRecord."""
    known = {
        "maps": {},
        "name": "pain",
        "folder": Path("tpl-MNI152NLin6Asym/cohort-pain"),
        "record": {"Result": {"Alpha": 0.05}},
        "analysis": {"estimator": {"type": "ALE"}},
        "facts": small.result.facts,
        "clusters": small.clusters.clusters,
        "contrasts": small.contrasts,
        "result_spec": SIZE,
    }
    return SimpleNamespace(**{**known, **changes})


def clusters(**columns: Any) -> pd.DataFrame:
    """Two peaks of one cluster, and another cluster."""
    known = {
        "cluster": [1, 1, 2],
        "peak": ["1", "1a", "2"],
        "x": [38.0, -6.5, 0.0],
        "y": [4.0, -10.0, 2.0],
        "z": [2.0, 8.0, 4.0],
        "side": ["right", "left", "midline"],
        "stat": [0.034118, 0.0269, 0.0231],
        "z_stat": [6.7297, 5.7427, 5.1903],
        "p_size_fwe": [0.0001, None, 0.0123],
        "p_mass_fwe": [0.02, None, 0.03],
        "p_voxel_fwe": [0.0005, 0.2, 1.0],
        "n_voxels": [1806, None, 662],
        "volume_mm3": [14448.0, None, 5296.0],
        "n_experiments": [14, None, 11],
    }
    return pd.DataFrame({**known, **columns})


def test_clusters_are_written_as_a_paper_does(small: Small) -> None:
    """Heads, thousands, true minus, p without a leading zero, and nothing where nothing is."""
    (table,) = Tables(paper_tables.clusters_page(record(small, clusters=clusters()))).tables
    assert table == [
        ["Cluster", "Side", "x", "y", "z", "z value", "ALE value", "p (FWE, cluster size)",
         "Volume (mm³)", "Voxels", "Experiments"],
        ["1", "R", "38", "4", "2", "6.73", "0.0341", "< .001", "14,448", "1,806", "14"],
        ["\N{EM SPACE}1a", "L", "−6.5", "−10", "8", "5.74", "0.0269", "", "", "", ""],
        ["2", "M", "0", "2", "4", "5.19", "0.0231", ".012", "5,296", "662", "11"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "head", "cells"),
    [
        (replace(SIZE, measure="mass"), "p (FWE, cluster mass)", [".020", "", ".030"]),
        (VOXEL, "p (FWE, voxel)", ["< .001", ".200", "> .999"]),
        (FDR, "p (FDR, voxel)", [".001", ".002", ".003"]),
    ],
)  # fmt: skip
def test_p_is_the_one_that_was_judged_by(small: Small, spec, head, cells) -> None:
    """One column of p: of the level and the error rate of the result."""
    rows = clusters(p_voxel_fdr=[0.001, 0.002, 0.003])
    page = paper_tables.clusters_page(record(small, clusters=rows, result_spec=spec))
    (table,) = Tables(page).tables
    column = [row[7] for row in table]
    assert column == [head, *cells]
    assert sum(name.startswith("p (") for name in table[0]) == 1


def test_statistics_that_are_counts_have_no_decimals(small: Small) -> None:
    """A sum of kernels is a whole number, under its own name."""
    rows = clusters(stat=[12.0, 9.0, 8.0])
    kda = {"estimator": {"type": "KDA"}}
    (table,) = Tables(
        paper_tables.clusters_page(record(small, clusters=rows, analysis=kda))
    ).tables
    assert [row[6] for row in table] == ["Foci within reach", "12", "9", "8"]


def test_regions_have_a_column_where_they_are_known(small: Small) -> None:
    """Labels of an atlas stand beside the cluster."""
    rows = clusters(region=["Insula", "Insula", "SMA"])
    (table,) = Tables(paper_tables.clusters_page(record(small, clusters=rows))).tables
    assert [row[1] for row in table] == ["Region", "Insula", "Insula", "SMA"]


def test_caption_and_note_say_what_a_reader_must_know(small: Small) -> None:
    """Analysis, threshold, experiments, space, sub-peaks, sides."""
    page = paper_tables.clusters_page(record(small, clusters=clusters()))
    text = re.sub(r"<[^>]+>", "", page)
    assert (
        "Significant clusters of the ALE meta-analysis “pain” of 19 experiments, cluster-size FWE "
        "p &lt; .05 (clusters formed at p &lt; .001, 99 Monte Carlo iterations)." in text
    )
    assert "in mm, MNI space (MNI152NLin6Asym)" in text
    assert "Indented rows: further peaks of the cluster, at least 8 mm apart." in text
    assert "Side: L left, R right, M midline." in text
    assert "z value: uncorrected, one-tailed" in text


def test_note_speaks_only_of_what_is_there(small: Small) -> None:
    """Without sub-peaks nothing is indented; without a midline there is no M."""
    text = paper_tables.clusters_page(record(small, clusters=clusters().iloc[:1]))
    assert "Indented" not in text
    assert "Side: R right." in text


def test_nothing_significant_gives_no_table(small: Small) -> None:
    """An empty table is no table."""
    assert paper_tables.clusters_page(record(small, clusters=clusters().iloc[:0])) == ""


def test_experiments_and_those_left_out(small: Small) -> None:
    """Two tables: what was analysed, with N and foci, and what was not, with the reason."""
    analysed, left_out = Tables(paper_tables.contrasts_page(record(small))).tables
    assert analysed[0] == ["Study", "Contrast", "N", "Foci", "Space", "Transform"]
    assert len(analysed) == 1 + 19
    assert analysed[1] == ["study00", "1", "10", "3", "TAL", "tal2mni-other"]
    assert analysed[3] == ["study02", "1", "12", "3", "MNI", ""]
    assert left_out == [["Study", "Contrast", "Reason"], ["study19", "1", "no foci"]]


def test_columns_without_values_are_left_out(small: Small) -> None:
    """No transform and no sample size: no such columns, and no table of exclusions."""
    kept = small.contrasts.iloc[2:5].assign(sample_size=float("nan"))
    (table,) = Tables(paper_tables.contrasts_page(record(small, contrasts=kept))).tables
    assert table[0] == ["Study", "Contrast", "Foci", "Space"]


def test_sample_sizes_put_in_are_marked(small: Small) -> None:
    """An asterisk, and what it means."""
    kept = small.contrasts.iloc[:3].assign(sample_size_filled=[False, True, False])
    page = paper_tables.contrasts_page(record(small, contrasts=kept))
    (table,) = Tables(page).tables
    assert [row[2] for row in table] == ["N", "10", "11*", "12"]
    assert "* No sample size is reported" in page


def test_text_is_escaped(small: Small) -> None:
    """A hostile study is text."""
    rows = small.contrasts.iloc[:2].assign(study_id=[HOSTILE, "b"])
    found = Tables(paper_tables.contrasts_page(record(small, contrasts=rows)))
    assert found.tables[0][1][0] == HOSTILE
    assert not [tag for tag, _ in found.tags if tag == "script"]


def test_formatting_is_in_the_cells(small: Small) -> None:
    """No script, no style sheet, no class: what is pasted keeps its looks."""
    found = Tables(paper_tables.clusters_page(record(small, clusters=clusters())))
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "style", "link", "img"}
    assert not [attributes for _, attributes in found.tags if "class" in attributes]
    cells = [attributes for tag, attributes in found.tags if tag in ("td", "th")]
    assert all("text-align" in cell["style"] and "align" in cell for cell in cells)
    heads = [attributes for tag, attributes in found.tags if tag == "th"]
    assert all("border-top" in head["style"] for head in heads)
    assert ["border-bottom" in cell["style"] for cell in cells][-11:] == [True] * 11


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05, ".050"), (0.0123, ".012"), (0.0009, "< .001"), (0.001, ".001"), (1.0, "> .999"),
     (0.9994, ".999"), (float("nan"), ""), (None, "")],
)  # fmt: skip
def test_p_text(value, text) -> None:
    """Three decimals, no leading zero, bounds beyond them."""
    assert paper_words.p_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, ".05"), (0.001, ".001"), (1e-5, ".00001"), (0.5, ".5")]
)
def test_level_text(value, text) -> None:
    """Levels as they were given, without a leading zero."""
    assert paper_words.level_text(value) == text


@pytest.mark.parametrize(
    ("spec", "facts", "expected"),
    [
        (
            SIZE,
            {"cluster_forming": {"p": 0.001}, "montecarlo": {"n_iters": 500}},
            "cluster-size FWE p < .05 (clusters formed at p < .001, 500 Monte Carlo iterations)",
        ),
        (SIZE, {}, "cluster-size FWE p < .05"),
        (
            replace(SIZE, level="voxel", measure=None),
            {"montecarlo": {"n_iters": 1}},
            "voxel-level FWE p < .05 (1 Monte Carlo iteration)",
        ),
        (
            MapSpec("z", correction="FWE", method="bonferroni"),
            {"montecarlo": {"n_iters": 100}},
            "voxel-level FWE p < .05 (Bonferroni)",
        ),
        (
            MapSpec("z", correction="FDR", method="negcorr"),
            {},
            "voxel-level FDR p < .05 (Benjamini–Yekutieli)",
        ),
        (MapSpec("z"), {}, "uncorrected p < .05"),
    ],
)
def test_threshold_in_words(small: Small, spec, facts, expected) -> None:
    """Level, error rate and method of the result; nothing that is not known."""
    assert paper_words.threshold(record(small, result_spec=spec, facts=facts)) == expected
