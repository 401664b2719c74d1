"""Nipype graphs and nothing else."""

from nimare_pipeline._lazy import attach

__getattr__, __dir__ = attach(__name__, __path__)
