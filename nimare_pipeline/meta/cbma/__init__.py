"""Coordinate-based meta-analysis."""

from nimare_pipeline._lazy import attach
from nimare_pipeline.registry import ESTIMATORS

__getattr__, __dir__ = attach(
    __name__,
    __path__,
    {name: module for name, module in ESTIMATORS.items() if module.startswith(f"{__name__}.")},
)
