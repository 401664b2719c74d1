"""The last step of a run: one report on everything in the output folder."""

from typing import Any

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from nimare_pipeline.interfaces.report import WriteReport
from nimare_pipeline.workflows.run import fresh_workflow


def init_report_wf(*, output_dir: str, work_dir: str, name: str = "report_wf") -> Any:
    """Build the report, after all analyses of a run have been swapped in.

    It is a graph of its own, because a report is due also when an analysis failed.

    Parameters
    ----------
    output_dir : str
        Folder of the derivatives.
    work_dir : str
        Folder under which the node gets a folder of its own for this run.
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
    report = pe.Node(WriteReport(output_dir=output_dir), name="report", mem_gb=0.5)
    outputnode = pe.Node(niu.IdentityInterface(fields=["report_file"]), name="outputnode")
    workflow.connect([(report, outputnode, [("report_file", "report_file")])])
    return workflow
