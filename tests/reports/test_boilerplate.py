"""The words for a paper hold the numbers of the run."""

from typing import Any

import pandas as pd
import pytest

from nimare_pipeline import bibliography, defaults
from nimare_pipeline.inference import Inference
from nimare_pipeline.reports import boilerplate
from tests.reports.conftest import HOSTILE, Small

VERSIONS = {"nimare_pipeline": "0.1.0", "numpy": "2.4.6", "python": "3.11.4", "other": "9"}


def methods(small: Small, analysis: dict[str, Any], **changes: Any) -> boilerplate.Text:
    """Methods of the small analysis, with some facts changed."""
    facts = {**small.result.facts, **changes}
    return boilerplate.methods(facts, analysis, VERSIONS, contrasts=small.contrasts)


@pytest.mark.parametrize(
    "sentence",
    [
        "comprises 19 experiments (contrasts) from 18 studies, with 1,234 participants (largest",
        "participants (largest sample of each study, 17 studies), which report 57 foci.",
        "1 experiment reported no number of participants.",
        "Of 20 experiments found, 1 was not analysed (no foci: 1).",
        "The foci of 2 experiments were reported in Talairach space",
        "matrix pooled over normalisation software [@lancaster2007].",
        "2 foci (3.5 %) lay outside the analysis mask; they were kept",
        "as implemented in nimare-pipeline 0.1.0.",
        "FWHM ranged from 8.5 to 11.8 mm (median 9.2 mm).",
        "evaluated at the true distance",
        "voxels of the mask (4 mm isotropic) were analysed",
        "exact distribution of the ALE value",
        "Monte Carlo simulation with 99 iterations (seed 4711)",
        "the 2 foci outside the mask were drawn among points outside",
        "Voxels with uncorrected p < 0.001 (ALE ≥ 0.0206) formed clusters",
        "(b + 1) / (n + 1), where b of n iterations reached the observed value [@phipson2010]",
        "corrected p < 0.05 by size are reported, that is, clusters of more than 18 voxels",
        "standard error of a corrected p value of 0.05 is 0.0219",
        "ran on Python 3.11.4 and NumPy 2.4.6 [@harris2020].",
    ],
)
def test_methods_quote_the_run(small: Small, analysis: dict[str, Any], sentence: str) -> None:
    """Each number of the methods is that of the run."""
    assert sentence in methods(small, analysis).markdown


def test_methods_state_the_connectivity_of_the_package(
    small: Small, analysis: dict[str, Any]
) -> None:
    """Neighbours are named as the package finds them, also where the facts do not say."""
    words = boilerplate.CONNECTIVITY_WORDS[defaults.CONNECTIVITY]
    assert "voxels that share a face were neighbours (6-connectivity)" in words
    assert words in methods(small, analysis).markdown
    assert words in methods(small, analysis, connectivity=None).markdown


def test_methods_say_that_no_cluster_could_form(small: Small, analysis: dict[str, Any]) -> None:
    """Without a value that is unlikely enough there is no threshold to quote."""
    forming = {"p": 0.001, "statistic": None, "achieved_p": 0.0}
    text = methods(small, analysis, cluster_forming=forming).markdown
    assert "No value of the statistic has an uncorrected p < 0.001, so that no clusters" in text
    assert "formed clusters" not in text
    assert "None" not in text


def test_methods_state_another_connectivity(small: Small, analysis: dict[str, Any]) -> None:
    """The sentence follows the facts."""
    text = methods(small, analysis, connectivity="vertices").markdown
    assert "(26-connectivity)" in text
    assert "6-connectivity" not in text.replace("26-connectivity", "")


def test_methods_state_a_fixed_kernel(small: Small, analysis: dict[str, Any]) -> None:
    """A kernel of fixed width is not said to follow the sample size."""
    estimator = {"type": "ALE", "args": {"kernel__fwhm": 10.0}}
    text = methods(small, {**analysis, "estimator": estimator}).markdown
    assert "full width at half maximum (FWHM) of 10 mm" in text
    assert "participants of its experiment" not in text


