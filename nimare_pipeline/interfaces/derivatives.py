"""The only writer of results: one analysis to its derivatives."""

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

from nimare_pipeline.errors import Problem
from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import (
    read_diagnostics,
    read_frame,
    read_problems,
    to_analysis,
    to_settings,
)


class _WriteDerivativesInputSpec(BaseInterfaceInputSpec):
    analysis = traits.Dict(mandatory=True, desc="the analysis, as a record of JSON types")
    settings = traits.Dict(mandatory=True, desc="settings of the run, as a record of JSON types")
    stage_dir = traits.Str(mandatory=True, desc="folder to write to, before it is swapped in")
    dataset_file = File(exists=True, desc="dataset the analysis was made from, if it was")
    problems = traits.List(
        traits.Dict, usedefault=True, desc="problems met while reading, as records of JSON types"
    )
    null_foci_file = File(exists=True, desc="pool of foci that the null draws from, npz")
    images_file = File(exists=True, desc="images of the studies, those made among them, npz")
    checks_file = File(exists=True, desc="table of those images and their checks")
    studies_file = File(exists=True, desc="dataset of the contrasts of those images")
    diagnostics_dir = Directory(exists=True, desc="diagnostics of those images' studies")
    problems_file = File(exists=True, desc="problems met while selecting, JSON")
    contrasts_file = File(exists=True, mandatory=True, desc="table of contrasts")
    coordinates_file = File(exists=True, mandatory=True, desc="table of foci; x, y, z in mm")
    result_file = File(exists=True, mandatory=True, desc="corrected result, npz")
    clusters_file = File(exists=True, mandatory=True, desc="table of clusters; mm and mm3")
    label_file = File(exists=True, mandatory=True, desc="cluster of each voxel of the mask, npz")
    figures_dir = Directory(exists=True, desc="folder of figures")


class _WriteDerivativesOutputSpec(TraitedSpec):
    stage_dir = Directory(exists=True, desc="folder that was written")


class WriteDerivatives(PipelineInterface):
    """Write maps, tables, nulls and figures of an analysis as BIDS derivatives."""

    input_spec = _WriteDerivativesInputSpec
    output_spec = _WriteDerivativesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline import derivatives
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.diagnostics import ClusterTable
        from nimare_pipeline.inference import result_level
        from nimare_pipeline.null_foci import NullFoci
        from nimare_pipeline.results import MetaResult
        from nimare_pipeline.store import read_arrays

        stage_dir, figures_dir = Path(self.inputs.stage_dir), self.inputs.figures_dir
        analysis = to_analysis(self.inputs.analysis)
        settings = to_settings(self.inputs.settings)
        if isdefined(self.inputs.dataset_file):
            # Before the sidecars, which name it.
            dataset = Dataset.load(self.inputs.dataset_file)
            derivatives.write_snapshot(stage_dir, analysis.name, dataset)
            del dataset
        if isdefined(self.inputs.null_foci_file):
            pool = NullFoci.load(self.inputs.null_foci_file)
            derivatives.write_null_foci(stage_dir, analysis.name, pool)
        diagnostics, undiagnosed = self._diagnostics()
        derivatives.write_analysis(
            stage_dir,
            analysis=analysis,
            settings=settings,
            cohort_contrasts=read_frame(self.inputs.contrasts_file),
            cohort_coordinates=read_frame(self.inputs.coordinates_file),
            result=MetaResult.load(self.inputs.result_file),
            clusters=ClusterTable(
                read_frame(self.inputs.clusters_file),
                read_arrays(self.inputs.label_file)["labels"],
                level=result_level(analysis),
                alpha=analysis.alpha,
            ),
            figures_dir=Path(figures_dir) if isdefined(figures_dir) else None,
            images=self._images(),
            diagnostics=diagnostics,
        )
        problems = [Problem(**record) for record in self.inputs.problems]
        if isdefined(self.inputs.problems_file):
            problems += read_problems(self.inputs.problems_file)
        problems += undiagnosed
        derivatives.write_problems(
            stage_dir, analysis=analysis, settings=settings, problems=problems
        )
        self._results["stage_dir"] = str(stage_dir)
        return runtime

    def _diagnostics(self) -> tuple[Any, tuple[Problem, ...]]:
        """Diagnostics of the studies, where there are any, and why there are none."""
        given = self.inputs.diagnostics_dir
        return read_diagnostics(given) if isdefined(given) else (None, ())

    def _images(self) -> Any:
        """Images of the studies, where the analysis has any."""
        if not isdefined(self.inputs.images_file):
            return None
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.derivative_images import StudyImages
        from nimare_pipeline.images import ImageStack

        return StudyImages.of(
            read_frame(self.inputs.checks_file),
            ImageStack.load(self.inputs.images_file),
            Dataset.load(self.inputs.studies_file),
        )
