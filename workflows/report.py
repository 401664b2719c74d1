"""The last steps of a run: figures for a paper, and one report on everything in the folder."""

from typing import Any

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from nimare_pipeline.interfaces.report import PaperFigures, WriteReport
from nimare_pipeline.workflows.run import fresh_workflow


def init_report_wf(
    *,
    output_dir: str,
    work_dir: str,
    common_range: bool = False,
    z_max: float | None = None,
    name: str = "report_wf",
) -> Any:
    """Build the figures and the report, after all analyses of a run have been swapped in.

    It is a graph of its own, because a report is due also when an analysis failed.

    Parameters
    ----------
    output_dir : str
        Folder of the derivatives.
    work_dir : str
        Folder under which the nodes get a folder of their own for this run.
    common_range : bool
        One range of colours in the figures for a paper, for all analyses in the folder.
    z_max : float, optional
        End of the colour scale of those figures.
    name : str
        Name of the workflow.

    Returns
    -------
    nipype Workflow

    Outputs
    -------
    report_file
        One HTML file that needs no other.
    """
    workflow = fresh_workflow(name, work_dir)
    figures = pe.Node(
        PaperFigures(output_dir=output_dir, common_range=common_range, z_max=z_max or 0.0),
        name="figures",
        mem_gb=1,
    )
    report = pe.Node(WriteReport(output_dir=output_dir), name="report", mem_gb=0.5)
    outputnode = pe.Node(niu.IdentityInterface(fields=["report_file"]), name="outputnode")
    workflow.connect(
        [
            # The report links to the figures, so they are there before it.
            (figures, report, [("failure", "figures_failure")]),
            (report, outputnode, [("report_file", "report_file")]),
        ]
    )
    return workflow
