"""From a dataset to the cohort of one analysis."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, File, TraitedSpec, traits

from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import to_analysis, write_frame, write_problems


class _LoadCohortInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset, as Dataset.save writes it")
    analysis = traits.Dict(mandatory=True, desc="the analysis, as a record of JSON types")


class _LoadCohortOutputSpec(TraitedSpec):
    dataset_file = File(exists=True, desc="dataset of the contrasts that are analysed")
    contrasts_file = File(exists=True, desc="table of all contrasts, with reasons of exclusion")
    coordinates_file = File(exists=True, desc="table of foci as used; x, y, z in mm")
    problems_file = File(exists=True, desc="problems met while selecting, JSON")


class LoadCohort(PipelineInterface):
    """Apply an analysis' policies for sample sizes and foci outside the mask to a dataset."""

    input_spec = _LoadCohortInputSpec
    output_spec = _LoadCohortOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.cohort import make_cohort
        from nimare_pipeline.dataset import Dataset

        folder = Path(runtime.cwd)
        dataset = Dataset.load(self.inputs.dataset_file)
        cohort = make_cohort(dataset, to_analysis(self.inputs.analysis))
        cohort.dataset.save(folder / "dataset.npz")
        self._results = {
            "dataset_file": str(folder / "dataset.npz"),
            "contrasts_file": str(write_frame(folder / "contrasts.npz", cohort.contrasts)),
            "coordinates_file": str(write_frame(folder / "coordinates.npz", cohort.coordinates)),
            "problems_file": str(write_problems(folder / "problems.json", cohort.problems)),
        }
        return runtime
