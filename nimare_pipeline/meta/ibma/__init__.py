"""Image-based meta-analysis."""

from nimare_pipeline._lazy import attach
from nimare_pipeline.registry import IMAGE_ESTIMATORS

__getattr__, __dir__ = attach(__name__, __path__, dict(IMAGE_ESTIMATORS))
