"""The report as a file: whole, safe, and made of whatever is there."""

import base64
import hashlib
import platform
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.errors import NoInputError, Problem
from nimare_pipeline.reports import html, pages, sections
from tests.reports.conftest import HOSTILE, Small

Write = Callable[..., Path]


class Elements(HTMLParser):
    """All start tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def every(self, tag: str) -> list[dict[str, str]]:
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        """What a reader sees, and the script and style."""
        return " ".join(" ".join(self.words).split())


def report(output: Path) -> str:
    """Write and read the report."""
    return html.write_report(output).read_text(encoding="utf-8")


def test_report_holds_every_section_and_figure(small: Small, write: Write) -> None:
    """All sections are there, none is broken, and each picture is inside."""
    page = Elements(report(write(small)))
    titles = [spec.title for spec in (*sections.ANALYSIS_SECTIONS, *sections.RUN_SECTIONS)]
    assert all(title in page.text for title in titles)
    assert "could not be made" not in page.text
    assert len(page.every("img")) == 8
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_report_loads_nothing(small: Small, write: Write) -> None:
    """Pictures are data, links go to files beside it or to DOIs, and a policy forbids the rest."""
    text = report(write(small))
    page = Elements(text)
    assert not page.every("link")
    assert not page.every("iframe")
    assert all(image["src"].startswith("data:image/") for image in page.every("img"))
    assert [script for script in page.every("script") if script] == []
    links = [link["href"] for link in page.every("a")]
    assert {link.split(":")[0] for link in links if ":" in link} == {"https"}
    assert all(link.startswith("https://doi.org/") for link in links if ":" in link)
    assert "url(" not in text
    assert "@import" not in text
    policy = next(meta["content"] for meta in page.every("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; img-src data:")


def test_policy_allows_the_one_script(small: Small, write: Write) -> None:
    """The hash in the policy is that of the script, so that no other can run."""
    text = report(write(small))
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert len(script) < 10_000


def test_internal_links_have_targets(small: Small, write: Write) -> None:
    """Every link within the page, citations too, leads somewhere."""
    page = Elements(report(write(small)))
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    inner = {link["href"][1:] for link in page.every("a") if link["href"].startswith("#")}
    assert inner <= ids


def test_links_to_files_have_targets(small: Small, write: Write) -> None:
    """Every map and citation file that is linked exists."""
    output = write(small)
    page = Elements(report(output))
    beside = [link["href"] for link in page.every("a") if link["href"][0] != "#"]
    beside = [link for link in beside if ":" not in link]
    assert len(beside) >= 13
    assert all((output / link).is_file() for link in beside)


@pytest.mark.parametrize(
    "column", ["study_id", "contrast_id", "original_space", "space_transform", "file", "reason"]
)
def test_text_of_the_contrasts_is_escaped(small: Small, write: Write, column: str) -> None:
    """Nothing in the table of experiments becomes markup."""
    contrasts = small.contrasts.assign(**{column: HOSTILE})
    text = report(write(replace(small, contrasts=contrasts)))
    page = Elements(text)
    assert len(page.every("script")) == 1
    assert HOSTILE in page.text
    assert "could not be made" not in page.text


def test_other_text_is_escaped(small: Small, write: Write) -> None:
    """Nothing in foci, clusters, problems, status, settings or log becomes markup."""
    table = replace(
        small.clusters, clusters=small.clusters.clusters.assign(experiments=HOSTILE, side=HOSTILE)
    )
    hostile = replace(
        small, coordinates=small.coordinates.assign(study_id=HOSTILE), clusters=table
    )
    output = write(
        hostile,
        problems=(Problem("warning", HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        status={"line": HOSTILE, "exit_code": 3, "version": HOSTILE},
        sources=(HOSTILE,),
    )
    logs = output / "logs" / "20260101-120000_abc"
    (logs / "run.log").write_text(HOSTILE)
    (logs / "crash-1.txt").write_text(HOSTILE)
    page = Elements(report(output))
    assert len(page.every("script")) == 1
    assert page.text.count(HOSTILE) >= 10
    assert len(Elements((output / "logs" / "CITATION.html").read_text()).every("script")) == 0


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("figures/*", "was not made"),
        ("tpl-*/cohort-*/*_contrasts.tsv", "table of experiments is not among the derivatives"),
        ("tpl-*/cohort-*/*_coordinates.tsv", "table of foci is not among the derivatives"),
        ("tpl-*/cohort-*/*_clusters.tsv", "no table of clusters"),
        ("tpl-*/cohort-*/*_statmap.nii.gz", "No maps were found"),
        ("tpl-*/cohort-*/*_nulldist.*", "Uncorrected null"),
        ("tpl-*/cohort-*/*_analysis.json", "no record of the analysis"),
        ("logs/*/settings.toml", "The command was not recorded"),
        ("logs/*/status.json", "Log, last 1 lines"),
        ("logs/*/run.log", "There is no log of the run"),
        ("dataset_description.json", "cannot be read"),
    ],
)
def test_a_missing_piece_does_not_kill_the_report(
    small: Small, write: Write, pattern: str, says: str
) -> None:
    """Whatever file is deleted, the report is made and says what is not there."""
    output = write(small)
    gone = list(output.glob(pattern))
    assert gone
    for path in gone:
        path.unlink()
    page = Elements(report(output))
    assert says in page.text
    assert "could not be made" not in page.text


@pytest.mark.parametrize(
    "pattern",
    ["tpl-*/cohort-*/*.tsv", "tpl-*/cohort-*/*_analysis.json", "logs/*/*", "*.json"],
)
def test_a_damaged_piece_does_not_kill_the_report(
    small: Small, write: Write, pattern: str
) -> None:
    """Whatever file is overwritten with rubbish, the report is made."""
    output = write(small)
    for path in output.glob(pattern):
        path.write_bytes(b"\xff\x00rubbish\t<b>")
    assert "References" in Elements(report(output)).text


def test_a_broken_section_says_so(
    small: Small, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in one section leaves the others whole."""

    def broken(_page: pages.Page) -> dict[str, object]:
        raise RuntimeError("no <luck>")

    spec = pages.Spec("clusters", "Clusters", broken)
    monkeypatch.setattr(sections, "ANALYSIS_SECTIONS", (spec, *sections.ANALYSIS_SECTIONS[4:]))
    page = Elements(report(write(small)))
    assert "This section could not be made: RuntimeError: no <luck>" in page.text
    assert "Monte Carlo nulls." in page.text


