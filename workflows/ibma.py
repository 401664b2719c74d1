"""Image-based meta-analysis of one dataset."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.image_analysis import component_of
from nimare_pipeline.interfaces.dataset import LoadCohort
from nimare_pipeline.interfaces.ibma import (
    CheckImages,
    FitImages,
    ImageDiagnostics,
    TransformImages,
)
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.cbma import seeded
from nimare_pipeline.workflows.inference import add_inference


def init_ibma_wf(
    *,
    analysis: Analysis,
    settings: Settings,
    stage_dir: str,
    problems: Sequence[Problem] = (),
    name: str = "ibma_wf",
) -> Any:
    """Build an image-based meta-analysis, from the dataset to the derivatives.

    The images are read and checked, those that the estimator takes and that are missing are made,
    and the estimator is fitted; correction, clusters and files are those of every analysis. What
    the result owes to single studies is found out at the peaks of its clusters.

    Parameters
    ----------
    analysis : Analysis
        Estimator, corrector and policies; ``options``: ``coverage``, ``min_studies``,
        ``dependence``, ``formula``, ``term``, ``on_bad_image``.
    settings : Settings
        As for ``init_cbma_wf``.
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
    result_file, clusters_file, stage_dir
        As of ``init_cbma_wf``.
    """
    workflow = pe.Workflow(name)
    record, drawing = to_record(analysis), seeded(analysis, settings)
    load = pe.Node(LoadCohort(analysis=dict(record)), name="load_cohort", mem_gb=0.5)
    check = pe.Node(
        CheckImages(analysis=dict(record), n_threads=settings.n_procs),
        name="check_images",
        n_procs=settings.n_procs,
        mem_gb=2,
    )
    transform = pe.Node(TransformImages(analysis=dict(record)), name="transform_images", mem_gb=2)
    fit = pe.Node(
        FitImages(estimator=asdict(component_of(drawing)), n_threads=settings.n_procs),
        name="fit_estimator",
        n_procs=settings.n_procs,
        mem_gb=3,
    )
    diagnose = pe.Node(ImageDiagnostics(), name="image_diagnostics", mem_gb=3)
    cohort = [("dataset_file", "dataset_file"), ("contrasts_file", "contrasts_file")]
    add_inference(
        workflow,
        fit,
        analysis=drawing,
        record=record,
        settings=settings,
        stage_dir=stage_dir,
        problems=problems,
        cohort=(load, check),
        diagnose=diagnose,
    )
    derivatives = workflow.get_node("derivatives")
    workflow.connect([
        (load, check, [*cohort, ("problems_file", "problems_file")]),
        (check, transform, [("dataset_file", "dataset_file"), ("images_file", "images_file")]),
        (check, fit, [("dataset_file", "dataset_file")]),
        (transform, fit, [("images_file", "images_file")]),
        (transform, derivatives, [("images_file", "images_file")]),
        (check, derivatives, [("checks_file", "checks_file"), ("dataset_file", "studies_file")]),
    ])  # fmt: skip
    return workflow
