"""Meta-analytic coactivation modelling: the studies with a focus in a region."""

from collections.abc import Sequence
from typing import Any

from nipype.pipeline import engine as pe

from nimare_pipeline.errors import Problem
from nimare_pipeline.interfaces.macm import MarkRegion
from nimare_pipeline.interfaces.records import to_record
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.cbma import init_cbma_wf


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
    region = pe.Node(MarkRegion(analysis=to_record(analysis)), name="region", mem_gb=1)
    return init_cbma_wf(
        analysis=analysis,
        settings=settings,
        stage_dir=stage_dir,
        problems=problems,
        name=name,
        between=region,
    )