def test_caption_of_the_clusters_names_the_columns_there_are(small: Small, write: Write) -> None:
    """p of size and mass are spoken of where the table has them."""
    three = "p(size), p(mass) and p(voxel) are FWE-corrected by Monte Carlo."
    assert three in Elements(report(write(small))).text
    table = small.clusters.clusters.assign(p_size_fwe=np.nan, p_mass_fwe=np.nan)
    voxels = replace(small, clusters=replace(small.clusters, clusters=table))
    text = Elements(report(write(voxels))).text
    assert "p(voxel) is FWE-corrected by Monte Carlo." in text
    assert "p(size)" not in text


def test_achieved_level_is_quoted_where_it_differs(small: Small, write: Write) -> None:
    """0.00099 is p < 0.001; a discrete statistic may be far from it."""
    assert "(p < 0.001) form clusters." in Elements(report(write(small))).text
    facts = dict(small.result.facts)
    facts["cluster_forming"] = {**facts["cluster_forming"], "achieved_p": 0.000256}
    text = Elements(report(write(replace(small, result=replace(small.result, facts=facts))))).text
    assert "(p < 0.001; achieved 0.000256) form clusters." in text


def test_nulls_say_that_no_cluster_can_form(small: Small, write: Write) -> None:
    """Where no value is unlikely enough the section on nulls says so, and quotes no sizes."""
    facts = dict(small.result.facts)
    facts["cluster_forming"] = {"p": 0.001, "statistic": None, "achieved_p": 0.0}
    known = facts["montecarlo"]["thresholds"]
    facts["montecarlo"] = {
        **facts["montecarlo"],
        "thresholds": {**known, "size_voxels": dict.fromkeys(known["size_voxels"])},
    }
    text = Elements(report(write(replace(small, result=replace(small.result, facts=facts))))).text
    assert "No value is as unlikely as p < 0.001, so that no cluster can form." in text
    assert "no cluster can form" in text.partition("cluster size, voxels")[2]


def test_nothing_significant_is_said_everywhere(nothing: Small, write: Write) -> None:
    """Verdict, result, table and draft say that nothing is significant."""
    text = Elements(report(write(nothing))).text
    assert "No cluster of significant convergence" in text
    assert "there is no thresholded map to show" in text
    assert "A cluster would have needed more than 18 voxels." in text
    assert "No cluster is significant, so there is no table." in text
    assert "No cluster showed significant convergence" in text


