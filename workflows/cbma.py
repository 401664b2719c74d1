"""Coordinate-based meta-analysis of one dataset."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.inference import has_clusters
from nimare_pipeline.interfaces.cbma import FitEstimator, ModeledActivation
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.registry import draws
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.inference import add_inference


def init_cbma_wf(
    *,
    analysis: Analysis,
    settings: Settings,
    stage_dir: str,
    problems: Sequence[Problem] = (),
    name: str = "cbma_wf",
    between: Any = None,
) -> Any:
    """Build a coordinate-based meta-analysis, from the dataset to the derivatives.

    Parameters
    ----------
    analysis : Analysis
        Estimator, corrector and policies.
    settings : Settings
        ``seed``, ``n_procs``, ``n_chunks``, ``plugin``, ``verbosity`` and ``work_dir``
        count here.
    stage_dir : str
        Folder the derivatives are written to, before they are swapped in.
    problems : sequence of Problem
        What was odd in the data when they were read, for the derivatives.
    name : str
        Name of the workflow.
    between : nipype Node, optional
        Comes after the fit: takes ``dataset_file`` (of the whole input) and ``result_file``, and
        gives the ``result_file`` that is corrected.

    Returns
    -------
    nipype Workflow

    Inputs
    ------
    dataset_file
        Dataset, as ``Dataset.save`` writes it.

    Outputs
    -------
    result_file
        Corrected result, npz.
    clusters_file
        Table of clusters.
    stage_dir
        Folder of the derivatives.
    """
    workflow = pe.Workflow(name)
    record, drawing = to_record(analysis), seeded(analysis, settings)
    ma = pe.Node(ModeledActivation(estimator=record["estimator"]), name="ma_maps", mem_gb=1)
    fit = pe.Node(
        FitEstimator(
            estimator=to_record(drawing)["estimator"],
            store_dir=str(Path(settings.work_dir) / "store"),
            n_threads=settings.n_procs,
            quiet=settings.verbosity < 0,
        ),
        name="fit_estimator",
        n_procs=settings.n_procs,
        mem_gb=2,
    )
    load = add_inference(
        workflow,
        between or fit,
        analysis=drawing,
        record=record,
        settings=settings,
        stage_dir=stage_dir,
        problems=problems,
    )
    workflow.connect([
        (load, ma, [("dataset_file", "dataset_file")]),
        (load, fit, [("dataset_file", "dataset_file")]),
        (ma, fit, [("ma_file", "ma_file")]),
    ])  # fmt: skip
    if between is not None:
        workflow.connect([
            (workflow.get_node("inputnode"), between, [("dataset_file", "dataset_file")]),
            (fit, between, [("result_file", "result_file")]),
        ])  # fmt: skip
    return workflow


def seeded(analysis: Analysis, settings: Settings) -> Analysis:
    """Give what draws at random the run's seed, unless the analysis names one."""
    seed = {"seed": settings.seed}
    estimator, corrector = analysis.estimator, analysis.corrector
    if draws(estimator):
        estimator = replace(estimator, args=seed | estimator.args)
    if has_clusters(corrector):
        corrector = replace(corrector, args=seed | corrector.args)
    return replace(analysis, estimator=estimator, corrector=corrector)
