"""Correction for multiple comparisons, by a Monte Carlo null in chunks or by p-values alone."""

from typing import Any

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from nimare_pipeline.interfaces.correct import Correct, CorrectFWE, MonteCarloChunk, PlanMonteCarlo
from nimare_pipeline.settings import Component


def init_montecarlo_wf(
    *,
    corrector: Component,
    store_dir: str,
    n_chunks: int = 1,
    n_threads: int = 1,
    quiet: bool = False,
    name: str = "montecarlo_wf",
) -> Any:
    """Build the correction of a result by a Monte Carlo null.

    Parameters
    ----------
    corrector : Component
        Corrector with all its parameters, the seed included.
    store_dir : str
        Folder where blocks of iterations are found and kept, and what the estimator left.
    n_chunks : int
        Nodes the iterations are spread over; never changes the result.
    n_threads : int
        Threads of each of these nodes; never changes the result.
    quiet : bool
        Draw no progress bar.
    name : str
        Name of the workflow.

    Returns
    -------
    nipype Workflow

    Inputs
    ------
    result_file
        Uncorrected result, npz.
    saved_file
        Null of an earlier run that is extended, npz; none unless it is set.

    Outputs
    -------
    result_file
        Result with corrected maps, npz.
    """
    workflow = pe.Workflow(name)
    record = {"type": corrector.type, "args": corrector.args}
    inputnode = pe.Node(
        niu.IdentityInterface(fields=["result_file", "saved_file"]), name="inputnode"
    )
    outputnode = pe.Node(niu.IdentityInterface(fields=["result_file"]), name="outputnode")
    plan = pe.Node(
        PlanMonteCarlo(corrector=record, store_dir=store_dir), name="plan_montecarlo", mem_gb=1
    )
    chunks = pe.MapNode(
        MonteCarloChunk(n_chunks=n_chunks, n_threads=n_threads, quiet=quiet, store_dir=store_dir),
        iterfield=["chunk"],
        name="montecarlo_chunks",
        n_procs=n_threads,
        mem_gb=0.5,
    )
    chunks.inputs.chunk = list(range(n_chunks))
    correct = pe.Node(CorrectFWE(corrector=record), name="correct_fwe", mem_gb=1)

    workflow.connect([
        (inputnode, plan, [("result_file", "result_file"), ("saved_file", "saved_file")]),
        (inputnode, correct, [("result_file", "result_file")]),
        (plan, chunks, [
            ("plan_file", "plan_file"),
            ("n_iters", "n_iters"),
            ("seed", "seed"),
            ("saved_file", "saved_file"),
        ]),
        (plan, correct, [("n_iters", "n_iters"), ("saved_file", "saved_file")]),
        (chunks, correct, [("null_file", "null_files")]),
        (correct, outputnode, [("result_file", "result_file")]),
    ])  # fmt: skip
    return workflow


def init_pvalue_wf(*, corrector: Component, name: str = "pvalue_wf") -> Any:
    """Build the correction of a result by its own p-values: Bonferroni, Holm, FDR.

    Parameters
    ----------
    corrector : Component
        Corrector with all its parameters.
    name : str
        Name of the workflow.

    Returns
    -------
    nipype Workflow

    Inputs
    ------
    result_file
        Uncorrected result, npz.

    Outputs
    -------
    result_file
        Result with corrected maps, npz.
    """
    workflow = pe.Workflow(name)
    record = {"type": corrector.type, "args": corrector.args}
    inputnode = pe.Node(niu.IdentityInterface(fields=["result_file"]), name="inputnode")
    outputnode = pe.Node(niu.IdentityInterface(fields=["result_file"]), name="outputnode")
    correct = pe.Node(Correct(corrector=record), name="correct", mem_gb=1)
    workflow.connect([
        (inputnode, correct, [("result_file", "result_file")]),
        (correct, outputnode, [("result_file", "result_file")]),
    ])  # fmt: skip
    return workflow
