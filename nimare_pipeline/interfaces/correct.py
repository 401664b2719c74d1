"""Correction for multiple comparisons: plan, chunks of iterations, corrected maps."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Directory,
    File,
    InputMultiObject,
    TraitedSpec,
    traits,
)

from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.settings import Component


class _PlanMonteCarloInputSpec(BaseInterfaceInputSpec):
    result_file = File(exists=True, mandatory=True, desc="uncorrected result, npz")
    corrector = traits.Dict(mandatory=True, desc="corrector as {type, args}")
    store_dir = Directory(desc="folder where the estimator left what a plan is made of")
    saved_file = File(exists=True, desc="null of an earlier run that is extended, npz")


class _PlanMonteCarloOutputSpec(TraitedSpec):
    plan_file = File(exists=True, desc="what an iteration draws and measures, npz")
    n_iters = traits.Int(desc="iterations of the whole null")
    seed = traits.Int(desc="seed that iterations are keyed by")
    saved_file = File(exists=True, desc="iterations known before, if any, and their key, npz")


class PlanMonteCarlo(PipelineInterface):
    """Work out what a Monte Carlo iteration draws and measures."""

    input_spec = _PlanMonteCarloInputSpec
    output_spec = _PlanMonteCarloOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.registry import get_corrector
        from nimare_pipeline.results import MetaResult
        from nimare_pipeline.saved_null import SavedNull, null_key
        from nimare_pipeline.store import Store

        corrector = get_corrector(Component(**self.inputs.corrector))
        plan_file = Path(runtime.cwd) / "plan.npz"
        store = Store(self.inputs.store_dir) if self.inputs.store_dir else None
        plan = corrector.plan(MetaResult.load(self.inputs.result_file), store)
        plan.save(plan_file)
        self._results = {
            "plan_file": str(plan_file),
            "n_iters": plan.iterations(corrector.n_iters),
            "seed": corrector.seed,
        }
        known = SavedNull({}, null_key(plan, corrector.seed))
        if self.inputs.saved_file:
            saved = SavedNull.load(self.inputs.saved_file)
            known = saved if saved.serves(plan, corrector.seed) else known
        self._results["saved_file"] = str(known.save(Path(runtime.cwd) / "saved_null.npz"))
        return runtime


class _MonteCarloChunkInputSpec(BaseInterfaceInputSpec):
    plan_file = File(exists=True, mandatory=True, desc="plan of the null, npz")
    n_iters = traits.Int(mandatory=True, desc="iterations of the whole null")
    seed = traits.Int(mandatory=True, desc="seed that iterations are keyed by")
    chunk = traits.Int(mandatory=True, desc="which chunk of iterations, from 0")
    n_chunks = traits.Int(mandatory=True, desc="number of chunks")
    n_threads = traits.Int(1, usedefault=True, desc="threads of the compiled loop")
    quiet = traits.Bool(usedefault=True, desc="draw no progress bar")
    store_dir = Directory(desc="folder where blocks of iterations are found and kept")
    saved_file = File(exists=True, desc="iterations known before, npz")


class _MonteCarloChunkOutputSpec(TraitedSpec):
    null_file = File(exists=True, desc="null maxima of each iteration, npz")


class MonteCarloChunk(PipelineInterface):
    """Compute, or find in the store, one chunk of the Monte Carlo iterations."""

    input_spec = _MonteCarloChunkInputSpec
    output_spec = _MonteCarloChunkOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.montecarlo import chunk_blocks, load_plan, montecarlo_chunk
        from nimare_pipeline.progress import iterations
        from nimare_pipeline.saved_null import SavedNull
        from nimare_pipeline.store import Store, write_arrays

        here = {name: getattr(self.inputs, name) for name in ("n_iters", "chunk", "n_chunks")}
        total = sum(count for _, count in chunk_blocks(**here))
        alone = self.inputs.n_chunks == 1
        what = "Monte Carlo" if alone else f"Monte Carlo chunk {self.inputs.chunk}"
        # Bars of several processes would write over each other.
        bar = None if alone and not self.inputs.quiet else False
        saved = SavedNull.load(self.inputs.saved_file) if self.inputs.saved_file else None
        with iterations(total, what=what, bar=bar) as tell:
            null = montecarlo_chunk(
                load_plan(self.inputs.plan_file),
                **here,
                seed=self.inputs.seed,
                n_threads=self.inputs.n_threads,
                store=Store(self.inputs.store_dir) if self.inputs.store_dir else None,
                known=saved.maxima if saved is not None else None,
                progress=tell,
            )
        self._results["null_file"] = str(write_arrays(Path(runtime.cwd) / "null.npz", null))
        return runtime


class _CorrectFWEInputSpec(BaseInterfaceInputSpec):
    result_file = File(exists=True, mandatory=True, desc="uncorrected result, npz")
    corrector = traits.Dict(mandatory=True, desc="corrector as {type, args}")
    n_iters = traits.Int(mandatory=True, desc="iterations of the whole null")
    null_files = InputMultiObject(
        File(exists=True), mandatory=True, desc="chunks of the null, in order, npz"
    )
    saved_file = File(exists=True, mandatory=True, desc="key of the null and its history, npz")


class _CorrectFWEOutputSpec(TraitedSpec):
    result_file = File(exists=True, desc="result with corrected maps, npz")


class CorrectFWE(PipelineInterface):
    """Correct a result by the null that the chunks hold."""

    input_spec = _CorrectFWEInputSpec
    output_spec = _CorrectFWEOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.montecarlo import gather_null
        from nimare_pipeline.registry import get_corrector
        from nimare_pipeline.results import MetaResult
        from nimare_pipeline.saved_null import SavedNull
        from nimare_pipeline.store import read_arrays

        corrector = get_corrector(Component(**self.inputs.corrector))
        null = gather_null(map(read_arrays, self.inputs.null_files), n_iters=self.inputs.n_iters)
        saved = SavedNull.load(self.inputs.saved_file)
        result = corrector.apply(
            MetaResult.load(self.inputs.result_file),
            null,
            key=saved.key,
            extensions=saved.extensions,
        )
        self._results["result_file"] = str(result.save(Path(runtime.cwd) / "result.npz"))
        return runtime


class _CorrectInputSpec(BaseInterfaceInputSpec):
    result_file = File(exists=True, mandatory=True, desc="uncorrected result, npz")
    corrector = traits.Dict(mandatory=True, desc="corrector as {type, args}")


class Correct(PipelineInterface):
    """Correct a result by its own p-values, without a null of its own."""

    input_spec = _CorrectInputSpec
    output_spec = _CorrectFWEOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.registry import get_corrector
        from nimare_pipeline.results import MetaResult

        corrector = get_corrector(Component(**self.inputs.corrector))
        result = corrector.transform(MetaResult.load(self.inputs.result_file))
        self._results["result_file"] = str(result.save(Path(runtime.cwd) / "result.npz"))
        return runtime
