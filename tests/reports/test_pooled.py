"""Reports of analyses whose contrasts were pooled into experiments."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.reports import boilerplate, paper_tables
from nimare_pipeline.reports.verdict import Evidence, verdict
from tests.reports.conftest import Small
from tests.reports.test_html import Elements, Write, report


@pytest.fixture
def united(small: Small) -> Small:
    """Of the 19 experiments of 20 contrasts the first three are one, of 30 participants."""
    contrasts = small.contrasts.copy()
    names = contrasts["id"].where(contrasts["included"], "")
    sizes = contrasts["sample_size"].where(contrasts["included"], np.nan)
    names[:3], sizes[:3] = "study00-pooled", 30.0
    contrasts["pooled_into"], contrasts["pooled_sample_size"] = names, sizes
    contrasts.loc[:2, "study_id"] = "study00"
    return replace(small, contrasts=contrasts)


def evidence(small: Small, analysis: dict[str, Any], **more: Any) -> Evidence:
    return Evidence(small.result.facts, analysis | more, small.contrasts, small.clusters.clusters)


def test_what_was_pooled_is_a_note_and_no_caution(united: Small, analysis: dict[str, Any]) -> None:
    """The reader learns that dependence was dealt with, and is not told to deal with it."""
    notices = verdict(evidence(united, analysis, pool="study")).notices
    (note,) = [one for one in notices if "pooled" in one.title]
    assert (note.level, note.title) == ("note", "19 contrasts pooled into 17 experiments")
    assert note.text.startswith("The contrasts of one study count as one experiment")
    assert not [one for one in notices if "from" in one.title]
    assert [one for one in notices if one.title == "1 of 20 contrasts was not analysed"]


def test_pooled_by_subject_group(united: Small, analysis: dict[str, Any]) -> None:
    """The note says what the contrasts of an experiment have in common."""
    notices = verdict(evidence(united, analysis, pool="group=sample")).notices
    (note,) = [one for one in notices if "pooled" in one.title]
    assert note.text.startswith("The contrasts of one subject group count as one experiment")


def test_without_pooling_the_caution_names_the_way_out(
    small: Small, analysis: dict[str, Any]
) -> None:
    """How many, the most, and the option."""
    contrasts = small.contrasts.replace({"study_id": {"study01": "study00"}})
    notices = verdict(evidence(replace(small, contrasts=contrasts), analysis)).notices
    (caution,) = [one for one in notices if "from 18 studies" in one.title]
    assert "1 study contributes several contrasts, 2 (study00)" in caution.text
    assert "--pool study" in caution.text


def test_studies_in_both_groups_are_a_caution(small: Small, analysis: dict[str, Any]) -> None:
    """Pooling does not mend it, and who has one experiment in either group has none to pool."""
    contrasts = small.contrasts.replace({"study_id": {"study01": "study00"}})
    contrasts["group"] = ["pain", "touch"] * 10
    facts = {**small.result.facts, "result_group": "1gt2", "group_names": ["pain", "touch"]}
    shown = replace(evidence(replace(small, contrasts=contrasts), analysis), facts=facts)
    titles = [one.title for one in verdict(shown).notices]
    assert "1 study with experiments in both groups" in titles
    assert not [title for title in titles if "from" in title]


@pytest.mark.parametrize(
    ("pool", "sentence"),
    [
        ("study", "Contrasts of the same study were pooled into one experiment, so that none"),
        ("group", "Contrasts of the same subject group of a study were pooled into one"),
        ("group=sample", "subject group of a study (column “sample”) were pooled into one"),
        (
            "study",
            "[@turkeltaub2012]: 19 contrasts gave 17 experiments. The foci of an",
        ),
        ("study", "comprises 19 experiments from 18 studies"),
        ("study", "Of 20 contrasts found, 1 was not analysed (no foci: 1)."),
    ],
)
def test_methods_say_what_was_pooled(
    united: Small, analysis: dict[str, Any], pool: str, sentence: str
) -> None:
    """How, into how many, and after whom; a contrast is then no experiment."""
    text = boilerplate.methods(
        united.result.facts, analysis | {"pool": pool}, {}, contrasts=united.contrasts
    )
    assert sentence in text.markdown


def test_spaces_are_counted_in_experiments(united: Small, analysis: dict[str, Any]) -> None:
    """Three Talairach contrasts that are one experiment are one in the methods."""
    contrasts = united.contrasts.copy()
    contrasts["original_space"] = ["TAL"] * 3 + ["MNI"] * 17
    contrasts["space_transform"] = ["tal2mni-other"] * 3 + ["none"] * 17
    text = boilerplate.methods(united.result.facts, analysis, {}, contrasts=contrasts)
    assert "The foci of 1 experiment were reported in Talairach space" in text.markdown


def test_report_shows_which_contrasts_are_one_experiment(united: Small, write: Write) -> None:
    """From file to page: numbers, and a column in the table of contrasts."""
    output = write(united, pool="study")
    page = Elements(report(output))
    assert "20 contrasts found" in page.text
    assert "17 experiments analysed pooled from 19 contrasts" in page.text
    assert page.words.count("study00-pooled") == 3
    (record,) = derivatives.read(output).analyses
    assert record.analysis["pool"] == "study"
    assert record.contrasts["pooled_into"].tolist() == united.contrasts["pooled_into"].tolist()
    shown = paper_tables.contrasts_page(record)
    assert shown.count("study00-pooled") == 3
    assert "Contrasts with the same experiment were pooled into it." in shown
