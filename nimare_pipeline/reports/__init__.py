"""Tables to figures to one HTML file, from the derivatives folder alone."""

from nimare_pipeline._lazy import attach

__getattr__, __dir__ = attach(__name__, __path__)
