"""Monte Carlo nulls in blocks: computed here or there, once, and put together in one order.

Iterations are cut into blocks of ``defaults.MONTECARLO_BLOCK``. A block depends on the plan, the
seed and its first iteration only, so it is the same wherever and by however many threads it is
computed. Chunks are runs of whole blocks, which is why their number cannot change a byte.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline import defaults
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.numerics.array_plan import ArrayPlan, kind_of
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan, count_block, exceedance_block
from nimare_pipeline.store import Store, key

PLANS: Mapping[str, str] = {
    "MonteCarloPlan": "nimare_pipeline.numerics.montecarlo",
    "TFCEPlan": "nimare_pipeline.numerics.tfce_plan",
    "SubtractionPlan": "nimare_pipeline.numerics.subtraction",
    "SubtractionTFCEPlan": "nimare_pipeline.numerics.subtraction_tfce",
    "BalancedFociPlan": "nimare_pipeline.numerics.balanced",
    "BalancedLabelsPlan": "nimare_pipeline.numerics.balanced",
    "LabelPlan": "nimare_pipeline.numerics.chi2",
    "LabelTFCEPlan": "nimare_pipeline.numerics.chi2_tfce",
    "FociGroupsPlan": "nimare_pipeline.numerics.foci_groups",
    "TFCEGroupsPlan": "nimare_pipeline.numerics.foci_groups",
    "FlipPlan": "nimare_pipeline.numerics.sign_flips",
    "FlipTFCEPlan": "nimare_pipeline.numerics.sign_flips_tfce",
}
"""Kinds of plans and where they are, so that a node can run a plan that it reads from a file."""

Block = tuple[int, int]


def chunk_blocks(n_iters: int, *, chunk: int = 0, n_chunks: int = 1) -> tuple[Block, ...]:
    """Blocks of one chunk, as (first iteration, number of iterations).

    Parameters
    ----------
    n_iters : int
        Iterations of the whole null.
    chunk, n_chunks : int
        Which of how many chunks. With more chunks than blocks some chunks are empty.

    Raises
    ------
    UsageError
        If there is nothing to iterate or no such chunk.

    Examples
    --------
    >>> chunk_blocks(1200, chunk=1, n_chunks=2)
    ((500, 500), (1000, 200))
    """
    if n_iters < 1:
        msg = f"n_iters is {n_iters}: a Monte Carlo null needs at least 1 iteration"
        raise UsageError(msg)
    if not 0 <= chunk < n_chunks:
        msg = f"chunk {chunk} of {n_chunks}: chunks are numbered from 0 to {n_chunks - 1}"
        raise UsageError(msg)
    size = defaults.MONTECARLO_BLOCK
    firsts = range(0, n_iters, size)
    start, stop = (len(firsts) * part // n_chunks for part in (chunk, chunk + 1))
    return tuple((first, min(size, n_iters - first)) for first in firsts[start:stop])


def load_plan(path: str | Path) -> ArrayPlan:
    """Read a plan of any kind.

    Raises
    ------
    ValueError
        If the file was altered.
    """
    kind = kind_of(path)
    plan: ArrayPlan = getattr(import_module(PLANS[kind]), kind).load(path)
    return plan


def montecarlo_chunk(  # noqa: PLR0913 - where, what and by whom
    plan: ArrayPlan,
    *,
    n_iters: int,
    seed: int,
    chunk: int = 0,
    n_chunks: int = 1,
    store: Store | None = None,
    known: Mapping[str, NDArray[np.int64]] | None = None,
    n_threads: int = 1,
    progress: Callable[[int], Any] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Null maxima of the iterations of one chunk.

    Parameters
    ----------
    plan : ArrayPlan
        What an iteration draws and measures.
    n_iters, seed : int
        Iterations of the whole null, and the seed they are keyed by.
    chunk, n_chunks : int
        Which of how many chunks.
    store : Store, optional
        Where blocks are found and kept.
    known : dict of (n_known,) int64 arrays, optional
        Maxima of the first iterations, computed before by this plan and seed.
    n_threads : int
        Threads of the compiled loop.
    progress : callable, optional
        Called with the number of iterations done since the last call; iterations of blocks that
        are found count as done at once.

    Returns
    -------
    dict of str to (n_iterations of the chunk,) int64 array
        What an iteration leaves, in order of iterations: of a one-sample plan ``max_stat``,
        ``max_size``, ``max_mass``. Empty if the chunk is.

    Raises
    ------
    UsageError
        If there is nothing to iterate or no such chunk.
    """
    tell = progress or _silent
    blocks = []
    for first, count in chunk_blocks(n_iters, chunk=chunk, n_chunks=n_chunks):
        told = _Told(tell)
        compute = partial(
            _block, plan, known or {}, seed=seed, first=first, n_iters=count, n_threads=n_threads,
            progress=told,
        )  # fmt: skip
        if store is None or first + count <= _length(known or {}):
            blocks.append(compute())
        else:
            name = key(what="montecarlo", plan=plan.digest, seed=seed, first=first, n_iters=count)
            blocks.append(store.memo(name, compute))
        told.complete(count)
    return _concatenate(blocks)