def filled_contrasts(small: Small, n_filled: int, **columns: Any) -> pd.DataFrame:
    """Contrasts of which the first have no sample size of their own."""
    marks = [i < n_filled for i in range(20)]
    size = columns.pop("sample_size", float("nan"))
    values = {name: [v if mark else float("nan") for mark in marks] for name, v in columns.items()}
    values["sample_size"] = small.contrasts["sample_size"].mask(marks, size)
    return small.contrasts.assign(sample_size_filled=marks, **values)


@pytest.mark.parametrize(
    ("n_filled", "columns", "sentence"),
    [
        (
            3,
            {"sample_size": 14.0},
            "3 experiments without a reported sample size were given the median of the others, 14",
        ),
        (
            1,
            {"sample_size": 14.0},
            "The experiment without a reported sample size was given the median of the others",
        ),
        (
            2,
            {"kernel_fwhm": 10.0},
            "The 2 experiments without a reported sample size were given a FWHM of 10 mm.",
        ),
    ],
)
def test_methods_disclose_what_stands_in_for_sample_sizes(
    small: Small, analysis: dict[str, Any], n_filled: int, columns: dict[str, float], sentence: str
) -> None:
    """Imputed sample sizes and given widths are told, with their value."""
    contrasts = filled_contrasts(small, n_filled, **columns)
    text = boilerplate.methods(small.result.facts, analysis, {}, contrasts=contrasts).markdown
    assert sentence in text
    assert "follows from the number of participants" in text


def test_methods_with_given_widths_alone_do_not_speak_of_sample_sizes(
    small: Small, analysis: dict[str, Any]
) -> None:
    """Where no experiment reports its size, the width follows from none."""
    contrasts = filled_contrasts(small, 20, kernel_fwhm=10.0)
    facts = {**small.result.facts, "n_participants": None, "n_contrasts_without_n": 19}
    text = boilerplate.methods(facts, analysis, {}, contrasts=contrasts).markdown
    assert "(FWHM) of 10 mm, because no experiment reported a number of participants" in text
    assert "No experiment reported a number of participants." in text
    assert "follows from" not in text
    assert "without a reported" not in text


def test_methods_with_one_experiment_a_study_name_participants_plainly(
    small: Small, analysis: dict[str, Any]
) -> None:
    """Nothing has to be said of largest samples where each study has one."""
    text = methods(small, analysis, n_studies=19, n_contrasts_without_n=0).markdown
    assert "from 19 studies, with 1,234 participants, which report" in text
    assert "reported no number" not in text


def test_methods_of_one_experiment_are_in_the_singular(
    small: Small, analysis: dict[str, Any]
) -> None:
    """One experiment, one study, one participant and one focus are not several."""
    ones = {"n_contrasts": 1, "n_studies": 1, "n_participants": 1, "n_foci": 1}
    more = {"n_foci_outside": 1, "n_voxels": 1, "n_contrasts_without_n": 0}
    text = methods(small, analysis, **ones, **more).markdown
    assert "comprises 1 experiment (contrast) from 1 study, with 1 participant, which" in text
    assert "which reports 1 focus." in text
    assert "1 focus (100.0 %) lay outside the analysis mask; it was kept" in text
    assert "The 1 voxel of the mask (4 mm isotropic) was analysed." in text


def test_methods_say_that_foci_were_removed(small: Small, analysis: dict[str, Any]) -> None:
    """With outside=drop the foci outside the mask are counted as removed."""
    text = methods(small, {**analysis, "outside": "drop"}, n_foci_outside=0).markdown
    assert "2 further foci lay outside the analysis mask and were removed." in text


def test_methods_name_the_histogram_null(small: Small, analysis: dict[str, Any]) -> None:
    """The histogram null is not called exact."""
    text = methods(small, analysis, null_method="histogram").markdown
    assert "histograms of their modelled activation" in text
    assert "exact distribution" not in text


