"""Neuroimaging meta-analysis: a BIDS App, and the library under it.

``import nimare_pipeline`` costs nothing; its modules are imported on first use::

    import nimare_pipeline

    dataset = nimare_pipeline.dataset.Dataset("studies.json")
    result = nimare_pipeline.meta.cbma.ale.ALE().fit(dataset)
"""

from nimare_pipeline._lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__ = attach(__name__, __path__)
