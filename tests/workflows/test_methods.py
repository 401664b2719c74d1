"""Every estimator with every correction, as a graph, down to derivatives and report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.inference import has_clusters
from nimare_pipeline.reports.html import write_report
from nimare_pipeline.settings import Analysis, Component
from nimare_pipeline.workflows.base import init_analysis_wf
from nimare_pipeline.workflows.run import run_workflow

ESTIMATORS = {
    "ALE": Component("ALE", {"null_method": "approximate"}),
    "MKDADensity": Component("MKDADensity", {"kernel__r": 12.0}),
    "weighted": Component("MKDADensity", {"kernel__r": 12.0, "weighting": "sample_size"}),
    "KDA": Component("KDA", {"kernel__r": 12.0}),
    "simulated": Component("KDA", {"kernel__r": 12.0, "null_method": "montecarlo", "n_iters": 40}),
}
CORRECTORS = {
    "montecarlo": Component(
        "FWECorrector", {"method": "montecarlo", "n_iters": 40, "voxel_thresh": 0.01}
    ),
    "bonferroni": Component("FWECorrector", {"method": "bonferroni"}),
    "holm": Component("FWECorrector", {"method": "holm"}),
    "indep": Component("FDRCorrector", {"method": "indep"}),
    "negcorr": Component("FDRCorrector", {"method": "negcorr"}),
}
CASES = [
    *(
        (estimator, corrector, "")
        for estimator in ESTIMATORS
        for corrector in ("montecarlo", "indep")
    ),
    *(("MKDADensity", corrector, "") for corrector in ("bonferroni", "holm", "negcorr")),
    *(("ALE", "montecarlo", result) for result in ("cluster-mass", "voxel")),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(filter(None, case)))
def ended(request, small_dataset, tmp_path_factory):  # type: ignore[no-untyped-def]
    """Output folder, analysis and what is read back, of one run without figures."""
    from tests.workflows.conftest import make_settings_in

    estimator, corrector, result = request.param
    folder = tmp_path_factory.mktemp("method")
    settings = make_settings_in(folder)
    analysis = Analysis(
        "one",
        estimator=ESTIMATORS[estimator],
        corrector=CORRECTORS[corrector],
        result=result,
        alpha=0.2,
    )
    workflow = init_analysis_wf(
        analysis=analysis,
        settings=settings,
        dataset_file=str(small_dataset.save(folder / "dataset.npz")),
        stage_dir=str(folder / "out"),
        work_dir=settings.work_dir,
    )
    inner = workflow.get_node("cbma_wf")
    inner.remove_nodes([inner.get_node("figures")])
    run_workflow(workflow, settings=settings, crash_dir=folder / "crash")
    derivatives.write_dataset_level(folder / "out", settings, analyses=[analysis])
    (record,) = derivatives.read(folder / "out").analyses
    return folder / "out", analysis, record


def test_the_result_rests_on_the_map_that_was_asked_for(ended) -> None:  # type: ignore[no-untyped-def]
    """The record names z corrected as asked, it is among the maps, and nothing is amiss."""
    _, analysis, record = ended
    spec = record.result_spec
    wanted = {"cluster-mass": "mass", "voxel": None, "": "size"}[analysis.result]
    assert spec.measure == (wanted if has_clusters(analysis.corrector) else None)
    assert spec.method == analysis.corrector.args["method"]
    assert spec.correction == analysis.corrector.type[:3]
    assert spec in record.maps
    assert [p for p in record.problems if p.level == "error"] == []
    assert not [p for p in record.problems if "no record" in p.message]


def test_no_two_maps_share_a_file(ended) -> None:  # type: ignore[no-untyped-def]
    """As many files as maps; each has p, z and logp of every correction."""
    _, analysis, record = ended
    assert len(set(record.maps.values())) == len(record.maps)
    corrected = {spec for spec in record.maps if spec.correction}
    levels = 3 if has_clusters(analysis.corrector) else 1
    assert len(corrected) == 3 * levels
    assert {spec.statistic for spec in corrected} == {"p", "z", "logp"}


def test_clusters_are_the_voxels_that_are_significant(ended) -> None:  # type: ignore[no-untyped-def]
    """The label image holds just the voxels whose corrected p is below alpha."""
    import nibabel as nib

    _, analysis, record = ended
    p = nib.load(record.maps[replace(record.result_spec, statistic="p")]).get_fdata()
    labels = nib.load(record.label_image).get_fdata()
    np.testing.assert_array_equal(labels > 0, p < np.float32(analysis.alpha))
    assert set(record.clusters["cluster"]) == set(np.unique(labels[labels > 0]))


def test_table_gives_the_corrected_p_that_was_judged(ended) -> None:  # type: ignore[no-untyped-def]
    """The column of that p is filled, and below alpha."""
    from nimare_pipeline.inference import Inference, result_level

    _, analysis, record = ended
    if record.clusters.empty:
        return
    column = Inference.of(record.facts, analysis.alpha, result_level(analysis)).column
    main = record.clusters.drop_duplicates("cluster")
    assert (pd.to_numeric(main[column]) < analysis.alpha).all()


def test_sidecar_says_how_it_was_corrected(ended) -> None:  # type: ignore[no-untyped-def]
    """Error rate, method, level and number of tests stand beside the map."""
    _, analysis, record = ended
    path = record.maps[record.result_spec]
    sidecar = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
    correction = sidecar["Correction"]
    assert correction["ErrorRate"] == analysis.corrector.type[:3]
    assert correction["Method"] == analysis.corrector.args["method"]
    if not has_clusters(analysis.corrector):
        assert correction["Level"] == "voxel"
        assert correction["NumberOfTests"] == int(record.facts["n_voxels"])


def test_report_names_the_method_and_nothing_is_broken(ended) -> None:  # type: ignore[no-untyped-def]
    """No section failed, the criterion stands in the headline, and the method in the text."""
    out, analysis, _ = ended
    html = write_report(out).read_text()
    assert "could not be made" not in html
    rate = analysis.corrector.type[:3]
    assert f"{rate}-corrected p &lt; 0.2" in html
    text = (out / "logs" / "CITATION.md").read_text()
    words = {
        "ALE": "activation likelihood estimation",
        "MKDADensity": "multilevel kernel density analysis",
        "KDA": "kernel density analysis (KDA)",
    }
    assert words[analysis.estimator.type] in text
    named = {
        "montecarlo": "Monte Carlo simulation with 40 iterations",
        "bonferroni": "Bonferroni's correction over",
        "holm": "Holm's step-down procedure",
        "indep": "Benjamini and Hochberg",
        "negcorr": "Benjamini and Yekutieli",
    }
    assert named[analysis.corrector.args["method"]] in text
    if analysis.estimator.type != "ALE":
        assert "ALE" not in text.partition("# References")[0]
    assert ("square root of their sample size" in text) == ("weighting" in analysis.estimator.args)