def test_methods_state_the_selection(small: Small, analysis: dict[str, Any]) -> None:
    """What experiments were selected by is said, also in LaTeX; without a selection nothing is."""
    text = methods(small, {**analysis, "select": "sample_size >= 12 and n_foci > 3"})
    said = (
        "Experiments were analysed if they met the criterion “sample_size >= 12 and n_foci > 3”."
    )
    assert said in text.markdown
    assert r"“sample\_size \textgreater{}= 12 and n\_foci \textgreater{} 3”" in text.tex
    assert "criterion" not in methods(small, {**analysis, "select": ""}).markdown


def test_methods_without_facts_leave_sentences_out(analysis: dict[str, Any]) -> None:
    """Where numbers are missing, their sentences are, and the rest is still written."""
    text = boilerplate.methods({}, analysis, {}).markdown
    assert "activation likelihood estimation" in text
    assert "None" not in text


def test_methods_cite_the_same_papers_in_all_forms(small: Small, analysis: dict[str, Any]) -> None:
    """Markdown, HTML and LaTeX hold the same citations."""
    text = methods(small, analysis)
    assert len(set(text.citations)) == len(text.citations) > 8
    for key in text.citations:
        assert f"@{key}" in text.markdown
        assert f'href="#ref-{key}"' in text.html
        assert key in text.tex
    assert r"\citep{turkeltaub2002,laird2005,eickhoff2009,eickhoff2012}" in text.tex
    assert "(Phipson &amp; Smyth, 2010)" in text.html.replace("</a>", "").replace(
        '<a class="cite" href="#ref-phipson2010">', ""
    )


def test_methods_escape_text_from_files(small: Small, analysis: dict[str, Any]) -> None:
    """A reason that looks like code or like a citation stays text in every form."""
    hostile = "<b> 50% & $x_1$ [@nobody2000]"
    contrasts = small.contrasts.replace({"reason": {"no foci": hostile}})
    text = boilerplate.methods(small.result.facts, analysis, VERSIONS, contrasts=contrasts)
    assert "&lt;b&gt; 50% &amp; $x_1$ [@nobody2000]" in text.html
    assert r"\textless{}b\textgreater{} 50\% \& \$x\_1\$ [@nobody2000]" in text.tex
    assert "nobody2000" not in text.citations


def test_methods_do_not_run_templates_from_files(small: Small, analysis: dict[str, Any]) -> None:
    """Template code in a file is text."""
    contrasts = small.contrasts.replace({"reason": {"no foci": HOSTILE}})
    text = boilerplate.methods(small.result.facts, analysis, VERSIONS, contrasts=contrasts)
    assert "{{ 7 * 7 }}" in text.html
    assert "<script" not in text.html


def test_results_quote_the_clusters(small: Small, analysis: dict[str, Any]) -> None:
    """The draft of the results holds size, volume, p, peak, side and experiments."""
    text = boilerplate.results(small.result.facts, analysis, small.clusters.clusters).markdown
    row = small.clusters.clusters.iloc[0]
    assert "1 cluster showed significant convergence" in text
    assert f"({row.n_voxels} voxels, {64 * row.n_voxels:,} mm³, p = 0.010)" in text
    assert "peak at MNI (36, 4, 0) in the right hemisphere (ALE = 0.0400, z = 6.00)" in text
    assert f"with foci of {row.n_experiments} of the 19 experiments inside" in text


def test_results_say_that_nothing_is_significant(nothing: Small, analysis: dict[str, Any]) -> None:
    """Without clusters the draft says what a cluster would have needed."""
    text = boilerplate.results(nothing.result.facts, analysis, nothing.clusters.clusters).markdown
    assert "No cluster showed significant convergence at p < 0.05" in text
    assert "more than 18 voxels" in text


def test_results_stop_naming_after_ten(small: Small, analysis: dict[str, Any]) -> None:
    """Many clusters are left to the table."""
    clusters = pd.DataFrame({"cluster": range(1, 13), "n_voxels": 9, "x": 0.0, "y": 0.0, "z": 0.0})
    text = boilerplate.results(small.result.facts, analysis, clusters).markdown
    assert "12 clusters showed" in text
    assert "Cluster 11" not in text
    assert "The other 2 clusters are listed in the table." in text


