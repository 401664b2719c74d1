"""Image-based meta-analysis: images are read, checked and completed, and an estimator fitted."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, Directory, File, TraitedSpec, traits

from nimare_pipeline.errors import PipelineError, Problem
from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import (
    read_frame,
    read_problems,
    to_analysis,
    write_diagnostics,
    write_frame,
    write_problems,
)
from nimare_pipeline.settings import Component

_UNDIAGNOSED = (PipelineError, ArithmeticError, LookupError, TypeError, ValueError)
"""What diagnostics may raise of a result that is odd: no reason to lose the analysis."""


class _CheckImagesInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset of the cohort")
    contrasts_file = File(exists=True, mandatory=True, desc="table of all contrasts")
    problems_file = File(exists=True, mandatory=True, desc="problems met while selecting, JSON")
    analysis = traits.Dict(mandatory=True, desc="the analysis, as a record of JSON types")
    n_threads = traits.Int(1, usedefault=True, desc="threads over files")


class _CheckImagesOutputSpec(TraitedSpec):
    dataset_file = File(exists=True, desc="dataset of the contrasts whose images can be used")
    contrasts_file = File(exists=True, desc="table of all contrasts, with reasons of exclusion")
    problems_file = File(exists=True, desc="problems met so far, JSON")
    images_file = File(exists=True, desc="values of the images over the mask, npz")
    checks_file = File(exists=True, desc="table of images: what is in each, and its verdict")


class CheckImages(PipelineInterface):
    """Read the images of a cohort, each once, and decide which can be used."""

    input_spec = _CheckImagesInputSpec
    output_spec = _CheckImagesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.image_cohort import with_checked_images

        folder = Path(runtime.cwd)
        checked = with_checked_images(
            Dataset.load(self.inputs.dataset_file),
            to_analysis(self.inputs.analysis),
            read_frame(self.inputs.contrasts_file),
            n_threads=self.inputs.n_threads,
        )
        problems = [*read_problems(self.inputs.problems_file), *checked.problems]
        self._results = {
            "dataset_file": str(checked.dataset.save(folder / "dataset.npz")),
            "contrasts_file": str(write_frame(folder / "contrasts.npz", checked.contrasts)),
            "problems_file": str(write_problems(folder / "problems.json", problems)),
            "images_file": str(checked.images.save(folder / "images.npz")),
            "checks_file": str(write_frame(folder / "checks.npz", checked.checks)),
        }
        return runtime


class _TransformImagesInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset of the images")
    images_file = File(exists=True, mandatory=True, desc="values of the images over the mask, npz")
    analysis = traits.Dict(mandatory=True, desc="the analysis, as a record of JSON types")


class _TransformImagesOutputSpec(TraitedSpec):
    images_file = File(exists=True, desc="the images with those that were made of them, npz")


class TransformImages(PipelineInterface):
    """Make the images that an estimator takes and that are not there: z, varcope and others."""

    input_spec = _TransformImagesInputSpec
    output_spec = _TransformImagesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.image_analysis import estimator_of
        from nimare_pipeline.images import ImageStack
        from nimare_pipeline.stack_transforms import transform_stack
        from nimare_pipeline.transform_rules import people_of

        made = transform_stack(
            ImageStack.load(self.inputs.images_file),
            estimator_of(to_analysis(self.inputs.analysis)).kinds(),
            people_of(Dataset.load(self.inputs.dataset_file)),
        )
        self._results["images_file"] = str(made.save(Path(runtime.cwd) / "images.npz"))
        return runtime


class _FitImagesInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset of the images")
    images_file = File(exists=True, mandatory=True, desc="values of the images over the mask, npz")
    estimator = traits.Dict(mandatory=True, desc="estimator as {type, args}")
    n_threads = traits.Int(1, usedefault=True, desc="threads")


class _FitImagesOutputSpec(TraitedSpec):
    result_file = File(exists=True, desc="uncorrected result, npz")


class FitImages(PipelineInterface):
    """Fit an image-based estimator."""

    input_spec = _FitImagesInputSpec
    output_spec = _FitImagesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.images import ImageStack
        from nimare_pipeline.registry import get_estimator

        estimator = get_estimator(Component(**self.inputs.estimator))
        estimator.set_params(n_cores=self.inputs.n_threads)
        result = estimator.fit(
            Dataset.load(self.inputs.dataset_file), images=ImageStack.load(self.inputs.images_file)
        )
        self._results["result_file"] = str(result.save(Path(runtime.cwd) / "result.npz"))
        return runtime


class _DiagnoseImagesInputSpec(BaseInterfaceInputSpec):
    result_file = File(exists=True, mandatory=True, desc="corrected result, npz")
    clusters_file = File(exists=True, mandatory=True, desc="table of clusters; mm and mm3")


class _DiagnoseImagesOutputSpec(TraitedSpec):
    diagnostics_dir = Directory(exists=True, desc="tables, maps, and why there are none")


class ImageDiagnostics(PipelineInterface):
    """Find out what an image-based result owes to single studies."""

    input_spec = _DiagnoseImagesInputSpec
    output_spec = _DiagnoseImagesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.image_diagnostics import LeaveOneOut, nothing_diagnosed
        from nimare_pipeline.results import MetaResult

        problems: list[Problem] = []
        try:
            result = MetaResult.load(self.inputs.result_file)
            found = LeaveOneOut().transform(result, read_frame(self.inputs.clusters_file))
            problems += found.problems
        except _UNDIAGNOSED as error:
            found = nothing_diagnosed()
            problems = [Problem("warning", f"diagnostics of the studies were not made: {error}")]
        folder = Path(runtime.cwd) / "diagnostics"
        self._results["diagnostics_dir"] = str(write_diagnostics(folder, found, problems))
        return runtime
