"""Figures of one analysis."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Directory,
    File,
    TraitedSpec,
    isdefined,
    traits,
)

from nimare_pipeline import defaults
from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import read_diagnostics, read_frame


class _DrawFiguresInputSpec(BaseInterfaceInputSpec):
    result_file = File(exists=True, mandatory=True, desc="corrected result, npz")
    contrasts_file = File(exists=True, mandatory=True, desc="table of contrasts")
    coordinates_file = File(exists=True, mandatory=True, desc="table of foci; x, y, z in mm")
    label_file = File(exists=True, mandatory=True, desc="cluster of each voxel of the mask, npz")
    diagnostics_dir = Directory(exists=True, desc="diagnostics of the studies of images")
    alpha = traits.Float(defaults.ALPHA, usedefault=True, desc="level of the corrected inference")


class _DrawFiguresOutputSpec(TraitedSpec):
    figures_dir = Directory(exists=True, desc="folder of figures, SVG or PNG, named by their key")


class DrawFigures(PipelineInterface):
    """Draw the foci, the maps and the nulls of an analysis."""

    input_spec = _DrawFiguresInputSpec
    output_spec = _DrawFiguresOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.reports.figures import draw_all
        from nimare_pipeline.results import MetaResult
        from nimare_pipeline.store import read_arrays

        figures_dir = Path(runtime.cwd) / "figures"
        draw_all(
            MetaResult.load(self.inputs.result_file),
            contrasts=read_frame(self.inputs.contrasts_file),
            coordinates=read_frame(self.inputs.coordinates_file),
            labels=read_arrays(self.inputs.label_file)["labels"],
            alpha=self.inputs.alpha,
            out_dir=figures_dir,
        )
        if isdefined(self.inputs.diagnostics_dir):
            from nimare_pipeline.reports.forest import draw_peaks

            diagnostics, _ = read_diagnostics(self.inputs.diagnostics_dir)
            draw_peaks(diagnostics.studies, diagnostics.pooled, out_dir=figures_dir)
        self._results["figures_dir"] = str(figures_dir)
        return runtime
