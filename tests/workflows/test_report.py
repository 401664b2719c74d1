"""The report as a graph of its own."""

import pytest

from nimare_pipeline.errors import PipelineError
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


def run_report(tmp_path, **options):
    output_dir = tmp_path / "out"
    output_dir.mkdir()
    settings = Settings(str(tmp_path), str(output_dir), str(tmp_path / "work"), run_uuid="x")
    workflow = init_report_wf(
        output_dir=str(output_dir), work_dir=str(tmp_path / "work"), **options
    )
    run_workflow(workflow, settings=settings, crash_dir=tmp_path)
    return output_dir


def test_options_reach_the_figures(tmp_path, monkeypatch):
    """The figures are made before the report, with the range that was asked for."""
    asked = []
    monkeypatch.setattr(
        "nimare_pipeline.reports.paper.write_paper_figures",
        lambda folder, **options: asked.append((folder, options)),
    )
    output_dir = run_report(tmp_path, common_range=True, z_max=6.0)
    assert asked == [(str(output_dir), {"common_range": True, "z_max": 6.0})]


def test_figures_that_fail_do_not_cost_the_report(tmp_path, monkeypatch):
    """The report is written, and the run learns of the failure."""

    def fail(*_args, **_options):
        raise RuntimeError("no ink")

    monkeypatch.setattr("nimare_pipeline.reports.paper.write_paper_figures", fail)
    with pytest.raises(PipelineError, match="the figures for a paper: RuntimeError: no ink"):
        run_report(tmp_path)
    assert (tmp_path / "out" / "report.html").is_file()