def _block(
    plan: ArrayPlan,
    known: Mapping[str, NDArray[np.int64]],
    *,
    first: int,
    n_iters: int,
    **options: Any,
) -> dict[str, NDArray[np.int64]]:
    """One block, of which the iterations that are known are not computed."""
    n_known = min(max(_length(known) - first, 0), n_iters)
    begun = {name: values[first : first + n_known] for name, values in known.items()}
    if n_known == n_iters:
        return begun
    rest = plan.run(first=first + n_known, n_iters=n_iters - n_known, **options)
    return _concatenate([begun, rest]) if n_known else rest


def montecarlo_counts(
    plan: MonteCarloPlan,
    *,
    n_iters: int,
    seed: int,
    shift: int,
    n_bins: int,
    store: Store | None = None,
    n_threads: int = 1,
    progress: Callable[[int], Any] | None = None,
) -> NDArray[np.int64]:
    """Histogram of the statistic over all voxels of all iterations, for an uncorrected null.

    Parameters
    ----------
    plan, n_iters, seed, store, n_threads, progress
        As for ``montecarlo_chunk``; its draws are others.
    shift, n_bins : int
        Bin i holds values that round to ``i * 2**shift``, half up; the last also what is beyond.

    Returns
    -------
    (n_bins,) int64 array
    """
    total = np.zeros(n_bins, dtype=np.int64)
    for first, count in chunk_blocks(n_iters):
        told = _Told(progress or _silent)
        compute = partial(
            _counts, plan, seed=seed, first=first, n_iters=count, shift=shift, n_bins=n_bins,
            n_threads=n_threads, progress=told,
        )  # fmt: skip
        if store is None:
            block = compute()
        else:
            name = key(
                what="null", plan=plan.digest, seed=seed, first=first, n_iters=count,
                shift=shift, n_bins=n_bins,
            )  # fmt: skip
            block = store.memo(name, compute)
        total[block["bins"]] += block["counts"]
        told.complete(count)
    return total


def montecarlo_exceedances(
    plan: MonteCarloPlan,
    observed: NDArray[np.int64],
    *,
    n_iters: int,
    seed: int,
    store: Store | None = None,
    n_threads: int = 1,
    progress: Callable[[int], Any] | None = None,
) -> NDArray[np.int64]:
    """Iterations that reach what was observed, for each voxel, in stored blocks.

    Parameters
    ----------
    plan, n_iters, seed, store, n_threads, progress
        As for ``montecarlo_counts``, whose draws these are.
    observed : (n_voxels,) int64 array

    Returns
    -------
    (n_voxels,) int64 array
    """
    total = np.zeros(len(observed), dtype=np.int64)
    for first, count in chunk_blocks(n_iters):
        told = _Told(progress or _silent)
        compute = partial(
            _exceedances, plan, observed, seed=seed, first=first, n_iters=count,
            n_threads=n_threads, progress=told,
        )  # fmt: skip
        if store is None:
            block = compute()
        else:
            name = key(
                what="exceedances", plan=plan.digest, observed=observed, seed=seed, first=first,
                n_iters=count,
            )  # fmt: skip
            block = store.memo(name, compute)
        total += block["counts"]
        told.complete(count)
    return total


def _exceedances(
    plan: MonteCarloPlan, observed: NDArray[np.int64], **options: Any
) -> dict[str, NDArray[np.int64]]:
    return {"counts": exceedance_block(plan, observed, **options)}


def _counts(plan: MonteCarloPlan, **options: Any) -> dict[str, NDArray[np.int64]]:
    """Histogram of one block, without its empty bins: there may be millions."""
    counts = count_block(plan, **options)
    bins = np.flatnonzero(counts)
    return {"bins": bins, "counts": counts[bins]}


def gather_null(
    parts: Iterable[Mapping[str, NDArray[np.int64]]], *, n_iters: int
) -> dict[str, NDArray[np.int64]]:
    """Put the chunks of a null together, in order of chunks.

    Raises
    ------
    DataError
        If the chunks do not hold ``n_iters`` iterations.
    """
    null = _concatenate(list(parts))
    held = _length(null)
    if held != n_iters:
        msg = f"the Monte Carlo chunks hold {held} iterations, expected {n_iters}"
        raise DataError(msg)
    return null


def _concatenate(
    parts: Sequence[Mapping[str, NDArray[np.int64]]],
) -> dict[str, NDArray[np.int64]]:
    """Put blocks together, name by name; a part without iterations may have no names."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    return {name: np.concatenate([part[name] for part in parts if part]) for name in names}


def _length(maxima: Mapping[str, NDArray[np.int64]]) -> int:
    return len(next(iter(maxima.values()), ()))


def _silent(n: int) -> None:
    """Tell nobody."""


class _Told:
    """Iterations of one block told so far; a block adds up to its size, computed or found."""

    def __init__(self, tell: Callable[[int], Any]) -> None:
        self.tell, self.done = tell, 0

    def __call__(self, n: int) -> None:
        self.done += n
        self.tell(n)

    def complete(self, total: int) -> None:
        if total > self.done:
            self(total - self.done)
