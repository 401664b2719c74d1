"""One analysis: which workflow it is, and where it runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nimare_pipeline.errors import Problem, UsageError
from nimare_pipeline.settings import Analysis, Settings
from nimare_pipeline.workflows.cbma import init_cbma_wf
from nimare_pipeline.workflows.conjunction import init_conjunction_wf
from nimare_pipeline.workflows.ibma import init_ibma_wf
from nimare_pipeline.workflows.macm import init_macm_wf
from nimare_pipeline.workflows.pairwise import init_pair_wf
from nimare_pipeline.workflows.run import fresh_workflow

BUILDERS: Mapping[str, Callable[..., Any]] = {
    "cbma": init_cbma_wf,
    "pair": init_pair_wf,
    "conjunction": init_conjunction_wf,
    "macm": init_macm_wf,
    "ibma": init_ibma_wf,
}
"""Type of an analysis to the builder of its workflow."""


def init_analysis_wf(  # noqa: PLR0913 - what goes in, and where it runs
    *,
    analysis: Analysis,
    settings: Settings,
    dataset_file: str = "",
    stage_dir: str,
    work_dir: str,
    problems: Sequence[Problem] = (),
    saved_null: str = "",
    null_foci: str = "",
    name: str = "analysis_wf",
) -> Any:
    """Build the workflow of one analysis, ready to run.

    Parameters
    ----------
    analysis : Analysis
        What is done.
    settings : Settings
        Where, and with how much machine.
    dataset_file : str
        Dataset, as ``Dataset.save`` writes it; empty for an analysis that combines others.
    stage_dir : str
        Folder the derivatives are written to, before they are swapped in.
    work_dir : str
        Folder under which the nodes get a folder of their own for this run. Nipype's cache is
        not trusted (it takes damaged files for results), so no such folder is used twice; what is
        dear is found again in the store, ``settings.work_dir/store``.
    problems : sequence of Problem
        What was odd in the data when they were read, for the derivatives.
    saved_null : str
        Monte Carlo null of an earlier run that is extended, as ``SavedNull.save`` writes it.
    null_foci : str
        Pool of foci that the null of the estimator draws from, as ``NullFoci.save`` writes it.
    name : str
        Name of the workflow.

    Returns
    -------
    nipype Workflow

    Raises
    ------
    UsageError
        For an unknown type of analysis.
    """
    if analysis.type not in BUILDERS:
        known = ", ".join(BUILDERS)
        msg = f"analysis {analysis.name}: there is no type {analysis.type!r}; there is: {known}"
        raise UsageError(msg)
    workflow = fresh_workflow(name, work_dir)
    inner = BUILDERS[analysis.type](
        analysis=analysis, settings=settings, stage_dir=stage_dir, problems=problems
    )
    if dataset_file:
        inner.inputs.inputnode.dataset_file = dataset_file
    if saved_null:
        inner.get_node("montecarlo_wf").inputs.inputnode.saved_file = saved_null
    if null_foci:
        for node in ("fit_estimator", "derivatives"):
            inner.get_node(node).inputs.null_foci_file = null_foci
    workflow.add_nodes([inner])
    return workflow
