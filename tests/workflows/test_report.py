"""The report as a graph of its own."""

from nimare_pipeline.settings import Settings
from nimare_pipeline.workflows.report import init_report_wf
from nimare_pipeline.workflows.run import run_workflow


def test_a_folder_without_analyses_still_gets_a_report(tmp_path):
    """The node writes report.html into the output folder, and the folder of the nodes goes."""
    output_dir, work_dir = tmp_path / "out", tmp_path / "work"
    output_dir.mkdir()
    settings = Settings(str(tmp_path), str(output_dir), str(work_dir), run_uuid="x")
    workflow = init_report_wf(output_dir=str(output_dir), work_dir=str(work_dir))
    run_workflow(workflow, settings=settings, crash_dir=tmp_path)
    assert "<html" in (output_dir / "report.html").read_text(encoding="utf-8")
    assert not list(work_dir.glob("nipype-*"))