def test_several_analyses_share_a_report(small: Small, nothing: Small, write: Write) -> None:
    """Each analysis has its own sections, and an overview names all."""
    write(small, "pain")
    page = Elements(report(write(nothing, "touch")))
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {"analysis-pain-clusters", "analysis-touch-clusters"} <= ids
    assert "Meta-analysis report: pain, touch" in page.text
    assert page.every("table")[0]["class"] == "plain overview"


def test_analyses_stand_in_the_order_of_the_run(
    small: Small, nothing: Small, write: Write
) -> None:
    """Not by name: as they were asked for; what the run does not name comes last."""
    write(small, name="alpha")
    write(small, name="beta")
    planned = [{"name": name, "exit_code": 0} for name in ("zeta", "beta")]
    page = report(write(nothing, name="zeta", status={"analyses": planned}))
    places = [page.index(f"<h2>{name}</h2>") for name in ("zeta", "beta", "alpha")]
    assert places == sorted(places)


def test_analyses_without_a_result_are_listed(small: Small, write: Write) -> None:
    """One that failed and has left nothing is in the overview, with the reason."""
    planned = [
        {"name": "<bad>", "exit_code": 65, "reason": "no <foci>", "state": "failed"},
        {"name": "late", "exit_code": None, "reason": "", "state": "not started"},
        {"name": "pain", "exit_code": 65, "reason": "but an earlier result is here"},
        {"odd": 1},
        "odd",
    ]
    text = report(write(small, status={"analyses": planned}))
    assert "</span>&lt;bad&gt;</td><td>No result: no &lt;foci&gt;</td>" in text
    assert "</span>late</td><td>No result: not started</td>" in text
    assert "</span>pain</td>" not in text


def test_aim_and_selection_are_shown(small: Small, write: Write) -> None:
    """What an analysis is for and what it selects stand under its name; neither is invented."""
    text = report(write(small, description="Why <we> ask", select='a\n  == "<b>"'))
    assert "<p>Why &lt;we&gt; ask</p>" in text
    assert "selected by <code>a == &#34;&lt;b&gt;&#34;</code>" in text
    assert "selected by" not in report(write(small))


def test_contrasts_not_selected_are_counted_not_listed(small: Small, write: Write) -> None:
    """Of a database most contrasts are not selected: the number is in the flow, no row each."""
    contrasts = small.contrasts.copy()
    extra = contrasts.iloc[:1].assign(
        id="elsewhere-1", study_id="elsewhere", included=False, reason="not selected"
    )
    page = report(write(replace(small, contrasts=pd.concat([contrasts, extra]))))
    assert "<li>not selected: 1</li>" in page
    assert ">elsewhere<" not in page


def test_a_failed_run_is_at_the_top(small: Small, write: Write) -> None:
    """A failure of the run, and of the analysis whose old result is shown, is said."""
    outcome = {"name": "pain", "exit_code": 73, "reason": "the disk is full"}
    status = {"exit_code": 73, "line": "FAILED (exit 73): full", "analyses": [outcome]}
    text = Elements(report(write(small, status=status))).text
    assert "The last run did not succeed FAILED (exit 73): full" in text
    assert "The last run of this analysis failed. the disk is full" in text


def test_an_analysis_without_result_is_in_the_overview(small: Small, write: Write) -> None:
    """Of two analyses one failed: the run is called incomplete, and the reason stands in a row."""
    outcomes = [
        {"name": "pain", "exit_code": 0, "reason": ""},
        {"name": "touch", "exit_code": 18, "reason": "nothing selected"},
    ]
    status = {"status": "PARTIAL", "exit_code": 3, "line": "PARTIAL", "analyses": outcomes}
    page = Elements(report(write(small, status=status)))
    assert "The last run is incomplete PARTIAL" in page.text
    assert page.every("table")[0]["class"] == "plain overview"
    assert "touch No result: nothing selected" in page.text


def test_a_folder_without_analyses_gives_a_report(tmp_path: Path) -> None:
    """Also a run that made nothing is reported on."""
    assert "There is no complete analysis in this folder" in Elements(report(tmp_path)).text


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """There is nothing to report on where nothing is."""
    with pytest.raises(NoInputError, match="is not a folder of results"):
        html.write_report(tmp_path / "nowhere")


def test_report_is_the_same_twice(small: Small, write: Write) -> None:
    """The report depends on the folder alone."""
    output = write(small)
    assert report(output) == report(output)


def test_report_quotes_run_and_methods(small: Small, write: Write) -> None:
    """Command (quoted for a shell), identifier and versions stand in the report."""
    text = Elements(report(write(small))).text
    assert "nimare-pipeline 'my data' out meta" in text
    assert "20260101-120000_abc" in text


