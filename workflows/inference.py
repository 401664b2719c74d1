"""What analyses of foci have around their estimator: cohort, correction, clusters, files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.inference import has_clusters, result_level
from nimare_pipeline.interfaces.clusters import ClusterTable
from nimare_pipeline.interfaces.dataset import LoadCohort
from nimare_pipeline.interfaces.derivatives import WriteDerivatives
from nimare_pipeline.interfaces.figures import DrawFigures
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.correct import init_montecarlo_wf, init_pvalue_wf


def add_inference(  # noqa: PLR0913 - all that is around an estimator
    workflow: Any,
    fit: Any,
    *,
    analysis: Analysis,
    record: Mapping[str, Any],
    settings: Settings,
    stage_dir: str,
    problems: Sequence[Problem] = (),
    cohort: tuple[Any, Any] | None = None,
    diagnose: Any = None,
) -> Any:
    """Add what comes before and after the estimator of an analysis to its workflow.

    Parameters
    ----------
    workflow : nipype Workflow
        Gets the nodes ``inputnode`` (field ``dataset_file``), ``load_cohort``, ``clusters``,
        ``figures``, ``derivatives``, ``outputnode`` (fields ``result_file``, ``clusters_file``,
        ``stage_dir``), and the workflow of the correction.
    fit : nipype Node
        Gives ``result_file``; what it takes from ``load_cohort`` is connected by the caller.
    analysis : Analysis
        With the seeds of what it draws.
    record : dict
        The analysis as it was asked for, for the derivatives.
    settings, stage_dir, problems
        As for the builder of the workflow.
    cohort : (nipype Node, nipype Node), optional
        The node that takes ``dataset_file`` and gives the foci, and the one that gives the tables
        of contrasts and problems; by default both are ``load_cohort``.
    diagnose : nipype Node, optional
        Takes ``result_file`` and ``clusters_file``, and gives ``diagnostics_dir`` to figures and
        derivatives.

    Returns
    -------
    nipype Node
        ``load_cohort``.
    """
    inputnode = pe.Node(niu.IdentityInterface(fields=["dataset_file"]), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=["result_file", "clusters_file", "stage_dir"]),
        name="outputnode",
    )
    if cohort is None:
        load = tables = pe.Node(LoadCohort(analysis=dict(record)), name="load_cohort", mem_gb=0.5)
    else:
        load, tables = cohort
    correct_wf = _init_correction_wf(analysis, settings)
    level = result_level(analysis)
    clusters = pe.Node(ClusterTable(alpha=analysis.alpha, level=level), name="clusters", mem_gb=1)
    figures = pe.Node(DrawFigures(alpha=analysis.alpha), name="figures", mem_gb=1)
    derivatives = pe.Node(
        WriteDerivatives(analysis=dict(record), settings=to_record(settings), stage_dir=stage_dir),
        name="derivatives",
        mem_gb=1,
    )
    derivatives.inputs.problems = [asdict(problem) for problem in problems]

    # Nipype adds to the list it is given: each connection has a list of its own.
    foci = ("coordinates_file", "coordinates_file")
    contrasts = ("contrasts_file", "contrasts_file")
    workflow.connect([
        (inputnode, load, [("dataset_file", "dataset_file")]),
        (inputnode, derivatives, [("dataset_file", "dataset_file")]),
        (fit, correct_wf, [("result_file", "inputnode.result_file")]),
        (load, clusters, [foci]),
        (correct_wf, clusters, [("outputnode.result_file", "result_file")]),
        (load, figures, [foci]),
        (tables, figures, [contrasts]),
        (correct_wf, figures, [("outputnode.result_file", "result_file")]),
        (clusters, figures, [("label_file", "label_file")]),
        (load, derivatives, [foci]),
        (tables, derivatives, [contrasts, ("problems_file", "problems_file")]),
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
    if diagnose is not None:
        workflow.connect([
            (correct_wf, diagnose, [("outputnode.result_file", "result_file")]),
            (clusters, diagnose, [("clusters_file", "clusters_file")]),
            (diagnose, figures, [("diagnostics_dir", "diagnostics_dir")]),
            (diagnose, derivatives, [("diagnostics_dir", "diagnostics_dir")]),
        ])  # fmt: skip
    return load


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


def threads_per_chunk(settings: Settings) -> int:
    """Share the processors out: all to each chunk where chunks take turns, else a share."""
    if settings.plugin == "Linear":
        return settings.n_procs
    return max(1, settings.n_procs // settings.n_chunks)
