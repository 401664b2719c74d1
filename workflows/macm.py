"""Meta-analytic coactivation modelling: the studies with a focus in a region."""

from collections.abc import Sequence
from typing import Any

from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.interfaces.macm import MarkRegion
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.cbma import feed, fit_node, seeded
from nimare_pipeline.workflows.inference import add_inference


def init_macm_wf(
    *,
    analysis: Analysis,
    settings: Settings,
    stage_dir: str,
    problems: Sequence[Problem] = (),
    name: str = "macm_wf",
) -> Any:
    """Build a meta-analytic coactivation model, from the database to the derivatives.

    It is a coordinate-based meta-analysis whose cohort is chosen by a region, and one node more:
    the result is told of the region, so that figures, derivatives and report speak of it.

    Parameters
    ----------
    analysis : Analysis
        With ``roi`` or ``sphere`` in its options; the rest as for ``init_cbma_wf``.
    settings, stage_dir, problems, name
        As for ``init_cbma_wf``.

    Returns
    -------
    nipype Workflow

    Inputs
    ------
    dataset_file
        Dataset that is searched, as ``Dataset.save`` writes it.

    Outputs
    -------
    result_file, clusters_file, stage_dir
        As of ``init_cbma_wf``.
    """
    workflow = pe.Workflow(name)
    record, drawing = to_record(analysis), seeded(analysis, settings)
    region = pe.Node(MarkRegion(analysis=record), name="region", mem_gb=1)
    load = add_inference(
        workflow,
        region,
        analysis=drawing,
        record=record,
        settings=settings,
        stage_dir=stage_dir,
        problems=problems,
    )
    fit = fit_node(drawing, settings)
    feed(workflow, load, fit, analysis)
    workflow.connect([
        (workflow.get_node("inputnode"), region, [("dataset_file", "dataset_file")]),
        (fit, region, [("result_file", "result_file")]),
    ])  # fmt: skip
    return workflow
