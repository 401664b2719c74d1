"""The report of an output folder, and the figures for a paper beside it."""

import logging
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, Directory, File, TraitedSpec, traits

from nimare_pipeline.errors import PipelineError
from nimare_pipeline.interfaces.base import PipelineInterface

_LOGGER = logging.getLogger("nimare_pipeline")


class _PaperFiguresInputSpec(BaseInterfaceInputSpec):
    output_dir = Directory(exists=True, mandatory=True, desc="folder of the derivatives")
    common_range = traits.Bool(
        default_value=False,
        usedefault=True,
        desc="one range of colours for all analyses in the folder",
    )
    z_max = traits.Float(0.0, usedefault=True, desc="end of the colour scale; 0: the highest z")


class _PaperFiguresOutputSpec(TraitedSpec):
    failure = traits.Str(desc="why a figure could not be made; empty if all are")


class PaperFigures(PipelineInterface):
    """Draw the figures for a paper, of all analyses in the folder."""

    input_spec = _PaperFiguresInputSpec
    output_spec = _PaperFiguresOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.reports.paper import write_paper_figures

        self._results["failure"] = ""
        try:
            write_paper_figures(
                self.inputs.output_dir,
                common_range=self.inputs.common_range,
                z_max=self.inputs.z_max or None,
            )
        except Exception as error:  # raised when the report is written
            _LOGGER.debug("details", exc_info=error)
            self._results["failure"] = f"{type(error).__name__}: {error}"
        return runtime


class _WriteReportInputSpec(BaseInterfaceInputSpec):
    output_dir = Directory(exists=True, mandatory=True, desc="folder of the derivatives")
    figures_failure = traits.Str("", usedefault=True, desc="why a figure for a paper is missing")


class _WriteReportOutputSpec(TraitedSpec):
    report_file = File(exists=True, desc="one HTML file that needs no other")


class WriteReport(PipelineInterface):
    """Write the report from the derivatives alone."""

    input_spec = _WriteReportInputSpec
    output_spec = _WriteReportOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.reports.html import write_report

        self._results["report_file"] = str(write_report(self.inputs.output_dir))
        if self.inputs.figures_failure:
            msg = f"the figures for a paper: {self.inputs.figures_failure}"
            raise PipelineError(msg)
        return runtime