def test_report_holds_the_versions_that_the_analysis_records(small: Small, write: Write) -> None:
    """Versions and machine go from the record to the settings and the methods, with citations."""
    output = write(small)
    text = Elements(report(output)).text
    assert f"NumPy {np.__version__} ( Harris et al., 2020 )" in text
    assert f"pandas {pd.__version__}" in text
    assert f"Architecture {platform.machine()}" in text
    assert "Versions were not recorded" not in text
    assert "harris2020" in (output / "logs/CITATION.bib").read_text()


def test_imputed_sample_sizes_are_marked_from_file_to_report(small: Small, write: Write) -> None:
    """A sample size that no file gave has an asterisk and a note, and its text a sentence."""
    contrasts = small.contrasts.assign(sample_size_filled=[i == 4 for i in range(20)])
    page = Elements(report(write(replace(small, contrasts=contrasts), missing_n="median")))
    assert [word for word in page.words if word.endswith("*")] == ["14*"]
    assert "* Not reported: the median of the others was used" in page.text
    assert "given the median of the others, 14 participants" in page.text
    assert "1 experiment without reported N" in page.text


def test_given_widths_are_told_from_file_to_report(small: Small, write: Write) -> None:
    """Kernels of a given width are in the table, the note and the methods."""
    gaps = [i < 2 for i in range(20)]
    contrasts = small.contrasts.assign(
        sample_size_filled=gaps,
        sample_size=small.contrasts["sample_size"].mask(gaps),
        kernel_fwhm=[10.0 if gap else float("nan") for gap in gaps],
    )
    page = Elements(report(write(replace(small, contrasts=contrasts), missing_n="10")))
    assert "Kernel, mm" in page.text
    assert "2 experiments without N have a kernel of a width that was given" in page.text
    assert "were given a FWHM of 10 mm." in page.text


def test_captions_say_that_z_is_one_tailed(small: Small, write: Write) -> None:
    """Nobody takes 0 for the absence of a negative effect."""
    text = Elements(report(write(small))).text
    assert "negative z are shown as 0, because the test is one-tailed" in text


def test_checksums_are_those_of_the_files(small: Small, write: Write) -> None:
    """The digest beside a map is that of the file."""
    output = write(small)
    text = report(output)
    (path,) = output.glob("tpl-*/cohort-pain/*stat-z_statmap.nii.gz")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text


def test_citation_files_are_written(small: Small, write: Write) -> None:
    """The methods stand beside the report in four forms."""
    output = write(small)
    report(output)
    made = sorted(path.name for path in (output / "logs").glob("CITATION.*"))
    assert made == ["CITATION.bib", "CITATION.html", "CITATION.md", "CITATION.tex"]


def test_report_reads_nothing_but_the_folder(small: Small, write: Write, tmp_path: Path) -> None:
    """Moved elsewhere, the derivatives give the same report."""
    output = write(small)
    before = report(output)
    moved = output.rename(tmp_path / "moved")
    assert html.render_report(derivatives.read(moved), moved) == before


def test_pictures_beyond_the_budget_are_linked(tmp_path: Path) -> None:
    """The most telling pictures go in first; the others are linked."""
    for name in ("z.svg", "mosaic.png", "foci #1.svg"):
        (tmp_path / name).write_bytes(b"x" * 300)
    figures = {
        "a": {
            "z_mosaic": tmp_path / "z.svg",
            "result_mosaic": tmp_path / "mosaic.png",
            "foci": tmp_path / "foci #1.svg",
            "gone": tmp_path / "gone.svg",
        }
    }
    made = html.embed(figures, tmp_path, budget=500)["a"]
    assert made["result_mosaic"].uri.startswith("data:image/png;base64,eHh4")
    assert (made["foci"].uri, made["foci"].href) == ("", "foci%20%231.svg")
    assert made["z_mosaic"].uri == ""
    assert "gone" not in made


def test_a_linked_picture_is_named_in_the_report(
    small: Small, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that did not fit is pointed to."""
    monkeypatch.setattr(html.embed, "__defaults__", (0,))
    page = Elements(report(write(small)))
    assert not page.every("img")
    assert page.text.count("is left out here to keep this file small") == 8
    assert "To keep this file small, 8 figures are linked in their place" in page.text


def test_a_report_that_shows_all_pictures_does_not_speak_of_links(
    small: Small, write: Write
) -> None:
    """Nothing is said where nothing is left out."""
    assert "To keep this file small" not in report(write(small))
