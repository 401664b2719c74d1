"""How a statistic is counted: the whole numbers that inference compares, and what they mean."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scale:
    """Whole numbers to statistic and back.

    Parameters
    ----------
    domain : "log" or "linear"
        ``log``: the statistic is ``1 - exp(-unit * n)`` (ALE, a union of probabilities, adds up in
        the logarithm); ``linear``: it is ``unit * n`` (counts and weighted counts).
    unit : float
        What a step of 1 is worth.
    """

    domain: Literal["log", "linear"]
    unit: float

    def statistic(self, n: Any) -> NDArray[np.float64]:
        """Statistic of whole numbers."""
        x = self.mass(n)
        return -np.expm1(-x) if self.domain == "log" else x

    def number(self, statistic: float) -> float:
        """Number, not rounded, of a statistic; infinite for an ALE of 1."""
        if self.domain == "linear":
            return statistic / self.unit
        return float(-np.log1p(-statistic) / self.unit) if statistic < 1 else float("inf")

    def mass(self, n: Any) -> NDArray[np.float64]:
        """Mass, which adds up: the statistic itself, or -log(1 - statistic)."""
        return np.asarray(n, dtype=float) * self.unit

    def fact(self) -> dict[str, Any]:
        """Record for ``MetaResult.facts``; ``Scale(**fact)`` undoes it."""
        return asdict(self)
