"""Bundles of Neurosynth-Compose, from the command line to the contrasts that are analysed."""

import json
import logging
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline.cli.model import with_model
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.plan import plan
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.errors import ModelError
from tests.cli.program import EXAMPLE, Ended

ALE = {"type": "ALE", "args": {"null_method": "approximate", "n_iters": 5000, "**kwargs": {}}}
FDR = {"type": "FDRCorrector", "args": {"method": "indep", "alpha": 0.05}}
CHI2 = {"type": "MKDAChi2", "args": {"kernel__r": 10}}


def pain() -> list[dict[str, Any]]:
    """Studies of the shipped example, as NIMADS has them."""
    studies = json.loads((EXAMPLE / "pain.json").read_text())
    return [
        {
            "id": name,
            "analyses": [
                {
                    "id": f"{name}a",
                    "name": "pain",
                    "points": [
                        {"coordinates": list(xyz), "space": "MNI"}
                        for xyz in zip(*(contrast["coords"][axis] for axis in "xyz"), strict=True)
                    ],
                    "metadata": {"sample_sizes": contrast["metadata"]["sample_sizes"]},
                }
                for contrast in study["contrasts"].values()
            ],
        }
        for name, study in studies.items()
    ]


def bundle(folder: Path, *, conditions: Any = None, weights: Any = None, **more: Any) -> Path:
    """Write a bundle of the example, half of it heat, most of it in."""
    folder.mkdir(parents=True, exist_ok=True)
    studies = pain()
    names = [study["id"] + "a" for study in studies]
    notes = [
        {"analysis": name, "note": {"in": i % 5 > 0, "kind": "heat" if i % 2 else "laser"}}
        for i, name in enumerate(names)
    ]
    keys = {"in": {"type": "boolean", "order": 0}, "kind": {"type": "string", "order": 1}}
    specification = {
        "type": "CBMA", "estimator": ALE, "corrector": FDR, "filter": "in",
        "conditions": conditions, "weights": weights, **more,
    }  # fmt: skip
    for name, content in (
        ("studyset", {"id": "S", "studies": studies}),
        ("annotation", {"id": "A", "studyset": "S", "note_keys": keys, "notes": notes}),
        ("meta_analysis", {"id": "M", "name": "pain", "specification": specification}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def planned(folder: Path, *words: str) -> Planned:
    (found,) = plan(with_model(parse([str(folder), str(folder.parent / "out"), "meta", *words])))
    return found


def included(found: Planned) -> set[str]:
    assert found.cohort is not None, found.error
    table = found.cohort.contrasts
    return set(table["contrast_id"][table["included"]])


def noted(folder: Path, column: str, *, value: Any) -> set[str]:
    """Analyses with a value, by plain walking of the notes."""
    notes = json.loads((folder / "annotation.json").read_text())["notes"]
    return {one["analysis"] for one in notes if one["note"].get(column) == value}


@pytest.mark.parametrize("name", [".", "meta_analysis.json"])
def test_filter_chooses_what_is_analysed(tmp_path: Path, name: str) -> None:
    """The analyses that are analysed are those whose note says so, whichever file is named."""
    folder = bundle(tmp_path / "in")
    found = planned(folder / name)
    assert included(found) == noted(folder, "in", value=True)
    assert found.analysis.estimator.args == {"null_method": "approximate"}


def test_conditions_are_the_groups(tmp_path: Path) -> None:
    """Two values of a column are two groups."""
    folder = bundle(
        tmp_path / "in", estimator=CHI2, filter="kind", conditions=["laser", "heat"],
        weights=[1.0, -1.0],
    )  # fmt: skip
    found = planned(folder)
    assert found.cohort is not None
    table = found.cohort.contrasts
    assert list(found.analysis.options["groups"]) == ["laser", "heat"]
    for name in ("laser", "heat"):
        assert set(table["contrast_id"][table["group"] == name]) == noted(
            folder, "kind", value=name
        )


def test_database_is_the_other_group_without_studies_of_the_bundle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The database lies beside the bundle and is no rival of it; a study in both counts once."""
    folder = bundle(tmp_path / "in", estimator=CHI2, database_studyset="neurosynth")
    shared = pain()[0]
    others = [{**study, "id": f"db{study['id']}"} for study in pain()[1:6]]
    (folder / "neurosynth.json").write_text(json.dumps({"studies": [shared, *others]}))
    for name in (".", "meta_analysis.json"):
        caplog.clear()
        with caplog.at_level(logging.INFO, "nimare_pipeline"):
            found = planned(folder / name)
        assert found.cohort is not None
        table = found.cohort.contrasts
        first, second = (table[table["group"] == name] for name in ("in", "neurosynth"))
        assert set(first["contrast_id"]) == noted(folder, "in", value=True)
        assert set(second["study_id"]) == {study["id"] for study in others}
        assert "1 study of the input left out of the database, which has them too" in caplog.text
        assert found.analysis.sources == (
            "studyset.json",
            "annotation.json",
            "meta_analysis.json",
            "neurosynth.json",
        )


def test_options_count_before_the_specification(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What the command line names is used, and it is said; so is where the rest comes from."""
    folder = bundle(tmp_path / "in")
    with caplog.at_level(logging.INFO, "nimare_pipeline"):
        found = planned(folder, "--fwhm", "10", "--method", "holm", "--name", "mine")
    assert (found.analysis.name, found.analysis.corrector.args) == ("mine", {"method": "holm"})
    assert found.analysis.estimator.args == {"null_method": "approximate", "kernel__fwhm": 10}
    assert included(found) == noted(folder, "in", value=True)
    said = "analyses are those that meta_analysis.json describes; --model none ignores them"
    assert said in caplog.text
    assert "the command line replaces what the input says: --fwhm, --method" in caplog.text
    assert len(included(planned(folder, "--model", "none"))) == 21


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ({"type": "ALEE"}, "there is no estimator 'ALEE' (did you mean ALE"),
        (
            {"type": "ALE", "args": {"kernel__fwmh": 8}},
            "ALE has no keyword 'kernel__fwmh' (did you mean kernel__fwhm or",
        ),
    ],
)
def test_unknown_names_are_refused(tmp_path: Path, estimator: Any, message: str) -> None:
    """By name, with what is accepted."""
    with pytest.raises(ModelError) as caught:
        planned(bundle(tmp_path / "in", estimator=estimator))
    assert message in str(caught.value)


