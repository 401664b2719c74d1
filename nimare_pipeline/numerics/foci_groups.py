"""Foci of several groups redrawn apart: a plan of one-sample plans, one a group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.numerics.array_plan import ArrayPlan
from nimare_pipeline.numerics.montecarlo import MonteCarloPlan
from nimare_pipeline.numerics.tfce_plan import TFCEPlan

_SEED_STEP = np.uint64(0x9E3779B97F4A7C15)
"""Added to the seed for each further group, so that the groups' draws have nothing in common."""


@dataclass(frozen=True)
class FociGroupsPlan(ArrayPlan):
    """Plans of two groups as one.

    Parameters
    ----------
    packed : (n_bytes,) uint8 array
        The arrays of both plans, as ``MonteCarloPlan.pack`` writes them.
    """

    kind: ClassVar[type[MonteCarloPlan]] = MonteCarloPlan

    packed: NDArray[np.uint8]
    start: NDArray[np.int64]

    @classmethod
    def of(cls, plans: Sequence[MonteCarloPlan]) -> Self:
        """Put the plans of the groups together, the first group first."""
        parts = [plan.pack() for plan in plans]
        start = np.cumsum([0, *(len(part) for part in parts)]).astype(np.int64)
        return cls(np.concatenate(parts), start)

    def plans(self) -> list[MonteCarloPlan]:
        """Take the plans of the groups apart."""
        spans = zip(self.start[:-1], self.start[1:], strict=True)
        return [self.kind.unpack(self.packed[begin:end]) for begin, end in spans]

    def run(
        self, *, seed: int, progress: Callable[[int], None] | None = None, **options: Any
    ) -> dict[str, NDArray[np.int64]]:
        """Null maxima of each group: ``group1_max_stat``, ``group1_max_size`` and so on."""
        found: dict[str, NDArray[np.int64]] = {}
        plans = self.plans()
        for number, plan in enumerate(plans, start=1):
            own = int(np.uint64(seed) + np.uint64(number - 1) * _SEED_STEP)
            told = progress if number == len(plans) else None
            null = plan.run(seed=own, progress=told, **options)
            found |= {f"group{number}_{name}": values for name, values in null.items()}
        return found


@dataclass(frozen=True)
class TFCEGroupsPlan(FociGroupsPlan):
    """Plans of two groups whose statistic is enhanced, too; see ``FociGroupsPlan``."""

    kind: ClassVar[type[MonteCarloPlan]] = TFCEPlan
