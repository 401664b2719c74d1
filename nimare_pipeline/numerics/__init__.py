"""Arrays in, arrays out: kernels, nulls, Monte Carlo, clusters, random streams."""

from nimare_pipeline._lazy import attach

__getattr__, __dir__ = attach(__name__, __path__)
