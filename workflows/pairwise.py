"""Comparison of two groups of contrasts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.groups import group_names
from nimare_pipeline.interfaces.pairwise import FitPair
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.cbma import seeded
from nimare_pipeline.workflows.inference import add_inference


def init_pair_wf(
    *,
    analysis: Analysis,
    settings: Settings,
    stage_dir: str,
    problems: Sequence[Problem] = (),
    name: str = "pair_wf",
) -> Any:
    """Build the comparison of two groups, from the dataset to the derivatives.

    Parameters
    ----------
    analysis : Analysis
        Estimator, corrector and policies; ``options``: ``groups``, ``inference_mask``.
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
        Dataset of both groups, as ``Dataset.save`` writes it.

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
    fit = pe.Node(
        FitPair(
            estimator=to_record(drawing)["estimator"],
            groups=list(group_names(analysis.options["groups"])),
            inference_mask=analysis.options.get("inference_mask", ""),
            folders=list(analysis.folders),
            store_dir=str(Path(settings.work_dir) / "store"),
            n_threads=settings.n_procs,
            quiet=settings.verbosity < 0,
        ),
        name="fit_pair",
        n_procs=settings.n_procs,
        mem_gb=2,
    )
    load = add_inference(
        workflow,
        fit,
        analysis=drawing,
        record=record,
        settings=settings,
        stage_dir=stage_dir,
        problems=problems,
    )
    workflow.connect([
        (load, fit, [("dataset_file", "dataset_file"), ("contrasts_file", "contrasts_file")]),
    ])  # fmt: skip
    return workflow
