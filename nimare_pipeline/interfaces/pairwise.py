"""Comparison of two groups: the estimator."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Directory,
    File,
    TraitedSpec,
    traits,
)

from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import read_frame
from nimare_pipeline.registry import MONTECARLO_ONLY
from nimare_pipeline.settings import Component


class _FitPairInputSpec(BaseInterfaceInputSpec):
    dataset_file = File(
        exists=True, mandatory=True, desc="dataset of the contrasts of both groups"
    )
    contrasts_file = File(exists=True, mandatory=True, desc="table of contrasts and their group")
    groups = traits.List(traits.Str, mandatory=True, desc="names of the first and second group")
    estimator = traits.Dict(mandatory=True, desc="estimator as {type, args}")
    inference_mask = traits.Str("", usedefault=True, desc="mask in which differences are tested")
    folders = traits.List(traits.Str, usedefault=True, desc="where a relative path counts from")
    n_threads = traits.Int(1, usedefault=True, desc="threads of the permutations")
    quiet = traits.Bool(usedefault=True, desc="draw no progress bar")
    store_dir = Directory(desc="folder where blocks of permutations are found and kept")


def counts_iterations(estimator: Any) -> bool:
    """Whether an estimator tells how many of its iterations are done."""
    return "n_iters" in estimator.get_params() and type(estimator).__name__ not in MONTECARLO_ONLY


class _FitPairOutputSpec(TraitedSpec):
    result_file = File(exists=True, desc="uncorrected result, npz")


class FitPair(PipelineInterface):
    """Compare two groups of contrasts."""

    input_spec = _FitPairInputSpec
    output_spec = _FitPairOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.dataset import Dataset
        from nimare_pipeline.groups import split
        from nimare_pipeline.named_files import mask_on_grid
        from nimare_pipeline.progress import iterations
        from nimare_pipeline.registry import get_estimator
        from nimare_pipeline.store import Store

        estimator = get_estimator(Component(**self.inputs.estimator))
        estimator.set_params(n_cores=self.inputs.n_threads)
        dataset = Dataset.load(self.inputs.dataset_file)
        names = list(self.inputs.groups)
        pair = split(dataset, read_frame(self.inputs.contrasts_file), names)
        where = None
        if self.inputs.inference_mask:
            where = mask_on_grid(self.inputs.inference_mask, self.inputs.folders, dataset.mask)
        fit = partial(
            estimator.observe,
            *pair,
            inference_map1=where,
            inference_map2=where,
            store=Store(self.inputs.store_dir) if self.inputs.store_dir else None,
        )
        if counts_iterations(estimator):
            bar = False if self.inputs.quiet else None
            with iterations(estimator.n_iters, what="permutations", bar=bar) as tell:
                result = fit(progress=tell)
        else:
            result = fit()
        result = replace(result, facts={**result.facts, "group_names": names})
        self._results["result_file"] = str(result.save(Path(runtime.cwd) / "result.npz"))
        return runtime