@pytest.mark.usefixtures("undrawn")
def test_bundle_from_end_to_end(tmp_path: Path, here: Callable[..., Ended]) -> None:
    """One command runs what the specification asks for; the report says what it is."""
    folder = bundle(tmp_path / "in")
    ended = here(folder, tmp_path / "out", "meta", "--nprocs", "2")
    assert ended.code == 0, ended.err
    assert "those that meta_analysis.json describes" in ended.err
    assert "16 contrasts" in ended.err
    assert "ALE, FDRCorrector (indep)" in ended.err
    (record,) = (tmp_path / "out").glob("tpl-*/cohort-pain/*_analysis.json")
    asked = json.loads(record.read_text())["Analysis"]
    assert asked["select"] == 'label("in") == true'
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Neurosynth-Compose meta-analysis M" in report
    again = here(folder, tmp_path / "out", "meta", "--nprocs", "2")
    assert "analysis pain is up to date" in again.err


BUNDLES = {
    "7NUkZJ28QDpY_group_comparison": ("modality", {"physical": 48, "emotional": 95}),
    "ataCTPAt2LMw_small": ("included", {True: 11}),
    "mHtoV82Dmnm9_cognitive_control_older_adults": ("included", {True: 173}),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_real_bundles(shared_data: Path, name: str) -> None:
    """Each group is the analyses whose note names it, by plain walking of the notes."""
    folder = shared_data / "nimads" / "compose" / name
    column, counts = BUNDLES[name]
    found = planned(folder, "--unknown-space", "mni")
    assert found.cohort is not None, found.error
    table = found.cohort.contrasts
    chosen = table[table["reason"] != "not selected"]
    for value, count in counts.items():
        mine = chosen[chosen["group"] == value] if len(counts) > 1 else chosen
        assert set(mine["contrast_id"]) == noted(folder, column, value=value)
        assert len(mine) == count
    assert set(chosen["reason"]) <= {"", "no foci"}


def test_validate_tells_of_the_specification(tmp_path: Path, here: Callable[..., Ended]) -> None:
    """What is wrong in it is listed beside what is wrong in the data."""
    folder = bundle(tmp_path / "in", filter="out")
    ended = here("validate", folder)
    assert ended.code == 65
    assert "filter: no annotation has the column 'out'" in " ".join(ended.out.split())
    assert here("validate", bundle(tmp_path / "good")).code == 0


@pytest.mark.parametrize("database", ["", "neurosynth"])
def test_init_takes_the_specification_over(tmp_path: Path, database: str, here: Any) -> None:
    """The file to start from has the analysis of the bundle, with paths from its own folder."""
    named = {"estimator": CHI2, "database_studyset": database} if database else {}
    bundle(tmp_path / "in" / "sub", **named)
    if database:
        content = json.dumps({"id": "D", "studies": pain()[:3]})
        (tmp_path / "in" / "sub" / "neurosynth.json").write_text(content)
    ended = here("init", tmp_path / "in")
    assert ended.code == 0, ended.err
    (analysis,) = tomllib.loads((tmp_path / "in" / "analyses.toml").read_text())["analysis"]
    assert analysis["name"] == "pain"
    assert analysis["estimator"]["type"] == ("MKDAChi2" if database else "ALE")
    assert analysis.get("database", "") == ("sub/neurosynth.json" if database else "")
