"""The report of an output folder."""

from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, Directory, File, TraitedSpec

from nimare_pipeline.interfaces.base import PipelineInterface


class _WriteReportInputSpec(BaseInterfaceInputSpec):
    output_dir = Directory(exists=True, mandatory=True, desc="folder of the derivatives")


class _WriteReportOutputSpec(TraitedSpec):
    report_file = File(exists=True, desc="one HTML file that needs no other")


class WriteReport(PipelineInterface):
    """Write the report from the derivatives alone."""

    input_spec = _WriteReportInputSpec
    output_spec = _WriteReportOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.reports.html import write_report

        self._results["report_file"] = str(write_report(self.inputs.output_dir))
        return runtime
