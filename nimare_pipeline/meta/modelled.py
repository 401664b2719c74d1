"""Modelled activation of several experiments, as an estimator needs it, and its file."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy import sparse

from nimare_pipeline.numerics.activation import Activation
from nimare_pipeline.numerics.value_counts import ValueCounts

Modelled: TypeAlias = sparse.csr_array | Activation
"""Maps, one row an experiment; or what ALE needs of them, added up."""


def save(modelled: Modelled, path: str | Path) -> Path:
    """Write it for the next step of a run, unpacked: packing would take longer than it lives."""
    target = Path(path)
    if isinstance(modelled, sparse.csr_array):
        sparse.save_npz(target, modelled, compressed=False)
        return target
    counts = modelled.counts
    np.savez(
        target,
        log_sum=modelled.log_sum,
        numbers=modelled.numbers,
        shift=counts.shift,
        low=counts.low,
        high=counts.high,
        residual=counts.residual,
        largest=counts.largest,
    )
    return target


def load(path: str | Path) -> Modelled:
    """Read what :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as held:
        if "log_sum" in held:
            names = ("low", "high", "residual", "largest")
            counts = ValueCounts(int(held["shift"]), *(held[name] for name in names))
            return Activation(held["log_sum"], held["numbers"], counts)
    return sparse.csr_array(sparse.load_npz(path))
