"""A Monte Carlo null that was computed before, to be extended and not repeated.

Iterations depend on their own number alone, so that the null of a longer run begins with that of
a shorter one. A key tells whether a null is of the same draws: it is the digest of the plan (the
data, the kernels, the cluster-forming threshold), the seed and the source of the numerics.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.store import key, read_arrays, write_arrays

PREFIX = "integer_"
"""Arrays of a result, and columns of its table of maxima, that hold them as they were counted."""
_HEADER = "header"


@dataclass(frozen=True)
class SavedNull:
    """Null maxima of iterations 0 to n - 1.

    Parameters
    ----------
    maxima : dict of (n,) int64 arrays
        What the plan's ``run`` gives.
    key : str
        Of the draws, see ``null_key``.
    extensions : tuple of dict
        How the null came to be so long: ``from`` and ``to`` how many iterations, and ``date``.
    """

    maxima: Mapping[str, NDArray[np.int64]]
    key: str
    extensions: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "SavedNull":
        """Take it from a result that was corrected by it.

        Parameters
        ----------
        arrays : dict of array
            ``MetaResult.arrays``, or the columns of ``*_desc-montecarlo_nulldist``.
        facts : dict
            ``MetaResult.facts``.

        Raises
        ------
        UsageError
            If there is none.
        """
        maxima = {
            name.removeprefix(PREFIX): np.asarray(values, dtype=np.int64)
            for name, values in arrays.items()
            if name.startswith(PREFIX)
        }
        known = facts.get("montecarlo") or {}
        if not maxima or not known.get("key"):
            msg = "there is no Monte Carlo null in this result that could be extended"
            raise UsageError(msg)
        return cls(maxima, known["key"], tuple(known.get("extensions", ())))

    @property
    def n_iters(self) -> int:
        """Iterations it holds."""
        return len(next(iter(self.maxima.values()), ()))

    def extended_to(self, n_iters: int, *, date: str = "") -> "SavedNull":
        """The same null, with the record of an extension that is about to be made."""
        date = date or datetime.now(UTC).isoformat(timespec="seconds")
        step = {"from": self.n_iters, "to": n_iters, "date": date}
        return SavedNull(self.maxima, self.key, (*self.extensions, step))

    def serves(self, plan: ArrayPlan, seed: int) -> bool:
        """Whether these iterations are the first of a plan.

        False where all draws there are will be gone through instead of random ones.

        Raises
        ------
        DataError
            If they are of other data, another seed or another version.
        """
        if self.key == null_key(plan, seed):
            return True
        if plan.exhaustive:
            return False
        msg = (
            f"the null of {self.n_iters} iterations cannot be extended: it was drawn from other "
            "data, with another seed, cluster-forming threshold or policy of foci outside, or by "
            "another version; run without adding iterations to compute a new one"
        )
        raise DataError(msg)

    def save(self, path: str | Path) -> Path:
        """Write it to an npz file."""
        header = json.dumps({"key": self.key, "extensions": self.extensions}).encode()
        return write_arrays(path, {_HEADER: np.frombuffer(header, np.uint8), **self.maxima})

    @classmethod
    def load(cls, path: str | Path) -> "SavedNull":
        """Read what ``save`` wrote."""
        arrays = read_arrays(path)
        header = json.loads(arrays.pop(_HEADER).tobytes().decode())
        return cls(arrays, header["key"], tuple(header["extensions"]))


def null_key(plan: ArrayPlan, seed: int) -> str:
    """Digest of all that an iteration depends on beside its number."""
    return key(what="montecarlo", plan=plan.digest, seed=seed)