def test_citation_files_hold_only_what_is_cited(small: Small, analysis: dict[str, Any]) -> None:
    """The .bib is a subset of the bibliography; each form lists every reference."""
    text = methods(small, analysis)
    made = boilerplate.citation_files({"pain": text})
    assert sorted(made) == ["CITATION.bib", "CITATION.html", "CITATION.md", "CITATION.tex"]
    assert made["CITATION.bib"].count("\n@") + 1 == len(text.citations)
    assert "taylor2023" in bibliography.entries()
    assert "taylor2023" not in made["CITATION.bib"]
    for key in text.citations:
        assert f"{{{key}," in made["CITATION.bib"]
        assert f"`@{key}`" in made["CITATION.md"]
        assert f'id="ref-{key}"' in made["CITATION.html"]
    assert all("CC0" in made[name] for name in made if name != "CITATION.bib")


def test_main_peaks_are_the_first_of_each_cluster() -> None:
    """Sub-peaks are not clusters."""
    clusters = pd.DataFrame({"cluster": [1, 1, 2], "peak": ["1", "1a", "2"]})
    assert boilerplate.main_peaks(clusters)["peak"].tolist() == ["1", "2"]


def test_thresholds_at_leaves_out_what_is_not_known(small: Small) -> None:
    """A level with too few iterations, or that was not computed, has no threshold."""
    facts = small.result.facts
    assert boilerplate.thresholds_at(facts, 0.01) == {
        "voxel": 0.025,
        "size_voxels": 19.0,
        "mass": 0.07,
    }
    assert boilerplate.thresholds_at(facts, 0.001) == {}
    assert boilerplate.thresholds_at(facts, 0.2) == {}


def test_methods_of_voxels_speak_of_no_clusters_of_the_null(
    small: Small, analysis: dict[str, Any]
) -> None:
    """Where voxels are reported, what formed clusters in the null is left out."""
    text = boilerplate.methods(
        small.result.facts, analysis, VERSIONS, inference=Inference("voxel")
    ).markdown
    assert "The largest ALE value of the iteration was kept." in text
    assert "formed clusters" not in text
    assert "cluster size" not in text
    assert "ALE above 0.0235; in clusters of them, voxels that share a face" in text


@pytest.mark.parametrize(
    ("transform", "others", "words"),
    [
        ("none", "MNI", "taken as MNI coordinates."),
        (
            "tal2mni-other",
            "MNI",
            "taken as Talairach coordinates and transformed to MNI space with the inverse of the",
        ),
        (
            "tal2mni-spm",
            "TAL",
            "taken as Talairach coordinates and transformed in the same way.",
        ),
        (
            "tal2mni-brett",
            "MNI",
            "taken as Talairach coordinates and transformed with Brett's piecewise",
        ),
        ("tal2mni-none", "MNI", "taken as Talairach coordinates, which were used as they are."),
    ],
)
def test_methods_say_what_a_space_was_taken_as(
    small: Small, analysis: dict[str, Any], transform: str, others: str, words: str
) -> None:
    """Experiments of unknown space are counted, and what their foci were taken as is said."""
    spaces = [*["UNKNOWN"] * 2, *[others] * (len(small.contrasts) - 2)]
    ways = [transform if name in ("UNKNOWN", "TAL") else "none" for name in spaces]
    contrasts = small.contrasts.assign(original_space=spaces, space_transform=ways, included=True)
    text = boilerplate.methods(small.result.facts, analysis, VERSIONS, contrasts=contrasts)
    sentence = "The space of 2 experiments was not reported or not recognised; their foci were "
    assert sentence + words in text.markdown
    assert ("reported in Talairach space" in text.markdown) == (others == "TAL")
    known = boilerplate.methods(small.result.facts, analysis, VERSIONS, contrasts=small.contrasts)
    assert "was not reported or not recognised" not in known.markdown
