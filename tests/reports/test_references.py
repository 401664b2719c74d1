"""The bibliography and how it is cited."""

import re
from importlib import import_module

import pytest

from nimare_pipeline.registry import ESTIMATORS
from nimare_pipeline.reports import boilerplate, html, references

OF_ESTIMATORS = [
    key
    for name, module in ESTIMATORS.items()
    for key in getattr(import_module(module), name).citations
]
CITED = sorted(
    {*OF_ESTIMATORS, *html.ALWAYS_CITED, *(key for _, key in boilerplate.SOFTWARE.values() if key)}
)


@pytest.mark.parametrize("key", CITED)
def test_every_cited_key_is_in_the_bibliography(key: str) -> None:
    """What the package cites, it can list."""
    assert key in references.load()


@pytest.mark.parametrize("key", sorted(references.load()))
def test_every_entry_is_complete(key: str) -> None:
    """Each entry has authors, a title, a year, a place and a DOI that looks like one."""
    reference = references.load()[key]
    assert {"author", "title", "year"} <= reference.fields.keys()
    assert reference.place
    assert re.fullmatch(r"10\.\d{4,}/\S+", reference.doi)
    assert key.endswith(reference.fields["year"])


def test_reference_is_written_as_journals_do() -> None:
    """Authors are shortened, pages get a dash, and many authors become et al. in the text."""
    reference = references.load()["eickhoff2012"]
    assert reference.authors == "Eickhoff SB, Bzdok D, Laird AR, Kurth F, Fox PT"
    assert reference.place == "NeuroImage 59(3), 2349–2361"
    assert reference.label == "Eickhoff et al., 2012"
    assert reference.doi == "10.1016/j.neuroimage.2011.09.017"


def test_label_names_both_of_two_authors() -> None:
    """Two authors are both named."""
    assert references.load()["phipson2010"].label == "Phipson & Smyth, 2010"


def test_reference_has_no_latex_left() -> None:
    """An escaped ampersand is an ampersand for readers."""
    assert references.load()["hunter2007"].place.startswith("Computing in Science & Engineering")


def test_select_lists_each_once_by_author() -> None:
    """References are sorted, and none is listed twice."""
    chosen = references.select(["virtanen2020", "abraham2014", "virtanen2020"])
    assert [reference.key for reference in chosen] == ["abraham2014", "virtanen2020"]
