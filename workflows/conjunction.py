"""Conjunction of analyses: where each of them has a result."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.interfaces.clusters import ClusterTable
from nimare_pipeline.interfaces.conjunction import Conjoin
from nimare_pipeline.interfaces.derivatives import WriteDerivatives
from nimare_pipeline.interfaces.figures import DrawFigures
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings


def init_conjunction_wf(
    *,
    analysis: Analysis,
    settings: Settings,
    stage_dir: str,
    problems: Sequence[Problem] = (),
    name: str = "conjunction_wf",
) -> Any:
    """Build a conjunction, from the derivatives of what it combines to its own.

    Parameters
    ----------
    analysis : Analysis
        With ``of`` and ``level`` in its options.
    settings : Settings
        ``output_dir`` holds what is combined.
    stage_dir : str
        Folder the derivatives are written to, before they are swapped in.
    problems : sequence of Problem
        What was odd, for the derivatives.
    name : str
        Name of the workflow.

    Returns
    -------
    nipype Workflow

    Outputs
    -------
    result_file
        Combined result, npz.
    clusters_file
        Table of clusters.
    stage_dir
        Folder of the derivatives.
    """
    workflow = pe.Workflow(name)
    record = to_record(analysis)
    outputnode = pe.Node(
        niu.IdentityInterface(fields=["result_file", "clusters_file", "stage_dir"]),
        name="outputnode",
    )
    conjoin = pe.Node(
        Conjoin(analysis=record, output_dir=settings.output_dir), name="conjoin", mem_gb=0.5
    )
    clusters = pe.Node(ClusterTable(alpha=analysis.alpha, level="none"), name="clusters", mem_gb=1)
    figures = pe.Node(DrawFigures(alpha=analysis.alpha), name="figures", mem_gb=1)
    derivatives = pe.Node(
        WriteDerivatives(analysis=record, settings=to_record(settings), stage_dir=stage_dir),
        name="derivatives",
        mem_gb=1,
    )
    derivatives.inputs.problems = [asdict(problem) for problem in problems]

    tables = [("contrasts_file", "contrasts_file"), ("coordinates_file", "coordinates_file")]
    result = ("result_file", "result_file")
    labels = ("label_file", "label_file")
    clustered = ("clusters_file", "clusters_file")
    workflow.connect([
        (conjoin, clusters, [result, ("coordinates_file", "coordinates_file")]),
        (conjoin, figures, [result, *tables]),
        (clusters, figures, [labels]),
        (conjoin, derivatives, [result, *tables]),
        (clusters, derivatives, [clustered, labels]),
        (figures, derivatives, [("figures_dir", "figures_dir")]),
        (conjoin, outputnode, [result]),
        (clusters, outputnode, [clustered]),
        (derivatives, outputnode, [("stage_dir", "stage_dir")]),
    ])  # fmt: skip
    return workflow
