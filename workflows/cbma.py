"""Coordinate-based meta-analysis of one dataset."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.inference import has_clusters, result_level
from nimare_pipeline.interfaces.cbma import FitEstimator, ModeledActivation
from nimare_pipeline.interfaces.clusters import ClusterTable
from nimare_pipeline.interfaces.dataset import LoadCohort
from nimare_pipeline.interfaces.derivatives import WriteDerivatives
from nimare_pipeline.interfaces.figures import DrawFigures
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.correct import init_montecarlo_wf, init_pvalue_wf


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
    inputnode = pe.Node(niu.IdentityInterface(fields=["dataset_file"]), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=["result_file", "clusters_file", "stage_dir"]),
        name="outputnode",
    )
    load = pe.Node(LoadCohort(analysis=record), name="load_cohort", mem_gb=0.5)
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
    correct_wf = _init_correction_wf(drawing, settings)
    level = result_level(analysis)
    clusters = pe.Node(ClusterTable(alpha=analysis.alpha, level=level), name="clusters", mem_gb=1)
    figures = pe.Node(DrawFigures(alpha=analysis.alpha), name="figures", mem_gb=1)
    derivatives = pe.Node(
        WriteDerivatives(analysis=record, settings=to_record(settings), stage_dir=stage_dir),
        name="derivatives",
        mem_gb=1,
    )
    derivatives.inputs.problems = [asdict(problem) for problem in problems]

    cohort = [("contrasts_file", "contrasts_file"), ("coordinates_file", "coordinates_file")]
    workflow.connect([
        (inputnode, load, [("dataset_file", "dataset_file")]),
        (inputnode, derivatives, [("dataset_file", "dataset_file")]),
        (load, ma, [("dataset_file", "dataset_file")]),
        (load, fit, [("dataset_file", "dataset_file")]),
        (ma, fit, [("ma_file", "ma_file")]),
        (fit, correct_wf, [("result_file", "inputnode.result_file")]),
        (load, clusters, [("coordinates_file", "coordinates_file")]),
        (correct_wf, clusters, [("outputnode.result_file", "result_file")]),
        (load, figures, cohort),
        (correct_wf, figures, [("outputnode.result_file", "result_file")]),
        (clusters, figures, [("label_file", "label_file")]),
        (load, derivatives, [*cohort, ("problems_file", "problems_file")]),
        (correct_wf, derivatives, [("outputnode.result_file", "result_file")]),
        (clusters, derivatives, [
            ("clusters_file", "clusters_file"),
            ("label_file", "label_file"),
        ]),
        (figures, derivatives, [("figures_dir", "figures_dir")]),
        (correct_wf, outputnode, [("outputnode.result_file", "result_file")]),
        (clusters, outputnode, [("clusters_file", "clusters_file")]),
        (derivatives, outputnode, [("stage_dir", "stage_dir")]),
    ])  # fmt: skip
    return workflow


def _init_correction_wf(analysis: Analysis, settings: Settings) -> Any:
    if not has_clusters(analysis.corrector):
        return init_pvalue_wf(corrector=analysis.corrector)
    return init_montecarlo_wf(
        corrector=analysis.corrector,
        store_dir=str(Path(settings.work_dir) / "store"),
        n_chunks=settings.n_chunks,
        n_threads=threads_per_chunk(settings),
        quiet=settings.verbosity < 0,
    )


def seeded(analysis: Analysis, settings: Settings) -> Analysis:
    """Give what draws at random the run's seed, unless the analysis names one."""
    seed = {"seed": settings.seed}
    estimator, corrector = analysis.estimator, analysis.corrector
    if estimator.args.get("null_method") == "montecarlo":
        estimator = replace(estimator, args=seed | estimator.args)
    if has_clusters(corrector):
        corrector = replace(corrector, args=seed | corrector.args)
    return replace(analysis, estimator=estimator, corrector=corrector)


def threads_per_chunk(settings: Settings) -> int:
    """Share the processors out: all to each chunk where chunks take turns, else a share."""
    if settings.plugin == "Linear":
        return settings.n_procs
    return max(1, settings.n_procs // settings.n_chunks)
