"""Conjunction of analyses that a folder of derivatives holds."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, Directory, File, TraitedSpec, traits

from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import to_analysis, write_frame


class _ConjoinInputSpec(BaseInterfaceInputSpec):
    analysis = traits.Dict(mandatory=True, desc="the analysis, as a record of JSON types")
    output_dir = Directory(exists=True, mandatory=True, desc="folder with what it combines")


class _ConjoinOutputSpec(TraitedSpec):
    result_file = File(exists=True, desc="combined result, npz")
    contrasts_file = File(exists=True, desc="table of the contrasts of all of them")
    coordinates_file = File(exists=True, desc="table of their foci; x, y, z in mm")


class Conjoin(PipelineInterface):
    """Combine the results of several analyses by the minimum statistic."""

    input_spec = _ConjoinInputSpec
    output_spec = _ConjoinOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.conjunction_parts import conjoin

        analysis = to_analysis(self.inputs.analysis)
        result, contrasts, coordinates = conjoin(self.inputs.output_dir, analysis)
        folder = Path(runtime.cwd)
        self._results = {
            "result_file": str(result.save(folder / "result.npz")),
            "contrasts_file": str(write_frame(folder / "contrasts.npz", contrasts)),
            "coordinates_file": str(write_frame(folder / "coordinates.npz", coordinates)),
        }
        return runtime
