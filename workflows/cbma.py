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
    fit = fit_node(drawing, settings)
    load = add_inference(
        workflow,
        fit,
        analysis=drawing,
        record=record,
        settings=settings,
        stage_dir=stage_dir,
        problems=problems,
    )
    feed(workflow, load, fit, analysis)
    return workflow


def fit_node(analysis: Analysis, settings: Settings) -> Any:
    """Make the node of an estimator; the analysis has the seeds of what it draws."""
    return pe.Node(
        FitEstimator(
            estimator=to_record(analysis)["estimator"],
            store_dir=str(Path(settings.work_dir) / "store"),
            n_threads=settings.n_procs,
            quiet=settings.verbosity < 0,
        ),
        name="fit_estimator",
        n_procs=settings.n_procs,
        mem_gb=2,
    )


def feed(workflow: Any, load: Any, fit: Any, analysis: Analysis) -> None:
    """Connect the cohort to its estimator, through the maps of modelled activation."""
    n_threads, estimator = fit.inputs.n_threads, to_record(analysis)["estimator"]
    ma = pe.Node(
        ModeledActivation(estimator=estimator, n_threads=n_threads),
        name="ma_maps",
        n_procs=n_threads,
        mem_gb=1,
    )
    workflow.connect([
        (load, ma, [("dataset_file", "dataset_file")]),
        (load, fit, [("dataset_file", "dataset_file")]),
        (ma, fit, [("ma_file", "ma_file")]),
    ])  # fmt: skip


def seeded(analysis: Analysis, settings: Settings) -> Analysis:
    """Give what draws at random the run's seed, unless the analysis names one."""
    seed = {"seed": settings.seed}
    estimator, corrector = analysis.estimator, analysis.corrector
    if draws(estimator):
        estimator = replace(estimator, args=seed | estimator.args)
    if has_clusters(corrector):
        corrector = replace(corrector, args=seed | corrector.args)
    return replace(analysis, estimator=estimator, corrector=corrector)
