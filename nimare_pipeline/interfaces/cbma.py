"""Coordinate-based meta-analysis: modelled activation and estimator."""

from dataclasses import replace
from functools import partial
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

from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.settings import Component


class _ModeledActivationInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset of the cohort")
    estimator = traits.Dict(mandatory=True, desc="estimator as {type, args}; its kernel is used")
    n_threads = traits.Int(1, usedefault=True, desc="threads over contrasts")


class _ModeledActivationOutputSpec(TraitedSpec):
    ma_file = File(exists=True, desc="modelled activation as the estimator needs it, npz")


class ModeledActivation(PipelineInterface):
    """Model the activation map of each contrast from its foci."""

    input_spec = _ModeledActivationInputSpec
    output_spec = _ModeledActivationOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.meta import modelled
        from nimare_pipeline.meta.kernel import ExperimentFoci
        from nimare_pipeline.registry import get_estimator

        estimator = get_estimator(Component(**self.inputs.estimator))
        dataset = Dataset.load(self.inputs.dataset_file)
        activation = estimator.modelled(
            dataset, ExperimentFoci.of(dataset), dataset.mask, self.inputs.n_threads
        )
        self._results["ma_file"] = str(modelled.save(activation, Path(runtime.cwd) / "ma.npz"))
        return runtime


class _FitEstimatorInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(exists=True, mandatory=True, desc="dataset of the cohort")
    ma_file = File(exists=True, mandatory=True, desc="modelled activation, npz")
    estimator = traits.Dict(mandatory=True, desc="estimator as {type, args}")
    n_threads = traits.Int(1, usedefault=True, desc="threads of a Monte Carlo null")
    quiet = traits.Bool(usedefault=True, desc="draw no progress bar")
    store_dir = Directory(desc="folder where blocks of a Monte Carlo null are found and kept")
    null_foci_file = File(exists=True, desc="pool of foci that the null draws from, npz")


class _FitEstimatorOutputSpec(TraitedSpec):
    result_file = File(exists=True, desc="uncorrected result, npz")


class FitEstimator(PipelineInterface):
    """Fit a coordinate-based estimator."""

    input_spec = _FitEstimatorInputSpec
    output_spec = _FitEstimatorOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.meta import modelled
        from nimare_pipeline.needs import NULL_FOCI
        from nimare_pipeline.null_foci import NullFoci
        from nimare_pipeline.progress import iterations
        from nimare_pipeline.registry import get_estimator
        from nimare_pipeline.store import Store

        estimator = get_estimator(Component(**self.inputs.estimator))
        estimator.set_params(n_cores=self.inputs.n_threads)
        pool = None
        if isdefined(self.inputs.null_foci_file):
            pool = NullFoci.load(self.inputs.null_foci_file)
            estimator.set_params(xyz=pool.xyz)
        fit = partial(
            estimator.fit,
            Dataset.load(self.inputs.dataset_file),
            ma_maps=modelled.load(self.inputs.ma_file),
            store=Store(self.inputs.store_dir) if self.inputs.store_dir else None,
        )
        if estimator.null_method == "montecarlo":
            bar = False if self.inputs.quiet else None
            with iterations(estimator.n_iters, what="Monte Carlo null", bar=bar) as tell:
                result = fit(progress=tell)
        else:
            result = fit()
        if pool is not None:
            known = {**pool.facts(), **result.facts[NULL_FOCI]}
            result = replace(result, facts={**result.facts, NULL_FOCI: known})
        self._results["result_file"] = str(result.save(Path(runtime.cwd) / "result.npz"))
        return runtime
