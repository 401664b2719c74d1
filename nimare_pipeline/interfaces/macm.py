"""The region of a meta-analytic coactivation model."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, File, TraitedSpec, traits

from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import to_analysis


class _MarkRegionInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset that is searched, npz")
    analysis = traits.Dict(mandatory=True, desc="the analysis, as a record of JSON types")
    result_file = File(exists=True, mandatory=True, desc="uncorrected result, npz")


class _MarkRegionOutputSpec(TraitedSpec):
    result_file = File(exists=True, desc="the same result, which knows the region, npz")


class MarkRegion(PipelineInterface):
    """Give a result the region its contrasts were chosen by, and how much of the data is in it."""

    input_spec = _MarkRegionInputSpec
    output_spec = _MarkRegionOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline import macm
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.results import MetaResult

        analysis = to_analysis(self.inputs.analysis)
        facts = macm.describe(Dataset.load(self.inputs.dataset_file), analysis)
        result = MetaResult.load(self.inputs.result_file)
        marked = macm.marked(result, macm.region_of(analysis), facts)
        self._results["result_file"] = str(marked.save(Path(runtime.cwd) / "result.npz"))
        return runtime
