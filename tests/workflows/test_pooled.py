"""Contrasts that are pooled, from the graph to the derivatives, of one group and of two."""

import json
from pathlib import Path

import pandas as pd
import pytest

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow
from tests.workflows.conftest import ellipsoid, make_small

CORRECTOR = Component("FDRCorrector")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Six studies of six foci near one place and elsewhere; the first three are two each."""
    source = make_small(n_studies=9)
    for first, second in ((0, 6), (1, 7), (2, 8)):
        (other,) = source.pop(f"study{second}")["contrasts"].values()
        source[f"study{first}"]["contrasts"]["2"] = other
    for number, study in enumerate(source.values()):
        for name, contrast in study["contrasts"].items():
            side = "touch" if number > 3 or name == "2" else "pain"
            contrast["metadata"]["condition"] = side
    return Dataset(source, mask=ellipsoid())


def run(dataset: Dataset, analysis: Analysis, folder: Path) -> Path:
    """Derivatives of an analysis, without figures; begin of the names of its files."""
    work = folder / "work"
    work.mkdir()
    settings = Settings("/in", str(folder / "out"), str(work), "run")
    workflow = init_analysis_wf(
        analysis=analysis,
        settings=settings,
        dataset_file=str(dataset.save(work / "dataset.npz")),
        stage_dir=str(folder / "stage"),
        work_dir=str(work),
    )
    inner = workflow.get_node(f"{analysis.type}_wf")
    inner.remove_nodes([inner.get_node("figures")])
    run_workflow(workflow, settings=settings, crash_dir=folder / "crash")
    (found,) = folder.glob("stage/tpl-*/cohort-small/*_contrasts.tsv")
    return found.with_name(found.name.removesuffix("_contrasts.tsv"))


def table(begin: Path, ending: str) -> pd.DataFrame:
    (found,) = begin.parent.glob(f"{begin.name}*{ending}.tsv")
    return pd.read_csv(found, sep="\t", na_values="n/a")


def test_one_group(dataset: Dataset, tmp_path: Path) -> None:
    """Table, sidecars, record and clusters speak of experiments, and no contrast is lost."""
    analysis = Analysis("small", pool="study", corrector=CORRECTOR, result="voxel", alpha=0.2)
    begin = run(dataset, analysis, tmp_path)
    contrasts = table(begin, "_contrasts")
    assert len(contrasts) == 9
    assert contrasts["included"].all()
    assert contrasts["pooled_into"].nunique() == 6
    described = json.loads(Path(f"{begin}_contrasts.json").read_text())
    assert {"pooled_into", "pooled_sample_size"} <= described.keys()
    foci = table(begin, "_coordinates")
    assert len(foci) == len(dataset.coordinates)
    record = json.loads(Path(f"{begin}_analysis.json").read_text())
    assert record["Analysis"]["pool"] == "study"
    assert record["Facts"]["n_contrasts"] == record["Facts"]["n_studies"] == 6
    clusters = table(begin, "_clusters")
    experiments = clusters["experiments"][0].split("; ")
    assert set(experiments) <= set(contrasts["pooled_into"])
    assert {"study0-pooled", "study1-pooled", "study2-pooled"} <= set(experiments)
    assert clusters["n_experiments"][0] == clusters["n_studies"][0] == len(experiments)
    problems = table(begin, "_problems")["message"].tolist()
    assert "6 contrasts of 3 studies are pooled into 3 experiments" in problems


def test_two_groups(dataset: Dataset, tmp_path: Path) -> None:
    """Each side has experiments of its own, also of a study that is on both."""
    groups = {"pain": 'condition == "pain"', "touch": 'condition == "touch"'}
    analysis = Analysis(
        "small", type="pair", pool="study", corrector=CORRECTOR, result="voxel",
        estimator=Component("MKDAChi2"), options={"groups": groups},
    )  # fmt: skip
    begin = run(dataset, analysis, tmp_path)
    contrasts = table(begin, "_contrasts").set_index("id")
    assert contrasts.loc["study0-1", "pooled_into"] == "study0-1"
    assert contrasts.loc["study0-2", "pooled_into"] == "study0-2"
    record = json.loads(Path(f"{begin}_analysis.json").read_text())
    assert [group["n_contrasts"] for group in record["Facts"]["groups"].values()] == [4, 5]
    problems = table(begin, "_problems")["message"].tolist()
    assert any(text.startswith("3 studies have contrasts in both groups") for text in problems)


def test_two_groups_of_which_one_is_pooled(dataset: Dataset, tmp_path: Path) -> None:
    """The estimator gets the experiments of its side, under the names that they have."""
    analysis = Analysis(
        "small", type="pair", pool="study", corrector=CORRECTOR, result="voxel",
        estimator=Component("MKDAChi2"),
        options={"groups": {"several": 'study_id in ["study0", "study1", "study2"]'}},
    )  # fmt: skip
    begin = run(dataset, analysis, tmp_path)
    record = json.loads(Path(f"{begin}_analysis.json").read_text())
    assert [group["n_contrasts"] for group in record["Facts"]["groups"].values()] == [3, 3]
    assert table(begin, "_contrasts")["pooled_into"].str.endswith("-pooled_several").sum() == 6


def test_a_region_is_searched_before_pooling(dataset: Dataset, tmp_path: Path) -> None:
    """A contrast without a focus in the region goes into no experiment."""
    foci = dataset.coordinates.copy()
    foci.loc[foci["id"] == "study0-2", ["x", "y", "z"]] = [-20.0, -10.0, -5.0]
    analysis = Analysis(
        "small", type="macm", pool="study", corrector=CORRECTOR, result="voxel",
        options={"sphere": [20, 10, 5, 12]},
    )  # fmt: skip
    begin = run(dataset.with_tables(coordinates=foci), analysis, tmp_path)
    contrasts = table(begin, "_contrasts").set_index("id")
    assert contrasts.loc["study0-1", "pooled_into"] == "study0-1"
    assert contrasts.loc["study0-2", "reason"] == "no focus in the region"
    assert (contrasts["pooled_into"] == "study1-pooled").sum() == 2
